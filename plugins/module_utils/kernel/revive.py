# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hops of IPv4 routes that stop working when their interface loses its last IPv4 address.

The kernel marks such a hop as dead (fib_frontend.c: fib_disable_ip), and uses the others. It stays dead although its
interface is up. A route that replaces it gets the hop as it is (fib_semantics.c: fib_find_info), so the old one is
deleted first.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping

from ansible_collections.weft.fabric.plugins.module_utils.kernel import route_requests, routes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import SKIP_STATISTICS
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFF_UP,
    RTA_NH_ID,
    RTM_DELROUTE,
    RTM_GETLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Hop, Route, flattened


def revive(kernel: Socket, names: Mapping[int, str], bare: set[str], left: Collection[Address]) -> Iterator[Request]:
    """The requests that make routes again whose hops die with addresses that are deleted.

    :param names: the interfaces by index.
    :param bare: the interfaces that lose their last IPv4 address.
    :param left: the addresses that stay.
    """
    up = {names[index] for index in _indexes_up(kernel) if index in names}
    for route in _dying(flattened(routes.read(kernel, Scope(protocols={0}), {}, names)), bare, left, up):
        raw = route.raw or b""
        yield Request(RTM_DELROUTE, 0, route_requests.sendable(raw))
        yield route_requests.restore(raw)


def _indexes_up(kernel: Socket) -> Iterator[int]:
    for message in kernel.dump(RTM_GETLINK, bytes(16) + SKIP_STATISTICS):
        index, flags = struct.unpack_from("=iI", message, 20)
        if flags & IFF_UP:
            yield index


def _dying(known: Iterable[Route], bare: set[str], left: Collection[Address], up: set[str]) -> Iterator[Route]:
    """The routes of several hops of which only some die, and that the kernel takes again.

    :param up: the interfaces that are up.
    """
    networks: dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]] = {}
    for item in left:
        head, _slash, prefix = item.address.partition("/")
        networks.setdefault(item.dev, []).append(ipaddress.ip_interface(f"{item.peer or head}/{prefix}").network)
    own = {item.address.partition("/")[0] for item in left}
    for route in known:
        hops, stays = route.nexthops or (), route.src is None or route.src in own
        some = route.devices & bare and not route.devices <= bare
        if ":" in route.dst or not (some and stays and route.devices <= up) or _is_of_objects(route):
            continue
        if all(_is_reachable(hop, networks) for hop in hops):
            yield route


def _is_of_objects(route: Route) -> bool:
    """Whether it leads by nexthop objects, which need no address."""
    return RTA_NH_ID in attributes(route.raw or b"", routes.RTMSG.size)


def _is_reachable(hop: Hop, networks: Mapping[str, Collection[ipaddress.IPv4Network | ipaddress.IPv6Network]]) -> bool:
    if hop.via is None or hop.onlink or ":" in hop.via:
        return True
    gateway = ipaddress.ip_address(hop.via)
    return any(gateway in network for network in networks.get(hop.dev or "", ()))
