# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clones of one machine, and what is shown of hosts before the fabric is set up."""

from __future__ import annotations

import ast
import pathlib
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.preflight import checks
from ansible_collections.weft.fabric.plugins.plugin_utils.documents import interfaces
from ansible_collections.weft.fabric.plugins.plugin_utils.fleet import plan, preflight
from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.identity import duplicates

ROOT = pathlib.Path(__file__).parents[2]
SYSTEM = {"distribution": "Debian", "kernel": "6.1", "python": "3.11.2", "pyroute2": "", "nft": True, "systemd": False}


def host(machine: str, boot: str, **macs: str) -> dict[str, Any]:
    return {"machine_id": machine, "boot_id": boot, "macs": macs}


def test_a_machine_id_that_two_hosts_have() -> None:
    (line,) = duplicates({"a": host("1", "x"), "b": host("2", "y"), "c": host("1", "z")})["c"]
    assert line.startswith("/etc/machine-id is that of a (a cloned machine?): ")


@pytest.mark.parametrize("machine", ["", "uninitialized"])
def test_hosts_without_an_id(machine: str) -> None:
    assert duplicates({"a": host(machine, "x"), "b": host(machine, "y")}) == {}


def test_hosts_that_share_a_kernel_may_share_an_id() -> None:
    assert duplicates({"a": host("1", "x"), "b": host("1", "x")}) == {}


def test_a_mac_address_that_two_hosts_have() -> None:
    found = duplicates({"a": host("1", "x", e0="02::1", e1="02::1"), "b": host("2", "x", eth5="02::1")})
    assert list(found) == ["b"] and found["b"][0].startswith("eth5 has the MAC address 02::1 of a's e0 (")


def test_the_plan_refuses_clones() -> None:
    planned = {
        "a": {"differs": False, "identity": host("1", "x")},
        "b": {"differs": False, "identity": host("1", "y")},
        "c": {"refusal": "it is\n on hold"},
    }
    reasons = plan.refused(planned)
    assert reasons["c"] == "it is on hold" and reasons["b"].startswith("/etc/machine-id is that of a")
    assert plan.lines(planned)[1:3] == ["Refused by 2 of 3 hosts, so no host is changed:", f"b: {reasons['b']}"]


def test_the_interfaces_that_documents_make_and_use() -> None:
    links = [{"name": "e0", "expects": ["10.0.0.1"]}, {"name": "bond0"}, {"name": "vxlan0", "kind": "vxlan"}]
    made = {"topology": {"namespaces": {"": {"links": [{"name": "bond0", "kind": "bond"}]}}}}
    used = {"topology": {"namespaces": {"": {"links": links}, "pod1": {"links": [{"name": "eth0"}]}}}}
    assert interfaces({"underlay": made, "overlay": used, "pods": {"state": "absent"}}) == (
        {"bond0", "vxlan0"}, {"e0"},
    )  # fmt: skip


def finding(check: str, text: str, refuses: bool = True) -> dict[str, Any]:
    return {"check": check, "text": text, "refuses": refuses}


def seen(*findings: dict[str, Any], clock: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"findings": list(findings), "packages": [], "system": SYSTEM, "clock": clock, **more}


def test_a_finding_is_one_line_with_all_hosts_that_have_it() -> None:
    late = finding("services", "nothing\nstarts", refuses=False)
    hosts = {name: seen(late) for name in "abcdefg"}
    hosts["c"]["findings"].append(finding("software", "nft is missing: install it"))
    report = preflight.report(hosts, {"z": "cannot be reached"})
    assert report.refused == ["c"]
    assert report.lines[0].split() == [*preflight._COLUMNS]
    assert [line.split()[-1] for line in report.lines[1:4]] == ["warning", "warning", "refused"]
    assert report.lines[8] == "z     cannot be reached"
    assert report.lines[9:] == [
        "",
        "c: refused: software: nft is missing: install it",
        "a, b, c, d, e and 2 more: warning: services: nothing starts",
        "Preflight: 6 of 8 hosts ready, 1 refused, 1 not reached",
    ]


@pytest.mark.parametrize(("clock", "told"), [(3600.0, "3600 s ahead of"), (-61.0, "61 s behind"), (60.0, ""), (0, "")])
def test_clocks_are_compared(clock: float, told: str) -> None:
    lines = preflight.report({"a": seen(clock=clock)}, {}).lines
    assert [line for line in lines if "clock" in line] == (
        [f"a: warning: clock: it is {told} the controller's: let NTP set both"] if told else []
    )


def test_clones_and_packages_that_cannot_be_installed() -> None:
    hosts = {
        "a": seen(identity=host("1", "x")),
        "b": seen(identity=host("1", "y"), packages_error="no package nftables"),
        "c": {"findings": [finding("connection", "no Python")], "packages": [], "system": {}, "clock": 0.0},
    }
    report = preflight.report(hosts, {})
    assert report.refused == ["b", "c"]
    assert "c     -             -       -       -         -    -        -         refused" in report.lines
    assert "b: warning: packages: they cannot be installed: no package nftables" in report.lines


def test_what_the_role_has_registered() -> None:
    first, again = seen(finding("software", "nft is missing")), seen()
    variables = {
        "a": {"preflight_found": first, "preflight_installed": {"skipped": True}, "preflight_again": {"skipped": True}},
        "b": {"preflight_found": first, "preflight_installed": {"rc": 0, "msg": "x"}, "preflight_again": again},
        "c": {"preflight_found": first, "preflight_installed": {"rc": 1, "msg": "no\nway"}, "preflight_again": first},
    }
    found, missing = preflight.registered(variables, ["a", "b", "c"], ["a", "b", "c", "d"])
    assert {name: len(own["findings"]) for name, own in found.items()} == {"a": 1, "b": 0, "c": 1}
    assert {name: own["packages_error"] for name, own in found.items()} == {"a": "", "b": "", "c": "no way"}
    assert missing == {"d": "cannot be reached"}


def test_each_check_is_in_the_list_and_documented() -> None:
    folder = ROOT / "plugins" / "module_utils" / "preflight" / "checks"
    files = sorted(path.stem for path in folder.glob("*.py") if path.stem not in ("__init__", "check"))
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    listed = [
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr == "CHECK"
    ]
    assert sorted(listed) == files
    readme = (ROOT / "roles" / "preflight" / "README.md").read_text(encoding="utf-8")
    tests = (ROOT / "tests" / "integration" / "test_preflight_info.py").read_text(encoding="utf-8")
    for check in checks.CHECKS:
        assert f"| {check.name} |" in readme and f'"{check.name}"' in tests
