# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module through its life, on the real kernel: what the files of the modules have in common.

Missing arguments, check mode, create, again, change in place, drift, delete, delete again. What is asserted is what
iproute2 and the kernel's notifications say. A file describes the life of its module as a table of cases:

    CASES = {"dummy": Case("dummy", create={...}, made={...}, ...)}

    test_life = life.test_of(CASES)
    test_missing_arguments = life.test_missing_arguments_of(CASES)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import (
    LINK_KINDS,
    Monitor,
    ip_json,
    namespaces,
    run,
    unchanged,
)
from ansible_collections.weft.fabric.tests.integration.state import snapshot

QUIET = {"before": "", "after": ""}
MACS = [f"02:00:5e:00:00:{number:02x}" for number in range(10)]
FLOOD = "00:00:00:00:00:00"


@dataclasses.dataclass(frozen=True)
class Case:
    """A module's life in two namespaces, HOST and POD.

    :ivar prepare: commands, before the module runs.
    :ivar create: its arguments; ``made`` is what the kernel then has, as part of a snapshot.
    :ivar change: its arguments for another state, reached without making anything again; ``changed`` what it then has.
    :ivar drift: commands, or several joined by &&, that alter that state behind its back.
    :ivar missing: arguments without which it fails.
    :ivar delete: its arguments to take everything away; those of ``change`` where they are not given.
    :ivar renames: whether ``change`` gives a link another name.
    """

    module: str
    create: dict[str, Any]
    made: dict[str, Any]
    change: dict[str, Any]
    changed: dict[str, Any]
    drift: tuple[str, ...]
    missing: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    delete: dict[str, Any] | None = None
    renames: bool = False


def link(name: str, kind: str, mtu: int, address: str, **more: Any) -> dict[str, Any]:
    """A link as snapshot() has it."""
    return {"links": {name: {"kind": kind, "mtu": mtu, "address": address, "up": True, **more}}}


class Stage:
    """A case's namespaces, and its module run in them."""

    def __init__(self, run_module: Any, case: Case, host: str, pod: str) -> None:
        self._run_module = run_module
        self.case = case
        self.names = {"HOST": host, "POD": pod}
        self.command(*case.prepare)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._filled(key): self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return self.names.get(value, value) if isinstance(value, str) else value

    def command(self, *commands: str) -> None:
        for command in commands:
            run(*(self.names.get(word, word) for word in command.split()))

    def run(self, arguments: dict[str, Any], **more: Any) -> Any:
        place = {} if self.case.module == "topology" else {"netns": self.names["HOST"]}
        return self._run_module(self.case.module, **place, **self._filled(arguments), **more)

    def state(self) -> dict[str, Any]:
        return {label: snapshot(name) if name in namespaces() else None for label, name in self.names.items()}

    def quietly(self, arguments: dict[str, Any], **more: Any) -> Any:
        """Run; the kernel has nothing to say about it."""
        before = self.state()
        with unchanged("", *(name for name in self.names.values() if name in namespaces())):
            result = self.run(arguments, **more)
        assert self.state() == before
        return result

    def reach(self, arguments: dict[str, Any], **more: Any) -> Any:
        """Run in check mode, then run, then run again."""
        would = self.quietly(arguments, check=True, **more)
        did = self.run(arguments, **more)
        assert did.rc == 0, did
        assert (would["changed"], would["diff"]) == (True, did["diff"])
        assert did["changed"] and did["diff"]["before"] != did["diff"]["after"]
        again = self.quietly(arguments, **more)
        assert (again["changed"], again["diff"]) == (False, QUIET)
        return did

    def expect(self, expected: dict[str, Any]) -> None:
        """The kernel has what a case says."""
        state = self.state()
        for label, parts in expected.items():
            for section, items in parts.items():
                found = state[label][section]
                if section == "links":
                    for name, attributes in items.items():
                        assert {key: found[name][key] for key in attributes} == attributes
                else:
                    assert found == items

    def indexes(self) -> dict[tuple[str, str], int]:
        return {
            (label, item["ifname"]): item["ifindex"]
            for label, name in self.names.items()
            for item in ip_json(name, "link")
        }


def test_of(cases: dict[str, Case]) -> Callable[..., None]:
    """A test of each case's life, skipped where the kernel has no links of its kind."""

    @pytest.mark.older_host
    @pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, marks=[pytest.mark.needs_kind(case.module)] if case.module in LINK_KINDS else [])
            for case in cases.values()
        ],
        ids=list(cases),
    )
    def test_life(case: Case, run_module: Any, ns: Any) -> None:
        stage = Stage(run_module, case, ns(), ns())
        nothing = stage.state()

        stage.reach(case.create)
        stage.expect(case.made)
        indexes = stage.indexes()

        stage.reach(case.change)
        stage.expect(case.changed)
        if not case.renames:
            assert stage.indexes() == indexes
        right = stage.state()

        for command in case.drift:
            stage.command(*command.split(" && "))
            assert stage.state() != right, f"{command} changes nothing"
            repaired = stage.run(case.change)
            assert repaired["changed"] and repaired["diff"] != QUIET, command
            assert stage.state() == right, command
        assert not stage.quietly(case.change)["changed"]

        gone = {"state": "absent", **(case.delete or case.change)}
        stage.reach(gone)
        if case.module == "topology":
            assert not set(stage.names.values()) & namespaces()
        else:
            assert stage.state() == nothing

    return test_life


def test_missing_arguments_of(cases: dict[str, Case]) -> Callable[..., None]:
    """A test of each module and each argument without which it fails."""

    @pytest.mark.parametrize(
        ("module", "argument"), sorted({(case.module, name) for case in cases.values() for name in case.missing})
    )
    def test_missing_arguments(module: str, argument: str, run_module: Any, ns: Any) -> None:
        create = next(case.create for case in cases.values() if case.module == module)
        refused_without(argument, run_module, ns(), module, create)

    return test_missing_arguments


def refused_without(argument: str, run_module: Any, name: str, module: str, arguments: dict[str, Any]) -> None:
    """A module without one of its arguments fails in one line, and changes nothing.

    :param name: the namespace that it is to work in.
    """
    given = {key: value for key, value in arguments.items() if key != argument}
    if module not in ("netns", "topology"):
        given["netns"] = name
    with Monitor("", name) as monitor:
        result = run_module(module, **given)
    assert result["failed"] and argument in result["msg"] and "\n" not in result["msg"]
    assert monitor.changes == []
