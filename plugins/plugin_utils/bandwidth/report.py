# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison with the underlay, as a table and as a page with plots."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import text
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.pairs import UNDERLAY, Pair, Spot
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.samples import Figures, medians
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.schedule import DIRECTIONS
from ansible_collections.weft.fabric.plugins.plugin_utils.figures import page
from ansible_collections.weft.fabric.plugins.plugin_utils.figures.bar_chart import Bar, bar_chart

_NAMES = ("pair", "from", "to")


@dataclass(frozen=True)
class Report:
    """The comparison.

    :ivar lines: of the table.
    :ivar failures: each a line.
    :ivar page: HTML.
    """

    lines: list[str]
    failures: list[str]
    page: str


def report(results: Sequence[Mapping[str, Any]], pairs: Sequence[Pair], protocols: Sequence[str], about: str) -> Report:
    """The comparison of what was measured.

    :param results: as medians() takes them.
    :param about: a sentence on how it was measured.
    """
    figures, failures = medians(results, pairs)
    comparison = Comparison(pairs, figures, protocols)
    rows = comparison.table()
    shown = page.page("Bandwidth", f"<p>{html.escape(about)}</p>", *comparison.plots(), page.table(rows))
    return Report([*text.table(rows, _NAMES), "", about], failures, shown)


class Comparison:
    """The figures of all pairs beside those of the underlay between the same nodes."""

    def __init__(self, pairs: Sequence[Pair], figures: Mapping[str, Figures], protocols: Sequence[str]) -> None:
        self._pairs = pairs
        self._figures = figures
        self._protocols = list(dict.fromkeys(protocols))
        most = max((one.bits for found in figures.values() for one in found.samples.values()), default=0)
        self._scale, self._unit = (1e9, "Gbit/s") if most >= 1e9 else (1e6, "Mbit/s")

    def _underlay(self, pair: Pair) -> Figures | None:
        """The figures of the underlay between a pair's nodes, or of the first underlay within one node.

        None: the pair cannot be measured, or there is no underlay.
        """
        if pair.unavailable:
            return None
        bases = [base for base in self._pairs if base.name.split()[0] == UNDERLAY]
        same = [base for base in bases if base.hosts == pair.hosts]
        found = [*same, *(bases if len(pair.hosts) == 1 else [])]
        return self._figures[found[0].name] if found else None

    def table(self) -> list[list[str]]:
        """The head, and a row for each pair. A pair that cannot be measured has its name and the reason."""
        rows = [[*_NAMES]]
        for protocol in self._protocols:
            rows[0] += [f"{protocol.upper()} {self._unit} there", "back", "ratio"]
            rows[0] += ["lost %", "jitter ms"] if protocol == "udp" else []
        rows[0] += ["rtt ms", "ratio"]
        for pair in self._pairs:
            if pair.unavailable:
                rows.append([pair.name, f"not available: {pair.unavailable}"])
            else:
                rows.append([pair.name, _name(pair.from_), _name(pair.to)])
                rows[-1] += self._cells(self._figures[pair.name], self._underlay(pair))
        return rows

    def _cells(self, own: Figures, base: Figures | None) -> Iterator[str]:
        for protocol in self._protocols:
            found = [own.samples.get((protocol, direction)) for direction in DIRECTIONS]
            yield from (_figure(one.bits / self._scale if one else None) for one in found)
            yield _ratio(own.bits(protocol), base.bits(protocol) if base else None)
            if protocol == "udp":
                yield _worst(one.lost for one in found if one)
                yield _worst(one.jitter for one in found if one)
        yield _figure(own.rtt)
        yield _ratio(own.rtt, base.rtt if base else None)

    def plots(self) -> Iterator[str]:
        """A bar chart for each protocol, and one of the latency."""
        for protocol in self._protocols:
            rows = [Bar(pair.name, self._bars(pair, protocol), _note(pair)) for pair in self._pairs]
            title = f"{protocol.upper()} throughput, and its ratio to the underlay"
            yield bar_chart(title, self._unit, list(DIRECTIONS), rows)
        rows = []
        for pair in self._pairs:
            base = self._underlay(pair)
            latency = _bar(self._figures[pair.name].rtt, base.rtt if base else None)
            rows.append(Bar(pair.name, [latency], _note(pair)))
        yield bar_chart("Round trip time, and its ratio to the underlay", "ms", ["rtt"], rows)

    def _bars(self, pair: Pair, protocol: str) -> list[tuple[float, str] | None]:
        """A pair's bar for each direction."""
        bars = []
        for direction in DIRECTIONS:
            found = [
                figures.samples.get((protocol, direction)) if figures else None
                for figures in (self._figures[pair.name], self._underlay(pair))
            ]
            bars.append(_bar(*(one.bits / self._scale if one else None for one in found)))
        return bars


def _bar(own: float | None, base: float | None) -> tuple[float, str] | None:
    return None if own is None else (own, f"{text.number(own)} ({_ratio(own, base)})")


def _figure(value: float | None) -> str:
    return "-" if value is None else text.number(value)


def _worst(values: Iterable[float | None]) -> str:
    return _figure(max((value for value in values if value is not None), default=None))


def _name(spot: Spot | None) -> str:
    return "/".join(filter(None, (spot.host, spot.pod))) if spot else ""


def _note(pair: Pair) -> str:
    return f"not available: {pair.unavailable}" if pair.unavailable else "failed"


def _ratio(own: float | None, base: float | None) -> str:
    return f"{own / base:.2f}" if own is not None and base else "-"
