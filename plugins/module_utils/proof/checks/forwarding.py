# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarding: nodes and pods reach the VTEPs and pods of their overlay, with all lower layers as planned."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence, hosts
from ansible_collections.weft.fabric.plugins.module_utils.proof.planned import Overlay
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import (
    VTEP,
    Neighbourhood,
    Pair,
    Target,
    speaks,
)


def _targets(around: Neighbourhood) -> Iterator[Target]:
    for overlay in around.overlays:
        vteps, pods = _vteps(around, overlay), around.pods(overlay.name)
        yield from (target for target in vteps if target.host != around.host)
        yield from pods
        for end in around.probing(overlay.name):
            for target in (*vteps, *pods):
                if speaks(end, target.address) and (target.host, target.pod) != (around.host, end.pod):
                    yield target.probed_from(end.pod)


def _vteps(around: Neighbourhood, overlay: Overlay) -> list[Target]:
    return [
        Target("", node, "", VTEP, vtep, overlay.name)
        for node in around.ends
        for vtep in overlay.nodes[node].vteps
        if overlay.tunnelled
    ]


def _causes(_evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    for host in hosts(pair):
        yield Cause(host, "packets do not get through, though links, entries and routes are as planned")


CHECK = Check(
    "forwarding",
    about=silent,
    causes=_causes,
    remedy="look at ip_forward, rp_filter, the interfaces of pods, and firewalls",
    elsewhere=True,
    targets=_targets,
)
