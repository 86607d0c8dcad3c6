# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbour entries in rtnetlink's messages. Sources: rtnetlink(7), net/core/neighbour.c."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import WORD, to_texts
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG, payloads, to_macs
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, columns
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NDA_DST,
    NDA_IFINDEX,
    NDA_LLADDR,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_EXT_LEARNED,
    NUD_PERMANENT,
    NUD_STATES,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour, Neighbours


def put(indexes: Mapping[str, int], items: Sequence[Neighbour]) -> Iterator[Request]:
    """Add neighbours, or replace what the kernel learned or was told of their addresses."""
    return make_all(Request, zip(repeat(RTM_NEWNEIGH), repeat(NLM_F_CREATE | NLM_F_REPLACE), _bodies(indexes, items)))


def delete(indexes: Mapping[str, int], items: Sequence[Neighbour]) -> Iterator[Request]:
    """Delete neighbours."""
    return make_all(Request, zip(repeat(RTM_DELNEIGH), repeat(0), _bodies(indexes, items)))


def _bodies(indexes: Mapping[str, int], items: Sequence[Neighbour]) -> Iterator[bytes]:
    devices, addresses, lladdrs, _states = zip(*items)
    families = (socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses)
    return payloads(families, map(indexes.__getitem__, devices), repeat(NUD_PERMANENT), repeat(0), lladdrs, addresses)


def read(kernel: Socket, scope: Scope, links: Mapping[str, Link], _names: Mapping[int, str]) -> Neighbours:
    """The permanent neighbours on the devices of the scope, IPv4 and IPv6; learned ones are noted with their device."""
    devices = [link for link in links.values() if None in scope.neighbours or link.name in scope.neighbours]
    return {link.name: _of_device(kernel, link) for link in devices}


def _of_device(kernel: Socket, link: Link) -> dict[str, str]:
    """The permanent neighbours on a device: MAC addresses by IP address."""
    found: dict[str, str] = {}
    for run in kernel.runs(RTM_GETNEIGH, NDMSG.pack(0, 0, 0, 0, 0) + WORD.pack(8, NDA_IFINDEX, link.index)):
        _family, index, state, flags, _type = NDMSG.unpack_from(run, 16)
        mark = _mark(state, flags)
        for _count, attribute in columns(run, 28, (NDA_DST, NDA_LLADDR)) if index == link.index else ():
            if NDA_LLADDR not in attribute:  # nobody has answered
                continue
            pairs = zip(to_texts(attribute[NDA_DST]), to_macs(attribute[NDA_LLADDR]))
            if mark:
                link.learned += (Neighbour(link.name, dst, lladdr, mark) for dst, lladdr in pairs)
            else:
                found.update(pairs)
    return found


def _mark(state: int, flags: int) -> str:
    """What ip-neighbour(8) says of neighbours with that state and flags; empty: somebody declared them."""
    words = [] if state & NUD_PERMANENT else [f"nud {NUD_STATES.get(state, state)}"]
    return " ".join([*words, "extern_learn"] if flags & NTF_EXT_LEARNED else words)


CODEC = Codec(put, delete, read)
