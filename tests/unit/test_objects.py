# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each type of object is complete: its methods, its lists in documents and states, and its codec."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.codecs import codec, codec_of
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import LISTS
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule

OBJECTS = (
    Address("d", "192.0.2.1/24"),
    Route("192.0.2.0/24", 254, 0, dev="d"),
    Rule(4, 10),
    Neighbour("d", "192.0.2.1", "02:00:00:00:00:01"),
    FdbEntry("d", "02:00:00:00:00:01", "192.0.2.1"),
    BridgeEntry("d", "02:00:00:00:00:01"),
)
every_type = pytest.mark.parametrize("item", OBJECTS, ids=lambda item: type(item).__name__)


def test_every_list_has_a_type() -> None:
    assert tuple(item.list_name for item in OBJECTS) == LISTS


@every_type
def test_methods(item: Any) -> None:
    for name in ("label", "lines", "data", "disturbs", "found_in", "drop_from", "list_name"):
        assert name in vars(type(item)), name


@pytest.mark.parametrize("kind", [Namespace, Link])
def test_methods_of_what_contains_them(kind: type[Any]) -> None:
    for name in ("label", "lines", "disturbs"):
        assert name in vars(kind), name


@every_type
def test_lists(item: Any) -> None:
    for holder in (Desired, Observed):
        assert item.list_name in {field.name for field in dataclasses.fields(holder)}
    state = Observed(links={"lo": Link("lo", "", {"admin_state": "up"})})
    assert item.list_name in facts.document(state)
    assert item.list_name in facts.wanted(Desired(), state)


def test_a_copy_has_tables_of_its_own() -> None:
    """A plan changes the copy, and the observed state stays as it was."""
    state = Observed(neighbours={"x": {"10.0.0.1": "02:00:00:00:00:01"}})
    copied = state.copy()
    assert copied == state
    for name in ("links", *LISTS):
        assert getattr(copied, name) is not getattr(state, name)
    copied.neighbours["x"].clear()
    assert state.neighbours["x"]


@every_type
def test_each_type_has_a_codec(item: Any) -> None:
    found = codec(item.list_name)
    assert isinstance(found, Codec) and found is codec_of(item)
    assert codec_of(Namespace("n")) is None and codec_of(Link("d")) is None
