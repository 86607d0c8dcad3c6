# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/support.md calls tested what the sessions of noxfile.py and the machines of molecule/ test."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]
NOXFILE = ast.parse((CHECKOUT / "noxfile.py").read_text(encoding="utf-8"))
PAGE = (CHECKOUT / "docs" / "support.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in row.strip("|").split("|")] for row in PAGE.splitlines() if row.startswith("| ")]


def constants() -> dict[str, str]:
    """The words that noxfile.py assigns to names."""
    found: dict[str, str] = {}
    for node in NOXFILE.body:
        if isinstance(node, ast.Assign):
            names, values = (
                side.elts if isinstance(side, ast.Tuple) else [side] for side in (node.targets[0], node.value)
            )
            pairs = zip(map(ast.unparse, names), values)
            found.update({name: str(value.value) for name, value in pairs if isinstance(value, ast.Constant)})
    return found


def sessions() -> set[str]:
    """The names of all sessions, and the scenarios that are parameters of some."""
    found = {path.parent.name for path in CHECKOUT.glob("molecule/*/molecule.yml")}
    for node in NOXFILE.body:
        for call in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "nox.session":
                named = [ast.literal_eval(word.value) for word in call.keywords if word.arg == "name"]
                found.update(named or [node.name])
    return found


def versions(what: str) -> set[str]:
    """The versions of something that are tested."""
    tested = [row for row in ROWS if row[0] == what and row[-1] == "tested"]
    return {row[1].partition(",")[0] for row in tested}


CONSTANTS = constants()


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("Python", ("OLDEST", "HERE", "NEWEST")),
        ("ansible-core", ("CORE", "NEWEST_CORE")),
        ("pyroute2", ("OLDEST_PYROUTE2", "PYROUTE2")),
    ],
)
def test_the_versions_are_those_of_the_sessions(what: str, names: tuple[str, ...]) -> None:
    assert versions(what) == {CONSTANTS[name].rpartition("==")[2] for name in names}


def test_the_python_of_each_ansible_core_is_that_of_its_sessions() -> None:
    with_python = {row[1] for row in ROWS if row[0] == "ansible-core" and row[-1] == "tested"}
    pairs = (("CORE", "HERE"), ("NEWEST_CORE", "NEWEST"))
    assert with_python == {f"{CONSTANTS[core][14:]}, with Python {CONSTANTS[python]}" for core, python in pairs}


def test_the_sessions_exist() -> None:
    named = {name for row in ROWS for name in re.findall(r"`([\w-]+)`", row[2] if len(row) == 4 else "")}
    assert len(named) > 5 and named <= sessions(), named - sessions()


def test_the_distributions_are_those_of_the_machines() -> None:
    boxes = set()
    for path in CHECKOUT.glob("molecule/*/molecule.yml"):
        boxes |= set(re.findall(r"box: .*?(debian\d+)", path.read_text(encoding="utf-8")))
    tested = [row[0] for row in ROWS if row[-1].startswith("tested, with systemd")]
    assert {name.lower().replace(" ", "") for name in tested} == boxes


def test_nothing_is_tested_without_a_session() -> None:
    assert [row for row in ROWS if len(row) == 4 and row[3].startswith("tested") and not row[2]] == []
