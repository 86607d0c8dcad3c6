# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat maps: a matrix in colours."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Union

from ansible_collections.weft.fabric.plugins.module_utils.text import number
from ansible_collections.weft.fabric.plugins.plugin_utils.figures import svg

Cell = Union[float, str, None]
"""A number is drawn as a shade, a word in a colour of its own, and None is left blank."""


def heat_map(
    title: str,
    unit: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    words: Sequence[str] = (),
) -> str:
    """A matrix.

    Each shade covers about as many numbers as any other, so an outlier does not make all others look alike.

    :param cells: by row and column.
    :param words: the words that cells may have, four at most, the worst first: it is red.
    """
    bounds = _bounds(cells)
    side = max(2.0, min(24.0, (svg.WIDTH - 140) / max(1, len(columns))))
    written = side >= 12  # as high as a letter
    longest = max(map(len, (*rows, *columns)), default=0) if written else 0
    left, top = 24 + svg.LETTER * longest, 92 + svg.LETTER * longest
    legend = [(f"≥ {number(bound)} {unit}", f"h{step}") for step, bound in enumerate(bounds)]
    legend = [entry for step, entry in enumerate(legend) if not step or bounds[step] > bounds[step - 1]]
    parts = [svg.heading(title), *svg.legend([*legend, *((word, f"w{index}") for index, word in enumerate(words))])]
    if written:
        parts += [svg.text(left - 6, top + (at + 0.7) * side, name, "end") for at, name in enumerate(rows)]
        parts += [_upright(left + (at + 0.7) * side, top - 6, name) for at, name in enumerate(columns)]
    drawn = _drawn([[_style(cell, bounds, words) for cell in row] for row in cells])
    parts.append(f'<g transform="translate({left:.1f} {top:.1f}) scale({side:.3f})">{drawn}</g>')
    return svg.document(title, top + len(rows) * side + 16, parts, max(svg.WIDTH, left + len(columns) * side + 16))


def _bounds(cells: Sequence[Sequence[Cell]]) -> list[float]:
    """The least number of each shade."""
    numbers = sorted(cell for row in cells for cell in row if isinstance(cell, (int, float)))
    return [numbers[len(numbers) * step // len(svg.SHADES)] for step in range(len(svg.SHADES))] if numbers else []


def _upright(x: float, y: float, content: str) -> str:
    return f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)">{html.escape(content)}</text>'


def _style(cell: Cell, bounds: Sequence[float], words: Sequence[str]) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"w{words.index(cell)}"
    return f"h{max(step for step, bound in enumerate(bounds) if bound <= cell)}"


def _drawn(styles: Sequence[Sequence[str]]) -> str:
    """One path for all cells of a style, with neighbours in a row as one: 250 by 250 cells stay below 1 MB."""
    paths: dict[str, list[str]] = {}
    for at, row in enumerate(styles):
        for first, count, style in _runs(row):
            if style:
                paths.setdefault(style, []).append(f"M{first} {at}h{count}v1h-{count}z")
    return "".join(f'<path class="{style}" d="{"".join(path)}"/>' for style, path in sorted(paths.items()))


def _runs(styles: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    first = 0
    for at in range(1, len(styles) + 1):
        if at == len(styles) or styles[at] != styles[first]:
            yield first, at - first, styles[first]
            first = at
