# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes packed and unpacked with struct.

A node of a fabric of N nodes has a route to each of the others; pyroute2 takes some ten times as long for each.
Sources: rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import (
    attribute,
    family,
    to_bytes,
    to_texts,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Request,
    Socket,
    attributes,
    columns,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RT_SCOPE_LINK,
    RT_SCOPE_NOWHERE,
    RT_SCOPE_UNIVERSE,
    RT_TABLE_UNSPEC,
    RTA_DST,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_OIF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTA_TABLE,
    RTA_VIA,
    RTAX_MTU,
    RTM_DELROUTE,
    RTM_F_CLONED,
    RTM_GETROUTE,
    RTM_NEWROUTE,
    RTN_UNICAST,
    RTN_UNSPEC,
    RTNH_F_ONLINK,
    RTPROT_UNSPEC,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.route import ROUTE_PROTOCOL, Route, RouteKey

_ROUTE = (RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_VIA)
_RTMSG = struct.Struct("=BBxxBBBBI")  # struct rtmsg: family, dst_len, table, protocol, scope, type, flags
_WORD = struct.Struct("=HHI")  # an attribute that holds a u32
_U32 = struct.Struct("=I")


def set_route(index: int | None, route: Route) -> Request:
    """Add a route, or replace the one that has its key.

    :param index: that of the interface, where the route names one.
    """
    scope = RT_SCOPE_UNIVERSE if route.via or ":" in route.dst else RT_SCOPE_LINK
    flags = RTNH_F_ONLINK if route.onlink else 0
    payload = _route_payload(index, route, route.protocol or ROUTE_PROTOCOL, scope, RTN_UNICAST, flags)
    if route.src:
        payload += attribute(RTA_PREFSRC, to_bytes(route.src))
    if route.mtu:
        payload += attribute(RTA_METRICS, _WORD.pack(8, RTAX_MTU, route.mtu))
    return Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, payload)


def delete_route(index: int | None, route: Route) -> Request:
    """Delete a route by its key and where it goes, whoever installed it."""
    return Request(RTM_DELROUTE, 0, _route_payload(index, route, RTPROT_UNSPEC, RT_SCOPE_NOWHERE, RTN_UNSPEC, 0))


def _route_payload(index: int | None, route: Route, protocol: int, scope: int, kind: int, flags: int) -> bytes:
    base, _slash, prefix = route.dst.partition("/")
    data, length = to_bytes(base), int(prefix)
    table = route.table if route.table < 256 else RT_TABLE_UNSPEC
    payload = _RTMSG.pack(family(data), length, table, protocol, scope, kind, flags)
    if table == RT_TABLE_UNSPEC:
        payload += _WORD.pack(8, RTA_TABLE, route.table)
    if length:
        payload += attribute(RTA_DST, data)
    if route.via:
        payload += attribute(RTA_GATEWAY, to_bytes(route.via))
    if index is not None:
        payload += _WORD.pack(8, RTA_OIF, index)
    if route.metric:
        payload += _WORD.pack(8, RTA_PRIORITY, route.metric)
    return payload


def read_routes(kernel: Socket, names: Mapping[int, str], table: int) -> dict[RouteKey, Route]:
    """The routes of a table.

    :param names: the interfaces by index.
    """
    found: dict[RouteKey, Route] = {}
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
                    protocol=repeat(protocol),
                )
                for route in routes:
                    found.setdefault(route.key, route)
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
