# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role pods' document: the topology of a host's pods, and what is removed of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces, put_together
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Link, Network, Place, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import addresses, pods
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay


@dataclass(frozen=True)
class Attachments:
    """The pods' interfaces in CNI networks, as weft.fabric.cni takes them."""

    present: list[dict[str, Any]] = field(default_factory=list)
    absent: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class HostPods:
    """The pods of a host.

    :ivar present: ``namespaces`` of weft.fabric.topology to make, and absent those to remove.
    :ivar running: the names of the pods that have a server of their own.
    :ivar gone: the names of the pods to remove.
    """

    present: Pieces
    absent: Pieces
    running: list[str]
    gone: list[str]
    cni: Attachments


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
    known = pods.parse(given, overlays, default)
    there = [pod for pod in known if pod.present]
    gone = [pod for pod in known if not pod.present]
    underlay = values.integer("mtu", mtu, values.IPV4_MTU, values.LARGEST_MTU, "bytes")
    pods.refuse_removed_overlays(there)
    fabric = Fabric(overlays, {}, {})
    place = Place(host, fabric.nodes, underlay, tuple(cidr for overlay in fabric.present for cidr in overlay.cidrs))
    parts = [part for group in addresses.groups(there, default, place, fabric.present) for part in _pieces(*group)]
    ending = [overlay for overlay in overlays.values() if not overlay.present]
    return HostPods(
        present=put_together([{"": {"links": []}}, *parts]),
        absent=_absent(gone, _shared(known, default, ending)),
        running=[pod.name for pod in there if not pod.network.driver.joins(pod.network)],
        gone=[pod.name for pod in gone],
        cni=_attachments(known),
    )


def removal(given: object, overlays: Mapping[str, Overlay], network: object = drivers.DEFAULT) -> HostPods:
    """Plan to remove all pods and what connects them. No node has to be known.

    :param given: ``pods_pods``.
    :param overlays: of which the bridges are used.
    :param network: ``pods_network``.
    :raises InvalidParameter: for the first fault.
    """
    default = drivers.network("pods_network", network)
    gone = [replace(pod, present=False) for pod in pods.parse(given, overlays, default)]
    links = [*_shared(gone, default, overlays.values()), *_beside(gone, default)]
    return HostPods({}, _absent(gone, links), [], [pod.name for pod in gone], _attachments(gone))


def _pieces(inside: Sequence[Pod], networks: Sequence[Network], place: Place) -> Iterator[Pieces]:
    own = addresses.placed(inside, networks, place)
    routed = [item.address.ip for pod in inside if pod.network.driver.routed for item in own[pod.name]]
    place = replace(place, routed=tuple(routed))
    for item in networks:
        yield item.driver.shared(item, place)
    for pod in inside:
        yield pod.network.driver.connect(pod.network, pod, own[pod.name], place)


def _absent(gone: Iterable[Pod], shared: Iterable[Link]) -> Pieces:
    gone = list(gone)
    links = [{"name": pod.host_interface, "kind": "veth"} for pod in gone if pod.network.driver.cabled]
    return {"": {"links": [*links, *shared]}, **{pod.name: {} for pod in gone}}


def _shared(known: Sequence[Pod], default: Network | None, overlays: Iterable[Overlay]) -> list[Link]:
    """What pods of these overlays have in common on the host."""
    links = {}
    for overlay in overlays:
        for item in addresses.networks([pod for pod in known if pod.overlay is overlay], default):
            if item.driver.in_overlay:
                links.update({link["name"]: link for link in item.driver.removal(item, overlay)})
    return list(links.values())


def _beside(known: Sequence[Pod], default: Network | None) -> list[Link]:
    """What pods in no overlay have in common on the host."""
    networks = [item for item in addresses.networks(known, default) if not item.driver.in_overlay]
    return list({link["name"]: link for item in networks for link in item.driver.removal(item, None)}.values())


def _attachments(known: Iterable[Pod]) -> Attachments:
    found = Attachments()
    for pod, item in pods.attachments(known):
        (found.present if pod.present else found.absent).append(item)
    return found
