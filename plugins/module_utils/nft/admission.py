# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission of VXLAN packets, as rules. Pure.

A packet to a port is admitted if a set has an element of its sender, port and VNI, and of the network that the packet
inside comes from. The fields behind the UDP header are read by their offsets, because nftables 1.0.6 knows no VXLAN:

    0 UDP, 8 VXLAN (RFC 7348: flags, reserved, VNI in bytes 12 to 14), 16 Ethernet, 30 IP

The input hook sees whole IPv4 datagrams. Of an IPv6 datagram in fragments, it sees the first one, which has all of
these fields, and the others, which mean nothing without the first.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import (
    FAMILY,
    PROTOCOL,
    Lookup,
    Network,
    collapsed,
    lookup,
)
from ansible_collections.weft.fabric.plugins.module_utils.nft.sets import Element, Field, Set

COUNTER = "dropped"

_rule = functools.partial(lookup, FAMILY, "input")

_PORT = Field("udp dport")
_VNI = Field("@th,96,24")
_ETHERTYPE = "@th,224,16"
_ETHERTYPES = {4: 0x0800, 6: 0x86DD}
_SOURCES = {4: 240 + 96, 6: 240 + 64}  # in bits; RFC 791, RFC 8200


class Admitted(NamedTuple):
    """What is admitted.

    :ivar sender: a peer, or a network of peers.
    :ivar source: where packets inside come from.
    """

    port: int
    vni: int
    sender: Network
    source: Network


class Admission(NamedTuple):
    """The ports whose packets are checked, and what is admitted there."""

    ports: frozenset[int]
    admitted: frozenset[Admitted]


def parse(where: str, given: Any) -> Admission:
    """Admission from overlays: ``{port, vni, peers: [{address, sources}]}``.

    :raises InvalidParameter: for the first parameter that is wrong.
    """
    ports, admitted = set(), set()
    for index, item in enumerate(values.items(where, given)):
        place = f"{where}[{index}]"
        overlay = values.mapping(place, item)
        values.known(f"{place}.", overlay, ("port", "vni", "peers"), "an overlay")
        port = values.port(f"{place}.port", overlay.get("port"))
        vni = values.vni(f"{place}.vni", overlay.get("vni"))
        ports.add(port)
        peers = values.items(f"{place}.peers", overlay.get("peers"))
        for number, peer in enumerate(peers):
            admitted |= {Admitted(port, vni, *one) for one in _peer(f"{place}.peers[{number}]", peer)}
    return Admission(frozenset(ports), frozenset(admitted))


def _peer(where: str, given: Any) -> list[tuple[Network, Network]]:
    peer = values.mapping(where, given)
    values.known(f"{where}.", peer, ("address", "sources"), "a peer")
    address = ipaddress.ip_network(values.network_or_address(f"{where}.address", peer.get("address")))
    sources = values.items(f"{where}.sources", peer.get("sources"))
    if not sources:
        raise InvalidParameter(f"{where}.sources", sources, "give the networks that this peer's packets come from")
    networks = (values.network_or_address(f"{where}.sources[{index}]", source) for index, source in enumerate(sources))
    merged = _merged(map(ipaddress.ip_network, networks))
    for source in merged:
        if source.prefixlen == 0:
            raise InvalidParameter(
                f"{where}.sources", str(source), "everything would be admitted; give networks of pods"
            )
    return [(address, source) for source in merged]


def _merged(networks: Iterable[Network]) -> list[Network]:
    """Networks of both families, merged where they overlap."""
    found = [*networks]
    return [
        one for version in PROTOCOL for one in collapsed(network for network in found if network.version == version)
    ]


def together(contents: Sequence[Admission]) -> Admission:
    """Everything that one of several contents admits."""
    return Admission(
        frozenset().union(*(one.ports for one in contents)), frozenset().union(*(one.admitted for one in contents))
    )


def rules(content: Admission) -> tuple[Lookup, ...]:
    """The rules of the table.

    Senders whose sources have the same prefix length share a set, so that a packet is looked up once for each length.
    """
    ports = Set("ports", (_PORT,), frozenset((port,) for port in content.ports), line=_port_line)
    groups: dict[tuple[int, bool, int, int], list[Admitted]] = {}
    for one in content.admitted:
        is_network = one.sender.prefixlen < one.sender.max_prefixlen
        group = (one.sender.version, is_network, one.source.version, one.source.prefixlen)
        groups.setdefault(group, []).append(one)
    return (
        _rule("meta l4proto != udp accept"),
        _rule(f"udp dport != @{ports.name} accept", [ports]),
        *(_accepting(group, groups[group]) for group in sorted(groups)),
        _rule(f"udp dport @{ports.name} counter name {COUNTER} drop", counters=[COUNTER]),
    )


def _accepting(group: tuple[int, bool, int, int], admitted: Iterable[Admitted]) -> Lookup:
    version, networks, inner, prefix = group
    source, shift = _source(inner, prefix)
    by_source: dict[tuple[int, int, int], list[Network]] = {}
    for one in admitted:
        by_source.setdefault((one.port, one.vni, int(one.source.network_address) >> shift), []).append(one.sender)
    # The kernel refuses networks that overlap.
    elements = [
        (sender, inside)
        for inside, senders in by_source.items()
        for sender in (collapsed(senders) if networks else senders)
    ]
    wanted = Set(
        f"{'networks' if networks else 'peers'}_{version}_{inner}_{prefix}",
        (Field(f"{PROTOCOL[version]} saddr"), _PORT, _VNI, source),
        frozenset((str(sender if networks else sender.network_address), *inside) for sender, inside in elements),
        networks,
        line=lambda element: _line(element, inner, prefix, shift),
    )
    return _rule(f"{_ETHERTYPE} {_ETHERTYPES[inner]:#x} {wanted.looked_up} accept", [wanted])


def _source(version: int, prefix: int) -> tuple[Field, int]:
    """The first bits of a packet's source, and how many further bits of an address they leave out."""
    # nftables reads whole bytes, and at least one.
    width = max(8, -(-prefix // 8) * 8)
    spare = width - prefix
    mask = (1 << width) - (1 << spare) if spare else 0
    length = ipaddress.ip_network("0.0.0.0/0" if version == 4 else "::/0").max_prefixlen
    return Field(f"@th,{_SOURCES[version]},{width}", mask), length - width


def _line(element: Element, version: int, prefix: int, shift: int) -> str:
    sender, port, vni, number = element
    base = int(number) << shift
    source = (ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network)((base, prefix), strict=False)
    return f"peer {sender} vni {vni} port {port} source {source}"


def _port_line(element: Element) -> str:
    return f"port {element[0]} of VXLANs"
