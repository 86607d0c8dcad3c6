# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed: what is listed, and what the last version of a document made and this one does not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.host import attach
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Left, Stored
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, Removal


def marked(wanted: Stored, last: Stored | None, gone: Stored | None = None) -> Stored:
    """A document with what has to go: what is left of its last version, and what is listed.

    :param last: None: nothing is known of it.
    :param gone: what is listed.
    """
    known = last.cni if last else ()
    if wanted.absent:
        return _as_made(wanted, known)
    left = _listed(gone, known) if gone else Left((), (), ())
    isolation = wanted.isolation
    if last and wanted.purge_links:
        was, now = attach.merged(last, last.cni), attach.merged(wanted, wanted.cni)
        both = [netns for netns in was.namespaces if netns in now.namespaces]
        replaced = [netns for netns in both if was.namespaces[netns].joins != now.namespaces[netns].joins]
        leaving = tuple(item for item in last.cni if item.netns in both and not _stays(item, wanted))
        removals = [removal for netns in both if netns for removal in _inside(netns, was, now, replaced, leaving)]
        apart = [name for name in replaced if now.namespaces[name].joins is None]
        removals += [Removal("", Namespace(name, was.namespaces[name].joins)) for name in apart]
        removals += _outside(was, now)
        left = Left([*removals, *left.removals], [*replaced, *left.replaced], (*leaving, *left.cni))
        isolation = wanted.isolation or (last.isolation and (last.isolation[0], None))
    if not any(left) and isolation == wanted.isolation:
        return wanted
    return replace(wanted, left=left, isolation=isolation)


def _listed(gone: Stored, known: Sequence[Attachment]) -> Left:
    topology = gone.topology or Document()
    gone = _as_made(gone, known)
    interfaces = Document(absent=True)
    for item in gone.cni:
        attach.add_own_link(interfaces, item)
    names = [netns for netns in topology.namespaces if netns]
    removals = [
        *(
            Removal(netns, replace(link, shared=True))
            for netns, desired in interfaces.namespaces.items()
            for link in desired.links.values()
            # What was made is removed with its namespace.
            if link.origin or netns not in topology.namespaces
        ),
        *(Removal("", Namespace(name)) for name in names),
        *(Removal("", replace(link, shared=True), AFTER) for link in topology.at("").links.values() if link.kind),
    ]
    return Left(removals, names, gone.cni)


def _as_made(document: Stored, known: Sequence[Attachment]) -> Stored:
    """What has to be gone, with the interfaces in CNI networks that its containers have.

    Of one that is listed otherwise than it was made, the listed network knows neither the link nor the addresses.

    :param known: those of the document's last version.
    """
    spaces = document.topology.namespaces if document.topology else {}
    made = tuple(item for item in known if item.netns in spaces)
    names = {(item.netns, item.interface) for item in made}
    listed = tuple(item for item in document.cni if (item.netns, item.interface) not in names)
    return replace(document, cni=made + listed)


def _inside(
    netns: str, was: Document, now: Document, replaced: Sequence[str], leaving: Iterable[Attachment]
) -> Iterator[Removal]:
    """A container's interfaces that are not the same any more, or return to where they came from."""
    left = [item.interface for item in leaving if item.netns == netns]
    for link in was.namespaces[netns].links.values():
        ends = [(netns, link.name), *([link.peer] if link.peer else [])]
        stays = link.name not in left and all(_is_same(was, now, *end) for end in ends)
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
    """The host's links that nothing needs any more, except those that lead to a container that stays."""
    for link in was.at("").links.values():
        listed = link.name in now.at("").links
        if link.kind and not listed and (link.peer is None or link.peer[0] in now.namespaces):
            yield Removal("", Link(link.name, link.kind, shared=True), AFTER)


def _stays(item: Attachment, wanted: Stored) -> bool:
    """Whether an interface of a container is of the same plugin, and has its addresses from where it had them."""

    def key(one: Attachment) -> object:
        return one.netns, one.interface, one.container, one.network.plugin, one.network.ipam

    return any(key(item) == key(other) for other in wanted.cni)
