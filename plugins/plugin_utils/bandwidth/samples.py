# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What iperf3 and echo requests measured, and the medians of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.pairs import Pair
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.schedule import DIRECTIONS


class Sample(NamedTuple):
    """What arrived in one run of iperf3. TCP loses nothing, and has no jitter.

    :ivar bits: per second.
    :ivar lost: datagrams, in percent.
    :ivar jitter: in milliseconds (RFC 3550, section 6.4.1).
    """

    bits: float
    lost: float | None = None
    jitter: float | None = None


def sample(output: str) -> Sample:
    """The sample in what one client of iperf3 printed with ``--json``.

    :raises ValueError: it failed; the message says how.
    """
    try:
        found = json.loads(output)
    except ValueError as error:
        raise ValueError("iperf3 did not end in time") from error
    if "error" in found:
        raise ValueError(f"iperf3: {found['error']}")
    end = found["end"]
    if found["start"]["test_start"]["protocol"] == "TCP":
        return Sample(end["sum_received"]["bits_per_second"])
    total = end["sum"]
    # Before 3.10, iperf3 has no sum of what was received, and what was sent includes the losses.
    bits = total["bits_per_second"] * (1 - total["lost_percent"] / 100)
    return Sample(end.get("sum_received", {}).get("bits_per_second", bits), total["lost_percent"], total["jitter_ms"])


@dataclass(frozen=True)
class Figures:
    """The medians of a pair.

    :ivar samples: by protocol and direction.
    :ivar rtt: the median of the rounds' mean round trip times, in milliseconds.
    """

    samples: Mapping[tuple[str, str], Sample]
    rtt: float | None

    def bits(self, protocol: str) -> float | None:
        """Of both directions together."""
        found = [self.samples[protocol, direction] for direction in DIRECTIONS if (protocol, direction) in self.samples]
        return sum(one.bits for one in found) if len(found) == len(DIRECTIONS) else None


def medians(results: Sequence[Mapping[str, Any]], pairs: Sequence[Pair]) -> tuple[dict[str, Figures], list[str]]:
    """By pair the medians of its figures, and what failed, each failure in a line.

    :param results: each ``{pair, round, runs, latency}``: a pair's name, the runs of the schedule, each with what
        iperf3 printed, and what weft.fabric.reachability returned for the other end.
    """
    samples: dict[str, dict[tuple[str, str], list[Sample]]] = {pair.name: {} for pair in pairs}
    rtts: dict[str, list[float]] = {pair.name: [] for pair in pairs}
    failures = []
    for result in results:
        name = result["pair"]
        for run, output in result["runs"]:
            try:
                found = sample(output)
            except ValueError as error:
                failures.append(f"{name}, round {result['round']}, {run['protocol']} {run['direction']}: {error}")
            else:
                samples[name].setdefault((run["protocol"], run["direction"]), []).append(found)
        if result["latency"]["rtt"]:
            rtts[name].append(result["latency"]["rtt"]["avg"])
        else:
            failures.append(f"{name}, round {result['round']}, latency: {result['latency']['error']}")
    figures = {
        name: Figures({run: _middle(found) for run, found in of_one.items()}, _median(rtts[name]))
        for name, of_one in samples.items()
    }
    return figures, failures


def _middle(samples: Sequence[Sample]) -> Sample:
    return Sample(
        statistics.median(one.bits for one in samples),
        _median([one.lost for one in samples]),
        _median([one.jitter for one in samples]),
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
