# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on each pair that was probed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import evidence
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks import CHECKS
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks.check import Check
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.scope import peers
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import Neighbourhood, Pair, result_of
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.targets import targets


class Verdict(NamedTuple):
    """A pair, and the layer that fails.

    :ivar check: of this layer. None: the pair holds.
    :ivar unproved: whether the cause may be on a host that was not looked at.
    """

    pair: Pair
    check: Check | None = None
    cause: str = ""
    unproved: bool = False

    @property
    def text(self) -> str:
        """The result in the table."""
        if self.check:
            return f"{'unproved' if self.unproved else 'FAILED'}: {self.check.layer}"
        return "ok" if self.pair.target.answers else "isolated"


def verdicts(
    results: Mapping[str, Sequence[Mapping[str, Any]]],
    fabric: Fabric,
    mtus: Mapping[str, int],
    states: Mapping[str, Mapping[str, Any]],
    scope: str,
) -> list[Verdict]:
    """The verdicts on all pairs, in the order of hosts and of their probes.

    :param results: by host, what weft.fabric.reachability returned for its probes.
    :param mtus: by host, the MTU of its underlay interface in bytes.
    :param states: by host, ``namespaces`` as weft.fabric.topology_info returned them. A host may be missing, or have
        none.
    :param scope: that of the probes.
    """
    nodes = list(fabric.nodes)
    ends = {node: fabric.ends(node) for node in nodes}
    pairs = []
    for host, measured in results.items():
        around = Neighbourhood(fabric, host, {peer: ends[peer] for peer in peers(host, nodes, scope)})
        pairs += [Pair(host, target, result_of(found)) for target, found in zip(targets(around), measured)]
    found = evidence.gather(fabric, ends, pairs, mtus, states)
    return [_verdict(found, pair, pair.target.host in results) for pair in pairs]


def _verdict(found: evidence.Evidence, pair: Pair, looked_at: bool) -> Verdict:
    """The first cause, lowest layer first."""
    for check in CHECKS:
        if check.about(pair):
            for cause in check.causes(found, pair):
                return Verdict(pair, check, cause, check.elsewhere and not looked_at)
    return Verdict(pair)
