# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that go together: in one request, all of them, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine.apply import apply
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel, Socket
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import RTM_DELLINK
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, ip, ip_batch, ip_json, namespaces

pytestmark = pytest.mark.older_host

PODS = 5


@pytest.fixture
def deletions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One item for each request that deletes links; filled in as they are made."""
    counts: list[int] = []
    execute = Socket.execute

    def counted(self: Socket, requests: Any) -> Any:
        listed = list(requests)
        counts.extend(1 for request in listed if request.kind == RTM_DELLINK)
        return execute(self, listed)

    monkeypatch.setattr(Socket, "execute", counted)
    return counts


def pods(host: str) -> dict[str, Any]:
    ends = [{"name": f"v{i}", "kind": "veth", "controller": "br0", "peer": {"name": "eth0", "netns": f"{host}p{i}"}}
            for i in range(PODS)]  # fmt: skip
    return {"": {"links": [{"name": "br0", "kind": "bridge"}, *ends]}, **{f"{host}p{i}": {} for i in range(PODS)}}


def others(host: str) -> dict[str, str]:
    """The links but lo, each with its group."""
    return {row["ifname"]: row["group"] for row in ip_json(host, "link") if row["ifname"] != "lo"}


@pytest.mark.parametrize(("listed", "requests"), [("everything", 1), ("the namespaces", PODS)])
def test_many_go_at_once_and_no_others(listed: str, requests: int, ns, deletions: list[int]) -> None:
    """Of a veth whose other end is not listed, no more is known than its own namespace."""
    host = ns()
    ip_batch(host, "link add other type veth peer name far group 7", "link set other group 7")
    before = others(host)
    with inside(host):
        reconcile(parse_topology(pods(host)))
        assert others(host).keys() == {*before, "br0", *(f"v{i}" for i in range(PODS))}
        document = pods(host) if listed == "everything" else {f"{host}p{i}": {} for i in range(PODS)}
        with Monitor(host) as monitor:
            assert reconcile(parse_topology(document, absent=True)).changed
        assert not reconcile(parse_topology(document, absent=True)).changed
    assert len(deletions) == requests
    left = before if listed == "everything" else {**before, "br0": "default"}
    assert others(host) == left
    assert {event.text for event in monitor.events if event.kind == "DELLINK" and "port " not in event.text} == {
        *(f"v{i}" for i in range(PODS)), *({"br0"} if listed == "everything" else ())
    }  # fmt: skip
    assert not [name for name in namespaces() if name.startswith(f"{host}p")]


@pytest.mark.parametrize("there", [["a", "c"], ["b"], []])
def test_what_is_gone_already_is_no_error(there: list[str], ns) -> None:
    host = ns()
    for name in there:
        ip(host, "link", "add", "name", name, "type", "bridge")
    with Kernel() as kernel:
        apply(kernel, [Operation("delete", host, Link(name, "bridge")) for name in ("a", "b", "c")])
    assert others(host) == {}


def test_what_sits_on_others_goes_with_them(ns, deletions: list[int]) -> None:
    host = ns()
    links = [
        {"name": "v0", "kind": "veth", "peer": {"name": "v1"}},
        {"name": "m0", "kind": "macvlan", "parent": "v0"},
        {"name": "x0", "kind": "vxlan", "vni": 7, "dev": "v1", "controller": "br0"},
        {"name": "br0", "kind": "bridge"},
        {"name": "t0", "kind": "tuntap", "mode": "tap", "controller": "br0"},
    ]
    with inside(host):
        reconcile(parse_topology({"": {"links": links}}))
        assert others(host).keys() == {"v0", "v1", "m0", "x0", "br0", "t0"}
        reconcile(parse_topology({"": {"links": links}}, absent=True))
    assert (others(host), deletions) == ({}, [1])
