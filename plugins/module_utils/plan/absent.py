# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document that lists what has to be removed."""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import (
    ROUTE_PROTOCOL,
    FdbEntry,
    Link,
    Neighbour,
    make_all,
)
from ansible_collections.weft.fabric.plugins.module_utils.plan.entries import of_device, stale_routes
from ansible_collections.weft.fabric.plugins.module_utils.plan.moves import give_back
from ansible_collections.weft.fabric.plugins.module_utils.plan.namespaces import remove_namespaces
from ansible_collections.weft.fabric.plugins.module_utils.plan.order import ordered
from ansible_collections.weft.fabric.plugins.module_utils.plan.removal import delete_entries, delete_link, stays
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def remove_listed(view: View) -> None:
    """Plan what takes away all that the document lists."""
    present = [item for item in view.document.namespaces.items() if view.at(item[0]).status == "present"]
    for netns, desired in present:
        delete_entries(view, netns, _listed(view, netns, desired))
        if view.document.route_protocol != ROUTE_PROTOCOL:
            delete_entries(view, netns, stale_routes(view, netns, desired))
    for netns, link in reversed(ordered(view.document)):
        if link.kind and view.at(netns).status == "present" and not _is_in_use(view, netns, link):
            delete_link(view, netns, link)
        elif link.origin and view.at(netns).status == "present":
            give_back(view, netns, link, link.origin)
    remove_namespaces(view, [netns for netns, desired in view.document.namespaces.items() if desired.create])


def _is_in_use(view: View, netns: str, link: Link) -> bool:
    """Whether a shared bridge has ports that are not listed; it then stays, and listed ports of it do."""
    links, listed = view.at(netns).links, view.document.namespaces[netns].links
    name = link.name if link.shared else links.get(link.name, link).attributes.get("controller")
    if name not in listed or not listed[name].shared:
        return False
    others = [
        port.name
        for port in links.values()
        if port.attributes.get("controller") == name
        and port.name not in listed
        and not (port.peer and port.peer[1] in view.document.namespaces.get(port.peer[0], Desired()).links)
    ]
    if others and link.shared:
        view.warn(stays(view, netns, name, others))
    return bool(others)


def _listed(view: View, netns: str, desired: Desired) -> list[Any]:
    """What of the listed is there, routes first."""
    now = view.at(netns)
    found: list[Any] = []
    for key, route in desired.routes.items():
        known = now.routes.get(key)
        if known and route._replace(onlink=None, mtu=None).named(known[0]):
            found.append(known[0])
    for dev, listed in desired.neighbours.items():
        there = now.neighbours.get(dev, {})
        found += [Neighbour(dev, dst, there[dst]) for dst in listed if dst in there]
    for entry in make_all(FdbEntry, desired.fdb):
        link = now.links.get(entry.dev)
        if link and of_device(entry, link) in now.fdb:
            found.append(of_device(entry, link))
    found += [address for address in desired.addresses if address in now.addresses]
    return found
