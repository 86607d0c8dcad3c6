# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of ``make bench``, with little of everything; of figures only the memory is asserted."""

from __future__ import annotations

import pathlib
import xml.etree.ElementTree

import pytest

from ansible_collections.weft.fabric.tests.bench import bench, measure, playbooks, tables


def test_a_ratio_is_of_two_runs_in_turn() -> None:
    row = measure.Row("ours", [1.0, 40.0, 3.0], "theirs", [2.0, 40.0, 6.0], 0.6)
    assert (row.ratio, row.half, row.met) == (0.5, "0.50 to 0.75", True)
    assert measure.Row("once", [1.0], "theirs", [2.0], 0.4).half == ""


def test_tables(tmp_path: pathlib.Path) -> None:
    section, plot = tables.section(tmp_path, 1, [10, 20], {})
    steps = (tables.ADD, tables.VERIFY, tables.CHANGE, tables.PURGE, tables.PURGE_ALL)
    cases = [f"{count} {name}" for name in ("FDB entries", "neighbours") for count in (10, 20)] + ["20 onlink routes"]
    rows = [f"{case}, {step}" for case in cases for step in steps]
    assert [row.what for row in section.rows] == [*rows, f"20 multipath routes, {tables.VERIFY}"]
    assert all(seconds > 0 for row in section.rows for seconds in (*row.ours, *row.theirs))
    xml.etree.ElementTree.fromstring(plot)

    page = bench.page([section], bench.FULL, "ifstate 0")
    assert "| 20 FDB entries, purge all " in page
    assert "no request that changes anything" in page
    assert f"]({bench.PLOT.name})" in page


def test_one_call(tmp_path: pathlib.Path) -> None:
    section = playbooks.calls(tmp_path, 1, 1, ["vxlan_fdb", "topology"])
    assert [row.what for row in section.rows[::2]] == ["vxlan_fdb, unchanged", "topology, unchanged"]


def test_a_loop(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbooks, "ENTRIES", 2)
    assert len(playbooks.loop(tmp_path, 1).rows) == 2


def test_fifty_thousand_entries_fit_into_little_memory(tmp_path: pathlib.Path) -> None:
    case = tables.Case(tmp_path, tables.FDB, 50_000)
    case.ours()
    assert 10 < case.memory < tables.MEMORY
