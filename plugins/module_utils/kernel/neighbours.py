# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbour entries in rtnetlink's messages. Sources: rtnetlink(7), net/core/neighbour.c."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import WORD, to_texts
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG, payloads, to_macs
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, columns
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NDA_DST,
    NDA_FLAGS_EXT,
    NDA_IFINDEX,
    NDA_LLADDR,
    NDA_PROTOCOL,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_EXT,
    NTF_EXT_LEARNED,
    NTF_ROUTER,
    NUD_PERMANENT,
    NUD_STATES,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour, Neighbours

_PLAIN = {NDA_DST, NDA_LLADDR}
_WANTED = (*_PLAIN, NDA_PROTOCOL, NDA_FLAGS_EXT)


def put(indexes: Mapping[str, int], items: Sequence[Neighbour]) -> Iterator[Request]:
    """Add neighbours, or replace what the kernel learned or was told of their addresses."""
    return make_all(Request, zip(repeat(RTM_NEWNEIGH), repeat(NLM_F_CREATE | NLM_F_REPLACE), _bodies(indexes, items)))


def delete(indexes: Mapping[str, int], items: Sequence[Neighbour]) -> Iterator[Request]:
    """Delete neighbours."""
    return make_all(Request, zip(repeat(RTM_DELNEIGH), repeat(0), _bodies(indexes, items)))


def _bodies(indexes: Mapping[str, int], items: Sequence[Neighbour]) -> Iterator[bytes]:
    devices, addresses, lladdrs, _states, routers, _protocols = zip(*items)
    families = (socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses)
    flags = (NTF_ROUTER if router else 0 for router in routers)
    return payloads(families, map(indexes.__getitem__, devices), repeat(NUD_PERMANENT), flags, lladdrs, addresses)


def read(kernel: Socket, scope: Scope, links: Mapping[str, Link], _names: Mapping[int, str]) -> Neighbours:
    """The permanent neighbours on the devices of the scope, IPv4 and IPv6, but for those that were learned externally.

    Others are noted with their device, and so are permanent ones with marks.
    """
    devices = [link for link in links.values() if None in scope.neighbours or link.name in scope.neighbours]
    return {link.name: _of_device(kernel, link) for link in devices}


def _of_device(kernel: Socket, link: Link) -> dict[str, str]:
    """The permanent neighbours on a device: MAC addresses by IP address."""
    found: dict[str, str] = {}
    for run in kernel.runs(RTM_GETNEIGH, NDMSG.pack(0, 0, 0, 0, 0) + WORD.pack(8, NDA_IFINDEX, link.index)):
        _family, index, state, flags, _type = NDMSG.unpack_from(run, 16)
        for count, attribute in columns(run, 28, _WANTED) if index == link.index else ():
            if NDA_LLADDR not in attribute and NDA_FLAGS_EXT not in attribute:  # nobody has answered
                continue
            lladdrs = to_macs(attribute[NDA_LLADDR]) if NDA_LLADDR in attribute else repeat("")
            pairs = [*zip(to_texts(attribute[NDA_DST]), lladdrs)]
            if state & NUD_PERMANENT and not flags & NTF_EXT_LEARNED:
                found.update(pairs)
                if not flags & NTF_ROUTER and attribute.keys() <= _PLAIN:
                    continue
            protocols, more = attribute.get(NDA_PROTOCOL, [b""] * count), attribute.get(NDA_FLAGS_EXT, [b""] * count)
            for (dst, lladdr), protocol, extended in zip(pairs, protocols, more):
                words, number = words_of(state, flags, extended), int.from_bytes(protocol, sys.byteorder)
                link.noted.append(Neighbour(link.name, dst, lladdr, words, bool(flags & NTF_ROUTER), number))
    return found


def words_of(state: int, flags: int, extended: bytes) -> str:
    """What ip-neighbour(8) says of neighbours that nobody declared; empty: somebody did.

    :param extended: NDA_FLAGS_EXT, or empty.
    """
    words = [] if state & NUD_PERMANENT else [f"nud {NUD_STATES.get(state, state)}"]
    words += ["extern_learn"] if flags & NTF_EXT_LEARNED else []
    found = int.from_bytes(extended, sys.byteorder)
    return " ".join([*words, *(name for bit, name in NTF_EXT.items() if found & bit)])


CODEC = Codec(put, delete, read)
