# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirmation, the guard and rollbacks: a host that goes back is as it was, by the kernel's own word."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import generation, notes
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    NEW,
    OLD,
    command,
    derived,
    ended,
    guards,
    state,
    succeed,
    tree,
)


def gone_back(number: int) -> None:
    """Wait for the end of the guard's process, which is the last of what it does."""
    for process in guards(number):
        ended(process)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert not pathlib.Path(notes.GUARD).exists() and not pathlib.Path(notes.HOLD).exists()


def test_without_a_confirmation_the_host_goes_back(run_module) -> None:
    run_module("host", documents={"pods": OLD}, revision="old")
    was, files = state(), derived()
    done = run_module("host", documents={"pods": NEW}, revision="new", confirm=3)
    assert (done["generation"], done["confirmed"]) == (2, False)
    assert state() != was
    record = generation.read()
    assert record.current and record.confirmed
    assert (record.current.number, record.confirmed.number) == (2, 1)
    gone_back(2)
    assert state() == was
    assert derived() == files
    record = generation.read()
    assert record.is_confirmed and record.current and (record.current.number, record.current.revision) == (3, "old")
    assert succeed("diff") == ""
    assert not run_module("host", documents={"pods": OLD}, revision="old")["changed"]
    run_module("host", documents={"pods": {}}, state="absent")


def test_a_confirmation_in_time(run_module) -> None:
    run_module("host", documents={"pods": OLD})
    run_module("host", documents={"pods": NEW}, revision="new", confirm=60)
    right, (process,) = state(), guards(2)
    wrong = command("confirm", "1")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "GENERATION: '1' is refused: the host has generation 2, revision new: it may have gone back" in wrong.stderr
    said = json.loads(succeed("confirm", "2", "--json"))
    assert said == {"changed": True, "generation": 2, "revision": "new"}
    ended(process)
    assert state() == right
    assert succeed("confirm") == "generation 2, revision new, is confirmed\n"
    assert json.loads(succeed("confirm", "--json"))["changed"] is False
    assert succeed("diff") == ""
    assert not run_module("host", documents={"pods": NEW})["changed"]
    run_module("host", documents={"pods": {}}, state="absent")


def test_the_first_generation_of_a_host(run_module) -> None:
    """Without a confirmed one, everything is removed."""
    was, files = state(), tree()
    run_module("host", documents={"pods": OLD}, confirm=2)
    gone_back(1)
    assert (state(), tree()) == (was, files)
    assert generation.read().known == []


@pytest.mark.parametrize("persist", [True, False])
def test_a_teardown(run_module, persist: bool) -> None:
    run_module("host", documents={"pods": OLD}, persist=persist)
    was, files = state(), derived()
    assert run_module("host", documents={"pods": {}}, state="absent", confirm=2)["generation"] == 0
    assert state() != was
    gone_back(2)
    assert (state(), derived()) == (was, files)
    run_module("host", documents={"pods": {}}, state="absent", confirm=60)
    assert succeed("confirm") == "this host has no documents any more\n"
    assert generation.read().known == [] and not pathlib.Path(COMMAND).exists()
