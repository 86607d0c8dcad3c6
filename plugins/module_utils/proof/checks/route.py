# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route: nodes have routes to each other's pod subnets."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks import _entries
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    return _entries.missing(evidence, pair, "routes", CHECK.layer)


CHECK = Check("route", about=silent, causes=_causes, remedy=_entries.REMEDY)
