# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drivers have in common whose pods are in an overlay."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import End, Network, Place
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Subnet

POD = ("address", "interface", "host_interface", "overlay")


def of(place: Place) -> tuple[Overlay, Node]:
    """The overlay of a place, and the host as a node of it."""
    overlay = place.overlay
    if overlay is None:
        raise ValueError("pods of these drivers are in an overlay")
    return overlay, replace(place, nodes=overlay.nodes).node


def subnets(_network: Network, place: Place) -> list[Subnet]:
    """The node's shares of the overlay's networks."""
    found = []
    for share in of(place)[1].networks:
        vtep, gateway = ipaddress.ip_address(share.vtep), ipaddress.ip_address(share.gateway)
        taken = {vtep: "the VTEP", gateway: "the bridge"}
        found.append(Subnet(ipaddress.ip_network(share.subnet), gateway, taken))
    return found


def mtu_of(place: Place) -> str:
    """The link whose MTU the overlay leaves its pods."""
    overlay, node = of(place)
    return overlay.device if overlay.tunnelled else str(node.dev)


def on_one_host(one: End, other: End) -> bool:
    """Whether two pods of one driver are connected without VXLAN."""
    return one.host == other.host
