# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overlays, and what each of their nodes has of them.

Addresses and networks are text in canonical form, as documents list them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from ansible_collections.weft.fabric.plugins.module_utils import values

MODES = ("vxlan", "direct", "cross_subnet")
"""How nodes reach each other's pods: always through VXLAN, never, or only where they are on different segments."""

Entry = Mapping[str, Union[str, bool]]
"""A neighbour, an FDB entry or a route, as a document lists it."""


def vtep_mac(vni: int, name: str) -> str:
    """The MAC address of a node's VTEP."""
    return values.derived_mac(f"{vni}/{name}")


@dataclass(frozen=True)
class Share:
    """A node's share of one of an overlay's networks.

    :ivar cidr: the network.
    :ivar vtep: the VTEP's address, which is the subnet's own.
    :ivar subnet: the subnet of the node's pods.
    :ivar gateway: the gateway of these pods, which is the node.
    """

    cidr: str
    vtep: str
    vtep_cidr: str
    subnet: str
    gateway: str
    gateway_cidr: str


@dataclass(frozen=True)
class Entries:
    """The entries that lead from one node to another's pods."""

    fdb: tuple[Entry, ...]
    neighbours: tuple[Entry, ...]
    routes: tuple[Entry, ...]


@dataclass(frozen=True)
class Node:
    """A node of an overlay.

    :ivar underlay: its address in the underlay.
    :ivar dev: the interface that has this address. None: the inventory does not say.
    :ivar segment: the network of this address. None: everything goes through VXLAN.
    :ivar mac_address: the VTEP's.
    :ivar mtu_overhead: bytes that pods' packets lose of the underlay's MTU.
    """

    number: int
    underlay: str
    dev: str | None
    segment: str | None
    mac_address: str
    mtu_overhead: int
    networks: tuple[Share, ...]

    def peer(self, device: str) -> Entries:
        """The entries by which other nodes reach this one through VXLAN.

        :param device: their VXLAN interface.
        """
        mac = self.mac_address
        return Entries(
            fdb=({"dev": device, "lladdr": mac, "dst": self.underlay},),
            neighbours=tuple({"dev": device, "dst": share.vtep, "lladdr": mac} for share in self.networks),
            routes=tuple(
                {"dev": device, "dst": share.subnet, "via": share.vtep, "onlink": True} for share in self.networks
            ),
        )


@dataclass(frozen=True)
class Tunnel:
    """A VXLAN by which the nodes of an overlay receive, but do not send.

    :ivar device: the interface.
    """

    device: str
    vni: int
    port: int


@dataclass(frozen=True)
class Translation:
    """A network of the underlay whose packets a router may send on with an address of its own."""

    network: str
    address: str


@dataclass(frozen=True)
class Overlay:
    """An overlay.

    :ivar state: ``present``, or ``absent`` where it is to be removed. An absent one has neither networks nor nodes.
    :ivar device: its VXLAN interface.
    :ivar mode: one of MODES.
    :ivar bridge: the bridge of its pods.
    :ivar also_receive: further VXLANs, while traffic moves from one to another.
    :ivar nodes: by name, in the order of their numbers.
    :ivar translated: by node, how the packets of others may arrive there.
    """

    name: str
    state: str
    vni: int
    port: int
    device: str
    mode: str
    bridge: str
    also_receive: tuple[Tunnel, ...] = ()
    cidrs: tuple[str, ...] = ()
    nodes: dict[str, Node] = field(default_factory=dict)
    translated: dict[str, tuple[Translation, ...]] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        return self.state == "present"

    @property
    def tunnelled(self) -> bool:
        """Whether it has a VXLAN interface."""
        return self.mode != "direct"

    def senders(self, near: str, far: str) -> list[str]:
        """The addresses that a node's VXLAN packets have when they arrive at another node."""
        underlay = self.nodes[far].underlay
        address = ipaddress.ip_address(underlay)
        routers = [one.address for one in self.translated.get(near, ()) if address in ipaddress.ip_network(one.network)]
        return list(dict.fromkeys([underlay, *routers]))

    def entries(self, near: str, far: str) -> Entries:
        """The entries that a node needs to reach another's pods.

        Nodes of one segment route to each other, in the address family that they have there.
        """
        one, other = self.nodes[near], self.nodes[far]
        direct = [
            share.subnet
            for share in other.networks
            if one.segment is not None
            and one.segment == other.segment
            and values.family(share.subnet) == values.family(other.underlay)
        ]
        peer = other.peer(self.device)
        routes = [{"dst": subnet, "via": other.underlay, "dev": str(one.dev)} for subnet in direct]
        tunnelled = [route for route in peer.routes if route["dst"] not in direct]
        gateways = [route["via"] for route in tunnelled]
        return Entries(
            fdb=peer.fdb if tunnelled else (),
            neighbours=tuple(entry for entry in peer.neighbours if entry["dst"] in gateways),
            routes=(*routes, *tunnelled),
        )
