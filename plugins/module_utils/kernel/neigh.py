# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of neighbour and FDB entries, which have one layout, packed with struct.

This is the hot path. A fabric of N nodes has N times N-1 entries, and encoding them takes most of the time: pyroute2
takes some fifty times as long for each. Sources: rtnetlink(7), include/uapi/linux/neighbour.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import add, itemgetter

from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import to_bytes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import NDA_DST, NDA_LLADDR

NDMSG = struct.Struct("=BxxxiHBB")  # struct ndmsg: family, ifindex, state, flags, type
_HEAD = struct.Struct("=BxxxiHBBHH6sxx")  # struct ndmsg, then NDA_LLADDR (6 bytes, padded to 8)
_DST4, _DST6 = struct.Struct("=HH4s"), struct.Struct("=HH16s")
_MAC = struct.Struct("6s")


def payloads(
    families: Iterable[int],
    indexes: Iterable[int],
    states: Iterable[int],
    flags: Iterable[int],
    lladdrs: Iterable[str],
    addresses: Sequence[str | None],
) -> Iterator[bytes]:
    """The bodies of RTM_NEWNEIGH or RTM_DELNEIGH, from columns of the entries' fields."""
    macs = map(itemgetter(0), _MAC.iter_unpack(bytes.fromhex("".join(lladdrs).replace(":", ""))))
    heads = map(_HEAD.pack, families, indexes, states, flags, repeat(0), repeat(10), repeat(NDA_LLADDR), macs)
    return map(add, heads, _destinations(addresses))


def _destinations(addresses: Sequence[str | None]) -> Iterator[bytes]:
    """NDA_DST of each; empty for an entry without one."""
    try:
        packed = map(socket.inet_pton, repeat(socket.AF_INET), addresses)  # type: ignore[arg-type]
        return iter([*map(_DST4.pack, repeat(8), repeat(NDA_DST), packed)])
    except (OSError, TypeError):  # not all of them are IPv4 addresses
        return map(_destination, addresses)


def _destination(address: str | None) -> bytes:
    data = to_bytes(address) if address else b""
    return (_DST4 if len(data) == 4 else _DST6).pack(4 + len(data), NDA_DST, data) if data else b""


def to_macs(column: Sequence[bytes]) -> Iterable[str]:
    """MAC addresses from their bytes."""
    return map(bytes.hex, column, repeat(":"))
