# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver fan: pods in a subnet computed from their host's underlay address, with IP in IP between the hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import _pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import (
    Driver,
    End,
    Link,
    Network,
    Own,
    Place,
    Pod,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Subnet

_BRIDGE, _TUNNEL = "fanbr0", "fan0"


@dataclass(frozen=True)
class Fan(Network):
    """A fan: a network of hosts, and the network that their subnets are in."""

    underlay: ipaddress.IPv4Network
    overlay: ipaddress.IPv4Network

    @property
    def prefix(self) -> int:
        """The prefix length of a host's subnet."""
        return self.overlay.prefixlen + 32 - self.underlay.prefixlen


def subnet(name: str, address: str, fan: Fan) -> ipaddress.IPv4Network:
    """The subnet of a host, computed from its underlay address: 10.1.138.0/24 of 192.168.1.138 in 192.168.0.0/16.

    :raises InvalidParameter: the address is not in the fan's underlay.
    """
    host = ipaddress.ip_address(address)
    if host not in fan.underlay:
        remedy = f"node {name} has {address}: give the network of all nodes' addresses"
        raise InvalidParameter(f"{fan.where}.underlay", str(fan.underlay), remedy)
    number = int(host) - int(fan.underlay.network_address)
    return ipaddress.IPv4Network((int(fan.overlay.network_address) + (number << (32 - fan.prefix)), fan.prefix))


def _parse(driver: Driver, where: str, given: Mapping[str, Any]) -> Fan:
    underlay, overlay = (_network(f"{where}.{key}", given[key]) for key in ("underlay", "overlay"))
    fan = Fan(driver, where, underlay, overlay)
    if underlay.overlaps(overlay):
        raise InvalidParameter(f"{where}.overlay", given["overlay"], f"it overlaps {underlay}: keep the two apart")
    if fan.prefix > 30:
        remedy = f"a host of {underlay} gets a /{fan.prefix}: give a wider network"
        raise InvalidParameter(f"{where}.overlay", given["overlay"], remedy)
    return fan


def _network(where: str, given: object) -> ipaddress.IPv4Network:
    network = ipaddress.ip_network(values.network(where, given))
    if not isinstance(network, ipaddress.IPv4Network):
        raise InvalidParameter(where, given, "an ipip tunnel carries IPv4 over IPv4")
    return network


def _subnets(fan: Fan, place: Place) -> list[Subnet]:
    for cidr in map(ipaddress.ip_network, place.cidrs):
        if cidr.version == 4 and cidr.overlaps(fan.overlay):
            remedy = f"an overlay has {cidr}: keep the two apart"
            raise InvalidParameter(f"{fan.where}.overlay", str(fan.overlay), remedy)
    own = subnet(place.host, place.node.underlay, fan)
    return [Subnet(own, own[1], {own[1]: "the bridge"})]


def _shared(fan: Fan, place: Place) -> Pieces:
    """The bridge and the tunnel, and the routes to the other hosts' subnets."""
    subnets = {name: subnet(name, node.underlay, fan) for name, node in place.nodes.items()}
    own = subnets.pop(place.host)
    routes = [
        {
            "dst": str(other),
            # A tunnel without a remote end sends to the route's gateway (net/ipv4/ip_tunnel.c: ip_tunnel_xmit).
            "via": place.nodes[name].underlay,
            "dev": _TUNNEL,
            "onlink": True,
            "src": str(own[1]),
        }
        for name, other in subnets.items()
    ]
    mtu = {"mtu": "auto", "mtu_of": str(place.node.dev)}
    tunnel = {"name": _TUNNEL, "kind": "ipip", "local": place.node.underlay, **mtu}
    bridge = _pieces.bridge(_BRIDGE, [f"{own[1]}/{own.prefixlen}"], _TUNNEL)
    return {"": {"links": [bridge, tunnel], "routes": routes}}


def _connect(_fan: Fan, pod: Pod, own: Sequence[Own], _place: Place) -> Pieces:
    return _pieces.bridged(pod, own, _BRIDGE, _TUNNEL)


def _removal(_fan: Fan, _overlay: Overlay | None) -> list[Link]:
    return [{"name": _BRIDGE, "kind": "bridge"}, {"name": _TUNNEL, "kind": "ipip"}]


def _reached(other: End, one: End) -> bool | None:
    """By the pods of the fan, and by the pod's own host."""
    return True if one.network == other.network or (one.network is None and one.host == other.host) else None


DRIVER = Driver(
    "fan",
    needs=("underlay", "overlay"),
    pod=("address", "interface", "host_interface"),
    kind="ipip",
    parse=_parse,
    subnets=_subnets,
    shared=_shared,
    connect=_connect,
    removal=_removal,
    reached=_reached,
    compared=lambda one, other: one.host != other.host and bool(_reached(other, one)),
)
