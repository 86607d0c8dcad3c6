# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of link is one record, and complete: its module, its documentation and its tests are there."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible.parsing.plugin_docs import read_docstring

from ansible_collections.weft.fabric.plugins.module_utils.kinds import (
    NAMES,
    OF_THE_KERNEL,
    PORT_KINDS,
    PORT_OPTIONS,
    kind_of,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments

ROOT = pathlib.Path(__file__).parents[2]
SHARED = ROOT / "plugins" / "module_utils"
each = pytest.mark.parametrize("name", NAMES)


def text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def test_every_record_of_the_folder_is_listed() -> None:
    records = {
        path.stem
        for path in (SHARED / "kinds").glob("*.py")
        if re.search(r"^KIND = ", path.read_text("utf-8"), re.MULTILINE)
    }
    assert records == {*NAMES} == {kind_of(name).name for name in NAMES}
    others = {kind.kernel_name: kind.name for kind in map(kind_of, NAMES) if kind.kernel_name}
    assert others == OF_THE_KERNEL


@each
def test_a_kind_is_complete(name: str) -> None:
    assert (ROOT / "plugins" / "modules" / f"{name}.py").exists()
    assert name in yaml.safe_load(text("meta", "runtime.yml"))["action_groups"]["fabric"]
    assert f"weft.fabric.{name}:" in text("docs", "interfaces.md")
    assert re.search(rf"^\| .*`{name}`.* \| links,", text("README.md"), re.MULTILINE)
    assert (ROOT / "tests" / "integration" / f"test_{name}.py").exists()
    # Each of these kinds is created, read and declared, and its lack is reported.
    assert re.search(rf'^    "{name}": "', text("tests", "integration", "kernel", "commands.py"), re.MULTILINE)


def test_no_attribute_has_the_name_of_another() -> None:
    """A link has its kind's options, those of every link, and those of a port, which are its controller's."""
    for kind in map(kind_of, NAMES):
        assert not kind.options.keys() & {*ATTRIBUTES, *PORT_OPTIONS} - {"group"}, kind.name
    ports = {(name, kind.name) for kind in map(kind_of, NAMES) if kind.ports for name in kind.ports.options}
    assert ports == {*PORT_KINDS.items()} and len(ports) == len(PORT_OPTIONS)
    assert not PORT_OPTIONS.keys() & ATTRIBUTES.keys()


@each
def test_what_a_record_names_is_there(name: str) -> None:
    kind = kind_of(name)
    named = {*kind.defaults, *kind.required, *(option for group in kind.exclusive for option in group)}
    assert named | ({kind.parent} - {""}) <= {*kind.options, "mtu"}
    assert {option.place for option in kind.options.values()} <= {"link", "data", "apart"}
    modes = {mode for option in kind.options.values() for mode in option.modes} | {*kind.ip_modes}
    assert not modes or modes <= {*(kind.options["mode"].spec or {})["choices"]}


# -- documentation -----------------------------------------------------------------------------------


def fragments() -> dict[str, dict[str, Any]]:
    """The options of each documentation fragment, by the fragment's name in a module."""
    found = {}
    for path in (ROOT / "plugins" / "doc_fragments").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                assert isinstance(node.targets[0], ast.Name)
                part = node.targets[0].id.lower()
                suffix = "" if part == "documentation" else f".{part}"
                found[f"weft.fabric.{path.stem}{suffix}"] = yaml.safe_load(str(node.value.value)).get("options") or {}
    return found


FRAGMENTS = fragments()


def documented(options: dict[str, Any]) -> dict[str, Any]:
    """What documentation says of parameters, as an argument specification."""
    return {
        name: {
            **{key: option[key] for key in ("type", "elements", "choices", "aliases", "default") if key in option},
            **({"required": True} if option.get("required") else {}),
            **({"options": documented(option["suboptions"])} if "suboptions" in option else {}),
        }
        for name, option in options.items()
    }


@each
def test_a_module_documents_the_parameters_of_its_record(name: str) -> None:
    doc = read_docstring(str(ROOT / "plugins" / "modules" / f"{name}.py"))["doc"]
    options = {}
    for fragment in doc["extends_documentation_fragment"]:
        options.update(FRAGMENTS[fragment])
    options.update(doc["options"])
    assert documented(options) == arguments(name)["argument_spec"]
    for option in kind_of(name).required:
        assert "Required with O(state=present)" in str(options[option]["description"]), option


# -- the engine knows no kind by name -----------------------------------------------------------------


def literals(node: ast.expr) -> Iterator[str]:
    for part in node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else [node]:
        if isinstance(part, ast.Constant) and part.value in NAMES:
            yield str(part.value)


def comparisons(path: pathlib.Path) -> Iterator[str]:
    """Comparisons of a kind with the name of one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            kinds = [part for part in parts if getattr(part, "attr", getattr(part, "id", "")) == "kind"]
            names = [name for part in parts for name in literals(part)]
            if kinds and names:
                yield f"{path.relative_to(SHARED)}:{node.lineno}: {', '.join(names)}"


def test_nothing_outside_of_the_folder_compares_a_kind_with_a_name() -> None:
    files = [path for path in SHARED.rglob("*.py") if path.parent.name != "kinds"]
    assert [found for path in files for found in comparisons(path)] == []


def test_such_a_comparison_is_found(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "SHARED", tmp_path)
    path = tmp_path / "plan.py"
    path.write_text(
        'a = link.kind == "veth"\nb = "bond" != kind\nc = other.kind in ("ipip", "vlan")\nd = kind == "x"\n'
    )
    assert [*comparisons(path)] == ["plan.py:1: veth", "plan.py:2: bond", "plan.py:3: ipip, vlan"]
