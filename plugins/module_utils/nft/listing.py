# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as nft lists them: parsed from libnftables-json(5), compared with wanted rules, and shown. Pure.

nft's text is only used to show rules in our table that are not ours.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.nft import sets
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import (
    CHAINS,
    FAMILY,
    HOOKS,
    MARK,
    PROTOCOL,
    AnyRule,
    Drop,
    Lookup,
    Network,
    Rule,
    Spoofed,
    collapsed,
    counters_of,
    render,
    sets_of,
)

# The matches that our rules consist of: (operator, left side as JSON).
_SLOTS = {
    ("==", json.dumps({"meta": {"key": "iifname"}})): "iifname",
    ("!=", json.dumps({"payload": {"field": "saddr", "protocol": "ether"}})): "ether",
    ("==", json.dumps({"meta": {"key": "oifname"}})): "oifname",
    **{
        (operator, json.dumps({"payload": {"field": field, "protocol": protocol}})): f"{protocol} {slot}"
        for protocol in PROTOCOL.values()
        for operator, field, slot in (("==", "saddr", "saddr"), ("!=", "daddr", "daddr"), ("==", "daddr", "to"))
    },
}

_HOOKS = {chain: hook for hook, chain in CHAINS.items()}


def _chain_properties(family: str, hook: str) -> dict[str, Any]:
    """A chain of ours in libnftables-json(5), without its handle."""
    kind, _word, priority = HOOKS[family, hook]
    return {"name": CHAINS[hook], "type": kind, "hook": hook, "prio": priority, "policy": "accept"}


@dataclass(frozen=True)
class Observed:
    """A table in the kernel.

    :param rules: by handle and in order, the rules of our chain that this collection could have written.
    :param foreign: the table contains something else: another chain, a changed priority, a manual rule.
    :param ours: the table has our chain, or nothing at all.
    :param sets: its sets by name.
    :param counters: its counters by name, with the packets and bytes that they have counted.
    """

    rules: Mapping[int, AnyRule]
    foreign: bool
    ours: bool = True
    sets: Mapping[str, sets.Observed] = field(default_factory=dict)
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def has(self, rules: Sequence[AnyRule]) -> bool:
        """Whether the table has exactly these rules, and the sets and counters that they name."""
        wanted = sets_of(rules)
        return (
            not self.foreign
            and tuple(self.rules.values()) == tuple(rules)
            and {name: one.networks for name, one in self.sets.items()}
            == {name: one.networks for name, one in wanted.items()}
            and all(one.elements is not None for one in self.sets.values())
            and {*self.counters} == {*counters_of(rules)}
        )


def expected(rules: Sequence[AnyRule]) -> Observed:
    """A table as it is when it has exactly these rules."""
    return Observed(
        dict(enumerate(rules)),
        foreign=False,
        sets={name: sets.Observed(one.elements, one.networks) for name, one in sets_of(rules).items()},
        counters={name: {} for name in counters_of(rules)},
    )


def parse(name: str, listing: Mapping[str, Any], family: str = FAMILY) -> Observed:
    """A table from the output of ``nft -j list table``.

    :param listing: the output, decoded: ``{"nftables": [...]}``.
    """
    found = _by_kind(listing)
    tables, chains = found.pop("table", []), found.pop("chain", [])
    listed = {rule.pop("handle", None): _parse_rule(rule) for rule in found.pop("rule", [])}
    named = {kind: {one["name"]: one for one in found.pop(kind, [])} for kind in ("set", "counter")}
    return Observed(
        {handle: rule for handle, rule in listed.items() if rule is not None},
        foreign=bool(found) or None in listed.values() or not _is_as_made(name, family, tables, chains),
        ours=any(chain["name"] in CHAINS.values() for chain in chains)
        or not (chains or listed or found or any(named.values())),
        sets={key: sets.parse(one) for key, one in named["set"].items()},
        counters={key: {"packets": one["packets"], "bytes": one["bytes"]} for key, one in named["counter"].items()},
    )


def _by_kind(listing: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The objects of a listing."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in listing["nftables"]:
        ((kind, properties),) = item.items()
        found.setdefault(kind, []).append(properties)
    found.pop("metainfo", None)
    return found


def _is_as_made(
    name: str, family: str, tables: Sequence[Mapping[str, Any]], chains: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether a table has the properties that this collection gives it, and one chain that it makes."""
    known = [{"family": of, "table": name, **_chain_properties(of, hook)} for of, hook in HOOKS if of == family]
    return (
        all(_without_handle(table) == {"family": family, "name": name} for table in tables)
        and len(chains) == 1
        and _without_handle(chains[0]) in known
    )


def _without_handle(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key != "handle"}


def _parse_rule(properties: Mapping[str, Any]) -> AnyRule | None:
    """A rule; None: this collection does not write such rules."""
    if properties["chain"] in _HOOKS and properties.get("comment", "").startswith(MARK):
        return Lookup(properties["family"], _HOOKS[properties["chain"]], properties["comment"])
    if properties.keys() != {"family", "table", "chain", "expr"}:
        return None
    expressions = properties["expr"]
    verdicts = {CHAINS[Rule.hook]: {"masquerade": None}, CHAINS[Drop.hook]: {"drop": None}}
    if expressions[-1] != verdicts.get(properties["chain"]):
        return None
    right: dict[str, Any] = {}
    for expression in expressions[:-1]:
        match = expression.get("match", {})
        slot = _SLOTS.get((match.get("op"), json.dumps(match.get("left"), sort_keys=True)))
        if slot is None or slot in right:
            return None
        right[slot] = match["right"]
    if properties["chain"] == CHAINS[Rule.hook]:
        return _parse_masquerade(right)
    if right.keys() == {"iifname", "ether"}:
        return Spoofed(str(right["iifname"]), str(right["ether"]))
    return _parse_drop(right)


def _parse_drop(right: Mapping[str, Any]) -> Drop | None:
    for protocol in PROTOCOL.values():
        if right.keys() == {f"{protocol} saddr", f"{protocol} to"}:
            try:
                source = _parse_networks(right[f"{protocol} saddr"])
                destinations = _parse_networks(right[f"{protocol} to"])
            except ValueError:
                return None
            return Drop(source[0], destinations) if len(source) == 1 else None
    return None


def _parse_masquerade(right: dict[str, Any]) -> Rule | None:
    out_interface = right.pop("oifname", None)
    for protocol in PROTOCOL.values():
        if f"{protocol} saddr" in right and right.keys() <= {f"{protocol} saddr", f"{protocol} daddr"}:
            break
    else:
        return None
    try:
        source = _parse_networks(right[f"{protocol} saddr"])
        exempt = _parse_networks(right.get(f"{protocol} daddr", {"set": []}))
    except ValueError:
        return None
    if len(source) != 1 or not isinstance(out_interface, (str, type(None))):
        return None
    return Rule(source[0], out_interface, exempt)


def _parse_networks(right: Any) -> tuple[Network, ...]:
    """The right side of a match as networks.

    :raises ValueError: it contains something else, such as the name of a set.
    """
    networks: list[Network] = []
    for element in right["set"] if isinstance(right, dict) and "set" in right else [right]:
        if isinstance(element, str):
            networks.append(ipaddress.ip_network(element))
        elif element.keys() == {"prefix"}:
            networks.append(ipaddress.ip_network("{addr}/{len}".format(**element["prefix"])))
        elif element.keys() == {"range"}:
            first, last = map(ipaddress.ip_address, element["range"])
            networks.extend(ipaddress.summarize_address_range(first, last))
        else:
            raise ValueError(element)
    return collapsed(networks)


def plan(name: str, rules: tuple[AnyRule, ...] | None, observed: Observed | None, family: str = FAMILY) -> str:
    """The transaction that makes a table contain exactly the wanted rules; empty if it does.

    :param rules: None: no table is wanted.
    :param observed: None: there is no table.
    """
    if observed is None:
        return "" if rules is None else transaction(name, rules, family)
    if rules is None or not observed.has(rules):
        return transaction(name, rules, family)
    # A table that is replaced loses no packet either, but its counters begin again, and all elements are sent.
    there = {key: one.elements or frozenset() for key, one in observed.sets.items()}
    return "".join(one.change(f"{family} {name}", there[key]) for key, one in sets_of(rules).items())


def transaction(name: str, rules: tuple[AnyRule, ...] | None, family: str = FAMILY) -> str:
    """The script that replaces a table, whatever it contains. ``nft -f`` runs it as one netlink batch: all or nothing.

    :param rules: None removes the table.
    """
    # "delete" fails without a table, so "add" comes first.
    script = f"add table {family} {name}\ndelete table {family} {name}\n"
    return script if rules is None else script + render(name, rules)


def describe(observed: Observed, text: str) -> str:
    """A table in the kernel, for the diff: our rules as render() writes them, the rest as nft prints it.

    :param text: the output of ``nft -s -a list table``.
    """
    lines = []
    for line in text.splitlines():
        body, _mark, handle = line.partition(" # handle ")
        rule = observed.rules.get(int(handle)) if handle and not body.endswith("{") else None
        lines.append(body if rule is None or isinstance(rule, Lookup) else f"\t\t{rule}")
    return "\n".join(lines) + "\n"


def predict(
    name: str, rules: tuple[AnyRule, ...] | None, observed: Observed | None, text: str = "", family: str = FAMILY
) -> dict[str, Any]:
    """The result of the module masquerade after the transaction.

    :param rules: None: no table is wanted.
    :param observed: None: there is no table.
    :param text: the output of ``nft -s -a list table``; only needed if something changes.
    """
    changed = bool(plan(name, rules, observed, family))
    own = rules if rules is not None else observed.rules.values() if observed else ()
    if any(isinstance(rule, Lookup) for rule in own):
        diff = _diff_of_sets(f"table {family} {name}", rules or (), observed)
    else:
        after = "" if rules is None else render(name, rules)
        diff = {"before": after if not changed else describe(observed, text) if observed else "", "after": after}
    return {"changed": changed, "table": name, "rules": [rule.as_dict() for rule in rules or ()], "diff": diff}


def _diff_of_sets(title: str, rules: Sequence[AnyRule], observed: Observed | None) -> dict[str, str]:
    """The diff of a table with sets: a line for the table, where it is not as wanted, and the lines of elements.

    :param title: the table's line.
    """
    wanted, there = sets_of(rules), observed.sets if observed else {}
    before = {key: one.elements or frozenset() for key, one in there.items() if key in wanted}
    gone = {wanted[key].line(element) for key, found in before.items() for element in found - wanted[key].elements}
    new = {one.line(element) for key, one in wanted.items() for element in one.elements.difference(before.get(key, ()))}
    # Several elements have one line if they say one thing.
    old = [f"{line}, which differs" if line in new else line for line in gone]
    sides = zip(("before", "after"), _heads(title, rules, observed), (old, new))
    return {side: "".join(f"{line}\n" for line in [*head, *sorted(lines)]) for side, head, lines in sides}


def _heads(title: str, rules: Sequence[AnyRule], observed: Observed | None) -> tuple[list[str], list[str]]:
    """The lines for the table itself, before and after."""
    if not observed or not rules:
        return [title] if observed else [], [title] if rules else []
    return ([], []) if observed.has(rules) else ([f"{title}, which differs"], [title])


def as_data(observed: Observed | None, rules: Sequence[AnyRule]) -> Any:
    """A table in the kernel as data: its rules, or with sets the lines of their elements, and what is counted.

    :param rules: those that the table should have.
    """
    if observed is None or not observed.sets:
        return [rule.as_dict() for rule in observed.rules.values()] if observed else []
    known = sets_of(rules)
    return {
        "as_wanted": observed.has(rules),
        "elements": sorted(
            {
                known[name].line(element)
                for name, one in observed.sets.items()
                for element in one.elements or ()
                if name in known
            }
        ),
        "counters": {name: dict(one) for name, one in observed.counters.items()},
    }
