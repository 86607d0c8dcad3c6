# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy rules in rtnetlink's messages. Sources: include/uapi/linux/fib_rules.h, net/core/fib_rules.c."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import packed, to_bytes, to_text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    FIB_RULE_INVERT,
    FRA_DPORT_MASK,
    FRA_DPORT_RANGE,
    FRA_DSCP,
    FRA_DST,
    FRA_FLOW,
    FRA_FLOWLABEL,
    FRA_FWMARK,
    FRA_FWMASK,
    FRA_GOTO,
    FRA_IIFNAME,
    FRA_IP_PROTO,
    FRA_L3MDEV,
    FRA_OIFNAME,
    FRA_PAD,
    FRA_PRIORITY,
    FRA_PROTOCOL,
    FRA_SPORT_MASK,
    FRA_SPORT_RANGE,
    FRA_SRC,
    FRA_SUPPRESS_IFGROUP,
    FRA_SUPPRESS_PREFIXLEN,
    FRA_TABLE,
    FRA_TUN_ID,
    FRA_UID_RANGE,
    NLM_F_CREATE,
    RT_TABLE_UNSPEC,
    RTM_DELRULE,
    RTM_GETRULE,
    RTM_NEWRULE,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import LOOKUP, Rule
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL

_HEADER = struct.Struct("=BBBBBxxBI")  # struct fib_rule_hdr: family, dst_len, src_len, tos, table, action, flags
_U32 = struct.Struct("=I")
_PORTS = struct.Struct("=HH")
_UIDS = struct.Struct("=II")
_FAMILIES: Mapping[int, int] = {socket.AF_INET: 4, socket.AF_INET6: 6}
_ACTIONS = {1: LOOKUP, 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_NUMBERS = {name: number for number, name in _ACTIONS.items()}
_UNSUPPRESSED = (FRA_SUPPRESS_PREFIXLEN, _U32.pack(2**32 - 1))  # which the kernel reports of most rules
_OTHERS = {
    FRA_FLOW: "realms", FRA_TUN_ID: "tun_id", FRA_SUPPRESS_IFGROUP: "suppress_ifgroup", FRA_DSCP: "dscp",
    FRA_FLOWLABEL: "flowlabel",
}  # fmt: skip
_ONE_PORT = b"\xff\xff"  # the mask of a port that is no range
# Attributes that Rule has fields for, and what is the same as their absence.
_MODELLED = {
    FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_OIFNAME, FRA_PRIORITY, FRA_FWMARK, FRA_FWMASK, FRA_TABLE, FRA_PAD, FRA_L3MDEV,
    FRA_UID_RANGE, FRA_PROTOCOL, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_SUPPRESS_PREFIXLEN, FRA_GOTO,
}  # fmt: skip


def put(_indexes: Mapping[str, int], items: Sequence[Rule]) -> Iterator[Request]:
    """Add rules.

    Without NLM_F_EXCL, which refuses a rule that only looks like another one: it ignores "not", and networks that the
    new rule has not (net/core/fib_rules.c: rule_exists).
    """
    for item in items:
        yield Request(RTM_NEWRULE, NLM_F_CREATE, _message(item))


def delete(_indexes: Mapping[str, int], items: Sequence[Rule]) -> Iterator[Request]:
    """Delete observed rules, each by all that the kernel reports of it."""
    for item in items:
        yield Request(RTM_DELRULE, 0, item.raw or b"")


def _message(rule: Rule) -> bytes:
    found, lengths = _attributes(rule), []
    for kind, network in ((FRA_DST, rule.dst), (FRA_SRC, rule.src)):
        base, _slash, length = (network or "/0").partition("/")
        lengths.append(int(length))
        if base:
            found[kind] = to_bytes(base)
    family = socket.AF_INET6 if rule.family == 6 else socket.AF_INET
    table = rule.table if rule.table is not None and rule.table < 256 else RT_TABLE_UNSPEC
    return _HEADER.pack(family, *lengths, rule.tos or 0, table, _NUMBERS[rule.action or LOOKUP], 0) + packed(found)


def _attributes(rule: Rule) -> dict[int, bytes]:
    """The attributes of a rule's message but for its networks."""
    found: dict[int, bytes] = {FRA_PRIORITY: _U32.pack(rule.priority or 0)}
    found[FRA_PROTOCOL] = bytes([rule.protocol or ROUTE_PROTOCOL])
    for kind, name in ((FRA_IIFNAME, rule.iif), (FRA_OIFNAME, rule.oif)):
        if name is not None:
            found[kind] = name.encode() + b"\0"
    numbers = (
        (FRA_FWMARK, rule.fwmark), (FRA_FWMASK, rule.fwmask), (FRA_TABLE, rule.table),
        (FRA_SUPPRESS_PREFIXLEN, rule.suppress_prefixlength),
    )  # fmt: skip
    found.update({kind: _U32.pack(number) for kind, number in numbers if number is not None})
    if rule.ipproto is not None:
        found[FRA_IP_PROTO] = bytes([rule.ipproto])
    if rule.l3mdev:
        found[FRA_L3MDEV] = b"\1"
    ranges = (
        (FRA_SPORT_RANGE, _PORTS, rule.sport), (FRA_DPORT_RANGE, _PORTS, rule.dport),
        (FRA_UID_RANGE, _UIDS, rule.uidrange),
    )  # fmt: skip
    found.update({kind: layout.pack(*ends) for kind, layout, ends in ranges if ends is not None})
    return found


def remedy(item: Rule, code: int) -> str:
    """How the user can mend a refusal; empty: nothing more is known than the error itself."""
    if code in (errno.EAFNOSUPPORT, errno.EOPNOTSUPP):
        return "this kernel has no policy rules: run one with CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES"
    if code == errno.ERANGE:
        return "no interface has the name: of one that is to come, give the own name, of at most 15 bytes"
    if code == errno.EINVAL and item.l3mdev:
        return "this kernel has no VRFs: run one with CONFIG_NET_L3_MASTER_DEV"
    return ""


def read(kernel: Socket, scope: Scope, _links: Mapping[str, Link], _names: Mapping[int, str]) -> list[Rule]:
    """The rules of a namespace, if they are in the scope, in the kernel's order."""
    messages = kernel.dump(RTM_GETRULE, bytes(_HEADER.size)) if scope.rules else []
    return [_rule(message[16:]) for message in messages if message[16] in _FAMILIES]


def _rule(raw: bytes) -> Rule:
    family, dst_len, src_len, tos, _table, action, flags = _HEADER.unpack_from(raw)
    found = {kind: data for kind, data in attributes(raw, _HEADER.size).items() if (kind, data) != _UNSUPPRESSED}

    def network(kind: int, length: int) -> str | None:
        return f"{to_text(found[kind])}/{length}" if kind in found else None

    def number(kind: int) -> int | None:
        return _U32.unpack(found[kind])[0] if kind in found else None

    def ends(kind: int, layout: struct.Struct) -> Any:
        return layout.unpack(found[kind]) if kind in found else None

    def name(kind: int) -> str | None:
        return found[kind].rstrip(b"\0").decode(errors="replace") if kind in found else None

    return Rule(
        family=_FAMILIES[family],
        priority=number(FRA_PRIORITY) or 0,
        src=network(FRA_SRC, src_len),
        dst=network(FRA_DST, dst_len),
        iif=name(FRA_IIFNAME),
        oif=name(FRA_OIFNAME),
        fwmark=(number(FRA_FWMARK) or 0) if FRA_FWMASK in found else None,
        fwmask=number(FRA_FWMASK),
        tos=tos or None,
        ipproto=found[FRA_IP_PROTO][0] if FRA_IP_PROTO in found else None,
        sport=ends(FRA_SPORT_RANGE, _PORTS),
        dport=ends(FRA_DPORT_RANGE, _PORTS),
        uidrange=ends(FRA_UID_RANGE, _UIDS),
        l3mdev=found.get(FRA_L3MDEV, b"\0") != b"\0" or None,
        inverted=bool(flags & FIB_RULE_INVERT) or None,
        rest=_rest(found),
        goto=number(FRA_GOTO),
        action=_ACTIONS.get(action, f"action {action}"),
        table=number(FRA_TABLE) or None,
        suppress_prefixlength=number(FRA_SUPPRESS_PREFIXLEN),
        protocol=found.get(FRA_PROTOCOL, b"\0")[0],
        raw=raw,
    )


def _rest(found: Mapping[int, bytes]) -> str | None:
    """The attributes of a rule that Rule has no field for, in the words of ip-rule(8); None: there are none."""
    usual = {FRA_SPORT_MASK: _ONE_PORT, FRA_DPORT_MASK: _ONE_PORT}
    others = {kind: data for kind, data in found.items() if kind not in _MODELLED and usual.get(kind) != data}
    words = [f"{_OTHERS.get(kind, f'attribute {kind}')} {_number(kind, data)}" for kind, data in others.items()]
    return " ".join(words) or None


def _number(kind: int, data: bytes) -> int:
    return int.from_bytes(data, "big" if kind in (FRA_TUN_ID, FRA_FLOWLABEL) else sys.byteorder)


CODEC = Codec(put, delete, read, remedy=remedy)
