# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: missing ones are set; others of ours are removed if a list is authoritative."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, repeat

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.route import (
    PLACE,
    Route,
    Routes,
    all_met,
    flattened,
    put_in,
)
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def set_routes(view: View, netns: str, desired: Desired) -> None:
    """Set missing routes, those first that lead to the gateways of others; note those that lists do not contain."""
    for dev in sorted(desired.route_devices - view.at(netns).links.keys()):
        first = next(iter(route.dst for route in desired.routes.values() if dev in route.devices))
        view.require(netns, dev, f"route {first}: dev")
    routes = view.at(netns).routes
    missing = [*missing_routes(desired.routes.values(), routes)]
    if missing:
        # Imported only here: Python compiles all imports in each call, and most routes are there.
        from ansible_collections.weft.fabric.plugins.module_utils.plan.route_checks import check_routes

        check_routes(view, netns, missing)

    def reach(route: Route) -> tuple[bool, int]:
        return any(hop.via and not hop.onlink for hop in route.hops), -int(route.dst.rpartition("/")[2])

    for route in sorted(missing, key=reach):
        protocol = desired.protocols.get(route.key, view.document.route_protocol)
        _set(view, netns, route, protocol, [other for other in routes.get(route.place, ()) if other.key == route.key])
    note_unwanted(view, netns, desired)


def missing_routes(wanted: Collection[Route], routes: Routes) -> Iterator[Route]:
    """The routes that none of the observed ones meets."""
    there = [*map(routes.get, map(PLACE, wanted), repeat(()))]
    if not all_met([*wanted], [*chain.from_iterable(there)]):
        for route, others in zip(wanted, there):
            if not any(map(route.met_by, others)):
                yield route


def _set(view: View, netns: str, route: Route, protocol: int, rivals: Sequence[Route]) -> None:
    """Set a route, in place of one of those that have its key.

    It changes the one that leads where it does, or else one of ours, or the first, which is the one that is used.
    """
    routes = view.at(netns).routes
    if not rivals:
        wanted = route if route.protocol is not None else route._replace(protocol=protocol)
        view.do("create", netns, None, wanted)
        put_in(routes, route.place, (*routes.get(route.place, ()), wanted))
        return
    ours = [other for other in rivals if other.protocol == protocol]
    known = next((other for other in (*filter(route.leads_as, rivals), *ours, *rivals)), None)
    wanted = route.over(known) if known else route
    if wanted.protocol is None:
        wanted = wanted._replace(protocol=protocol)
    there = routes.get(route.place, ())
    if known is wanted.replaced_in(rivals):
        view.do("set" if known else "create", netns, known, wanted)
        put_in(
            routes, route.place, [wanted if other is known else other for other in there] if known else (*there, wanted)
        )
        return
    # The kernel would replace another one.
    if ":" in route.dst:  # IPv6 does not have a next hop twice
        view.delete_entries(netns, [known])
    view.do("create", netns, None, wanted)
    put_in(routes, route.place, (*routes.get(route.place, ()), wanted))
    if ":" not in route.dst:
        view.delete_entries(netns, [known])


def note_unwanted(view: View, netns: str, desired: Desired) -> None:
    """Note the routes with the document's numbers that authoritative lists do not contain."""
    purged = {
        **desired.purged_protocols,
        **({view.document.route_protocol: desired.purge_routes} if desired.purge_routes else {}),
    }
    unwanted: list[Route] = []
    for route in flattened(view.at(netns).routes) if purged else ():
        devices = purged.get(route.protocol or 0)
        if (
            devices
            and desired.purge_table in (None, route.table)
            and (None in devices or (route.devices and route.devices <= devices))
        ):
            unwanted += _unlisted(route, desired.routes.get(route.key))
    view.unwanted[netns].append(unwanted)


def _unlisted(route: Route, listed: Route | None) -> Iterable[Route]:
    """An observed route, or next hops of it, that a list does not contain.

    :param listed: the list's route of that key.
    """
    if listed is None or not listed.met_by(route):
        return [route]
    if listed.nexthops is None and route.nexthops is not None:
        return [part for part in route.parts() if not listed.met_by(part)]
    return []
