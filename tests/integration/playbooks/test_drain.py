# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes are taken out of a fabric: alive, dead, or no longer in the inventory. The others' traffic goes on."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.nodes import vtep_mac
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import (
    NODES,
    Fabric,
    Run,
    article,
    standing,
)

THIRD = "network-3"
AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
MAC = vtep_mac(10, THIRD)
REMOVED = {
    f"- fdb vxlan0 {MAC} dst 192.168.2.143",
    f"- neighbour vxlan0 172.2.7.0 lladdr {MAC}",
    "- route 172.2.7.0/24 via 172.2.7.0 dev vxlan0 onlink",
}


def with_third(**more: Any) -> Any:
    """The article's inventory with a third node, and other variables of that node."""
    inventory = article("drain")
    inventory["all"]["children"]["nodes"]["hosts"][THIRD] = {
        "lab_interfaces": [{"name": "enp1s0", "switch": "lan2", "addresses": ["192.168.2.143/24"]}],
        "overlay_node": {"number": 7, "address": "192.168.2.143", "dev": "enp1s0"},
        "mgmt_routing_routes": [
            {"dst": "192.168.1.0/24", "via": "192.168.2.216", "dev": "enp1s0", "src": "192.168.2.143"}
        ],
        "pods_pods": [{"name": "pod3", "address": "172.2.7.2"}],
        **more,
    }
    return inventory


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    with standing(tmp_path_factory.mktemp("drain"), with_third()) as fabric:
        try:
            yield fabric
        finally:
            fabric.inventory = with_third()


@pytest.fixture
def fabric(stands: Fabric) -> Fabric:
    """All three nodes, as site makes them."""
    stands.inventory = with_third()
    stands.ok("site", "--skip-tags", "verify")
    return stands


@contextlib.contextmanager
def without_loss(fabric: Fabric) -> Iterator[None]:
    """A pod of one node that stays pings one of the other every 20 ms, and all are answered."""
    command = [*lab.enter(fabric.lab, "network-1"), "ip", "netns", "exec", "pod1", "ping", "-qni0.02", "172.2.1.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ping:
        try:
            yield
        finally:
            ping.send_signal(signal.SIGINT)
            said = ping.communicate()[0]
    assert re.search(r" 0% packet loss", said), said


def shown(run: Run) -> list[str]:
    """The lines at the end of a run."""
    return re.findall(r"^(network-3: it .*|Not in this .*|Delete .*|There is .*)$", run.text, re.MULTILINE)


def rest(fabric: Fabric, host: str) -> str:
    """What is left of the fabric on a host."""
    asked = "ip -br link; ip route show proto 119; ip route show proto 120; ip netns list; ls /etc/weft /usr/local/sbin"
    return fabric.node(host, "sh", "-c", f"({asked}) 2>&1; true")


def test_a_node_that_is_alive(fabric: Fabric) -> None:
    with without_loss(fabric):
        planned = fabric.ok("drain", "--check", "-e", f"drain_nodes={THIRD}")
        assert planned.plan >= REMOVED
        run = fabric.ok("drain", "-e", f"drain_nodes={THIRD}", "-e", "site_confirm=120")
    assert run.changed == {"network-1": 2, "network-2": 2, THIRD: 2}, run.text
    assert shown(run) == [f"{THIRD}: it is drained", f"Delete from the inventory: {THIRD}"]
    assert "14 of 14 pairs hold, 0 fail" in run.text, "the proof is one of those that stay"
    left = rest(fabric, THIRD)
    assert not [word for word in ("vxlan0", "br0", "pod3", "weft-fabric", "proto") if word in left], left
    for host in NODES:
        assert MAC not in fabric.node(host, "bridge", "fdb")
    fabric.inventory = article("drain")
    assert fabric.ok("site", "--check").changed == {}


def test_a_node_that_is_dead(fabric: Fabric) -> None:
    fabric.inventory = with_third(**AWAY)
    with without_loss(fabric):
        run = fabric.play("drain", "-e", f"drain_nodes={THIRD}", "-e", "site_batch=1")
    assert (run.rc, run.changed) == (4, {"network-1": 1, "network-2": 1}), run.text
    assert run.plan >= REMOVED
    assert shown(run)[0].startswith(f"{THIRD}: it cannot be reached, and keeps what it has; ")
    assert shown(run)[-1] == f"Delete from the inventory: {THIRD}"


def test_a_node_that_is_in_no_inventory_any_more(fabric: Fabric) -> None:
    fabric.inventory = article("drain")
    said = fabric.play("status").text
    assert f"{THIRD} is not in the inventory, and " in said
    run = fabric.ok("drain", "-e", f"drain_nodes={THIRD}")
    assert run.plan >= REMOVED and {line[0] for line in run.plan} == {"-"}
    assert run.changed == {"network-1": 1, "network-2": 1}
    assert shown(run)[-1] == "There is nothing to delete from the inventory"
    assert THIRD not in fabric.ok("status").text


def test_a_name_that_nobody_knows(stands: Fabric) -> None:
    stands.inventory = with_third()
    run = stands.play("drain", "-e", "drain_nodes=netwrok-3")
    assert (run.rc, run.changed) == (2, {})
    assert "drain_nodes: netwrok-3: neither the inventory nor a host of this run knows such a node" in run.text
    run = stands.play("drain")
    assert run.rc == 2 and "drain_nodes: '' is refused: name the nodes: -e drain_nodes=NAME,NAME\n" in run.text


def test_a_proof_that_fails_keeps_the_node_as_it_is(fabric: Fabric) -> None:
    before = rest(fabric, THIRD)
    fabric.node("network-2", "nft", "add table inet wire; add chain inet wire c { type filter hook input priority 0; }")
    fabric.node("network-2", "nft", "add rule inet wire c udp dport 4789 drop")
    try:
        run = fabric.play("drain", "-e", f"drain_nodes={THIRD}")
    finally:
        fabric.node("network-2", "nft", "delete table inet wire")
    assert run.rc == 2 and rest(fabric, THIRD) == before, run.text
    assert shown(run) == [
        f"{THIRD}: it stays as it is: the proof has failed",
        "Delete nothing from the inventory yet: find the cause, and run this playbook again",
    ]


def test_within_a_limit(fabric: Fabric) -> None:
    run = fabric.ok("drain", "-e", f"drain_nodes={THIRD}", "--limit", "network-1", "--skip-tags", "verify")
    assert run.changed == {"network-1": 1}
    assert shown(run)[:2] == [
        f"{THIRD}: it is not in this run, and stays as it is",
        "Not in this run, so they may still have entries of it: router, network-2",
    ]


def test_a_node_that_has_left_the_group_of_nodes(fabric: Fabric) -> None:
    inventory = with_third()
    children = inventory["all"]["children"]
    children["spare"] = {"hosts": {THIRD: children["nodes"]["hosts"].pop(THIRD)}}
    fabric.inventory = inventory
    run = fabric.ok("drain", "-e", f"drain_nodes={THIRD}", "--skip-tags", "verify")
    assert run.changed == {"network-1": 1, "network-2": 1, THIRD: 1}
    assert "vxlan0" not in rest(fabric, THIRD)
