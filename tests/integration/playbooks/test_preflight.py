# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that nobody has touched yet: what they lack is found, and installed on request."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pyroute2
import pytest

from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import (
    HOSTS,
    Fabric,
    Run,
    article,
    host_vars,
    standing,
)

AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
DROP = "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"

# In place of apt and dnf: a module that lets the interpreter without libraries find the tests' own.
INSTALLER = """
import pathlib
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"name": {"type": "list"}, "state": {}})
where = pathlib.Path(%r)
fails = module.params["name"] != ["python3-pyroute2"]
if not fails:
    where.write_text(%r)
module.exit_json(changed=True, failed=fails, msg=f"no package {module.params['name']}")
"""


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    with standing(tmp_path_factory.mktemp("preflight"), article("preflight")) as fabric:
        yield fabric


@pytest.fixture
def fabric(untouched: Fabric) -> Iterator[Fabric]:
    yield untouched
    untouched.inventory = article("preflight")


@pytest.fixture(scope="module")
def bare(untouched: Fabric) -> pathlib.Path:
    """An interpreter that has no libraries."""
    place = untouched.home / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    return place


def with_variables(**hosts: Any) -> Any:
    inventory = article("preflight")
    for host, variables in hosts.items():
        host_vars(inventory, host.replace("_", "-")).update(variables)
    return inventory


def findings(run: Run) -> list[str]:
    """The lines below the table, without what is said of all hosts of a lab."""
    below = run.text.partition("Show what was found")[2].partition("\n\n")[2].partition("\n\n")[2]
    return [line for line in below.partition("\nPreflight: ")[0].splitlines() if ": services: " not in line]


def test_hosts_that_are_ready(fabric: Fabric) -> None:
    before = {host: fabric.snapshot(host) for host in HOSTS}
    run = fabric.ok("preflight")
    assert (findings(run), run.changed) == ([], {})
    assert (
        "router, network-1, network-2: warning: services: the service is left out, since systemd does not" in run.text
    )
    assert "\nPreflight: 3 of 3 hosts ready, 0 refused\n" in run.text
    assert {host: fabric.snapshot(host) for host in HOSTS} == before


def test_everything_that_is_wrong_is_found_at_once(fabric: Fabric, bare: pathlib.Path) -> None:
    fabric.inventory = with_variables(
        network_1={"ansible_python_interpreter": str(bare / "bin" / "python")}, router=AWAY
    )
    fabric.node("network-2", "nft", DROP)
    fabric.node("network-2", "mount", "-o", "remount,ro", "/usr/local")
    try:
        run = fabric.play("preflight")
    finally:
        fabric.node("network-2", "mount", "-o", "remount,rw", "/usr/local")
        fabric.node("network-2", "nft", "delete table ip filter")
    assert run.rc == 4 and {host: recap["failed"] for host, recap in run.hosts.items()} == {
        "network-1": 1, "network-2": 1, "router": 0,
    }, run.text  # fmt: skip
    lacks, writes, drops = findings(run)
    assert lacks.startswith(f"network-1: refused: software: pyroute2 cannot be imported by {bare}/bin/python")
    assert lacks.endswith("'pip install pyroute2' for that interpreter")
    assert writes.startswith("network-2: refused: files: cannot write /usr/local/lib: Read-only file system (EROFS); ")
    assert drops.startswith("network-2: warning: firewall: the chain ip filter FORWARD drops forwarded packets that it")
    assert "\nPreflight: 0 of 3 hosts ready, 2 refused, 1 not reached\n" in run.text


def test_what_is_missing_is_installed(fabric: Fabric, bare: pathlib.Path) -> None:
    (site,) = bare.glob("lib/python3*/site-packages")
    library = fabric.home / "library"
    library.mkdir()
    installed = site / "installed.pth"
    text = INSTALLER % (str(installed), str(pathlib.Path(pyroute2.__file__).parents[1]))
    (library / "installer.py").write_text(text, encoding="utf-8")
    variables = {"ansible_python_interpreter": str(bare / "bin" / "python"), "ansible_package_use": "installer"}
    fabric.inventory = with_variables(network_1=variables)
    command = ("ansible-playbook", "-i", str(fabric.file), "weft.fabric.preflight", "-e", "preflight_install=true")
    run = Run(cli.run(fabric.home, *command, ANSIBLE_LIBRARY=str(library)))
    installed.unlink()
    assert (run.rc, run.changed, findings(run)) == (0, {"network-1": 1}, []), run.text


def test_a_host_on_which_no_module_runs(fabric: Fabric) -> None:
    fabric.inventory = with_variables(network_2={"ansible_python_interpreter": "/bin/false"})
    run = fabric.play("preflight")
    assert run.rc == 2 and "Traceback" not in run.text, run.text
    (line,) = findings(run)
    assert line.startswith("network-2: refused: connection: no module can run here (")
    assert line.endswith("(--ask-become-pass asks for a password)")


def test_what_the_plan_refuses(fabric: Fabric) -> None:
    """Foreign objects, and facts that two hosts have."""
    fabric.node("network-1", "ip", "link", "add", "br0", "type", "bridge")
    mac = "02:00:00:00:00:99"
    before = {}
    for host in ("network-1", "network-2"):
        before[host] = fabric.node(host, "cat", "/sys/class/net/enp1s0/address").strip()
        fabric.node(host, "ip", "link", "set", "enp1s0", "address", mac)
    try:
        run = fabric.play("preflight")
        fabric.node("network-1", "ip", "link", "delete", "br0")
        planned = fabric.play("plan")
    finally:
        for host, address in before.items():
            fabric.node(host, "ip", "link", "set", "enp1s0", "address", address)
    foreign, same = findings(run)
    assert foreign.startswith("network-1: refused: plan: link br0 exists and is not ours (a bridge)")
    assert same.startswith(f"network-2: refused: identity: enp1s0 has the MAC address {mac} of network-1's enp1s0 (")
    assert (run.rc, planned.rc) == (2, 2)
    assert "\nRefused by 1 of 3 hosts, so no host is changed:\n" in planned.text
    assert f"\nnetwork-2: {same.partition('identity: ')[2]}\n" in planned.text
