# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that give packets the address of the interface by which they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import parameters, table_section

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Rule


def _parse(where: str, given: Any) -> tuple[str, tuple[Rule, ...]] | None:
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import TABLE, masquerade_of, table_name

    found = parameters(where, given, ("table", "rules"))
    table = table_name(f"{where}.table", values.text("table", found.get("table", TABLE)))
    rules = values.items("rules", found.get("rules"))
    return (table, masquerade_of(rules)) if rules else None


SECTION = table_section("masquerade", _parse)
