# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.pairs import Pair

PROTOCOLS = ("tcp", "udp")
DIRECTIONS = {"there": (), "back": ("--reverse",)}
"""iperf3's options by direction: from the pair's first end to its second, and back."""


@dataclass(frozen=True)
class Run:
    """A run of iperf3.

    :ivar options: of its client.
    """

    protocol: str
    direction: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """The runs of a pair in one round."""

    round: int
    pair: Pair
    runs: tuple[Run, ...]


def schedule(pairs: Sequence[Pair], rounds: object, protocols: Sequence[str], bitrate: str) -> list[Step]:
    """One pair after the other. Every other round has the opposite order, so that a drift affects all pairs alike.

    :param rounds: how often each pair is measured.
    :param bitrate: what UDP sends, as iperf3's ``--bitrate``. 0: as much as the sender can.
    :raises InvalidParameter: for an unknown protocol, and for something that is no number of rounds.
    """
    count = values.integer("bandwidth_rounds", rounds, 1, 1000)
    for index, protocol in enumerate(protocols):
        values.choice(f"bandwidth_protocols[{index}]", protocol, PROTOCOLS)
    options = {"tcp": (), "udp": ("--udp", "--bitrate", bitrate)}
    runs = tuple(
        Run(protocol, direction, (*options[protocol], *more))
        for protocol in dict.fromkeys(protocols)
        for direction, more in DIRECTIONS.items()
    )
    there = [pair for pair in pairs if not pair.unavailable]
    steps = []
    for number in range(count):
        step = -1 if number % 2 else 1
        steps += [Step(number + 1, pair, runs[::step]) for pair in there[::step]]
    return steps
