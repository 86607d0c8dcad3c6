# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each filter that reads facts about all nodes takes them as the JSON text that the roles keep them as."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.filter import _roles as filters
from ansible_collections.weft.fabric.tests.overlays import DEFAULTS, overlays_of

NODES = {
    "a": {"number": 0, "address": "192.168.1.1/24", "dev": "eth0"},
    "b": {"number": 1, "address": "192.168.2.1/24", "dev": "eth0"},
}
PODS = {
    "a": [{"name": "pod1", "address": "172.2.0.2"}],
    "b": [{"name": "pod2", "address": "172.2.1.2", "network": {"driver": "ptp"}}],
}
NETWORKS = {"a": {"driver": "bridge"}, "b": {"driver": "none"}}
HOSTS = {node: {"namespaces": ["pod1", "pod2"], "lacks": []} for node in PODS}
OVERLAYS = [{"name": "default"}]


@pytest.mark.parametrize(
    "call",
    [
        lambda kept: filters.overlay_document(kept(overlays_of(NODES)), "a", 90),
        lambda kept: filters.overlay_plans(OVERLAYS, NODES, DEFAULTS, kept(PODS), kept(NETWORKS)),
        lambda kept: filters.pods_masquerade(kept(overlays_of(NODES)), "a"),
        lambda kept: filters.pods_plan(PODS["a"], kept(overlays_of(NODES)), "a", 1500),
        lambda kept: filters.pods_plan(PODS["a"], kept(overlays_of(NODES)), state="absent"),
        lambda kept: filters.verify_pods(kept(PODS), kept(NETWORKS), {}),
        lambda kept: filters.verify_targets(
            kept(overlays_of(NODES)), "a", kept(PODS), 8000, kept(NETWORKS), "all"
        ),
        lambda kept: filters.verify_report(
            {"a": [], "b": []}, kept(overlays_of(NODES)), kept(PODS), networks=kept(NETWORKS)
        ),
        lambda kept: filters.bandwidth_plan(
            kept(overlays_of(NODES)), kept(PODS), kept(NETWORKS), hosts=HOSTS
        ),
    ],
)  # fmt: skip
def test_text_says_what_a_structure_does(call: Callable[[Callable[[Any], Any]], Any]) -> None:
    found = call(json.dumps)
    assert found
    assert found == call(lambda fact: fact)
    assert found == call(json.dumps), "what is kept of a text was changed"


def test_a_document_is_text_that_ansible_takes_for_a_dictionary() -> None:
    found = filters.overlay_document(overlays_of(NODES), "a", 90)
    assert found["document"].startswith("{")
    assert json.loads(found["document"])["resync"] == 90
