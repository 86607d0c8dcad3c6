# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel deletes as a side effect, and what a plan does about that."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressState
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.bridged import Port, PortState, Station
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.kept import Entry, Kept, Nexthop
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Hop, Route
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.plan.losses import Losses
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation, Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan

STATE = AddressState()
FOUR, OTHER = Address("a", "10.1.0.1/24", state=STATE), Address("b", "10.2.0.1/24", state=STATE)
SIX = Address("a", "fd00::1/64", state=STATE)
PLAIN = Route("10.9.0.0/16", 254, 0, via="10.1.0.9", dev="a", protocol=12)
BOTH = Route("10.8.0.0/16", 254, 0, nexthops=(Hop("10.1.0.9", "a"), Hop("10.2.0.9", "b")), protocol=12)
SOURCE = Route("10.7.0.0/16", 254, 0, dev="b", src="10.1.0.1", protocol=12)
LEARNED = Route("::/0", 254, 1024, via="fe80::9", dev="a", protocol=9)
SIX_ROUTE = Route("fd09::/48", 254, 1024, dev="a", protocol=12)
ONE, TWO = Nexthop(1, "a", (), b""), Nexthop(2, "b", (), b"")
GROUP = Nexthop(3, None, (1, 2), b"")
EVERYTHING = (FOUR, OTHER, SIX, PLAIN, BOTH, SOURCE, LEARNED, ONE, TWO, GROUP)


def kept(*items: Any) -> Kept:
    return Kept(
        frozenset("ab"),
        {item.key: item for item in items if isinstance(item, Address)},
        {item.id: item for item in items if isinstance(item, Nexthop)},
        {(item.dev, item.dst, item.flags): item for item in items if isinstance(item, Entry)},
        {item[:-1]: item for item in items if isinstance(item, Route)},
        {(item.dev, item.controller): item for item in items if isinstance(item, Port)},
        {item.key: item for item in items if isinstance(item, Station)},
    )


def test_a_route_of_several_hops_stays_while_one_of_them_works() -> None:
    losses = Losses(kept(*EVERYTHING))
    losses.lowered("a")
    assert [*losses.missing] == [SIX, ONE, GROUP, PLAIN, LEARNED]
    losses.raised("a")
    losses.lowered("b")
    assert BOTH in losses.there
    losses.lowered("a")
    assert BOTH in losses.missing and SOURCE in losses.missing


def test_a_link_that_is_deleted_takes_all_along() -> None:
    for remade in (True, False):
        losses = Losses(kept(*EVERYTHING))
        losses.removed("a", remade)
        lost = losses.missing if remade else losses.gone
        assert [*lost] == [FOUR, SIX, ONE, GROUP, PLAIN, BOTH, LEARNED]
        assert [*(losses.gone if remade else losses.missing)] == []


def test_an_address_takes_the_routes_along_that_name_it() -> None:
    losses = Losses(kept(*EVERYTHING))
    losses.deleted(FOUR, [FOUR, OTHER, SIX, Address("a", "10.1.0.2/24")])
    assert [*losses.missing] == [SOURCE]
    losses = Losses(kept(*EVERYTHING))
    losses.deleted(FOUR, [FOUR, OTHER, SIX])  # the last one of its interface
    assert [*losses.missing] == [SOURCE, PLAIN]
    losses = Losses(kept(*EVERYTHING))
    losses.deleted(FOUR, [FOUR, OTHER, SIX, Address("b", "10.1.0.1/32"), Address("a", "10.1.0.2/24")])
    assert [*losses.missing] == []


def test_neighbours_go_with_the_mac_address() -> None:
    here, there = (Entry(dev, "10.1.0.9", 0, True, "lladdr 02:00:5e:00:00:01", b"") for dev in "ab")
    losses = Losses(kept(FOUR, here, there))
    losses.readdressed("a")
    assert ([*losses.missing], there in losses.there) == ([here], True)
    todo = planned({"links": [{"name": "a", "mac_address": "02:00:5e:00:00:55"}]}, here, there)
    assert steps(todo)[1:] == ["restore neighbour a 10.1.0.9 lladdr 02:00:5e:00:00:01"]


PORT = Port("a", "br0", (PortState((("cost", 7),), b"1"), PortState((("flood", False),), b"2")))
MAC, FLOOD = "02:00:5e:00:00:01", "00:00:00:00:00:00"
BEHIND, TUNNEL = Station("a", True, MAC, 10, "", controller="br0"), Station("a", False, MAC, None, "192.0.2.1")
FLOODED = Station("a", False, FLOOD, None, "192.0.2.1")


def test_a_port_that_leaves_its_bridge() -> None:
    losses = Losses(kept(PORT, BEHIND, TUNNEL))
    losses.released("a")
    assert ([*losses.missing], [*losses.there]) == ([PORT, BEHIND], [TUNNEL])
    losses = Losses(kept(PORT, BEHIND))
    losses.removed("br0", False, ["a"])
    assert [*losses.gone] == [PORT, BEHIND]


def test_entries_that_a_document_changes_are_not_lost() -> None:
    before = kept(BEHIND, TUNNEL, FLOODED)
    for entry, left in (
        (BridgeEntry("a", MAC, 10), [TUNNEL, FLOODED]),
        (BridgeEntry("a", MAC), [BEHIND, TUNNEL, FLOODED]),
        (FdbEntry("a", MAC, "192.0.2.9"), [BEHIND, FLOODED]),
        (FdbEntry("a", FLOOD, "192.0.2.9"), [BEHIND, TUNNEL, FLOODED]),
        (FdbEntry("a", FLOOD, "192.0.2.1"), [BEHIND, TUNNEL]),
    ):
        losses = Losses(before)
        losses.forget(entry)
        assert [*losses.there] == left


def test_what_has_changed_meanwhile() -> None:
    group = GROUP._replace(members=(2,))
    losses = Losses(kept(*EVERYTHING), kept(FOUR, OTHER, TWO, group, SOURCE))
    assert [*losses.missing] == [SIX, ONE, GROUP, PLAIN, BOTH, LEARNED]


def planned(document: dict[str, Any], *items: Any, **more: Any) -> Plan:
    def link(name: str, kind: str, **attributes: Any) -> Link:
        return Link(name, kind, {"admin_state": "up", "controller": "", "mtu": 1500, **attributes}, index=ord(name[0]))

    links = [link("lo", ""), link("a", "veth"), link("b", "veth"), link("vlan5", "vlan", parent="a", vlan_id=5)]
    observed = Observed(links={item.name: item for item in links})
    observed.addresses = {item.key: item for item in items if isinstance(item, Address)}
    return plan(parse_topology({"": document}, **more), {"": observed}, losses={"": Losses(kept(*items))})


def steps(todo: Plan) -> list[str]:
    return [f"{item.verb} {' '.join((item.after or item.before).lines())}" for item in todo.operations]


def test_a_port_of_a_bond() -> None:
    todo = planned({"links": [{"name": "bond0", "kind": "bond", "ports": ["a"]}]}, *EVERYTHING)
    assert steps(todo)[1:] == [
        "set link bond0 up",
        "set link a down",
        "set link a controller bond0",
        "set link a up",
        "restore address a fd00::1/64",
        "restore nexthop id 1 dev a",
        "restore nexthop id 3 group 1/2",
        "restore route 10.9.0.0/16 via 10.1.0.9 dev a proto bird",
    ]
    assert [(lost.item, lost.reason) for lost in todo.lost] == [
        (LEARNED, "learned from router advertisements, which are solicited again")
    ]
    assert "route 10.9.0.0/16 via 10.1.0.9 dev a proto bird (restored)\n" in todo.diff()["after"]
    assert "(lost: learned from router advertisements, which are solicited again)\n" in todo.diff()["before"]


NIC = {"name": "a"}
GONE = "a is not here any more"


@pytest.mark.parametrize(
    ("link", "items", "reasons"),
    [
        ({**NIC, "admin_state": "down"}, (SIX, PLAIN, ONE, GROUP), ["a is down", "nexthop 1 is gone", "a is down"]),
        ({**NIC, "mtu": 1000}, (SIX_ROUTE, PLAIN), ["IPv6 needs an MTU of at least 1280 bytes"]),
        (
            {**NIC, "purge_addresses": True},
            (FOUR, OTHER, PLAIN, SOURCE),
            ["10.1.0.1 is no address of this host any more", "the gateway 10.1.0.9 is not reachable"],
        ),
        (
            {**NIC, "kind": "veth", "state": "absent"},
            (FOUR, PLAIN, BOTH, ONE),
            [GONE, GONE, GONE, "it sits on a, which is deleted"],
        ),
    ],
)
def test_what_cannot_be_made_again_has_a_reason(
    link: dict[str, Any], items: tuple[Any, ...], reasons: list[str]
) -> None:
    todo = planned({"links": [link]}, *items)
    assert [lost.reason for lost in todo.lost] == reasons
    assert len(todo.diff()["before"].partition(" (lost: ")[2].split(" (lost: ")) == len(reasons)


def test_a_vlan_goes_down_with_the_link_that_it_sits_on() -> None:
    route = Route("10.5.0.0/16", 254, 0, dev="vlan5", protocol=12)
    todo = planned({"links": [{"name": "bond0", "kind": "bond", "ports": ["a"]}]}, route)
    assert "restore route 10.5.0.0/16 dev vlan5 proto bird" in steps(todo)


def test_a_link_that_sits_on_one_that_is_deleted() -> None:
    todo = planned({"links": [{"name": "a", "kind": "veth", "state": "absent"}]}, FOUR)
    assert todo.diff()["before"].splitlines() == [
        "link a type veth admin_state up mtu 1500",
        "link vlan5 type vlan admin_state up mtu 1500 parent a vlan_id 5 (lost: it sits on a, which is deleted)",
    ]
    listed = [{"name": "a", "kind": "veth", "state": "absent"}, {"name": "vlan5", "kind": "vlan", "state": "absent"}]
    assert planned({"links": listed}, FOUR).lost == []


@pytest.mark.parametrize(
    ("operation", "takes"),
    [
        (Operation("delete", "pod", FOUR), True),
        (Operation("delete", "pod", Link("a", "veth")), True),
        (Operation("move", "pod", Link("a"), Link("b")), True),
        (Operation("set", "pod", Link("a"), Link("a", "", {"admin_state": "down"})), True),
        (Operation("set", "pod", Link("a"), Link("a", "", {"controller": ""})), True),
        (Operation("set", "pod", Link("a"), Link("a", "", {"mtu": 1279})), True),
        (Operation("set", "pod", Link("a"), Link("a", "", {"mtu": 1280, "admin_state": "up"})), False),
        (Operation("set", "pod", None, Link("new", "", {"controller": "br0"})), False),
        (Operation("create", "pod", None, FOUR), False),
        (Operation("delete", "pod", PLAIN), False),
    ],
)
def test_which_operations_take_something_along(operation: Operation, takes: bool) -> None:
    """Only for those is everything of a namespace read, and not if the namespace is deleted itself."""
    assert Plan([operation]).takes_along == ({"pod"} if takes else set())
    assert Plan([operation, Operation("delete", "", Namespace("pod"))]).takes_along == set()


def test_a_namespace_that_is_not_observed_any_more() -> None:
    """One that held a veth's end which has been moved: the document does not speak of it."""
    observed = {"": Observed(links={"lo": Link("lo", "", {"admin_state": "up"}, index=1)})}
    todo = plan(parse_topology({"": {}}), observed, again=True, losses={"far": Losses(kept(FOUR), kept())})
    assert (todo.operations, todo.lost) == ([], [])
