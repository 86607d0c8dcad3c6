# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How what was read of several namespaces is joined."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.kernel import observe
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed


class Sockets:
    """Of namespaces that nobody enters."""

    def socket(self, netns: str) -> str:
        return netns


def test_a_namespace_of_several_names_has_the_same_one_in_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names come from sets, whose order is another one in each process."""
    numbers = {"": 0, "pod-host": 0, "pod-p1": 1, "pod-in": 1}
    monkeypatch.setattr(observe, "_read_nsid", lambda _kernel, other: numbers[other])
    observed = {name: Observed(status="present") for name in (*numbers, "pod-br")}
    kernel: Any = Sockets()
    found = [observe._ids(kernel, "pod-br", {0, 1}, others, observed) for others in permutations(numbers)]
    assert found == [{0: "", 1: "pod-in"}] * len(found)
