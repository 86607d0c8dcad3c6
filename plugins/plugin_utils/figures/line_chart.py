# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Line charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.weft.fabric.plugins.module_utils.text import number
from ansible_collections.weft.fabric.plugins.plugin_utils.figures import axes, svg


def line_chart(
    title: str, x: str, y: str, series: Mapping[str, Iterable[tuple[float, float]]], powers: bool = False
) -> str:
    """A line for each series of points.

    :param x: the label of the horizontal axis, with its unit.
    :param y: the label of the vertical axis, with its unit.
    :param series: by name, six at most, the points in the order of x.
    :param powers: whether the axes have powers of ten, for points above zero. Otherwise they begin at zero.
    """
    points = {name: list(one) for name, one in series.items()}
    every = [point for one in points.values() for point in one]
    top, height = 92, 420
    axis = axes.Powers if powers else axes.Linear
    up = axis([point[1] for point in every], height, top)
    left = 16 + svg.LETTER * max(len(number(tick)) for tick in up.ticks)
    across = axis([point[0] for point in every], left, svg.WIDTH - 24)
    parts = [svg.heading(title), *svg.series_legend(list(points)), svg.text(8, top - 16, y, style="faint")]
    for tick in up.ticks:
        parts.append(svg.line(left, up.at(tick), across.end, up.at(tick)))
        parts.append(svg.text(left - 6, up.at(tick) + 4, number(tick), "end", "faint"))
    for tick in across.ticks:
        parts.append(svg.line(across.at(tick), height, across.at(tick), height + 4, "axis"))
        parts.append(svg.text(across.at(tick), height + 18, number(tick), "middle", "faint"))
    parts.append(svg.text(across.end, height + 36, x, "end", "faint"))
    parts += [svg.line(left, height, across.end, height, "axis"), svg.line(left, top, left, height, "axis")]
    for index, one in enumerate(points.values()):
        places = [(across.at(here), up.at(there)) for here, there in one]
        path = " ".join(f"{here:.1f},{there:.1f}" for here, there in places)
        parts.append(f'<polyline class="l{index}" points="{path}"/>')
        parts += [f'<circle class="s{index}" cx="{here:.1f}" cy="{there:.1f}" r="3"/>' for here, there in places]
    return svg.document(title, height + 46, parts)
