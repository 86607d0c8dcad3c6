# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of the role pods: a host's pods, what connects them, and what runs in them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces, put_together
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Document, Host, Role
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Network, Place, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import addresses, pods
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay

_TABLE = "weft_pods"


def _document(host: Host) -> Document:
    default = drivers.network("pods_network", host.variables["pods_network"])
    there = pods.parse(host.variables["pods_pods"], host.overlays, default)
    pods.refuse_removed_overlays(there)
    running = [pod.name for pod in there if not pod.network.driver.joins(pod.network)]
    namespaces = topology(there, default, host)
    document: Document = {
        "topology": {"namespaces": namespaces, "purge": True},
        "echo_server": {"namespaces": running, "port": host.variables["pods_port"]},
    }
    own = list(_sources(namespaces))
    if own:
        document["sources"] = own
    # The engine adds the kernel parameters that CNI networks need.
    attachments = [item for _pod, item in pods.attachments(there)]
    if attachments:
        document["cni"] = attachments
    if host.variables.get("pods_masquerade"):
        document["masquerade"] = {"table": _TABLE, "rules": masquerading(host)}
    return document


def topology(there: Sequence[Pod], default: Network | None, host: Host) -> Pieces:
    """A host's pods, and what connects them, as ``namespaces`` of weft.fabric.topology."""
    fabric = Fabric(host.overlays, {}, {})
    place = Place(host.name, fabric.nodes, tuple(cidr for overlay in fabric.present for cidr in overlay.cidrs))
    parts = [part for group in addresses.groups(there, default, place, fabric.present) for part in _pieces(*group)]
    return put_together([{"": {"links": []}}, *parts])


def _sources(namespaces: Pieces) -> Iterator[dict[str, Any]]:
    """What may come out of the pods' veth pairs."""
    for link in namespaces[""]["links"]:
        pod = link.get("peer", {})
        if pod.get("addresses"):
            yield {
                "interface": link["name"],
                "bridged": bool(link["controller"]),
                "mac_address": pod["mac_address"],
                "addresses": [str(ipaddress.ip_interface(address).ip) for address in pod["addresses"]],
            }


def _pieces(inside: Sequence[Pod], networks: Sequence[Network], place: Place) -> Iterator[Pieces]:
    own = addresses.placed(inside, networks, place)
    routed = [item.address.ip for pod in inside if pod.network.driver.routed for item in own[pod.name]]
    place = replace(place, routed=tuple(routed))
    for item in networks:
        yield item.driver.shared(item, place)
    for pod in inside:
        yield pod.network.driver.connect(pod.network, pod, own[pod.name], place)


def masquerading(host: Host) -> list[dict[str, Any]]:
    """The rules, as weft.fabric.masquerade takes them.

    Packets that a host's pods send out of their overlay get the host's address, except those to the nodes.
    """
    found = []
    for overlay in host.overlays.values():
        if not overlay.present:
            continue
        nodes = [ipaddress.ip_address(node.underlay) for node in overlay.nodes.values()]
        for share in overlay.nodes[host.name].networks:
            version = ipaddress.ip_network(share.cidr).version
            exempt = [f"{address}/{address.max_prefixlen}" for address in nodes if address.version == version]
            found.append({"source": share.subnet, "exempt": [share.cidr, *exempt]})
    return found


def attachments(given: object, network: object, overlays: Mapping[str, Overlay]) -> list[dict[str, Any]]:
    """The interfaces of a host's pods in CNI networks, as weft.fabric.cni takes them.

    :param given: ``pods_pods``.
    :param network: ``pods_network``.
    """
    there = pods.parse(given, overlays, drivers.network("pods_network", network))
    return [item for _pod, item in pods.attachments(there)]


ROLE = Role("pods", _document, "nodes")
