# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static entries of bridges' FDBs in rtnetlink's messages. Sources: bridge(8), net/bridge/br_fdb.c (br_fdb_add)."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    NDA_LLADDR,
    NDA_VLAN,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_EXT_LEARNED,
    NTF_MASTER,
    NTF_SELF,
    NTF_STICKY,
    NUD_NOARP,
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
    """The static entries of the ports in the scope, without those of a control plane."""
    ports = [link for link in links.values() if None in scope.bridge_fdb or link.name in scope.bridge_fdb]
    names = {link.index: link.name for link in ports}
    found: BridgeTable = {}
    # One question for all ports, which is one for each of them where there is only one.
    index = ports[0].index if len(ports) == 1 else 0
    for message in kernel.dump(RTM_GETNEIGH, NDMSG.pack(AF_BRIDGE, index, 0, 0, 0)) if ports else ():
        _family, at, state, flags, _type = NDMSG.unpack_from(message, 16)
        if at in names and state == NUD_NOARP and not flags & (NTF_SELF | NTF_EXT_LEARNED):
            said = attributes(message, 28)
            vlan = struct.unpack("=H", said[NDA_VLAN])[0] if NDA_VLAN in said else None
            entry = BridgeEntry(names[at], said[NDA_LLADDR].hex(":"), vlan, bool(flags & NTF_STICKY))
            found[entry.key] = entry
    return found


CODEC = Codec(put, delete, read, remedy=remedy)
