# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed because an earlier document listed it, and the one that is wanted does not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, filterfalse
from typing import Any, NamedTuple, TypeVar

from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, Removal

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Left(NamedTuple):
    """What is removed.

    :ivar removals: namespaces, links and entries.
    :ivar replaced: names of namespaces that are removed, or made anew.
    """

    removals: Sequence[Removal]
    replaced: Sequence[str]


def between(was: Document, now: Document, leaving: Collection[tuple[str, str]]) -> Left:
    """What a document lists, and a newer one does not.

    :param leaving: interfaces, each with its namespace, that are removed even where the newer one lists an equal one.
    """
    nothing = Desired()
    gone, replaced = _not_the_same(was, now)
    anew = [*gone, *replaced]
    inside = [removal for netns in was.namespaces if netns for removal in _inside(netns, was, now, anew, leaving)]
    apart = [netns for netns in replaced if now.at(netns).joins is None]
    names = [Removal("", Namespace(netns, was.at(netns).joins)) for netns in (*gone, *apart)]
    entries = chain.from_iterable(
        _entries(netns, desired, now.namespaces.get(netns, nothing), was.route_protocol)
        for netns, desired in was.namespaces.items()
        if netns not in anew
    )
    return Left([*inside, *names, *_outside(was, now), *entries], anew)


def _not_the_same(was: Document, now: Document) -> tuple[list[str], list[str]]:
    """The namespaces that a document makes and a newer one does not, and those that it makes as others."""
    nothing = Desired()
    made = [netns for netns, desired in was.namespaces.items() if desired.create]
    gone = [netns for netns in made if not now.namespaces.get(netns, nothing).create]
    return gone, [netns for netns in made if netns not in gone and was.at(netns).joins != now.at(netns).joins]


def _inside(
    netns: str, was: Document, now: Document, anew: Sequence[str], leaving: Collection[tuple[str, str]]
) -> Iterator[Removal]:
    """Interfaces of a namespace that are not the same any more, or return to where they came from."""
    for link in was.namespaces[netns].links.values():
        ends = [(netns, link.name), *([link.peer] if link.peer else [])]
        stays = (netns, link.name) not in leaving and all(_is_same(was, now, *end) for end in ends)
        # What is made is removed with its namespace.
        if (link.kind and netns not in anew and not stays) or (link.origin and not stays):
            yield Removal(netns, Link(link.name, link.kind, origin=link.origin, shared=True))


def _is_same(was: Document, now: Document, netns: str, name: str) -> bool:
    """Whether a link stays what it is: one of which less is asked for now would keep what it had."""
    link, twin = was.namespaces[netns].links[name], now.namespaces.get(netns, Desired()).links.get(name)
    if twin is None or link.attributes.keys() - twin.attributes.keys():
        return False
    return (link.kind, link.peer, link.origin) == (twin.kind, twin.peer, twin.origin)


def _outside(was: Document, now: Document) -> Iterator[Removal]:
    """The host's links that nothing needs any more, and its interfaces that were made ports."""
    kept = now.namespaces.get("", Desired()).links
    for link in was.namespaces.get("", Desired()).links.values():
        controller = link.attributes.get("controller")
        if link.kind and link.name not in kept:
            yield Removal("", Link(link.name, link.kind, shared=True), AFTER)
        elif controller and not link.kind and "controller" not in kept.get(link.name, Link(link.name)).attributes:
            yield Removal("", Link(link.name, attributes={"controller": controller}), AFTER)


def _entries(netns: str, was: Desired, now: Desired, protocol: int) -> Iterator[Removal]:
    """Entries of a namespace that stays: the routes with our mark, and all others."""
    routes = [
        route._replace(protocol=route.protocol or was.protocols.get(key, protocol))
        for key, route in _without(was.routes, now.routes)
    ]
    neighbours = [
        Neighbour(dev, dst, lladdr)
        for dev, entries in was.neighbours.items()
        for dst, lladdr in _without(entries, now.neighbours.get(dev, {}))
    ]
    fdb = make_all(FdbEntry, filterfalse(now.fdb.__contains__, was.fdb))
    kept = {address[:2] for address in now.addresses}
    addresses = [address for address in was.addresses if address[:2] not in kept]
    rules = [rule._replace(protocol=protocol) for _key, rule in _without(was.rules, now.rules)]
    behind = [entry for _key, entry in _without(was.bridge_fdb, now.bridge_fdb)]
    items: Iterator[Any] = chain(routes, rules, neighbours, fdb, behind, addresses)
    return (Removal(netns, item, AFTER) for item in items)


def _without(was: Mapping[_Key, _Value], now: Mapping[_Key, object]) -> Iterator[tuple[_Key, _Value]]:
    """The items of one mapping that another one has not."""
    gone = [*filterfalse(now.__contains__, was)]
    return zip(gone, map(was.__getitem__, gone))
