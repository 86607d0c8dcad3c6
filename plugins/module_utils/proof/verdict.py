# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on each pair that was probed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.proof import evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks import CHECKS
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Reported
from ansible_collections.weft.fabric.plugins.module_utils.proof.planned import Overlay
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import End, Pair, Result, Target, result_of

ABSENT = "not in this run"
"""Why a host was not looked at: --limit left it out."""

STALE = "not changed yet"
"""Why a host was not probed: it is in a later batch."""

_NOTHING = Result(None, False, None, None, 0, None, None, None, None, None, None)


@dataclass(frozen=True)
class Proof:
    """What is to be proved.

    :ivar overlays: those that are present, by name.
    :ivar ends: by host, its pods.
    :ivar targets: (host) -> what it probes.
    :ivar away: by host that nobody looks at, why not. What may be wrong there makes a pair unproved.
    :ivar lost: those of them that should have probed.
    :ivar stale: hosts that nobody probes yet.
    """

    overlays: Mapping[str, Overlay]
    ends: Mapping[str, Sequence[End]]
    targets: Callable[[str], Sequence[Target]]
    away: Mapping[str, str] = field(default_factory=dict)
    lost: Collection[str] = ()
    stale: Collection[str] = ()


class Verdict(NamedTuple):
    """A pair, and the layer that fails.

    :ivar check: of this layer. None: the pair holds, or nobody knows.
    :ivar causes: what may be wrong in this layer.
    :ivar unproved: why nobody knows whether the pair holds, STALE or as in Proof.away. Empty: it is known.
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
        if self.unproved:
            return f"unproved: {self.check.layer if self.check and self.unproved == ABSENT else self.unproved}"
        if self.check:
            return f"FAILED: {self.check.layer}"
        return "ok" if self.pair.target.answers else "isolated"


def failing(found: Iterable[Verdict]) -> list[Verdict]:
    """The pairs that do not hold, whatever is on hosts that were not looked at."""
    return [verdict for verdict in found if verdict.check and not verdict.unproved]


def verdicts(proof: Proof, reported: Reported) -> list[Verdict]:
    """The verdicts on all pairs, in the order of hosts and of their probes."""
    targets = {host: proof.targets(host) for host in (*reported.results, *proof.lost)}
    pairs = [
        Pair(host, target, result_of(measured))
        for host, of_host in reported.results.items()
        for target, measured in zip(probed(proof, targets[host]), of_host)
    ]
    found = evidence.gather(proof.overlays, proof.ends, pairs, reported)
    return [
        *(_verdict(found, pair, proof.away) for pair in pairs),
        *(
            Verdict(Pair(host, target, _NOTHING), unproved=STALE)
            for host in reported.results
            for target in targets[host]
            if target.host in proof.stale
        ),
        *(
            Verdict(Pair(host, target, _NOTHING), unproved=proof.away[host], probed=False)
            for host in proof.lost
            for target in targets[host]
        ),
    ]


def probed(proof: Proof, targets: Sequence[Target]) -> list[Target]:
    """Those of a host's targets that it probes now."""
    return [target for target in targets if target.host not in proof.stale]


def _verdict(found: evidence.Evidence, pair: Pair, away: Mapping[str, str]) -> Verdict:
    """The lowest layer in which something is wrong."""
    for check in CHECKS:
        if check.about(pair):
            causes = tuple(check.causes(found, pair))
            if causes:
                there = [cause.host for cause in causes if check.elsewhere and cause.host in away]
                return Verdict(pair, check, causes, away[there[0]] if there else "")
    return Verdict(pair)
