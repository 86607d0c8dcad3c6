# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of neighbour and FDB entries, which have one layout, packed with struct.

This is the hot path. A fabric of N nodes has N times N-1 entries, and encoding them takes most of the time: pyroute2
takes some fifty times as long for each. Sources: rtnetlink(7), include/uapi/linux/neighbour.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import WORD, to_bytes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NDA_DST,
    NDA_LLADDR,
    NDA_PORT,
)

NDMSG = struct.Struct("=BxxxiHBB")  # struct ndmsg: family, ifindex, state, flags, type
# struct ndmsg, then NDA_LLADDR (6 bytes, padded to 8) and NDA_DST of 4 or of 16 bytes
_ENTRY = struct.Struct("=BxxxiHBBHH6sxx")
_ENTRY4 = struct.Struct("=BxxxiHBBHH6sxxHH4s")
_ENTRY6 = struct.Struct("=BxxxiHBBHH6sxxHH16s")
_MAC = struct.Struct("6s")


def payloads(
    families: Iterable[int],
    indexes: Iterable[int],
    marks: Iterable[tuple[int, int]],
    lladdrs: Iterable[str],
    addresses: Iterable[str | None],
    ports: Iterable[int | None] = repeat(None),
    more: Iterable[Iterable[tuple[int, int | None]]] = repeat(()),
) -> Iterator[bytes]:
    """The bodies of RTM_NEWNEIGH or RTM_DELNEIGH, from columns of the entries' fields.

    :param marks: the state and the flags of each.
    :param more: further attributes of each, numbers of 32 bits; None: it has none.
    """
    macs = _MAC.iter_unpack(bytes.fromhex("".join(lladdrs).replace(":", "")))
    packed = (to_bytes(address) if address else b"" for address in addresses)
    columns = zip(families, indexes, marks, macs, packed, ports, more)
    for family, index, (state, flags), (mac,), dst, port, numbers in columns:
        body = (family, index, state, flags, 0, 10, NDA_LLADDR, mac)
        if not dst:
            entry = _ENTRY.pack(*body)
        else:
            layout, size = (_ENTRY4, 8) if len(dst) == 4 else (_ENTRY6, 20)
            entry = layout.pack(*body, size, NDA_DST, dst)
        if port is not None:
            entry += struct.pack("=HH", 6, NDA_PORT) + struct.pack("!Hxx", port)
        for kind, number in numbers:
            if number is not None:
                entry += WORD.pack(8, kind, number)
        yield entry


def to_macs(column: Sequence[bytes]) -> Iterable[str]:
    """MAC addresses from their bytes."""
    return map(bytes.hex, column, repeat(":"))
