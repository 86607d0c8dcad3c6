# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the objects that a change may take along, and makes those again that it took, as they were.

Sources: net/ipv4/nexthop.c (rtm_to_nh_config), include/uapi/linux/nexthop.h, and addresses.py and routes.py.
"""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel import (
    address_requests,
    addresses,
    bridged,
    members,
    neighbours,
    route_requests,
    routes,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.hops import reindexed
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import packed, to_bytes, to_text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFA_PROTO,
    IFAPROT_KERNEL_LL,
    NDA_DST,
    NDA_FLAGS_EXT,
    NDA_LLADDR,
    NDA_PROTOCOL,
    NDA_SETTABLE,
    NHA_GROUP,
    NHA_ID,
    NHA_OIF,
    NHA_RES_GROUP,
    NHA_RES_GROUP_UNBALANCED_TIME,
    NHA_SETTABLE,
    NLA_F_NESTED,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NTF_EXT_LEARNED,
    NTF_PROXY,
    NTF_ROUTER,
    NUD_PERMANENT,
    RTA_NH_ID,
    RTM_DELROUTE,
    RTM_GETNEIGH,
    RTM_GETNEXTHOP,
    RTM_NEWNEIGH,
    RTM_NEWNEXTHOP,
    RTNH_F_ONLINK,
    RTPROT_KERNEL,
    RTPROT_REDIRECT,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.bridged import Member, Port, Station
from ansible_collections.weft.fabric.plugins.module_utils.model.kept import Entry, Kept, Nexthop
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route, flattened

_NHMSG = struct.Struct("=BBBxI")  # struct nhmsg: family, scope, protocol, flags
_MEMBER = struct.Struct("=IBB2x")  # struct nexthop_grp: id, weight less 1, its high byte
_U32 = struct.Struct("=I")
_REFERS = struct.pack("=HH", 8, RTA_NH_ID)


def read(kernel: Socket) -> Kept:
    """The objects of a namespace that are deleted with links or addresses, or when ports leave."""
    names = read_names(kernel)
    found = addresses.read(kernel, Scope(addresses=True), {}, names)
    known = [
        route
        for route in flattened(routes.read(kernel, Scope(protocols={0}), {}, names))
        if route.devices and route.protocol not in (RTPROT_KERNEL, RTPROT_REDIRECT)
    ]
    ports, stations = bridged.read(kernel)
    return Kept(
        frozenset(names.values()),
        {key: item for key, item in found.items() if not _is_the_kernels(item)},
        {item.id: item for item in _read_nexthops(kernel, names)},
        {(item.dev, item.dst, item.flags): item for item in _read_entries(kernel, names)},
        {route[:-1]: route for route in known},
        {(port.dev, port.controller): port for port in ports},
        {station.key: station for station in stations},
        {member[:-1]: member for member in members.read(kernel, names)},
        {route[:-1]: number for route in known for number in _nexthop_of(route.raw or b"")},
    )


def _nexthop_of(raw: bytes) -> Iterator[int]:
    """The nexthop object that a route refers to, if it does."""
    if _REFERS in raw:  # few do, and to look at all attributes takes a hundred times as long
        found = attributes(raw, routes.RTMSG.size).get(RTA_NH_ID)
        if found:
            yield _U32.unpack(found)[0]


def _is_the_kernels(address: Address) -> bool:
    """Whether the kernel makes an address itself: loopback, and the link-local one that it derives (RFC 4291)."""
    if address[:2] in addresses.LOOPBACK:
        return True
    if not address.address.startswith("fe80:") or address.state is None:
        return False
    protocol = attributes(address.state.message, 8).get(IFA_PROTO)
    return protocol == bytes([IFAPROT_KERNEL_LL]) or to_bytes(address.address.partition("/")[0])[11:13] == b"\xff\xfe"


def _read_nexthops(kernel: Socket, names: Mapping[int, str]) -> Iterator[Nexthop]:
    try:
        messages = kernel.dump(RTM_GETNEXTHOP, bytes(_NHMSG.size))
    except KernelError as error:
        if error.code == errno.EOPNOTSUPP:  # before Linux 5.3
            return
        raise
    for message in messages:
        family, _scope, protocol, flags = _NHMSG.unpack_from(message, 16)
        found = {kind: data for kind, data in attributes(message, 24).items() if kind in NHA_SETTABLE}
        if NHA_RES_GROUP in found:
            options = attributes(found[NHA_RES_GROUP], 0)
            options.pop(NHA_RES_GROUP_UNBALANCED_TIME, None)
            found[NHA_RES_GROUP] = packed(options)
        dev = names.get(_U32.unpack(found[NHA_OIF])[0]) if NHA_OIF in found else None
        group = [*_MEMBER.iter_unpack(found.get(NHA_GROUP, b""))]
        members, weights = tuple(one[0] for one in group), tuple(low + (high << 8) + 1 for _number, low, high in group)
        raw = _NHMSG.pack(family, 0, protocol, flags & RTNH_F_ONLINK) + packed(found)
        yield Nexthop(_U32.unpack(found[NHA_ID])[0], dev, members, raw, weights)


def _read_entries(kernel: Socket, names: Mapping[int, str]) -> Iterator[Entry]:
    """The neighbours that somebody has entered: permanent ones, those of control planes, and proxy entries."""
    for proxy in (0, NTF_PROXY):
        for message in kernel.dump(RTM_GETNEIGH, NDMSG.pack(0, 0, 0, proxy, 0)):
            family, index, state, flags, kind = NDMSG.unpack_from(message, 16)
            found = {number: data for number, data in attributes(message, 28).items() if number in NDA_SETTABLE}
            entered = state & NUD_PERMANENT or flags & (NTF_EXT_LEARNED | NTF_PROXY) or NDA_FLAGS_EXT in found
            if index not in names or not entered or NDA_DST not in found:
                continue
            raw = NDMSG.pack(family, index, state, flags, kind) + packed(found)
            yield _entry(names[index], state, flags, found, raw)


def _entry(dev: str, state: int, flags: int, found: Mapping[int, bytes], raw: bytes) -> Entry:
    proxy, lladdr = flags & NTF_PROXY, found.get(NDA_LLADDR, b"").hex(":")
    marks = "" if proxy else neighbours.words_of(state, flags, found.get(NDA_FLAGS_EXT, b""))
    protocol = int.from_bytes(found.get(NDA_PROTOCOL, b""), sys.byteorder)
    item = Neighbour(dev, to_text(found[NDA_DST]), lladdr, marks, bool(flags & NTF_ROUTER), protocol)
    words = f"{'proxy' if proxy else ''}{item.words()}".strip()
    return Entry(dev, item.dst, proxy, not proxy and not item.is_foreign, words, raw)


def wait(kernel: Socket, items: Sequence[Any]) -> None:
    """Wait until the kernel takes routes with these source addresses."""
    route_requests.wait(kernel, [item for item in items if isinstance(item, Route)])


def restore(kernel: Socket, indexes: Mapping[str, int], item: Any) -> list[Request]:
    """The requests that make an object again. They do not change an object that exists.

    :param indexes: of the interfaces now, which may have been made again.
    """
    if isinstance(item, Port):
        return bridged.restore_port(indexes[item.dev], item)
    request = _request(indexes, item)
    if isinstance(item, Route) and item.src and ":" in item.dst:
        # With its source address, an IPv6 route only lost its src, and is in the way (net/ipv6/route.c:
        # rt6_remove_prefsrc).
        return [Request(RTM_DELROUTE, 0, request.payload), request]
    return [request]


def _request(indexes: Mapping[str, int], item: Any) -> Request:
    if isinstance(item, Station):
        return bridged.restore_station(indexes, item)
    if isinstance(item, Member):
        return members.restore(indexes, item)
    if isinstance(item, Address):
        (request,) = address_requests.put(indexes, [item])
        return request._replace(flags=NLM_F_CREATE | NLM_F_EXCL)
    if isinstance(item, Nexthop):
        found = attributes(item.raw, _NHMSG.size)
        if item.dev:
            found[NHA_OIF] = _U32.pack(indexes[item.dev])
        if NHA_RES_GROUP in found:
            found[NHA_RES_GROUP | NLA_F_NESTED] = found.pop(NHA_RES_GROUP)
        return Request(RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE, item.raw[: _NHMSG.size] + packed(found))
    if isinstance(item, Entry):
        family, _index, *rest = NDMSG.unpack_from(item.raw)
        payload = NDMSG.pack(family, indexes[item.dev], *rest) + item.raw[NDMSG.size :]
        return Request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, payload)  # the kernel may have learned another
    request = route_requests.restore(item.raw)
    size = routes.RTMSG.size
    found = reindexed(attributes(request.payload, size), [indexes[hop.dev] for hop in item.hops])
    return request._replace(payload=request.payload[:size] + packed(found))
