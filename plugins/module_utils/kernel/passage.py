# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this host's firewalls let packets through that it forwards.

A packet has to be accepted by every base chain that it meets, so no rule of ours can let through what another table
drops. It is said, with what helps. A rule is evaluated as far as it is about interfaces, addresses and the state of a
new connection. What else a rule may ask for is not known: such a rule accepts nothing and drops nothing.

nftables' chains include those of iptables-nft; those of iptables-legacy are read by its own program. Sources: nft(8) on
verdicts, include/uapi/linux/netfilter/nf_tables.h, net/netfilter/nft_{meta,payload,bitwise,cmp,ct}.c,
iptables-extensions(8).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Callable, NamedTuple, Optional

from ansible_collections.weft.fabric.plugins.module_utils.kernel import drops, firewall
from ansible_collections.weft.fabric.plugins.module_utils.kernel.firewall import Chain, text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import attributes

META_KEY, META_REGISTER = 2, 1
META_NAMES = {6: 0, 7: 1}  # NFT_META_IIFNAME, NFT_META_OIFNAME
META_FAMILY = 15  # NFT_META_NFPROTO
PAYLOAD_REGISTER, PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_LENGTH = 1, 2, 3, 4
NETWORK_HEADER = 1
ADDRESSES = {4: {12: 0, 16: 1}, 6: {8: 0, 24: 1}}
"""By IP version and offset in the header, the source (0) and the destination (1)."""
BITWISE_SOURCE, BITWISE_REGISTER, BITWISE_MASK, BITWISE_XOR = 1, 2, 4, 5
COMPARE_REGISTER, COMPARE_HOW, COMPARE_WITH = 1, 2, 3
EQUAL, UNEQUAL = 0, 1
CT_REGISTER, CT_KEY, CT_STATE, CT_NEW = 1, 2, 0, 8
DATA_VALUE = 1
NF_ACCEPT, NFT_RETURN = 1, -5
MATCH_NAME = 1
PASSED = {"counter", "log", "notrack"}
NAME_LENGTH = 16  # IFNAMSIZ

# Who makes which table, and what makes it accept the fabric's packets.
REMEDIES = {
    "firewalld": "put the fabric's interfaces into a zone that accepts: firewall-cmd --permanent --zone=trusted "
    "--add-interface=NAME; firewall-cmd --reload",
    "filter": "accept the fabric's interfaces in it: iptables -I FORWARD -i NAME -j ACCEPT, and -o NAME "
    "(Docker: in DOCKER-USER instead of FORWARD)",
}
REMEDY = "accept the fabric's interfaces in it: nft insert rule {chain} iifname NAME accept, and oifname NAME"
BRIDGED = "/proc/sys/net/bridge/bridge-nf-call-iptables"


class Packet(NamedTuple):
    """The first packet of a connection that the host forwards."""

    iif: str
    oif: str
    source: str
    target: str

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.source else 4


class Verdict(NamedTuple):
    """What a rule does with a packet that it is for.

    :ivar what: ``accept``, ``drop``, ``return``, ``jump`` or ``goto``; empty: the next rule follows.
    :ivar chain: the chain that it leads to.
    """

    what: str = ""
    chain: str = ""


class Rule(NamedTuple):
    """A rule.

    :ivar matches: (packet) -> whether it is for the packet; None: that is not known.
    """

    matches: Callable[[Packet], bool | None]
    verdict: Verdict


Rules = Mapping[drops.Place, Sequence[Rule]]


def obstacles(packets: Sequence[Packet]) -> list[str]:
    """A warning for each chain in this namespace that does not let packets through that the host forwards.

    :param packets: examples of what it forwards. Without any, chains are named that stop what they are not told of.
    """
    host = os.uname().nodename
    return [f"{host}: {line}" for line in stops(packets)]


def stops(packets: Sequence[Packet]) -> Iterator[str]:
    """What is wrong with each such chain, and what helps."""
    for chain, rules in _forward_chains():
        stopped = [packet for packet in packets if _stops(chain, rules, packet)]
        if stopped:
            what = f"packets that the fabric forwards, such as those from {stopped[0].iif} to {stopped[0].oif}"
        elif not packets and chain.closed:
            what = "forwarded packets that it does not accept"
        else:
            continue
        remedy = REMEDIES.get(chain.table, REMEDY.format(chain=chain))
        yield f"the chain {chain} drops {what}{_bridged()}; {remedy}"


def _forward_chains() -> Iterator[tuple[Chain, Rules]]:
    """The base chains at the hook ``forward``, each with the rules beside it."""
    chains = [chain for chain in firewall.base_chains() if chain.hook == "forward"]
    rules = nft_rules() if chains else {}
    yield from ((chain, rules) for chain in chains if not chain.table.startswith(drops.OURS))
    for family, saved in drops.legacy():
        there, legacy = parse_saved(family, saved)
        yield from ((chain, legacy) for chain in there if chain.hook == "forward")


def _stops(chain: Chain, rules: Rules, packet: Packet) -> bool:
    if chain.family not in ("inet", "ip6" if packet.version == 6 else "ip"):
        return False
    place = (chain.family, chain.table, chain.name)
    return (_verdict(place, rules, packet, ()) or ("drop" if chain.drops else "accept")) == "drop"


def _verdict(place: drops.Place, rules: Rules, packet: Packet, above: tuple[drops.Place, ...]) -> str:
    """``accept`` or ``drop``; empty: the chain has no verdict on the packet."""
    if place in above:
        return ""  # a listing that was read while rules changed
    for rule in rules.get(place, ()):
        if not rule.verdict.what or not rule.matches(packet):
            continue
        what, chain = rule.verdict
        if what == "return":
            return ""
        found = _verdict((*place[:2], chain), rules, packet, (*above, place)) if chain else what
        if found or what == "goto":
            return found
    return ""


def _bridged() -> str:
    """br_netfilter sends what a bridge switches through these chains as well."""
    try:
        with open(BRIDGED, encoding="ascii") as file:
            return ", bridged ones too (br_netfilter)" if file.read().strip() == "1" else ""
    except FileNotFoundError:
        return ""


# -- nftables ------------------------------------------------------------------------------------------


def nft_rules() -> Rules:
    """All rules of nftables in this namespace, by their chains."""
    found: dict[drops.Place, list[Rule]] = {}
    for place, expressions in drops.nft_rules():
        found.setdefault(place, []).append(_nft_rule(expressions))
    return found


def _nft_rule(expressions: Sequence[tuple[str, Mapping[int, bytes]]]) -> Rule:
    def matches(packet: Packet) -> bool | None:
        registers: dict[bytes, bytes | None] = {}
        known: bool | None = True
        for name, data in expressions:
            if name == "cmp":
                met = _compare(data, registers)
                if met is False:
                    return False
                known = known if met else None
            elif name in _LOADS:
                register, value = _LOADS[name](data, packet, registers)
                registers[register] = value
            elif name == "match" and text(data.get(MATCH_NAME, b"")) == "comment":
                continue
            elif name not in (*PASSED, "immediate", "reject", "target"):
                known = None
        return known

    return Rule(matches, _nft_verdict(expressions))


def _nft_verdict(expressions: Sequence[tuple[str, Mapping[int, bytes]]]) -> Verdict:
    for name, data in expressions:
        if name == "immediate":
            code, chain = drops.verdict_of(data)
            named = {firewall.NF_DROP: "drop", NF_ACCEPT: "accept", NFT_RETURN: "return"}
            named.update({drops.NFT_JUMP: "jump", drops.NFT_GOTO: "goto"})
            if code in named:
                return Verdict(named[code], chain)
        elif name == "reject" or (name == "target" and text(data.get(drops.NFTA_TARGET_NAME, b"")) == "REJECT"):
            return Verdict("drop")
    return Verdict()


_Registers = Mapping[bytes, Optional[bytes]]


def _compare(data: Mapping[int, bytes], registers: _Registers) -> bool | None:
    value = registers.get(data[COMPARE_REGISTER])
    wanted = attributes(data[COMPARE_WITH], 0).get(DATA_VALUE, b"")
    how = struct.unpack("!I", data[COMPARE_HOW])[0]
    if value is None or how not in (EQUAL, UNEQUAL):
        return None
    return bool((value[: len(wanted)] == wanted) == (how == EQUAL))


def _meta(data: Mapping[int, bytes], packet: Packet, _registers: _Registers) -> tuple[bytes, bytes | None]:
    key = struct.unpack("!I", data[META_KEY])[0]
    value = None
    if key in META_NAMES:
        value = packet[META_NAMES[key]].encode().ljust(NAME_LENGTH, b"\0")
    elif key == META_FAMILY:
        value = bytes([socket.AF_INET if packet.version == 4 else socket.AF_INET6])
    return data[META_REGISTER], value


def _payload(data: Mapping[int, bytes], packet: Packet, _registers: _Registers) -> tuple[bytes, bytes | None]:
    base, offset, length = (struct.unpack("!I", data[key])[0] for key in (PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_LENGTH))
    which = ADDRESSES[packet.version].get(offset) if base == NETWORK_HEADER else None
    # A prefix of whole bytes is loaded as no more than these.
    value = ipaddress.ip_address((packet.source, packet.target)[which]).packed[:length] if which is not None else None
    return data[PAYLOAD_REGISTER], value


def _bitwise(data: Mapping[int, bytes], _packet: Packet, registers: _Registers) -> tuple[bytes, bytes | None]:
    value = registers.get(data[BITWISE_SOURCE])
    if value is None or BITWISE_MASK not in data or BITWISE_XOR not in data:
        return data[BITWISE_REGISTER], None
    mask, xor = (attributes(data[key], 0)[DATA_VALUE] for key in (BITWISE_MASK, BITWISE_XOR))
    return data[BITWISE_REGISTER], bytes(one & two ^ three for one, two, three in zip(value, mask, xor))


def _ct(data: Mapping[int, bytes], _packet: Packet, _registers: _Registers) -> tuple[bytes, bytes | None]:
    state = CT_KEY in data and struct.unpack("!I", data[CT_KEY])[0] == CT_STATE
    return data.get(CT_REGISTER, b""), struct.pack("=I", CT_NEW) if state else None


_LOADS = {"meta": _meta, "payload": _payload, "bitwise": _bitwise, "ct": _ct}


# -- iptables-legacy -----------------------------------------------------------------------------------


def parse_saved(family: str, saved: str) -> tuple[list[Chain], Rules]:
    """The chains and rules in what ``iptables-save`` printed. Pure."""
    chains, _rules = drops.parse_saved(family, saved)
    rules: dict[drops.Place, list[Rule]] = {}
    for table, words in drops.saved_rules(saved):
        rules.setdefault((family, table, words[1]), []).append(_saved_rule(words[2:]))
    return chains, rules


def _saved_rule(words: Sequence[str]) -> Rule:
    tests: list[Callable[[Packet], bool | None]] = []
    verdict, at = Verdict(), 0
    while at < len(words):
        turned = words[at] == "!"
        option, value = words[at + turned], "".join(words[at + turned + 1 : at + turned + 2])
        at += turned + 2
        if option in ("-j", "-g"):
            verdict = _saved_verdict(value, option)
            break  # what follows are options of the target
        if option != "-m":
            tests.append(_saved_test(option, value, turned))

    def matches(packet: Packet) -> bool | None:
        results = [test(packet) for test in tests]
        return False if False in results else None if None in results else True

    return Rule(matches, verdict)


def _saved_verdict(target: str, option: str) -> Verdict:
    named = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
    if target in named:
        return Verdict(named[target])
    # The name of an extension, such as LOG, leads to a chain that has no rules.
    return Verdict("goto" if option == "-g" else "jump", target)


def _saved_test(option: str, value: str, turned: bool) -> Callable[[Packet], bool | None]:
    def met(packet: Packet) -> bool | None:
        if option in ("-i", "-o"):
            name = packet.iif if option == "-i" else packet.oif
            return name.startswith(value[:-1]) if value.endswith("+") else name == value
        if option in ("-s", "-d"):
            address = ipaddress.ip_address(packet.source if option == "-s" else packet.target)
            return address in ipaddress.ip_network(value, strict=False)
        if option in ("--ctstate", "--state"):
            return "NEW" in value.split(",")
        return True if option == "--comment" else None

    def matches(packet: Packet) -> bool | None:
        found = met(packet)
        return found if found is None else found != turned

    return matches
