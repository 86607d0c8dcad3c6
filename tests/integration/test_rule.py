# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy rules: made by iproute2 with everything that it can set, and by the module."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.kernel import rules as codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import NLM_F_CREATE, NLM_F_REQUEST
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule
from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip, ip_json, new_namespace, unchanged
from ansible_collections.weft.fabric.tests.integration.kernel.namespaces import inside
from ansible_collections.weft.fabric.tests.integration.routing import two_links

STATES: dict[str, tuple[str, dict[str, Any]]] = {
    "from": ("from 10.0.0.0/8 table 7", {"from": "10.0.0.0/8", "table": 7}),
    "to": ("to 10.0.0.1 table main", {"to": "10.0.0.1", "table": "main"}),
    "interfaces": ("iif v0 oif v1 table 70000", {"iif": "v0", "oif": "v1", "table": 70000}),
    "no mark": ("fwmark 0/0xffffffff table 7", {"fwmark": 0, "table": 7}),
    "mark": ("fwmark 0x10 table 7", {"fwmark": "0x10", "table": 7}),
    "mark and mask": ("fwmark 16/255 table 7", {"fwmark": 16, "fwmask": "0xff", "table": 7}),
    "tos": ("tos 0x10 table 7", {"tos": 16, "table": 7}),
    "ports": (
        "ipproto udp sport 1000-2000 dport 53 table 7",
        {"ipproto": "udp", "sport": "1000-2000", "dport": 53, "table": 7},
    ),
    "ports of any protocol": ("sport 666 dport 777 table 7", {"sport": 666, "dport": 777, "table": 7}),
    "users": ("uidrange 1000-2000 table 7", {"uidrange": "1000-2000", "table": 7}),
    "root": ("uidrange 0-0 table 7", {"uidrange": 0, "table": 7}),
    "l3mdev": ("l3mdev", {"l3mdev": True}),
    "suppressed": ("table main suppress_prefixlength 0", {"table": "main", "suppress_prefixlength": 0}),
    "blackhole": ("from 10.0.0.0/8 blackhole", {"from": "10.0.0.0/8", "action": "blackhole"}),
    "unreachable": ("from 10.0.0.0/8 unreachable", {"from": "10.0.0.0/8", "action": "unreachable"}),
    "of no VRF": ("l3mdev unreachable", {"l3mdev": True, "action": "unreachable"}),
    "prohibit": ("from 10.0.0.0/8 prohibit", {"from": "10.0.0.0/8", "action": "prohibit"}),
    "IPv6": ("from fd00::/8 to fd01::1 table 7", {"from": "fd00::/8", "to": "fd01::1", "table": 7}),
    "all of IPv6": ("table 7", {"family": "ipv6", "table": 7}),
    "someone's": ("from 10.0.0.0/8 table 7 protocol static", {"from": "10.0.0.0/8", "table": 7}),
}  # fmt: skip
# What nobody can ask for, beside what they look like.
UNMODELLED = {
    "not": "not from 10.0.0.0/8 table 7",
    "goto": "from 10.0.0.0/8 goto 32766",
    "nop": "from 10.0.0.0/8 nop",
    "tunnel": "from 10.0.0.0/8 table 7 tun_id 8",
    "group": "from 10.0.0.0/8 table 7 suppress_ifgroup 3",
    "realms": "from 10.0.0.0/8 table 7 realms 3",
}
PLAIN = {"priority": 100, "from": "10.0.0.0/8", "table": 7}
FROM = {"src": "10.0.0.0", "srclen": 8}


def shown(priority: int, **more: Any) -> dict[str, Any]:
    """One of our rules as iproute2 prints it."""
    return {"priority": priority, "src": "all", "protocol": "119", **more}


CASES = {
    "rule": life.Case(
        "rule",
        create={"rules": [PLAIN, {"priority": 101, "table": "main", "suppress_prefixlength": 0}]},
        made={"HOST": {"rules": [shown(100, table="7", **FROM), shown(101, table="main", suppress_prefixlen=0)]}},
        change={
            "rules": [{**PLAIN, "table": 8}, {"priority": 102, "to": "10.1.0.0/16", "action": "prohibit"}],
            "purge": True,
        },
        changed={
            "HOST": {
                "rules": [
                    shown(100, table="8", **FROM),
                    shown(102, dst="10.1.0.0", dstlen=16, action="prohibit"),
                ]
            }
        },
        drift=(
            "ip -n HOST rule delete priority 100",
            "ip -n HOST rule delete priority 100 && ip -n HOST rule add priority 100 from 10.0.0.0/8 table 9",
            "ip -n HOST rule add priority 7 table 9 protocol 119",
        ),
        missing=("rules",),
    ),
}
test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A namespace that each test leaves as it was."""
    with new_namespace() as name:
        yield name


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for family in ("-4", "-6") for rule in ip_json(name, family, "rule")]


@pytest.mark.parametrize(("words", "item"), STATES.values(), ids=STATES)
def test_a_rule_through_its_life(words: str, item: dict[str, Any], run_module: Any, place: str) -> None:
    before = rules(place)
    family = "-6" if "fd0" in words or "family" in item else "-4"
    ip(place, family, "rule", "add", "priority", "100", *words.split())
    arguments = {"netns": place, "rules": [{"priority": 100, **item}]}
    made = rules(place)
    with Monitor(place) as monitor:
        same = run_module("rule", **arguments)
        purged = run_module("rule", netns=place, rules=[], purge=True)
    assert (same.get("msg"), same.get("changed"), purged.get("changed"), monitor.changes) == (None, False, False, [])

    (found,) = [rule for rule in made if rule not in before]
    other = {"priority": 100, **item, **({} if item.get("l3mdev") else {"table": 9, "action": "lookup"})}
    changed = run_module("rule", netns=place, rules=[other])
    assert (changed.get("msg"), changed.get("changed")) == (None, not item.get("l3mdev"))
    if changed["changed"]:
        expected = {**found, "table": "9", "protocol": "119"}
        expected.pop("action", None)
        assert [rule for rule in rules(place) if rule not in before] == [expected]

    gone = run_module("rule", state="absent", netns=place, rules=[other])
    assert (gone.get("msg"), gone.get("changed"), rules(place)) == (None, True, before)
    assert not run_module("rule", state="absent", netns=place, rules=[other])["changed"]


@pytest.mark.parametrize("words", UNMODELLED.values(), ids=UNMODELLED)
def test_one_that_only_looks_alike_stays(words: str, run_module: Any, place: str) -> None:
    before = rules(place)
    ip(place, "rule", "add", "priority", "100", *words.split())
    alike = [rule for rule in rules(place) if rule not in before]
    made = run_module("rule", netns=place, rules=[PLAIN])
    assert (made.get("msg"), made.get("changed")) == (None, True)
    found = [rule for rule in rules(place) if rule not in before]
    ours = shown(100, table="7", **FROM)
    assert found == ([ours] if words == UNMODELLED["nop"] else [*alike, ours])
    assert run_module("rule", netns=place, rules=[], purge=True)["changed"]
    assert [rule for rule in rules(place) if rule not in before] == found[:-1]
    if found[:-1]:
        ip(place, "rule", "delete", "priority", "100")
    assert rules(place) == before


# Rules as iproute2 makes them, and as a diff shows them.
SHOWN = {
    "not from 10.0.0.0/8 table 7": "not from 10.0.0.0/8 table 7",
    "not fwmark 0x10 table 7": "not fwmark 0x10 table 7",
    "not l3mdev": "not l3mdev",
    "l3mdev": "l3mdev",
    "l3mdev unreachable": "l3mdev unreachable",
    "from 10.0.0.0/8 goto 32766": "from 10.0.0.0/8 goto 32766",
    "not from 10.0.0.0/8 goto 4000": "not from 10.0.0.0/8 goto 4000",
    "nop": "nop",
    "from 10.0.0.0/8 table 7 tun_id 8": "from 10.0.0.0/8 table 7 tun_id 8",
    "from 10.0.0.0/8 table 7 suppress_ifgroup 3": "from 10.0.0.0/8 table 7 suppress_ifgroup 3",
    "from 10.0.0.0/8 table 7 realms 3": "from 10.0.0.0/8 table 7 realms 3",
}


@pytest.mark.parametrize(("words", "line"), SHOWN.items())
def test_a_rule_that_is_removed_is_shown_whole(words: str, line: str, run_module: Any, place: str) -> None:
    before = rules(place)
    ip(place, "rule", "add", "priority", "100", *words.split(), "protocol", "119")
    done = run_module("rule", netns=place, rules=[], purge=True)
    assert done["diff"] == {"before": f"netns {place}: rule priority 100 {line}\n", "after": ""}
    assert rules(place) == before


@pytest.mark.parametrize("protocol", ["119", "static"])
def test_a_rule_and_its_opposite(protocol: str, run_module: Any, place: str) -> None:
    """The kernel compares everything but "not" before it adds or deletes a rule."""
    before = rules(place)
    ip(place, *f"rule add priority 100 not from 10.0.0.0/8 table 7 protocol {protocol}".split())
    opposite = [rule for rule in rules(place) if rule not in before]
    with unchanged(place):
        assert not run_module("rule", state="absent", netns=place, rules=[PLAIN])["changed"]
    made = run_module("rule", netns=place, rules=[PLAIN])
    assert (made.get("msg"), made["diff"]["before"]) == (None, "")
    assert [rule for rule in rules(place) if rule not in before] == [*opposite, shown(100, table="7", **FROM)]
    with unchanged(place):
        assert not run_module("rule", netns=place, rules=[PLAIN])["changed"]
        if protocol == "119":
            refused = run_module("rule", state="absent", netns=place, rules=[PLAIN])
            assert "the kernel would delete rule priority 100 not from 10.0.0.0/8 table 7 instead" in refused["msg"]
    if protocol == "119":
        assert run_module("rule", netns=place, rules=[PLAIN], purge=True)["diff"]["before"].count("not") == 1
        assert [rule for rule in rules(place) if rule not in before] == [shown(100, table="7", **FROM)]
    assert run_module("rule", state="absent", netns=place, rules=[PLAIN])["changed"]
    # By its priority alone, the opposite is meant as well as any other.
    assert run_module("rule", state="absent", netns=place, rules=[{"priority": 100}])["changed"] == (protocol != "119")
    assert rules(place) == before


def test_a_rule_beside_a_narrower_one(run_module: Any, place: str) -> None:
    """The kernel takes the narrower one for it, because it compares only what the wider one has."""
    before = rules(place)
    both = [PLAIN, {"priority": 100, "table": 7}]
    assert run_module("rule", netns=place, rules=both)["changed"]
    found = [rule for rule in rules(place) if rule not in before]
    assert found == [shown(100, table="7", **FROM), shown(100, table="7")]
    refused = run_module("rule", netns=place, rules=both[:1], purge=True)
    assert "the kernel would delete rule priority 100 from 10.0.0.0/8 table 7 instead" in refused["msg"]
    assert [rule for rule in rules(place) if rule not in before] == found
    assert run_module("rule", netns=place, rules=both[1:], purge=True)["changed"]
    assert [rule for rule in rules(place) if rule not in before] == found[1:]
    assert run_module("rule", netns=place, rules=[], purge=True)["changed"]
    assert rules(place) == before


def test_facts_leave_out_what_a_document_cannot_say(run_module: Any, place: str) -> None:
    before = rules(place)
    for priority, words in enumerate(SHOWN, 100):
        ip(place, "rule", "add", "priority", str(priority), *words.split())
    found = run_module("topology_info", namespaces=[place])["namespaces"]
    assert [rule["priority"] for rule in found[place]["rules"]] == [103, 104]
    assert not run_module("topology", namespaces=found)["changed"]
    for priority in range(100, 100 + len(SHOWN)):
        ip(place, "rule", "delete", "priority", str(priority))
    assert rules(place) == before


@pytest.mark.parametrize("how", ["made again", "another namespace"])
def test_rules_of_a_link_that_moves_stay(how: str, run_module: Any, ns: Any) -> None:
    """They know it by its name, and are about the one that comes then."""
    with two_links() as name:
        ip(name, "link", "add", "vx0", "type", "vxlan", "id", "7", "dstport", "4789")
        for number, (words, _item) in enumerate(STATES.values()):
            family = "-6" if "fd0" in words else "-4"
            ip(name, family, "rule", "add", "priority", str(100 + number), *words.replace("v0", "vx0").split())
        for words in UNMODELLED.values():
            ip(name, "rule", "add", "priority", "200", "iif", "vx0", *words.split())
        before = rules(name)
        if how == "made again":
            link = {"name": "vx0", "kind": "vxlan", "vni": 8, "port": 4789, "recreate": True}
            done = run_module("topology", namespaces={name: {"links": [link]}})
        else:
            taken = {"name": "net1", "origin": {"name": "vx0", "netns": name}}
            done = run_module("topology", namespaces={ns(): {"links": [taken]}, name: {}})
        assert (done.get("msg"), done["changed"]) == (None, True)
        detached = how == "another namespace"
        assert rules(name) == [
            {**rule, **({"iif_detached": None} if detached and rule.get("iif") == "vx0" else {})} for rule in before
        ]


def test_a_zero_is_shown(run_module: Any, place: str) -> None:
    """In the diff, and in the facts, which may become a document."""
    before = rules(place)
    items = [{"priority": 0, "fwmark": 0, "table": "7"}, {"priority": 1, "table": "main", "suppress_prefixlength": 0}]
    done = run_module("rule", netns=place, rules=items)
    assert done["diff"]["after"].splitlines() == [
        f"netns {place}: rule priority 0 fwmark 0x0 table 7",
        f"netns {place}: rule priority 1 table main suppress_prefixlength 0",
    ]
    assert run_module("topology_info", namespaces=[place])["namespaces"][place]["rules"] == items
    assert run_module("rule", state="absent", netns=place, rules=items)["changed"]
    assert rules(place) == before


def test_two_that_are_the_same_go_at_once(run_module: Any, place: str) -> None:
    """The kernel takes a second one from a program that does not ask whether there is one."""
    before = rules(place)
    with inside(place), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        (request,) = codec.put({}, [Rule(4, 100, table=7, protocol=119)])
        for _time in range(2):
            kernel.send(
                struct.pack("=IHHII", 16 + len(request.payload), request.kind, NLM_F_REQUEST | NLM_F_CREATE, 1, 0)
                + request.payload
            )
    assert [rule for rule in rules(place) if rule not in before] == [shown(100, table="7")] * 2
    assert run_module("rule", netns=place, rules=[], purge=True)["changed"]
    assert rules(place) == before


def test_a_removal_says_which_it_could_mean(run_module: Any, place: str) -> None:
    before = rules(place)
    for table in ("7", "8"):
        ip(place, "rule", "add", "priority", "100", "table", table)
    refused = run_module("rule", state="absent", netns=place, rules=[{"priority": 100}])
    assert refused["msg"].startswith("rule priority 100: there are 2 such rules: give more of it: rule priority 100 ")
    assert run_module("rule", state="absent", netns=place, rules=[{"priority": 100, "table": 7}])["changed"]
    assert run_module("rule", state="absent", netns=place, rules=[{"priority": 100}])["changed"]
    assert rules(place) == before


def test_facts_have_the_routes_that_rules_lead_to(run_module: Any) -> None:
    """A document from them says all that there is, so that it purges nothing."""
    with two_links() as name:
        listed = [
            {"dst": "10.9.0.0/16", "table": 7, "via": "10.0.0.9", "dev": "v0"},
            {"dst": "10.10.0.0/16", "table": 70000, "type": "throw"},
            {"dst": "10.11.0.0/16", "table": 255, "type": "local", "dev": "lo"},
            {"dst": "fd09::/64", "table": 7, "metric": 1024, "via": "fd00::9", "dev": "v0"},
        ]
        assert run_module("route", netns=name, routes=listed).get("msg") is None
        ip(name, "route", "add", "10.12.0.0/16", "dev", "v0", "table", "8", "proto", "bird")
        found = run_module("topology_info", namespaces=[name])["namespaces"]
        assert sorted(found[name]["routes"], key=str) == sorted(listed, key=str)
        with unchanged(name):
            assert not run_module("topology", namespaces=found, purge=True)["changed"]


def test_a_long_name_of_no_interface(run_module: Any, place: str) -> None:
    refused = run_module("rule", netns=place, rules=[{"priority": 100, "iif": "a-name-of-nobody-yet", "table": 7}])
    assert "of at most 15 bytes" in refused["msg"]


def test_rules_of_a_document(run_module: Any) -> None:
    """A list of them is authoritative if it is there, and each document knows its own."""
    with two_links() as name:
        ip(name, "rule", "add", "priority", "50", "table", "7")
        before = rules(name)
        listed = {
            "rules": [{"priority": 100, "from": "10.0.0.0/24", "table": 7}],
            "routes": [{"dst": "10.9.0.0/16", "dev": "v1", "table": 7}],
        }
        arguments = {"purge": True, "namespaces": {name: listed}}
        done = run_module("topology", **arguments)
        assert (done.get("msg"), done.get("changed")) == (None, True)
        assert ip_json(name, "route", "get", "10.9.0.1", "from", "10.0.0.1")[0]["dev"] == "v1"
        with Monitor(name) as monitor:
            again = run_module("topology", **arguments)
            for other in ({"namespaces": {name: {}}}, {"namespaces": {name: {"rules": []}}, "route_protocol": 120}):
                run_module("topology", purge=True, **other)
        assert (again["changed"], monitor.changes) == (False, [])
        assert again["namespaces"][name]["rules"] == [{"priority": 100, "from": "10.0.0.0/24", "table": "7"}]
        info = run_module("topology_info", namespaces=[name])["namespaces"][name]
        assert [rule["priority"] for rule in info["rules"]] == [50, 100]
        assert run_module("topology", purge=True, namespaces={name: {"rules": []}})["changed"]
        assert rules(name) == before
