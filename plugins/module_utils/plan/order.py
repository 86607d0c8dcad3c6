# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of links: each after the links that it refers to."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import parent_place


def ordered(document: Document) -> list[tuple[str, Link]]:
    """All wanted links with their namespaces, each after the links that it refers to.

    :raises InvalidParameter: links sit on each other in a circle.
    """
    ordered: list[tuple[str, Link]] = []
    done: dict[tuple[str, str], bool] = {}
    for netns, desired in document.namespaces.items():
        for link in desired.links.values():
            ordered += _from_below(netns, link, document, done)
    return ordered


def _from_below(
    netns: str, link: Link, document: Document, done: dict[tuple[str, str], bool]
) -> Iterable[tuple[str, Link]]:
    """A link with its namespace, after the wanted links that it refers to; without those that had their turn.

    :param done: the links that had their turn, with whether it is over; the caller keeps it.
    """
    key = (netns, link.name)
    if key in done:
        if not done[key]:
            raise InvalidParameter(f"{link.where}name", link.name, "it sits on itself, by way of others")
        return
    done[key] = False
    place = parent_place(netns, link.attributes)
    named = [(place, link.attributes.get(name)) for name, option in kind_of(link.kind).options.items() if option.link]
    for there, name in (*named, ("", link.mtu_of)):
        below = document.namespaces[there].links.get(name) if name else None
        if below:
            yield from _from_below(there, below, document, done)
    done[key] = True
    yield netns, link
