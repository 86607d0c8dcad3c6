# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes packed and unpacked with struct.

A node of a fabric of N nodes has a route to each other node, and pyroute2 takes some ten times as long for each.
Sources: rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.addresses import read_tentative
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import (
    WORD,
    attribute,
    family,
    numbers,
    to_bytes,
    to_texts,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Request,
    Socket,
    attributes,
    columns,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
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
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.route import ROUTE_PROTOCOL, Route, RouteKey

_ROUTE = (RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_VIA)
_RTMSG = struct.Struct("=BBxxBBBBI")  # struct rtmsg: family, dst_len, table, protocol, scope, type, flags
_U32 = struct.Struct("=I")

# Seconds that duplicate address detection takes at most, by default: up to one of delay, and one of probing.
DETECTION = 3.0


def put(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Add routes, or replace those that have their keys."""
    for item in items:
        scope = RT_SCOPE_UNIVERSE if item.via or ":" in item.dst else RT_SCOPE_LINK
        flags = RTNH_F_ONLINK if item.onlink else 0
        payload = _payload(indexes, item, item.protocol or ROUTE_PROTOCOL, scope, RTN_UNICAST, flags)
        if item.src:
            payload += attribute(RTA_PREFSRC, to_bytes(item.src))
        if item.mtu:
            payload += attribute(RTA_METRICS, WORD.pack(8, RTAX_MTU, item.mtu))
        yield Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, payload)


def delete(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Delete routes by their keys and next hops, whoever installed them."""
    for item in items:
        payload = _payload(indexes, item, RTPROT_UNSPEC, RT_SCOPE_NOWHERE, RTN_UNSPEC, 0)
        yield Request(RTM_DELROUTE, 0, payload)


def _payload(indexes: Mapping[str, int], route: Route, protocol: int, scope: int, kind: int, flags: int) -> bytes:
    base, _slash, prefix = route.dst.partition("/")
    data, length = to_bytes(base), int(prefix)
    table = route.table if route.table < 256 else RT_TABLE_UNSPEC
    payload = _RTMSG.pack(family(data), length, table, protocol, scope, kind, flags)
    if table == RT_TABLE_UNSPEC:
        payload += WORD.pack(8, RTA_TABLE, route.table)
    if length:
        payload += attribute(RTA_DST, data)
    if route.via:
        payload += attribute(RTA_GATEWAY, to_bytes(route.via))
    if route.dev:
        payload += WORD.pack(8, RTA_OIF, indexes[route.dev])
    if route.metric:
        payload += WORD.pack(8, RTA_PRIORITY, route.metric)
    return payload


def wait(kernel: Socket, items: Iterable[Route]) -> None:
    """Wait for duplicate address detection (RFC 4862): before its end the kernel refuses a route with that src."""
    waiting = {item.src for item in items if item.src and ":" in item.src}
    limit = time.monotonic() + DETECTION
    while waiting and time.monotonic() < limit:
        waiting &= read_tentative(kernel)
        if waiting:
            time.sleep(0.02)


def remedy(item: Route, code: int) -> str:
    """How the user can mend a refusal; empty: nothing more is known than the error itself."""
    if code in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"the gateway {item.via} is not reachable: add a route to it, or 'onlink: true'"
    if item.src and code == errno.EINVAL:
        return f"src {item.src} has to be an address of this host that is in use: see 'ip address'"
    return ""


def read(kernel: Socket, scope: Scope, _links: Mapping[str, Link], names: Mapping[int, str]) -> dict[RouteKey, Route]:
    """The routes of the tables in the scope.

    :param names: the interfaces by index.
    """
    found: dict[RouteKey, Route] = {}
    for table in sorted(scope.tables):
        for run in _runs(kernel, table):
            for route in _of_run(run, table, names):
                found.setdefault(route.key, route)
    return found


def _runs(kernel: Socket, table: int) -> list[bytes]:
    try:
        return kernel.runs(RTM_GETROUTE, bytes(12) + WORD.pack(8, RTA_TABLE, table))
    except KernelError as error:
        if error.code == errno.ENOENT:  # the table has never had a route
            return []
        raise


def _of_run(run: bytes, table: int, names: Mapping[int, str]) -> Iterator[Route]:
    family, length, _table, protocol, _scope, kind, flags = _RTMSG.unpack_from(run, 16)
    if flags & RTM_F_CLONED:
        return
    for count, data in columns(run, 28, _ROUTE):
        # A blackhole has no interface, whatever the kernel reports for it (IPv6: lo).
        devices = (names.get(index, f"index {index}") for index in numbers(data.get(RTA_OIF, ())))
        yield from _routes(
            dst=(f"{base}/{length}" for base in _bases(family, count, data)),
            table=repeat(table),
            metric=numbers(data.get(RTA_PRIORITY, ())) or repeat(0),
            via=_gateways(data),
            dev=devices if kind == RTN_UNICAST and RTA_OIF in data else repeat(None),
            src=to_texts(data[RTA_PREFSRC]) if RTA_PREFSRC in data else repeat(None),
            onlink=repeat(bool(flags & RTNH_F_ONLINK)),
            mtu=map(_mtu, data[RTA_METRICS]) if RTA_METRICS in data else repeat(None),
            protocol=repeat(protocol),
        )


def _routes(**columns_of: Iterable[Any]) -> Iterator[Route]:
    return make_all(Route, zip(*(columns_of[name] for name in Route._fields)))


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
