# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Underlay: nodes reach each other's underlay addresses."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof import evidence as found
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import UNDERLAY, Neighbourhood, Pair, Target


def _targets(around: Neighbourhood) -> Iterator[Target]:
    first = around.overlays[0]
    for node in around.ends:
        if node != around.host:
            yield Target("", node, "", UNDERLAY, first.nodes[node].underlay, first.name)


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    for near, far in found.both_ways(pair):
        if (near, far) in evidence.deaf:
            address = evidence.overlay(pair.target).nodes[far].underlay
            for host in (far, near):
                yield Cause(host, "no answer in the underlay", f"{near} -> {far} {address}: {evidence.deaf[near, far]}")


CHECK = Check(
    "underlay",
    about=silent,
    causes=_causes,
    remedy="look at the interface of overlay_node.dev, its address, and the routes and switches between the nodes",
    elsewhere=True,
    targets=_targets,
)
