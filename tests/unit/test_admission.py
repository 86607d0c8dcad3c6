# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is admitted: from the inventory to the rules, and the order in which a run changes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import parse as document
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import carry_out
from ansible_collections.weft.fabric.plugins.module_utils.nft import admission, listing, rules, sets, table
from ansible_collections.weft.fabric.plugins.module_utils.sections import topology
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Outcome, Run
from ansible_collections.weft.fabric.plugins.plugin_utils.documents import ROLES
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Host
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.inventory import Inventory
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.validation import validate
from ansible_collections.weft.fabric.tests.overlays import overlays_of, planned
from ansible_collections.weft.fabric.tests.unit.test_validation import OPTIONS

PEER = {"address": "192.0.2.2", "sources": ["10.244.1.0/24"]}


def overlay(*peers: dict[str, Any], vni: int = 10) -> list[dict[str, Any]]:
    return [{"port": 4789, "vni": vni, "peers": [*peers]}]


def rules_of(*peers: dict[str, Any]) -> tuple[rules.Lookup, ...]:
    return admission.rules(admission.parse("admission", overlay(*peers)))


# -- rules -----------------------------------------------------------------------------------------


def test_the_table() -> None:
    wide = {"address": "2001:db8::/32", "sources": ["10.244.0.0/15", "fd00::/60"]}
    text = rules.render("weft_admission", rules_of(PEER, wide))
    assert [line.partition(" comment")[0].strip() for line in text.splitlines()] == [
        "table inet weft_admission {",
        "counter dropped {",
        "}",
        "set ports {",
        "typeof udp dport",
        "elements = { 4789 }",
        "}",
        "set peers_4_4_24 {",
        "typeof ip saddr . udp dport . @th,96,24 . @th,336,24",
        "elements = { 192.0.2.2 . 4789 . 10 . 717825 }",
        "}",
        "set networks_6_4_15 {",
        "typeof ip6 saddr . udp dport . @th,96,24 . @th,336,16",
        "flags interval",
        "elements = { 2001:db8::/32 . 4789 . 10 . 2804 }",
        "}",
        "set networks_6_6_60 {",
        "typeof ip6 saddr . udp dport . @th,96,24 . @th,304,64",
        "flags interval",
        "elements = { 2001:db8::/32 . 4789 . 10 . 18230571291595767808 }",
        "}",
        "chain weft_input {",
        "type filter hook input priority raw; policy accept;",
        "meta l4proto != udp accept",
        "udp dport != @ports accept",
        "@th,224,16 0x800 ip saddr . udp dport . @th,96,24 . @th,336,24 @peers_4_4_24 accept",
        "@th,224,16 0x800 ip6 saddr . udp dport . @th,96,24 . @th,336,16 & 0xfffe @networks_6_4_15 accept",
        "@th,224,16 0x86dd ip6 saddr . udp dport . @th,96,24 . @th,304,64 & 0xfffffffffffffff0 @networks_6_6_60 accept",
        "udp dport @ports counter name dropped drop",
        "}",
        "}",
    ]


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        (7, "admission: 7"),
        ([{"port": 0, "vni": 10}], "admission[0].port: 0"),
        ([{"port": 4789, "vni": -1}], "admission[0].vni: -1"),
        ([{"port": 4789, "vni": 1, "peer": []}], "admission[0].peer"),
        (overlay({"address": "192.0.2.0/33", "sources": ["::/0"]}), "admission[0].peers[0].address: '192.0.2.0/33'"),
        (overlay({"address": "192.0.2.1"}), "admission[0].peers[0].sources: []"),
        (overlay({"address": "192.0.2.1", "sources": ["0.0.0.0/0"]}), "admission[0].peers[0].sources: '0.0.0.0/0'"),
        (
            overlay({"address": "192.0.2.1", "sources": ["10.0.0.1/8"]}),
            "admission[0].peers[0].sources[0]: '10.0.0.1/8'",
        ),
    ],
)
def test_refused(listed: Any, named: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        admission.parse("admission", listed)
    assert str(refusal.value).startswith(named)


def test_networks_that_overlap_are_one() -> None:
    """Also those of the old and the new content: the kernel refuses them in one set."""
    contents = [
        admission.parse("x", overlay({"address": network, "sources": ["10.244.0.0/16"]}))
        for network in ("10.1.0.0/16", "10.0.0.0/8")
    ]
    (found,) = (one for one in rules.sets_of(admission.rules(admission.together(contents))).values() if one.networks)
    assert found.elements == {("10.0.0.0/8", 4789, 10, 0x0AF4)}


# -- listings --------------------------------------------------------------------------------------


def listed(wanted: tuple[rules.Lookup, ...], **changes: Any) -> dict[str, Any]:
    """A table as nft 1.0.6 lists it."""
    where = {"family": "inet", "table": "weft_admission"}

    def shown(field: str | int) -> Any:
        if isinstance(field, int):
            return hex(field) if field >= 2**64 else field - 2**64 if field >= 2**63 else field
        address, slash, length = field.partition("/")
        return {"prefix": {"addr": address, "len": int(length)}} if slash else field

    chain = {**where, "name": "weft_input", "type": "filter", "hook": "input", "prio": -300, "policy": "accept"}
    items: list[dict[str, Any]] = [{"table": {"family": "inet", "name": "weft_admission", "handle": 1}}]
    items += [{"counter": {**where, "name": name, "packets": 3, "bytes": 200}} for name in rules.counters_of(wanted)]
    for one in rules.sets_of(wanted).values():
        elements = [[*map(shown, element)] for element in one.elements]
        elem = [found[0] if len(found) == 1 else {"concat": found} for found in elements]
        flags = {"flags": ["interval"]} if one.networks else {}
        items.append({"set": {**where, "name": one.name, "elem": elem, **flags, **changes.get(one.name, {})}})
    items.append({"chain": {**chain, "handle": 1}})
    items += [
        {"rule": {**where, "chain": "weft_input", "handle": 9 + number, "comment": rule.comment, "expr": []}}
        for number, rule in enumerate(wanted)
    ]
    return {"nftables": items}


ADDRESSES = st.ip_addresses().map(str)
PEERS = st.lists(
    st.fixed_dictionaries(
        {
            "address": ADDRESSES,
            "sources": st.lists(st.sampled_from(["10.1.0.0/16", "10.2.0.0/23", "fd00::/64", "fe00::/120"]), min_size=1),
        }
    ),
    max_size=5,
)


@given(PEERS)
def test_what_was_written_is_read_back(peers: list[Any]) -> None:
    wanted = rules_of(*peers)
    observed = listing.parse("weft_admission", listed(wanted))
    assert observed.has(wanted) and observed.ours
    assert listing.plan("weft_admission", wanted, observed) == ""
    assert listing.predict("weft_admission", wanted, observed)["diff"] == {"before": "", "after": ""}


def test_elements_change_one_by_one() -> None:
    there = listing.parse("weft_admission", listed(rules_of(PEER)))
    wanted = rules_of({**PEER, "address": "192.0.2.3"})
    assert listing.plan("weft_admission", wanted, there) == (
        "delete element inet weft_admission peers_4_4_24 { 192.0.2.2 . 4789 . 10 . 717825 }\n"
        "add element inet weft_admission peers_4_4_24 { 192.0.2.3 . 4789 . 10 . 717825 }\n"
    )
    assert listing.predict("weft_admission", wanted, there)["diff"] == {
        "before": "peer 192.0.2.2 vni 10 port 4789 source 10.244.1.0/24\n",
        "after": "peer 192.0.2.3 vni 10 port 4789 source 10.244.1.0/24\n",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"flags": ["interval"]},
        {"flags": ["timeout"]},
        {"timeout": 60},
        {"elem": [{"elem": {"val": 1, "timeout": 60}}]},
        {"elem": [{"range": [1, 2]}]},
    ],
)
def test_a_set_of_another_kind_is_replaced_with_its_table(change: dict[str, Any]) -> None:
    wanted = rules_of(PEER)
    observed = listing.parse("weft_admission", listed(wanted, peers_4_4_24=change))
    assert listing.plan("weft_admission", wanted, observed) == listing.transaction("weft_admission", wanted)


def test_what_is_shown() -> None:
    wanted = rules_of(PEER)
    assert listing.as_data(listing.parse("weft_admission", listed(wanted)), wanted) == {
        "as_wanted": True,
        "elements": ["peer 192.0.2.2 vni 10 port 4789 source 10.244.1.0/24", "port 4789 of VXLANs"],
        "counters": {"dropped": {"packets": 3, "bytes": 200}},
    }
    assert listing.as_data(None, wanted) == []


# -- order -----------------------------------------------------------------------------------------


def test_a_peer_is_admitted_before_its_entries_and_until_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[Any] = []

    def converge(_name: str, wanted: Any, *_more: Any, **_before: Any) -> dict[str, Any]:
        found = rules.sets_of(wanted)["peers_4_4_24"] if wanted else None
        happened.append(sorted(str(element[0]) for element in found.elements) if found else None)
        return {"changed": True, "diff": {"before": "", "after": ""}}

    def entries(run: Run) -> Any:
        happened.append("topology")
        return [(role, Outcome(True)) for role in run.of("topology")]

    monkeypatch.setattr(table, "converge", converge)
    monkeypatch.setattr(topology, "SECTION", topology.SECTION._replace(converge=entries))
    one, two, none = (
        {"overlay": dict(document("overlay", {**content, "topology": {"namespaces": {"": {}}}}).values)}
        for content in ({"admission": overlay(PEER)}, {"admission": overlay({**PEER, "address": "192.0.2.3"})}, {})
    )
    carry_out(Run(two, [one]))
    assert happened == [["192.0.2.2", "192.0.2.3"], "topology", ["192.0.2.3"]]
    happened.clear()
    carry_out(Run(none, [one]))
    assert happened == ["topology", None]
    happened.clear()
    carry_out(Run(one))
    assert happened == [["192.0.2.2"], "topology"], "as after a restart"


# -- the inventory ---------------------------------------------------------------------------------

NODES = {
    "a": {"number": 0, "address": "192.168.1.138/24", "dev": "e0"},
    "b": {"number": 1, "address": "192.168.2.142/24", "dev": "e0"},
}


def peers(overlays: Any, host: str = "a", **variables: Any) -> list[Any]:
    given = {"overlay_resync": 0, "overlay_admission": True, "overlay_admission_from": [], **variables}
    found = ROLES["overlay"].document(Host(host, given, overlays))
    assert found is not None
    return [(one["port"], one["vni"], one["peers"]) for one in found.get("admission", [])]


def test_each_overlay_with_a_vxlan_has_its_peers() -> None:
    listed = [
        {"name": "red"},
        {"name": "blue", "cidr": "10.5.0.0/16", "vni": 20, "port": 8472, "device": "v1", "bridge": "b1"},
    ]
    found = planned(overlays_of(NODES, *listed))
    assert peers(found) == [
        (4789, 10, [{"address": "192.168.2.142", "sources": ["172.2.1.0/24", "192.168.2.142"]}]),
        (8472, 20, [{"address": "192.168.2.142", "sources": ["10.5.1.0/24", "192.168.2.142"]}]),
    ]
    assert peers(found, overlay_admission="no") == []


def test_without_encapsulation_nothing_is_admitted() -> None:
    same = {**NODES, "b": {**NODES["b"], "address": "192.168.1.139/24"}}
    assert peers(planned(overlays_of(same, mode="direct"))) == []
    assert peers(planned(overlays_of(same, mode="cross_subnet"))) != [], "hosts whose mode has not changed yet"


def test_an_underlay_of_the_other_family_is_no_source() -> None:
    assert peers(planned(overlays_of(NODES, cidr="fd00::/48")), overlay_admission_from=["10.0.0.0/8"])[0][2] == [
        {"address": "192.168.2.142", "sources": ["fd00:0:0:1::/64"]},
        {"address": "10.0.0.0/8", "sources": ["fd00::/48"]},
    ]


def test_further_senders() -> None:
    given = ["192.0.2.1", "10.0.0.0/8", "0.0.0.0/0"]
    assert peers(planned(overlays_of(NODES)), overlay_admission_from=given)[0][2][1:] == [
        {"address": "192.0.2.1", "sources": ["172.2.0.0/16", "192.0.2.1"]},
        {"address": "10.0.0.0/8", "sources": ["172.2.0.0/16", "10.0.0.0/8"]},
        {"address": "0.0.0.0/0", "sources": ["172.2.0.0/16"]},
    ]


ROUTE = {"dst": "192.168.2.0/24", "via": "192.168.1.213", "dev": "e0"}


@pytest.mark.parametrize(
    ("route", "rule", "senders"),
    [
        (ROUTE, {"source": "192.168.2.0/24"}, ["192.168.2.142", "192.168.1.213"]),
        ({**ROUTE, "dst": "default"}, {"source": "192.168.0.0/16"}, ["192.168.2.142", "192.168.1.213"]),
        (ROUTE, {"source": "192.168.1.0/24"}, ["192.168.2.142"]),
        (ROUTE, {"source": "192.168.2.0/24", "exempt": ["192.168.1.0/24"]}, ["192.168.2.142"]),
        ({**ROUTE, "dst": "192.168.3.0/24"}, {"source": "192.168.0.0/16"}, ["192.168.2.142"]),
        ({"dst": "no network"}, {"source": "no network"}, ["192.168.2.142"]),
    ],
    ids=["masqueraded", "by the default route", "other packets", "exempt", "not on the way", "refused elsewhere"],
)
def test_a_router_that_masquerades_is_a_sender(route: Any, rule: Any, senders: list[str]) -> None:
    variables: dict[str, Any] = {name: {"overlay_node": node} for name, node in NODES.items()}
    variables["a"]["mgmt_routing_routes"] = [route]
    variables["r"] = {"masquerade_rules": [rule]}
    found = validate(Inventory(variables, ("a", "b"), "nodes", OPTIONS, routers=("r",)))
    assert [peer["address"] for peer in peers(found.overlays)[0][2]] == senders


def test_a_router_behind_another_one() -> None:
    """a - r - s - b, where s masquerades the packets of b, and a has no route to the network between the routers."""
    variables: dict[str, Any] = {name: {"overlay_node": node} for name, node in NODES.items()}
    variables["a"]["mgmt_routing_routes"] = [ROUTE]
    variables["r"] = {"mgmt_routing_routes": [{**ROUTE, "via": "10.0.0.2"}]}
    variables["s"] = {"masquerade_rules": [{"source": "192.168.2.0/24"}]}
    found = validate(Inventory(variables, ("a", "b"), "nodes", OPTIONS, routers=("r", "s")))
    assert [peer["address"] for peer in peers(found.overlays)[0][2]] == ["192.168.2.142", "192.168.1.213", "10.0.0.2"]


def test_what_is_wrong_with_further_senders() -> None:
    variables = {"a": {"overlay_node": NODES["a"], "overlay_admission_from": ["10.0.0.1/8", "192.0.2.1"]}}
    found = validate(Inventory(variables, ("a",), "nodes", OPTIONS))
    assert [fault.line for fault in found.faults] == [
        "a: overlay_admission_from[0]: '10.0.0.1/8' is refused: it has host bits set: did you mean 10.0.0.0/8?"
    ]


def test_numbers_that_nft_prints() -> None:
    shown = {"elem": [{"concat": ["192.0.2.1", -1, "0x80000000000000000000000000000001", "0xeth"]}], "name": "x"}
    assert sets.parse(shown).elements == {("192.0.2.1", 2**64 - 1, 2**127 + 1, "0xeth")}
