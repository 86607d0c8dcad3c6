# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods may send: packets from a pod's interface are dropped unless they have the pod's own addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils.sections.section import table_section

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Lookup
    from ansible_collections.weft.fabric.plugins.module_utils.nft.sources import Source

TABLE = "weft_sources"


def _parse(where: str, given: Any) -> tuple[str, frozenset[Source]] | None:
    from ansible_collections.weft.fabric.plugins.module_utils.nft import sources

    found = sources.parse(where, given)
    return (TABLE, found) if found else None


def _rules(content: frozenset[Source]) -> tuple[Lookup, ...]:
    from ansible_collections.weft.fabric.plugins.module_utils.nft import sources

    return sources.rules(content)


def _together(contents: Sequence[frozenset[Source]]) -> frozenset[Source]:
    return frozenset().union(*contents)


SECTION = table_section("sources", _parse, _rules, _together, families=("bridge", "inet"))
