# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw sockets for ICMP echo, and the kernel's answers about a target: its source address, and errors of sending."""

from __future__ import annotations

import errno
import socket
import struct
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.probe import icmp
from ansible_collections.weft.fabric.plugins.module_utils.probe.targets import Target

_RECEIVE_BUFFER = 8 << 20  # bytes: a reply that finds no room would count as loss on the path
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h
SO_TIMESTAMPNS = 35
_SOL_RAW = 255  # linux/socket.h
_ICMP_FILTER = 1  # linux/icmp.h
_ICMPV6_FILTER = 1  # linux/icmpv6.h
_PMTUDISC_PROBE = 3  # linux/in.h: set DF, and ignore the path MTU that the kernel has recorded
_DISCARD = 9  # a port (RFC 863)


class Options(NamedTuple):
    """A family's socket options (linux/in.h, linux/in6.h)."""

    level: int
    protocol: int
    mtu_discover: int
    recverr: int
    recvttl: int
    ttl: int


OPTIONS: dict[int, Options] = {
    socket.AF_INET: Options(socket.IPPROTO_IP, socket.IPPROTO_ICMP, 10, 11, 12, 2),
    socket.AF_INET6: Options(socket.IPPROTO_IPV6, socket.IPPROTO_ICMPV6, 23, 25, 51, 52),
}


def open_raw(family: int) -> socket.socket:
    """A raw socket that receives echo replies, in the network namespace of this thread.

    :raises FabricError: raw sockets are not allowed.
    """
    options = OPTIONS[family]
    try:
        raw = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, options.protocol)
        raw.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError as error:
        raise FabricError("ICMP echo requests need root (CAP_NET_RAW, CAP_NET_ADMIN): set 'become: true'") from error
    raw.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    for option, value in ((options.mtu_discover, _PMTUDISC_PROBE), (options.recverr, 1), (options.recvttl, 1)):
        raw.setsockopt(options.level, option, value)
    # Both filters have a bit for each type that is not received: all types but echo replies.
    reply = icmp.REPLY[family]
    if family == socket.AF_INET:
        raw.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << reply) & 0xFFFFFFFF))
    else:
        words = [0xFFFFFFFF & ~(1 << reply % 32) if word == reply // 32 else 0xFFFFFFFF for word in range(8)]
        raw.setsockopt(options.protocol, _ICMPV6_FILTER, struct.pack("=8I", *words))
    return raw


def source_of(target: Target) -> str:
    """The local address that the kernel chooses for a target.

    :raises OSError: there is no route.
    """
    # Connecting a UDP socket looks up the route, and sends nothing.
    with socket.socket(target.family, socket.SOCK_DGRAM) as unsent:
        unsent.connect((target.address, _DISCARD))
        return str(unsent.getsockname()[0])


def send_error(error: OSError, target: Target) -> str:
    """Why the kernel does not send."""
    if error.errno != errno.ENOBUFS:
        return str(error.strerror)
    # Usually the table is full (net/core/neighbour.c: neigh_alloc). A full queue of the device is the other reason.
    version = "ipv6" if target.family == socket.AF_INET6 else "ipv4"
    return f"{error.strerror}: if its neighbour table is full, raise net.{version}.neigh.default.gc_thresh3"
