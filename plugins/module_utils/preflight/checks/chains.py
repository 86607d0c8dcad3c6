# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall: no chain drops the packets that the host forwards."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.kernel import passage
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check, Finding, Wanted


def _find(_wanted: Wanted) -> Iterator[Finding]:
    for line in passage.stops(()):
        yield Finding(line, refuses=False)


CHECK = Check("firewall", _find)
