# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document with ``state: absent``, as removals."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal


def listed(document: Document) -> Iterator[Removal]:
    """The removals of everything that a document lists.

    A link without a kind or an origin stays, because this collection did not create it.
    """
    for netns, desired in document.namespaces.items():
        neighbours = [
            Neighbour(dev, dst, lladdr)
            for dev, listed_there in desired.neighbours.items()
            for dst, lladdr in listed_there.items()
        ]
        links = [link for link in desired.links.values() if link.kind or link.origin]
        entries = [*neighbours, *make_all(FdbEntry, desired.fdb), *desired.bridge_fdb.values()]
        rules, routes = desired.rules.values(), desired.routes.values()
        for items in (rules, routes, entries, desired.addresses, links):
            for item in items:
                yield Removal(netns, item, strict=True)
        if desired.create:
            yield Removal("", Namespace(netns), strict=True)
