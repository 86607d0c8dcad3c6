# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of all hosts together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.sections.section import SIGNS, Differing, differing
from ansible_collections.weft.fabric.plugins.plugin_utils.fleet import command, drain, plan

COUNT = dict.fromkeys(SIGNS, 0)


def differs(*objects: str, **count: int) -> dict[str, Any]:
    return {"differs": True, "objects": list(objects), "count": {**COUNT, **count}}


SAME = {"differs": False, "objects": [], "count": COUNT}


def test_a_plan_has_a_line_for_each_object_and_a_total() -> None:
    planned = {
        "a": differs("+ link br0 type bridge", "~ link e0 mtu 1400 (was 1500)", added=1, recreated=1),
        "b": SAME,
        "c": differs("- netns p: route default via 10.0.0.1 dev eth0", removed=1),
    }
    assert plan.lines(planned) == [
        "a: +1 ~1 -0",
        "  + link br0 type bridge",
        "  ~ link e0 mtu 1400 (was 1500)",
        "c: +0 ~0 -1",
        "  - netns p: route default via 10.0.0.1 dev eth0",
        "Plan: 2 of 3 hosts change, +1 ~1 -1",
    ]


def test_nothing_is_one_line() -> None:
    assert plan.lines({"a": SAME, "b": SAME}) == ["Plan: no host changes"]


def test_each_refusal_is_one_line() -> None:
    assert plan.lines({"a": differs(), "b": {"refusal": "it is\n  on hold"}}) == [
        "a: +0 ~0 -0, files alone",
        "Plan: 1 of 2 hosts change, +0 ~0 -0",
        "Refused by 1 of 2 hosts, so no host is changed:",
        "b: it is on hold",
    ]


def test_hosts_that_nobody_confirms() -> None:
    changed = {"common_planned": differs(), "common_applied": {"confirmed": False}}
    lost = {"common_planned": differs(), "common_applied": {"unreachable": True}}
    same = {"common_planned": {**SAME, "confirmed": True}}
    left = {"common_planned": {**SAME, "confirmed": False}}  # by a run before
    told = "Not confirmed, so that these hosts go back by themselves within 60 s: "
    assert plan.unconfirmed({"a": changed, "b": same, "c": left}, 60) == []
    assert plan.unconfirmed({"a": changed, "b": lost, "c": same}, 60) == [f"{told}b"]
    suspect = {**same, "verify_result": {"suspects": ["c"]}}
    assert plan.unconfirmed({"a": changed, "b": lost, "c": suspect, "d": left}, 60) == [f"{told}a, b, d"]


def test_many_objects_of_a_type_are_a_number() -> None:
    routes = [f"+ route 10.0.{number}.0/24 dev e0" for number in range(21)]
    inside = [f"+ netns p: route 10.0.{number}.0/24 dev e0" for number in range(20)]
    assert plan.shortened(["+ link x type bridge", *routes, "- route 10.1.0.0/16 dev e0"]) == [
        "+ link x type bridge",
        "+ route: 21 of them",
        "- route 10.1.0.0/16 dev e0",
    ]
    assert plan.shortened(inside) == inside
    assert plan.shortened([*inside, routes[0]]) == ["+ route: 21 of them"]


def test_documents_are_shown_on_request() -> None:
    assert plan.lines({"a": {**SAME, "documents": "{}"}})[0] == "a: {}"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "a = 1\n", [Differing("added", "a = 1")]),
        ("a = 1\n", "", [Differing("removed", "a = 1")]),
        ("a = 0\nb = 1\n", "a = 1\nb = 1\n", [Differing("changed", "a = 1 (was 0)")]),
        ("", "table x {\n\tchain y {\n\t}\n}\n", [Differing("added", "table x"), Differing("added", "chain y")]),
    ],
)  # fmt: skip
def test_a_diff_has_objects(before: str, after: str, expected: list[Differing]) -> None:
    assert differing({"before": before, "after": after}, " = ") == expected


def said(rc: int = 0, **found: Any) -> dict[str, Any]:
    return {"rc": rc, "stdout": json.dumps({"generation": 7, "revision": "3f2a", **found}), "stderr": ""}


@pytest.mark.parametrize(
    ("own", "line", "failed"),
    [
        (said(changed=True), "a: generation 7, revision 3f2a, changed", False),
        (said(generation=0, changed=True), "a: no documents, changed", False),
        (said(confirmed=False, seconds_left=9),
         "a: generation 7, revision 3f2a, not confirmed (goes back in 9 s)", False),
        (said(2, confirmed=True, drift=["x", "y"], orphans=["z"]),
         "a: generation 7, revision 3f2a, drift: 2, orphans: 1", False),
        (said(hold="on hold until noon", last_error={"message": "no"}),
         "a: generation 7, revision 3f2a, on hold until noon, last error: no", False),
        ({"rc": 1, "stdout": "", "stderr": "weft-fabric: it\nfails"}, "a: weft-fabric: it fails", True),
        ({"rc": 2, "stdout": "", "stderr": ""}, "a: weft-fabric is not installed here: run site first", True),
    ],
)  # fmt: skip
def test_a_command_is_one_line_for_each_host(own: dict[str, Any], line: str, failed: bool) -> None:
    assert command.lines({"a": own}, ["a"]) == [line]
    assert command.failed(own) == failed


def test_a_host_that_others_have_entries_of_is_named_once() -> None:
    peers = {
        "a": said(peers=["b", "x"]),
        "b": said(peers=["a", "x", "y"]),
        "c": {"rc": 1, "stdout": "", "stderr": "no"},
    }
    remedy = "ansible-playbook weft.fabric.drain -e drain_nodes={} removes them"
    assert command.lines(peers, ["a", "b", "c"])[3:] == [
        f"x is not in the inventory, and 2 hosts have entries of it: {remedy.format('x')}",
        f"y is not in the inventory, and b has entries of it: {remedy.format('y')}",
    ]


@pytest.mark.parametrize("given", ["a, b,,a", ["a", "b"]])
def test_names_of_nodes(given: Any) -> None:
    assert drain.names(given) == ["a", "b"]
    assert drain.pattern(given, ["b", "c"], "!") == ":!b"
    assert drain.pattern(given, ["c"]) == ""


DONE: dict[str, Any] = {"common_planned": {"differs": True}, "common_applied": {"changed": True}}
SEEN = {"common_planned": {"differs": True, "drained": ["x"]}}


def drained(**variables: dict[str, Any]) -> drain.Drain:
    """Nodes n and x are drained, a stays, and r is a router; x is not in the inventory."""
    everywhere = ["a", "n", "r"]
    return drain.Drain(["n", "x"], ["a"], ["r"], everywhere, {host: variables.get(host, {}) for host in everywhere})


def test_what_is_left_to_do_after_a_drain() -> None:
    run = drained(a={**DONE, **SEEN}, r={"common_planned": {}, **SEEN}, n=DONE)
    assert (run.unknown, run.obstacle) == ([], "")
    assert run.lines == [
        "n: it is drained",
        "x: it is not in the inventory; its entries are removed",
        "Delete from the inventory: n",
    ]


def test_a_drained_node_that_is_a_router_stays_in_the_inventory() -> None:
    run = drain.Drain(["r"], ["a"], ["r"], ["a", "r"], {"a": DONE, "r": DONE})
    assert (run.hosts, run.lines[-1]) == (["a"], "Delete from the group of nodes: r")


def test_a_name_that_neither_the_inventory_nor_a_host_has() -> None:
    assert drained(a=DONE, r=DONE, n=DONE).unknown == ["x"]


@pytest.mark.parametrize(
    ("own", "obstacle"),
    [
        ({"common_applied": {"failed": True}}, "a failed, and may have entries of it"),
        ({"common_said": {"rc": 1}}, "a failed, and may have entries of it"),
        ({"common_said": {"unreachable": True}}, "a failed, and may have entries of it"),
        ({"verify_result": {"suspects": ["a"]}}, "the proof has failed"),
        ({"common_planned": {"unreachable": True}}, ""),
        ({"common_applied": {"unreachable": True}}, ""),
    ],
)
def test_what_keeps_a_node_from_being_changed(own: dict[str, Any], obstacle: str) -> None:
    run = drained(a={**DONE, **own}, r=DONE, n={"common_planned": {"differs": True}})
    assert run.obstacle == obstacle
    assert run.lines[0] == f"n: it stays as it is: {obstacle or 'it was not changed'}"
    assert run.lines[-1].startswith("Delete nothing" if obstacle else "Delete from the inventory: n")


@pytest.mark.parametrize(
    ("own", "end"),
    [
        ({}, "it is not in this run, and stays as it is"),
        ({"common_planned": {"unreachable": True}}, "it cannot be reached, and keeps what it has; "),
        ({**DONE, "common_applied": {"failed": True}}, "it has failed: "),
        ({"common_planned": {"differs": False}}, "it is drained"),
    ],
)
def test_how_a_node_has_ended(own: dict[str, Any], end: str) -> None:
    lines = drained(a=DONE, n=own).lines
    assert lines[0].startswith(f"n: {end}")
    assert "Not in this run, so they may still have entries of it: r" in lines
