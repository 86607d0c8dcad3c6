# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses as bytes, one by one and by columns, and the attributes that hold them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_OCTETS = [str(number) for number in range(256)]
WORD = struct.Struct("=HHI")  # an attribute that holds a u32


def to_text(data: bytes) -> str:
    """An address from its 4 or 16 bytes."""
    return socket.inet_ntop(family(data), data)


def to_texts(column: Sequence[bytes]) -> Iterable[str]:
    """Addresses of one family, from their bytes."""
    if len(column[0]) != 4:
        return map(socket.inet_ntop, repeat(socket.AF_INET6), column)
    # In half the time of inet_ntop(), which prints numbers.
    octets = map(_OCTETS.__getitem__, b"".join(column))
    return map(".".join, zip(octets, octets, octets, octets))


def to_bytes(address: str) -> bytes:
    """An address's 4 or 16 bytes."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def attribute(kind: int, data: bytes) -> bytes:
    """An attribute whose data is a multiple of 4 bytes long."""
    return _ATTRIBUTE.pack(4 + len(data), kind) + data


def packed(attributes: Mapping[int, bytes]) -> bytes:
    """Attributes of any length, by type."""
    return b"".join(
        [_ATTRIBUTE.pack(4 + len(data), kind) + data + bytes(-len(data) % 4) for kind, data in attributes.items()]
    )


def family(data: bytes) -> int:
    """AF_INET or AF_INET6 of an address's bytes."""
    return socket.AF_INET if len(data) == 4 else socket.AF_INET6


def numbers(column: Sequence[bytes]) -> Sequence[int]:
    """A column of u32 values."""
    return struct.unpack(f"={len(column)}I", b"".join(column))
