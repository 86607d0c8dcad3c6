# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managers: no other network manager removes what the documents make."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.host import managers
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check, Finding, Wanted


def _find(wanted: Wanted) -> Iterator[Finding]:
    for line in managers.obstacles(wanted.whole):
        yield Finding(line, refuses=False)


CHECK = Check("managers", _find)
