# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that make, change and delete addresses, packed with struct. Sources: as in addresses.py."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.weft.fabric.plugins.module_utils.kernel.addresses import IFADDRMSG, U32, read
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import SKIP_STATISTICS, read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import family, packed, to_bytes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFA_ADDRESS,
    IFA_CACHEINFO,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    IFA_F_SECONDARY,
    IFA_F_SETTABLE,
    IFA_FLAGS,
    IFA_LABEL,
    IFA_LOCAL,
    IFA_RT_PRIORITY,
    IFLA_AF_SPEC,
    IFLA_INET_CONF,
    IPV4_DEVCONF_PROMOTE_SECONDARIES,
    NLA_F_NESTED,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RT_SCOPE_HOST,
    RTM_DELADDR,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_SETLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV6_MTU

_CACHEINFO = struct.Struct("=4I")  # struct ifa_cacheinfo: preferred, valid (seconds), created, updated
_FOREVER = 2**32 - 1  # include/net/addrconf.h: INFINITY_LIFE_TIME
_FLAGS = {"noprefixroute": IFA_F_NOPREFIXROUTE, "nodad": IFA_F_NODAD}


def put(indexes: Mapping[str, int], items: Sequence[Address]) -> Iterator[Request]:
    """Add addresses, or change those that exist. An observed one is sent as it was, with what is left of its life."""
    for item in items:
        yield Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, _payload(indexes, item))


def delete(indexes: Mapping[str, int], items: Sequence[Address]) -> Iterator[Request]:
    """Delete addresses."""
    for item in items:
        prefix, own = _ends(item)
        yield Request(
            RTM_DELADDR, 0, IFADDRMSG.pack(family(own[IFA_LOCAL]), prefix, 0, 0, indexes[item.dev]) + packed(own)
        )


def around(
    kernel: Socket, indexes: Mapping[str, int], items: Sequence[Address]
) -> tuple[Sequence[Request], Sequence[Request]]:
    """What keeps other addresses, and routes, that the kernel would delete with these, or use no more."""
    before, after = _promoting(kernel, indexes, items)
    names, deleted = read_names(kernel), {item.key for item in items}
    left = [item for key, item in read(kernel, Scope(addresses=True), {}, names).items() if key not in deleted]
    bare, held = ({item.dev for item in found if ":" not in item.address} for found in (items, left))
    if bare <= held:
        return before, after
    # Imported only here: most deletions leave an interface another address.
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.revive import revive

    return before, [*after, *revive(kernel, names, bare - held, left)]


def _promoting(
    kernel: Socket, indexes: Mapping[str, int], items: Sequence[Address]
) -> tuple[Sequence[Request], Sequence[Request]]:
    """Let the second address of a subnet become the first when that is deleted, for the time of the deletion.

    By default the kernel deletes all addresses of an IPv4 subnet with the first (net/ipv4/devinet.c: __inet_del_ifa),
    and if they were the interface's last ones, all its IPv4 routes. Most distributions set the kernel parameter
    promote_secondaries. The requests belong into one send, so that nothing can come between them.
    """
    first = {indexes[item.dev] for item in items if item.state and not item.state.secondary and ":" not in item.address}
    if not first:
        return (), ()
    followed = set()
    for message in kernel.dump(RTM_GETADDR, IFADDRMSG.pack(socket.AF_INET, 0, 0, 0, 0)):
        index = IFADDRMSG.unpack_from(message, 16)[4]
        if U32.unpack(attributes(message, 24)[IFA_FLAGS])[0] & IFA_F_SECONDARY:
            followed.add(index)
    silent = [index for index in sorted(first & followed) if not _promotes(kernel, index)]
    return [_promote(index, 1) for index in silent], [_promote(index, 0) for index in silent]


def _promotes(kernel: Socket, index: int) -> bool:
    message = kernel.get(Request(RTM_GETLINK, 0, struct.pack("=4xi8x", index) + SKIP_STATISTICS))
    four = attributes(attributes(message, 32)[IFLA_AF_SPEC], 0)[socket.AF_INET]
    parameters = attributes(four, 0)[IFLA_INET_CONF]
    return bool(U32.unpack_from(parameters, 4 * (IPV4_DEVCONF_PROMOTE_SECONDARIES - 1))[0])


def _promote(index: int, value: int) -> Request:
    data = packed({IPV4_DEVCONF_PROMOTE_SECONDARIES: U32.pack(value)})
    for kind in (IFLA_INET_CONF, socket.AF_INET, IFLA_AF_SPEC):
        data = packed({kind | NLA_F_NESTED: data})
    return Request(RTM_SETLINK, 0, struct.pack("=4xi8x", index) + data)


def _ends(item: Address) -> tuple[int, dict[int, bytes]]:
    """(prefix length, attributes) of an address and its other end: the address itself, if it has none."""
    head, _slash, prefix = item.address.partition("/")
    return int(prefix), {IFA_LOCAL: to_bytes(head), IFA_ADDRESS: to_bytes(item.peer or head)}


def _payload(indexes: Mapping[str, int], item: Address) -> bytes:
    prefix, own = _ends(item)
    known = attributes(item.state.message, 8) if item.state else {}
    flags = U32.unpack(known.pop(IFA_FLAGS, bytes(4)))[0] & IFA_F_SETTABLE
    for name, bit in _FLAGS.items():
        wanted = getattr(item, name)
        if wanted is not None:
            flags = flags | bit if wanted else flags & ~bit
    lifetime = known.pop(IFA_CACHEINFO, b"")
    found = {**known, **own}
    if item.named is not None:
        found[IFA_LABEL] = item.named.encode() + b"\0"
    if item.metric is not None:
        found[IFA_RT_PRIORITY] = U32.pack(item.metric)
    if flags:
        found[IFA_FLAGS] = U32.pack(flags)
    if item.state and not item.state.lasting and lifetime:
        found[IFA_CACHEINFO] = _left(lifetime, item.state.seen)
    scope = item.scope
    if scope is None:
        scope = RT_SCOPE_HOST if item.address.startswith("127.") else 0  # as ip-address(8) does
    return IFADDRMSG.pack(family(own[IFA_LOCAL]), prefix, 0, scope, indexes[item.dev]) + packed(found)


def _left(lifetime: bytes, seen: float) -> bytes:
    """What is left of an address's life since the kernel reported it; a second at least, because 0 is refused."""
    passed = int(time.monotonic() - seen)
    preferred, valid, created, updated = _CACHEINFO.unpack(lifetime)
    valid = valid if valid == _FOREVER else max(1, valid - passed)
    preferred = preferred if preferred == _FOREVER else max(0, preferred - passed)
    return _CACHEINFO.pack(min(preferred, valid), valid, created, updated)


def remedy(item: Address, code: int) -> str:
    """How the user can mend a refusal; empty: nothing more is known than the error itself."""
    if ":" in item.address:
        if code == errno.EACCES:
            return (
                f"IPv6 is disabled on {item.dev}: set the kernel parameter net.ipv6.conf.{item.dev}.disable_ipv6 to 0"
            )
        if code == errno.EINVAL:
            return f"IPv6 needs an MTU of at least {IPV6_MTU} bytes: see 'ip link show {item.dev}'"
        if code == errno.EOPNOTSUPP:
            return "this kernel has no IPv6, or it was disabled at boot (ipv6.disable=1)"
    elif code == errno.EINVAL:
        return f"addresses of one subnet have one scope: see 'ip address show {item.dev}'"
    return ""
