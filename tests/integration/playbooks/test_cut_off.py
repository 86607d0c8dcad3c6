# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over SSH: controllers that are killed, hosts that a change cuts off, and two controllers at once."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.sshd import MACS, NODES, Site, kill, reachable

GUARD = "/run/weft-fabric.guard"
CHANGED = "this host has changed since its plan was shown: look at the new plan, and run again"
NEW_MAC = "02:00:00:00:00:99"
POD = {"name": "pod9", "address": "10.50.0.9"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two nodes that stand."""
    with reachable(tmp_path_factory.mktemp("ssh"), "cutoff") as made:
        done = made.run("ansible-playbook", "-i", made.file(), "weft.fabric.site")
        assert done.returncode == 0 and "0 fail" in done.stdout, done.stdout + done.stderr
        yield made


def test_a_controller_that_is_killed_before_the_confirmation(site: Site) -> None:
    """With its connections. Each host goes back by itself, and is as before."""
    before = {host: site.fabric.state(host) for host in NODES}
    changed = site.file("changed", alpha=[POD], beta=[{"name": "pod8", "address": "10.50.1.8"}])
    controller = site.start("ansible-playbook", "-i", changed, "weft.fabric.site", "-e", "site_confirm=15")
    kernel.eventually(lambda: all(site.exists(host, GUARD) for host in NODES), 120)
    kernel.eventually(lambda: all(not site.exists(host, "/etc/weft/pending") for host in NODES), 120)
    kill(controller)
    for host in NODES:
        assert not site.status(host)["confirmed"]
        assert site.fabric.state(host) != before[host], "the change is there"
    for host in NODES:
        kernel.eventually(lambda host=host: site.is_settled(host), 120)
        assert site.fabric.state(host) ^ before[host] == set()
    again = site.run("ansible-playbook", "-i", site.file(), "weft.fabric.site", "--skip-tags", "verify")
    assert again.returncode == 0 and not re.search("changed=[1-9]", again.stdout), again.stdout


@pytest.mark.parametrize("killed", [False, True])
def test_a_change_that_the_switch_does_not_take(site: Site, killed: bool) -> None:
    """The plan sees nothing wrong with another MAC address. But the switch drops what comes from it.

    The same with a VLAN that the switch drops is in persist/test_wayback.py, for a kernel that has VLANs.
    """
    before = site.fabric.state("alpha")
    rule = f"add rule bridge security c ether saddr {NEW_MAC} drop"
    hook = "add table bridge security; add chain bridge security c { type filter hook prerouting priority 0; }; "
    site.fabric.node("switches", "nft", hook + rule)
    document = {**nic_with(NEW_MAC), "afterwards": nic_with(MACS["alpha"])}
    arguments = json.dumps({"documents": {"underlay": document}, "confirm": 15})
    try:
        ansible = ["ansible", "-i", site.file(), "alpha", "-m", "weft.fabric.host", "-a", arguments]
        with_controller = site.start(*ansible)
        kernel.eventually(lambda: is_cut_off(site, with_controller), 120)
        if killed:
            kill(with_controller)
        kernel.eventually(lambda: site.reaches("alpha"), 120)
        kernel.eventually(lambda: site.is_settled("alpha"), 120)
        assert site.fabric.state("alpha") ^ before == set()
        if not killed:
            with_controller.communicate()
    finally:
        site.fabric.node("switches", "nft", "delete table bridge security")
    proof = site.run("ansible-playbook", "-i", site.file(), "weft.fabric.verify")
    assert proof.returncode == 0 and "0 fail" in proof.stdout, proof.stdout


def is_cut_off(site: Site, controller: subprocess.Popen[str]) -> bool:
    assert controller.poll() is None, controller.communicate()[0]
    return NEW_MAC in site.fabric.node("alpha", "ip", "link", "show", "nic0") and not site.reaches("alpha")


def nic_with(mac: str) -> Any:
    """A document by which the NIC of a node has a MAC address."""
    return {"topology": {"namespaces": {"": {"links": [{"name": "nic0", "mac_address": mac}]}}}}


def test_two_controllers_at_once(site: Site) -> None:
    """One waits for the other, or is refused in one line; the host has what one of them wants, and no mixture."""
    pods: dict[str, Any] = {"first": POD, "second": {"name": "pod8", "address": "10.50.0.8"}}
    files = {name: site.file(name, alpha=[pod]) for name, pod in pods.items()}
    words = ("weft.fabric.site", "--skip-tags", "verify")
    running = [site.start("ansible-playbook", "-i", file, *words) for file in files.values()]
    texts = [process.communicate()[0] for process in running]
    codes = [process.returncode for process in running]
    assert 0 in codes, texts
    for code, text in zip(codes, texts):
        if code:
            assert CHANGED in text and "Traceback" not in text, text
    found = {line.split()[0] for line in site.fabric.node("alpha", "ip", "netns", "list").splitlines()}
    assert found in ({"pod0", "pod9"}, {"pod0", "pod8"})
    status = site.status("alpha")
    assert (status["drift"], status["orphans"], status["confirmed"]) == ([], [], True)
    assert site.run("ansible-playbook", "-i", site.file(), "weft.fabric.site").returncode == 0
