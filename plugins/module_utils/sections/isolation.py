# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that are kept apart: packets from one group of them to another are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import table_section

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Drop

TABLE = "weft_isolation"


def _parse(where: str, given: Any) -> tuple[str, tuple[Drop, ...]] | None:
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import isolated

    rules = isolated(values.items(where, given))
    return (TABLE, rules) if rules else None


SECTION = table_section("isolation", _parse)
