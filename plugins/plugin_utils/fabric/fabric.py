# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole fabric: overlays, and the pods of all hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import End, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import pods
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import STOP
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay


@dataclass(frozen=True)
class Fabric:
    """All overlays and pods of an inventory.

    :ivar overlays: by name.
    :ivar pods: by host, its ``pods_pods``.
    :ivar networks: by host, its ``pods_network``.
    """

    overlays: Mapping[str, Overlay]
    pods: Mapping[str, Any]
    networks: Mapping[str, Any]

    @property
    def present(self) -> list[Overlay]:
        """The overlays that are not to be removed."""
        return [overlay for overlay in self.overlays.values() if overlay.present]

    @property
    def nodes(self) -> dict[str, Node]:
        """All nodes, in the order of their numbers, as the first overlay has them: all overlays have the same nodes."""
        return next((overlay.nodes for overlay in self.present), {})

    def ends(self, host: str) -> list[End]:
        """A host's pods as ends of pairs. Pods whose addresses nobody knows are left out.

        :raises InvalidParameter: the first fault, which names the host.
        """
        faults = STOP.at(host)
        default = drivers.network("pods_network", self.networks.get(host, drivers.DEFAULT), faults)
        there = pods.parse(self.pods.get(host, ()), self.overlays, default, faults)
        pods.refuse_removed_overlays(there, faults)
        names = {pod.name: pod for pod in there}
        joined = {pod.name: names.get(pod.network.driver.joins(pod.network) or "", pod) for pod in there}
        return [
            _end(host, pod, joined[pod.name])
            for pod in there
            if joined[pod.name].addresses or not joined[pod.name].network.driver.assigns
        ]

    def itself(self, host: str) -> End:
        """A node as an end of pairs."""
        node = self.nodes[host]
        return End(host, "", (node.underlay,), dev=node.dev)


def _end(host: str, pod: Pod, joined: Pod) -> End:
    """A pod as an end. One in another pod's namespace is where that pod is."""
    network = joined.network.driver.attached(joined.network)
    return End(
        host=host,
        pod=pod.name,
        addresses=tuple(given.address for given in joined.addresses),
        overlay=joined.overlay.name if joined.overlay else "",
        joins=joined is not pod,
        loopback=network.driver.loopback,
        network=network,
    )
