# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of a document: one file each, and one line each below, in the order in which they are carried out.

Each file has one record, SECTION, with everything that the collection knows about the section: how it is parsed,
planned, applied, removed and shown, and which objects on a host belong to it. Nothing outside of this package knows a
section by name. section.py describes the record.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Section

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. A section is only imported if a document has it, because Python
    # compiles all imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.sections import (  # noqa: F401
        admission,
        cni,
        echo_server,
        isolation,
        masquerade,
        networks,
        sources,
        sysctl,
        topology,
    )

NAMES = (
    "admission",  # packets are checked before there is a device that takes them
    "sources",  # and pods are held to their addresses before they have a link
    "isolation",  # networks are kept apart before there are links between them
    "topology",
    "networks",  # the topology has read the routes
    "sysctl",  # some parameters are those of links
    "masquerade",
    "cni",  # its results contain MAC addresses of links
    "echo_server",  # servers run in namespaces
)


def load(name: str) -> Section:
    """The record of a section."""
    return cast(Section, import_module(f"{__name__}.{name}").SECTION)
