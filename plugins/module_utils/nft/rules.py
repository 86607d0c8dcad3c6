# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: validated, and written in nft's syntax. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Union

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.nft.sets import Set

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

FAMILY = "inet"
TABLE = "weft"  # by default

BRIDGE = "bridge"

# By the table's family and the hook of our chain: (type, priority, the priority as a number).
HOOKS = {
    (FAMILY, "postrouting"): ("nat", "srcnat", 100),
    # Before the route lookup: a dropped packet reaches neither another network nor this host's addresses in it.
    (FAMILY, "prerouting"): ("filter", "raw", -300),
    # Before a program of this host sees the packet, and before conntrack remembers it.
    (FAMILY, "input"): ("filter", "raw", -300),
    (BRIDGE, "prerouting"): ("filter", "-300", -300),
}
# The chain of each hook. Nobody else uses such a name, so the chain marks its table as ours.
CHAINS = {hook: f"weft_{hook}" for _family, hook in HOOKS}

PROTOCOL = {4: "ip", 6: "ip6"}

MARK = "weft "
"""Begins the comments of our rules."""


@dataclass(frozen=True)
class Rule:
    """A masquerade rule: packets get the address of the interface by which they leave.

    :param source: the network that they come from.
    :param out_interface: the interface by which they leave, or a prefix of names that ends with ``*``; None: any.
    :param exempt: destinations that the rule does not apply to; collapsed and sorted, so that equal sets compare equal.
    """

    hook: ClassVar[str] = "postrouting"
    family: ClassVar[str] = FAMILY

    source: Network
    out_interface: str | None
    exempt: tuple[Network, ...]

    def __str__(self) -> str:
        """The rule in nft's syntax."""
        protocol = PROTOCOL[self.source.version]
        parts = [f"{protocol} saddr {self.source}"]
        if self.out_interface:
            parts.append(f'oifname "{self.out_interface}"')
        if self.exempt:
            parts.append(f"{protocol} daddr != {{ {', '.join(map(str, self.exempt))} }}")
        return " ".join([*parts, "masquerade"])

    def as_dict(self) -> dict[str, Any]:
        """The rule as an item of the module's option ``rules``."""
        return {
            "source": str(self.source),
            "out_interface": self.out_interface,
            "exempt": [str(destination) for destination in self.exempt],
        }


@dataclass(frozen=True)
class Drop:
    """A rule of isolation: packets from a network to others are dropped.

    :param destinations: the other networks; collapsed and sorted, so that equal sets compare equal.
    """

    hook: ClassVar[str] = "prerouting"
    family: ClassVar[str] = FAMILY

    source: Network
    destinations: tuple[Network, ...]

    def __str__(self) -> str:
        """The rule in nft's syntax."""
        protocol = PROTOCOL[self.source.version]
        return f"{protocol} saddr {self.source} {protocol} daddr {{ {', '.join(map(str, self.destinations))} }} drop"

    def as_dict(self) -> dict[str, Any]:
        """The rule as data."""
        return {"source": str(self.source), "destinations": [str(destination) for destination in self.destinations]}


@dataclass(frozen=True)
class Spoofed:
    """Frames that a port of a bridge sends with a MAC address of others are dropped."""

    hook: ClassVar[str] = "prerouting"
    family: ClassVar[str] = BRIDGE

    port: str
    mac: str

    def __str__(self) -> str:
        """The rule in nft's syntax."""
        return f'iifname "{self.port}" ether saddr != {self.mac} drop'

    def as_dict(self) -> dict[str, Any]:
        """The rule as data."""
        return {"port": self.port, "mac": self.mac}


@dataclass(frozen=True)
class Lookup:
    """A rule that may look packets up in sets.

    nft's versions print expressions on a packet's payload differently, so a comment identifies the rule.

    :ivar comment: follows from the text.
    :ivar sets: the sets that the rule names.
    :ivar counters: the named counters that it counts in.
    """

    family: str
    hook: str
    comment: str
    text: str = field(default="", compare=False)
    sets: tuple[Set, ...] = field(default=(), compare=False)
    counters: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        """The rule in nft's syntax."""
        return f'{self.text} comment "{self.comment}"'

    def as_dict(self) -> dict[str, Any]:
        """The rule as data."""
        return {"comment": self.comment}


def lookup(family: str, hook: str, text: str, sets: Iterable[Set] = (), counters: Iterable[str] = ()) -> Lookup:
    """A rule with the comment that identifies it."""
    comment = f"{MARK}{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return Lookup(family, hook, comment, text, tuple(sets), tuple(counters))


AnyRule = Union[Rule, Drop, Spoofed, Lookup]


def table_name(parameter: str, value: str) -> str:
    """A name for a table of ours: an identifier of nft(8).

    :raises InvalidParameter: it is not an identifier.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", value):
        raise InvalidParameter(
            parameter, value, "a table's name is a letter and up to 31 letters, digits and underscores, such as 'weft'"
        )
    return value


def masquerade_of(rules: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Masquerade rules from the module's option ``rules``.

    :raises InvalidParameter: an item is wrong, or has the same source and interface as another.
    """
    if not rules:
        raise InvalidParameter("rules", [], "give at least one rule, or remove the table with state: absent")
    result: list[Rule] = []
    seen: dict[tuple[Network, str | None], int] = {}
    for index, entry in enumerate(rules):
        rule = _rule(f"rules[{index}]", entry)
        first = seen.setdefault((rule.source, rule.out_interface), index)
        if first != index:
            raise InvalidParameter(
                f"rules[{index}].source",
                str(rule.source),
                f"rules[{first}] has the same source and out_interface; make them one rule",
            )
        result.append(rule)
    return tuple(result)


def isolated(groups: Sequence[object]) -> tuple[Drop, ...]:
    """The rules that keep groups of networks apart; a single group has none.

    :raises InvalidParameter: a group is not a list of networks.
    """
    found = [_group(f"isolation[{index}]", group) for index, group in enumerate(groups)]
    rules = []
    for group in found:
        others = [network for other in found if other is not group for network in other]
        for source in group:
            destinations = collapsed(network for network in others if network.version == source.version)
            if destinations:
                rules.append(Drop(source, destinations))
    return tuple(rules)


def _group(parameter: str, given: object) -> list[Network]:
    if not isinstance(given, (list, tuple)):
        raise InvalidParameter(parameter, given, "give a list of networks")
    return [ipaddress.ip_network(values.network(f"{parameter}[{index}]", item)) for index, item in enumerate(given)]


def _rule(parameter: str, entry: Mapping[str, Any]) -> Rule:
    source = ipaddress.ip_network(values.network(f"{parameter}.source", entry["source"]))
    out_interface = entry.get("out_interface")
    if out_interface is not None:
        _check_interface(f"{parameter}.out_interface", out_interface)
    exempt: list[Any] = []
    for index, value in enumerate(entry.get("exempt") or ()):
        name = f"{parameter}.exempt[{index}]"
        destination = ipaddress.ip_network(values.network(name, value))
        if destination.version != source.version:
            raise InvalidParameter(
                name,
                value,
                f"{parameter}.source is IPv{source.version} and this IPv{destination.version}; "
                "write one rule for each family",
            )
        if destination.prefixlen == 0:
            raise InvalidParameter(name, value, "everything would be exempt; leave the rule out instead")
        exempt.append(destination)
    return Rule(source, out_interface, collapsed(exempt))


def _check_interface(parameter: str, value: str) -> None:
    """Check the name of an interface, or a prefix of names in nft's form (nft(8): ``ifname``).

    :raises InvalidParameter: it is neither.
    """
    values.ifname(parameter, value)
    prefix = value[:-1] if value.endswith("*") else value
    if value.endswith("+"):
        raise InvalidParameter(parameter, value, f"that is a pattern of iptables; nftables writes {value[:-1] + '*'!r}")
    if not prefix:
        raise InvalidParameter(parameter, value, "every interface has such a name; leave out_interface out")
    # nft cannot quote a quotation mark.
    if re.search(r'["*\\]', prefix):
        remedy = (
            'nftables takes * only at the end, for a prefix, and no " and \\; give a prefix, or rename the interface'
        )
        raise InvalidParameter(parameter, value, remedy)


def collapsed(networks: Iterable[Any]) -> tuple[Network, ...]:
    """Networks merged where they overlap or adjoin, as the kernel merges the elements of an interval set."""
    return tuple(ipaddress.collapse_addresses(networks))


def sets_of(rules: Iterable[AnyRule]) -> dict[str, Set]:
    """The sets that rules look packets up in, by name."""
    return {one.name: one for rule in rules if isinstance(rule, Lookup) for one in rule.sets}


def counters_of(rules: Iterable[AnyRule]) -> list[str]:
    """The names of the counters that rules count in."""
    return list(dict.fromkeys(name for rule in rules if isinstance(rule, Lookup) for name in rule.counters))


def render(name: str, rules: Sequence[AnyRule]) -> str:
    """The whole table in nft's syntax, one line for each rule."""
    hook, family = rules[0].hook, rules[0].family
    kind, priority, _number = HOOKS[family, hook]
    lines = "".join(f"\t\t{rule}\n" for rule in rules)
    named = "".join(f"\tcounter {counter} {{\n\t}}\n" for counter in counters_of(rules))
    named += "".join(one.render() for one in sets_of(rules).values())
    return (
        f"table {family} {name} {{\n"
        f"{named}"
        f"\tchain {CHAINS[hook]} {{\n"
        f"\t\ttype {kind} hook {hook} priority {priority}; policy accept;\n"
        f"{lines}"
        "\t}\n"
        "}\n"
    )
