# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overlays as the role overlay plans them with the article's subnet, and the pods on them."""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils.documents import ROLES
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Host
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import nodes as nodes_of
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import overlays as planning
from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import decode, encode
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay

DEFAULTS = {
    "state": "present",
    "cidr": "172.2.0.0/16",
    "node_prefix": None,
    "vni": 10,
    "port": 4789,
    "device": "vxlan0",
    "mode": "vxlan",
    "bridge": "br0",
}


def overlays_of(nodes: Any, *overlays: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """``plans`` of common_fabric of one overlay, or of those given.

    :param defaults: other values than DEFAULTS.
    """
    planned = planning.plan(overlays or [{"name": "default"}], nodes_of.parse(nodes), {**DEFAULTS, **defaults})
    found: dict[str, Any] = encode(planned)
    return found


def planned(facts: Any) -> dict[str, Overlay]:
    """The overlays of ``plans``."""
    found: dict[str, Overlay] = decode(dict[str, Overlay], facts)
    return found


def pods_document(listed: object, facts: Any, host: str, network: object = None) -> dict[str, Any]:
    """The document of the role pods for a host's pods.

    :param network: ``pods_network``; None: the default.
    """
    variables = {"pods_pods": listed, "pods_network": network or {"driver": "bridge"}, "pods_port": 8000}
    found = ROLES["pods"].document(Host(host, variables, planned(facts)))
    assert found is not None
    return found
