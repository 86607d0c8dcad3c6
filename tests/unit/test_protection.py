# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of the proof on what protects the nodes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.protection import lines
from ansible_collections.weft.fabric.tests.overlays import overlays_of, planned

NODES = {
    name: {"number": number, "address": f"192.168.1.{number + 1}/24", "dev": "e0"}
    for number, name in enumerate("abcdefg")
}
BOTH = ["bridge weft_sources", "inet weft_admission"]
POD = {"name": "pod", "address": "172.2.0.2"}
MACVLAN = {"driver": "macvlan", "parent": "e0", "subnet": "10.9.0.0/24"}
LAN = {"name": "lan", "address": "10.9.0.2", "network": MACVLAN}


def shown(tables: dict[str, Any], pods: Any = (POD,), **overlay: Any) -> list[str]:
    overlays = planned(overlays_of(NODES, **overlay))
    return lines(tables, Fabric(overlays, {"a": list(pods)}, {}))


@pytest.mark.parametrize(
    ("tables", "pods", "overlay", "line"),
    [
        (BOTH, [POD], {}, "admission on, source checks on"),
        (["inet weft_isolation"], [POD], {}, "admission off, source checks off"),
        (["inet weft_admission", "inet weft_sources"], [POD], {}, "admission on, source checks on"),
        (BOTH, [], {}, "admission on, source checks not needed (no pods)"),
        (BOTH, [{"name": "x", "network": {"driver": "none"}}], {}, "admission on, source checks not needed (no pods)"),
        (BOTH, [POD, LAN], {}, "admission on, source checks on, not for pods of macvlan"),
        (BOTH, [LAN], {}, "admission on, source checks not for pods of macvlan"),
        (
            [],
            [],
            {"mode": "direct"},
            "admission not needed (no overlay has a VXLAN), source checks not needed (no pods)",
        ),
    ],
)
def test_a_node(tables: list[str], pods: list[Any], overlay: dict[str, Any], line: str) -> None:
    assert shown({"a": tables}, pods, **overlay) == [f"a: {line}"]


def test_nodes_with_the_same_protection_have_one_line() -> None:
    tables = {name: [] if name == "c" else ["inet weft_admission"] for name in "bcdefg"}
    assert shown(tables) == [
        "b, d, e, f, g: admission on, source checks not needed (no pods)",
        "c: admission off, source checks not needed (no pods)",
    ]
    many = shown({"g": [], **{name: ["inet weft_admission"] for name in "abcdef"}}, ())
    assert many[1].startswith("a, b, c, d, e and 1 more: admission on")


def test_a_host_that_reports_nothing_has_no_line() -> None:
    assert shown({}) == []
