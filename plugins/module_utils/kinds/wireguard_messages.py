# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard's family of generic netlink: devices and peers to messages and back (include/uapi/linux/wireguard.h)."""

from __future__ import annotations

import base64
import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Access, Attributes
from ansible_collections.weft.fabric.plugins.module_utils.kinds.wireguard_peers import (
    NEW,
    Peer,
    Peers,
    PublicKey,
    Secret,
    join_endpoint,
)

FAMILY = "wireguard"
GET_DEVICE, SET_DEVICE = 0, 1
IFNAME, PRIVATE_KEY, PUBLIC_KEY, LISTEN_PORT, FWMARK, PEERS = 2, 3, 4, 6, 7, 8  # WGDEVICE_A_...
# WGPEER_A_...
PEER_PUBLIC_KEY, PEER_PRESHARED_KEY, PEER_FLAGS, PEER_ENDPOINT, PEER_KEEPALIVE, PEER_ALLOWED_IPS = 1, 2, 3, 4, 5, 9
REMOVE_ME, REPLACE_ALLOWED_IPS = 1, 2  # WGPEER_F_...
IP_FAMILY, IP_ADDRESS, IP_PREFIX = 1, 2, 3  # WGALLOWEDIP_A_...
NESTED, TYPE = 0x8000, 0x3FFF
LARGEST = 32768  # bytes of peers in one message; an attribute has 65535 at most
ADDRESSES = 500  # allowed addresses of a peer in one message, of 28 bytes each at most


def write(namespace: Access, name: str, known: Attributes, wanted: Attributes) -> None:
    """Set keys, port, mark and peers. Only peers that differ are sent: the others keep their sessions.

    :raises OSError: the kernel refused.
    """
    namespace.tell(FAMILY, SET_DEVICE, encode(name, known, wanted))


def read(namespace: Access, name: str) -> dict[str, Any]:
    """Options by name, without the private key; nothing where that is not allowed.

    :raises KernelError: the kernel refused otherwise.
    """
    try:
        return decode(namespace.ask(FAMILY, GET_DEVICE, _attribute(IFNAME, name.encode() + b"\0")))
    except KernelError as error:
        if error.code == errno.EPERM:
            return {}
        raise


def encode(name: str, known: Attributes, wanted: Attributes) -> Iterator[bytes]:
    """The bodies of requests that change a device."""
    label = _attribute(IFNAME, name.encode() + b"\0")
    device = b""
    own = wanted.get("public_key")
    if isinstance(own, PublicKey):
        device += _attribute(PRIVATE_KEY, own.private.octets)
    if wanted.get("listen_port") is not None:
        device += _attribute(LISTEN_PORT, struct.pack("=H", wanted["listen_port"]))
    if wanted.get("fwmark") is not None:
        device += _attribute(FWMARK, struct.pack("=I", wanted["fwmark"]))
    if device:
        yield label + device
    peers = b""
    for peer in _changes(known.get("peers") or {}, wanted["peers"]) if "peers" in wanted else ():
        if len(peers) + len(peer) > LARGEST:
            yield label + _attribute(PEERS | NESTED, peers)
            peers = b""
        peers += peer
    if peers:
        yield label + _attribute(PEERS | NESTED, peers)


def _changes(known: Mapping[str, Peer], wanted: Mapping[str, Peer]) -> Iterator[bytes]:
    """An attribute for each peer that differs; one with many allowed addresses has several."""
    for name in known:
        if name not in wanted:
            yield _nest(0, [_public(name), (PEER_FLAGS, struct.pack("=I", REMOVE_ME))])
    for name, peer in wanted.items():
        was = known.get(name, NEW)
        if name in known and peer == was:
            continue
        parts = [_public(name)]
        if peer.preshared_key != was.preshared_key and isinstance(peer.preshared_key, Secret):
            parts.append((PEER_PRESHARED_KEY, peer.preshared_key.octets))
        if peer.endpoint and peer.endpoint != was.endpoint:
            parts.append((PEER_ENDPOINT, _sockaddr(peer.endpoint)))
        if peer.persistent_keepalive != was.persistent_keepalive:
            parts.append((PEER_KEEPALIVE, struct.pack("=H", peer.persistent_keepalive)))
        allowed = peer.allowed_ips or ()
        if allowed != was.allowed_ips:
            parts.append((PEER_FLAGS, struct.pack("=I", REPLACE_ALLOWED_IPS)))
            parts.append((PEER_ALLOWED_IPS | NESTED, _allowed(allowed[:ADDRESSES])))
        yield _nest(0, parts)
        for start in range(ADDRESSES, len(allowed) if allowed != was.allowed_ips else 0, ADDRESSES):
            more = _allowed(allowed[start : start + ADDRESSES])
            yield _nest(0, [_public(name), (PEER_ALLOWED_IPS | NESTED, more)])


def _public(name: str) -> tuple[int, bytes]:
    return PEER_PUBLIC_KEY, base64.b64decode(name)


def _allowed(subnets: Iterable[str]) -> bytes:
    found = b""
    for subnet in subnets:
        address, _slash, prefix = subnet.partition("/")
        family = values.family(address)
        parts = [
            (IP_FAMILY, struct.pack("=H", family)),
            (IP_ADDRESS, socket.inet_pton(family, address)),
            (IP_PREFIX, struct.pack("=B", int(prefix))),
        ]
        found += _nest(0, parts)
    return found


def _sockaddr(endpoint: str) -> bytes:
    """struct sockaddr_in, or sockaddr_in6."""
    head, _colon, port = endpoint.rpartition(":")
    address = head.strip("[]")
    family = values.family(address)
    start = struct.pack("=H", family) + struct.pack("!H", int(port))
    packed = socket.inet_pton(family, address)
    return start + packed + bytes(8) if family == socket.AF_INET else start + bytes(4) + packed + bytes(4)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _nest(kind: int, parts: Iterable[tuple[int, bytes]]) -> bytes:
    return _attribute(kind | NESTED, b"".join(_attribute(*part) for part in parts))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, data) of each attribute; those of a list all have the same type."""
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            return
        yield kind & TYPE, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def decode(messages: Iterable[bytes]) -> dict[str, Any]:
    """A device from the answers to GET_DEVICE. A peer whose addresses fill one is continued in the next."""
    found: dict[str, Any] = {"public_key": None}
    peers = found["peers"] = Peers()
    for message in messages:
        for kind, data in _attributes(message):
            if kind == PUBLIC_KEY:
                found["public_key"] = base64.b64encode(data).decode()
            elif kind == LISTEN_PORT:
                found["listen_port"] = struct.unpack("=H", data)[0] or None  # 0: the kernel has not chosen one yet
            elif kind == FWMARK:
                found["fwmark"] = struct.unpack("=I", data)[0]
            elif kind == PEERS:
                for _index, part in _attributes(data):
                    name, peer = _decode_peer(dict(_attributes(part)))
                    begun = peers.get(name, NEW).allowed_ips or ()
                    peers[name] = peers.get(name, peer)._replace(
                        allowed_ips=tuple(sorted((*begun, *(peer.allowed_ips or ()))))
                    )
    return found


def _decode_peer(parts: Mapping[int, bytes]) -> tuple[str, Peer]:
    endpoint = None
    data = parts.get(PEER_ENDPOINT)
    if data:
        family, port = struct.unpack_from("=H", data)[0], struct.unpack_from("!H", data, 2)[0]
        packed = data[4:8] if family == socket.AF_INET else data[8:24]
        endpoint = join_endpoint(socket.inet_ntop(family, packed), port)
    allowed = []
    for _index, part in _attributes(parts.get(PEER_ALLOWED_IPS, b"")):
        subnet = dict(_attributes(part))
        family = struct.unpack("=H", subnet[IP_FAMILY])[0]
        allowed.append(f"{socket.inet_ntop(family, subnet[IP_ADDRESS])}/{subnet[IP_PREFIX][0]}")
    keepalive = struct.unpack("=H", parts.get(PEER_KEEPALIVE, bytes(2)))[0]
    secret = Secret(parts.get(PEER_PRESHARED_KEY, bytes(32)))
    return base64.b64encode(parts[PEER_PUBLIC_KEY]).decode(), Peer(endpoint, secret, keepalive, tuple(sorted(allowed)))
