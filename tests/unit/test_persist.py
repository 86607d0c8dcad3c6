# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents: what they take, their text, their order; and the archive of the engine."""

from __future__ import annotations

import ast
import io
import json
import pathlib
import re
import zipfile
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import documents, engines, generation
from ansible_collections.weft.fabric.plugins.module_utils.host.archive import engine
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation

ROOT = pathlib.Path(__file__).parents[2]
BRIDGE = {"namespaces": {"": {"links": [{"name": "br0", "kind": "bridge"}]}}}


@pytest.mark.parametrize(
    ("content", "parameter"),
    [
        ([], "documents"),
        ({"topologie": {}}, "documents.topologie"),
        ({"topology": {"namespaces": []}}, "namespaces"),
        ({"topology": {"namespaces": {}, "state": "absent"}}, "documents.topology.state"),
        ({"topology": {"namespaces": {"": {"links": [{"name": "a b"}]}}}}, 'namespaces."".links[0].name'),
        ({"topology": {**BRIDGE, "purge": "perhaps"}}, "documents.topology.purge"),
        ({"masquerade": {"rules": [{"source": "10.0.0.1/8"}]}}, "rules[0].source"),
        ({"masquerade": {"table": "a-b", "rules": [{"source": "10.0.0.0/8"}]}}, "documents.masquerade.table"),
        ({"echo_server": {"namespaces": ["a/b"]}}, "documents.echo_server.namespaces[0]"),
        ({"echo_server": {"namespaces": ["a"], "port": 0}}, "documents.echo_server.port"),
        ({"resync": -1}, "documents.resync"),
    ],
)
def test_refused(content: Any, parameter: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        documents.parse("pods", content)
    assert refused.value.parameter == parameter


@pytest.mark.parametrize("name", ["", "Pods", "../pods", "a b", "0"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(InvalidParameter):
        documents.parse(name, {})


def test_the_text_of_a_generation_is_its_documents() -> None:
    content = {
        "topology": {**BRIDGE, "purge": True},
        "masquerade": {"table": "weft_pods", "rules": [{"source": "10.0.0.0/8", "out_interface": None}]},
        "echo_server": {"namespaces": ["pod1"], "port": 8000},
        "resync": 90,
    }
    found = {"pods": documents.parse("pods", content), "lost": documents.parse("lost", content, persist=False)}
    text = json.loads(str(Generation(7, found, "abc", "0.1.0", 1, "192.0.2.1")))
    assert (text["format"], text["number"], text["revision"]) == (generation.FORMAT, 7, "abc")
    assert text["documents"] == {"pods": {"persist": True, "content": content}}, "what a reboot loses is elsewhere"


def test_what_is_not_given_is_not_written() -> None:
    assert documents.parse("pods", {"topology": BRIDGE, "masquerade": None}).content.keys() == {"topology"}


def test_order() -> None:
    names = ["another", "pods", "overlay", "masquerade", "mgmt_routing", "own"]
    assert [*documents.ordered(documents.parse(name, {}) for name in names)] == [
        "mgmt_routing", "masquerade", "overlay", "pods", "another", "own",
    ]  # fmt: skip


def test_the_engine_is_the_collections_own_code_and_nothing_else() -> None:
    archive = zipfile.ZipFile(io.BytesIO(engine()))
    for name in archive.namelist():
        packed = archive.read(name)
        if "/module_utils/" in name:
            assert packed == (ROOT / name.partition("fabric/")[2]).read_bytes(), name
    packed = {name.partition("fabric/")[2] for name in archive.namelist() if "/module_utils/" in name}
    assert packed == {str(path.relative_to(ROOT)) for path in (ROOT / "plugins" / "module_utils").rglob("*.py")}
    assert engine() == engine()


def test_what_runs_on_the_host_needs_nothing_of_ansible() -> None:
    """Followed from the command on through all that it imports."""
    package = "ansible_collections.weft.fabric.plugins.module_utils"
    todo, done = {f"{package}.host.command"}, set()
    while todo:
        name = todo.pop()
        done.add(name)
        path = ROOT / "plugins" / "module_utils" / name[len(package) + 1 :].replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] != "ansible", name
                if node.module.startswith(package):
                    imported = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
                    todo |= {other for other in imported if _is_module(package, other)} - done
    assert f"{package}.engine.reconcile" in done and f"{package}.module" not in done


def _is_module(package: str, name: str) -> bool:
    path = ROOT / "plugins" / "module_utils" / name[len(package) + 1 :].replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_the_version_is_galaxys() -> None:
    galaxy = (ROOT / "galaxy.yml").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", galaxy, re.MULTILINE)[1] == engines.VERSION  # type: ignore[index]
