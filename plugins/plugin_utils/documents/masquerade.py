# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The masquerading rules in the role pods' document."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay


def rules(overlays: Mapping[str, Overlay], host: str) -> list[dict[str, Any]]:
    """The rules, as weft.fabric.masquerade takes them.

    Packets that a host's pods send out of their overlay get the host's address, except those to the nodes.
    """
    found = []
    for overlay in overlays.values():
        if not overlay.present:
            continue
        nodes = [ipaddress.ip_address(node.underlay) for node in overlay.nodes.values()]
        for share in overlay.nodes[host].networks:
            version = ipaddress.ip_network(share.cidr).version
            exempt = [f"{address}/{address.max_prefixlen}" for address in nodes if address.version == version]
            found.append({"source": share.subnet, "exempt": [share.cidr, *exempt]})
    return found
