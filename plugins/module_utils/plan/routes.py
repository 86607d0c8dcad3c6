# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: missing ones are set; others of ours are removed if a list is authoritative."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def set_routes(view: View, netns: str, desired: Desired) -> None:
    """Set missing routes, those first that lead to the gateways of others; note those that lists do not contain."""
    now = view.at(netns)

    def reach(route: Route) -> tuple[bool, int]:
        return bool(route.via and not route.onlink), -int(route.dst.rpartition("/")[2])

    for route in sorted(desired.routes.values(), key=reach):
        if route.dev:
            view.require(netns, route.dev, f"route {route.dst}: dev")
        known = now.routes.get(route.key)
        if known is not None and route.met_by(known):
            continue
        wanted = route.over(known) if known else route
        wanted = wanted._replace(protocol=route.protocol or view.document.route_protocol)
        view.do("set", netns, known, wanted)
        now.routes[route.key] = wanted
    note_unwanted(view, netns, desired)


def note_unwanted(view: View, netns: str, desired: Desired) -> None:
    """Note the routes with the document's number that authoritative lists do not contain."""
    if not desired.purge_routes:
        return
    everywhere = None in desired.purge_routes
    unwanted = [
        route
        for key, route in view.at(netns).routes.items()
        if route.protocol == view.document.route_protocol
        and key not in desired.routes
        and (everywhere or route.dev in desired.purge_routes)
    ]
    view.unwanted[netns].append(unwanted)
