# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random topologies on the real kernel: from A to B and back to A, and each of them twice."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import everything
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.documents import OURS, documents
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, new_namespace
from ansible_collections.weft.fabric.tests.integration.state import part, snapshot

pytestmark = pytest.mark.older_host


def renamed(namespaces: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A document for the namespaces of this example."""
    found = {}
    for netns, content in namespaces.items():
        links = []
        for link in content["links"]:
            peer = link.get("peer")
            links.append({**link, "peer": {**peer, "netns": names[peer["netns"]]}} if peer else link)
        found[names[netns]] = {**content, "links": links}
    return found


def described(names: list[str]) -> dict[str, Any]:
    """What topology_info returns."""
    with Kernel() as kernel:
        scopes = {name: everything([other for other in names if other != name]) for name in names}
        return {name: facts.document(state) for name, state in observe(kernel, scopes).items()}


def owned(namespaces: dict[str, Any]) -> dict[str, Any]:
    """The kernel's state of all that a document names."""
    links = {netns: {link["name"] for link in content["links"]} for netns, content in namespaces.items()}
    for content in namespaces.values():
        for link in content["links"]:
            if "peer" in link:
                links[link["peer"]["netns"]].add(link["peer"]["name"])
    return {netns: part(snapshot(netns), names) for netns, names in links.items()}


def settle(namespaces: dict[str, Any], places: list[str]) -> dict[str, Any]:
    """Reach a topology; that it is reached is proved by the kernel's silence. The state."""
    would = reconcile(parse_topology(namespaces, purge=True), check=True)
    did = reconcile(parse_topology(namespaces, purge=True))
    assert (would.changed, would.diff, would.warnings) == (did.changed, did.diff, did.warnings)
    with Monitor(*places) as monitor:
        again = reconcile(parse_topology(namespaces, purge=True))
        read = reconcile(parse_topology(described(["", *places[1:]]), purge=True))
    assert (again.changed, again.diff) == (False, {"before": "", "after": ""})
    assert (read.changed, read.diff) == (False, {"before": "", "after": ""})
    assert monitor.changes == []
    return owned(namespaces)


@settings(max_examples=60)
@given(documents(), documents())
def test_from_one_to_another_and_back(first: Any, second: Any) -> None:
    with contextlib.ExitStack() as stack:
        host, *others = places = [stack.enter_context(new_namespace()) for _place in range(3)]
        stack.enter_context(inside(host))
        names = {"": "", **dict(zip(OURS, others))}
        start, detour = renamed(first, names), renamed(second, names)
        before = settle(start, places)
        settle(detour, places)
        assert settle(start, places) == before
