# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Software: the libraries and programs that the sections of the documents need, and the version of pyroute2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata

from ansible_collections.weft.fabric.plugins.module_utils import sections
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check, Finding, Wanted

OLDEST = "0.7.2"

_ALWAYS = "topology"  # the status of a host needs it as well


def _find(wanted: Wanted) -> Iterator[Finding]:
    used = {name for document in wanted.documents.values() for name in document.values}
    for name in sections.NAMES:
        if name in used or name == _ALWAYS:
            section = sections.load(name)
            try:
                section.requires()
            except FabricError as error:
                yield Finding(str(error), packages=section.packages)
    version = installed("pyroute2")
    if version and _number(version) < _number(OLDEST):
        yield Finding(
            f"pyroute2 {version} is too old: install {OLDEST} or newer, with pip if the distribution has none"
        )


def installed(library: str) -> str:
    """The version of a Python library; empty: it is not installed, or does not say."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


CHECK = Check("software", _find)
