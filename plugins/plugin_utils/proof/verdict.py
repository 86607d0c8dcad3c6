# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on each pair that was probed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import evidence
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks import CHECKS
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks.check import Cause, Check
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.reported import Reported
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.scope import peers
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import (
    Neighbourhood,
    Pair,
    Result,
    Target,
    result_of,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.targets import targets

ABSENT = "not in this run"
"""Why a host was not looked at: --limit left it out."""

_NOTHING = Result(None, False, None, None, 0, None, None, None, None, None, None)


class Verdict(NamedTuple):
    """A pair, and the layer that fails.

    :ivar check: of this layer. None: the pair holds.
    :ivar causes: what may be wrong in this layer.
    :ivar unproved: the pair may fail because of a host that was not looked at. Why it was not, ABSENT or as in
        Reported.missing. Empty: it was.
    :ivar probed: False: the host that should have probed is not in the run any more.
    """

    pair: Pair
    check: Check | None = None
    causes: tuple[Cause, ...] = ()
    unproved: str = ""
    probed: bool = True

    @property
    def text(self) -> str:
        """The result in the table."""
        if not self.probed:
            return f"not probed: {self.unproved}"
        if self.check and self.unproved:
            return f"unproved: {self.check.layer if self.unproved == ABSENT else self.unproved}"
        if self.check:
            return f"FAILED: {self.check.layer}"
        return "ok" if self.pair.target.answers else "isolated"


def failing(found: Iterable[Verdict]) -> list[Verdict]:
    """The pairs that do not hold, whatever is on hosts that were not looked at."""
    return [verdict for verdict in found if verdict.check and not verdict.unproved]


def verdicts(reported: Reported, fabric: Fabric, scope: str) -> list[Verdict]:
    """The verdicts on all pairs, in the order of hosts and of their probes.

    :param scope: that of the probes.
    """
    nodes = list(fabric.nodes)
    ends = {node: fabric.ends(node) for node in nodes}

    def of(host: str) -> list[Target]:
        return targets(Neighbourhood(fabric, host, {peer: ends[peer] for peer in peers(host, nodes, scope)}))

    pairs = [
        Pair(host, target, result_of(measured))
        for host, of_host in reported.results.items()
        for target, measured in zip(of(host), of_host)
    ]
    found = evidence.gather(fabric, ends, pairs, reported)
    away = {node: reported.missing.get(node, ABSENT) for node in nodes if node not in reported.results}
    return [
        *(_verdict(found, pair, away.get(pair.target.host, "")) for pair in pairs),
        *(
            Verdict(Pair(host, target, _NOTHING), unproved=reason, probed=False)
            for host, reason in reported.missing.items()
            if host in away
            for target in of(host)
        ),
    ]


def _verdict(found: evidence.Evidence, pair: Pair, away: str) -> Verdict:
    """The lowest layer in which something is wrong."""
    for check in CHECKS:
        if check.about(pair):
            causes = tuple(check.causes(found, pair))
            if causes:
                return Verdict(pair, check, causes, away if check.elsewhere else "")
    return Verdict(pair)
