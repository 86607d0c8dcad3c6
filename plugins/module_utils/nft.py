# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading, and isolation, each in an nftables table of our own: what is wanted, what is there, the transaction.

All but converge() and read() is pure. The kernel is read as libnftables-json(5); nft's text is used only to show
a person what stands in our table that we never wrote.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Union

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

FAMILY = "inet"

# Our chains, each called as its hook: (type, priority, the same as a number).
_CHAINS = {
    "postrouting": ("nat", "srcnat", 100),
    # Before the route is looked up: what is dropped reaches neither another network nor this host's addresses there.
    "prerouting": ("filter", "raw", -300),
}


def _chain_properties(name: str) -> dict[str, Any]:
    """A chain of ours as libnftables-json(5) gives it, handle left out."""
    kind, _word, priority = _CHAINS[name]
    return {"name": name, "type": kind, "hook": name, "prio": priority, "policy": "accept"}


_PROTOCOL = {4: "ip", 6: "ip6"}

# (operator, left side as JSON) of the matches that our rules are made of.
_SLOTS = {
    ("==", json.dumps({"meta": {"key": "oifname"}})): "oifname",
    **{
        (operator, json.dumps({"payload": {"field": field, "protocol": protocol}})): f"{protocol} {slot}"
        for protocol in _PROTOCOL.values()
        for operator, field, slot in (("==", "saddr", "saddr"), ("!=", "daddr", "daddr"), ("==", "daddr", "to"))
    },
}


@dataclass(frozen=True)
class Rule:
    """One masquerade rule.

    :param source: packets from here get the address of the interface they leave by ...
    :param out_interface: ... if they leave by this one (None: any) ...
    :param exempt: ... and do not go to one of these: collapsed and sorted, so that equal sets compare equal.
    """

    chain: ClassVar[str] = "postrouting"

    source: Network
    out_interface: str | None
    exempt: tuple[Network, ...]

    def __str__(self) -> str:
        """The rule in nft's syntax."""
        protocol = _PROTOCOL[self.source.version]
        parts = [f"{protocol} saddr {self.source}"]
        if self.out_interface:
            parts.append(f'oifname "{self.out_interface}"')
        if self.exempt:
            parts.append(f"{protocol} daddr != {{ {', '.join(map(str, self.exempt))} }}")
        return " ".join([*parts, "masquerade"])

    def as_dict(self) -> dict[str, Any]:
        """The rule as the module's option ``rules`` has it."""
        return {
            "source": str(self.source),
            "out_interface": self.out_interface,
            "exempt": [str(destination) for destination in self.exempt],
        }


@dataclass(frozen=True)
class Drop:
    """One rule that keeps networks apart: packets from one do not go to others.

    :param destinations: collapsed and sorted, so that equal sets compare equal.
    """

    chain: ClassVar[str] = "prerouting"

    source: Network
    destinations: tuple[Network, ...]

    def __str__(self) -> str:
        """The rule in nft's syntax."""
        protocol = _PROTOCOL[self.source.version]
        return f"{protocol} saddr {self.source} {protocol} daddr {{ {', '.join(map(str, self.destinations))} }} drop"

    def as_dict(self) -> dict[str, Any]:
        """The rule as data."""
        return {"source": str(self.source), "destinations": [str(destination) for destination in self.destinations]}


AnyRule = Union[Rule, Drop]


@dataclass(frozen=True)
class Observed:
    """Our table as the kernel has it.

    :param rules: by handle and in order, those of our chain that are rules as we write them.
    :param foreign: the table holds anything else: another chain, a set, a changed priority, a rule made by hand.
    """

    rules: Mapping[int, AnyRule]
    foreign: bool


def table_name(parameter: str, value: str) -> str:
    """A name for our table, as nft(8) takes identifiers.

    :raises InvalidParameter: nft would not read it back.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", value):
        raise InvalidParameter(
            parameter, value, "a table's name is a letter and up to 31 letters, digits and underscores, such as 'weft'"
        )
    return value


def wanted(rules: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The module's option ``rules``, validated and normalised.

    :raises InvalidParameter: names the entry, what is wrong with it and what would be right.
    """
    if not rules:
        raise InvalidParameter("rules", [], "give at least one rule, or take the table away with state: absent")
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
    """The rules that keep groups of networks apart; none for a single group.

    :raises InvalidParameter: a network is none.
    """
    found: list[list[Network]] = []
    for index, group in enumerate(groups):
        if not isinstance(group, (list, tuple)):
            raise InvalidParameter(f"isolation[{index}]", group, "give a list of networks")
        found.append(
            [
                ipaddress.ip_network(values.network(f"isolation[{index}][{number}]", network))
                for number, network in enumerate(group)
            ]
        )
    rules = []
    for group in found:
        for source in group:
            others = _collapsed(
                network
                for other in found
                if other is not group
                for network in other
                if network.version == source.version
            )
            if others:
                rules.append(Drop(source, others))
    return tuple(rules)


def _rule(parameter: str, entry: Mapping[str, Any]) -> Rule:
    source = ipaddress.ip_network(values.network(f"{parameter}.source", entry["source"]))
    out_interface = entry.get("out_interface")
    if out_interface is not None:
        values.ifname(f"{parameter}.out_interface", out_interface)
        # nft reads a trailing * as a prefix match and has no way to quote a quotation mark.
        if re.search(r'["*\\]', out_interface):
            remedy = 'nftables gives *, " and \\ a meaning of their own; rename the interface'
            raise InvalidParameter(f"{parameter}.out_interface", out_interface, remedy)
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
    return Rule(source, out_interface, _collapsed(exempt))


def _collapsed(networks: Iterable[Any]) -> tuple[Network, ...]:
    # The kernel merges overlapping and adjacent elements of an interval set, so the wanted side must as well.
    return tuple(ipaddress.collapse_addresses(networks))


def render(name: str, rules: Sequence[AnyRule]) -> str:
    """The whole table in nft's syntax, one line for each rule."""
    chain = rules[0].chain
    kind, priority, _number = _CHAINS[chain]
    lines = "".join(f"\t\t{rule}\n" for rule in rules)
    return (
        f"table {FAMILY} {name} {{\n"
        f"\tchain {chain} {{\n"
        f"\t\ttype {kind} hook {chain} priority {priority}; policy accept;\n"
        f"{lines}"
        "\t}\n"
        "}\n"
    )


def parse(name: str, listing: Mapping[str, Any]) -> Observed:
    """What ``nft -j list table`` printed.

    :param listing: the decoded document, ``{"nftables": [...]}``.
    """
    rules: dict[int, AnyRule] = {}
    ours = [{"family": FAMILY, "table": name, **_chain_properties(chain)} for chain in _CHAINS]
    foreign = False
    chains = 0
    for item in listing["nftables"]:
        ((kind, properties),) = item.items()
        if kind == "metainfo":
            continue
        handle = properties.pop("handle", None)
        rule = _parse_rule(properties) if kind == "rule" else None
        if rule is not None:
            rules[handle] = rule
        elif kind == "chain" and properties in ours:
            chains += 1
        elif kind != "table" or properties != {"family": FAMILY, "name": name}:
            foreign = True
    return Observed(rules, foreign or chains != 1)


def _parse_rule(properties: Mapping[str, Any]) -> AnyRule | None:
    """None: not a rule as we write them."""
    if properties.keys() != {"family", "table", "chain", "expr"}:
        return None
    expressions = properties["expr"]
    verdicts = {Rule.chain: {"masquerade": None}, Drop.chain: {"drop": None}}
    if expressions[-1] != verdicts.get(properties["chain"]):
        return None
    right: dict[str, Any] = {}
    for expression in expressions[:-1]:
        match = expression.get("match", {})
        slot = _SLOTS.get((match.get("op"), json.dumps(match.get("left"), sort_keys=True)))
        if slot is None or slot in right:
            return None
        right[slot] = match["right"]
    return _parse_drop(right) if properties["chain"] == Drop.chain else _parse_masquerade(right)


def _parse_drop(right: Mapping[str, Any]) -> Drop | None:
    for protocol in _PROTOCOL.values():
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
    for protocol in _PROTOCOL.values():
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

    :raises ValueError: it is something else, such as the name of a set.
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
    return _collapsed(networks)


def plan(name: str, rules: tuple[AnyRule, ...] | None, observed: Observed | None) -> str:
    """The transaction that brings the kernel from what is observed to the wanted rules; empty if nothing is to be done.

    :param rules: None: no table.
    :param observed: None: there is no table.
    """
    if observed is None:
        return "" if rules is None else transaction(name, rules)
    return "" if not observed.foreign and tuple(observed.rules.values()) == rules else transaction(name, rules)


def transaction(name: str, rules: tuple[AnyRule, ...] | None) -> str:
    """The script that makes it so, whatever is there: nft -f runs it as one netlink batch, all of it or nothing.

    :param rules: None takes the table away.
    """
    # "add" first, so that "delete" finds a table also where there was none.
    script = f"add table {FAMILY} {name}\ndelete table {FAMILY} {name}\n"
    return script if rules is None else script + render(name, rules)


def describe(observed: Observed, text: str) -> str:
    """Our table as the kernel has it, for the diff: rules of ours as render() writes them, the rest as nft does.

    :param text: what ``nft -s -a list table`` printed.
    """
    lines = []
    for line in text.splitlines():
        body, _mark, handle = line.partition(" # handle ")
        rule = observed.rules.get(int(handle)) if handle and not body.endswith("{") else None
        lines.append(body if rule is None else f"\t\t{rule}")
    return "\n".join(lines) + "\n"


def predict(name: str, rules: tuple[AnyRule, ...] | None, observed: Observed | None, text: str = "") -> dict[str, Any]:
    """What the module masquerade returns, if the plan is carried out.

    :param rules: None: no table is wanted.
    :param observed: None: there is no table.
    :param text: what ``nft -s -a list table`` printed; needed only if something is to be done.
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


def converge(name: str, rules: tuple[AnyRule, ...] | None, check: bool) -> dict[str, Any]:
    """Bring our table, in the network namespace of this process, to the wanted rules.

    :param rules: None: no table is wanted.
    :param check: change nothing.
    :returns: what the module masquerade returns, its rules read from the kernel.
    :raises FabricError: nft is missing, or the kernel refused the transaction, of which nothing was done then.
    """
    observed = read(name)
    script = plan(name, rules, observed)
    result = predict(name, rules, observed, _list(name, "-s", "-a") if script and observed else "")
    if script and not check:
        _apply(name, script)
        observed = read(name)
        result["rules"] = [rule.as_dict() for rule in observed.rules.values()] if observed else []
    return result


def read(name: str) -> Observed | None:
    """Our table in the network namespace of this process; None: there is none."""
    listing = _list(name, "-j")
    return parse(name, json.loads(listing)) if listing else None


def _apply(name: str, script: str) -> None:
    """Run one transaction.

    :raises FabricError: it was refused, and so nothing of it was done.
    """
    process = _nft("-f", "-", script=script)
    if process.returncode != 0:
        raise explain(name, process.stderr)


def _list(name: str, *options: str) -> str:
    process = _nft(*options, "list", "table", FAMILY, name)
    if process.returncode != 0:
        if "No such file or directory" in process.stderr:
            return ""
        raise explain(name, process.stderr)
    return process.stdout


def _nft(*arguments: str, script: str = "") -> subprocess.CompletedProcess[str]:
    # A user's path may lack the directories of system commands.
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if nft is None:
        raise FabricError("nft is missing: install the package nftables on this host")
    return subprocess.run(
        [nft, *arguments],
        input=script,
        capture_output=True,
        encoding="utf-8",
        # Its messages are read.
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )


def explain(name: str, stderr: str) -> FabricError:
    """nft's complaint about our table in one line, with what helps."""
    if "Operation not permitted" in stderr:
        return FabricError("nft may not read or change this network namespace: run with become: true")
    if re.search("cache initialization failed|Unable to initialize Netlink socket", stderr):
        return FabricError("this kernel has no nf_tables: install the distribution's full kernel image")
    if re.search("Could not process rule: (No such file or directory|Operation not supported)", stderr):
        return FabricError(
            "this kernel cannot masquerade, nft_chain_nat or nft_masq is missing: "
            "install the distribution's full kernel image"
        )
    if "syntax error" in stderr:
        return InvalidParameter("table", name, "it is a word of nft's own language; choose another, such as 'weft'")
    return FabricError(f"nft failed on table {FAMILY} {name}: {stderr.strip().partition(chr(10))[0]}")
