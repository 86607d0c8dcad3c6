# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ICMP echo in both families as bytes (RFC 792, RFC 4443), and entries of a socket's error queue (ip(7)). Pure."""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import NamedTuple

IP_HEADER: dict[int, int] = {socket.AF_INET: 20, socket.AF_INET6: 40}  # bytes, without options
ICMP_HEADER = 8  # bytes

_REQUEST: dict[int, int] = {socket.AF_INET: 8, socket.AF_INET6: 128}
REPLY: dict[int, int] = {socket.AF_INET: 0, socket.AF_INET6: 129}

_ECHO = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # linux/errqueue.h: struct sock_extended_err

ORIGIN_LOCAL = 1  # linux/errqueue.h: SO_EE_ORIGIN_LOCAL

# (family, type, code): iana.org/assignments/icmp-parameters and icmpv6-parameters.
_TOO_BIG = ((socket.AF_INET, 3, 4), (socket.AF_INET6, 2, 0))
_UNRESOLVED = ((socket.AF_INET, 3, 1), (socket.AF_INET6, 1, 3))
_WORDS: dict[tuple[int, int, int], str] = {
    (socket.AF_INET, 3, 0): "network unreachable",
    (socket.AF_INET, 3, 1): "host unreachable",
    (socket.AF_INET, 3, 2): "protocol unreachable",
    (socket.AF_INET, 3, 3): "port unreachable",
    (socket.AF_INET, 3, 4): "fragmentation needed",
    (socket.AF_INET, 3, 9): "network administratively prohibited",
    (socket.AF_INET, 3, 10): "host administratively prohibited",
    (socket.AF_INET, 3, 13): "communication administratively prohibited",
    (socket.AF_INET, 11, 0): "time to live exceeded (a routing loop?)",
    (socket.AF_INET6, 1, 0): "no route to destination",
    (socket.AF_INET6, 1, 1): "communication administratively prohibited",
    (socket.AF_INET6, 1, 3): "address unreachable",
    (socket.AF_INET6, 1, 4): "port unreachable",
    (socket.AF_INET6, 1, 5): "source address failed policy",
    (socket.AF_INET6, 1, 6): "reject route to destination",
    (socket.AF_INET6, 2, 0): "packet too big",
    (socket.AF_INET6, 3, 0): "hop limit exceeded (a routing loop?)",
}


class Echo(NamedTuple):
    """An echo request or reply; identifier and sequence are 16 bits wide."""

    kind: int
    identifier: int
    sequence: int
    payload: bytes


class Error(NamedTuple):
    """An entry of the error queue.

    :param offender: the address that sent the ICMP message; empty: the error is this host's own.
    :param info: of "too big", the MTU in bytes that the sender reports; old routers report 0.
    """

    family: int
    origin: int
    kind: int
    code: int
    info: int
    offender: str

    @property
    def too_big(self) -> bool:
        """Whether the packet was larger than the MTU of a link."""
        return self.origin == ORIGIN_LOCAL or (self.family, self.kind, self.code) in _TOO_BIG

    def words(self, source: str) -> str:
        """The error in words that begin with the layer.

        :param source: our own address. An "unreachable" from there means that the neighbour did not resolve.
        """
        if self.offender == source and (self.family, self.kind, self.code) in _UNRESOLVED:
            protocol = "ARP" if self.family == socket.AF_INET else "neighbour discovery"
            return f"neighbour unresolved: no answer to {protocol} for the next hop"
        words = _WORDS.get((self.family, self.kind, self.code), f"ICMP type {self.kind} code {self.code}")
        return f"icmp: {words} from {self.offender}"


def checksum(data: bytes) -> int:
    """The internet checksum of data (RFC 1071); 0 for data that contain their checksum."""
    # The ones' complement sum of 16-bit words is the remainder of the whole number divided by 2**16 - 1. A remainder of
    # zero is written as 65535, unless all data are zero.
    number = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return 0xFFFF - (number % 0xFFFF or (0xFFFF if number else 0))


def encode_request(family: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request. The kernel fills in ICMPv6's checksum, which covers addresses (RFC 3542, section 3.1)."""
    head = _ECHO.pack(_REQUEST[family], 0, 0, identifier, sequence)
    if family == socket.AF_INET:
        head = _ECHO.pack(_REQUEST[family], 0, checksum(head + payload), identifier, sequence)
    return head + payload


def decode(data: bytes) -> Echo | None:
    """An ICMP message as an echo; None if it is too short to be one."""
    if len(data) < ICMP_HEADER:
        return None
    kind, _code, _checksum, identifier, sequence = _ECHO.unpack_from(data)
    return Echo(kind, identifier, sequence, data[ICMP_HEADER:])


def decode_received(family: int, data: bytes) -> Echo | None:
    """An echo reply from the data that a raw socket received; None: the data are something else, or damaged.

    For IPv4 the data include the IP header, and the kernel has not verified the checksum (raw(7)).
    """
    if family == socket.AF_INET:
        if not data:
            return None
        data = data[(data[0] & 0x0F) * 4 :]
        if checksum(data) != 0:
            return None
    echo = decode(data)
    return echo if echo and echo.kind == REPLY[family] else None


def decode_error(family: int, data: bytes) -> Error | None:
    """An error from the control message IP_RECVERR or IPV6_RECVERR; None if it is cut short."""
    if len(data) < _EXTENDED_ERROR.size:
        return None
    _errno, origin, kind, code, _pad, info, _data = _EXTENDED_ERROR.unpack_from(data)
    # struct sockaddr_in holds its address at 4, struct sockaddr_in6 at 8.
    start, size = (4, 4) if family == socket.AF_INET else (8, 16)
    address = data[_EXTENDED_ERROR.size + start :][:size]
    known = origin != ORIGIN_LOCAL and len(address) == size
    return Error(family, origin, kind, code, info, str(ipaddress.ip_address(address)) if known else "")
