# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role pods' document: the topology of a host's pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces, put_together
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Network, Place, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import addresses, pods
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay


@dataclass(frozen=True)
class HostPods:
    """The pods of a host.

    :ivar namespaces: as weft.fabric.topology takes them.
    :ivar running: the names of the pods that have a server of their own.
    :ivar cni: the pods' interfaces in CNI networks, as weft.fabric.cni takes them.
    """

    namespaces: Pieces
    running: list[str]
    cni: list[dict[str, Any]]


def plan(
    given: object, overlays: Mapping[str, Overlay], host: str, mtu: object, network: object = drivers.DEFAULT
) -> HostPods:
    """Plan a host's pods, and what connects them.

    :param given: ``pods_pods``.
    :param mtu: that of the underlay's interface, in bytes. Bridges and pods have what their overlay leaves of it.
    :param network: ``pods_network``.
    :raises InvalidParameter: for the first fault.
    """
    default = drivers.network("pods_network", network)
    there = pods.parse(given, overlays, default)
    underlay = values.integer("mtu", mtu, values.IPV4_MTU, values.LARGEST_MTU, "bytes")
    pods.refuse_removed_overlays(there)
    fabric = Fabric(overlays, {}, {})
    place = Place(host, fabric.nodes, underlay, tuple(cidr for overlay in fabric.present for cidr in overlay.cidrs))
    parts = [part for group in addresses.groups(there, default, place, fabric.present) for part in _pieces(*group)]
    return HostPods(
        namespaces=put_together([{"": {"links": []}}, *parts]),
        running=[pod.name for pod in there if not pod.network.driver.joins(pod.network)],
        cni=[item for _pod, item in pods.attachments(there)],
    )


def _pieces(inside: Sequence[Pod], networks: Sequence[Network], place: Place) -> Iterator[Pieces]:
    own = addresses.placed(inside, networks, place)
    routed = [item.address.ip for pod in inside if pod.network.driver.routed for item in own[pod.name]]
    place = replace(place, routed=tuple(routed))
    for item in networks:
        yield item.driver.shared(item, place)
    for pod in inside:
        yield pod.network.driver.connect(pod.network, pod, own[pod.name], place)
