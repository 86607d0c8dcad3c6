# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that move between namespaces: a veth's other end, and interfaces taken from a namespace and returned to it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.link import AUTO, Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def move_peer(view: View, netns: str, link: Link, current: Link) -> bool:
    """Move or rename a veth's other end as it is wanted; whether that was possible.

    It is not if the end is unknown, if its new name is taken, or if the document wants it where it is. A link that is
    listed as a peer does not fetch its other end: that belongs to another pair.
    """
    if not link.peer or not current.peer or link.is_peer:
        return False
    there, name = current.peer
    place, wanted = link.peer
    taken = wanted in view.at(place).links
    claimed = there in view.document.namespaces and name in view.document.namespaces[there].links
    if taken or claimed:
        return False
    if there == place and view.at(there).links[name].attributes.get("admin_state") == "up":
        # Before Linux 6.2, a link that is up cannot be renamed.
        view.set(there, name, {"admin_state": "down"}, shown=False)
    end = view.at(there).links[name]
    moved = Link(wanted, link.kind, {**end.attributes, "admin_state": "down", "controller": ""}, (netns, link.name))
    away = copy.copy(current)
    away.peer = None  # so that only the end that moves is forgotten
    view.at(netns).links[link.name] = away
    end = copy.copy(end)
    end.peer = None
    view.at(there).links[name] = end
    view.forget(there, name)
    view.do(
        "move",
        there,
        Link(name, link.kind, {}, (netns, link.name)),
        Link(wanted, link.kind, {}, (netns, link.name)),
        to=place,
    )
    view.at(place).links[wanted] = moved
    if netns in view.losses:
        view.losses[netns].unplugged(link.name)
    joined = copy.copy(current)
    joined.peer = link.peer
    view.at(netns).links[link.name] = joined
    return True


def is_orphan(view: View, netns: str, link: Link, current: Link) -> bool:
    """Whether a veth's other end is in a namespace that has lost its name while a process was still in it.

    It is as the document wants it in everything but the other end, which nobody can reach any more: an earlier run made
    the pair for the namespace that had the name.
    """
    if not link.peer or current.peer or current.nsid is None or not view.document.namespaces[link.peer[0]].create:
        return False
    known = current.attributes
    return all(known.get(name) == value for name, value in link.attributes.items() if value != AUTO)


def fetch(view: View, netns: str, link: Link, origin: tuple[str, str]) -> None:
    """Take an interface from the namespace that it is in.

    :raises FabricError: it is missing, or it is a port.
    """
    place, name = origin
    known = view.require(place, name, f"{link.where}origin.name")
    controller = known.attributes.get("controller")
    if controller:
        raise InvalidParameter(f"{link.where}origin.name", name, f"it is a port of {controller}: take it out first")
    _move(view, origin, (netns, link.name), {"ifalias": name})


def give_back(view: View, netns: str, link: Link, origin: tuple[str, str]) -> None:
    """Return an interface to where it came from.

    :raises FabricError: there is another link of its name, or the namespace is missing.
    """
    current = view.at(netns).links.get(link.name)
    if current is None or current.attributes.get("ifalias") != origin[1]:
        return
    view.require_namespace(origin[0])
    if origin[1] in view.at(origin[0]).links:
        where = place_of(origin[0])
        raise FabricError(f"{link.label(netns)} cannot go back: there is another {origin[1]}{where}: rename that first")
    _move(view, (netns, link.name), origin, {"ifalias": ""})


def _move(view: View, here: tuple[str, str], there: tuple[str, str], attributes: Mapping[str, Any]) -> None:
    """Move an interface of any kind; in its new place it is down."""
    link = copy.copy(view.at(here[0]).links[here[1]])
    link.peer = None  # so that only this end is forgotten
    view.at(here[0]).links[here[1]] = link
    view.forget(*here)
    view.do("move", here[0], Link(here[1], link.kind), Link(there[1], link.kind, dict(attributes)), to=there[0])
    known = {**link.attributes, "admin_state": "down", "controller": "", **attributes}
    view.at(there[0]).links[there[1]] = Link(there[1], link.kind, known, index=-1)
