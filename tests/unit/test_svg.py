# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots: well-formed, to scale, and with nothing to load."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.weft.fabric.plugins.plugin_utils.figures import bar_chart, heat_map, line_chart, page

SVG = "{http://www.w3.org/2000/svg}"


def parsed(plot: str) -> ET.Element:
    assert "http" not in plot.replace("http://www.w3.org/2000/svg", "")
    return ET.fromstring(plot)


def texts(plot: ET.Element) -> list[str]:
    return [str(element.text) for element in plot.iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_values() -> None:
    rows = [
        bar_chart.Bar("underlay", [(40.0, "40"), (20.0, "20")]),
        bar_chart.Bar("vxlan", [(10.0, "10 <b>"), None]),
        bar_chart.Bar("ipvlan", [None, None], "not available"),
    ]
    plot = parsed(bar_chart.bar_chart("TCP", "Gbit/s", ["there", "back"], rows))
    found = [
        (rect.get("class"), float(rect.get("width", "")))
        for rect in plot.iter(f"{SVG}rect")
        if rect.get("height") == "14"
    ]
    whole = found[0][1]
    assert found == [
        ("s0", whole),
        ("s1", pytest.approx(whole / 2, abs=0.1)),
        ("s0", pytest.approx(whole / 4, abs=0.1)),
    ]
    assert {"TCP", "Gbit/s", "there", "back", "underlay", "vxlan", "10 <b>", "ipvlan", "not available"} <= {
        *texts(plot)
    }


@pytest.mark.parametrize("most", [0, 0.003, 1, 7.3, 100, 99_999])
def test_the_axis_ends_at_the_first_tick_that_is_not_exceeded(most: float) -> None:
    plot = parsed(bar_chart.bar_chart("one", "", ["only"], [bar_chart.Bar("row", [(most, "")])]))
    ticks = [float(text.replace(",", "")) for text in texts(plot) if re.fullmatch(r"[\d.,]+", text)]
    assert ticks == sorted(ticks)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 3 <= len(ticks) <= 7


def test_lines_have_a_point_for_each_pair() -> None:
    plot = parsed(
        line_chart.line_chart("Fabric", "nodes", "seconds", {"first": [(10, 1.0), (250, 3.0)], "again": [(10, 0.5)]})
    )
    first, again = plot.iter(f"{SVG}polyline")
    (x1, y1), (x2, y2) = ([float(part) for part in pair.split(",")] for pair in str(first.get("points")).split())
    assert x1 < x2
    assert y1 > y2, "what is more is higher up"
    assert (first.get("class"), again.get("class")) == ("l0", "l1")
    assert {"nodes", "seconds", "first", "again"} <= {*texts(plot)}


def test_powers_of_ten_are_equally_far_apart() -> None:
    points = [(1_000, 0.01), (10_000, 0.1), (100_000, 1.0)]
    plot = parsed(line_chart.line_chart("FDB", "entries", "seconds", {"add": points}, powers=True))
    (line,) = plot.iter(f"{SVG}polyline")
    first, second, third = ([float(part) for part in pair.split(",")] for pair in str(line.get("points")).split())
    assert second == pytest.approx([(first[0] + third[0]) / 2, (first[1] + third[1]) / 2], abs=0.1)
    assert {"1,000", "10,000", "100,000", "0.01", "0.1", "1"} <= {*texts(plot)}


def test_a_heat_map_has_every_cell_in_the_colour_of_its_kind() -> None:
    cells = [[None, 1.0, 1.0], [9.0, None, "failed"], ["failed", "failed", None]]
    names = ["a", "b", "c"]
    plot = parsed(heat_map.heat_map("rtt", "ms", names, names, cells, ["failed"]))
    found = {str(path.get("class")): str(path.get("d")) for path in plot.iter(f"{SVG}path")}
    assert found.pop("w0") == "M2 1h1v1h-1zM0 2h2v1h-2z"
    least, most = sorted(found)
    assert (found[least], found[most]) == ("M1 0h2v1h-2z", "M0 1h1v1h-1z")
    assert {"≥ 1 ms", "≥ 9 ms", "failed", *names} <= {*texts(plot)}


def test_a_heat_map_without_any_cell_is_one_too() -> None:
    assert not list(parsed(heat_map.heat_map("rtt", "ms", [], [], [])).iter(f"{SVG}path"))


def test_a_large_heat_map_stays_small() -> None:
    names = [f"node-{number}" for number in range(250)]
    cells = [[float(one * other % 97) for other in range(250)] for one in range(250)]
    assert len(heat_map.heat_map("rtt", "ms", names, names, cells)) < 1_100_000


def test_a_page_needs_nothing_else() -> None:
    made = page.page(
        "A <title>", "<p>text</p>", bar_chart.bar_chart("one", "s", ["only"], [bar_chart.Bar("row", [(1, "1")])])
    )
    assert "<title>A &lt;title&gt;</title>" in made
    assert not re.search(r"(src|href)=|url\(|@import|<script", made)
    assert made.count("<svg") == made.count("</svg>") == 1
