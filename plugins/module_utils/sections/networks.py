# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that the documents have for themselves: routes of somebody else overlap them nowhere.

A route of the host that is more specific than ours takes packets away from pods, and one that overlaps what no pod has
yet will do so one day. Default routes, and others through a gateway, are less specific than the networks, and are used
for everything else.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.engine.forwarding import Network, within
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Outcome, Outcomes, Owned, Run, Section

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired

_REMEDY = "give overlay_cidr a network that this host has no route to, or remove the route"


def _parse(where: str, given: Any) -> tuple[Network, ...] | None:
    items = values.items(where, given)
    return tuple(ipaddress.ip_network(values.network(f"{where}[{at}]", item)) for at, item in enumerate(items)) or None


def _converge(run: Run) -> Outcomes:
    """Nothing is changed. Only a plan asks: a boot and the timer do their best with whatever routes there are."""
    if not run.strict or "" not in run.state:
        return
    foreign, used = [*_foreign(run)], [*_used(run)]
    for role, networks in run.of("networks").items():
        refused: list[str] = []
        warnings: list[str] = []
        for network in networks:
            for line, taken in _overlaps(network, foreign, used):
                (refused if taken else warnings).append(f"{line}: {_REMEDY}")
        if refused:
            raise FabricError("; ".join(refused))
        if warnings:
            host = os.uname().nodename
            yield role, Outcome(False, warnings=[f"{host}: {warning}" for warning in warnings])


def _overlaps(network: Network, foreign: list[tuple[Network, Any]], used: list[Network]) -> Iterator[tuple[str, bool]]:
    """A line on each route of somebody else that overlaps a network, and whether pods have addresses there."""
    for there, route in foreign:
        if within(there, network):
            # A less specific one takes no packets from ours.
            taken = any(within(there, one) for one in used)
            yield f"{route.label()} is inside of {network}, which the pods have", taken
        elif there.prefixlen and within(network, there) and not any(hop.via for hop in route.hops):
            yield f"{route.label()} is a network of this host that contains {network}, which the pods have", False


def _foreign(run: Run) -> Iterator[tuple[Network, Any]]:
    """The routes of the main table that are not ours, neither by their mark nor by their interface."""
    from ansible_collections.weft.fabric.plugins.module_utils.model.route import MAIN, NOWHERE, flattened

    root = _root(run)
    made = {link.name for link in root.links.values() if link.kind}
    made |= {name for what, name, netns in run.owned if what == "link" and not netns}
    for route in flattened(run.state[""].routes):
        ours = route.protocol in values.ROUTE_PROTOCOLS or route.devices & made
        if route.table != MAIN or route.type in NOWHERE or not route.devices or ours:
            continue
        # One that is as wanted is used as it is.
        if not any(one.met_by(route) for one in root.routes.values() if one.dst == route.dst):
            yield ipaddress.ip_network(route.dst), route


def _used(run: Run) -> Iterator[Network]:
    """The networks that packets of pods go to: those of routes and of interfaces' addresses."""
    root = _root(run)
    yield from (ipaddress.ip_network(route.dst) for route in root.routes.values())
    yield from (ipaddress.ip_interface(address.address).network for address in root.addresses)


def _root(run: Run) -> Desired:
    """What all roles together want of the host's own namespace."""
    from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired

    return run.whole.at("") if run.whole else Desired()


def _show(run: Run, role: str) -> list[str]:
    return [str(network) for network in run.documents[role]["networks"]]


def _owns(_role: str, _value: Any) -> Iterable[Owned]:
    return ()


SECTION = Section(_parse, _converge, _show, _owns)
