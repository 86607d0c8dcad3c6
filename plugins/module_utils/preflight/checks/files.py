# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: the record can be read, and on an untouched host all files can be written."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host import generation, install, places
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check, Finding, Wanted

_ROOM = 1 << 20
"""Bytes that a generation takes at most, in most fabrics."""


def _find(wanted: Wanted) -> Iterator[Finding]:
    if generation.read().current:
        return  # what is left to write then, the plan knows
    changes = install.plan([wanted.documents])
    try:
        install.refuse_foreign(changes, (), frozenset())
    except FabricError as error:
        yield Finding(str(error))
    install.check(wanted.documents, changes, {f"{places.DIRECTORY}/{places.GENERATIONS}": _ROOM})


CHECK = Check("files", _find)
