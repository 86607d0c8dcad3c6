# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may send packets into overlays: packets to the UDP ports of VXLANs are dropped unless a peer has sent them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils.sections.section import table_section

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.nft.admission import Admission
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Lookup

TABLE = "weft_admission"


def _parse(where: str, given: Any) -> tuple[str, Admission] | None:
    from ansible_collections.weft.fabric.plugins.module_utils.nft import admission

    found = admission.parse(where, given)
    return (TABLE, found) if found.ports else None


def _rules(content: Admission) -> tuple[Lookup, ...]:
    from ansible_collections.weft.fabric.plugins.module_utils.nft import admission

    return admission.rules(content)


def _together(contents: Sequence[Admission]) -> Admission:
    from ansible_collections.weft.fabric.plugins.module_utils.nft import admission

    return admission.together(contents)


SECTION = table_section("admission", _parse, _rules, _together)
