# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MTU: packets as long as the overlay's MTU arrive."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks.check import Check, answered
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import UNDERLAY, Pair


def _about(pair: Pair) -> bool:
    return answered(pair) and pair.target.kind != UNDERLAY and pair.result.pmtu is not None


def _causes(evidence: Evidence, pair: Pair) -> Iterator[str]:
    nodes = evidence.overlay(pair.target).nodes
    known = [host for host in (pair.host, pair.target.host) if host in evidence.mtus]
    mtu = min((evidence.mtus[host] - nodes[host].mtu_overhead for host in known), default=0)
    if pair.result.pmtu is not None and pair.result.pmtu < mtu:
        yield f"packets beyond {pair.result.pmtu} bytes do not arrive, the overlay's MTU is {mtu}"


CHECK = Check(
    "MTU",
    about=_about,
    causes=_causes,
    remedy="give switches and routers between the nodes the MTU of the nodes' interfaces, or these a smaller one",
)
