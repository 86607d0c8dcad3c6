# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What macvlan and ipvlan have in common: pods that sit on an interface of their host, and so on its segment."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import _pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import (
    End,
    Network,
    Own,
    Place,
    Pod,
    listed,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.model import subnet as model
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Address, Subnet

NEEDS = ("parent", "subnet")
TAKES = ("mode", "gateway")
POD = ("address", "interface")

Subnets = tuple[tuple[model.Network, Optional[Address]], ...]


@dataclass(frozen=True)
class Segment(Network):
    """Pods on an interface of their host.

    :ivar parent: the interface.
    :ivar networks: of the pods' addresses, each with its gateway, if it has one.
    :ivar siblings: whether pods on one interface reach each other. None: the switch decides.
    :ivar routed: whether the host routes to the pods, so that others on the segment need a route to them.
    """

    parent: str
    mode: str
    networks: Subnets
    siblings: bool | None = True
    routed: bool = False


def networks(where: str, given: Mapping[str, Any]) -> Subnets:
    """The networks of ``subnet``, each with its ``gateway``.

    :raises InvalidParameter: for the first fault.
    """
    found: dict[int, model.Network] = {}
    for _where, item in listed(f"{where}.subnet", given["subnet"]):
        network = ipaddress.ip_network(values.network(f"{where}.subnet", item))
        if network.version in found:
            raise InvalidParameter(f"{where}.subnet", item, "give one in IPv4 and one in IPv6 at most")
        found[network.version] = network
    if not found:
        raise InvalidParameter(f"{where}.subnet", given["subnet"], "give at least one network")
    gateways: dict[model.Network, Address] = {}
    if given.get("gateway") is None:
        return tuple((network, None) for network in found.values())
    for _where, item in listed(f"{where}.gateway", given["gateway"]):
        gateway = ipaddress.ip_address(values.unicast(f"{where}.gateway", item))
        home = found.get(gateway.version)
        if home is None or gateway not in home:
            told = " and ".join(map(str, found.values()))
            raise InvalidParameter(f"{where}.gateway", item, f"it is not in the subnet {told}")
        gateways[home] = gateway
    return tuple((network, gateways.get(network)) for network in found.values())


def subnets(network: Segment, place: Place) -> list[Subnet]:
    """The networks of the pods, without the addresses of nodes and gateways.

    :raises InvalidParameter: one overlaps an overlay, or is the host's own where the host routes.
    """
    host = ipaddress.ip_address(place.node.underlay)
    found = []
    for subnet, gateway in network.networks:
        for cidr in map(ipaddress.ip_network, place.cidrs):
            if cidr.version == subnet.version and cidr.overlaps(subnet):
                remedy = f"an overlay has {cidr}: keep the two apart"
                raise InvalidParameter(f"{network.where}.subnet", str(subnet), remedy)
        if network.routed and host in subnet:
            name, mode = network.driver.name, network.mode
            remedy = f"an {name} in mode {mode} is on another network than its host, which has {host}: give another"
            raise InvalidParameter(f"{network.where}.subnet", str(subnet), remedy)
        taken = {ipaddress.ip_address(node.underlay): f"node {name}" for name, node in place.nodes.items()}
        if gateway:
            taken[gateway] = "the gateway"
        inside = {address: name for address, name in taken.items() if address in subnet}
        found.append(Subnet(subnet, gateway, inside))
    return found


def routes(pod: Pod, own: Sequence[Own], network: Segment) -> list[dict[str, Any]]:
    """A pod's default routes."""
    if network.routed:
        return [
            pieces.route(values.EVERYTHING[address.version], pod.interface, src=str(address.ip))
            for address, _none in own
        ]
    return _pieces.defaults(own, pod.interface)


def reaches(one: End, other: End) -> bool | None:
    """Whether an end reaches another, where at least one is a pod on a segment; None: that depends on others."""
    segments = [end.network for end in (one, other) if isinstance(end.network, Segment)]
    if len(segments) < sum(end.network is not None for end in (one, other)):
        return None
    here = one.host == other.host
    if here and len(segments) == 2 and segments[0].parent == segments[1].parent:
        return segments[0].siblings
    if not _share_a_network(one, other, segments) or any(segment.routed for segment in segments):
        return None
    if not here:
        return True
    node = other if one.network else one
    # A child's frames leave through its parent, and never go up to the host (macvlan.c: macvlan_queue_xmit).
    return False if node.network is None and segments[0].parent == node.dev else None


def _share_a_network(one: End, other: End, segments: Sequence[Segment]) -> bool:
    return any(
        all(any(ipaddress.ip_address(address) in network for address in end.addresses) for end in (one, other))
        for segment in segments
        for network, _gateway in segment.networks
    )


def across_hosts(one: End, other: End) -> bool:
    """Whether two pods on segments reach each other across hosts."""
    return one.host != other.host and bool(reaches(one, other))
