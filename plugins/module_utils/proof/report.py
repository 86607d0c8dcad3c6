# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof for people, a table and what failed in it, and the same as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import text
from ansible_collections.weft.fabric.plugins.module_utils.proof.faults import Fault, faults
from ansible_collections.weft.fabric.plugins.module_utils.proof.verdict import Verdict, failing

COLUMNS = ("from", "to", "rtt ms", "ttl", "pmtu", "http", "source seen", "result")
_NAMES = ("from", "to", "source seen", "result")

_LONGEST_TABLE = 200
"""Rows. With more pairs, the table has those that fail and the slowest."""

_WORST = 10
"""Rows of the slowest pairs."""

_PERCENTILES = (50, 90, 99, 100)

_NAMED = 5
"""Hosts that are named in a line of totals."""

_LISTED = 100
"""Faults that are written out. As many pairs that fail have a row in the table of many pairs."""


@dataclass(frozen=True)
class Report:
    """The proof.

    :ivar lines: of the table, and about each fault.
    :ivar faults: what is to be mended.
    :ivar culprits: the hosts that have faults.
    :ivar suspects: the nodes at the ends of pairs that do not hold.
    """

    lines: list[str]
    faults: list[Fault]
    culprits: list[str]
    suspects: list[str]


def report(found: Sequence[Verdict], probing: Sequence[str], remarks: Sequence[str] = ()) -> Report:
    """The proof.

    A pair whose other end is on a host without results, and that nothing on this side keeps from working, is unproved.

    :param probing: the hosts that have probed.
    :param remarks: lines below the table.
    """
    bad = [verdict for verdict in found if verdict.check]
    failed = failing(found)
    mended = faults(failed)
    return Report(
        lines=[*_table(found), *remarks, *_totals(found, failed), *_about(mended)],
        faults=mended,
        culprits=_culprits(mended, list(probing)),
        suspects=sorted({name for verdict in bad for name in (verdict.pair.host, verdict.pair.target.host)}),
    )


def as_data(found: Sequence[Verdict]) -> dict[str, Any]:
    """The proof as JSON has it: the file proof.json."""
    failed = failing(found)
    unproved = sum(bool(verdict.unproved) for verdict in found)
    return {
        "pairs": len(found),
        "hold": len(found) - len(failed) - unproved,
        "fail": len(failed),
        "unproved": unproved,
        "faults": [asdict(fault) for fault in faults(failed)],
        "results": [_result(verdict) for verdict in found],
    }


def _result(verdict: Verdict) -> dict[str, Any]:
    pair = verdict.pair
    return {
        "from": pair.source,
        "to": pair.target.name,
        "address": pair.target.address,
        "result": verdict.text,
        **{key: value for key, value in pair.result._asdict().items() if key not in ("reachable", "received")},
    }


def _totals(found: Sequence[Verdict], failed: Sequence[Verdict]) -> list[str]:
    """How many pairs hold and fail, and why others are not proved."""
    unproved = [verdict for verdict in found if verdict.unproved]
    lines = [f"{len(found) - len(failed) - len(unproved)} of {len(found)} pairs hold, {len(failed)} fail"]
    for reason in dict.fromkeys(verdict.unproved for verdict in unproved):
        for probed, word in ((False, "not probed"), (True, "unproved")):
            those = [verdict for verdict in unproved if verdict.unproved == reason and verdict.probed == probed]
            names = dict.fromkeys(verdict.pair.target.host if probed else verdict.pair.host for verdict in those)
            if those:
                count = f"{len(those)} {'pair' if len(those) == 1 else 'pairs'}"
                lines.append(f"{count} {word}: {_listed(list(names))} {reason}")
    return lines


def _listed(names: Sequence[str]) -> str:
    """Hosts as the subject of a sentence."""
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more are"
    *others, last = names
    return f"{', '.join(others)} and {last} are" if others else f"{last} is"


def _about(found: Sequence[Fault]) -> list[str]:
    lines = [line for fault in found[:_LISTED] for line in ("", *fault.lines)]
    return [*lines, "", f"and {len(found) - _LISTED} more faults"] if len(found) > _LISTED else lines


def _culprits(found: Sequence[Fault], probing: Sequence[str]) -> list[str]:
    """The hosts that have faults. If none of them is in the run, all hosts of the run."""
    named = {host for fault in found for host in fault.hosts}
    return [host for host in probing if host in named] or (list(probing) if found else [])


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
