# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random policy rules from iproute2, with attributes that nobody models: they survive every change beside them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import ip, ip_json, unchanged
from ansible_collections.weft.fabric.tests.integration.routing import two_links

PACKETS = (
    "not", "iif v0", "oif v1", "iif gone0", "fwmark 0x10/0xff", "fwmark 7", "ipproto tcp", "ipproto udp dport 53",
    "ipproto tcp sport 1000-2000", "uidrange 0-99", "tos 0x10", "tun_id 8",
)  # fmt: skip
ACTIONS = (
    "table 7", "table 8", "table 70000", "table main suppress_prefixlength 0", "table 7 suppress_ifgroup 3",
    "table 7 realms 3", "goto 32766", "blackhole", "unreachable", "prohibit", "l3mdev",
)  # fmt: skip
SOURCES = ("10.5.0.0/16", "fd05::/64")
PRIORITIES = (100, 101, 102)
OWNERS = (0, 3, 4, 12, 119)
# Of a rule as iproute2 prints it: what is done with the packets, and whose it is.
DONE = {"table", "action", "suppress_prefixlen", "protocol", "l3mdev"}


@st.composite
def made_rules(draw: Any) -> str:
    """A rule as ``ip rule add`` takes it."""
    source = draw(st.sampled_from(SOURCES))
    packets = draw(st.lists(st.sampled_from(PACKETS), unique_by=lambda words: words.split()[0], max_size=3))
    words = ["-6" if ":" in source else "-4", "rule add", *(["not"] if "not" in packets else ())]
    words += [f"from {source}", f"priority {draw(st.sampled_from(PRIORITIES))}"]
    words += [packet for packet in packets if packet != "not"]
    return " ".join([*words, draw(st.sampled_from(ACTIONS)), f"protocol {draw(st.sampled_from(OWNERS))}"])


@st.composite
def wanted_rules(draw: Any) -> list[dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for _number in range(draw(st.integers(0, 3))):
        item = {"priority": draw(st.sampled_from(PRIORITIES)), "from": draw(st.sampled_from(SOURCES))}
        item.update(draw(st.sampled_from([{}, {}, {"iif": "v0"}, {"fwmark": 7}])))
        done = [{"table": 7}, {"table": 9}, {"action": "prohibit"}, {"table": "main", "suppress_prefixlength": 0}]
        found[str(item)] = {**item, **draw(st.sampled_from(done))}
    return [*found.values()]


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with two_links() as name:
        yield name


def rules(place: str) -> list[dict[str, Any]]:
    return [rule for family in ("-4", "-6") for rule in ip_json(place, family, "rule")]


def empty(place: str) -> None:
    for rule in rules(place):
        if rule["priority"] in PRIORITIES:
            family = "-6" if ":" in rule["src"] else "-4"
            ip(place, family, "rule", "delete", "priority", str(rule["priority"]))


def packets_of(rule: dict[str, Any]) -> str:
    return str({key: value for key, value in rule.items() if key not in DONE})


@settings(max_examples=40)
@given(st.lists(made_rules(), max_size=6), wanted_rules())
def test_rules_of_others_survive(place: str, commands: list[str], wanted: list[dict[str, Any]]) -> None:
    empty(place)
    for family in ("-4", "-6"):
        lines = [line.removeprefix(f"{family} ") for line in commands if line.startswith(family)]
        command = ["ip", "-n", place, family, "-force", "-batch", "-"]
        subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
    before = rules(place)
    document = {place: {"rules": wanted}}
    reconcile(parse_topology(document, purge=True))
    after = rules(place)
    # Those that are about the same packets as one of ours have become it.
    ours = {packets_of(rule) for rule in after if rule["protocol"] == "119"}
    assert [rule for rule in after if packets_of(rule) not in ours] == [
        rule for rule in before if packets_of(rule) not in ours and rule["protocol"] != "119"
    ]
    assert len([rule for rule in after if rule["protocol"] == "119"]) <= len(wanted)
    with unchanged(place):
        assert not reconcile(parse_topology(document, purge=True)).changed
