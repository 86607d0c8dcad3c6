# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports point in one direction. Imports inside of functions and under TYPE_CHECKING count like all others."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

PLUGINS = pathlib.Path(__file__).parents[2] / "plugins"
PREFIX = "ansible_collections.weft.fabric.plugins."

# Each line may import from the lines above it, and its packages from each other's files only in that direction too.
# A package that is listed with others on one line imports none of them. The controller's side, plugin_utils, stands on
# all of the hosts' side.
LAYERS = {
    "module_utils": (
        ("errors", "imports"),
        ("values", "files", "argspec", "module", "text"),
        ("kinds",),
        ("model",),
        ("plan", "kernel"),
        ("engine", "probe"),
        ("nft",),
        ("cni",),
        ("proof",),
        ("sections",),
        ("host",),
        ("preflight",),
    ),
    "plugin_utils": (
        ("figures", "model"),
        ("drivers",),
        ("fabric",),
        ("documents", "proof", "bandwidth", "fleet"),
    ),
}


def modules() -> dict[str, pathlib.Path]:
    """All files of module_utils and plugin_utils, by their dotted names below plugins."""
    found = {}
    for side in ("module_utils", "plugin_utils"):
        for path in (PLUGINS / side).rglob("*.py"):
            parts = path.relative_to(PLUGINS).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: pathlib.Path) -> Iterator[str]:
    """The modules of the collection that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PREFIX):
            source = str(node.module)[len(PREFIX) :]
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield name if name in MODULES else source


GRAPH = {name: sorted({*imports(path)} - {name}) for name, path in MODULES.items()}


def test_no_import_leads_back_to_where_it_started() -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in GRAPH[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in GRAPH:
        visit(name, ())


def layer(name: str) -> int | None:
    """The number of the layer that a file is in."""
    side, _dot, rest = name.partition(".")
    place = rest.partition(".")[0]
    return next((number for number, places in enumerate(LAYERS[side]) if place in places), None)


def test_every_import_points_down() -> None:
    wrong = []
    for name, targets in GRAPH.items():
        for other in targets:
            mine, its = layer(name), layer(other)
            inside = name.split(".")[:2] == other.split(".")[:2]
            across = name.split(".")[0] != other.split(".")[0]
            if mine is not None and not inside and not across and (its is None or its >= mine):
                wrong.append(f"{name} -> {other}")
    assert not wrong


def test_a_host_needs_nothing_of_the_controllers_side() -> None:
    assert not [name for name in GRAPH if name.startswith("module_utils") for to in GRAPH[name] if "plugin_utils" in to]


def reached(path: pathlib.Path) -> set[str]:
    """All files of module_utils that Ansible sends along with a file: what it imports, and what those import."""
    todo, done = set(imports(path)), set()
    while todo:
        name = todo.pop()
        done.add(name)
        todo |= set(GRAPH[name]) - done
    return done


def test_a_host_is_sent_what_its_own_command_needs() -> None:
    """The command and the servers' program are packed and run, not imported."""
    sent = reached(PLUGINS / "modules" / "host.py")
    command = MODULES["module_utils.host.command"]
    assert {"module_utils.host.command", "module_utils.probe.echo_program", *reached(command)} <= sent


def test_the_tests_of_modules_run_on_a_host() -> None:
    """The machine of the scenario kinds has no more of Ansible than a module does, and no filters."""
    tests = PLUGINS.parent / "tests"
    for path in (*tests.glob("*.py"), *tests.joinpath("integration").rglob("*.py")):
        if "playbooks" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert re.match(r"(?!ansible\.|.*\.plugins\.filter)|ansible\.module_utils\.", name), f"{path}: {name}"


def test_the_design_names_every_file_of_the_controllers_side() -> None:
    text = (PLUGINS.parent / "docs" / "design.md").read_text(encoding="utf-8")
    records = ("plugin_utils.drivers.",)  # its __init__ names them
    files = {
        path.name for name, path in MODULES.items() if name.startswith("plugin_utils") and path.name != "__init__.py"
    }
    named = {path.name for name, path in MODULES.items() if name.startswith(records) and not path.name.startswith("_")}
    assert {name for name in files - named | {"driver.py"} if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("name", sorted(name for name, path in MODULES.items() if path.name == "__init__.py"))
def test_each_package_says_what_lives_there(name: str) -> None:
    text = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8"))) or ""
    assert text and "Private to the collection" in text


@pytest.mark.parametrize("side", ["module_utils", "plugin_utils"])
def test_the_documentation_names_every_file_once(side: str) -> None:
    design = (PLUGINS.parent / "docs" / "design.md").read_text(encoding="utf-8")
    table = design.partition(f"| package in `plugins/{side}` |")[2].partition("\n\n")[0]
    named = {}
    for row in table.splitlines()[2:]:
        package, text = row.split("|")[1:3]
        place = package.strip().strip("`/").replace("(top)", "")
        named[place] = sorted(re.findall(r"`((?:\w+/)?\w+\.py)`", text))
    found: dict[str, list[str]] = {}
    for path in (PLUGINS / side).rglob("*.py"):
        place, _slash, name = str(path.relative_to(PLUGINS / side)).rpartition("/")
        if path.name != "__init__.py":
            found.setdefault(place.partition("/")[0], []).append(name)
    assert named == {place: sorted(names) for place, names in found.items()}
