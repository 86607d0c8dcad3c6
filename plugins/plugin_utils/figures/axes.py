# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Axes of plots: from a value to its place in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence


class Linear:
    """An axis from zero to the first tick at or above the greatest value.

    :ivar ticks: the labelled values.
    """

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        most = max(values, default=1) or 1.0
        power = 10.0 ** math.floor(math.log10(most / 4))
        step = next(power * factor for factor in (1, 2, 5, 10) if most / (power * factor) <= 5)
        count = math.ceil(most / step - 1e-9)
        self.ticks = [step * number for number in range(count + 1)]
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        """The place of a value, in pixels."""
        return self.start + (self.end - self.start) * value / self.ticks[-1]


class Powers:
    """An axis from the power of ten at or below the least value to the one at or above the greatest.

    :ivar ticks: the labelled values.
    """

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        self.ticks = [10.0**power for power in range(first, max(last, first + 1) + 1)]
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        """The place of a value, in pixels."""
        first, last = self.ticks[0], self.ticks[-1]
        return self.start + (self.end - self.start) * math.log10(value / first) / math.log10(last / first)
