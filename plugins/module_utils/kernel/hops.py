# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next hops of routes in rtnetlink's messages.

Sources: include/uapi/linux/rtnetlink.h (struct rtnexthop, struct rtvia), net/ipv4/fib_semantics.c: fib_get_nhs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import (
    family,
    packed,
    to_bytes,
    to_text,
    to_texts,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    RTA_ENCAP,
    RTA_ENCAP_TYPE,
    RTA_FLOW,
    RTA_GATEWAY,
    RTA_MULTIPATH,
    RTA_NH_ID,
    RTA_OIF,
    RTA_VIA,
    RTNH_F_ONLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Hop, Route

_RTNH = struct.Struct("=HBBi")  # struct rtnexthop: length, flags, weight less 1, index
_U32 = struct.Struct("=I")
_PLAIN = (16, 28)  # the size of struct rtnexthop and RTA_GATEWAY, of IPv4 and of IPv6
# What a hop may have besides, which belongs to the route itself if it has one hop.
_OF_HOP = (RTA_FLOW, RTA_ENCAP_TYPE, RTA_ENCAP)

# (index, attributes of the gateway): what a hop is known by.
_Way = tuple[int, bytes]


def read_hops(column: Sequence[bytes], names: Mapping[int, str]) -> Iterator[tuple[Hop, ...]]:
    """The next hops of each route, from RTA_MULTIPATH of all: the values have the same length.

    Many routes often have the same few hops, which are read once.
    """
    distinct = [*dict.fromkeys(column)]
    return map(dict(zip(distinct, _read(distinct, names))).__getitem__, column)


def _read(column: Sequence[bytes], names: Mapping[int, str]) -> Iterator[tuple[Hop, ...]]:
    data = b"".join(column)
    for size in _PLAIN:
        if len(column[0]) % size == 0 and _is_plain(data, size):
            return zip(*[_plain_hops(data, size, names)] * (len(column[0]) // size))
    return (tuple(_hops(each, names)) for each in column)


def _is_plain(data: bytes, size: int) -> bool:
    """Whether hops have a gateway of their route's family and nothing else, compared as columns of bytes, in C."""
    head = _RTNH.pack(size, 0, 0, 0) + struct.pack("=HH", size - _RTNH.size, RTA_GATEWAY)
    count = len(data) // size
    return all(data[at::size] == head[at : at + 1] * count for at in (0, 1, 8, 9, 10, 11))


def _plain_hops(data: bytes, size: int, names: Mapping[int, str]) -> Iterator[Hop]:
    """Hops with a gateway each, by columns: often all have the same interface, weight and flags."""
    gateways = [*chain.from_iterable(struct.iter_unpack(f"=12x{size - 12}s", data))]
    indexes: Sequence[int] = [_U32.unpack_from(data, 4)[0]]
    if any(data[at::size] != data[at : at + 1] * len(gateways) for at in range(4, 8)):
        indexes = [*chain.from_iterable(struct.iter_unpack(f"=4xI{size - 8}x", data))]
    devices = _mapped(indexes, lambda index: names.get(index) or f"index {index}")
    weights = _mapped(data[3::size], lambda weight: weight + 1)
    onlink = _mapped(data[2::size], lambda flags: bool(flags & RTNH_F_ONLINK))
    return make_all(Hop, zip(to_texts(gateways), devices, weights, onlink))


def _mapped(column: Sequence[int], function: Callable[[int], Any]) -> Iterable[Any]:
    """What a function makes of each number of a column, which it is asked once."""
    found = {number: function(number) for number in {*column}}
    return repeat(*found.values()) if len(found) == 1 else map(found.__getitem__, column)


def _hops(data: bytes, names: Mapping[int, str]) -> Iterator[Hop]:
    for flags, weight, index, attribute in _each(data):
        gateway = attribute.get(RTA_GATEWAY) or attribute.get(RTA_VIA, b"")[2:]
        via = to_text(gateway) if gateway else None
        yield Hop(via, names.get(index) or f"index {index}", weight + 1, bool(flags & RTNH_F_ONLINK))


def _each(data: bytes) -> Iterator[tuple[int, int, int, dict[int, bytes]]]:
    """(flags, weight less 1, index, attributes) of each hop in RTA_MULTIPATH."""
    offset = 0
    while offset < len(data):
        length, flags, weight, index = _RTNH.unpack_from(data, offset)
        yield flags, weight, index, attributes(data[offset : offset + length], _RTNH.size)
        offset += (length + 3) & ~3


def _pack_hop(flags: int, weight: int, index: int, attribute: Mapping[int, bytes]) -> bytes:
    body = packed(attribute)
    return _RTNH.pack(_RTNH.size + len(body), flags, weight, index) + body


def reindexed(attribute: Mapping[int, bytes], indexes: Sequence[int]) -> dict[int, bytes]:
    """A route's attributes with other indexes of the interfaces that it leads through.

    :param indexes: one for each hop.
    """
    found = dict(attribute)
    if RTA_OIF in found:
        found[RTA_OIF] = _U32.pack(indexes[0])
    if RTA_MULTIPATH in found:
        hops = zip(_each(found[RTA_MULTIPATH]), indexes)
        found[RTA_MULTIPATH] = b"".join(_pack_hop(flags, weight, to, own) for (flags, weight, _old, own), to in hops)
    return found


def sendable_hops(data: bytes) -> bytes:
    """RTA_MULTIPATH without the states of the hops, which the kernel only reports."""
    return b"".join(_pack_hop(flags & RTNH_F_ONLINK, weight, index, own) for flags, weight, index, own in _each(data))


def pack_way(attribute: dict[int, bytes], indexes: Mapping[str, int], route: Route) -> int:
    """Make a route's attributes lead where it does; what nobody models of a hop that it had stays.

    :param attribute: the other attributes of the route, and the way of the one that it changes.
    :returns: the flags of struct rtmsg.
    """
    six, onlink = ":" in route.dst, RTNH_F_ONLINK if route.onlink else 0
    if route.raw is None and route.nexthops is None:
        attribute.update(_gateway(six, route.via))
        if route.dev:
            attribute[RTA_OIF] = _U32.pack(indexes[route.dev])
        return onlink
    hops, nexthop, known = route.hops, attribute.pop(RTA_NH_ID, None), _take_hops(attribute)
    gateways = [_gateway(six, hop.via) for hop in hops]
    ways = [(indexes[hop.dev] if hop.dev else 0, packed(gateway)) for hop, gateway in zip(hops, gateways)]
    if nexthop is not None and sorted(ways) == sorted(known):
        attribute[RTA_NH_ID] = nexthop
        return 0
    if route.nexthops is not None:
        attribute[RTA_MULTIPATH] = _pack_hops(hops, ways, gateways, known)
        return 0
    # A route of one hop that gets another gateway is still encapsulated as before.
    before = next(iter(known.values())) if len(known) == 1 else {}
    for way, gateway in zip(ways, gateways):
        attribute.update({**gateway, **(known.get(way) or before)})
        if way[0]:
            attribute[RTA_OIF] = _U32.pack(way[0])
    return onlink


def _pack_hops(
    hops: Iterable[Hop],
    ways: Iterable[_Way],
    gateways: Iterable[dict[int, bytes]],
    known: Mapping[_Way, dict[int, bytes]],
) -> bytes:
    """RTA_MULTIPATH of next hops, each with what it had besides its gateway."""
    return b"".join(
        _pack_hop(RTNH_F_ONLINK if hop.onlink else 0, hop.weight - 1, way[0], {**gateway, **known.get(way, {})})
        for hop, way, gateway in zip(hops, ways, gateways)
    )


def _gateway(six: bool, via: str | None) -> dict[int, bytes]:
    if via is None:
        return {}
    data = to_bytes(via)
    return {RTA_GATEWAY: data} if (":" in via) == six else {RTA_VIA: struct.pack("=H", family(data)) + data}


def _take_hops(attribute: dict[int, bytes]) -> dict[_Way, dict[int, bytes]]:
    """Take the way out of a route's attributes: what hops have besides their gateways, by what they are known by."""
    found = {}
    hops: Iterable[tuple[int, dict[int, bytes]]] = ()
    if RTA_MULTIPATH in attribute:
        hops = [(index, own) for _flags, _weight, index, own in _each(attribute[RTA_MULTIPATH])]
    elif RTA_OIF in attribute:
        hops = [(_U32.unpack(attribute[RTA_OIF])[0], attribute)]
    for index, own in hops:
        gateway = {kind: own[kind] for kind in (RTA_GATEWAY, RTA_VIA) if kind in own}
        found[index, packed(gateway)] = {kind: own[kind] for kind in _OF_HOP if kind in own}
    for kind in (RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH, *_OF_HOP):
        attribute.pop(kind, None)
    return found
