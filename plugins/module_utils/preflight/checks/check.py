# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document


class Wanted(NamedTuple):
    """What a host is to have.

    :ivar whole: the topologies of all documents as one.
    """

    documents: Documents
    whole: Document


class Finding(NamedTuple):
    """Something that keeps a host from being part of the fabric, or may do so later.

    :ivar text: what it is, and the remedy, in one line.
    :ivar refuses: the plan refuses the host for it. Otherwise it is a warning.
    :ivar packages: the distribution's packages that are the remedy.
    """

    text: str
    refuses: bool = True
    packages: tuple[str, ...] = ()


class Check(NamedTuple):
    """A check.

    :ivar name: begins the line of each finding.
    :ivar find: what it finds. It changes nothing. A FabricError that it raises is a finding as well.
    """

    name: str
    find: Callable[[Wanted], Iterator[Finding]]
