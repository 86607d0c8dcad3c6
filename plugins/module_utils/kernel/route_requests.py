# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that make, change and delete routes, packed with struct. Sources: as in routes.py."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from ansible_collections.weft.fabric.plugins.module_utils.kernel.hops import pack_way, sendable_hops
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import family, packed, to_bytes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.routes import (
    METRICS,
    PREFERENCES,
    RTMSG,
    TYPES,
    U32,
    expires,
)
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
    RTA_TABLE,
    RTA_VIA,
    RTAX_LOCK,
    RTAX_MTU,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    RTN_UNSPEC,
    RTNH_F_ONLINK,
    RTPROT_UNSPEC,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL

_NUMBERS = {name: number for number, name in TYPES.items()}
_METRICS_OF = itemgetter(*map(Route._fields.index, (*METRICS, "mtu_lock")))
_PREFERENCE_BYTES = {name: data for data, name in PREFERENCES.items()}

_REPORTED = {RTA_NH_ID, RTA_MULTIPATH, RTA_CACHEINFO}

# Seconds that duplicate address detection takes at most, by default: up to one of delay, and one of probing.
DETECTION = 3.0


def put(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Add routes, or replace those that have their keys."""
    for item in items:
        yield Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, _message(indexes, item))


def add(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Add routes. Other routes with the same keys stay."""
    for item in items:
        yield Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, _message(indexes, item))


def delete(indexes: Mapping[str, int], items: Sequence[Route]) -> Iterator[Request]:
    """Delete observed routes, each by all that the kernel reports of it, or by its key and next hop."""
    for item in items:
        yield Request(RTM_DELROUTE, 0, sendable(item.raw) if item.raw else _named(indexes, item))


def restore(raw: bytes) -> Request:
    """The request that makes a route again, as the kernel reported it. Other routes with the same key stay."""
    return Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, sendable(raw))


def sendable(raw: bytes) -> bytes:
    """A message about an observed route without what the kernel only reports."""
    header, attribute = [*RTMSG.unpack_from(raw)], attributes(raw, RTMSG.size)
    header[-1] &= RTNH_F_ONLINK
    if not attribute.keys() & _REPORTED:
        return RTMSG.pack(*header) + raw[RTMSG.size :]
    if RTA_NH_ID in attribute:  # a nexthop object: the rest is how it leads
        for kind in (RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH):
            attribute.pop(kind, None)
    if RTA_MULTIPATH in attribute:
        attribute[RTA_MULTIPATH] = sendable_hops(attribute[RTA_MULTIPATH])
    left = expires(attribute.pop(RTA_CACHEINFO, b""))
    if left:
        attribute[RTA_EXPIRES] = U32.pack(max(1, left // 100))
    return RTMSG.pack(*header) + packed(attribute)


def _message(indexes: Mapping[str, int], route: Route) -> bytes:
    """The message that makes a route. A route that changes keeps all attributes that Route has no field for."""
    base, _slash, prefix = route.dst.partition("/")
    data, six = to_bytes(base), ":" in base
    src_len, known = 0, dict[int, bytes]()
    if route.raw:
        src_len, known = RTMSG.unpack_from(route.raw)[2], attributes(route.raw, RTMSG.size)
        for kind in (RTA_CACHEINFO, RTA_DST, RTA_TABLE, RTA_PRIORITY, RTA_PREFSRC, RTA_PREF):
            known.pop(kind, None)
    if prefix != "0":
        known[RTA_DST] = data
    table = route.table
    if table > 255:
        known[RTA_TABLE], table = U32.pack(table), RT_TABLE_UNSPEC
    if route.metric:
        known[RTA_PRIORITY] = U32.pack(route.metric)
    if route.src:
        known[RTA_PREFSRC] = to_bytes(route.src)
    if six and route.pref:
        known[RTA_PREF] = _PREFERENCE_BYTES[route.pref]
    if RTA_METRICS in known or any(_METRICS_OF(route)):
        metrics = _metrics(known.pop(RTA_METRICS, b""), route)
        known.update({RTA_METRICS: metrics} if metrics else {})
    flags = pack_way(known, indexes, route)
    scope = route.usual_scope if route.scope is None else route.scope
    header = RTMSG.pack(
        family(data), int(prefix), src_len, route.tos, table, route.protocol or ROUTE_PROTOCOL, scope,
        _NUMBERS[route.type or "unicast"], flags,
    )  # fmt: skip
    return header + packed(known)


def _metrics(known: bytes, route: Route) -> bytes:
    """The metrics of a route, beginning with those that it had."""
    found = attributes(known, 0)
    locked = U32.unpack(found.pop(RTAX_LOCK, bytes(4)))[0] & ~(1 << RTAX_MTU)
    locked |= bool(route.mtu_lock) << RTAX_MTU
    asked = {**{kind: getattr(route, name) for name, kind in METRICS.items()}, RTAX_LOCK: locked}
    found.update({kind: U32.pack(value or 0) for kind, value in asked.items()})
    return packed({kind: data for kind, data in found.items() if kind not in asked or any(data)})


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
        attribute[RTA_TABLE] = U32.pack(route.table)
    if int(prefix):
        attribute[RTA_DST] = data
    if route.metric:
        attribute[RTA_PRIORITY] = U32.pack(route.metric)
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
