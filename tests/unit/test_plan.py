# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: properties that hold for every document, and the kernel's rules of order one by one."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kernel.links import pyroute2_ifinfmsg
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.route import (
    Hop,
    Route,
    by_place,
    flattened,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL
from ansible_collections.weft.fabric.tests.documents import documents
from ansible_collections.weft.fabric.tests.unit.pure_kernel import PureKernel

anything = documents(every_kind=True)


def asked(route: Route, wanted: dict[Any, Route]) -> Route:
    """A route without what the document does not speak of."""
    said = wanted.get(route.key, route)
    there = route._replace(nexthops=frozenset(route.nexthops or ()))  # their order means nothing
    return Route._make(None if value is None else found for value, found in zip(said, there))


def owned(kernel: PureKernel, document: Document) -> dict[str, Any]:
    """What a document with purge decides: of the links that it names, all that it says, and their entries."""
    found = {}
    for netns, desired in document.namespaces.items():
        state = kernel.state[netns]
        found[netns] = {
            "links": {
                name: {key: state.links[name].attributes.get(key) for key in link.attributes}
                for name, link in desired.links.items()
            },
            "addresses": {item[:2] for item in state.addresses.values() if item.dev in desired.links},
            "routes": {
                asked(item, desired.routes)
                for item in flattened(state.routes)
                if item.devices and item.devices <= desired.links.keys()
            },
            "rules": {*state.rules},
            "neighbours": {dev: entries for dev, entries in state.neighbours.items() if entries},
            "fdb": set(state.fdb),
        }
        if "vxlan0" not in desired.links:  # nothing of it was asked for
            del found[netns]["neighbours"], found[netns]["fdb"]
    return found


def shuffled(content: Any, order: random.Random) -> Any:
    """A document with the same meaning: every list and every mapping in another order, but a device's addresses."""
    if isinstance(content, list):
        items = [shuffled(item, order) for item in content]
        return order.sample(items, len(items)) if any(isinstance(item, dict) for item in items) else items
    if isinstance(content, dict):
        return {key: shuffled(content[key], order) for key in order.sample(list(content), len(content))}
    return content


@given(anything)
def test_after_a_run_there_is_nothing_to_do(namespaces: Any) -> None:
    kernel, document = PureKernel(), parse_topology(namespaces, purge=True)
    kernel.run(document)
    assert plan(document, kernel.observe(document)).operations == []


@given(anything)
def test_one_round_makes_everything(namespaces: Any) -> None:
    assert len(PureKernel().run(parse_topology(namespaces))) <= 1


@settings(max_examples=3 * settings.default.max_examples)
@given(anything, anything)
def test_by_way_of_another_is_the_same_as_from_nothing(first: Any, second: Any) -> None:
    document = parse_topology(second, purge=True)
    detour, direct = PureKernel(), PureKernel()
    detour.run(parse_topology(first, purge=True))
    detour.run(document)
    direct.run(document)
    assert owned(detour, document) == owned(direct, document)


@given(anything, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(namespaces: Any, order: random.Random) -> None:
    document, other = parse_topology(namespaces), parse_topology(shuffled(namespaces, order))
    first, second = PureKernel(), PureKernel()
    first.run(document)
    second.run(other)
    assert owned(first, document) == owned(second, document)


@given(anything, anything)
def test_check_mode_tells_what_is_then_done(first: Any, second: Any) -> None:
    kernel, document = PureKernel(), parse_topology(second, purge=True)
    kernel.run(parse_topology(first))
    would = plan(document, kernel.observe(document), check=True)
    did = plan(document, kernel.observe(document))
    assert (would.operations, would.diff(), would.warnings) == (did.operations, did.diff(), did.warnings)


@given(anything)
def test_nothing_is_left_of_what_was_made(namespaces: Any) -> None:
    kernel = PureKernel()
    before = kernel.observe(parse_topology({"": {}}))
    kernel.run(parse_topology(namespaces))
    kernel.run(parse_topology(namespaces, absent=True))
    assert kernel.observe(parse_topology({"": {}})) == before
    assert list(kernel.state) == [""]


@given(anything)
def test_absent_twice(namespaces: Any) -> None:
    kernel, document = PureKernel(), parse_topology(namespaces, absent=True)
    kernel.run(parse_topology(namespaces))
    assert kernel.run(document) or namespaces == {"": {}} or not any(namespaces[""].values())
    assert plan(document, kernel.observe(document)).operations == []


@given(anything)
def test_what_is_read_can_be_declared(namespaces: Any) -> None:
    kernel = PureKernel()
    kernel.run(parse_topology(namespaces))
    read = {netns: facts.document(state) for netns, state in kernel.state.items()}
    document = parse_topology(read, purge=True)
    assert plan(document, kernel.observe(document)).operations == []


@given(anything)
def test_the_diff_names_each_fact_once(namespaces: Any) -> None:
    kernel, document = PureKernel(), parse_topology(namespaces)
    diff = plan(document, kernel.observe(document)).diff()
    lines = diff["after"].splitlines()
    assert len(lines) == len(set(lines))
    assert diff["before"] == ""


@given(anything)
def test_entries_come_before_the_routes_that_use_them(namespaces: Any) -> None:
    kernel, document = PureKernel(), parse_topology(namespaces)
    kinds = [
        type(item.after).__name__ for item in plan(document, kernel.observe(document)).operations if not item.netns
    ]
    if "Route" in kinds:
        first = kinds.index("Route")
        assert not {"Link", "Address", "Neighbour", "FdbEntry"} & set(kinds[first:])


# -- one rule at a time ----------------------------------------------------------------------------


def steps(todo: Plan) -> list[str]:
    """Operations in short: ``create veth0``, ``veth0 controller=br0 admin_state=up``."""
    found = []
    for operation in todo.operations:
        item = operation.after or operation.before
        if operation.verb in ("set", "follow") and isinstance(item, Link):
            verb = ["follows"] if operation.verb == "follow" else []
            found.append(" ".join([item.name, *verb, *(f"{key}={value}" for key, value in item.attributes.items())]))
        else:
            found.append(f"{operation.verb} {getattr(item, 'name', None) or '/'.join(map(str, item[:2]))}")
    return found


def host(*links: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"": {"links": list(links), **more}}


def veth(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "veth", "peer": {"name": f"{name}p"}, **more}


def bond(**more: Any) -> dict[str, Any]:
    return {"name": "bond0", "kind": "bond", **more}


def prepared(*namespaces: dict[str, Any]) -> PureKernel:
    kernel = PureKernel()
    for item in namespaces:
        kernel.run(parse_topology(item))
    return kernel


def planned(kernel: PureKernel, namespaces: dict[str, Any], **more: Any) -> Plan:
    document = parse_topology(namespaces, **more)
    return plan(document, kernel.observe(document))


def test_a_bonds_port_is_down_while_it_joins() -> None:
    kernel = prepared(host(veth("eth0"), bond(mode="active-backup")))
    todo = planned(kernel, host(bond(ports=["eth0"])))
    assert steps(todo) == ["eth0 admin_state=down", "eth0 controller=bond0", "eth0 admin_state=up"]
    assert todo.diff() == {"before": "link eth0 no controller\n", "after": "link eth0 controller bond0\n"}


def test_a_new_bonds_ports_come_up_once() -> None:
    todo = planned(PureKernel(), host(veth("eth0", controller="bond0"), bond(mode="802.3ad", lacp_rate="fast")))
    assert steps(todo)[:3] == ["create eth0", "create bond0", "eth0 controller=bond0"]
    assert steps(todo)[3:] == [
        "eth0 follows mtu=1500",
        "eth0 admin_state=up",
        "eth0p admin_state=up",
        "bond0 admin_state=up",
    ]
    assert "link bond0 type bond mtu 1500 mode 802.3ad lacp_rate fast miimon 100\n" in todo.diff()["after"]


def test_a_bonds_mode_changes_without_ports_and_down() -> None:
    kernel = prepared(host(veth("eth0"), veth("eth1"), bond(mode="active-backup", ports=["eth0", "eth1"])))
    todo = planned(kernel, host(bond(mode="802.3ad", ports=["eth0", "eth1"])))
    assert steps(todo) == [
        "bond0 admin_state=down",
        "eth0 controller=",
        "eth1 controller=",
        "bond0 mode=802.3ad miimon=100",
        f"bond0 mac_address={kernel.state[''].links['bond0'].attributes['mac_address']}",
        "eth0 admin_state=down",
        "eth0 controller=bond0",
        "eth0 admin_state=up",
        "eth1 admin_state=down",
        "eth1 controller=bond0",
        "eth1 admin_state=up",
        "bond0 admin_state=up",
    ]
    assert todo.diff() == {
        "before": "link bond0 mode active-backup\nlink bond0 miimon 0\n",
        "after": "link bond0 mode 802.3ad\nlink bond0 miimon 100\n",
    }
    assert kernel.run(parse_topology(host(bond(mode="802.3ad", ports=["eth0", "eth1"]))))


@pytest.mark.parametrize(("option", "values"), [("lacp_rate", ("slow", "fast")), ("ad_select", ("stable", "count"))])
def test_what_a_bond_changes_only_when_down(option: str, values: tuple[str, str]) -> None:
    kernel = prepared(host(veth("eth0"), bond(mode="802.3ad", ports=["eth0"], **{option: values[0]})))
    todo = planned(kernel, host(bond(**{option: values[1]})))
    assert steps(todo) == ["bond0 admin_state=down", f"bond0 {option}={values[1]}", "bond0 admin_state=up"]


@pytest.mark.parametrize(
    ("option", "value"), [("miimon", 50), ("min_links", 2), ("xmit_hash_policy", "layer3+4"), ("primary", "eth1")]
)
def test_what_a_bond_changes_while_up(option: str, value: Any) -> None:
    ports = ["eth0", "eth1"]
    kernel = prepared(host(veth("eth0"), veth("eth1"), bond(mode="active-backup", ports=ports, miimon=100)))
    assert steps(planned(kernel, host(bond(**{option: value})))) == [f"bond0 {option}={value}"]


def test_a_bond_that_was_down_stays_down() -> None:
    kernel = prepared(host(bond(mode="active-backup", admin_state="down")))
    todo = planned(kernel, host(bond(mode="802.3ad", admin_state="down")))
    assert steps(todo) == ["bond0 mode=802.3ad miimon=100"]


# (what a bond has, what is asked for, what is sent, what the diff shows before and after)
BESIDES = {
    "a mode that checks the carrier": (
        {}, {"mode": "balance-tlb"}, "mode=balance-tlb miimon=100", ["miimon 0", "miimon 100"]
    ),
    "no checks, though the mode means them": ({}, {"mode": "802.3ad", "miimon": 0}, "mode=802.3ad miimon=0", None),
    "checks that were there": ({"miimon": 50}, {"mode": "802.3ad"}, "mode=802.3ad", None),
    "delays stay": (
        {"miimon": 100, "updelay": 200}, {"miimon": 50}, "miimon=50 updelay=200", ["miimon 100", "miimon 50"]
    ),
    "delays are multiples": (
        {"miimon": 100, "updelay": 200}, {"miimon": 30}, "miimon=30 updelay=180", ["updelay 200", "updelay 180"]
    ),
    "delays end with the checks": (
        {"miimon": 100, "updelay": 200, "downdelay": 100}, {"miimon": 0, "updelay": 0}, "miimon=0",
        ["updelay 200", "updelay 0", "downdelay 100", "downdelay 0"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("known", "more", "sent", "shown"), BESIDES.values(), ids=BESIDES)
def test_what_a_bond_changes_besides(known: Any, more: Any, sent: str, shown: list[str] | None) -> None:
    kernel = prepared(host(bond(**{"mode": "active-backup", "admin_state": "down", **known})))
    document = parse_topology(host(bond(admin_state="down", **more)))
    todo = plan(document, kernel.observe(document))
    assert [step for step in steps(todo) if "follows" not in step] == [f"bond0 {sent}"]
    for line in shown or ():
        assert f"link bond0 {line}\n" in todo.diff()["before"] + todo.diff()["after"]
    assert shown or not {"delay", "miimon"} & {*str(todo.diff()).split()}
    assert len(kernel.run(document)) == 1
    assert planned(kernel, host(bond(**more, admin_state="down"))).operations == []


def test_a_bond_gives_its_mtu_to_its_ports() -> None:
    kernel = prepared(host(veth("eth0", mtu=9000), bond(mode="active-backup")))
    todo = planned(kernel, host(bond(ports=["eth0"])))
    assert "eth0 follows mtu=1500" in steps(todo)
    assert ("link eth0 mtu 9000\n" in todo.diff()["before"], "link eth0 mtu 1500\n" in todo.diff()["after"]) == (
        True,
        True,
    )
    kernel.run(parse_topology(host(bond(ports=["eth0"]))))
    todo = planned(kernel, host(bond(mtu=1400)))
    assert steps(todo) == ["bond0 mtu=1400", "eth0 follows mtu=1400"]
    todo = planned(kernel, host(veth("eth0", mtu=1400), bond(mtu=1400)))
    assert (steps(todo), todo.diff()["after"]) == (
        ["eth0 mtu=1400", "bond0 mtu=1400"],
        "link eth0 mtu 1400\nlink bond0 mtu 1400\n",
    )


@pytest.mark.parametrize("there", [True, False])
def test_a_port_of_a_bond_has_no_mtu_of_its_own(there: bool) -> None:
    kernel = prepared(host(veth("eth0"), bond(mode="active-backup", mtu=1400, ports=["eth0"] if there else [])))
    for wanted in (
        host(veth("eth0", mtu=1450, controller="bond0")),
        host(bond(mtu=1300), veth("eth0", mtu=1400, controller="bond0")),
    ):
        with pytest.raises(
            InvalidParameter, match=r"which gives its own MTU of 1[34]00 to its ports: give 14\d0 to bond0"
        ):
            planned(kernel, wanted)
    assert planned(kernel, host(veth("eth0", mtu=1450, controller=""))).operations


def test_a_port_that_leaves_gets_what_it_asks_for_last() -> None:
    kernel = prepared(host(veth("eth0"), bond(mode="active-backup", mtu=1400, ports=["eth0"])))
    wanted = host(veth("eth0", mtu=1450, mac_address="02:00:5e:00:00:09", controller=""))
    assert steps(planned(kernel, wanted))[:2] == ["eth0 controller=", "eth0 mtu=1450 mac_address=02:00:5e:00:00:09"]
    assert len(kernel.run(parse_topology(wanted))) == 1


def test_a_ports_own_mac_is_no_drift() -> None:
    wanted = host(
        veth("eth0", mac_address="02:00:5e:00:00:01"),
        veth("eth1", mac_address="02:00:5e:00:00:02"),
        bond(mode="active-backup", ports=["eth0", "eth1"]),
    )
    kernel = prepared(wanted)
    assert {kernel.state[""].links[name].attributes["mac_address"] for name in ("eth0", "eth1", "bond0")} == {
        "02:00:5e:00:00:01"
    }
    assert planned(kernel, wanted).operations == []
    todo = planned(kernel, host(veth("eth1", mac_address="02:00:5e:00:00:03")))
    assert steps(todo) == [
        "eth1 controller=",
        "eth1 follows mac_address=02:00:5e:00:00:02",
        "eth1 mac_address=02:00:5e:00:00:03",
        "eth1 admin_state=down",
        "eth1 controller=bond0",
        "eth1 admin_state=up",
    ]


@pytest.mark.parametrize("how", ["active", "follow"])
def test_mac_addresses_that_move_between_ports_are_no_drift(how: str) -> None:
    macs = [f"02:00:5e:00:00:0{number}" for number in (1, 2, 3)]
    kernel = prepared(
        host(
            veth("eth0", mac_address=macs[0]),
            veth("eth1", mac_address=macs[1]),
            bond(mode="active-backup", ports=["eth0", "eth1"]),
        )
    )
    links = kernel.state[""].links
    links["bond0"].attributes["fail_over_mac"] = how
    for name, mac in (("eth0", macs[1]), ("eth1", macs[0]), ("bond0", macs[1])):  # eth1 is active
        links[name].attributes["mac_address"] = mac
    same = host(veth("eth0", mac_address=macs[0]), veth("eth1", mac_address=macs[1]), bond(mac_address=macs[0]))
    assert planned(kernel, same).operations == []
    with pytest.raises(
        InvalidParameter, match="mac_address: '02:00:5e:00:00:03' is refused: bond0 has that of the port"
    ):
        planned(kernel, host(bond(mac_address=macs[2])))


def test_what_sits_on_a_link_gets_its_mtu() -> None:
    """A VLAN and a macvlan no more than that, an ipvlan just that."""
    kernel = prepared(
        host(veth("eth0", mtu=1500), {"name": "vlan5", "kind": "vlan", "parent": "eth0", "vlan_id": 5, "mtu": 1500}),
        host(veth("eth1", mtu=1500), {"name": "ip0", "kind": "ipvlan", "parent": "eth1", "mtu": 1400}),
    )
    todo = planned(kernel, host(veth("eth0", mtu=1450), veth("eth1", mtu=1450)))
    assert [step for step in steps(todo) if "follows" in step] == ["vlan5 follows mtu=1450", "ip0 follows mtu=1450"]
    assert [step for step in steps(planned(kernel, host(veth("eth0", mtu=1600)))) if "follows" in step] == []
    both = host(veth("eth1", mtu=1450), {"name": "ip0", "kind": "ipvlan", "parent": "eth1", "mtu": 1400})
    assert planned(kernel, both).diff() == {"before": "link eth1 mtu 1500\n", "after": "link eth1 mtu 1450\n"}
    assert len(kernel.run(parse_topology(both))) == 1


def test_a_primary_is_there_before_its_bond() -> None:
    todo = planned(PureKernel(), host(bond(mode="active-backup", primary="eth1", ports=["eth1"]), veth("eth1")))
    assert steps(todo)[:3] == ["create eth1", "create bond0", "eth1 controller=bond0"]


def test_delays_are_multiples_of_miimon() -> None:
    for options in ({"updelay": 150}, {"updelay": 150, "miimon": 100}, {"downdelay": 1, "miimon": 2}):
        with pytest.raises(InvalidParameter, match=r"delay: .*miimon"):
            parse_topology(host(bond(mode="802.3ad", **options)))


def test_a_port_moves_from_a_bridge_to_a_bond() -> None:
    kernel = prepared(host({"name": "br0", "kind": "bridge"}, veth("eth0", controller="br0"), bond(mode="802.3ad")))
    todo = planned(kernel, host(veth("eth0", controller="bond0")))
    assert steps(todo) == ["eth0 admin_state=down", "eth0 controller=bond0", "eth0 admin_state=up"]


def vlan(name: str, parent: str, vlan_id: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "vlan", "parent": parent, "vlan_id": vlan_id, **more}


def test_vlans_in_vlans_on_a_bond() -> None:
    inner, outer = vlan("inner", "outer", 20), vlan("outer", "bond0", 10, protocol="802.1ad")
    todo = planned(PureKernel(), host(inner, outer, bond(mode="802.3ad", ports=["eth0"]), veth("eth0")))
    made = [step for step in steps(todo) if step.startswith("create")]
    assert made == ["create bond0", "create outer", "create inner", "create eth0"]
    kernel = prepared(host(inner, outer, bond(mode="802.3ad", ports=["eth0"]), veth("eth0")))
    gone = planned(kernel, host(inner, outer, bond()), absent=True)
    assert steps(gone) == ["delete inner", "delete outer", "delete bond0"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vlan_id": 11}, "vlan_id is 10, not 11"),
        ({"protocol": "802.1ad"}, "protocol is 802.1q, not 802.1ad"),
        ({"parent": "eth1"}, "parent is eth0, not eth1"),
    ],
)
def test_a_vlan_is_made_again_only_when_allowed(change: dict[str, Any], told: str) -> None:
    kernel = prepared(host(veth("eth0"), veth("eth1"), vlan("vlan10", "eth0", 10, addresses=["192.0.2.1/24"])))
    wanted = {**vlan("vlan10", "eth0", 10, addresses=["192.0.2.1/24"]), **change}
    with pytest.raises(FabricError, match=f"link vlan10: {told}; .*'recreate: true'"):
        planned(kernel, host(wanted))
    todo = planned(kernel, host({**wanted, "recreate": True}))
    assert steps(todo) == ["delete vlan10", "create vlan10", "vlan10 admin_state=up", "create vlan10/192.0.2.1/24"]
    assert "link vlan10 type vlan" in todo.diff()["before"]


def test_a_parent_that_is_made_again_takes_its_vlan_along() -> None:
    kernel = prepared(host(vlan("vlan10", "eth0", 10), {"name": "eth0", "kind": "bridge"}))
    wanted = host(veth("eth0", recreate=True), vlan("vlan10", "eth0", 10))
    assert steps(planned(kernel, wanted))[:3] == ["delete eth0", "create eth0", "create vlan10"]
    kernel.run(parse_topology(wanted))
    assert kernel.state[""].links["vlan10"].attributes["parent"] == "eth0"


def test_a_vlan_on_itself() -> None:
    with pytest.raises(InvalidParameter, match=r"parent: 'a' is refused: a vlan cannot sit on itself"):
        parse_topology(host(vlan("a", "a", 1)))
    loop = parse_topology(host(vlan("a", "b", 1), vlan("b", "a", 2)))
    with pytest.raises(InvalidParameter, match="it sits on itself, by way of others"):
        plan(loop, PureKernel().observe(loop))


def test_a_link_does_not_carry_what_it_sits_on() -> None:
    vxlan = {"name": "vxlan0", "kind": "vxlan", "vni": 1, "dev": "br0", "controller": "br0"}
    document = parse_topology(host({"name": "br0", "kind": "bridge"}, vxlan))
    with pytest.raises(InvalidParameter, match="controller: 'br0' is refused: vxlan0 sits on it"):
        plan(document, PureKernel().observe(document))


def test_the_mtu_of_what_is_below() -> None:
    for link, most in (
        (vlan("up", "eth0", 1), 1500),
        ({"name": "up", "kind": "vxlan", "vni": 1, "dev": "eth0"}, 1450),
        ({"name": "up", "kind": "vxlan", "vni": 1, "dev": "eth0", "local": "2001:db8::1"}, 1430),
    ):
        kernel = prepared(host(veth("eth0", mtu=1500)))
        assert planned(kernel, host({**link, "mtu": most})).operations
        with pytest.raises(InvalidParameter, match=rf"mtu: {most + 1} is refused: .*at most {most}$"):
            planned(kernel, host({**link, "mtu": most + 1}))


def test_two_vxlans_of_one_number() -> None:
    one = {"name": "one", "kind": "vxlan", "vni": 5}
    kernel = prepared(host(one))
    with pytest.raises(InvalidParameter, match="vni: 5 is refused: one has this VNI on port 4789 already"):
        planned(kernel, host({**one, "name": "two"}))
    assert planned(kernel, host({**one, "name": "two", "port": 8472})).operations
    assert planned(kernel, host({**one, "name": "two", "local": "2001:db8::1"})).operations


# -- ports that keep what they receive ---------------------------------------------------------------


def test_a_port_of_a_vrf_stays_up_and_its_addresses_are_restored() -> None:
    link = veth("eth0", addresses=["10.0.0.1/24", "fd00::1/64"])
    vrf = {"name": "vrf0", "kind": "vrf", "table": 10}
    kernel = prepared(host(link, vrf))
    document = parse_topology(host({**link, "controller": "vrf0"}, vrf))
    first, second = kernel.run(document)
    assert (steps(first), steps(second)) == (["eth0 controller=vrf0"], ["create eth0/fd00::1/64"])
    assert kernel.state[""].links["eth0"].attributes["admin_state"] == "up"


def test_a_port_of_a_vrf_can_be_a_parent() -> None:
    vrf = {"name": "vrf0", "kind": "vrf", "table": 10, "ports": ["eth0"]}
    kernel = prepared(host(veth("eth0"), vrf, on("macvlan", "mac0", "eth0")))
    assert kernel.state[""].links["mac0"].attributes["parent"] == "eth0"
    assert planned(kernel, host({**vrf, "ports": [], "purge_ports": True})).operations


# -- what takes all that a link receives -------------------------------------------------------------


def on(kind: str, name: str, parent: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "parent": parent, **more}


def test_a_pods_macvlan_comes_after_its_parent() -> None:
    pod = {"links": [on("macvlan", "eth0", "eth0", parent_netns="", mtu="auto")]}
    todo = planned(PureKernel(), {"one": pod, **host(veth("eth0", mtu=1400))})
    made = [item for item in todo.operations if item.verb == "create" and isinstance(item.after, Link)]
    assert [(item.netns, item.after.name, item.after.attributes["mtu"]) for item in made] == [
        ("", "eth0", 1400),
        ("one", "eth0", 1400),
    ]


def test_a_parent_takes_a_pods_macvlan_along() -> None:
    pod = {"links": [on("macvlan", "mac0", "eth0", parent_netns="")]}
    kernel = prepared({**host({"name": "eth0", "kind": "dummy"}), "one": pod})
    wanted = {**host(veth("eth0", recreate=True)), "one": pod}
    assert steps(planned(kernel, wanted))[:3] == ["delete eth0", "create eth0", "create mac0"]
    kernel.run(parse_topology(wanted))
    assert kernel.state["one"].links["mac0"].attributes["parent_netns"] == ""


@pytest.mark.parametrize(("old", "new", "possible"), [
    ("bridge", "private", True), ("vepa", "source", True), ("bridge", "passthru", False), ("passthru", "vepa", False),
])  # fmt: skip
def test_a_macvlan_changes_its_mode_in_place_but_not_to_or_from_passthru(old: str, new: str, possible: bool) -> None:
    kernel = prepared(host(veth("eth0"), on("macvlan", "mac0", "eth0", mode=old)))
    wanted = on("macvlan", "mac0", "eth0", mode=new)
    if possible:
        assert steps(planned(kernel, host(wanted))) == [f"mac0 mode={new}"]
        return
    with pytest.raises(FabricError, match=f"link mac0: mode is {old}, not {new}; .*'recreate: true'"):
        planned(kernel, host(wanted))
    assert steps(planned(kernel, host({**wanted, "recreate": True})))[:2] == ["delete mac0", "create mac0"]


def test_ipvlans_on_one_parent_change_together() -> None:
    def both(mode: str) -> dict[str, Any]:
        return host(veth("eth0"), *(on("ipvlan", name, "eth0", mode=mode) for name in ("ip0", "ip1")))

    kernel = prepared(both("l2"))
    told = "mode: 'l3' is refused: ip1 has l2, and all ipvlans on eth0 have one mode: change them together"
    with pytest.raises(InvalidParameter, match=told):
        planned(kernel, host(on("ipvlan", "ip0", "eth0", mode="l3")))
    assert steps(planned(kernel, both("l3"))) == ["ip0 mode=l3", "ip1 mode=l3"]


def test_a_macvlan_gives_way_to_an_ipvlan() -> None:
    kernel = prepared(host(veth("eth0"), on("macvlan", "x0", "eth0"), on("macvlan", "x1", "eth0")))
    wanted = [on("ipvlan", name, "eth0", recreate=True) for name in ("x0", "x1")]
    with pytest.raises(InvalidParameter, match="parent: 'eth0' is refused: x1 is a macvlan on it"):
        planned(kernel, host(wanted[0]))
    assert steps(planned(kernel, host(*wanted)))[:4] == ["delete x0", "delete x1", "create x0", "create x1"]


def test_an_ipvlan_in_netlinks_form() -> None:
    """pyroute2 itself knows no flags of an ipvlan."""
    message = pyroute2_ifinfmsg()()
    data = {"attrs": [("IFLA_IPVLAN_MODE", 1), ("IFLA_IPVLAN_FLAGS", 2)]}
    message["attrs"] = [("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "ipvlan"), ("IFLA_INFO_DATA", data)]})]
    message.encode()
    # struct nlattr: length, type; IFLA_IPVLAN_MODE is 1 and IFLA_IPVLAN_FLAGS is 2, both 16 bits wide
    assert struct.pack("=HHHxxHHHxx", 6, 1, 1, 6, 2, 2) in bytes(message.data)


# -- tunnels, and devices of programs -----------------------------------------------------------------


def test_a_change_of_a_tunnel_repeats_all_and_shows_what_changes() -> None:
    ipip = {"name": "ipip0", "kind": "ipip", "local": "192.0.2.1", "remote": "192.0.2.2", "tos": 4}
    kernel = prepared(host(ipip))
    todo = planned(kernel, host({"name": "ipip0", "kind": "ipip", "ttl": 9}))
    (operation,) = todo.operations
    assert {**ipip, "ttl": 9}.items() <= {"name": "ipip0", "kind": "ipip", **operation.after.attributes}.items()
    assert todo.diff() == {"before": "link ipip0 ttl 0\n", "after": "link ipip0 ttl 9\n"}
    kernel.apply(operation)
    assert kernel.state[""].links["ipip0"].attributes["remote"] == "192.0.2.2"


def test_a_tunnel_gets_no_first_remote() -> None:
    kernel = prepared(host({"name": "ipip0", "kind": "ipip", "local": "192.0.2.1"}))
    with pytest.raises(FabricError, match=r"remote is none, not 192\.0\.2\.2; the kernel cannot"):
        planned(kernel, host({"name": "ipip0", "kind": "ipip", "remote": "192.0.2.2"}))


def test_what_a_program_holds_may_stay_as_it_is() -> None:
    tap = {"name": "tap0", "kind": "tuntap", "mode": "tap"}
    kernel = prepared(host(tap))
    with pytest.raises(InvalidParameter, match="persist: False is refused: no program holds it"):
        planned(kernel, host({**tap, "persist": False}))
    kernel.state[""].links["tap0"].attributes["persist"] = False
    assert planned(kernel, host({**tap, "persist": False})).operations == []


# -- purging, and what is not ours ------------------------------------------------------------------


def test_two_documents_share_an_interface() -> None:
    """Each knows its routes by a number of its own, so neither takes the other's for its own leftovers."""
    kernel = prepared(host(veth("eth0", addresses=["10.0.0.1/24"])))
    first = host({"name": "eth0"}, routes=[{"dst": f"10.{net}.0.0/16", "dev": "eth0"} for net in (1, 2)])
    second = host({"name": "eth0"}, routes=[{"dst": f"10.{net}.0.0/16", "dev": "eth0"} for net in (3, 4)])
    kernel.run(parse_topology(first))
    kernel.run(parse_topology(second, purge=True, route_protocol=120))
    assert {found.dst: found.protocol for found in flattened(kernel.state[""].routes)} == {
        "10.1.0.0/16": 119, "10.2.0.0/16": 119, "10.3.0.0/16": 120, "10.4.0.0/16": 120,
    }  # fmt: skip
    assert not planned(kernel, first, purge=True).operations
    second[""]["routes"].pop()
    assert steps(planned(kernel, second, purge=True, route_protocol=120)) == ["delete 10.4.0.0/16/254"]
    assert steps(planned(kernel, host(), purge=True, route_protocol=120)) == [
        "delete 10.3.0.0/16/254", "delete 10.4.0.0/16/254",
    ]  # fmt: skip
    assert steps(planned(kernel, host(), absent=True, route_protocol=120)) == [
        "delete 10.3.0.0/16/254", "delete 10.4.0.0/16/254",
    ]  # fmt: skip
    assert not planned(kernel, host(), absent=True).operations
    with pytest.raises(InvalidParameter, match="route_protocol: 186 is refused"):
        parse_topology(host(), route_protocol=186)


def test_routes_of_others_stay() -> None:
    wanted = host(veth("eth0", addresses=["10.0.0.1/24"]), routes=[{"dst": "10.1.0.0/16", "dev": "eth0"}])
    kernel = prepared(wanted)
    (ours,) = flattened(kernel.state[""].routes)
    assert ours.protocol == ROUTE_PROTOCOL
    for number, foreign in enumerate((2, 3, 4, 16)):  # kernel, boot, static, dhcp
        route = ours._replace(dst=f"10.{number + 10}.0.0/16", protocol=foreign)
        kernel.state[""].routes[route.place] = (route,)
    todo = planned(kernel, host(veth("eth0", addresses=["10.0.0.1/24"])), purge=True)
    assert steps(todo) == ["delete 10.1.0.0/16/254"]


def test_secondary_addresses_outlive_their_first() -> None:
    wanted = host(veth("eth0", addresses=["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24", "10.5.0.1/24"]))
    kernel = prepared(wanted)
    document = parse_topology(host(veth("eth0", addresses=["10.0.0.3/24"])), purge=True)
    assert len(kernel.run(document)) == 1
    assert [item.address for item in kernel.state[""].addresses.values()] == ["10.0.0.3/24"]


def test_an_ipv6_address_gets_another_prefix_length() -> None:
    kernel = prepared(host(veth("eth0", addresses=["fd00::1/64"])))
    todo = planned(kernel, host(veth("eth0", addresses=["fd00::1/48"])))
    assert steps(todo) == ["delete eth0/fd00::1/64", "create eth0/fd00::1/48"]


def test_a_route_that_is_changed_keeps_what_nobody_spoke_of() -> None:
    link = veth("eth0", addresses=["10.0.0.1/24"])
    route = {"dst": "10.1.0.0/16", "via": "10.0.0.9", "dev": "eth0"}
    kernel = prepared(host(link, routes=[{**route, "mtu": 1400, "src": "10.0.0.1"}]))
    assert planned(kernel, host(link, routes=[route])).operations == []
    (operation,) = planned(kernel, host(link, routes=[{**route, "mtu": 1300}])).operations
    assert (operation.after.mtu, operation.after.src) == (1300, "10.0.0.1")


def test_ports_are_taken_out_only_when_asked() -> None:
    bridge = {"name": "br0", "kind": "bridge"}
    kernel = prepared(host(bridge, veth("a", controller="br0"), veth("b", controller="br0")))
    assert planned(kernel, host({**bridge, "ports": ["a"]})).operations == []
    assert steps(planned(kernel, host({**bridge, "ports": ["a"], "purge_ports": True}))) == ["b controller="]


def test_a_port_of_another_bridge_is_not_taken() -> None:
    bridges = [{"name": name, "kind": "bridge"} for name in ("br0", "br1")]
    kernel = prepared(host(*bridges, veth("a", controller="br0")))
    with pytest.raises(InvalidParameter, match=r"ports\[0\].*'a' is refused: a is a port of br0: take it out there"):
        planned(kernel, host({**bridges[1], "ports": ["a"]}))


# -- a veth's other end ------------------------------------------------------------------------------


def test_a_veths_end_moves_and_is_renamed() -> None:
    def pair(netns: str, name: str) -> dict[str, Any]:
        end = {"name": name, "netns": netns, "addresses": ["10.0.0.2/24"]}
        return {**host({"name": "veth0", "kind": "veth", "peer": end}), "one": {}, "two": {}}

    kernel = prepared(pair("one", "eth0"))
    for place, name in (("two", "eth0"), ("two", "eth7"), ("one", "eth1")):
        kernel.run(parse_topology(pair(place, name)))
        assert kernel.state[""].links["veth0"].peer == (place, name)
        assert name in kernel.state[place].links


def test_an_end_that_is_somewhere_else_needs_leave() -> None:
    kernel = prepared({**host({**veth("veth0"), "peer": {"name": "eth0", "netns": "one"}}), "one": {}})
    wanted = host(veth("veth0"))
    with pytest.raises(FabricError, match=r"link veth0: its other end is not veth0p here; .*'recreate: true'"):
        planned(kernel, wanted)
    assert kernel.run(parse_topology(host(veth("veth0", recreate=True))))


ENTRY = {"dev": "eth9", "dst": "10.0.0.1", "lladdr": "02:00:00:00:00:01"}


# -- what is missing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("namespaces", "told"),
    [
        (host(vlan("v", "eth9", 1)), "link eth9 does not exist"),
        (host({"name": "eth9"}), "link eth9 does not exist"),
        (host({**veth("a"), "controller": "br9"}), "link br9 does not exist"),
        (host(addresses=[{"dev": "eth9", "address": "10.0.0.1/24"}]), "link eth9 does not exist"),
        (host(routes=[{"dev": "eth9", "dst": "10.0.0.0/24"}]), "link eth9 does not exist"),
        (host(neighbours=[ENTRY]), "link eth9 does not exist"),
        (host(fdb=[ENTRY]), "link eth9 does not exist"),
        ({"": {"links": [{**veth("a"), "peer": {"name": "b", "netns": "nine"}}]}}, "namespace nine does not exist"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_an_error_and_in_check_mode_a_warning(namespaces: Any, told: str) -> None:
    document = parse_topology(namespaces)
    observed = PureKernel().observe(document)
    with pytest.raises(FabricError, match=told):
        plan(document, observed)
    (warning,) = plan(document, observed, check=True).warnings
    assert told in warning


# -- routes and rules that look alike ---------------------------------------------------------------


def alike(*routes: Route) -> PureKernel:
    """A host with v0 and v1, and routes that have one key."""
    kernel = prepared(host(*(veth(name, addresses=[f"10.{name[1]}.0.1/24"]) for name in ("v0", "v1"))))
    kernel.state[""].routes = by_place(
        route._replace(scope=route.usual_scope, expires=False, mtu_lock=False, onlink=False) for route in routes
    )
    return kernel


FIRST = Route("10.9.0.0/16", 254, 5, type="unicast", via="10.0.0.2", dev="v0", protocol=3)
SECOND = FIRST._replace(via="10.1.0.2", dev="v1")
HOPS6 = Route(
    "fd09::/64", 254, 1024, type="unicast", nexthops=(Hop("fd00::2", "v0"), Hop("fd01::2", "v1")), protocol=119
)


@pytest.mark.parametrize(
    ("there", "item", "expected"),
    [
        ([FIRST, SECOND], {"via": "10.1.0.2"}, []),
        ([FIRST, SECOND], {"via": "10.0.0.3"}, ["set"]),
        ([FIRST, SECOND], {"via": "10.1.0.2", "mtu": 1400}, ["create", "delete"]),
        ([FIRST, SECOND._replace(protocol=119)], {"via": "10.1.0.3"}, ["create", "delete"]),
        ([FIRST._replace(tos=16)], {"via": "10.0.0.2"}, ["create"]),
        ([FIRST._replace(expires=None, metric=6)], {"via": "10.0.0.2"}, ["create"]),
        ([HOPS6], {"dst": "fd09::/64", "metric": 1024, "via": "fd01::2"}, []),
        ([HOPS6], {"dst": "fd09::/64", "metric": 1024, "via": "fd01::2", "mtu": 1400}, ["set"]),
        ([HOPS6], {"dst": "fd09::/64", "metric": 1024, "dev": "v0"}, ["set"]),
    ],
)
def test_the_route_that_is_meant(there: list[Route], item: dict[str, Any], expected: list[str]) -> None:
    kernel = alike(*there)
    route = {"dst": "10.9.0.0/16", "metric": 5, **item}
    todo = planned(kernel, host(routes=[route]))
    assert [operation.verb for operation in todo.operations] == expected
    kernel.run(parse_topology(host(routes=[route])))
    assert planned(kernel, host(routes=[route])).operations == []


def test_a_rule_is_replaced_after_its_successor_is_there() -> None:
    rule = {"priority": 5, "from": "10.0.0.0/8"}
    kernel = prepared(host(rules=[{**rule, "table": 7}]))
    todo = planned(kernel, host(rules=[{**rule, "table": 8}]))
    assert [operation.verb for operation in todo.operations] == ["create", "delete"]
    kernel.run(parse_topology(host(rules=[{**rule, "table": 8}])))
    assert [rule.table for rule in kernel.state[""].rules] == [8]
    assert not planned(kernel, host(), purge=True).operations
    assert [operation.verb for operation in planned(kernel, host(rules=[]), purge=True).operations] == ["delete"]
