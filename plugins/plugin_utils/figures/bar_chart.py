# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bar charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.text import number
from ansible_collections.weft.fabric.plugins.plugin_utils.figures import axes, svg

_THICK, _GAP = 16, 12  # pixels of a bar, and between two rows


class Bar(NamedTuple):
    """A row of a bar chart.

    :ivar values: for each series its value and the text beside the bar. None: the series has no value here.
    :ivar note: the text of a row without any value.
    """

    label: str
    values: Sequence[tuple[float, str] | None]
    note: str = ""

    @property
    def height(self) -> int:
        return _THICK * max(1, sum(value is not None for value in self.values)) + _GAP


def bar_chart(title: str, unit: str, series: Sequence[str], rows: Sequence[Bar]) -> str:
    """A bar chart with a row for each label, and in it a bar for each series.

    :param unit: of all values. Zero is at the left.
    :param series: their names, six at most.
    """
    left = 16 + svg.LETTER * max(len(row.label) for row in rows)
    shown = [value for row in rows for value in row.values if value]
    right = 16 + svg.LETTER * max((len(text) for _value, text in shown), default=0)
    scale = axes.Linear([value for value, _text in shown], left, svg.WIDTH - right)
    top = 64 if len(series) > 1 else 44
    height = top + sum(row.height for row in rows)
    parts = [svg.heading(title), *(svg.series_legend(series) if len(series) > 1 else ())]
    for tick in scale.ticks:
        parts.append(svg.line(scale.at(tick), top - 6, scale.at(tick), height))
        parts.append(svg.text(scale.at(tick), height + 16, number(tick), "middle", "faint"))
    parts.append(svg.text(scale.end, height + 34, unit, "end", "faint"))
    y = float(top)
    for row in rows:
        parts += _row(row, scale, y)
        y += row.height
    parts.append(svg.line(left, top - 6, left, height, "axis"))
    return svg.document(title, height + 44, parts)


def _row(row: Bar, scale: axes.Linear, y: float) -> Iterator[str]:
    left = scale.start
    yield svg.text(left - 8, y + (row.height - _GAP) / 2 + 4, row.label, "end")
    shown = [(index, value) for index, value in enumerate(row.values) if value]
    for place, (index, (value, text)) in enumerate(shown):
        at = y + place * _THICK
        width = scale.at(value) - left
        yield f'<rect class="s{index}" x="{left:g}" y="{at:g}" width="{width:.1f}" height="{_THICK - 2}"/>'
        yield svg.text(left + width + 6, at + _THICK - 5, text)
    if not shown:
        yield svg.text(left + 6, y + _THICK - 5, row.note, style="faint")
