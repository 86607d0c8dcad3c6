# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers that masquerade packets between nodes, so that these arrive with an address of the router.

The inventory has no list of a router's addresses. Packets from a network arrive with the address that routes to this
network lead through.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.inventory import Inventory
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.networks import Network
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay, Translation

_ROUTES = ("mgmt_routing_routes", "underlay_routes", "underlay_interface_routes")

_Masqueraded = tuple[Network, tuple[Network, ...]]
"""The source of a rule, and its exempt destinations."""


def added(overlays: Mapping[str, Overlay], inventory: Inventory) -> dict[str, Overlay]:
    """The overlays with what routers of the inventory do to the packets of their nodes."""
    rules = list(_rules(inventory))
    if not rules:
        return dict(overlays)
    through = {host: list(_routes(inventory, host)) for host in (*inventory.nodes, *inventory.routers)}
    routers = [route for router in inventory.routers for route in through[router]]
    return {
        name: replace(
            overlay,
            translated={
                host: tuple(_translations(node, [*through.get(host, ()), *routers], rules))
                for host, node in overlay.nodes.items()
            },
        )
        for name, overlay in overlays.items()
    }


def _translations(node: Node, routes: list[tuple[Network, str]], rules: list[_Masqueraded]) -> Iterator[Translation]:
    own = ipaddress.ip_address(node.underlay)
    sources = [source for source, exempt in rules if not any(own in network for network in exempt)]
    for network, gateway in dict.fromkeys(routes):
        if any(source.version == network.version and source.overlaps(network) for source in sources):
            yield Translation(str(network), gateway)


def _rules(inventory: Inventory) -> Iterator[_Masqueraded]:
    for router in inventory.routers:
        if inventory.value(router, "masquerade_state") != "absent":
            for rule in _items(inventory.value(router, "masquerade_rules")):
                source = _network(rule.get("source"))
                if source:
                    exempt = rule.get("exempt")
                    listed = exempt if isinstance(exempt, (list, tuple)) else ()
                    yield source, tuple(filter(None, map(_network, listed)))


def _routes(inventory: Inventory, host: str) -> Iterator[tuple[Network, str]]:
    """The networks that a host's routes lead to, each with the gateway."""
    for name in _ROUTES:
        for route in _items(inventory.value(host, name)):
            network, gateway = _network(route.get("dst")), _valid(values.address, route.get("via"))
            if network and gateway:
                yield network, gateway


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, (list, tuple)) else []


def _network(value: Any) -> Network | None:
    found = _valid(values.network, "0.0.0.0/0" if value == "default" else value)
    return ipaddress.ip_network(found) if found else None


def _valid(rule: Callable[[str, Any], str], value: Any) -> str:
    """A value in its canonical form; empty: it is refused, which validation.py reports."""
    try:
        return rule("", value)
    except InvalidParameter:
        return ""
