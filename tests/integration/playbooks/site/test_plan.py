# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All hosts are planned before one is changed, and each is called once for its plan, its change and its proof."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import (
    HOSTS,
    NODES,
    Fabric,
    Run,
    article,
    host_vars,
)

POD = {"name": "pod9", "address": "172.2.0.9"}
WIRE = "nft 'add table inet wire; add chain inet wire c { type filter hook input priority 0; }; "
CUT = (WIRE + "add rule inet wire c udp dport 4789 drop'", "nft delete table inet wire")


@pytest.fixture
def fabric(shared: Fabric) -> Iterator[Fabric]:
    """The fabric that stands, and that stands as before after a test."""
    yield shared
    shared.inventory = article("shared")
    shared.ok("site", "--skip-tags", "verify")


def with_pod(**more: dict[str, Any]) -> Any:
    """The inventory with another pod on network-1, and other variables of hosts."""
    inventory = article("shared")
    host_vars(inventory, "network-1")["pods_pods"].append(POD)
    for host, variables in more.items():
        host_vars(inventory, host.replace("_", "-")).update(variables)
    return inventory


def calls(run: Run) -> Counter[str]:
    """By module, how many times it was sent to a host."""
    return Counter(re.findall(r"Using module file \S*/(\w+)\.py", run.text))


def generations(fabric: Fabric) -> dict[str, Any]:
    """By host, what it says of its generation."""
    differs = "weft-fabric status --json || [ $? = 2 ]"
    return {host: json.loads(fabric.node(host, "sh", "-c", differs)) for host in HOSTS}


def test_an_unchanged_host_takes_two_calls(fabric: Fabric) -> None:
    """The plan and the proof; a router has no pods, and takes part in no proof."""
    run = fabric.ok("site", "-vvv")
    assert calls(run) == {"host": len(HOSTS), "reachability": len(NODES)}


def test_a_change_takes_one_more_call_on_the_hosts_that_differ(fabric: Fabric) -> None:
    fabric.inventory = with_pod()
    run = fabric.ok("site", "-vvv", "--skip-tags", "verify")
    assert calls(run) == {"host": len(HOSTS) + 1}
    assert run.changed == {"network-1": 1}
    assert "network-1: +9 ~0 -0\n" in run.text and "Plan: 1 of 3 hosts change, +9 ~0 -0\n" in run.text


def test_one_refusal_keeps_all_hosts_as_they_are(fabric: Fabric) -> None:
    wrong = {"number": 1, "address": "192.168.2.99", "dev": "enp1s0"}
    fabric.inventory = with_pod(network_2={"overlay_node": wrong})
    with fabric.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        run = fabric.play("site")
    assert (run.rc, monitor.changes) == (2, [])
    assert "Refused by 1 of 3 hosts, so no host is changed:\n" in run.text
    assert re.search(
        r"^network-2: 192\.168\.2\.99 is not on enp1s0, which has 192\.168\.2\.142/24", run.text, re.MULTILINE
    )
    assert {host: recap["failed"] for host, recap in run.hosts.items()} == {
        "network-1": 0, "network-2": 1, "router": 0,
    }  # fmt: skip


MEANWHILE = """
- ansible.builtin.import_playbook: weft.fabric.plan
- hosts: network-1
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.command: ip link set vxlan0 mtu 1400
- hosts: nodes
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.import_role: {name: weft.fabric.common, tasks_from: apply}
"""


def test_a_host_that_changes_after_its_plan_refuses_and_shows_the_new_one(fabric: Fabric) -> None:
    fabric.inventory = with_pod()
    playbook = fabric.home / "meanwhile.yml"
    playbook.write_text(MEANWHILE, encoding="utf-8")
    run = Run(cli.run(fabric.home, "ansible-playbook", "-i", str(fabric.file), str(playbook)))
    assert (run.rc, run.hosts["network-1"]["failed"]) == (2, 1), run.text
    assert "this host has changed since its plan was shown: look at the new plan, and run again" in run.text
    assert "\nnetwork-1:\n" in run.text and "\n~ link vxlan0 mtu 1450 (was 1400)\n" in run.text
    assert run.text.count("vxlan0 mtu 1450") == 1, "it is no part of the plan that was shown"
    assert "pod9" not in fabric.node("network-1", "ip", "netns", "list")


def test_a_host_that_cannot_be_reached_does_not_refuse(fabric: Fabric) -> None:
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    fabric.inventory = with_pod(router=away)
    run = fabric.play("site")
    assert (run.rc, run.changed) == (4, {"network-1": 1}), run.text
    assert "Plan: 1 of 2 hosts change" in run.text
    assert "0 fail" in run.text


def test_the_tag_of_a_role_selects_its_document(fabric: Fabric) -> None:
    inventory = with_pod()
    inventory["all"]["vars"]["overlay_resync"] = 90
    fabric.inventory = inventory
    fabric.ok("site", "--tags", "overlay")
    assert "pod9" not in fabric.node("network-1", "ip", "netns", "list")
    assert fabric.node("network-1", "ip", "netns", "list").split()[0] == "pod1", "other documents stay"
    fabric.ok("site", "--tags", "pods")
    assert "pod9" in fabric.node("network-1", "ip", "netns", "list")


def test_the_tag_of_a_role_cannot_be_skipped(fabric: Fabric) -> None:
    run = fabric.play("site", "--skip-tags", "pods")
    assert run.rc == 2
    assert "--skip-tags: 'pods' is refused: " in run.text


def test_a_change_is_confirmed_after_its_proof(fabric: Fabric) -> None:
    fabric.inventory = with_pod()
    run = fabric.ok("site", "-e", "site_confirm=120")
    assert "0 fail" in run.text
    assert {host: found["confirmed"] for host, found in generations(fabric).items()} == dict.fromkeys(HOSTS, True)


def test_all_hosts_go_back_if_the_proof_fails(fabric: Fabric) -> None:
    """By themselves, the router too, and each is as it was."""
    before = {host: fabric.state(host) for host in HOSTS}
    inventory = with_pod()
    host_vars(inventory, "network-2")["pods_pods"].append({"name": "pod8", "address": "172.2.1.8"})
    host_vars(inventory, "router")["masquerade_rules"].append({"source": "10.8.0.0/16", "out_interface": "enp1s0"})
    fabric.inventory = inventory
    broken, mended = CUT
    fabric.node("network-2", "sh", "-c", broken)
    try:
        run = fabric.play("site", "-e", "site_confirm=20")
    finally:
        fabric.node("network-2", "sh", "-c", mended)
    assert run.rc == 2 and run.changed == dict.fromkeys(HOSTS, 1), run.text
    assert "FAILED: encapsulation" in run.text
    kernel.eventually(lambda: all(one["confirmed"] for one in generations(fabric).values()), 120)
    for host in HOSTS:
        assert fabric.state(host) ^ before[host] == set()


def test_a_teardown_is_confirmed_too(fabric: Fabric) -> None:
    """Otherwise everything would come back by itself."""
    run = fabric.ok("teardown", "-e", "site_confirm=100")
    assert run.changed == dict.fromkeys(HOSTS, 2)
    for host in HOSTS:
        assert fabric.node(host, "sh", "-c", "ls -d /run/weft* /etc/weft /usr/local/sbin/weft-fabric 2>&1; true").count(
            "No such file or directory"
        ) == 3  # fmt: skip
