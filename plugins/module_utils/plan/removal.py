# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed, and on which condition."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kinds import one
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import FdbEntry, Link, Neighbour, Route
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View, place_of


def drop(view: View, netns: str, link: Link) -> None:
    """Delete a link that nothing needs any more, unless it is another kind by now, or has ports."""
    now = view.at(netns)
    current = now.links.get(link.name)
    if current is None or current.kind != link.kind:
        return
    ports = [port.name for port in now.links.values() if port.attributes.get("controller") == link.name]
    if ports:
        view.warn(stays(view, netns, link.name, ports))
    else:
        delete_link(view, netns, link)


def stays(view: View, netns: str, name: str, ports: Iterable[str]) -> str:
    return f"link {name}{place_of(netns)} stays: it has ports that are not listed, {', '.join(ports)}"


def delete_link(view: View, netns: str, link: Link) -> None:
    """Delete a link that is listed to be gone, and no other one of its name."""
    current = view.at(netns).links.get(link.name)
    if current is None:
        return
    if current.kind != link.kind:
        found = one(current.kind or "NIC or another kind of link")
        raise FabricError(f"link {link.name}{place_of(netns)} is {found}, not {one(link.kind)}: it is not deleted")
    view.do("delete", netns, current)
    view.forget(netns, link.name)


def delete_entries(view: View, netns: str, items: Collection[Any]) -> None:
    view.do_all("delete", netns, items, repeat(None))
    now = view.at(netns)
    for item in items:
        if isinstance(item, FdbEntry):
            del now.fdb[item]
        elif isinstance(item, Neighbour):
            del now.neighbours[item.dev][item.dst]
        elif isinstance(item, Route):
            del now.routes[item.key]
        else:
            del now.addresses[item]
