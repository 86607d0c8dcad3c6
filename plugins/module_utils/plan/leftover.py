# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed beside what a document wants: what its last version listed, and what is listed to be absent. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, Removal


class Left(NamedTuple):
    """What is removed.

    :ivar removals: namespaces and links.
    :ivar replaced: names of namespaces that are removed, or made anew.
    """

    removals: Sequence[Removal]
    replaced: Sequence[str]


def listed(absent: Document) -> Left:
    """What a document lists that is to be absent."""
    names = [netns for netns, desired in absent.namespaces.items() if desired.create]
    inside = [
        Removal(netns, replace(link, shared=True))
        for netns, desired in absent.namespaces.items()
        for link in desired.links.values()
        # What was made is removed with its namespace.
        if netns and (link.origin or not desired.create)
    ]
    outside = [link for link in absent.at("").links.values() if link.kind]
    return Left(
        [
            *inside,
            *(Removal("", Namespace(name)) for name in names),
            *(Removal("", replace(link, shared=True), AFTER) for link in outside),
        ],
        names,
    )


def between(was: Document, now: Document, leaving: Collection[tuple[str, str]]) -> Left:
    """What a version of a document lists, and a newer one does not.

    :param leaving: interfaces, each with its namespace, that are removed even where the newer one lists an equal one.
    """
    both = [netns for netns in was.namespaces if netns in now.namespaces]
    replaced = [netns for netns in both if was.namespaces[netns].joins != now.namespaces[netns].joins]
    removals = [removal for netns in both if netns for removal in _inside(netns, was, now, replaced, leaving)]
    apart = [name for name in replaced if now.namespaces[name].joins is None]
    removals += [Removal("", Namespace(name, was.namespaces[name].joins)) for name in apart]
    return Left([*removals, *_outside(was, now)], replaced)


def _inside(
    netns: str, was: Document, now: Document, replaced: Sequence[str], leaving: Collection[tuple[str, str]]
) -> Iterator[Removal]:
    """Interfaces of a namespace that are not the same any more, or return to where they came from."""
    for link in was.namespaces[netns].links.values():
        ends = [(netns, link.name), *([link.peer] if link.peer else [])]
        stays = (netns, link.name) not in leaving and all(_is_same(was, now, *end) for end in ends)
        # What is made is removed with its namespace.
        if (link.kind and netns not in replaced and not stays) or (link.origin and not stays):
            yield Removal(netns, Link(link.name, link.kind, origin=link.origin, shared=True))


def _is_same(was: Document, now: Document, netns: str, name: str) -> bool:
    """Whether a link stays what it is: one of which less is asked for now would keep what it had."""
    link, twin = was.namespaces[netns].links[name], now.namespaces[netns].links.get(name)
    if twin is None or link.attributes.keys() - twin.attributes.keys():
        return False
    return (link.kind, link.peer, link.origin) == (twin.kind, twin.peer, twin.origin)


def _outside(was: Document, now: Document) -> Iterator[Removal]:
    """The host's links that nothing needs any more, except those that lead to a namespace that stays."""
    for link in was.at("").links.values():
        kept = link.name in now.at("").links
        if link.kind and not kept and (link.peer is None or link.peer[0] in now.namespaces):
            yield Removal("", Link(link.name, link.kind, shared=True), AFTER)
