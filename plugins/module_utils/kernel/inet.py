# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses packed and unpacked with struct. Sources: rtnetlink(7), include/uapi/linux/if_addr.h."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Request,
    Socket,
    attributes,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFA_ADDRESS,
    IFA_F_DADFAILED,
    IFA_F_PERMANENT,
    IFA_F_SECONDARY,
    IFA_F_TENTATIVE,
    IFA_FLAGS,
    IFA_LOCAL,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_GETADDR,
    RTM_NEWADDR,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressState

LOOPBACK = (Address("lo", "127.0.0.1/8"), Address("lo", "::1/128"))
_IFADDRMSG = struct.Struct("=BBxxI")  # struct ifaddrmsg: family, prefixlen, index
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct("=I")


def to_text(data: bytes) -> str:
    """An address from its 4 or 16 bytes."""
    return socket.inet_ntop(family(data), data)


def to_texts(column: Sequence[bytes]) -> Iterable[str]:
    """Addresses of one family, from their bytes."""
    return map(socket.inet_ntop, repeat(family(column[0])), column)


def to_bytes(address: str) -> bytes:
    """An address's 4 or 16 bytes."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def attribute(kind: int, data: bytes) -> bytes:
    """An attribute whose data is a multiple of 4 bytes long."""
    return _ATTRIBUTE.pack(4 + len(data), kind) + data


def family(data: bytes) -> int:
    return socket.AF_INET if len(data) == 4 else socket.AF_INET6


def set_address(index: int, address: Address) -> Request:
    """Add an address to the interface of that index; one that is there stays."""
    return Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, _address_payload(index, address))


def delete_address(index: int, address: Address) -> Request:
    """Delete an address."""
    return Request(RTM_DELADDR, 0, _address_payload(index, address))


def _address_payload(index: int, address: Address) -> bytes:
    head, _slash, prefix = address.address.partition("/")
    data = to_bytes(head)
    own = attribute(IFA_LOCAL, data) + attribute(IFA_ADDRESS, data)
    return _IFADDRMSG.pack(family(data), int(prefix), index) + own


def read_addresses(kernel: Socket, names: Mapping[int, str]) -> dict[Address, AddressState]:
    """The addresses of a namespace.

    :param names: the interfaces by index; those of others are left out.
    """
    found = {}
    for message in kernel.dump(RTM_GETADDR, bytes(8)):
        _version, prefix, index = _IFADDRMSG.unpack_from(message, 16)
        attribute = attributes(message, 24)
        # IFA_ADDRESS is the other end's where the link is point-to-point (rtnetlink(7)).
        data = attribute.get(IFA_LOCAL) or attribute.get(IFA_ADDRESS)
        if index not in names or data is None:
            continue
        key = Address(names[index], f"{to_text(data)}/{prefix}")
        flags = _U32.unpack(attribute[IFA_FLAGS])[0]
        found[key] = AddressState(
            foreign=not flags & IFA_F_PERMANENT or key.address.startswith("fe80:") or key in LOOPBACK,
            secondary=bool(flags & IFA_F_SECONDARY),
            failed=bool(flags & IFA_F_DADFAILED),
        )
    return found


def read_tentative(kernel: Socket) -> set[str]:
    """The IPv6 addresses that duplicate address detection has not finished with."""
    found = set()
    for message in kernel.dump(RTM_GETADDR, _IFADDRMSG.pack(socket.AF_INET6, 0, 0)):
        attribute = attributes(message, 24)
        if _U32.unpack(attribute[IFA_FLAGS])[0] & IFA_F_TENTATIVE:
            found.add(to_text(attribute[IFA_ADDRESS]))
    return found
