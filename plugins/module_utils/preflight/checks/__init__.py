# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks: one file each, and one line each below, in the order in which their findings are listed.

Each file has one record, CHECK. check.py describes the record. Where the plan refuses something too, both ask the same
function.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks import (
    chains,
    files,
    links,
    managers,
    rights,
    services,
    software,
)
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check

CHECKS: tuple[Check, ...] = (
    rights.CHECK,
    software.CHECK,
    links.CHECK,
    files.CHECK,
    managers.CHECK,
    chains.CHECK,
    services.CHECK,
)
