# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permanent groups behind ports of bridges, and VNIs of external VXLANs: read, and made again.

Sources: net/bridge/br_mdb.c (br_mdb_dump, br_mdb_add), drivers/net/vxlan/vxlan_vnifilter.c (vxlan_vnifilter_dump).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import packed, to_text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    MDB_PERMANENT,
    MDBA_MDB,
    MDBA_MDB_EATTR_RTPROT,
    MDBA_MDB_EATTR_SOURCE,
    MDBA_MDB_ENTRY_INFO,
    MDBA_SET_ENTRY,
    MDBA_SET_ENTRY_ATTRS,
    MDBE_ATTR_RTPROT,
    MDBE_ATTR_SOURCE,
    NLA_F_NESTED,
    NLA_TYPE_MASK,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RTM_GETMDB,
    RTM_GETTUNNEL,
    RTM_NEWMDB,
    RTM_NEWTUNNEL,
    VXLAN_VNIFILTER_ENTRY,
    VXLAN_VNIFILTER_ENTRY_END,
    VXLAN_VNIFILTER_ENTRY_GROUP,
    VXLAN_VNIFILTER_ENTRY_GROUP6,
    VXLAN_VNIFILTER_ENTRY_START,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.bridged import Member

_HEADER = struct.Struct("=B3xI")  # struct br_port_msg and struct tunnel_msg: family, index
_ENTRY = struct.Struct("=IBBH16s2s2x")  # struct br_mdb_entry: index, state, flags, vid, address, protocol
_U32 = struct.Struct("=I")
_LENGTHS = {b"\x08\x00": 4, b"\x86\xdd": 16}  # of addresses, by ETH_P_IP and ETH_P_IPV6
_OF_VNIS = (
    VXLAN_VNIFILTER_ENTRY_START,
    VXLAN_VNIFILTER_ENTRY_END,
    VXLAN_VNIFILTER_ENTRY_GROUP,
    VXLAN_VNIFILTER_ENTRY_GROUP6,
)


def read(kernel: Socket, names: Mapping[int, str]) -> Iterator[Member]:
    """The groups and VNIs of a namespace.

    :param names: the interfaces by index.
    """
    for message in _dump(kernel, RTM_GETMDB):
        bridge = names.get(_HEADER.unpack_from(message, 16)[1], "")
        for _kind, entry in _each(attributes(message, 24).get(MDBA_MDB, b"")):
            for kind, data in _each(entry):
                if kind == MDBA_MDB_ENTRY_INFO:
                    yield from _group(names, bridge, data)
    for message in _dump(kernel, RTM_GETTUNNEL):
        dev = names.get(_HEADER.unpack_from(message, 16)[1], "")
        for kind, data in _each(message[24:]):
            if kind == VXLAN_VNIFILTER_ENTRY:
                yield _vnis(dev, data)


def _dump(kernel: Socket, kind: int) -> list[bytes]:
    try:
        return kernel.dump(kind, _HEADER.pack(AF_BRIDGE, 0))
    except KernelError as error:
        if error.code == errno.EOPNOTSUPP:  # a kernel without it
            return []
        raise


def _each(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, data) of attributes, of which several have one type."""
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            return
        yield kind & NLA_TYPE_MASK, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def _group(names: Mapping[int, str], bridge: str, data: bytes) -> Iterator[Member]:
    """A group, unless it was learned, or the bridge itself has joined it."""
    index, state, _flags, vlan, address, protocol = _ENTRY.unpack_from(data)
    if state != MDB_PERMANENT or names.get(index, bridge) == bridge:
        return
    length = _LENGTHS.get(protocol)
    words = ["mdb", to_text(address[:length]) if length else address[:6].hex(":")]
    found = attributes(data, _ENTRY.size)
    more = {}
    if MDBA_MDB_EATTR_SOURCE in found:
        more[MDBE_ATTR_SOURCE] = found[MDBA_MDB_EATTR_SOURCE]
        words += ["src", to_text(found[MDBA_MDB_EATTR_SOURCE])]
    if MDBA_MDB_EATTR_RTPROT in found:
        more[MDBE_ATTR_RTPROT] = found[MDBA_MDB_EATTR_RTPROT]
    words += ["vid", str(vlan)] if vlan else []
    raw = {MDBA_SET_ENTRY: _ENTRY.pack(index, state, 0, vlan, address, protocol)}
    if more:
        raw[MDBA_SET_ENTRY_ATTRS | NLA_F_NESTED] = packed(more)
    yield Member(names[index], bridge, " ".join(words), packed(raw))


def vni_remotes(kernel: Socket, index: int) -> set[tuple[int, str]]:
    """The VNIs of an external VXLAN with a group or a remote of their own, each with that."""
    found: set[tuple[int, str]] = set()
    for message in kernel.dump(RTM_GETTUNNEL, _HEADER.pack(AF_BRIDGE, index)):
        for kind, data in _each(message[24:]):
            if kind == VXLAN_VNIFILTER_ENTRY:
                first, last, group = _range(attributes(data, 0))
                found.update((vni, to_text(group)) for vni in range(first, last + 1) if group)
    return found


def _range(found: Mapping[int, bytes]) -> tuple[int, int, bytes | None]:
    """The first and the last VNI of an entry, and their group or remote."""
    first = found[VXLAN_VNIFILTER_ENTRY_START]
    last = found.get(VXLAN_VNIFILTER_ENTRY_END, first)
    group = found.get(VXLAN_VNIFILTER_ENTRY_GROUP) or found.get(VXLAN_VNIFILTER_ENTRY_GROUP6)
    return *_U32.unpack(first), *_U32.unpack(last), group


def _vnis(dev: str, data: bytes) -> Member:
    found = {kind: value for kind, value in attributes(data, 0).items() if kind in _OF_VNIS}
    first, last, group = _range(found)
    words = f"vni {first}" + (f"-{last}" if last != first else "") + (f" group {to_text(group)}" if group else "")
    return Member(dev, "", words, packed({VXLAN_VNIFILTER_ENTRY | NLA_F_NESTED: packed(found)}))


def restore(indexes: Mapping[str, int], member: Member) -> Request:
    """The request that makes a member again."""
    if not member.controller:
        return Request(RTM_NEWTUNNEL, 0, _HEADER.pack(AF_BRIDGE, indexes[member.dev]) + member.raw)
    header = _HEADER.pack(AF_BRIDGE, indexes[member.controller])
    raw = member.raw[:4] + _U32.pack(indexes[member.dev]) + member.raw[8:]
    return Request(RTM_NEWMDB, NLM_F_CREATE | NLM_F_REPLACE, header + raw)
