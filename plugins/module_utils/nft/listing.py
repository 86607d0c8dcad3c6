# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as nft lists them: parsed from libnftables-json(5), compared with wanted rules, and shown. Pure.

nft's text is only used to show rules in our table that are not ours.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import (
    CHAINS,
    FAMILY,
    HOOKS,
    PROTOCOL,
    AnyRule,
    Drop,
    Network,
    Rule,
    Spoofed,
    collapsed,
    render,
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


def _chain_properties(family: str, hook: str) -> dict[str, Any]:
    """A chain of ours in libnftables-json(5), without its handle."""
    kind, _word, priority = HOOKS[family, hook]
    return {"name": CHAINS[hook], "type": kind, "hook": hook, "prio": priority, "policy": "accept"}


@dataclass(frozen=True)
class Observed:
    """A table in the kernel.

    :param rules: by handle and in order, the rules of our chain that this collection could have written.
    :param foreign: the table contains something else: another chain, a set, a changed priority, a manual rule.
    :param ours: the table has our chain, or nothing at all.
    """

    rules: Mapping[int, AnyRule]
    foreign: bool
    ours: bool = True


def parse(name: str, listing: Mapping[str, Any], family: str = FAMILY) -> Observed:
    """A table from the output of ``nft -j list table``.

    :param listing: the output, decoded: ``{"nftables": [...]}``.
    """
    rules: dict[int, AnyRule] = {}
    known = [{"family": of, "table": name, **_chain_properties(of, hook)} for of, hook in HOOKS if of == family]
    chains: list[Mapping[str, Any]] = []
    others = foreign = False
    for item in listing["nftables"]:
        ((kind, properties),) = item.items()
        if kind == "metainfo":
            continue
        handle = properties.pop("handle", None)
        rule = _parse_rule(properties) if kind == "rule" else None
        if rule is not None:
            rules[handle] = rule
        elif kind == "chain":
            chains.append(properties)
        elif kind != "table":
            others = True
        elif properties != {"family": family, "name": name}:
            foreign = True
    marked = any(chain["name"] in CHAINS.values() for chain in chains)
    foreign = foreign or others or len(chains) != 1 or chains[0] not in known
    return Observed(rules, foreign, marked or not (chains or others))


def _parse_rule(properties: Mapping[str, Any]) -> AnyRule | None:
    """A rule; None: this collection does not write such rules."""
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
    same = not observed.foreign and tuple(observed.rules.values()) == rules
    return "" if same else transaction(name, rules, family)


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
        lines.append(body if rule is None else f"\t\t{rule}")
    return "\n".join(lines) + "\n"


def predict(name: str, rules: tuple[AnyRule, ...] | None, observed: Observed | None, text: str = "") -> dict[str, Any]:
    """The result of the module masquerade after the transaction.

    :param rules: None: no table is wanted.
    :param observed: None: there is no table.
    :param text: the output of ``nft -s -a list table``; only needed if something changes.
    """
    after = "" if rules is None else render(name, rules)
    changed = bool(plan(name, rules, observed))
    before = after if not changed else describe(observed, text) if observed else ""
    return {
        "changed": changed,
        "table": name,
        "rules": [rule.as_dict() for rule in rules or ()],
        "diff": {"before": before, "after": after},
    }
