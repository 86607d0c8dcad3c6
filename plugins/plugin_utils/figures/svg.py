# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The elements of a plot in SVG (https://www.w3.org/TR/SVG11/).

Each plot stands alone, as a file or inside a page, and follows the reader's choice of light or dark.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

WIDTH = 760
LETTER = 7.0
"""Pixels that a letter 12 pixels high takes at most, on average."""

SHADES = ("#deebf7", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b")
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # the colour-blind can tell them apart
_WORDS = ("#d7301f", "#999999", "#e69f00", "#cc79a7")
_LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "faint": "#59636e", "grid": "#d1d9e0"}
_DARK = {"paper": "#0d1117", "ink": "#f0f6fc", "faint": "#9198a1", "grid": "#3d444d"}


def heading(title: str) -> str:
    return f'<text class="title" x="8" y="22">{html.escape(title)}</text>'


def text(x: float, y: float, content: str, anchor: str = "start", style: str = "ink") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str = "grid") -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def series_legend(series: Sequence[str]) -> list[str]:
    """A legend that names the colours of series."""
    return legend([(name, f"s{index}") for index, name in enumerate(series)])


def legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    """Squares with the meaning of their colours, in one or more lines.

    :param entries: (meaning, style) of each square.
    """
    parts, x, y = [], 8.0, 36.0
    for meaning, style in entries:
        width = 32 + LETTER * len(meaning)
        if x + width > WIDTH:
            x, y = 8.0, y + 18
        parts += [f'<rect class="{style}" x="{x:g}" y="{y:g}" width="12" height="12"/>', text(x + 17, y + 10, meaning)]
        x += width
    return parts


def colours(rules: str) -> str:
    """CSS for light, and for dark where the reader prefers dark.

    :param rules: CSS with the names of colours in braces, as str.format() takes it.
    """
    return f"{rules.format(**_LIGHT)}@media (prefers-color-scheme:dark){{{rules.format(**_DARK)}}}"


def document(title: str, height: float, parts: Sequence[str], width: float = WIDTH) -> str:
    """A whole plot."""
    fixed = [
        ".weft text{font:12px sans-serif}.weft text.title{font-size:15px;font-weight:bold}",
        *(f".weft .s{index}{{fill:{colour}}}" for index, colour in enumerate(_SERIES)),
        *(f".weft .l{index}{{fill:none;stroke-width:2;stroke:{colour}}}" for index, colour in enumerate(_SERIES)),
        *(f".weft .h{index}{{fill:{colour}}}" for index, colour in enumerate(SHADES)),
        *(f".weft .w{index}{{fill:{colour}}}" for index, colour in enumerate(_WORDS)),
    ]
    themed = (
        ".weft text{{fill:{ink}}}.weft text.faint{{fill:{faint}}}.weft .paper{{fill:{paper}}}"
        ".weft .grid{{stroke:{grid}}}.weft .axis{{stroke:{faint}}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="weft" role="img" aria-label="{html.escape(title)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
        f"<style>{''.join(fixed)}{colours(themed)}</style>"
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
