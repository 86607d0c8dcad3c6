# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT: the echo server sees the address that the probe was sent from."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks.check import Check, answered
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import Pair


def _causes(_evidence: Evidence, pair: Pair) -> Iterator[str]:
    if pair.result.seen and pair.result.seen != pair.result.source:
        yield f"sent from {pair.result.source}, but the server saw {pair.result.seen}"


CHECK = Check(
    "NAT",
    about=answered,
    causes=_causes,
    remedy="exempt the overlay's networks from the host's masquerading rules (nft list ruleset)",
)
