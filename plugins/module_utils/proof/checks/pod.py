# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pod: pods in no overlay reach what their driver connects them to."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence, hosts
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import (
    POD,
    UNDERLAY,
    End,
    Neighbourhood,
    Pair,
    Target,
    speaks,
)


def _targets(around: Neighbourhood) -> Iterator[Target]:
    """What the host and its pods reach beside the overlays, and what they must not reach."""
    everyone = [*around.nodes.values(), *(end for ends in around.ends.values() for end in ends)]
    for one in (around.nodes[around.host], *around.ends[around.host]):
        if one.joins or one.loopback:
            # The server on its loopback interface: its own, or that of the pod whose namespace it is in.
            yield Target(one.pod, around.host, one.pod, POD, "127.0.0.1", "")
        for other in everyone:
            yield from _between(around, one, other)


def _between(around: Neighbourhood, one: End, other: End) -> Iterator[Target]:
    """The targets from an end to another."""
    answers = None if one is other else around.reaches(one, other)
    if answers is None:
        return
    # A pod in its host's namespace has the host's addresses.
    for address in other.addresses or around.nodes[other.host].addresses:
        if not one.addresses or speaks(one, address):
            yield Target(one.pod, other.host, other.pod, POD if other.pod else UNDERLAY, address, "", answers)


def _about(pair: Pair) -> bool:
    return pair.target.answers and not pair.target.overlay


def _causes(_evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    if not pair.result.reachable:
        text = "pods do not reach what their driver connects them to"
        yield from (Cause(host, text) for host in hosts(pair))


CHECK = Check(
    "pod",
    about=_about,
    causes=_causes,
    remedy="run weft.fabric.site with the tag pods, and look at the network that the pod's driver connects it to",
    elsewhere=True,
    targets=_targets,
)
