# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared pieces of a topology, as drivers fill them in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Interface, Pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Link, Own, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Address


def cabled(pod: Pod, own: Sequence[Own], mtu_of: str) -> Interface:
    """A pod's end of a veth pair, with a MAC address that its host knows before the pair exists.

    :param mtu_of: the host's link whose MTU it has.
    """
    # Without the prefix length, it stays the same if the driver changes between bridge and ptp.
    mac = values.derived_mac(str(own[0].address.ip))
    return replace(interface(pod, own, mtu_of), mac_address=mac)


def interface(pod: Pod, own: Sequence[Own], mtu_of: str | None = None) -> Interface:
    """A pod's interface. It replaces another driver's of the same name.

    :param mtu_of: the host's link whose MTU it has; None: that of the link below.
    """
    addresses = [str(address) for address, _gateway in own]
    return Interface(pod.name, pod.interface, addresses, "auto", recreate=True, mtu_of=mtu_of)


def bridge(name: str, gateways: Sequence[str], mtu_of: str) -> Link:
    """A bridge that has the gateways' addresses.

    :param gateways: in CIDR notation.
    :param mtu_of: the host's link whose MTU it has.
    """
    # Without a spanning tree, a new port has nothing to wait for.
    return pieces.bridge(name, gateways, mtu="auto", mtu_of=mtu_of, stp=False, forward_delay=0)


def bridged(pod: Pod, own: Sequence[Own], controller: str, mtu_of: str, routed: Iterable[Address] = ()) -> Pieces:
    """A veth pair from a pod to a bridge.

    :param mtu_of: the host's link whose MTU it has.
    :param routed: addresses of the same subnets that are not on the bridge.
    """
    beside = [
        pieces.route(f"{other}/{other.max_prefixlen}", pod.interface, gateway)
        for other in routed
        for address, gateway in own
        if address.version == other.version
    ]
    routes = [*defaults(own, pod.interface), *beside]
    return pieces.on_bridge(cabled(pod, own, mtu_of), pod.host_interface, controller, routes)


def defaults(own: Iterable[Own], dev: str) -> list[dict[str, Any]]:
    """A pod's default routes, through its gateways."""
    return [pieces.route("default", dev, gateway, src=str(address.ip)) for address, gateway in own if gateway]
