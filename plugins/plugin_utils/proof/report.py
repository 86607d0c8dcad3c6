# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof for people: a table, and what failed in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.figures import text
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.matrix import Matrix, matrix
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.scope import peers
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.verdict import Verdict, verdicts

COLUMNS = ("from", "to", "rtt ms", "ttl", "pmtu", "http", "source seen", "result")
_NAMES = ("from", "to", "source seen", "result")

_LONGEST_TABLE = 200
"""Rows. With more pairs, the table has those that fail and the slowest."""

_WORST = 10
"""Rows of the slowest pairs."""

_PERCENTILES = (50, 90, 99, 100)

_LISTED = 100
"""Failures that are written out. As many have a row in the table of many pairs."""


@dataclass(frozen=True)
class Report:
    """The proof.

    :ivar lines: of the table.
    :ivar failures: each a line that names the pair, the layer and the cause.
    :ivar remedies: for each layer that fails, what to do.
    :ivar suspects: the nodes at the ends of pairs that do not hold.
    """

    lines: list[str]
    failures: list[str]
    remedies: list[str]
    suspects: list[str]
    matrix: Matrix


def report(
    results: Mapping[str, Sequence[Mapping[str, Any]]],
    fabric: Fabric,
    mtus: Mapping[str, int],
    states: Mapping[str, Mapping[str, Any]],
    scope: str,
) -> Report:
    """The proof, from what verdicts() takes.

    A pair whose other end is on a host without results, and that nothing on this side keeps from working, is unproved.
    """
    found = verdicts(results, fabric, mtus, states, scope)
    bad = [verdict for verdict in found if verdict.check]
    failed = [verdict for verdict in bad if not verdict.unproved]
    summary = f"{len(found) - len(bad)} of {len(found)} pairs hold, {len(failed)} fail"
    if len(failed) < len(bad):
        summary += f", {len(bad) - len(failed)} unproved: the other end is on a host that is not in this run"
    nodes = list(fabric.nodes)
    checks = dict.fromkeys(verdict.check for verdict in failed if verdict.check)
    return Report(
        lines=[*_table(found), *_sampled(results, nodes, scope), summary],
        failures=[*map(_failure, failed[:_LISTED]), *_more(len(failed) - _LISTED)],
        remedies=[f"{check.layer}: {check.remedy}" for check in checks],
        suspects=sorted({name for verdict in bad for name in (verdict.pair.host, verdict.pair.target.host)}),
        matrix=matrix([_cell(verdict) for verdict in found], nodes),
    )


def _failure(verdict: Verdict) -> str:
    pair, layer = verdict.pair, verdict.check.layer if verdict.check else ""
    return f"{pair.source} -> {pair.target.name} {pair.target.address}: {layer}: {verdict.cause}"


def _more(count: int) -> list[str]:
    return [f"and {count} more"] if count > 0 else []


def _cell(verdict: Verdict) -> tuple[str, str, float | str | None]:
    pair = verdict.pair
    return pair.host, pair.target.host, verdict.text if verdict.check else pair.result.rtt


def _table(found: Sequence[Verdict]) -> list[str]:
    """All of few pairs. Of many, those that do not hold, the slowest of the others, and percentiles."""
    if len(found) <= _LONGEST_TABLE:
        return text.table([COLUMNS, *map(_row, found)], _NAMES)
    bad = [verdict for verdict in found if verdict.check][:_LISTED]
    held = [
        (verdict.pair.result.rtt, verdict)
        for verdict in found
        if not verdict.check and verdict.pair.result.rtt is not None
    ]
    held.sort(key=lambda item: item[0], reverse=True)
    slowest = [verdict for _rtt, verdict in held[:_WORST]]
    lines = text.table([COLUMNS, *map(_row, (*bad, *slowest))], _NAMES)
    if held:
        times = [(part, held[len(held) - max(1, math.ceil(len(held) * part / 100))][0]) for part in _PERCENTILES]
        told = ", ".join(f"{part} % within {rtt:.3f}" for part, rtt in times)
        lines.append(f"rtt ms of the {len(held)} pairs that answer: {told}; the {len(slowest)} slowest are above")
    return lines


def _sampled(results: Mapping[str, Any], nodes: Sequence[str], scope: str) -> list[str]:
    few = [len(peers(host, nodes, scope)) - 1 for host in results]
    if not few or max(few) == len(nodes) - 1:
        return []
    return [f"a sample: each of {len(nodes)} nodes probes {max(few)} others; verify_scope=all is for all of them"]


def _row(verdict: Verdict) -> tuple[str, ...]:
    pair, result = verdict.pair, verdict.pair.result
    loss = f", {result.loss:g} % lost" if result.loss and result.received else ""
    cells = (
        pair.source,
        f"{pair.target.name} {pair.target.address}",
        f"{result.rtt:.3f}" if result.rtt is not None else None,
        result.ttl,
        result.pmtu,
        result.status,
        result.seen,
        verdict.text + loss,
    )
    return tuple("-" if cell is None else str(cell) for cell in cells)
