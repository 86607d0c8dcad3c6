# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes packed and unpacked with struct.

A node of a fabric of N nodes has a route to each other node, and pyroute2 takes some ten times as long for each. Each
observed route keeps the kernel's own message, so that nothing is lost of it when it is changed, deleted or restored.
Sources: rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.hops import (
    REJECTED,
    TYPES,
    pack_way,
    read_hops,
    sendable_hops,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import (
    WORD,
    family,
    numbers,
    packed,
    to_bytes,
    to_texts,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    MESSAGE,
    Request,
    Socket,
    attributes,
    columns,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.tentative import read_tentative
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RT_SCOPE_NOWHERE,
    RT_TABLE_UNSPEC,
    RTA_CACHEINFO,
    RTA_DST,
    RTA_EXPIRES,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTA_NH_ID,
    RTA_OIF,
    RTA_PREF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTA_SRC,
    RTA_TABLE,
    RTA_VIA,
    RTAX_ADVMSS,
    RTAX_HOPLIMIT,
    RTAX_INITCWND,
    RTAX_LOCK,
    RTAX_MTU,
    RTM_DELROUTE,
    RTM_F_CLONED,
    RTM_GETROUTE,
    RTM_NEWROUTE,
    RTN_UNSPEC,
    RTNH_F_ONLINK,
    RTPROT_UNSPEC,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route, RoutePlace, by_place
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL

RTMSG = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
_ROUTE = (
    RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_VIA, RTA_TABLE, RTA_MULTIPATH,
    RTA_PREF, RTA_CACHEINFO, MESSAGE,
)  # fmt: skip
_U32 = struct.Struct("=I")
_EXPIRES = struct.Struct("=8xi20x")  # struct rta_cacheinfo, in hundredths of a second (USER_HZ)
_PREFERENCES = {b"\x03": "low", b"\x00": "medium", b"\x01": "high"}  # include/uapi/linux/icmpv6.h
_PREFERENCE_BYTES = {name: data for data, name in _PREFERENCES.items()}
_METRICS = {"mtu": RTAX_MTU, "advmss": RTAX_ADVMSS, "initcwnd": RTAX_INITCWND, "hoplimit": RTAX_HOPLIMIT}
_NUMBERS = {name: number for number, name in TYPES.items()}

# Seconds that duplicate address detection takes at most, by default: up to one of delay, and one of probing.
DETECTION = 3.0


# -- requests ----------------------------------------------------------------------------------------------------------


def put(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Add routes, or replace those that have their keys."""
    for item in items:
        yield Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, _message(indexes, item))


def add(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Add routes beside others that have their keys."""
    for item in items:
        yield Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, _message(indexes, item))


def delete(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Delete observed routes, each by all that the kernel reports of it, or by its key and next hop."""
    for item in items:
        yield Request(RTM_DELROUTE, 0, sendable(item.raw) if item.raw else _named(indexes, item))


def restore(raw: bytes) -> Request:
    """The request that makes a route again, beside others of its key, as the kernel reported it."""
    return Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, sendable(raw))


def sendable(raw: bytes) -> bytes:
    """A message about an observed route without what the kernel only reports."""
    header, attribute = [*RTMSG.unpack_from(raw)], attributes(raw, RTMSG.size)
    header[-1] &= RTNH_F_ONLINK
    if RTA_NH_ID in attribute:  # a nexthop object: the rest is how it leads
        for kind in (RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH):
            attribute.pop(kind, None)
    if RTA_MULTIPATH in attribute:
        attribute[RTA_MULTIPATH] = sendable_hops(attribute[RTA_MULTIPATH])
    expires = _expires(attribute.pop(RTA_CACHEINFO, b""))
    if expires:
        attribute[RTA_EXPIRES] = _U32.pack(max(1, expires // 100))
    return RTMSG.pack(*header) + packed(attribute)


def _message(indexes: Mapping[str, int], route: Route) -> bytes:
    """The message that makes a route; what nobody models is taken from that of the route which it changes."""
    base, _slash, prefix = route.dst.partition("/")
    data, six = to_bytes(base), ":" in base
    known = attributes(route.raw, RTMSG.size) if route.raw else {}
    src_len = RTMSG.unpack_from(route.raw)[2] if route.raw else 0
    known.pop(RTA_CACHEINFO, None)
    _set(known, RTA_DST, data if int(prefix) else None)
    _set(known, RTA_TABLE, _U32.pack(route.table) if route.table > 255 else None)
    _set(known, RTA_PRIORITY, _U32.pack(route.metric) if route.metric else None)
    _set(known, RTA_PREFSRC, to_bytes(route.src) if route.src else None)
    _set(known, RTA_METRICS, _metrics(known.get(RTA_METRICS, b""), route) or None)
    _set(known, RTA_PREF, _PREFERENCE_BYTES[route.pref] if six and route.pref else None)
    flags = pack_way(known, indexes, route)
    scope = route.usual_scope if route.scope is None else route.scope
    header = RTMSG.pack(
        family(data), int(prefix), src_len, route.tos, route.table if route.table < 256 else RT_TABLE_UNSPEC,
        route.protocol or ROUTE_PROTOCOL, scope, _NUMBERS[route.type or "unicast"], flags,
    )  # fmt: skip
    return header + packed(known)


def _set(attribute: dict[int, bytes], kind: int, data: bytes | None) -> None:
    attribute.pop(kind, None)
    if data is not None:
        attribute[kind] = data


def _metrics(known: bytes, route: Route) -> bytes:
    """The metrics of a route, beginning with those that it had."""
    found = attributes(known, 0)
    for name, kind in _METRICS.items():
        value = getattr(route, name)
        _set(found, kind, _U32.pack(value) if value else None)
    locked = _U32.unpack(found.pop(RTAX_LOCK, bytes(4)))[0] & ~(1 << RTAX_MTU)
    locked |= bool(route.mtu_lock) << RTAX_MTU
    _set(found, RTAX_LOCK, _U32.pack(locked) if locked else None)
    return packed(found)


def _named(indexes: Mapping[str, int], route: Route) -> bytes:
    """A message that names one next hop of a route."""
    base, _slash, prefix = route.dst.partition("/")
    data = to_bytes(base)
    table = route.table if route.table < 256 else RT_TABLE_UNSPEC
    payload = RTMSG.pack(
        family(data), int(prefix), 0, route.tos, table, RTPROT_UNSPEC, RT_SCOPE_NOWHERE,
        _NUMBERS[route.type] if route.type else RTN_UNSPEC, 0,
    )  # fmt: skip
    attribute: dict[int, bytes] = {}
    if table == RT_TABLE_UNSPEC:
        attribute[RTA_TABLE] = _U32.pack(route.table)
    if int(prefix):
        attribute[RTA_DST] = data
    if route.metric:
        attribute[RTA_PRIORITY] = _U32.pack(route.metric)
    pack_way(attribute, indexes, route)
    return payload + packed(attribute)


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
    gateways = ", ".join(hop.via for hop in item.hops if hop.via)
    if code in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"no route leads to {gateways}: add one, or give 'dev' and 'onlink: true'"
    if code == errno.EACCES:
        switches = ", ".join(f"net.ipv6.conf.{dev.replace('.', '/')}.disable_ipv6" for dev in sorted(item.devices))
        return f"an IPv6 route or gateway needs IPv6 on its interface: set {switches or 'disable_ipv6'} to 0"
    if code in (errno.EAFNOSUPPORT, errno.EOPNOTSUPP) and ":" in item.dst:
        return "this kernel runs without IPv6: see ipv6.disable in /proc/cmdline"
    if code == errno.EINVAL:
        return _remedy_of_values(item, gateways)
    return ""


def _remedy_of_values(item: Route, gateways: str) -> str:
    if item.src:
        return f"src {item.src} has to be an address of this host that is in use: see 'ip address'"
    if item.scope is not None:
        return "the next hop has to be in a narrower scope than the route: remove 'scope'"
    return f"a gateway is another host's address in a subnet of its interface: check {gateways}" if gateways else ""


# -- answers -----------------------------------------------------------------------------------------------------------


def read(
    kernel: Socket, scope: Scope, _links: Mapping[str, Link], names: Mapping[int, str]
) -> dict[RoutePlace, tuple[Route, ...]]:
    """The routes of the tables in the scope, and those of all tables that one program installed.

    :param names: the interfaces by index.
    """
    found: list[Route] = []
    for table in sorted(scope.tables):
        for run in _runs(kernel, RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0) + WORD.pack(8, RTA_TABLE, table)):
            found += chain.from_iterable(_of_run(run, names))
    if scope.protocol is not None:
        for run in _runs(kernel, RTMSG.pack(0, 0, 0, 0, 0, scope.protocol, 0, 0, 0)):
            routes = chain.from_iterable(_of_run(run, names, scope.tables))
            found += [route for route in routes if route.table not in scope.tables]
    return by_place(found)


def _runs(kernel: Socket, payload: bytes) -> list[bytes]:
    try:
        return kernel.runs(RTM_GETROUTE, payload)
    except KernelError as error:
        if error.code == errno.ENOENT:  # the table has never had a route
            return []
        raise


def _of_run(run: bytes, names: Mapping[int, str], known: Iterable[int] = ()) -> Iterator[Iterator[Route]]:
    """The routes of a run of messages, in parts.

    :param known: tables to leave out.
    """
    family, dst_len, src_len, tos, table, protocol, scope, kind, flags = RTMSG.unpack_from(run, 16)
    if flags & RTM_F_CLONED or family not in (socket.AF_INET, socket.AF_INET6) or table in known:
        return
    name = TYPES.get(kind, f"type {kind}")
    for count, data in columns(run, 28, _ROUTE):
        yield _routes(
            dst=_networks(data.get(RTA_DST) or [bytes(16 if family == socket.AF_INET6 else 4)] * count, dst_len),
            table=numbers(data[RTA_TABLE]) if RTA_TABLE in data else repeat(table),
            metric=numbers(data.get(RTA_PRIORITY, ())) or repeat(0),
            tos=repeat(tos),
            source=_networks(data[RTA_SRC], src_len) if RTA_SRC in data else repeat(""),
            type=repeat(name),
            via=_gateways(data),
            # A blackhole has no interface, whatever the kernel reports for it (IPv6: lo).
            dev=_devices(data[RTA_OIF], names) if RTA_OIF in data and kind not in REJECTED else repeat(None),
            nexthops=read_hops(data[RTA_MULTIPATH], names) if RTA_MULTIPATH in data else repeat(None),
            onlink=repeat(bool(flags & RTNH_F_ONLINK)),
            src=to_texts(data[RTA_PREFSRC]) if RTA_PREFSRC in data else repeat(None),
            scope=repeat(scope),
            protocol=repeat(protocol),
            pref=map(_PREFERENCES.get, data[RTA_PREF]) if RTA_PREF in data else repeat(None),
            expires=map(bool, map(_expires, data[RTA_CACHEINFO])) if RTA_CACHEINFO in data else repeat(False),
            raw=data[MESSAGE],
            **_metric_columns(data.get(RTA_METRICS)),
        )


def _routes(**columns_of: Iterable[Any]) -> Iterator[Route]:
    return make_all(Route, zip(*(columns_of[name] for name in Route._fields)))


def _networks(column: Sequence[bytes], length: int) -> list[str]:
    suffix = f"/{length}"
    return [base + suffix for base in to_texts(column)]


def _gateways(attribute: Mapping[int, Sequence[bytes]]) -> Iterable[str | None]:
    if RTA_GATEWAY in attribute:
        return to_texts(attribute[RTA_GATEWAY])
    if RTA_VIA in attribute:
        return to_texts([data[2:] for data in attribute[RTA_VIA]])  # struct rtvia begins with the family
    return repeat(None)


def _devices(column: Sequence[bytes], names: Mapping[int, str]) -> Iterable[str]:
    name_of = {data: names.get(_U32.unpack(data)[0]) or f"index {_U32.unpack(data)[0]}" for data in {*column}}
    return map(name_of.__getitem__, column)


def _metric_columns(column: Sequence[bytes] | None) -> dict[str, Iterable[Any]]:
    if column is None:
        return {name: repeat(value) for name, value in _metrics_of(b"").items()}
    found = [*map(_metrics_of, column)]
    return {name: [metrics[name] for metrics in found] for name in found[0]}


@lru_cache
def _metrics_of(data: bytes) -> dict[str, Any]:
    """The metrics that are modelled, from RTA_METRICS."""
    found = {kind: _U32.unpack(value)[0] for kind, value in attributes(data, 0).items() if len(value) == 4}
    metrics = {name: found.get(kind) for name, kind in _METRICS.items()}
    return {**metrics, "mtu_lock": bool(found.get(RTAX_LOCK, 0) >> RTAX_MTU & 1)}


def _expires(cacheinfo: bytes) -> int:
    """The hundredths of a second after which the kernel removes a route; 0: it stays."""
    return max(0, _EXPIRES.unpack(cacheinfo)[0]) if cacheinfo else 0


CODEC = Codec(put, delete, read, add, wait=wait, remedy=remedy)
