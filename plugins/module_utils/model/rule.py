# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy rules: which packets are routed by which table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of
from ansible_collections.weft.fabric.plugins.module_utils.model.route import TABLES, name_in
from ansible_collections.weft.fabric.plugins.module_utils.model.routes import number_in, table, tos
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOLS

LOOKUP = "lookup"
ACTIONS = (LOOKUP, "blackhole", "unreachable", "prohibit")
IP_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
EVERY_BIT = 2**32 - 1

Range = tuple[int, int]
RuleKey = tuple[Any, ...]


class Rule(NamedTuple):
    """A rule. The kernel tells rules apart by everything that they have (net/core/fib_rules.c: rule_exists).

    :ivar family: 4 or 6, the IP version.
    :ivar priority: None: whatever it is.
    :ivar src: the network that packets come from, ``from`` in ip-rule(8).
    :ivar dst: the network that they are sent to, ``to``.
    :ivar inverted: of an observed rule: it is about the packets that the other fields do not select (``not``).
    :ivar rest: what else an observed rule has, in the words of ip-rule(8).
    :ivar goto: of an observed rule: the priority at which the search continues.
    :ivar suppress_prefixlength: routes with prefixes of at most this length are ignored.
    :ivar protocol: the number of the program that installed it.
    :ivar raw: the kernel's message about it, from struct fib_rule_hdr on.
    """

    family: int
    priority: int | None
    src: str | None = None
    dst: str | None = None
    iif: str | None = None
    oif: str | None = None
    fwmark: int | None = None
    fwmask: int | None = None
    tos: int | None = None
    ipproto: int | None = None
    sport: Range | None = None
    dport: Range | None = None
    uidrange: Range | None = None
    l3mdev: bool | None = None
    inverted: bool | None = None
    rest: str | None = None
    goto: int | None = None
    action: str | None = None
    table: int | None = None
    suppress_prefixlength: int | None = None
    protocol: int | None = None
    raw: bytes | None = None

    @property
    def key(self) -> RuleKey:
        """The priority, and the packets that it is about."""
        return self[:_ACTION]

    @property
    def list_name(self) -> str:
        """The name of the lists of such objects (objects.py)."""
        return "rules"

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The rule in a message: ``rule priority 100 from 10.0.0.0/8 table 7 in namespace pod1``."""
        return f"{self._words()}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The rule as lines of a diff."""
        return [f"{prefix_of(netns)}{self._words()}"]

    def _words(self) -> str:
        """The rule in the words of ip-rule(8)."""
        words = ["rule"] + (["ipv6"] if self.family == 6 and not (self.src or self.dst) else [])
        for name, value in self.data().items():
            if name in ("fwmark", "fwmask", "tos"):
                value = f"{value:#x}"
            if name not in ("family", "action"):
                words.append(name if value is True else f"{name} {value}")
            if name == "priority" and self.inverted:
                words.append("not")
        words += [self.rest] if self.rest else []
        words += [self.action] if self.action not in (None, LOOKUP) else []
        words += [str(self.goto)] if self.goto is not None else []
        if self.protocol is not None and self.protocol not in (0, *ROUTE_PROTOCOLS):
            words.append(f"proto {self.protocol}")
        return " ".join(words)

    def data(self) -> dict[str, Any]:
        """The rule as an item of topology's ``rules``, without what is not set or usual."""
        found = {name: value for name, value in self._asdict().items() if value is not None}
        data = {_NAMES.get(name, name): value for name, value in found.items() if name not in _UNSHOWN}
        for name in ("sport", "dport", "uidrange"):
            if name in data:
                data[name] = "-".join(str(number) for number in dict.fromkeys(data[name]))
        if self.ipproto is not None:
            data["ipproto"] = name_in(IP_PROTOCOLS, self.ipproto)
        if self.table is not None:
            data["table"] = name_in(TABLES, self.table)
        if self.action == LOOKUP:
            del data["action"]
        if self.fwmask == EVERY_BIT:
            del data["fwmask"]
        if self.family == 4 or self.src or self.dst:
            del data["family"]
        else:
            data["family"] = "ipv6"
        return data

    def met_by(self, other: Rule) -> bool:
        """Whether an observed rule is this one, whoever installed it."""
        return self[:_PROTOCOL] == other[:_PROTOCOL]

    def found_in(self, table: list[Rule], _links: Mapping[str, Any]) -> Rule | None:
        """The observed rule that this one names, with everything that is given of it.

        :raises FabricError: it names several.
        """
        found = [other for other in table if self._names(other)]
        if len(found) > 1:
            others = "; ".join(rule.label() for rule in found)
            raise FabricError(f"{self.label()}: there are {len(found)} such rules: give more of it: {others}")
        return found[0] if found else None

    def _names(self, other: Rule) -> bool:
        """Whether an observed rule has everything that is given of this one. One that is inverted is its opposite."""
        opposite = other.inverted and any(asked is not None for asked in self[_PRIORITY + 1 : _ACTION])
        return not opposite and all(asked in (None, there) for asked, there in zip(self, other))

    def drop_from(self, table: list[Rule]) -> None:
        """Take an observed rule out of its table.

        :raises FabricError: the kernel would delete another one instead.
        """
        first = next(other for other in table if self._finds(other))
        if first != self:
            raise FabricError(
                f"cannot delete {self.label()}: the kernel would delete {first.label()} instead, which comes before: "
                "delete both, and add the other one again"
            )
        table[:] = [other for other in table if other is not self]

    def _finds(self, other: Rule) -> bool:
        """Whether the kernel takes an observed rule for this one if this one is to be deleted.

        It compares everything that this one has, except for "not" and where goto leads (net/core/fib_rules.c:
        rule_find).
        """
        return all(
            name in ("inverted", "goto", "raw") or asked in (None, _UNSET.get(name), there)
            for name, asked, there in zip(self._fields, self, other)
        )

    @property
    def can_be_asked_for(self) -> bool:
        """Whether an observed rule has nothing that a document cannot say."""
        return not self.inverted and self.rest is None and self.action in ACTIONS


_PRIORITY, _ACTION, _PROTOCOL = map(Rule._fields.index, ("priority", "action", "protocol"))
_UNSET = {"fwmark": 0, "protocol": 0}  # numbers that are the same as none
_NAMES = {"src": "from", "dst": "to"}
_UNSHOWN = ("inverted", "rest", "goto", "protocol", "raw")


def _network(where: str, value: Any) -> str:
    """A network in CIDR notation, or one address."""
    if isinstance(value, str) and "/" not in value:
        address = values.address(where, value)
        return f"{address}/{128 if ':' in address else 32}"
    return values.network(where, value)


def _bits(where: str, value: Any) -> int:
    """32 bits, also given in hexadecimal digits."""
    try:
        value = int(value, 16) if isinstance(value, str) and value.lower().startswith("0x") else value
    except ValueError:
        raise InvalidParameter(where, value, "give a number, like 0x10") from None
    return values.integer(where, value, 0, EVERY_BIT)


def _range(least: int, most: int) -> Callable[[str, Any], Range]:
    def parse(where: str, value: Any) -> Range:
        first, dash, last = str(value).partition("-")
        found = values.integer(where, first, least, most), values.integer(where, last if dash else first, least, most)
        if found[0] > found[1]:
            raise InvalidParameter(where, value, f"give the lower number first: {found[1]}-{found[0]}")
        return found

    return parse


def _family(where: str, value: Any) -> int:
    return int(values.choice(where, value, ("ipv4", "ipv6"))[-1])


def _action(where: str, value: Any) -> str:
    return values.choice(where, value, ACTIONS)


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "priority": number_in({}, 0, 2**32 - 1),
    "family": _family,
    "from": _network,
    "to": _network,
    "iif": values.link_name,
    "oif": values.link_name,
    "fwmark": _bits,
    "fwmask": _bits,
    "tos": tos,
    "ipproto": number_in(IP_PROTOCOLS, 1, 255),
    "sport": _range(1, 65535),
    "dport": _range(1, 65535),
    "uidrange": _range(0, 2**32 - 2),
    "l3mdev": values.boolean,
    "action": _action,
    "table": table,
    "suppress_prefixlength": number_in({}, 0, 128),
}
_FIELDS = {shown: name for name, shown in _NAMES.items()}


def add_rules(rules: dict[RuleKey, Rule], items: list[Any], where: str, absent: bool = False) -> None:
    """Add a list of rules.

    :param where: the list's name in messages.
    :param absent: they are to be removed, so they need not say everything.
    :raises InvalidParameter: for the first that is wrong, and for a second rule of the same priority and packets.
    """
    for index, item in enumerate(items):
        at = f"{where}[{index}]"
        rule = parse_rule(values.mapping(at, item), f"{at}.", absent)
        key = tuple(rule) if absent else rule.key
        if key in rules:
            remedy = "another rule of the list has this priority and is about the same packets: keep one"
            raise InvalidParameter(f"{at}.priority", rule.priority, remedy)
        rules[key] = rule


def parse_rule(item: Mapping[str, Any], where: str, absent: bool = False) -> Rule:
    """A rule from its parameters.

    :param where: prefix of parameter names in messages: ``rules[0].``.
    :param absent: it is to be removed, so it need not say everything.
    :raises InvalidParameter: for the first that is wrong.
    """
    item = values.given(item)
    values.known(where, item, _PARSERS, "a rule")
    parsed = {name: parse(f"{where}{name}", item[name]) for name, parse in _PARSERS.items() if name in item}
    found = {_FIELDS.get(name, name): value for name, value in parsed.items()}
    networks = {name: parsed[name] for name in ("from", "to") if name in parsed}
    family = found.pop("family", 6 if any(":" in network for network in networks.values()) else 4)
    for name, network in networks.items():
        if (":" in network) != (family == 6):
            raise InvalidParameter(f"{where}{name}", item[name], "it is of another address family than the rule")
    if "fwmark" in found:
        found.setdefault("fwmask", EVERY_BIT)
    found = {name: value for name, value in found.items() if value not in _UNSAID or name in _MAY_BE_ZERO}
    _check(family, found, item, where, absent)
    if not absent:
        found.setdefault("action", LOOKUP)
    return Rule(family, found.pop("priority", None), **found)


_IPV4_TOS = 0x1C  # of IPTOS_TOS_MASK, which net/ipv4/fib_rules.c takes, the bits that are not of congestion
_UNSAID = (0, False, *values.EVERYTHING.values())  # as if it was not given
_MAY_BE_ZERO = ("priority", "fwmark", "suppress_prefixlength", "uidrange")


def _check(family: int, found: Mapping[str, Any], item: Mapping[str, Any], where: str, absent: bool) -> None:
    """Refuse parameters that do not fit each other."""
    given, looks_up = found.keys(), found.get("action", LOOKUP) == LOOKUP
    outside = found.get("fwmark", 0) & ~found.get("fwmask", EVERY_BIT)
    tos = family == 4 and found.get("tos", 0) > _IPV4_TOS
    contradictions = (
        ("fwmask", "fwmask" in given and "fwmark" not in given, "it needs 'fwmark'"),
        ("fwmark", outside, "it has bits that fwmask has not, so it never matches"),
        ("tos", tos, f"the kernel takes at most {_IPV4_TOS:#x} for IPv4"),
        ("action", not looks_up and "table" in given, "such a rule has no table: remove 'table'"),
        ("table", {"table", "l3mdev"} <= given, "with 'l3mdev', it is the table of the packet's VRF"),
        ("suppress_prefixlength", "suppress_prefixlength" in given and not looks_up, "it needs 'table'"),
    )
    for name, contradicts, remedy in contradictions:
        if contradicts:
            raise InvalidParameter(f"{where}{name}", item[name], remedy)
    if absent:
        return
    if "priority" not in given:
        raise InvalidParameter(f"{where}priority", None, "a rule needs one: the kernel's choice depends on other rules")
    if looks_up and not {"table", "l3mdev"} & given:
        raise InvalidParameter(f"{where}table", None, "a rule needs 'table', 'l3mdev' or another 'action'")
