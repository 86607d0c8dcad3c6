# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static entries of bridges' FDBs in rtnetlink's messages. Sources: bridge(8), net/bridge/br_fdb.c (br_fdb_add)."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import numbers
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG
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

_U16 = struct.Struct("=H")


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


def read(kernel: Socket, scope: Scope, links: Mapping[str, Link], names: Mapping[int, str]) -> BridgeTable:
    """The static entries of the ports in the scope; other entries of a bridge are noted with each of these ports.

    A bridge has one entry for a MAC address and a VLAN, whichever port that is behind.
    """
    ports = [link for link in links.values() if None in scope.bridge_fdb or link.name in scope.bridge_fdb]
    rows = [*_read_all(kernel, names)] if ports else []
    bridges = {entry.dev: bridge for bridge, entry in rows}
    scoped = {link.name for link in ports}
    found = {entry.key: entry for _bridge, entry in rows if entry.dev in scoped and not entry.state}
    for link in ports:
        link.noted += (
            entry
            for bridge, entry in rows
            if bridge == bridges.get(link.name) and (entry.state or entry.dev != link.name)
        )
    return found


def _read_all(kernel: Socket, names: Mapping[int, str]) -> Iterator[tuple[int, BridgeEntry]]:
    """The entries of all bridges, each with the index of its bridge."""
    for run in kernel.runs(RTM_GETNEIGH, NDMSG.pack(AF_BRIDGE, 0, 0, 0, 0)):
        _family, index, state, flags, _type = NDMSG.unpack_from(run, 16)
        if flags & NTF_SELF:
            continue
        names = names if index in names else read_names(kernel)
        for count, attribute in columns(run, 28, (NDA_LLADDR, NDA_VLAN, NDA_MASTER)):
            if NDA_MASTER in attribute:
                vlans = [*map(_U16.unpack, attribute[NDA_VLAN])] if NDA_VLAN in attribute else [(None,)] * count
                for bridge, lladdr, (vlan,) in zip(numbers(attribute[NDA_MASTER]), attribute[NDA_LLADDR], vlans):
                    sticky = bool(flags & NTF_STICKY)
                    yield bridge, BridgeEntry(names[index], lladdr.hex(":"), vlan, sticky, _mark(state, flags))


def _mark(state: int, flags: int) -> str | None:
    """What bridge(8) says of entries with that state and flags; None: somebody declared them."""
    kept = {NUD_NOARP: "static", NUD_PERMANENT: "permanent"}.get(state, "dynamic")
    if flags & NTF_EXT_LEARNED:
        return f"{kept} extern_learn"
    return None if state == NUD_NOARP else kept


CODEC = Codec(put, delete, read, remedy=remedy)
