# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user writes to a document. What is refused is in tests/integration/test_bad_input.py."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model import routes
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, parse_own
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Hop, Route
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.documents import documents

PAIR = {"name": "a", "kind": "veth", "peer": {"name": "b", "netns": "pod"}}


def only(namespaces: dict[str, Any], **more: Any) -> Desired:
    return parse_topology({"": namespaces}, **more).namespaces[""]


def test_defaults() -> None:
    found = only({"links": [{"name": "x", "kind": "vxlan", "vni": "10"}, {"name": "nic"}]}).links
    assert found["x"].attributes == {"vni": 10, "admin_state": "up"}, "what a kind gives is for new links"
    assert found["nic"].attributes == {}, "a link that is somebody else's is left as it is"


@pytest.mark.parametrize("kind", ["controller", "master"])
def test_aliases(kind: str) -> None:
    links = [{"name": "a", "kind": "veth", kind: "br0", "peer": {"name": "b", kind: "br0"}}]
    assert {link.attributes["controller"] for link in only({"links": links}).links.values()} == {"br0"}


def test_a_veth_has_two_ends() -> None:
    found = parse_topology({"": {"links": [PAIR]}, "pod": None})
    assert found.namespaces[""].links["a"].peer == ("pod", "b")
    assert found.namespaces["pod"].links["b"].peer == ("", "a")
    assert found.namespaces["pod"].create and not found.namespaces[""].create


@pytest.mark.parametrize("order", [1, -1])
def test_a_veth_may_be_mentioned_elsewhere(order: int) -> None:
    """As a port, and by its other end."""
    links = [{"name": "br0", "kind": "bridge", "ports": ["a"]}, PAIR, {"name": "a", "kind": "veth", "mtu": 1400}][
        ::order
    ]
    near = [{"name": "b", "kind": "veth", "peer": {"name": "a", "netns": ""}, "admin_state": "down"}]
    found = parse_topology({"": {"links": links}, "pod": {"links": near}})
    assert found.namespaces[""].links["a"].peer == ("pod", "b")
    assert found.namespaces[""].links["a"].attributes == {"controller": "br0", "mtu": 1400, "admin_state": "up"}
    assert found.namespaces["pod"].links["b"].attributes["admin_state"] == "down"


def test_two_ends_that_contradict() -> None:
    near = [{"name": "b", "kind": "veth", "peer": {"name": "c", "netns": ""}}]
    with pytest.raises(InvalidParameter, match="different peers"):
        parse_topology({"": {"links": [PAIR]}, "pod": {"links": near}})


ROUTES = [
    ({"dst": "10.0.0.0/8", "dev": "a"}, Route("10.0.0.0/8", 254, 0, dev="a")),
    ({"dst": "10.0.0.1", "dev": "a"}, Route("10.0.0.1/32", 254, 0, dev="a")),
    ({"dst": "fd00::1", "dev": "a"}, Route("fd00::1/128", 254, 1024, dev="a")),
    ({"dst": "default", "via": "10.0.0.1"}, Route("0.0.0.0/0", 254, 0, via="10.0.0.1")),
    ({"dst": "default", "via": "fd00::1", "metric": 5}, Route("::/0", 254, 5, via="fd00::1")),
    ({"dst": "10.0.0.0/8", "dev": "a", "table": "local"}, Route("10.0.0.0/8", 255, 0, dev="a")),
    ({"dst": "10.0.0.0/8", "dev": "a", "table": "100", "mtu": "1400"}, Route("10.0.0.0/8", 100, 0, dev="a", mtu=1400)),
    (
        {"dst": "10.0.0.0/8", "via": "10.9.0.1", "dev": "a", "onlink": "yes", "src": "10.1.0.1"},
        Route("10.0.0.0/8", 254, 0, via="10.9.0.1", dev="a", onlink=True, src="10.1.0.1"),
    ),
    ({"dst": "10.0.0.0/8", "via": "fe80::1", "dev": "a"}, Route("10.0.0.0/8", 254, 0, via="fe80::1", dev="a")),
    ({"dst": "10.0.0.0/8", "type": "blackhole"}, Route("10.0.0.0/8", 254, 0, type="blackhole")),
    (
        {"dst": "10.0.0.0/8", "type": "local", "dev": "lo"},
        Route("10.0.0.0/8", 255, 0, type="local", dev="lo"),
    ),
    (
        {"dst": "10.0.0.0/8", "dev": "a", "tos": "16", "scope": "host", "protocol": "static", "table": "main"},
        Route("10.0.0.0/8", 254, 0, tos=16, dev="a", scope=254, protocol=4),
    ),
    (
        {"dst": "fd00::/8", "via": "fe80::1", "dev": "a", "pref": "high", "mtu": 1400, "mtu_lock": True},
        Route("fd00::/8", 254, 1024, via="fe80::1", dev="a", pref="high", mtu=1400, mtu_lock=True),
    ),
    (
        {"dst": "default", "nexthops": [{"via": "10.0.0.1", "weight": 2}, {"via": "fe80::1", "dev": "a"}]},
        Route("0.0.0.0/0", 254, 0, nexthops=(Hop("10.0.0.1", None, 2), Hop("fe80::1", "a"))),
    ),
]


@pytest.mark.parametrize(("item", "expected"), ROUTES)
def test_routes(item: dict[str, Any], expected: Route) -> None:
    assert list(only({"routes": [item]}).routes.values()) == [expected._replace(type=expected.type or "unicast")]


PLAIN = [
    [{"dst": f"10.{number}.0.0/16", "via": f"10.200.0.{number + 1}", "dev": f"a{number % 2}"} for number in range(4)],
    [{"dst": "10.0.0.0/16", "via": "10.1.0.1", "dev": "a", "onlink": True, "mtu": None}],
    [{"dst": "0.0.0.0/0", "nexthops": [{"via": f"10.1.0.{n}", "dev": "a", "weight": n} for n in (1, 2)]}],
    [{"dst": "10.0.0.1/32", "nexthops": [{"via": f"10.1.0.{n}", "dev": "a", "onlink": None} for n in (1, 2, 3)]}],
]


@pytest.mark.parametrize("items", PLAIN)
def test_routes_are_the_same_one_by_one_and_all_at_once(items: list[dict[str, Any]]) -> None:
    found = routes._plain_routes(items)
    assert found == [routes.parse_route(item, "") for item in items]


@pytest.mark.parametrize(
    "change",
    [
        {"dst": "10.0.0.0/016"}, {"dst": "10.0.1.0/16"}, {"dst": "10.0.0.0"}, {"dst": 7}, {"dst": "fd00::/8"},
        {"via": "224.0.0.1"}, {"via": "10.0.0"}, {"dev": "a b"}, {"dev": None}, {"onlink": "yes"}, {"mtu": 1400},
        {"nexthops": []}, {"metric": 0}, {"nothing": 1},
    ],
)  # fmt: skip
def test_routes_that_are_not_plain_are_left_to_the_parser(change: dict[str, Any]) -> None:
    item = {"dst": "10.0.0.0/16", "via": "10.200.0.1", "dev": "a"}
    assert routes._plain_routes([item]) is not None
    assert routes._plain_routes([item, {**item, **change}]) is None


@pytest.mark.parametrize(
    "change",
    [{"weight": 0}, {"weight": 257}, {"weight": True}, {"weight": "2"}, {"via": "10.1.0.2"}, {"dev": None}, {"mtu": 1}],
)
def test_next_hops_that_are_not_plain_are_left_to_the_parser(change: dict[str, Any]) -> None:
    hops = [{"via": f"10.1.0.{number}", "dev": "a"} for number in (1, 2)]
    assert routes._plain_routes([{"dst": "10.0.0.0/16", "nexthops": hops}]) is not None
    assert routes._plain_routes([{"dst": "10.0.0.0/16", "nexthops": [{**hops[0], **change}, hops[1]]}]) is None
    assert routes._plain_routes([{"dst": "10.0.0.0/16", "nexthops": hops[:1]}]) is None


def test_one_destination_by_metric_and_table() -> None:
    item = {"dst": "10.0.0.0/8", "dev": "a"}
    assert len(only({"routes": [item, {**item, "metric": 5}, {**item, "table": 7}]}).routes) == 3


def test_entries() -> None:
    mac = "02:00:5E:00:00:0A"
    found = only(
        {
            "addresses": [{"dev": "a", "address": "FD00::1/64"}],
            "neighbours": [{"dev": "a", "dst": "FD00::2", "lladdr": mac}],
            "fdb": [{"dev": "a", "dst": "10.0.0.1", "lladdr": mac, "port": "8472", "vni": "5"}],
        }
    )
    assert list(found.addresses) == [Address("a", "fd00::1/64")]
    assert found.neighbours == {"a": {"fd00::2": mac.lower()}}
    assert list(found.fdb) == [FdbEntry("a", mac.lower(), "10.0.0.1", 8472, 5)]


def test_what_purge_is_about() -> None:
    namespaces = {
        "links": [
            {"name": "br0", "kind": "bridge", "addresses": []},
            {"name": "v", "kind": "veth", "peer": {"name": "w", "addresses": ["10.0.0.1/24"]}},
            {"name": "x", "kind": "vxlan", "vni": 1},
            {"name": "nic", "addresses": ["10.1.0.1/24"]},
        ],
        "routes": [{"dst": "10.9.0.0/16", "dev": "other"}],
        "neighbours": [{"dev": "nic", "dst": "10.1.0.2", "lladdr": "02:00:00:00:00:01"}],
    }
    found = only(namespaces, purge=True)
    assert found.purge_addresses == {"br0", "w"}, "a NIC's addresses may be somebody else's"
    assert found.purge_neighbours == {"x", "nic"}
    assert found.purge_fdb == {"x"}
    assert found.purge_routes == {"br0", "v", "w", "x", "nic", "other"}
    without = only(namespaces)
    assert not (without.purge_addresses | without.purge_neighbours | without.purge_fdb | without.purge_routes)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(documents(every_kind=True), st.data())
def test_whatever_is_written_is_taken_or_refused(namespaces: Any, data: Any) -> None:
    """One value of a good document becomes anything that JSON can say: never another exception."""
    places: list[tuple[Any, Any]] = []

    def visit(item: Any) -> None:
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            places.append((item, key))
            if isinstance(value, (dict, list)):
                visit(value)

    visit(namespaces)
    item, key = data.draw(st.sampled_from(places))
    item[key] = data.draw(json_values)
    try:
        parse_topology(namespaces, purge=True)
    except InvalidParameter as refused:
        assert "\n" not in str(refused)


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"address": "10.0.0.1/32", "peer": "10.0.0.2/32"}, "a.peer: '10.0.0.2/32' is refused: give the address alone"),
        ({"address": "10.0.0.1/32", "peer": "fd00::2"}, "of another address family than 10.0.0.1/32"),
        ({"address": "10.0.0.1/32", "peer": "10.0.0.1"}, "it is the address itself: give that of the other end"),
        ({"address": "10.0.0.1/24", "scope": "far"}, "give one of global, site, link, host, nowhere, or a number"),
        ({"address": "10.0.0.1/24", "scope": 256}, "from 0 to 255"),
        ({"address": "10.0.0.1/24", "label": "eth0:a-long-label"}, "at most 15 bytes, and no white space"),
        ({"address": "10.0.0.1/24", "label": "a b"}, "at most 15 bytes, and no white space"),
        ({"address": "10.0.0.1/24", "nodad": True}, "IPv4 has no duplicate address detection"),
        ({"address": "fd00::1/64", "scope": "link"}, "IPv6 derives the scope from the address"),
        ({"address": "fd00::1/64", "label": "eth0:1"}, "IPv6 has no labels"),
        ({"address": "fd00::1/64", "metric": -1}, "a.metric: -1 is refused"),
        ({"address": "fd00::1/64", "noprefixroute": "maybe"}, "give true or false"),
        ({"address": "fd00::1/64", "broadcast": "fd00::2"}, "takes only address, peer, scope, label, metric"),
        ({"peer": "fd00::1"}, "a.address: None is refused: give it with its prefix length"),
        (7, "give it with its prefix length"),
        (["10.0.0.1/24"], "give it with its prefix length"),
    ],
)
def test_an_address_that_is_wrong(item: Any, told: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse_own("eth0", item, "a")
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_addresses_that_the_kernel_knows_once() -> None:
    desired = Desired()
    for number, other in enumerate(("10.0.0.2", "10.0.0.3")):  # two addresses for Linux
        desired.add_address(parse_own("a", {"address": "10.0.0.1/32", "peer": other}, "a"), str(number))
    for more in ({"peer": "10.0.0.3", "metric": 5}, {"peer": "10.0.0.2"}):
        with pytest.raises(InvalidParameter, match="it is listed twice on a: keep one"):
            desired.add_address(parse_own("a", {"address": "10.0.0.1/32", **more}, "a"), "there")
    desired.add_address(parse_own("a", {"address": "10.1.0.1/24", "peer": "10.1.0.2"}, "a"), "two")
    with pytest.raises(InvalidParameter, match="it is listed twice on a: keep one"):
        desired.add_address(parse_own("a", "10.1.0.1/24", "a"), "there")
