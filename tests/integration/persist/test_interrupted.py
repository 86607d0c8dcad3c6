# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions that fail half-way, or are killed: the host is as it was, or the next run and the next boot go on."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import generation, transaction
from ansible_collections.weft.fabric.plugins.module_utils.kernel import netlink
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    NEW,
    OLD,
    command,
    generation_of,
    state,
    succeed,
    tree,
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


_MUTATIONS = {"os.mkdir", "os.rmdir", "os.rename", "os.remove", "os.symlink", "subprocess.Popen"}


def _killed_at(step: int, wanted: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Carry out a transaction in a process of its own, which ends without a word before its step-th change.

    :returns: whether it got that far; if not, all is done.
    """
    child = os.fork()
    if child == 0:
        left = step

        def count() -> None:
            nonlocal left
            left -= 1
            if not left:
                os._exit(9)

        def hook(event: str, _arguments: tuple[Any, ...]) -> None:
            if event in _MUTATIONS:
                count()

        execute: Callable[..., Any] = netlink.Socket.execute

        def counted(*arguments: Any, **options: Any) -> Any:
            count()
            return execute(*arguments, **options)

        monkeypatch.setattr(netlink.Socket, "execute", counted)
        try:
            sys.addaudithook(hook)
            transaction.Transaction(generation.read(), wanted).run(check=False)
        finally:
            os._exit(0 if left > 0 else 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("then", ["the next run", "a boot"])
def test_killed_at_any_step(run_module, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    """At each step of the way from one generation to another, the next run arrives at the new one."""
    old, new = generation_of(pods=OLD).documents, generation_of(pods=NEW).documents
    transaction.Transaction(generation.read(), new).run(check=False)
    right = state()
    transaction.Transaction(generation.read(), old).run(check=False)
    first = state()
    step, stride = 1, 8
    while _killed_at(step, new, monkeypatch):
        record = generation.read()
        for found in record.known:
            assert found.asks_for(old) or found.asks_for(new), "a generation is whole"
        if then == "a boot":
            assert record.confirmed and command("apply").returncode == 0, step
            assert command("diff").returncode == 0
        assert run_module("host", documents={"pods": NEW}).rc == 0, step
        assert state() == right, step
        assert not run_module("host", documents={"pods": NEW})["changed"]
        transaction.Transaction(generation.read(), old).run(check=False)
        assert state() == first, step
        step += stride
    assert step > 3 * stride
    assert run_module("host", documents={"pods": {}}, state="absent")["changed"]
