# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses unpacked with struct. Sources: rtnetlink(7), include/uapi/linux/if_addr.h."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec, later
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import to_text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFA_ADDRESS,
    IFA_F_DADFAILED,
    IFA_F_DEPRECATED,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    IFA_F_PERMANENT,
    IFA_F_SECONDARY,
    IFA_FLAGS,
    IFA_LABEL,
    IFA_LOCAL,
    IFA_RT_PRIORITY,
    RTM_GETADDR,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressKey, AddressState
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link

LOOPBACK = (("lo", "127.0.0.1/8"), ("lo", "::1/128"))
IFADDRMSG = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, prefixlen, flags, scope, index
U32 = struct.Struct("=I")


def read(
    kernel: Socket, scope: Scope, _links: Mapping[str, Link], names: Mapping[int, str]
) -> dict[AddressKey, Address]:
    """The addresses of a namespace, if they are in the scope, in the kernel's order.

    :param names: the interfaces by index; addresses of others are left out.
    """
    found: dict[AddressKey, Address] = {}
    seen = time.monotonic()
    for message in kernel.dump(RTM_GETADDR, bytes(8)) if scope.addresses else ():
        address = decode(message[16:], names, seen)
        if address is not None:
            found[address.key] = address
    return found


def decode(message: bytes, names: Mapping[int, str], seen: float) -> Address | None:
    """An address from the kernel's message without its header; None: it is on none of these interfaces.

    :param seen: when the kernel sent the message.
    """
    version, prefix, _flags, scope, index = IFADDRMSG.unpack_from(message)
    found = attributes(message, 8)
    # IFA_ADDRESS is the other end's if the link is point-to-point (rtnetlink(7)).
    local = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS)
    if index not in names or local is None:
        return None
    dev, address = names[index], f"{to_text(local)}/{prefix}"
    other = found.get(IFA_ADDRESS, local)
    flags = U32.unpack(found[IFA_FLAGS])[0]
    four = version == socket.AF_INET
    foreign = not flags & IFA_F_PERMANENT or address.startswith("fe80:") or (dev, address) in LOOPBACK
    return Address(
        dev,
        address,
        peer=None if other == local else to_text(other),
        scope=scope if four else None,
        named=found.get(IFA_LABEL, b"").rstrip(b"\0").decode(errors="replace") or dev if four else None,
        metric=U32.unpack(found[IFA_RT_PRIORITY])[0] if IFA_RT_PRIORITY in found else 0,
        noprefixroute=bool(flags & IFA_F_NOPREFIXROUTE),
        nodad=None if four else bool(flags & IFA_F_NODAD),
        state=AddressState(
            foreign=foreign,
            lasting=flags & (IFA_F_PERMANENT | IFA_F_DEPRECATED) == IFA_F_PERMANENT,
            secondary=four and bool(flags & IFA_F_SECONDARY),
            failed=bool(flags & IFA_F_DADFAILED),
            message=message,
            seen=seen,
        ),
    )


_put, _delete, _around, _remedy = later("address_requests", "put", "delete", "around", "remedy")
CODEC = Codec(_put, _delete, read, around=_around, remedy=_remedy)
