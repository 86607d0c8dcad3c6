# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removals: when each takes place, on which condition, and that a run leaves its document as it was given."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, BEFORE, Removal
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, ip, ip_json, namespaces


def index(netns: str, name: str) -> int:
    (link,) = ip_json(netns, "link", "show", name)
    return int(link["ifindex"])


def names(netns: str) -> set[str]:
    return {link["ifname"] for link in ip_json(netns, "link")} - {"lo"}


def wanted(content: dict[str, Any], *removals: Removal) -> Document:
    document = parse_topology(content)
    document.removals += removals
    return document


def test_a_link_that_is_replaced_by_one_of_its_name(ns) -> None:
    """Several rounds see both the removal and the new link; the document is the same before and after all of them."""
    host, pod = ns(), ns()
    pair = {"name": "veth0", "kind": "veth", "peer": {"name": "eth0", "netns": pod, "addresses": ["10.0.0.2/24"]}}
    removal = Removal(pod, Link("eth0", "veth", shared=True))
    with inside(host):
        reconcile(parse_topology({"": {"links": [pair]}}))
        before = index(pod, "eth0")
        document = wanted({"": {"links": [pair]}}, removal)
        given = copy.deepcopy(document)
        outcome = reconcile(document)
        assert document == given
        assert [item.verb for item in outcome.plan.operations][:2] == ["delete", "create"]
        assert index(pod, "eth0") != before
        assert [row["local"] for row in ip_json(pod, "-4", "address", "show", "eth0")[0]["addr_info"]] == ["10.0.0.2"]


@pytest.mark.parametrize("phase", [BEFORE, AFTER])
@pytest.mark.parametrize("strict", [False, True])
def test_another_kind_of_link_of_that_name(phase: str, strict: bool, ns) -> None:
    host = ns()
    ip(host, "link", "add", "x0", "type", "bridge")
    with inside(host), Monitor(host) as monitor:
        document = wanted({"": {}}, Removal("", Link("x0", "dummy"), phase, strict))
        if strict:
            with pytest.raises(FabricError, match="link x0 is a bridge, not a dummy: it is not deleted"):
                reconcile(document)
        else:
            assert not reconcile(document).changed
    assert monitor.changes == []


@pytest.mark.parametrize("phase", [BEFORE, AFTER])
def test_a_shared_bridge_stays_while_it_has_ports_of_others(phase: str, ns) -> None:
    host = ns()
    ip(host, "link", "add", "br0", "type", "bridge")
    for port in ("p0", "p1"):
        ip(host, "link", "add", port, "master", "br0", "type", "veth", "peer", "name", f"{port}far")
    removals = [Removal("", Link(name, kind, shared=True), phase) for name, kind in (("br0", "bridge"), ("p0", "veth"))]
    with inside(host):
        outcome = reconcile(wanted({"": {}}, *removals))
        assert outcome.warnings == ["link br0 stays: it has ports that are not listed, p1"]
        assert names(host) == {"br0", "p1", "p1far"}
        assert not reconcile(wanted({"": {}}, *removals)).changed
        # By its other end, p1 is removed as well.
        removals.append(Removal("", Link("p1far", "veth", shared=True), phase))
        assert reconcile(wanted({"": {}}, *removals)).warnings == []
        assert names(host) == set()


def test_a_link_returns_to_its_origin_only_if_it_is_from_there(ns) -> None:
    host, pod = ns(), ns()
    ip(host, "link", "add", "nic0", "type", "veth", "peer", "name", "far0")
    ip(pod, "link", "add", "eth1", "type", "bridge")
    taken = {pod: {"links": [{"name": "eth0", "origin": {"name": "nic0"}}]}}
    with inside(host):
        reconcile(parse_topology(taken))
        assert (names(host), names(pod)) == ({"far0"}, {"eth0", "eth1"})
        removals = [Removal(pod, Link(name, origin=("", "nic0"))) for name in ("eth0", "eth1")]
        reconcile(wanted({"": {}}, *removals))
        assert (names(host), names(pod)) == ({"nic0", "far0"}, {"eth1"})
        assert not reconcile(wanted({"": {}}, *removals)).changed


def test_a_name_of_a_namespace_is_removed_only_while_it_is_a_further_one(ns) -> None:
    first, second = (f"{ns()}-{name}" for name in ("own", "more"))
    removal = Removal("", Namespace(second, first))
    made = {first: {"links": [{"name": "d0", "kind": "bridge"}]}}
    try:
        reconcile(parse_topology({**made, second: {"joins": first}}))
        assert names(second) == {"d0"}
        reconcile(wanted({**made, second: {}}, removal))
        assert (names(first), names(second)) == ({"d0"}, set())
        assert not reconcile(wanted({**made, second: {}}, removal)).changed
        reconcile(wanted({first: {}}, Removal("", Namespace(second))))
        assert {first, second} & namespaces() == {first}
    finally:
        reconcile(parse_topology({first: {}, second: {}}, absent=True))
