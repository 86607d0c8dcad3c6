# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver ptp: a veth pair between a pod of an overlay and its node, with host addresses and routes at both ends."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import _overlay, _pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Driver, Network, Own, Place, Pod


def _connect(_network: Network, pod: Pod, own: Sequence[Own], place: Place) -> Pieces:
    dev, outside = pod.interface, pod.host_interface
    alone = [Own(ipaddress.ip_interface(address.ip), gateway) for address, gateway in own]
    gateways = [f"{gateway}/{address.max_prefixlen}" for address, gateway in alone]
    there = [pieces.route(gateway, dev) for gateway in gateways]
    back = [pieces.route(address, outside, src=gateway) for address, gateway in alone]
    inside = _pieces.cabled(pod, alone, _overlay.mtu_of(place))
    routes = [*there, *_pieces.defaults(own, dev)]
    return pieces.point_to_point(inside, outside, gateways, routes, back)


DRIVER = Driver(
    "ptp",
    pod=_overlay.POD,
    in_overlay=True,
    routed=True,
    subnets=_overlay.subnets,
    connect=_connect,
    compared=_overlay.on_one_host,
)
