# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and routes packed and unpacked with struct, as neigh.py does with neighbours.

A node of a fabric of N nodes has a route to each of the others; pyroute2 takes some ten times as long for each.
Sources: rtnetlink(7), include/uapi/linux/rtnetlink.h and if_addr.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.model import Address, AddressState, Route
from ansible_collections.weft.fabric.plugins.module_utils.netlink import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Request,
    Socket,
    attributes,
    columns,
)

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
IFA_F_SECONDARY, IFA_F_DADFAILED, IFA_F_TENTATIVE, IFA_F_PERMANENT = 0x01, 0x08, 0x40, 0x80
LOOPBACK = (Address("lo", "127.0.0.1/8"), Address("lo", "::1/128"))

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_TABLE, RTA_VIA = 1, 4, 5, 6, 7, 8, 15, 18
RTAX_MTU = 2
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_NOWHERE = 0, 253, 255
RT_TABLE_UNSPEC = 0
RTN_UNSPEC, RTN_UNICAST = 0, 1
RTPROT_UNSPEC = 0
RTNH_F_ONLINK = 4
RTM_F_CLONED = 0x200

_IFADDRMSG = struct.Struct("=BBxxI")  # struct ifaddrmsg: family, prefixlen, index
_ROUTE = (RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_VIA)
_RTMSG = struct.Struct("=BBxxBBBBI")  # struct rtmsg: family, dst_len, table, protocol, scope, type, flags
_ATTRIBUTE = struct.Struct("=HH")
_WORD = struct.Struct("=HHI")  # an attribute that holds a u32
_U32 = struct.Struct("=I")


def to_text(data: bytes) -> str:
    """An address from its 4 or 16 bytes."""
    return socket.inet_ntop(_family(data), data)


def to_texts(column: Sequence[bytes]) -> Iterable[str]:
    """Addresses of one family, from their bytes."""
    return map(socket.inet_ntop, repeat(_family(column[0])), column)


def to_bytes(address: str) -> bytes:
    """An address's 4 or 16 bytes."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _attribute(kind: int, data: bytes) -> bytes:
    """An attribute whose data is a multiple of 4 bytes long."""
    return _ATTRIBUTE.pack(4 + len(data), kind) + data


def _family(data: bytes) -> int:
    return socket.AF_INET if len(data) == 4 else socket.AF_INET6


# -- addresses -------------------------------------------------------------------------------------


def set_address(index: int, address: Address) -> Request:
    """Add an address to the interface of that index; one that is there stays."""
    return Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, _address_payload(index, address))


def delete_address(index: int, address: Address) -> Request:
    """Delete an address."""
    return Request(RTM_DELADDR, 0, _address_payload(index, address))


def _address_payload(index: int, address: Address) -> bytes:
    head, _slash, prefix = address.address.partition("/")
    data = to_bytes(head)
    own = _attribute(IFA_LOCAL, data) + _attribute(IFA_ADDRESS, data)
    return _IFADDRMSG.pack(_family(data), int(prefix), index) + own


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


# -- routes ----------------------------------------------------------------------------------------


def set_route(index: int | None, route: Route, protocol: int) -> Request:
    """Add a route, or replace the one that has its key.

    :param index: that of the interface, where the route names one.
    :param protocol: the number that says who installed it.
    """
    scope = RT_SCOPE_UNIVERSE if route.via or ":" in route.dst else RT_SCOPE_LINK
    flags = RTNH_F_ONLINK if route.onlink else 0
    payload = _route_payload(index, route, protocol, scope, RTN_UNICAST, flags)
    if route.src:
        payload += _attribute(RTA_PREFSRC, to_bytes(route.src))
    if route.mtu:
        payload += _attribute(RTA_METRICS, _WORD.pack(8, RTAX_MTU, route.mtu))
    return Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, payload)


def delete_route(index: int | None, route: Route) -> Request:
    """Delete a route by its key and where it goes, whoever installed it."""
    return Request(RTM_DELROUTE, 0, _route_payload(index, route, RTPROT_UNSPEC, RT_SCOPE_NOWHERE, RTN_UNSPEC, 0))


def _route_payload(index: int | None, route: Route, protocol: int, scope: int, kind: int, flags: int) -> bytes:
    base, _slash, prefix = route.dst.partition("/")
    data, length = to_bytes(base), int(prefix)
    table = route.table if route.table < 256 else RT_TABLE_UNSPEC
    payload = _RTMSG.pack(_family(data), length, table, protocol, scope, kind, flags)
    if table == RT_TABLE_UNSPEC:
        payload += _WORD.pack(8, RTA_TABLE, route.table)
    if length:
        payload += _attribute(RTA_DST, data)
    if route.via:
        payload += _attribute(RTA_GATEWAY, to_bytes(route.via))
    if index is not None:
        payload += _WORD.pack(8, RTA_OIF, index)
    if route.metric:
        payload += _WORD.pack(8, RTA_PRIORITY, route.metric)
    return payload


def read_routes(kernel: Socket, names: Mapping[int, str], table: int) -> dict[tuple[str, int, int], tuple[Route, int]]:
    """The routes of a table, each with the number of the protocol that installed it.

    :param names: the interfaces by index.
    """
    found: dict[tuple[str, int, int], tuple[Route, int]] = {}
    try:
        runs = kernel.runs(RTM_GETROUTE, bytes(12) + _WORD.pack(8, RTA_TABLE, table))
    except KernelError as error:
        if error.code == errno.ENOENT:  # nobody has put a route into this table yet
            return {}
        raise
    for run in runs:
        family, length, _table, protocol, _scope, kind, flags = _RTMSG.unpack_from(run, 16)
        if not flags & RTM_F_CLONED:
            for count, attribute in columns(run, 28, _ROUTE):
                # A blackhole has no interface, whatever the kernel reports for it (IPv6: lo).
                devices = (names.get(index, f"index {index}") for index in _numbers(attribute.get(RTA_OIF, ())))
                routes = _routes(
                    dst=(f"{base}/{length}" for base in _bases(family, count, attribute)),
                    table=repeat(table),
                    metric=_numbers(attribute.get(RTA_PRIORITY, ())) or repeat(0),
                    via=_gateways(attribute),
                    dev=devices if kind == RTN_UNICAST and RTA_OIF in attribute else repeat(None),
                    src=to_texts(attribute[RTA_PREFSRC]) if RTA_PREFSRC in attribute else repeat(None),
                    onlink=repeat(bool(flags & RTNH_F_ONLINK)),
                    mtu=map(_mtu, attribute[RTA_METRICS]) if RTA_METRICS in attribute else repeat(None),
                )
                for route in routes:
                    found.setdefault(route.key, (route, protocol))
    return found


def _routes(**columns_of: Iterable[Any]) -> Iterable[Route]:
    return map(Route._make, zip(*(columns_of[name] for name in Route._fields)))


def _bases(family: int, count: int, attribute: Mapping[int, Sequence[bytes]]) -> Iterable[str]:
    return to_texts(attribute.get(RTA_DST) or [bytes(16 if family == socket.AF_INET6 else 4)] * count)


def _gateways(attribute: Mapping[int, Sequence[bytes]]) -> Iterable[str | None]:
    if RTA_GATEWAY in attribute:
        return to_texts(attribute[RTA_GATEWAY])
    if RTA_VIA in attribute:
        return to_texts([data[2:] for data in attribute[RTA_VIA]])  # struct rtvia begins with the family
    return repeat(None)


def _mtu(metrics: bytes) -> int | None:
    data = attributes(metrics, 0).get(RTAX_MTU)
    return _U32.unpack(data)[0] if data else None


def _numbers(column: Sequence[bytes]) -> Sequence[int]:
    return struct.unpack(f"={len(column)}I", b"".join(column))
