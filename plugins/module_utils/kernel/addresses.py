# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses packed and unpacked with struct. Sources: rtnetlink(7), include/uapi/linux/if_addr.h."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import attribute, family, to_bytes, to_text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
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
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link

LOOPBACK = (Address("lo", "127.0.0.1/8"), Address("lo", "::1/128"))
_IFADDRMSG = struct.Struct("=BBxxI")  # struct ifaddrmsg: family, prefixlen, index
_U32 = struct.Struct("=I")


def put(indexes: Mapping[str, int], items: Sequence[Address]) -> Iterator[Request]:
    """Add addresses; one that exists stays."""
    for item in items:
        yield Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, _payload(indexes, item))


def delete(indexes: Mapping[str, int], items: Sequence[Address]) -> Iterator[Request]:
    """Delete addresses."""
    for item in items:
        yield Request(RTM_DELADDR, 0, _payload(indexes, item))


def _payload(indexes: Mapping[str, int], item: Address) -> bytes:
    head, _slash, prefix = item.address.partition("/")
    data = to_bytes(head)
    own = attribute(IFA_LOCAL, data) + attribute(IFA_ADDRESS, data)
    return _IFADDRMSG.pack(family(data), int(prefix), indexes[item.dev]) + own


def read(
    kernel: Socket, scope: Scope, _links: Mapping[str, Link], names: Mapping[int, str]
) -> dict[Address, AddressState]:
    """The addresses of a namespace, if they are in the scope.

    :param names: the interfaces by index; addresses of others are left out.
    """
    found: dict[Address, AddressState] = {}
    for message in kernel.dump(RTM_GETADDR, bytes(8)) if scope.addresses else ():
        _version, prefix, index = _IFADDRMSG.unpack_from(message, 16)
        attribute = attributes(message, 24)
        # IFA_ADDRESS is the other end's if the link is point-to-point (rtnetlink(7)).
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
