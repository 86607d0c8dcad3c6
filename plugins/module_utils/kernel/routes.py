# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes unpacked with struct.

A node of a fabric of N nodes has a route to each other node, and pyroute2 takes some ten times as long for each. Each
observed route keeps the kernel's own message, so that nothing is lost of it when it is changed, deleted or restored.
Sources: rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec, later
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import WORD, numbers, to_texts
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    MESSAGE,
    Socket,
    attributes,
    columns,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    RTA_CACHEINFO,
    RTA_DST,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_MULTIPATH,
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
    RTM_F_CLONED,
    RTM_GETROUTE,
    RTNH_F_ONLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Hop, Route, RoutePlace, by_place

RTMSG = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
_ROUTE = (
    RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_VIA, RTA_TABLE, RTA_MULTIPATH,
    RTA_PREF, RTA_CACHEINFO, MESSAGE,
)  # fmt: skip
U32 = struct.Struct("=I")
_EXPIRES = struct.Struct("=8xi20x")  # struct rta_cacheinfo, in hundredths of a second (USER_HZ)
PREFERENCES = {b"\x03": "low", b"\x00": "medium", b"\x01": "high"}  # include/uapi/linux/icmpv6.h
METRICS = {"mtu": RTAX_MTU, "advmss": RTAX_ADVMSS, "initcwnd": RTAX_INITCWND, "hoplimit": RTAX_HOPLIMIT}
TYPES = {
    1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable",
    8: "prohibit", 9: "throw",
}  # fmt: skip
_NOWHERE = {socket.AF_INET: bytes(4), socket.AF_INET6: bytes(16)}  # the destination of a default route, by family
_REJECTED = (6, 7, 8, 9)  # types of routes that lead nowhere


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
    for protocol in scope.protocols:
        for run in _runs(kernel, RTMSG.pack(0, 0, 0, 0, 0, protocol, 0, 0, 0)):
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
    nowhere = _NOWHERE.get(family)
    if flags & RTM_F_CLONED or nowhere is None or table in known:
        return
    name = TYPES.get(kind, f"type {kind}")
    for count, data in columns(run, 28, _ROUTE):
        yield _routes(
            dst=_networks(data.get(RTA_DST) or [nowhere] * count, dst_len),
            table=numbers(data[RTA_TABLE]) if RTA_TABLE in data else repeat(table),
            metric=numbers(data.get(RTA_PRIORITY, ())) or repeat(0),
            tos=repeat(tos),
            source=_networks(data[RTA_SRC], src_len) if RTA_SRC in data else repeat(""),
            type=repeat(name),
            via=_gateways(data),
            # A blackhole has no interface, whatever the kernel reports for it (IPv6: lo).
            dev=_devices(data[RTA_OIF], names) if RTA_OIF in data and kind not in _REJECTED else repeat(None),
            nexthops=_hops(data[RTA_MULTIPATH], names) if RTA_MULTIPATH in data else repeat(None),
            onlink=repeat(bool(flags & RTNH_F_ONLINK)),
            src=to_texts(data[RTA_PREFSRC]) if RTA_PREFSRC in data else repeat(None),
            scope=repeat(scope),
            protocol=repeat(protocol),
            pref=map(PREFERENCES.get, data[RTA_PREF]) if RTA_PREF in data else repeat(None),
            expires=map(bool, map(expires, data[RTA_CACHEINFO])) if RTA_CACHEINFO in data else repeat(False),
            raw=data[MESSAGE],
            **_metric_columns(data.get(RTA_METRICS)),
        )


def _hops(column: Sequence[bytes], names: Mapping[int, str]) -> Iterator[tuple[Hop, ...]]:
    # Imported only here: most tables have no such routes, and Python compiles all imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.hops import read_hops

    return read_hops(column, names)


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
    name_of = {data: names.get(U32.unpack(data)[0]) or f"index {U32.unpack(data)[0]}" for data in {*column}}
    return map(name_of.__getitem__, column)


def _metric_columns(column: Sequence[bytes] | None) -> dict[str, Iterable[Any]]:
    if column is None:
        return {name: repeat(value) for name, value in _metrics_of(b"").items()}
    found = [*map(_metrics_of, column)]
    return {name: [metrics[name] for metrics in found] for name in found[0]}


@lru_cache
def _metrics_of(data: bytes) -> dict[str, Any]:
    """The metrics that are modelled, from RTA_METRICS."""
    found = {kind: U32.unpack(value)[0] for kind, value in attributes(data, 0).items() if len(value) == 4}
    metrics = {name: found.get(kind) for name, kind in METRICS.items()}
    return {**metrics, "mtu_lock": bool(found.get(RTAX_LOCK, 0) >> RTAX_MTU & 1)}


def expires(cacheinfo: bytes) -> int:
    """The hundredths of a second after which the kernel removes a route; 0: it stays."""
    return max(0, _EXPIRES.unpack(cacheinfo)[0]) if cacheinfo else 0


_put, _delete, _add, _wait, _remedy = later("route_requests", "put", "delete", "add", "wait", "remedy")
CODEC = Codec(_put, _delete, read, _add, wait=_wait, remedy=_remedy)
