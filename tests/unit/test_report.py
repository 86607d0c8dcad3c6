# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/report.py: the sum of all sessions, and when it is a failure."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from ansible_collections.weft.fabric.tools import report


def session(name: str, result: str = "success") -> dict[str, Any]:
    return {"name": name, "signatures": [name], "result": result, "duration": 1.0}


def case(name: str, inside: str = "", kernel: str = "") -> str:
    properties = f'<properties><property name="kernel" value="{kernel}"/></properties>' if kernel else ""
    return f'<testcase classname="tests.{name}" name="test">{properties}{inside}</testcase>'


SKIPPED, FAILED, ERROR = "<skipped/>", "<failure/>", "<error/>"


@pytest.mark.parametrize(
    ("sessions", "reports", "total", "status"),
    [
        ([session("lint(ruff)")], {}, "1 passed, 0 failed, 0 skipped", 0),
        ([session("lint(ruff)"), session("unit", "failed")], {}, "1 passed, 1 failed, 0 skipped", 1),
        ([session("lint(ruff)"), session("kinds", "aborted")], {}, "1 passed, 1 failed, 0 skipped", 1),
        ([session("newest-python", "skipped")], {}, "0 passed, 0 failed, 1 skipped", 0),
        ([session("unit")], {"unit": [case("a"), case("b", SKIPPED)]}, "1 passed, 0 failed, 1 skipped", 0),
        (
            [session("unit", "failed")],
            {"unit": [case("a", FAILED), case("b", ERROR)]},
            "0 passed, 2 failed, 0 skipped",
            1,
        ),
        ([session("unit", "failed")], {"unit": [case("a")]}, "1 passed, 1 failed, 0 skipped", 1),
        (
            [session("integration"), session("kinds")],
            {"integration": [case("a", SKIPPED, "6.1"), case("b", "", "6.1")], "kinds": [case("a", "", "6.18")]},
            "2 passed, 0 failed, 1 skipped",
            0,
        ),
        (
            [session("integration"), session("kinds")],
            {"integration": [case("a", SKIPPED, "6.1")], "kinds": [case("a", SKIPPED, "6.18")]},
            "0 passed, 0 failed, 2 skipped",
            1,
        ),
    ],
)
def test_total_and_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: pathlib.Path,
    sessions: list[dict[str, Any]],
    reports: dict[str, list[str]],
    total: str,
    status: int,
) -> None:
    monkeypatch.setattr(report, "BUILD", tmp_path)
    (tmp_path / "sessions.json").write_text(json.dumps({"sessions": sessions}), encoding="utf-8")
    for name, cases in reports.items():
        text = f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"
        (report.directory(name) / "report.xml").write_text(text, encoding="utf-8")
    assert report.main() == status
    assert capsys.readouterr().out.splitlines()[-1] == total


@pytest.mark.parametrize(
    ("reported", "named"),
    [([case("a"), case("b", FAILED)], "failed: unit: tests/b.py::test"), ([], "failed: unit")],
)
def test_what_failed_is_named_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: pathlib.Path,
    reported: list[str],
    named: str,
) -> None:
    monkeypatch.setattr(report, "BUILD", tmp_path)
    sessions = [session("unit", "failed"), session("integration")]
    (tmp_path / "sessions.json").write_text(json.dumps({"sessions": sessions}), encoding="utf-8")
    if reported:
        text = f"<testsuite>{''.join(reported)}</testsuite>"
        (report.directory("unit") / "report.xml").write_text(text, encoding="utf-8")
    assert report.main() == 1
    assert capsys.readouterr().out.splitlines()[-2] == named


def test_the_table_has_each_kernel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(report, "BUILD", tmp_path)
    ran = '<properties><property name="module" value="bridge"/></properties>'
    text = f"<testsuite>{case('a', ran, '6.1')}{case('b', SKIPPED, '6.1')}{case('b', '', '6.18')}</testsuite>"
    (report.directory("integration") / "report.xml").write_text(text, encoding="utf-8")
    report.print_kernels(report.integration())
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert [row[-4:] for row in rows] == [["of", "6.1", "6.18", "nowhere"], ["1", "1", "0", "0"], ["2", "1", "1", "0"]]
