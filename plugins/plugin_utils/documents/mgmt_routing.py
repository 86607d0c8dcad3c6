# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of the role mgmt_routing: routes to the other underlay networks, and forwarding."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Document, Host, Role

_FORWARDING = {
    # The kernel switches accept_redirects together with ip_forward. Listed here, it is also restored.
    "ipv4": {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.accept_redirects": 0},
    "ipv6": {"net.ipv6.conf.all.forwarding": 1},
}


def _document(host: Host) -> Document | None:
    routes, forward = host.variables["mgmt_routing_routes"], host.variables["mgmt_routing_forward"]
    if not routes and not forward:
        return None
    settings = {key: value for family in forward for key, value in _FORWARDING[family].items()}
    return {"topology": {"namespaces": {"": {"routes": routes}}, "purge": True}, "sysctl": settings}


ROLE = Role("mgmt_routing", _document)
