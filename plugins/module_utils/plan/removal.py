# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removals, each on its condition (model/removal.py): entries first, then links, then namespaces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain, groupby
from operator import attrgetter

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of, one
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace, place_of
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal
from ansible_collections.weft.fabric.plugins.module_utils.plan.moves import give_back
from ansible_collections.weft.fabric.plugins.module_utils.plan.namespaces import remove_namespaces
from ansible_collections.weft.fabric.plugins.module_utils.plan.ports import free
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View, parent_place


def remove(view: View, removals: Collection[Removal]) -> None:
    """Plan removals of one phase.

    :raises FabricError: a link that the user lists is of another kind, or cannot return to its origin.
    """
    _remove_entries(view, [removal for removal in removals if not isinstance(removal.item, (Link, Namespace))])
    _remove_links(view, [removal for removal in removals if isinstance(removal.item, Link)])
    names = [removal.item for removal in removals if isinstance(removal.item, Namespace)]
    # Further names first: without them, a namespace ends with its own name.
    remove_namespaces(view, [item.name for item in names if item.joins in view.at(item.name).aliases])
    remove_namespaces(view, [item.name for item in names if item.joins is None])


def remove_unwanted(view: View, netns: str) -> None:
    """Remove routes, neighbours and FDB entries that authoritative lists do not contain, those noted last first."""
    view.delete_entries(netns, [*chain.from_iterable(reversed(view.unwanted.pop(netns, [])))])


def _remove_entries(view: View, removals: Sequence[Removal]) -> None:
    for netns, group in groupby(removals, attrgetter("netns")):
        now = view.at(netns)
        found = [
            (item.found_in(getattr(now, item.list_name), now.links), strict) for _netns, item, _phase, strict in group
        ]
        # What a document listed may have become somebody else's, or have been that all along.
        due = [item for item, strict in found if item and (strict or not getattr(item, "is_foreign", False))]
        view.delete_entries(netns, due)


def _remove_links(view: View, removals: Sequence[Removal]) -> None:
    due = [removal for removal in reversed(removals) if _is_due(view, removal)]
    named = {(removal.netns, removal.item.name) for removal in due}
    kept = {(removal.netns, removal.item.name) for removal in due if _has_ports_of_others(view, removal, named)}
    for netns, link, _phase, strict in sorted(due, key=lambda removal: _turn(view, removal)):
        current = view.at(netns).links.get(link.name)
        # A link that the user lists as a port of a shared bridge is shared as well.
        held = strict and current and (netns, current.attributes.get("controller")) in kept
        if current is None or (netns, link.name) in kept or held:
            continue
        if link.origin:
            give_back(view, netns, link, link.origin)
        elif not link.kind:
            free(view, netns, link.name)
        else:
            view.do("delete", netns, current)
            view.forget(netns, link.name)


def _is_due(view: View, removal: Removal) -> bool:
    """Whether a link exists and is still what it was.

    :raises FabricError: the user lists it, and it is something else.
    """
    netns, link, _phase, strict = removal
    current = view.at(netns).links.get(link.name)
    if current is None:
        return False
    if link.origin:
        return bool(current.attributes.get("ifalias") == link.origin[1])
    if not link.kind:
        return bool(current.attributes.get("controller") == link.attributes["controller"])
    if strict and current.kind != link.kind:
        found = one(current.kind or "NIC or another kind of link")
        raise FabricError(f"link {link.name}{place_of(netns)} is {found}, not {one(link.kind)}: it is not deleted")
    return bool(current.kind == link.kind)


def _has_ports_of_others(view: View, removal: Removal, named: Collection[tuple[str, str]]) -> bool:
    """Whether a shared link has ports that are not removed with it; a warning names them.

    :param named: the links that are removed, each by its namespace and name.
    """
    netns, link = removal.netns, removal.item
    others = [
        port.name
        for port in view.at(netns).links.values()
        if link.shared
        and port.attributes.get("controller") == link.name
        and (netns, port.name) not in named
        and port.peer not in named
    ]
    if others:
        ports = ", ".join(others)
        view.warn(f"link {link.name}{place_of(netns)} stays: it has ports that are not listed, {ports}")
    return bool(others)


def _turn(view: View, removal: Removal) -> tuple[int, bool]:
    """A link is removed before the one that it sits on, and a bridge or a bond after its ports."""
    depth, place, link = 0, removal.netns, view.at(removal.netns).links.get(removal.item.name)
    controller = link is not None and kind_of(link.kind).ports is not None
    while link and kind_of(link.kind).parent:
        depth, place = depth + 1, parent_place(place, link.attributes)
        name = link.attributes.get(kind_of(link.kind).parent)
        link = view.state[place].links.get(name or "") if place in view.state else None
    return -depth, controller
