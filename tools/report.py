# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what the sessions of noxfile.py tested; fail if a session failed, or if a test passed on no kernel."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import re
import sys
import xml.etree.ElementTree
from collections.abc import Iterable

BUILD = pathlib.Path(__file__).resolve().parents[1] / "build" / "test"


@dataclasses.dataclass(frozen=True)
class Case:
    """A test in a JUnit report.

    :ivar test: its name, as pytest takes it.
    :ivar outcome: passed, failed or skipped.
    :ivar kernel: the release of the kernel on which an integration test ran; empty for other tests.
    :ivar modules: the modules that an integration test ran.
    """

    test: str
    outcome: str
    kernel: str
    modules: frozenset[str]


def directory(session: str) -> pathlib.Path:
    """The directory of a session's log and JUnit reports."""
    path = BUILD / re.sub(r"\W+", "-", session).strip("-")
    path.mkdir(parents=True, exist_ok=True)
    return path


def cases(reports: Iterable[pathlib.Path]) -> list[Case]:
    return [case(element) for path in reports for element in xml.etree.ElementTree.parse(path).iter("testcase")]


def case(element: xml.etree.ElementTree.Element) -> Case:
    properties = [(entry.get("name"), entry.get("value", "")) for entry in element.iter("property")]
    failed = any(element.find(tag) is not None for tag in ("failure", "error"))
    skipped = element.find("skipped") is not None
    return Case(
        test=f"{element.get('classname', '').replace('.', '/')}.py::{element.get('name')}",
        outcome="failed" if failed else "skipped" if skipped else "passed",
        kernel=dict(properties).get("kernel", ""),
        modules=frozenset(value for name, value in properties if name == "module"),
    )


def integration() -> list[Case]:
    """The integration tests of all sessions until now, on this machine and on virtual ones."""
    return [case for case in cases(BUILD.glob("*/report.xml")) if case.kernel]


def passed_nowhere(tests: list[Case]) -> list[str]:
    return sorted({case.test for case in tests} - {case.test for case in tests if case.outcome == "passed"})


def print_kernels(tests: list[Case]) -> None:
    """Print a table: how many of each module's tests passed on which kernel."""
    kernels = {kernel: set[str]() for kernel in sorted({case.kernel for case in tests})}
    for case in tests:
        kernels[case.kernel] |= {case.test} if case.outcome == "passed" else set()
    modules = sorted({module for case in tests for module in case.modules})
    rows = {module: {case.test for case in tests if module in case.modules} for module in modules}
    rows["all, and without a module"] = {case.test for case in tests}
    print(f"\n{'integration tests that passed':30}", *(f"{title:>20}" for title in ("of", *kernels, "nowhere")))
    for name, row in rows.items():
        numbers = [
            len(row),
            *(len(row & passed) for passed in kernels.values()),
            len(row.difference(*kernels.values())),
        ]
        print(f"{name:30}", *(f"{number:20}" for number in numbers))


def count(session: dict[str, str], name: str) -> collections.Counter[str]:
    """The cases of a session, from its JUnit reports; without a report, the session is one case."""
    counted = collections.Counter(case.outcome for case in cases(directory(name).glob("*.xml")))
    outcome = {"success": "passed", "skipped": "skipped"}.get(session["result"], "failed")
    # pytest can also fail as a whole: nothing was collected, or a worker was lost.
    if not counted or (outcome == "failed" and not counted["failed"]):
        counted[outcome] += 1
    return counted


def summary(counted: collections.Counter[str]) -> str:
    return ", ".join(f"{counted[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))


def main() -> int:
    total: collections.Counter[str] = collections.Counter()
    failed = []
    tests = integration()
    if tests:
        print_kernels(tests)
    print()
    for session in json.loads((BUILD / "sessions.json").read_text(encoding="utf-8"))["sessions"]:
        name = (session["signatures"] or [session["name"]])[0]
        counted = count(session, name)
        print(f"{name}: {summary(counted)} ({session['duration']:.0f} s)")
        total += counted
        if counted["failed"]:
            named = [case.test for case in cases(directory(name).glob("*.xml")) if case.outcome == "failed"]
            failed += [f"failed: {name}: {test}" for test in named] or [f"failed: {name}"]
    # What failed has not passed anywhere, and nobody needs a second list of it.
    nowhere = [] if total["failed"] else passed_nowhere(tests)
    # Last, because that is what a log that has been cut still has.
    print("", *failed, *(f"passed nowhere: {name}" for name in nowhere), summary(total), sep="\n")
    return 1 if total["failed"] or nowhere else 0


if __name__ == "__main__":
    sys.exit(main())
