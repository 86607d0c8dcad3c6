# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a namespace as data: what modules return."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
    from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbKey
    from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbours


def document(observed: Observed) -> dict[str, Any]:
    """One namespace as topology's document of it.

    Objects that the kernel, a daemon or DHCP created by themselves are left out: it would be wrong to declare them.
    """
    links = [link.data() for link in observed.links.values() if link.name != "lo"]
    if observed.links["lo"].attributes["admin_state"] != "up":
        links.append({"name": "lo", "admin_state": "down"})  # topology brings it up unless it is told not to
    return {
        "links": links,
        "addresses": [
            address.data()
            for address in observed.addresses.values()
            if not (address.state and address.state.foreign) and address.dev != "lo"
        ],
        "routes": _routes(observed),
        "rules": [
            rule.data()
            for rule in observed.rules
            if rule.protocol in values.DECLARED_PROTOCOLS and rule.can_be_asked_for
        ],
        "neighbours": _neighbours(observed.neighbours, _foreign(observed)),
        "fdb": _fdb(observed.fdb, theirs=False),
        "bridge_fdb": [entry.data() for entry in observed.bridge_fdb.values()],
    }


def _routes(observed: Observed) -> list[dict[str, Any]]:
    from ansible_collections.weft.fabric.plugins.module_utils.model.route import (
        DOCUMENTED_PROTOCOLS,
        NOWHERE,
        flattened,
    )

    return [
        route.data()
        for route in flattened(observed.routes)
        if route.protocol in DOCUMENTED_PROTOCOLS and (route.hops or route.type in NOWHERE)
    ]


def wanted(desired: Desired, observed: Observed) -> dict[str, Any]:
    """The objects of one namespace that a document asks for, as far as they exist."""
    devices = desired.fdb_devices
    return {
        "links": wanted_links(desired, observed),
        "addresses": [address.data() for address in _found(desired, observed)],
        "routes": [
            route.data()
            for wanted in desired.routes.values()
            for route in observed.routes.get(wanted.place, ())
            if wanted.met_by(route)
        ],
        "rules": [rule.data() for wanted in desired.rules.values() for rule in observed.rules if wanted.met_by(rule)],
        "neighbours": _neighbours(
            {
                dev: {dst: observed.neighbours[dev][dst] for dst in listed if dst in observed.neighbours.get(dev, {})}
                for dev, listed in desired.neighbours.items()
            }
        ),
        "fdb": _fdb(key for key in observed.fdb if key[0] in devices),
        "bridge_fdb": [observed.bridge_fdb[key].data() for key in desired.bridge_fdb if key in observed.bridge_fdb],
    }


# Files about a type are imported where there are objects of it: Python compiles all imports in each call.


def _foreign(observed: Observed) -> set[tuple[str, str]]:
    """The neighbours of other programs, by device and address."""
    noted = (item for link in observed.links.values() for item in link.noted if item.list_name == "neighbours")
    return {(item.dev, item.dst) for item in noted if item.is_foreign}


def _neighbours(found: Neighbours, foreign: Collection[tuple[str, str]] = ()) -> list[dict[str, Any]]:
    if not found:
        return []
    from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour

    return [
        Neighbour(dev, dst, lladdr).data()
        for dev, there in found.items()
        for dst, lladdr in there.items()
        if (dev, dst) not in foreign
    ]


def _fdb(found: Iterable[FdbKey], theirs: bool = True) -> list[dict[str, Any]]:
    """:param theirs: those of control planes too."""
    keys = list(found)
    if not keys:
        return []
    from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
    from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry

    return [entry.data() for entry in make_all(FdbEntry, keys) if theirs or not entry.is_foreign]


def _found(desired: Desired, observed: Observed) -> list[Address]:
    """The addresses that a document asks for, as far as they exist."""
    found = [address.found_in(observed.addresses, observed.links) for address in desired.addresses]
    return [address for address in found if address is not None]


def wanted_links(desired: Desired, observed: Observed) -> list[dict[str, Any]]:
    """The links of one namespace that a document asks for, as far as they exist, with their addresses."""
    links = [observed.links[name].data() for name in desired.links if name in observed.links]
    addresses: dict[str, list[str | dict[str, Any]]] = {name: [] for name in desired.purge_addresses}
    addresses.update((address.dev, []) for address in desired.addresses)
    for address in observed.addresses.values():
        if address.dev in addresses:
            addresses[address.dev].append(address.item())
    for link in links:
        if link["name"] in addresses:
            link["addresses"] = addresses[link["name"]]
    return links
