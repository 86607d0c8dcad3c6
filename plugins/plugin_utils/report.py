# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof as a table, as a matrix and as a picture. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.plugin_utils.evidence import Evidence
from ansible_collections.weft.fabric.plugins.plugin_utils.figures import heat_map, text
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import (
    BRIDGES,
    Networks,
    Overlays,
    Pods,
    Target,
    node_names,
    peers,
)

COLUMNS = ("from", "to", "rtt ms", "ttl", "pmtu", "http", "source seen", "result")
_NAMES = ("from", "to", "source seen", "result")

_LONGEST_TABLE = 200
"""Rows. Of more pairs than that, the table has those that fail and the slowest."""

_WORST = 10
"""Rows of the slowest pairs."""

_PERCENTILES = (50, 90, 99, 100)

_LISTED = 100
"""Failures that are written out, and so many of them have a row in the table of many pairs."""

_ANYWHERE = ("underlay", "forwarding", "HTTP", "pod")
"""Layers whose cause may be on a host that was not looked at."""


def report(
    results: Mapping[str, Sequence[Mapping[str, Any]]],
    overlays: Overlays,
    pods: Pods,
    mtus: Mapping[str, int],
    states: Mapping[str, Mapping[str, Any]],
    networks: Networks = BRIDGES,
    scope: str = "all",
) -> dict[str, Any]:
    """The proof as a table, and what failed in it.

    :param results: by host, what weft.fabric.reachability returned for its probes().
    :param mtus: by host, the MTU of its underlay interface in bytes.
    :param states: by host, ``namespaces`` as weft.fabric.topology_info returned them. A host may be missing, or have
        none.
    :param networks: each node's pods_network.
    :param scope: that of the probes.
    :returns: ``lines`` of the table, and ``failures``, each a line that names the pair, the layer and the cause. A pair
        whose other end is on a host without results, and that nothing on this side keeps from working, is unproved.
        ``suspects`` are the nodes at the ends of pairs that do not hold, and ``matrix`` is matrix().
    """
    evidence = Evidence(results, overlays, pods, mtus, states, networks, scope)
    proved = [_proved(host, target, result, evidence, results) for host, target, result in evidence.pairs]
    bad = [pair for pair in proved if pair.layer]
    failures = [
        f"{_source(pair.host, pair.target)} -> {pair.target.name} {pair.target.address}: {pair.layer}: {pair.cause}"
        for pair in bad
        if not pair.unproved
    ]
    unproved = len(bad) - len(failures)
    summary = f"{len(proved) - len(bad)} of {len(proved)} pairs hold, {len(failures)} fail"
    if unproved:
        summary += f", {unproved} unproved: the other end is on a host that is not in this run"
    nodes = node_names(overlays)
    return {
        "lines": [*_shown(proved), *_sampled(results, nodes, scope), summary],
        "failures": failures[:_LISTED] + [f"and {len(failures) - _LISTED} more"] * (len(failures) > _LISTED),
        "suspects": sorted({name for pair in bad for name in (pair.host, pair.target.host)}),
        "matrix": matrix(proved, nodes),
    }


class Proved(NamedTuple):
    """A pair that was measured, and what that says.

    :ivar layer: the one that fails; empty: none.
    :ivar unproved: whether the cause may be on a host that was not looked at.
    """

    host: str
    target: Target
    result: Mapping[str, Any]
    layer: str
    cause: str
    unproved: bool

    @property
    def verdict(self) -> str:
        """As the table says it."""
        if self.layer:
            return f"{'unproved' if self.unproved else 'FAILED'}: {self.layer}"
        return "ok" if self.target.answers else "isolated"

    @property
    def rtt(self) -> float | None:
        """Mean round trip time in milliseconds; None: there was no reply."""
        return self.result["rtt"]["avg"] if self.result["rtt"] else None


def _proved(
    host: str, target: Target, result: Mapping[str, Any], evidence: Evidence, results: Mapping[str, Any]
) -> Proved:
    layer, cause = evidence.judge(host, target, result)
    return Proved(host, target, result, layer, cause, layer in _ANYWHERE and target.host not in results)


def matrix(proved: Iterable[Proved], nodes: Sequence[str]) -> dict[str, Any]:
    """The proof from node to node.

    :param nodes: all, in the order of their numbers.
    :returns: ``nodes``, and ``cells``, by probing and probed node: the longest mean round trip time of all pairs
        between the two, in milliseconds, the verdict of one that does not hold, or None: nothing was probed.
    """
    places = {name: at for at, name in enumerate(nodes)}
    cells: list[list[Any]] = [[None] * len(nodes) for _name in nodes]
    for pair in proved:
        row, at = cells[places[pair.host]], places[pair.target.host]
        found = row[at]
        if pair.layer:
            # What fails goes before what is unproved.
            row[at] = min(found, pair.verdict) if isinstance(found, str) else pair.verdict
        elif pair.rtt is not None and not isinstance(found, str):
            row[at] = pair.rtt if found is None else max(found, pair.rtt)
    return {"nodes": list(nodes), "cells": cells}


def picture(found: Mapping[str, Any]) -> str:
    """A matrix() as a heat map in SVG."""
    words = ("FAILED", "unproved")
    cells = [[cell.split(":")[0] if isinstance(cell, str) else cell for cell in row] for row in found["cells"]]
    return heat_map.heat_map("Round trip time, from row to column", "ms", found["nodes"], found["nodes"], cells, words)


def _shown(proved: Sequence[Proved]) -> list[str]:
    """The table: of few pairs all, of many those that do not hold and the slowest of the others, and percentiles."""
    if len(proved) <= _LONGEST_TABLE:
        return text.table([COLUMNS, *map(_row, proved)], _NAMES)
    bad = [pair for pair in proved if pair.layer][:_LISTED]
    held = sorted(
        (pair for pair in proved if not pair.layer and pair.rtt is not None), key=lambda pair: pair.rtt, reverse=True
    )
    lines = text.table([COLUMNS, *map(_row, (*bad, *held[:_WORST]))], _NAMES)
    if held:
        times = [(part, held[len(held) - max(1, math.ceil(len(held) * part / 100))].rtt) for part in _PERCENTILES]
        told = ", ".join(f"{part} % within {rtt:.3f}" for part, rtt in times)
        lines.append(f"rtt ms of the {len(held)} pairs that answer: {told}; the {len(held[:_WORST])} slowest are above")
    return lines


def _sampled(results: Mapping[str, Any], nodes: Sequence[str], scope: str) -> list[str]:
    few = [len(peers(host, nodes, scope)) - 1 for host in results]
    if not few or max(few) == len(nodes) - 1:
        return []
    return [f"a sample: each of {len(nodes)} nodes probes {max(few)} others; verify_scope=all is for all of them"]


def _source(host: str, target: Target) -> str:
    return f"{host}/{target.netns}" if target.netns else host


def _row(pair: Proved) -> tuple[str, ...]:
    result = pair.result
    http = result["http"] or {}
    loss = f", {result['loss']:g} % lost" if result["loss"] and result["received"] else ""
    cells = (
        _source(pair.host, pair.target),
        f"{pair.target.name} {pair.target.address}",
        f"{pair.rtt:.3f}" if pair.rtt is not None else None,
        result["ttl"],
        result["pmtu"],
        http.get("status"),
        http.get("source"),
        pair.verdict + loss,
    )
    return tuple("-" if cell is None else str(cell) for cell in cells)
