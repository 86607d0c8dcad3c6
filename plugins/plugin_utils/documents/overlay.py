# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of the role overlay."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Document, Host, Role
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay, Tunnel, vtep_mac

ROUTE_PROTOCOL = 120
"""The protocol number of overlays' routes. It tells them from the role mgmt_routing's on the underlay's interface."""

_FORWARDING = {
    # The kernel switches accept_redirects together with ip_forward. Listed here, it is also restored.
    4: {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.accept_redirects": 0},
    # A VTEP has the address that its pods' network has for any of its routers (RFC 4291, section 2.6.1). Without this
    # the node answers a pod's ping of it from another address.
    6: {"net.ipv6.conf.all.forwarding": 1, "net.ipv6.anycast_src_echo_reply": 1},
}


def _document(host: Host) -> Document | None:
    there = [overlay for overlay in host.overlays.values() if overlay.present]
    if not there:
        return None
    topology = {"namespaces": {"": _root(there, host.name)}, "purge": True, "route_protocol": ROUTE_PROTOCOL}
    isolation = {"isolation": [list(overlay.cidrs) for overlay in there]} if len(there) > 1 else {}
    networks = {"networks": [cidr for overlay in there for cidr in overlay.cidrs]}
    more = {"resync": host.variables["overlay_resync"], "peers": [name for name in there[0].nodes if name != host.name]}
    more |= {**networks, **isolation, **_admission(host, there)}
    return {"topology": topology, "sysctl": _settings(there), **more}


def _admission(host: Host, overlays: Sequence[Overlay]) -> Document:
    """Who may send VXLAN packets to the host.

    All nodes of an overlay with a VXLAN may, also those that route to each other: while the mode changes, some hosts
    have the new one already.
    """
    if not values.boolean("overlay_admission", host.variables["overlay_admission"]):
        return {}
    networks = [
        values.network_or_address("overlay_admission_from", one) for one in host.variables["overlay_admission_from"]
    ]
    checked = []
    for overlay in overlays:
        tunnels = _tunnels(overlay)
        if tunnels:
            others = ((name, node) for name, node in overlay.nodes.items() if name != host.name)
            peers = [
                {"address": sender, "sources": _sources(node)}
                for name, node in others
                for sender in overlay.senders(host.name, name)
            ]
            peers += [{"address": one, "sources": [*overlay.cidrs, *_inside(overlay, one)]} for one in networks]
            checked += [{"port": tunnel.port, "vni": tunnel.vni, "peers": peers} for tunnel in tunnels]
    return {"admission": checked} if checked else {}


def _sources(node: Node) -> list[str]:
    """Where packets inside come from: the node's pods, and the node, which may answer by its underlay address."""
    subnets = [share.subnet for share in node.networks]
    return [*subnets, *(own for own in [node.underlay] if values.family(own) in map(values.family, subnets))]


def _inside(overlay: Overlay, network: str) -> list[str]:
    """The network of nodes that answer by their underlay addresses."""
    everything = network.endswith("/0")
    return [network] if not everything and values.family(network) in map(values.family, overlay.cidrs) else []


def _root(overlays: Sequence[Overlay], host: str) -> dict[str, list[Any]]:
    """The host's own namespace."""
    node = overlays[0].nodes[host]
    # A node that other nodes are pointed to has to have its address.
    links: list[dict[str, Any]] = [{"name": node.dev, "expects": [node.underlay]}]
    found: dict[str, list[Any]] = {"links": links, "neighbours": [], "fdb": [], "routes": []}
    for overlay in overlays:
        links += _devices(overlay, host)
        for peer in overlay.nodes:
            if peer != host:
                entries = overlay.entries(host, peer)
                found["neighbours"] += entries.neighbours
                found["fdb"] += entries.fdb
                found["routes"] += entries.routes
    return found


def _settings(overlays: Sequence[Overlay]) -> dict[str, int]:
    """The kernel parameters of a host with these overlays."""
    versions = sorted({ipaddress.ip_network(cidr).version for overlay in overlays for cidr in overlay.cidrs})
    # A node is the router of its pods.
    settings = {key: value for version in versions for key, value in _FORWARDING[version].items()}
    for overlay in overlays:
        for tunnel in _tunnels(overlay):
            # Loose: the answer to a pod that sends to another node's own address may come back another way.
            settings[f"net/ipv4/conf/{tunnel.device}/rp_filter"] = 2
    return settings


def _tunnels(overlay: Overlay) -> list[Tunnel]:
    """The VXLANs of an overlay: the one by which its nodes send, and those by which they only receive."""
    own = [Tunnel(overlay.device, overlay.vni, overlay.port)] if overlay.tunnelled else []
    return [*own, *overlay.also_receive]


def _devices(overlay: Overlay, host: str) -> list[dict[str, Any]]:
    node = overlay.nodes[host]
    return [
        {
            "name": tunnel.device,
            "kind": "vxlan",
            "vni": tunnel.vni,
            "local": node.underlay,
            "dev": node.dev,
            "port": tunnel.port,
            "learning": False,
            "mtu": "auto",
            "mac_address": vtep_mac(tunnel.vni, host),
            # Host addresses, so that the kernel adds no route of its own. One that only receives has them as well:
            # without an address, its reverse path filter would drop what comes from pods.
            "addresses": [share.vtep_cidr for share in node.networks],
        }
        for tunnel in _tunnels(overlay)
    ]


ROLE = Role("overlay", _document, "nodes")
