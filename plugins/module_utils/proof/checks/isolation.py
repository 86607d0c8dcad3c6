# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolation: pods of different overlays do not answer each other, nor does whatever a driver keeps apart."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Neighbourhood, Pair, Target, speaks


def _targets(around: Neighbourhood) -> Iterator[Target]:
    for overlay in around.overlays:
        others = [
            target._replace(answers=False)
            for other in around.overlays
            if other is not overlay
            for target in around.pods(other.name)
        ]
        for end in around.probing(overlay.name):
            yield from (target.probed_from(end.pod) for target in others if speaks(end, target.address))


def _about(pair: Pair) -> bool:
    return not pair.target.answers


def _causes(_evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    if pair.result.received or pair.result.tcp in ("open", "refused"):
        overlay = pair.target.overlay
        text = f"pods of overlay {overlay} answer pods of another" if overlay else "addresses answer that must not"
        yield Cause(pair.target.host, text, pair.target.address)


CHECK = Check(
    "isolation",
    about=_about,
    causes=_causes,
    remedy="run weft.fabric.site with the tag overlay, and look for routes and firewall rules that connect the two",
    targets=_targets,
)
