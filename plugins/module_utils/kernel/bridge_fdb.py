# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static entries of bridges' FDBs in rtnetlink's messages. Sources: bridge(8), net/bridge/br_fdb.c (br_fdb_add)."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import numbers
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG, to_macs
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, columns
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    NDA_LLADDR,
    NDA_MASTER,
    NDA_VLAN,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_EXT_LEARNED,
    NTF_MASTER,
    NTF_SELF,
    NTF_STICKY,
    NUD_NOARP,
    NUD_PERMANENT,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeEntry, BridgeTable
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link


def put(indexes: Mapping[str, int], items: Sequence[BridgeEntry]) -> Iterator[Request]:
    """Add entries, or make static what the bridge has learned."""
    return (Request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, _body(indexes, item)) for item in items)


def delete(indexes: Mapping[str, int], items: Sequence[BridgeEntry]) -> Iterator[Request]:
    """Delete entries."""
    return (Request(RTM_DELNEIGH, 0, _body(indexes, item)) for item in items)


def _body(indexes: Mapping[str, int], item: BridgeEntry) -> bytes:
    flags = NTF_MASTER | (NTF_STICKY if item.sticky else 0)
    body = NDMSG.pack(AF_BRIDGE, indexes[item.dev], NUD_NOARP, flags, 0)
    body += struct.pack("=HH6sxx", 10, NDA_LLADDR, bytes.fromhex(item.lladdr.replace(":", "")))
    return body if item.vlan is None else body + struct.pack("=HHHxx", 6, NDA_VLAN, item.vlan)


def remedy(_item: BridgeEntry, code: int) -> str:
    """What a user can do about an error."""
    if code in (errno.EOPNOTSUPP, errno.EINVAL):
        return "only a port of a bridge has such entries, in the VLANs that it is in: see 'bridge vlan show'"
    return ""


def read(kernel: Socket, scope: Scope, links: Mapping[str, Link], _names: Mapping[int, str]) -> BridgeTable:
    """The static entries of the ports in the scope, without those of a control plane, and their bridges' own addresses.

    All ports are asked about, because the addresses of a bridge's other ports are its own, too.
    """
    ports = [link for link in links.values() if None in scope.bridge_fdb or link.name in scope.bridge_fdb]
    names = {link.index: link.name for link in ports}
    found: BridgeTable = {}
    bridges: dict[int, int] = {}
    own: dict[int, set[str]] = {}
    for index, bridge, state, entry in _entries(kernel, names) if ports else ():
        bridges[index] = bridge
        if state & NUD_PERMANENT:
            own.setdefault(bridge, set()).add(entry.lladdr)
        elif index in names:
            found[entry.key] = entry
    for link in ports:
        link.own_macs = frozenset(own.get(bridges.get(link.index, 0), ()))
    return found


def _entries(kernel: Socket, names: Mapping[int, str]) -> Iterator[tuple[int, int, int, BridgeEntry]]:
    """(index of the port, that of its bridge, state, entry) of entries that were not learned."""
    for run in kernel.runs(RTM_GETNEIGH, NDMSG.pack(AF_BRIDGE, 0, 0, 0, 0)):
        _family, index, state, flags, _type = NDMSG.unpack_from(run, 16)
        if flags & (NTF_SELF | NTF_EXT_LEARNED) or not state & (NUD_NOARP | NUD_PERMANENT):
            continue
        for _count, said in columns(run, 28, (NDA_LLADDR, NDA_VLAN, NDA_MASTER)):
            vlans: Iterable[int | None] = repeat(None)
            if NDA_VLAN in said:
                vlans = (struct.unpack("=H", data)[0] for data in said[NDA_VLAN])
            for lladdr, vlan, bridge in zip(to_macs(said[NDA_LLADDR]), vlans, numbers(said[NDA_MASTER])):
                yield index, bridge, state, BridgeEntry(names.get(index, ""), lladdr, vlan, bool(flags & NTF_STICKY))


CODEC = Codec(put, delete, read, remedy=remedy)
