# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which chains of this host's firewalls drop packets, by their policy or by a rule.

nftables' chains include those of iptables-nft. Those of iptables-legacy are read by its own program, and only where the
kernel has such a table: asking for one would create it. A rule that jumps to a chain counts with this chain's rules.
Sources: include/uapi/linux/netfilter/nf_tables.h, net/netfilter/nft_immediate.c, iptables-save(8).
"""

from __future__ import annotations

import shlex
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.kernel.firewall import (
    FAMILIES,
    HEADER,
    HOOKS,
    NF_DROP,
    Chain,
    base_chains,
    dump,
    text,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import attributes

NFT_MSG_GETRULE = 10 << 8 | 7  # NFNL_SUBSYS_NFTABLES
NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS = 1, 2, 4
NFTA_EXPR_NAME, NFTA_EXPR_DATA = 1, 2
NFTA_IMMEDIATE_DATA = 2
NFTA_DATA_VERDICT = 2
NFTA_VERDICT_CODE, NFTA_VERDICT_CHAIN = 1, 2
NFTA_TARGET_NAME = 1
NFT_JUMP, NFT_GOTO = -3, -4

_MATCHES_ALL = {"counter", "log", "immediate", "reject", "target"}
"""Expressions that let every packet go on to the next one."""

OURS = "weft_"  # tables of ours drop what the fabric keeps apart
_LEGACY = (("ip", "/proc/net/ip_tables_names", "iptables"), ("ip6", "/proc/net/ip6_tables_names", "ip6tables"))
_SECONDS = 10


class Rule(NamedTuple):
    """What matters of a rule.

    :ivar drops: it drops or rejects.
    :ivar jump: the chain that it leads to. Empty: none.
    :ivar bare: it is for all packets.
    """

    drops: bool
    jump: str
    bare: bool


Place = tuple[str, str, str]
"""Family, table and name of a chain."""


class Drop(NamedTuple):
    """A base chain that drops packets.

    :ivar all: its policy drops, or a rule without a condition.
    """

    family: str
    table: str
    chain: str
    hook: str
    all: bool


def drops() -> list[Drop]:
    """The base chains in this namespace that drop packets, except this collection's own."""
    found = list(_dropping(base_chains(), _rules()))
    for family, saved in legacy():
        found += _dropping(*parse_saved(family, saved))
    return found


def protections() -> list[str]:
    """This collection's own tables in this namespace that drop packets, each with its family."""
    found = {
        f"{family} {table}"
        for (family, table, _chain), expressions in nft_rules({7: "bridge"})
        if table.startswith(OURS) and _rule(expressions).drops
    }
    return sorted(found)


def _dropping(chains: list[Chain], rules: dict[Place, list[Rule]]) -> Iterator[Drop]:
    for chain in chains:
        if chain.table.startswith(OURS):
            continue
        reached = _reached((chain.family, chain.table, chain.name), True, rules, set())
        verdicts = [bare for rule, bare in reached if rule.drops]
        if chain.drops or verdicts:
            yield Drop(chain.family, chain.table, chain.name, chain.hook, chain.drops or any(verdicts))


def _reached(
    place: Place, bare: bool, rules: dict[Place, list[Rule]], seen: set[tuple[Place, bool]]
) -> Iterator[tuple[Rule, bool]]:
    """The rules of a chain and of those that they jump to, and whether all packets meet each."""
    if (place, bare) in seen:
        return
    seen.add((place, bare))
    for rule in rules.get(place, ()):
        yield rule, bare and rule.bare
        if rule.jump:
            yield from _reached((*place[:2], rule.jump), bare and rule.bare, rules, seen)


# -- nftables ------------------------------------------------------------------------------------------


Expressions = list[tuple[str, dict[int, bytes]]]
"""What a rule consists of: the name and the attributes of each expression."""


def nft_rules(more: Mapping[int, str] | None = None) -> Iterator[tuple[Place, Expressions]]:
    """All rules of nftables in this namespace for IP, each with its chain.

    :param more: further families that are looked at, by number.
    """
    families = {**FAMILIES, **(more or {})}
    for message in dump(NFT_MSG_GETRULE):
        family, found = families.get(message[16]), attributes(message, HEADER)
        if family:
            place = (family, text(found[NFTA_RULE_TABLE]), text(found[NFTA_RULE_CHAIN]))
            parts = [attributes(part, 0) for part in _elements(found.get(NFTA_RULE_EXPRESSIONS, b""))]
            yield place, [(text(one[NFTA_EXPR_NAME]), attributes(one.get(NFTA_EXPR_DATA, b""), 0)) for one in parts]


def verdict_of(data: Mapping[int, bytes]) -> tuple[int | None, str]:
    """The verdict of the expression ``immediate``, and the chain that it leads to. None: it has no verdict."""
    found = attributes(attributes(data.get(NFTA_IMMEDIATE_DATA, b""), 0).get(NFTA_DATA_VERDICT, b""), 0)
    code = struct.unpack("!i", found[NFTA_VERDICT_CODE])[0] if found else None
    return code, text(found[NFTA_VERDICT_CHAIN]) if code in (NFT_JUMP, NFT_GOTO) else ""


def _rules() -> dict[Place, list[Rule]]:
    rules: dict[Place, list[Rule]] = {}
    for place, expressions in nft_rules():
        rules.setdefault(place, []).append(_rule(expressions))
    return rules


def _rule(expressions: Expressions) -> Rule:
    names, drops, jump = set(), False, ""
    for name, data in expressions:
        names.add(name)
        if name == "immediate":
            code, chain = verdict_of(data)
            drops, jump = drops or code == NF_DROP, chain or jump
        elif name == "reject" or (name == "target" and text(data.get(NFTA_TARGET_NAME, b"")) == "REJECT"):
            drops = True
    return Rule(drops, jump, names <= _MATCHES_ALL)


def _elements(data: bytes) -> Iterator[bytes]:
    """The elements of a nested list, which all have the same type."""
    offset = 0
    while offset + 4 <= len(data):
        (length,) = struct.unpack_from("=H", data, offset)
        if length < 4:
            return
        yield data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


# -- iptables-legacy -----------------------------------------------------------------------------------


def legacy() -> Iterator[tuple[str, str]]:
    """What iptables-legacy has in this namespace: (family, what ``iptables-save`` prints)."""
    for family, names, program in _LEGACY:
        if _lists_tables(names):
            yield family, _saved(program)


def _lists_tables(path: str) -> bool:
    try:
        with open(path, encoding="ascii") as names:
            return bool(names.read().split())
    except OSError:
        return False


def _saved(program: str) -> str:
    """What ``iptables-save`` prints of legacy tables. Empty: the host does not have it any more."""
    path = shutil.which(f"{program}-legacy-save") or shutil.which(f"{program}-save")
    if not path:
        return ""
    try:
        done = subprocess.run([path], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # Where only the program of nftables is left, its chains have been read already.
    return "" if "nf_tables" in done.stdout else done.stdout


def parse_saved(family: str, saved: str) -> tuple[list[Chain], dict[Place, list[Rule]]]:
    """The chains and rules in what ``iptables-save`` printed. Pure."""
    chains: list[Chain] = []
    rules: dict[Place, list[Rule]] = {}
    table = ""
    for line in saved.splitlines():
        words = line.split()
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":") and words[0][1:].lower() in HOOKS:
            chains.append(Chain(family, table, words[0][1:], words[0][1:].lower(), words[1] == "DROP"))
    for place, words in saved_rules(saved):
        at = next((at for at, word in enumerate(words) if word in ("-j", "-g")), len(words))
        target = "".join(words[at + 1 : at + 2])
        drops = target in ("DROP", "REJECT")
        rules.setdefault((family, place, words[1]), []).append(Rule(drops, "" if drops else target, at == 2))
    return chains, rules


def saved_rules(saved: str) -> Iterator[tuple[str, list[str]]]:
    """The rules in what ``iptables-save`` printed: the table, and the words of ``iptables``, ``-A CHAIN`` first."""
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("-A"):
            yield table, shlex.split(line)
