# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions that fail half-way, or are killed: the host is as it was, or the next run and the next boot go on."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import generation, transaction
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    NEW,
    OLD,
    command,
    derived,
    generation_of,
    killed_at,
    state,
    succeed,
    tree,
    wipe,
)

REFUSED = {"dst": "10.77.0.0/16", "via": "127.0.0.9", "dev": "lo", "onlink": True}
"""A route that only the kernel knows to be wrong."""


@pytest.mark.parametrize("before", [None, OLD], ids=["from nothing", "from another generation"])
def test_the_kernel_refuses_a_step(run_module, before: Any) -> None:
    if before:
        assert run_module("host", documents={"pods": before})["changed"]
    was, files = state(), tree()
    wrong = copy.deepcopy(NEW)
    wrong["topology"]["namespaces"][""]["routes"].append(REFUSED)
    done = run_module("host", documents={"pods": wrong})
    assert "10.77.0.0/16" in done["msg"] and "\n" not in done["msg"], done
    assert state() == was
    assert tree() == files
    if before:
        assert succeed("diff") == ""
        assert not run_module("host", documents={"pods": before})["changed"]
        run_module("host", documents={"pods": {}}, state="absent")


def _killed_at(step: int, wanted: Any) -> bool:
    return killed_at(step, lambda: transaction.Transaction(generation.read(), wanted).run(check=False))


@pytest.mark.parametrize("then", ["the next run", "a boot"])
def test_killed_at_any_step(run_module, then: str) -> None:
    """At each step of the way from one generation to another, the next run arrives at the new one."""
    old, new = generation_of(pods=OLD).documents, generation_of(pods=NEW).documents
    transaction.Transaction(generation.read(), new).run(check=False)
    right = state(), derived()
    transaction.Transaction(generation.read(), old).run(check=False)
    first = state(), derived()
    step, stride = 1, 8
    while _killed_at(step, new):
        record = generation.read()
        for found in record.known:
            assert found.asks_for(old) or found.asks_for(new), "a generation is whole"
        if then == "a boot":
            wipe()
            assert record.confirmed and command("apply").returncode == 0, step
            assert (state(), derived()) in (first, right), step
            assert command("diff").returncode == 0 and generation.read().is_confirmed
        assert run_module("host", documents={"pods": NEW}).rc == 0, step
        assert (state(), derived()) == right, step
        assert not run_module("host", documents={"pods": NEW})["changed"]
        transaction.Transaction(generation.read(), old).run(check=False)
        assert (state(), derived()) == first, step
        step += stride
    assert step > 3 * stride
    assert run_module("host", documents={"pods": {}}, state="absent")["changed"]
