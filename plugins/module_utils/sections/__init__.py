# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of a document: one file each, and one line each below, in the order in which they are carried out.

A file holds one record, SECTION, which says all that the collection knows of the section: how it is parsed, planned,
applied, removed and shown, and what it owns on a host. Nothing outside of this package knows a section by name.
section.py says what a record holds.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Section

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. A section is imported when a document has it: Python compiles in each
    # call what is imported.
    from ansible_collections.weft.fabric.plugins.module_utils.sections import (  # noqa: F401
        cni,
        echo_server,
        isolation,
        masquerade,
        sysctl,
        topology,
    )

NAMES = (
    "isolation",  # keeps networks apart before there is a way between them
    "topology",
    "sysctl",  # has parameters of links
    "masquerade",
    "cni",  # masquerades addresses, and reports MAC addresses of links
    "echo_server",  # runs in namespaces
)


def load(name: str) -> Section:
    """The record of a section."""
    return cast(Section, import_module(f"{__name__}.{name}").SECTION)
