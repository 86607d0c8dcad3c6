# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel would refuse of routes that are about to be set, as far as the plan can see it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from ansible_collections.weft.fabric.plugins.module_utils.model.route import NOWHERE, Route, flattened
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View
from ansible_collections.weft.fabric.plugins.module_utils.values import LOCAL_TABLE


def check_routes(view: View, netns: str, missing: Collection[Route]) -> None:
    """Refuse routes that lack a link or an address; in check mode an earlier task may be about to provide it.

    :raises FabricError: for the first.
    """
    links = view.at(netns).links
    down = {name for name, link in links.items() if link.attributes.get("admin_state") == "down"}
    for route in missing:
        for dev in sorted(route.devices & down):
            remedy = f"an interface that it needs is down, {dev}: set its admin_state to up"
            view.missing(f"{route.label(netns)} does not work: {remedy}")
    _check_sources(view, netns, [route for route in missing if route.src and route.type not in NOWHERE])


def _check_sources(view: View, netns: str, missing: Collection[Route]) -> None:
    """The source of packets is an address of the host (fib_semantics.c: fib_valid_prefsrc, ip6_route_info_create).

    An IPv4 one may also be in a network that a local route makes the host's own.
    """
    if not missing:
        return
    heads = {address.address.partition("/")[0] for address in view.at(netns).addresses.values()}
    desired = view.document.namespaces[netns].routes.values()
    local = [route for route in (*flattened(view.at(netns).routes), *desired) if route.type == "local"]
    networks = {(route.table, ipaddress.ip_network(route.dst)) for route in local if ":" not in route.dst}
    for route in missing:
        source = ipaddress.ip_address(route.src or "")
        tables = LOCAL_TABLE, route.table
        if route.src not in heads and not any(table in tables and source in network for table, network in networks):
            remedy = f"src {route.src} has to be an address of this host that is in use: see 'ip address'"
            view.missing(f"{route.label(netns)} does not work: {remedy}")
