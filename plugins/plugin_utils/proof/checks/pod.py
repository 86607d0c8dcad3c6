# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pod: pods in no overlay reach what their driver connects them to."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import End
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks.check import Cause, Check
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.evidence import Evidence, hosts
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import (
    POD,
    UNDERLAY,
    Neighbourhood,
    Pair,
    Target,
    speaks,
)


def _targets(around: Neighbourhood) -> Iterator[Target]:
    """What the host and its pods reach beside the overlays, and what they must not reach."""
    nodes = {name: around.fabric.itself(name) for name in around.ends}
    everyone = [*nodes.values(), *(end for ends in around.ends.values() for end in ends)]
    for one in (nodes[around.host], *around.ends[around.host]):
        if one.joins or (one.network and one.network.driver.loopback):
            # The server on its loopback interface: its own, or that of the pod whose namespace it is in.
            yield Target(one.pod, around.host, one.pod, POD, "127.0.0.1", "")
        for other in everyone:
            yield from _between(one, other, nodes[other.host])


def _between(one: End, other: End, node: End) -> Iterator[Target]:
    """The targets from an end to another.

    :param node: the other end's node, whose addresses a pod in the host's namespace has.
    """
    answers = None if one is other else drivers.reaches(one, other)
    if answers is None:
        return
    for address in other.addresses or node.addresses:
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
