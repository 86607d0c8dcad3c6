# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose inventory changes: pods and nodes that come and go, masquerading on request."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.nodes import vtep_mac
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import (
    NODES,
    Fabric,
    article,
    host_vars,
    standing,
)


@pytest.fixture
def fabric(shared: Fabric) -> Iterator[Fabric]:
    """The fabric that stands; a test may change its inventory, and takes back what it makes of that."""
    yield shared
    shared.inventory = article("shared")


def test_pods_come_and_go(fabric: Fabric) -> None:
    inventory = article("shared")
    pods = host_vars(inventory, "network-1")["pods_pods"]
    pods.append({"name": "pod3", "address": "172.2.0.3"})
    inventory["all"]["vars"]["pods_masquerade"] = True
    fabric.inventory = inventory
    done = fabric.ok("site", "--diff")
    assert set(done.changed) == set(NODES)
    assert "22 of 22 pairs hold, 0 fail" in done.text, "pods are not masqueraded from each other"
    assert "masquerade" in fabric.node("network-1", "nft", "list", "table", "inet", "weft_pods")
    pid = fabric.node("network-1", "ip", "netns", "pids", "pod1")

    del pods[-1]
    inventory["all"]["vars"]["pods_masquerade"] = False
    fabric.inventory = inventory
    done = fabric.ok("site")
    assert "14 of 14 pairs hold, 0 fail" in done.text
    assert fabric.node("network-1", "ip", "netns", "list").split()[0] == "pod1"
    assert "pod3" not in fabric.node("network-1", "ip", "netns", "list")
    assert "weft_pods" not in fabric.node("network-1", "nft", "list", "tables")
    assert fabric.node("network-1", "ip", "netns", "pids", "pod1") == pid, "the other pod went on"
    assert fabric.ok("site").changed == {}


def test_what_leaves_the_overlay_is_masqueraded_on_request(fabric: Fabric) -> None:
    inventory = article("shared")
    inventory["all"]["vars"]["pods_masquerade"] = True
    fabric.inventory = inventory
    fabric.ok("site", "--skip-tags", "verify")
    routers = {"network-1": "192.168.1.213", "network-2": "192.168.2.216"}
    fabric.node("router", "ip", "address", "add", "203.0.113.1/32", "dev", "lo")
    for node, router in routers.items():
        fabric.node(node, "ip", "route", "add", "203.0.113.0/24", "via", router)
    try:
        said = fabric.node("network-1", "ip", "netns", "exec", "pod1", "ping", "-c1", "-W2", "203.0.113.1")
    finally:
        fabric.node("router", "ip", "address", "delete", "203.0.113.1/32", "dev", "lo")
        for node in routers:
            fabric.node(node, "ip", "route", "delete", "203.0.113.0/24")
    assert "ttl=63" in said, "the router has no route to a pod, but one to the pod's node"
    fabric.inventory = article("shared")
    fabric.ok("site", "--tags", "pods")


def test_a_third_node_moves_nobody(tmp_path: pathlib.Path) -> None:
    inventory = article()
    nodes = inventory["all"]["children"]["nodes"]["hosts"]
    nodes["network-3"] = {
        "lab_interfaces": [{"name": "enp1s0", "switch": "lan2", "addresses": ["192.168.2.143/24"]}],
        "overlay_node": {"number": 7, "address": "192.168.2.143", "dev": "enp1s0"},
        "mgmt_routing_routes": [
            {"dst": "192.168.1.0/24", "via": "192.168.2.216", "dev": "enp1s0", "src": "192.168.2.143"}
        ],
    }
    with standing(tmp_path, inventory) as fabric:
        fabric.inventory = article()
        fabric.ok("site", "--skip-tags", "verify")
        fabric.inventory = inventory
        mac = vtep_mac(10, "network-3")
        entries = {
            f"fdb vxlan0 {mac} dst 192.168.2.143",
            f"neighbour vxlan0 172.2.7.0 lladdr {mac}",
            "route 172.2.7.0/24 via 172.2.7.0 dev vxlan0 onlink",
            # By its own address, and by the router's, which masquerades what comes from there.
            *(
                f"peer {sender} vni 10 port 4789 source {source}"
                for sender in ("192.168.2.143", "192.168.1.213")
                for source in ("172.2.7.0/24", "192.168.2.143/32")
            ),
        }
        added = fabric.ok("site", "--diff", "--limit", "network-1")
        assert added.plan == {f"+ {entry}" for entry in entries}
        assert "router" not in fabric.ok("site").changed
        fabric.inventory = article()
        removed = fabric.ok("site", "--diff", "--limit", "network-1")
        assert removed.plan == {f"- {entry}" for entry in entries}
        fabric.inventory = inventory
