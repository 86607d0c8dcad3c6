# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section is complete: in the list, in the module's options and documentation, and with tests of its own."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import yaml

from ansible_collections.weft.fabric.plugins.module_utils import sections
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import documents
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Owned, Section
from ansible_collections.weft.fabric.plugins.modules import host

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "plugins" / "module_utils" / "sections"
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "section"))

NETWORK = {
    "name": "net1",
    "type": "bridge",
    "isGateway": True,
    "ipMasq": True,
    "ipam": {"type": "host-local", "subnet": "10.22.0.0/16"},
}
# Of each section: parameters, what they own of a host, and parameters that are refused.
EXAMPLES: dict[str, tuple[Any, set[Owned], Any]] = {
    "admission": (
        [{"port": 4789, "vni": 10, "peers": [{"address": "192.0.2.1", "sources": ["10.244.1.0/24"]}]}],
        {Owned("table", "weft_admission")},
        [{"port": 4789, "vni": 10, "peers": [{"address": "192.0.2.1", "sources": []}]}],
    ),
    "sources": (
        [{"interface": "veth0", "bridged": True, "mac_address": "02:00:00:00:00:01", "addresses": ["10.1.0.2"]}],
        {Owned("table", "weft_sources")},
        [{"interface": "veth*", "bridged": True, "mac_address": "02:00:00:00:00:01", "addresses": ["10.1.0.2"]}],
    ),
    "isolation": (
        [["10.1.0.0/16"], ["10.2.0.0/16"]],
        {Owned("table", "weft_isolation")},
        [["10.1.0.1/16"]],
    ),
    "topology": (
        {
            "namespaces": {
                "": {
                    "links": [
                        {"name": "br0", "kind": "bridge"},
                        {"name": "eth9", "controller": "br0"},
                        {"name": "veth0", "kind": "veth", "peer": {"name": "eth0", "netns": "pod1"}},
                    ]
                },
                "pod1": {},
            }
        },
        {
            Owned("link", "br0"),
            Owned("port", "eth9"),
            Owned("link", "veth0"),
            Owned("link", "eth0", "pod1"),
            Owned("namespace", "pod1"),
        },
        {"namespaces": {"a/b": {}}},
    ),
    "networks": (["10.244.0.0/16"], set(), ["10.244.0.1/16"]),
    "sysctl": (
        {"net.ipv4.ip_forward": 1},
        {Owned("file", "/etc/sysctl.d/99-weft-example.conf")},
        {"ip_forward": 1},
    ),
    "masquerade": (
        {"table": "weft_pods", "rules": [{"source": "10.0.0.0/8"}]},
        {Owned("table", "weft_pods")},
        {"table": "a-b"},
    ),
    "cni": (
        [{"netns": "pod1", "network": NETWORK}],
        {
            Owned("link", "cni0"),
            Owned("link", "veth0a8ca8e7"),
            Owned("link", "eth0", "pod1"),
            Owned("table", "weft_cni"),
        },
        [{"netns": "pod1", "network": {**NETWORK, "typo": 1}}],
    ),
    "echo_server": (
        {"namespaces": ["pod1"], "port": 8000},
        {Owned("server", "port 8000", "pod1")},
        {"namespaces": ["pod1"], "port": 0},
    ),
}


def test_each_file_is_in_the_list_and_has_an_example() -> None:
    assert sorted(sections.NAMES) == FILES == sorted(EXAMPLES)
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    imported = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(".sections")
        for alias in node.names
    ]
    assert imported == FILES, "Ansible sends along what it sees imported"


@pytest.mark.parametrize("name", FILES)
def test_each_is_documented(name: str) -> None:
    text = yaml.safe_load(host.DOCUMENTATION)["options"]["documents"]["description"]
    assert [line for line in text if line.startswith(f"C({name}) ")]


@pytest.mark.parametrize("name", FILES)
def test_each_has_tests_in_a_kernel(name: str) -> None:
    assert (ROOT / "tests" / "integration" / f"test_{name}.py").is_file()


@pytest.mark.parametrize("name", FILES)
def test_each_is_parsed_and_says_what_it_owns(name: str) -> None:
    given, owned, wrong = EXAMPLES[name]
    assert isinstance(sections.load(name), Section)
    stored = documents.parse("example", {name: given})
    assert {*sections.load(name).owns("example", stored.values[name])} == owned
    with pytest.raises(InvalidParameter):
        documents.parse("example", {name: wrong})


@pytest.mark.parametrize("name", ["archive", "command", "generation", "install", "replay", "transaction"])
def test_what_carries_documents_out_knows_no_section_by_name(name: str) -> None:
    tree = ast.parse((FOLDER.parent / "host" / f"{name}.py").read_text(encoding="utf-8"))
    assert {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} & {*FILES} == set()


def test_what_a_section_needs_of_another_comes_before_it() -> None:
    for index, name in enumerate(sections.NAMES):
        record = sections.load(name)
        value = documents.parse("example", {name: EXAMPLES[name][0]}).values[name]
        assert {*record.needs(value)} <= {*sections.NAMES[:index]}, name


def test_what_is_asked_for_goes_before_what_another_section_needs() -> None:
    found = documents.parse("example", {"cni": EXAMPLES["cni"][0], "sysctl": {"net.ipv4.ip_forward": 0}})
    assert found.values["sysctl"] == {"net.ipv4.ip_forward": "0"}


@pytest.mark.parametrize("name", FILES)
def test_a_document_imports_its_own_sections_alone(name: str) -> None:
    """Python compiles in each call what is imported from the archive that Ansible sends."""
    package = sections.__name__
    program = f"""
import json, sys
from {package.rpartition(".")[0]}.host.documents import parse
stored = parse("example", {{{name!r}: {EXAMPLES[name][0]!r}}})
print(json.dumps([[*stored.values], [name.rpartition(".")[2] for name in sys.modules if name.startswith({package!r})]]))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    wanted, imported = json.loads(found)
    assert {*imported} == {*wanted, "sections", "section"}
