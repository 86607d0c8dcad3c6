# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of the role underlay: bonds of a host's interfaces, VLANs on them, and the host's addresses on both."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Document, Host, Role


def _document(host: Host) -> Document | None:
    bonds, vlans = host.variables["underlay_bonds"], host.variables["underlay_vlans"]
    if not bonds and not vlans:
        return None
    links = [
        *({**bond, "kind": "bond"} for bond in bonds),
        *({**vlan, "kind": "vlan"} for vlan in vlans),
        # A port has no address of its own.
        *({"name": port, "addresses": [], "purge_addresses": True} for port in _ports(host)),
    ]
    root = {"links": links, "routes": host.variables["underlay_routes"]}
    return {"topology": {"namespaces": {"": root}, "purge": True}}


def _afterwards(host: Host) -> Document | None:
    """The interfaces without bonds and VLANs."""
    links = [
        *({"name": port, "controller": ""} for port in _ports(host)),
        *({**interface, "admin_state": "up"} for interface in host.variables["underlay_interfaces"]),
    ]
    root = {"links": links, "routes": host.variables["underlay_interface_routes"]}
    return {"topology": {"namespaces": {"": root}}} if any(root.values()) else None


def _ports(host: Host) -> list[str]:
    return [port for bond in host.variables["underlay_bonds"] for port in bond["ports"]]


ROLE = Role("underlay", _document, afterwards=_afterwards)
