# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots as SVG (https://www.w3.org/TR/SVG11/), and a page that shows them without a network. Pure.

Each plot stands alone, as a file or inside of a page, and follows the reader's choice of light or dark.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

_WIDTH = 760
_LETTER = 7.0  # pixels that a letter of 12 pixels height takes at most, on average
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by the colour-blind too
_SHADES = ("#deebf7", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b")
_WORDS = ("#d7301f", "#999999", "#e69f00", "#cc79a7")
_LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "faint": "#59636e", "grid": "#d1d9e0"}
_DARK = {"paper": "#0d1117", "ink": "#f0f6fc", "faint": "#9198a1", "grid": "#3d444d"}


class Bar(NamedTuple):
    """A row of a bar chart.

    :ivar values: for each series its value and what is written beside it; None: there is no such value.
    :ivar note: written where a row has no value at all.
    """

    label: str
    values: Sequence[tuple[float, str] | None]
    note: str = ""


def bars(title: str, unit: str, series: Sequence[str], rows: Sequence[Bar]) -> str:
    """A bar chart: a row for each label, in it a bar for each series.

    :param unit: of all values; zero is at the left.
    :param series: their names, six at most.
    """
    left = 16 + _LETTER * max(len(row.label) for row in rows)
    texts = [text for row in rows for value in row.values if value for text in [value[1]]]
    right = 16 + _LETTER * max(map(len, texts), default=0)
    scale = _Axis([value[0] for row in rows for value in row.values if value], left, _WIDTH - right)
    thick, gap = 16, 12
    top = 64 if len(series) > 1 else 44
    height = top + sum(_bar_row(row, thick, gap) for row in rows)
    parts = [_heading(title), *(_legend(series) if len(series) > 1 else ())]
    for tick in scale.ticks:
        parts.append(_line(scale.at(tick), top - 6, scale.at(tick), height))
        parts.append(_text(scale.at(tick), height + 16, number(tick), "middle", "faint"))
    parts.append(_text(scale.end, height + 34, unit, "end", "faint"))
    y = float(top)
    for row in rows:
        block = _bar_row(row, thick, gap)
        parts.append(_text(left - 8, y + (block - gap) / 2 + 4, row.label, "end"))
        shown = [(index, value) for index, value in enumerate(row.values) if value]
        for place, (index, (value, text)) in enumerate(shown):
            at = y + place * thick
            width = scale.at(value) - left
            parts.append(f'<rect class="s{index}" x="{left:g}" y="{at:g}" width="{width:.1f}" height="{thick - 2}"/>')
            parts.append(_text(left + width + 6, at + thick - 5, text))
        if not shown:
            parts.append(_text(left + 6, y + thick - 5, row.note, style="faint"))
        y += block
    parts.append(_line(left, top - 6, left, height, "axis"))
    return _svg(title, height + 44, parts)


def _bar_row(row: Bar, thick: int, gap: int) -> int:
    return thick * max(1, sum(value is not None for value in row.values)) + gap


def lines(title: str, x: str, y: str, series: Mapping[str, Iterable[tuple[float, float]]], powers: bool = False) -> str:
    """A line for each series of points, on two axes that begin at zero, or that are of powers of ten.

    :param x: what is written below, with the unit; y: the same at the left.
    :param series: by name, six at most, the points in the order of x; with ``powers`` all are above zero.
    """
    points = {name: list(of_one) for name, of_one in series.items()}
    every = [point for of_one in points.values() for point in of_one]
    top, height = 92, 420
    axis = _Powers if powers else _Axis
    up = axis([point[1] for point in every], height, top)
    left = 16 + _LETTER * max(len(number(tick)) for tick in up.ticks)
    across = axis([point[0] for point in every], left, _WIDTH - 24)
    parts = [_heading(title), *_legend(list(points)), _text(8, top - 16, y, style="faint")]
    for tick in up.ticks:
        parts.append(_line(left, up.at(tick), across.end, up.at(tick)))
        parts.append(_text(left - 6, up.at(tick) + 4, number(tick), "end", "faint"))
    for tick in across.ticks:
        parts.append(_line(across.at(tick), height, across.at(tick), height + 4, "axis"))
        parts.append(_text(across.at(tick), height + 18, number(tick), "middle", "faint"))
    parts.append(_text(across.end, height + 36, x, "end", "faint"))
    parts += [_line(left, height, across.end, height, "axis"), _line(left, top, left, height, "axis")]
    for index, of_one in enumerate(points.values()):
        places = [(across.at(one), up.at(other)) for one, other in of_one]
        path = " ".join(f"{one:.1f},{other:.1f}" for one, other in places)
        parts.append(f'<polyline class="l{index}" points="{path}"/>')
        parts += [f'<circle class="s{index}" cx="{one:.1f}" cy="{other:.1f}" r="3"/>' for one, other in places]
    return _svg(title, height + 46, parts)


def heat_map(
    title: str,
    unit: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[float | str | None]],
    words: Sequence[str] = (),
) -> str:
    """A matrix. A number is a shade, a word a colour of its own, and None is left blank.

    The shades have about as many numbers each, so that one far off does not make all others look alike.

    :param cells: by row and column.
    :param words: those that cells may have, four at most, the worst first: it is red.
    """
    numbers = sorted(cell for row in cells for cell in row if isinstance(cell, (int, float)))
    bounds = [numbers[len(numbers) * step // len(_SHADES)] for step in range(len(_SHADES))] if numbers else []
    side = max(2.0, min(24.0, (_WIDTH - 140) / max(1, len(columns))))
    written = side >= 12  # as high as a letter
    longest = max(map(len, (*rows, *columns)), default=0) if written else 0
    left, top = 24 + _LETTER * longest, 92 + _LETTER * longest
    legend = [(f"≥ {number(bound)} {unit}", f"h{step}") for step, bound in enumerate(bounds)]
    legend = [entry for step, entry in enumerate(legend) if not step or bounds[step] > bounds[step - 1]]
    parts = [_heading(title), *_keys([*legend, *((word, f"w{index}") for index, word in enumerate(words))])]
    if written:
        parts += [_text(left - 6, top + (at + 0.7) * side, name, "end") for at, name in enumerate(rows)]
        for at, name in enumerate(columns):
            x, y = left + (at + 0.7) * side, top - 6
            parts.append(f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)">{html.escape(name)}</text>')

    def kind(cell: float | str | None) -> str:
        if cell is None:
            return ""
        if isinstance(cell, str):
            return f"w{words.index(cell)}"
        return f"h{max(step for step, bound in enumerate(bounds) if bound <= cell)}"

    # One path for all cells of a colour, neighbours in a row as one: a matrix of 250 by 250 stays below 1 MB.
    paths: dict[str, list[str]] = {}
    for at, row in enumerate(cells):
        for first, count, name in _runs([kind(cell) for cell in row]):
            if name:
                paths.setdefault(name, []).append(f"M{first} {at}h{count}v1h-{count}z")
    drawn = "".join(f'<path class="{name}" d="{"".join(found)}"/>' for name, found in sorted(paths.items()))
    parts.append(f'<g transform="translate({left:.1f} {top:.1f}) scale({side:.3f})">{drawn}</g>')
    return _svg(title, top + len(rows) * side + 16, parts, max(_WIDTH, left + len(columns) * side + 16))


def _runs(kinds: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    first = 0
    for at in range(1, len(kinds) + 1):
        if at == len(kinds) or kinds[at] != kinds[first]:
            yield first, at - first, kinds[first]
            first = at


def page(title: str, *parts: str) -> str:
    """An HTML page that needs nothing else.

    :param parts: HTML, plots among them.
    """
    body = "\n".join(parts)
    style = (
        "body{font:14px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}svg{max-width:100%;height:auto}"
        "table{border-collapse:collapse}th,td{padding:.2em .7em;text-align:right;border-bottom:1px solid}"
        "th:first-child,td:first-child{text-align:left}th{vertical-align:bottom}"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f"<style>{style}{_colours('body{{color:{ink};background:{paper}}}th,td{{border-color:{grid}}}')}</style>\n"
        f"</head>\n<body>\n<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def number(value: float) -> str:
    """Three digits that count, and thousands apart."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Axis:
    """From zero to the first tick at or above the greatest value; in pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        most = max(values, default=1) or 1.0
        power = 10.0 ** math.floor(math.log10(most / 4))
        step = next(power * factor for factor in (1, 2, 5, 10) if most / (power * factor) <= 5)
        count = math.ceil(most / step - 1e-9)
        self.ticks = [step * number for number in range(count + 1)]
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * value / self.ticks[-1]


class _Powers:
    """From the power of ten at or below the least value to the one at or above the greatest; in pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        self.ticks = [10.0**power for power in range(first, max(last, first + 1) + 1)]
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        first, last = self.ticks[0], self.ticks[-1]
        return self.start + (self.end - self.start) * math.log10(value / first) / math.log10(last / first)


def _heading(title: str) -> str:
    return f'<text class="title" x="8" y="22">{html.escape(title)}</text>'


def _legend(series: Sequence[str]) -> list[str]:
    return _keys([(name, f"s{index}") for index, name in enumerate(series)])


def _keys(entries: Sequence[tuple[str, str]]) -> list[str]:
    """Squares in one or more lines, with what their colours mean."""
    parts, x, y = [], 8.0, 36.0
    for text, style in entries:
        width = 32 + _LETTER * len(text)
        if x + width > _WIDTH:
            x, y = 8.0, y + 18
        parts += [f'<rect class="{style}" x="{x:g}" y="{y:g}" width="12" height="12"/>', _text(x + 17, y + 10, text)]
        x += width
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start", style: str = "ink") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str = "grid") -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _colours(rules: str) -> str:
    """CSS for light, and for dark where the reader wants that."""
    return f"{rules.format(**_LIGHT)}@media (prefers-color-scheme:dark){{{rules.format(**_DARK)}}}"


def _svg(title: str, height: float, parts: Sequence[str], width: float = _WIDTH) -> str:
    fixed = [
        ".weft text{font:12px sans-serif}.weft text.title{font-size:15px;font-weight:bold}",
        *(f".weft .s{index}{{fill:{colour}}}" for index, colour in enumerate(_SERIES)),
        *(f".weft .l{index}{{fill:none;stroke-width:2;stroke:{colour}}}" for index, colour in enumerate(_SERIES)),
        *(f".weft .h{index}{{fill:{colour}}}" for index, colour in enumerate(_SHADES)),
        *(f".weft .w{index}{{fill:{colour}}}" for index, colour in enumerate(_WORDS)),
    ]
    themed = (
        ".weft text{{fill:{ink}}}.weft text.faint{{fill:{faint}}}.weft .paper{{fill:{paper}}}"
        ".weft .grid{{stroke:{grid}}}.weft .axis{{stroke:{faint}}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="weft" role="img" aria-label="{html.escape(title)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
        f"<style>{''.join(fixed)}{_colours(themed)}</style>"
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
