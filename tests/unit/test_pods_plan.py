# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's pods: the article's topology, day-two removal, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.plugin_utils.documents import pods as pods_of_role
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Host
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import pods
from ansible_collections.weft.fabric.tests.overlays import overlays_of, planned, pods_document

ONE = overlays_of({"network-1": {"number": 0, "address": "192.168.1.138"}})
POD = {"name": "pod1", "address": "172.2.0.2", "interface": "vceth0", "host_interface": "veth0"}


def masquerading(overlays, host):
    return pods_of_role.masquerading(Host(host, {}, planned(overlays)))


def test_the_articles_pod():
    assert pods_document([POD], ONE, "network-1") == {
        "topology": {
            "purge": True,
            "namespaces": {
                "": {
                    "links": [
                        {
                            "name": "br0",
                            "kind": "bridge",
                            "mtu": "auto",
                            "mtu_of": "vxlan0",
                            "mac_address": values.derived_mac("172.2.0.1/24"),
                            "stp": False,
                            "forward_delay": 0,
                            "addresses": ["172.2.0.1/24"],
                        },
                        {
                            "name": "veth0",
                            "kind": "veth",
                            "controller": "br0",
                            "mtu": "auto",
                            "mtu_of": "vxlan0",
                            "addresses": [],
                            "peer": {
                                "name": "vceth0",
                                "netns": "pod1",
                                "mtu": "auto",
                                "mtu_of": "vxlan0",
                                "mac_address": values.derived_mac("172.2.0.2"),
                                "addresses": ["172.2.0.2/24"],
                            },
                        },
                    ]
                },
                "pod1": {
                    "links": [{"name": "vceth0", "kind": "veth", "recreate": True}],
                    "routes": [{"dst": "default", "via": "172.2.0.1", "dev": "vceth0", "src": "172.2.0.2"}],
                },
            },
        },
        "sources": [
            {
                "interface": "veth0",
                "bridged": True,
                "mac_address": values.derived_mac("172.2.0.2"),
                "addresses": ["172.2.0.2"],
            }
        ],
        "echo_server": {"namespaces": ["pod1"], "port": 8000},
    }


def test_ipv6():
    six = overlays_of({"a": {"number": 1, "address": "2001:db8::1"}}, cidr="fd00:10:244::/48")
    plan = pods_document([{"name": "pod1", "address": "fd00:10:244:1::2"}], six, "a")["topology"]["namespaces"]
    veth = plan[""]["links"][1]
    assert veth["peer"] == {
        "name": "eth0",
        "netns": "pod1",
        "mtu": "auto",
        "mtu_of": "vxlan0",
        "mac_address": values.derived_mac("fd00:10:244:1::2"),
        "addresses": ["fd00:10:244:1::2/64"],
    }
    assert plan["pod1"]["routes"][0]["via"] == "fd00:10:244:1::1"


DUAL = overlays_of({"a": {"number": 1, "address": "192.0.2.1"}}, cidr=["10.244.0.0/16", "fd00::/48"])


def test_dual_stack():
    both = {"name": "pod1", "address": ["fd00:0:0:1::2", "10.244.1.2"]}
    plan = pods_document([both, {"name": "pod2", "address": "fd00:0:0:1::3"}], DUAL, "a")["topology"]["namespaces"]
    bridge, first, second = plan[""]["links"]
    assert bridge["addresses"] == ["10.244.1.1/24", "fd00:0:0:1::1/64"]
    assert first["peer"]["addresses"] == ["fd00:0:0:1::2/64", "10.244.1.2/24"]
    assert [(route["via"], route["src"]) for route in plan["pod1"]["routes"]] == [
        ("fd00:0:0:1::1", "fd00:0:0:1::2"),
        ("10.244.1.1", "10.244.1.2"),
    ]
    assert second["peer"]["addresses"] == ["fd00:0:0:1::3/64"]
    assert len(plan["pod2"]["routes"]) == 1, "a pod has the families that it asks for"


def test_masquerading_speaks_each_family():
    nodes = {"a": {"number": 0, "address": "192.0.2.1"}, "b": {"number": 1, "address": "192.0.2.2"}}
    there = overlays_of(nodes, cidr=["10.244.0.0/16", "fd00::/48"])
    assert masquerading(there, "b") == [
        {"source": "10.244.1.0/24", "exempt": ["10.244.0.0/16", "192.0.2.1/32", "192.0.2.2/32"]},
        {"source": "fd00:0:0:1::/64", "exempt": ["fd00::/48"]},
    ]


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ([], ["pods_pods[0].address", "[]", "at least one"]),
        (["10.244.1.2", "10.244.1.3"], ["pods_pods[0].address[1]", "10.244.1.3", "10.244.1.2 is of the same family"]),
        (["10.244.1.2", "fd00::2"], ["pods_pods[0].address[1]", "fd00::2", "10.244.1.0/24", "fd00:0:0:1::/64"]),
        (["10.244.1.2", "fd00:0:0:1::"], ["pods_pods[0].address[1]", "the VTEP has this address"]),
        (["10.244.1.2", None], ["pods_pods[0].address[1]", "None"]),
    ],
    ids=["none", "two of a family", "outside of the subnets", "the VTEP's", "nothing"],
)
def test_refused_in_dual_stack(address, named):
    with pytest.raises(FabricError) as refusal:
        pods_document([{"name": "a", "address": address}], DUAL, "a")
    assert [part for part in named if part not in str(refusal.value)] == []


def test_the_engine_takes_the_document():
    plan = pods_document([POD, {"name": "pod2", "address": "172.2.0.3"}], ONE, "network-1")
    there = parse_topology(plan["topology"]["namespaces"]).namespaces
    assert {name for name in there if name} == set(plan["echo_server"]["namespaces"])


@given(name=st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=63))
def test_a_derived_interface_name_fits(name):
    assert len(pods.default_host_interface(name).encode()) <= 15


REFUSED = [
    ("no list", {"name": "pod1"}, ["pods_pods", "list"]),
    ("no dictionary", ["pod1"], ["pods_pods[0]", "pod1"]),
    ("no name", [{"address": "172.2.0.2"}], ["pods_pods[0].name", "None"]),
    ("a slash in the name", [{"name": "a/b"}], ["pods_pods[0].name", "a/b"]),
    ("an unknown key", [{"name": "a", "adress": "172.2.0.2"}], ["pods_pods[0].adress", "172.2.0.2"]),
    ("no address", [{"name": "a"}], ["pods_pods[0].address", "None"]),
    ("no address but text", [{"name": "a", "address": "two"}], ["pods_pods[0].address", "two"]),
    ("prefix length", [{"name": "a", "address": "172.2.0.2/24"}], ["pods_pods[0].address", "172.2.0.2/24"]),
    (
        "outside the subnet",
        [{"name": "a", "address": "172.2.1.2"}],
        ["pods_pods[0].address", "172.2.1.2", "172.2.0.0/24"],
    ),
    ("other family", [{"name": "a", "address": "fd00::2"}], ["pods_pods[0].address", "fd00::2", "172.2.0.0/24"]),
    ("the VTEP's", [{"name": "a", "address": "172.2.0.0"}], ["pods_pods[0].address", "172.2.0.0", "the VTEP"]),
    ("the bridge's", [{"name": "a", "address": "172.2.0.1"}], ["pods_pods[0].address", "172.2.0.1", "the bridge"]),
    ("broadcast", [{"name": "a", "address": "172.2.0.255"}], ["pods_pods[0].address", "172.2.0.255", "broadcast"]),
    ("interface too long", [{**POD, "interface": "a" * 16}], ["pods_pods[0].interface", "15"]),
    ("white space", [{**POD, "host_interface": "ve th"}], ["pods_pods[0].host_interface", "ve th"]),
    (
        "the bridge's name",
        [{**POD, "host_interface": "br0"}],
        ["pods_pods[0].host_interface", "br0", "the bridge of overlay default"],
    ),
    ("a state", [{**POD, "state": "gone"}], ["pods_pods[0].state", "gone", "takes only"]),
    (
        "one address twice",
        [POD, {"name": "pod2", "address": "172.2.0.2"}],
        ["pods_pods[1].address", "172.2.0.2", "pods_pods[0] has this address"],
    ),
    (
        "one name twice",
        [POD, {"name": "pod1", "address": "172.2.0.3"}],
        ["pods_pods[1].name", "pod1", "pods_pods[0] has it too"],
    ),
    (
        "one interface twice",
        [POD, {"name": "pod2", "address": "172.2.0.3", "host_interface": "veth0"}],
        ["pods_pods[1].host_interface", "veth0", "pods_pods[0] has it too"],
    ),
]


@pytest.mark.parametrize(("given", "named"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(given, named):
    with pytest.raises(FabricError) as refusal:
        pods_document(given, ONE, "network-1")
    assert [part for part in named if part not in str(refusal.value)] == []


def test_an_exhausted_subnet_says_how_many_it_holds():
    small = overlays_of({"a": {"number": 0, "address": "192.0.2.1"}}, cidr="10.0.0.0/24", node_prefix=30)
    pods_document([{"name": "a", "address": "10.0.0.2"}], small, "a")
    with pytest.raises(FabricError, match=r"10\.0\.0\.0/30, from 10\.0\.0\.2 on, which has room for 1 of them"):
        pods_document([{"name": "a", "address": "10.0.0.2"}, {"name": "b", "address": "10.0.0.4"}], small, "a")


NODES = {"a": {"number": 0, "address": "192.0.2.1/24", "dev": "eth0"}}
RED, BLUE = {"name": "red"}, {"name": "blue", "cidr": "10.0.0.0/16", "vni": 20, "device": "vxlan1", "bridge": "br1"}


def test_each_overlay_has_its_bridge_and_its_pods():
    there = overlays_of(NODES, RED, {**BLUE, "mode": "direct"})
    given = [{"name": "pod1", "address": "172.2.0.2"}, {"name": "pod2", "address": "10.0.0.2", "overlay": "blue"}]
    found = pods_document(given, there, "a")["topology"]["namespaces"]
    links = found[""]["links"]
    assert [(link["name"], link["mtu_of"]) for link in links if link["kind"] == "bridge"] == [
        ("br0", "vxlan0"),
        ("br1", "eth0"),
    ]
    assert [(link["controller"], link["mtu_of"]) for link in links if link["kind"] == "veth"] == [
        ("br0", "vxlan0"),
        ("br1", "eth0"),
    ]
    assert found["pod2"]["routes"][0]["via"] == "10.0.0.1"
    assert [rule["source"] for rule in masquerading(there, "a")] == ["172.2.0.0/24", "10.0.0.0/24"]


@pytest.mark.parametrize(
    ("pod", "named"),
    [
        ({"name": "a", "address": "172.2.0.2", "overlay": "green"}, ["overlay", "green", "red, blue"]),
        ({"name": "a", "address": "172.2.0.2", "overlay": "blue"}, ["address", "172.2.0.2", "10.0.0.0/24"]),
    ],
    ids=["no such overlay", "another overlay's address"],
)
def test_refused_in_several_overlays(pod, named):
    with pytest.raises(FabricError) as refusal:
        pods_document([pod], overlays_of(NODES, RED, BLUE), "a")
    assert [part for part in ["pods_pods[0].", *named] if part not in str(refusal.value)] == []
