# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document with everything that it leaves to the host: some kinds of link take options from files."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link


def resolved(document: Document, check: bool = False) -> tuple[Document, list[str]]:
    """The document that is planned, and warnings.

    :param check: a file that does not exist is only a warning, because an earlier task may be about to create it.
    :raises FabricError: there is no such file, or not what it should hold.
    """
    warnings: list[str] = []

    def missing(message: str) -> None:
        if not check:
            raise FabricError(message)
        warnings.append(f"{message} (check mode: taken as if it did)")

    def link_of(link: Link) -> Link:
        resolve = kind_of(link.kind).resolve
        return replace(link, attributes=resolve(link.where, link.attributes, missing)) if resolve else link

    namespaces = {
        netns: replace(desired, links={name: link_of(link) for name, link in desired.links.items()})
        for netns, desired in document.namespaces.items()
    }
    return replace(document, namespaces=namespaces), warnings
