# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else manages a host: networkd, udev, NetworkManager, dhcpcd, systemd and firewalls."""

from __future__ import annotations

import copy
import os
import pathlib
import shutil
import subprocess

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import install
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    DOCUMENT,
    FORWARD,
    generation_of,
    store,
)


def test_network_managers_are_told(stored):
    network = pathlib.Path("/etc/systemd/network/10-weft-pods.network").read_text()
    assert "[Match]\nName=br0 veth0 vxlan0\n\n[Link]\nUnmanaged=yes\n" in network
    link = pathlib.Path("/etc/systemd/network/10-weft-pods.link").read_text()
    assert "[Match]\nOriginalName=br0 veth0 vxlan0\n\n[Link]\nMACAddressPolicy=none\n" in link
    manager = pathlib.Path("/etc/NetworkManager/conf.d/10-weft-pods.conf").read_text()
    assert "unmanaged-devices+=interface-name:br0;interface-name:veth0;interface-name:vxlan0\n" in manager
    networkd = pathlib.Path("/etc/systemd/networkd.conf.d/10-weft-fabric.conf").read_text()
    assert "ManageForeignRoutes=no\n" in networkd
    document = copy.deepcopy(DOCUMENT)
    document["topology"]["namespaces"][""] = {"links": [{"name": "br1", "kind": "bridge"}, {"name": "enp1s0"}]}
    store(pods=document)
    assert "Name=br1\n" in pathlib.Path("/etc/systemd/network/10-weft-pods.network").read_text()


def test_no_manager_no_files():
    shutil.rmtree("/etc/NetworkManager")
    shutil.rmtree("/etc/systemd")
    store(pods=DOCUMENT)
    assert not os.path.exists("/etc/NetworkManager") and not os.path.exists("/etc/systemd")


def test_dhcpcd_is_named(run_module):
    """It takes every interface that it is not told to leave: a line says so before ours are made, until it is told."""
    route = {"topology": {"namespaces": {"": {"routes": [{"dst": "10.8.0.0/16", "dev": "lo"}]}}}}

    def warnings(document):
        done = run_module("host", check=True, documents={"pods": document})
        return [warning["event"]["msg"] for warning in done.get("warnings", [])]

    assert warnings(DOCUMENT) == []
    kernel.run("mount", "-t", "tmpfs", "tmpfs", "/var/lib/dhcpcd")
    kernel.run("dhcpcd", "--background")
    try:
        (told,) = warnings(DOCUMENT)
        assert (
            ": dhcpcd runs and configures " in told and "'denyinterfaces br0 veth0 vxlan0' in /etc/dhcpcd.conf" in told
        )
        with open("/etc/dhcpcd.conf", "a", encoding="utf-8") as configuration:
            configuration.write("denyinterfaces veth* br0\n")
        (told,) = warnings(DOCUMENT)
        assert "'denyinterfaces vxlan0'" in told
        assert warnings(route) == []
    finally:
        kernel.run("dhcpcd", "--exit")
        kernel.run("umount", "/var/lib/dhcpcd")
    assert warnings(DOCUMENT) == []


def test_systemd_takes_the_units(tmp_path):
    """The units as systemd's own reader sees them. What systemd does with them is tested where it runs: in a VM."""
    with_timer = generation_of(overlay={"resync": 90}).documents
    wanted = {change.path: change.after for change in install.plan([with_timer], systemd=True)}
    names = ["weft-fabric.service", "weft-fabric-resync.service", "weft-fabric.timer"]
    for name in names:
        text = wanted[f"/etc/systemd/system/{name}"].data.decode()
        (tmp_path / name).write_text(text.replace(COMMAND, "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in names)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert wanted["/etc/systemd/system/multi-user.target.wants/weft-fabric.service"].kind == "link"
    without = {change.path for change in install.plan([generation_of(overlay={}).documents], systemd=True)}
    assert "/etc/systemd/system/weft-fabric.service" in without
    assert not any("timer" in path for path in without)


def test_units_stop_one_by_one_and_what_starts_the_others_first(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd cancels the job that stops a unit, and systemctl fails, when the timer starts that unit meanwhile."""
    asked = tmp_path / "asked"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$*" >>{asked}\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    install.apply([generation_of(overlay={"resync": 90}).documents], systemd=True)
    asked.unlink()
    install.apply([], systemd=True)
    assert asked.read_text().splitlines() == [
        "stop weft-fabric.timer",
        "stop weft-fabric-resync.service",
        "stop weft-fabric.service",
        "daemon-reload",
    ]


@pytest.mark.parametrize(
    "chain, definition, stops",
    [
        ("ip filter FORWARD", "{ type filter hook forward priority 0; policy drop; }", True),
        ("inet own forwarded", "{ type filter hook forward priority 5; policy drop; }", True),
        ("inet firewalld filter_FORWARD", "{ type filter hook forward priority 10; policy accept; }", True),
        ("ip filter FORWARD", "{ type filter hook forward priority 0; policy accept; }", False),
        ("ip filter INPUT", "{ type filter hook input priority 0; policy drop; }", False),
        ("ip filter jumped", "", False),
    ],
)
def test_a_firewall_that_stops_what_is_forwarded_is_named(chain: str, definition: str, stops: bool, run_module) -> None:
    kernel.run("nft", f"add table {chain.rpartition(' ')[0]}; add chain {chain} {definition}")
    for check in (True, False, True, False):  # at each plan, until somebody has mended it
        result = run_module("host", check=check, strict=check, documents={"pods": {"sysctl": {FORWARD: 1}}})
        warnings = [warning["event"]["msg"] for warning in result.get("warnings", ())]
        assert bool(warnings) == stops
        for warning in warnings:
            assert warning.startswith(f"{os.uname().nodename}: the chain {chain} drops") and "\n" not in warning
