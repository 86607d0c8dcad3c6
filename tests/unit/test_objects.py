# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each type of object is complete: its methods, its lists in documents and states, and its codec."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codecs import CODECS
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import LISTS
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed

every_type = pytest.mark.parametrize("kind", LISTS, ids=lambda kind: kind.__name__)


@every_type
def test_methods(kind: type[Any]) -> None:
    for name in ("label", "lines", "data", "disturbs", "found_in", "drop_from"):
        assert name in vars(kind), name


@pytest.mark.parametrize("kind", [Namespace, Link])
def test_methods_of_what_contains_them(kind: type[Any]) -> None:
    for name in ("label", "lines", "disturbs"):
        assert name in vars(kind), name


@every_type
def test_lists(kind: type[Any]) -> None:
    for holder in (Desired, Observed):
        assert LISTS[kind] in {field.name for field in dataclasses.fields(holder)}
    state = Observed(links={"lo": Link("lo", "", {"admin_state": "up"})})
    assert LISTS[kind] in facts.document(state)
    assert LISTS[kind] in facts.wanted(Desired(), state)


def test_a_copy_has_tables_of_its_own() -> None:
    """A plan changes the copy, and the observed state stays as it was."""
    state = Observed(neighbours={"x": {"10.0.0.1": "02:00:00:00:00:01"}})
    copied = state.copy()
    assert copied == state
    for name in ("links", *LISTS.values()):
        assert getattr(copied, name) is not getattr(state, name)
    copied.neighbours["x"].clear()
    assert state.neighbours["x"]


def test_each_type_has_a_codec() -> None:
    assert CODECS.keys() == LISTS.keys()
