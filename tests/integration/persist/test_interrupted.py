# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions that fail half-way: the host is as it was. Those that are killed are in test_killed.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.persist.host import (
    NEW,
    OLD,
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
