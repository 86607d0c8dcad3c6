# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in the words of ip(8) and bridge(8), and as data."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressState
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Hop, Route, by_place

MAC = "02:00:5e:00:00:01"
OBJECTS = [
    (Namespace("pod1"), "namespace pod1", ["namespace pod1"]),
    (
        Link("br0", "bridge", {"admin_state": "up", "stp": True, "ageing_time": 300, "controller": ""}),
        "link br0",
        ["link br0 up", "link br0 stp on", "link br0 ageing_time 300", "link br0 no controller"],
    ),
    (Address("br0", "10.0.0.1/24"), "address 10.0.0.1/24 on br0", ["address br0 10.0.0.1/24"]),
    (
        Route("0.0.0.0/0", 254, 0, via="10.0.0.1"),
        "route default via 10.0.0.1",
        ["route default via 10.0.0.1"],
    ),
    (
        Route("fd00::/8", 100, 7, via="fe80::1", dev="a", src="fd00::2", onlink=True, mtu=1400),
        "route fd00::/8 via fe80::1 dev a src fd00::2 metric 7 table 100 mtu 1400 onlink",
        ["route fd00::/8 via fe80::1 dev a src fd00::2 metric 7 table 100 mtu 1400 onlink"],
    ),
    (
        Route(
            "10.0.0.0/8", 254, 0, tos=16, type="unreachable", protocol=4, scope=254, mtu=1400, mtu_lock=True, advmss=9
        ),
        "route unreachable 10.0.0.0/8 tos 0x10 proto static scope host mtu lock 1400 advmss 9",
        ["route unreachable 10.0.0.0/8 tos 0x10 proto static scope host mtu lock 1400 advmss 9"],
    ),
    (
        Route("10.0.0.0/8", 254, 0, nexthops=(Hop("10.1.0.1", "a", 2), Hop("fe80::1", "b", 1, True)), src="10.1.0.2"),
        "route 10.0.0.0/8 src 10.1.0.2 nexthop via 10.1.0.1 dev a weight 2 nexthop via fe80::1 dev b onlink",
        ["route 10.0.0.0/8 src 10.1.0.2 nexthop via 10.1.0.1 dev a weight 2 nexthop via fe80::1 dev b onlink"],
    ),
    (
        Neighbour("x", "10.0.0.1", MAC),
        "neighbour 10.0.0.1 on x",
        [f"neighbour x 10.0.0.1 lladdr {MAC}"],
    ),
    (
        FdbEntry("x", MAC, "192.0.2.1", 8472, 20),
        f"FDB entry {MAC} dst 192.0.2.1 port 8472 vni 20 on x",
        [f"fdb x {MAC} dst 192.0.2.1 port 8472 vni 20"],
    ),
]


@pytest.mark.parametrize(("item", "name", "lines"), OBJECTS)
def test_words(item: Any, name: str, lines: list[str]) -> None:
    assert item.label("") == name
    assert item.lines("") == lines
    if not isinstance(item, Namespace):
        assert item.label("pod1") == f"{name} in namespace pod1"
        assert item.lines("pod1") == [f"netns pod1: {line}" for line in lines]


def test_a_new_veth_is_one_line() -> None:
    link = Link("veth0", "veth", {"mtu": 1450, "controller": ""}, peer=("pod1", "eth0"))
    assert link.summary("") == "link veth0 type veth mtu 1450 peer eth0 netns pod1"
    assert link.summary("pod1").startswith("netns pod1: link veth0 ")


def test_a_document_is_without_what_the_kernel_makes() -> None:
    observed = Observed(
        links={
            "lo": Link("lo", "", {"admin_state": "up"}),
            "a": Link("a", "macsec", {"mtu": 1500, "admin_state": "up", "controller": ""}),
        },
        addresses={
            address.key: address
            for address in (
                Address("a", "10.0.0.1/24", state=AddressState()),
                Address("a", "10.0.0.9/24", state=AddressState(foreign=True)),
                Address("lo", "10.0.0.3/32", state=AddressState()),
            )
        },
        routes=by_place(
            route._replace(protocol=protocol)
            for route, protocol in (
                (Route("10.0.0.0/24", 254, 0, dev="a"), 2),
                (Route("10.1.0.0/16", 254, 0, via="10.0.0.2", dev="a", onlink=False), 119),
                (Route("10.2.0.0/16", 254, 5, via="10.0.0.2", dev="a"), 3),
                (Route("10.3.0.0/16", 254, 0, via="10.0.0.2", dev="a"), 16),
                (Route("10.4.0.0/16", 254, 0), 119),
                (Route("10.5.0.0/16", 254, 0, type="blackhole", scope=0), 119),
                (Route("10.6.0.0/16", 254, 0, nexthops=(Hop("10.0.0.2", "a", 3), Hop(None, "a")), scope=0), 119),
            )
        ),
    )
    assert facts.document(observed) == {
        "links": [{"name": "a", "admin_state": "up", "mtu": 1500}],
        "addresses": [{"dev": "a", "address": "10.0.0.1/24"}],
        "routes": [
            {"dst": "10.1.0.0/16", "via": "10.0.0.2", "dev": "a"},
            {"dst": "10.2.0.0/16", "metric": 5, "via": "10.0.0.2", "dev": "a"},
            {"dst": "10.5.0.0/16", "type": "blackhole"},
            {
                "dst": "10.6.0.0/16",
                "nexthops": [{"via": "10.0.0.2", "dev": "a", "weight": 3}, {"dev": "a", "weight": 1}],
            },
        ],
        "rules": [],
        "neighbours": [],
        "fdb": [],
        "bridge_fdb": [],
    }


def test_a_link_as_a_whole_has_what_is_so_on_most() -> None:
    """What is usual is not shown, and put back after a failure."""
    link = Link("br0", "bridge", {"hello_time": 2, "max_age": 10, "ifalias": "", "altnames": [], "group": None})
    assert link.data() == {"name": "br0", "kind": "bridge", "max_age": 10}
    assert link.data(whole=True) == {**link.data(), "hello_time": 2, "ifalias": "", "altnames": []}
