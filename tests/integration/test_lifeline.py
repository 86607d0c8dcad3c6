# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's own interfaces moved into a bridge or a bond: refused where it cuts the controller off, taken back where it
fails half-way.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine import apply as engine
from ansible_collections.weft.fabric.plugins.module_utils.engine import lifeline
from ansible_collections.weft.fabric.plugins.module_utils.engine.lifeline import Session
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, ip, unchanged
from ansible_collections.weft.fabric.tests.integration.state import snapshot

HERE = Session("10.1.0.9", "10.1.0.1")
FAR = Session("198.51.100.9", "10.1.0.1")
PORT = {"name": "nic0", "addresses": [], "purge_addresses": True}
every_controller = pytest.mark.parametrize(
    "kind", ["bridge", pytest.param("bond", marks=pytest.mark.needs_kind("bond"))]
)


@pytest.fixture
def host(ns) -> Iterator[str]:
    """A namespace that this process is in, with an interface that has an address, and a default route by it."""
    name, far = ns(), ns()
    ip(name, "link", "add", "nic0", "type", "veth", "peer", "name", "far0", "netns", far)
    ip(far, "link", "set", "far0", "up")
    # A veth's end is a link of a kind, and a document that names none leaves it alone as it does a NIC.
    ip(name, "link", "set", "nic0", "up")
    ip(name, "address", "add", "10.1.0.1/24", "dev", "nic0")
    ip(name, "address", "add", "10.5.0.1/24", "dev", "nic0")
    ip(name, "route", "add", "default", "via", "10.1.0.254", "proto", "static")
    with inside(name):
        yield name


def document(kind: str, *addresses: str, **more: Any) -> Any:
    link = {"name": "up0", "kind": kind, "ports": ["nic0"], "addresses": list(addresses)}
    return parse_topology({"": {"links": [link, PORT], **more}}, purge=True)


@every_controller
def test_addresses_move_and_come_back(kind: str, host: str, monkeypatch) -> None:
    monkeypatch.setattr(lifeline, "session", lambda: FAR)
    before = snapshot(host)
    routes = [{"dst": "default", "via": "10.1.0.254", "dev": "up0"}]
    assert reconcile(document(kind, "10.1.0.1/24", routes=routes)).changed
    state = snapshot(host)
    assert state["addresses"] == [("up0", "10.1.0.1/24")]
    assert (state["links"]["nic0"]["master"], state["links"]["nic0"]["up"]) == ("up0", True)
    assert "default via 10.1.0.254 dev up0 proto 119" in state["routes"]
    with unchanged(host):
        assert not reconcile(document(kind, "10.1.0.1/24", routes=routes)).changed
    back = {
        "links": [
            {"name": "up0", "kind": kind, "state": "absent"},
            {"name": "nic0", "controller": "", "admin_state": "up", "addresses": ["10.1.0.1/24", "10.5.0.1/24"]},
        ],
        "routes": [{"dst": "default", "via": "10.1.0.254", "dev": "nic0"}],
    }
    reconcile(parse_topology({"": back}))
    state = snapshot(host)
    assert [route.replace("proto 119", "proto static") for route in state["routes"]] == before["routes"]
    assert (state["links"], state["addresses"]) == (before["links"], before["addresses"])
    with unchanged(host):
        assert not reconcile(parse_topology({"": back})).changed


@every_controller
@pytest.mark.parametrize(
    ("connected", "addresses", "told"),
    [
        (HERE, [], "would lose that address with nic0: nothing is changed; list it as an address of"),
        (HERE, ["10.5.0.1/24"], "would lose that address with nic0: nothing is changed; list it as an address of"),
        (FAR, ["10.1.0.1/24"], "would have no route back: nothing is changed; list a route to 198.51.100.9"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_what_cuts_the_controller_off_is_refused(
    check: bool, connected: Session, addresses: list[str], told: str, kind: str, host: str, monkeypatch
) -> None:
    monkeypatch.setattr(lifeline, "session", lambda: connected)
    with Monitor(host) as monitor, pytest.raises(FabricError) as refused:
        reconcile(document(kind, *addresses), check)
    assert f"this host is reached at 10.1.0.1 by {connected.client}, and {told}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert monitor.changes == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("connected", [HERE, FAR])
def test_an_interface_that_a_container_takes_is_not_the_controllers(
    check: bool, connected: Session, host: str, ns, monkeypatch
) -> None:
    pod = ns()
    taking = {pod: {"links": [{"name": "eth0", "origin": {"name": "nic0"}}]}}
    monkeypatch.setattr(lifeline, "session", lambda: connected)
    with Monitor(host, pod) as monitor, pytest.raises(FabricError) as refused:
        reconcile(parse_topology(taking), check)
    told = f"this host is reached at 10.1.0.1 by {connected.client}, and would lose that address with nic0"
    assert f"{told}: nothing is changed" in str(refused.value)
    assert monitor.changes == []
    monkeypatch.setattr(lifeline, "session", lambda: None)
    assert reconcile(parse_topology(taking), check).changed


DOWN = {"links": [{"name": "nic0", "admin_state": "down"}]}
WITHOUT_ADDRESS = {"links": [{"name": "nic0", "addresses": ["10.5.0.1/24"], "purge_addresses": True}]}
WITHOUT_ROUTE = {"routes": [{"dst": "default", "via": "10.1.0.254"}]}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("document", "absent", "connected", "told"),
    [
        (DOWN, False, HERE, "would lose that address with nic0"),
        (WITHOUT_ADDRESS, False, HERE, "would lose that address with nic0"),
        (WITHOUT_ROUTE, True, FAR, "would have no route back: nothing is changed; list a route to 198.51.100.9"),
    ],
    ids=["interface", "address", "route"],
)
def test_the_way_in_is_removed_only_over_another(
    check: bool, document: Any, absent: bool, connected: Session, told: str, host: str, monkeypatch
) -> None:
    wanted = parse_topology({"": document}, absent=absent)
    monkeypatch.setattr(lifeline, "session", lambda: connected)
    with Monitor(host) as monitor, pytest.raises(FabricError) as refused:
        reconcile(wanted, check)
    assert f"this host is reached at 10.1.0.1 by {connected.client}, and {told}" in str(refused.value)
    assert "\n" not in str(refused.value) and monitor.changes == []
    monkeypatch.setattr(lifeline, "session", lambda: Session("10.99.0.9", "10.99.0.1"))  # by an address of another link
    assert reconcile(wanted, check).changed


@pytest.mark.parametrize("route", [{"dst": "10.77.0.0/16"}, {"dst": "default", "metric": 200}])
def test_what_the_controller_does_not_need_is_removed(route: dict[str, Any], host: str, monkeypatch) -> None:
    """Another route, also one of two that lead to it; another address of its interface."""
    ip(host, "route", "add", route["dst"], "via", "10.1.0.253", "metric", str(route.get("metric", 0)))
    monkeypatch.setattr(lifeline, "session", lambda: FAR)
    assert reconcile(parse_topology({"": {"routes": [{**route, "via": "10.1.0.253"}]}}, absent=True)).changed
    only = {"links": [{"name": "nic0", "addresses": ["10.1.0.1/24"], "purge_addresses": True}]}
    assert reconcile(parse_topology({"": only})).changed
    assert [address for _dev, address in snapshot(host)["addresses"]] == ["10.1.0.1/24"]


@every_controller
def test_what_fails_half_way_is_taken_back(kind: str, host: str, monkeypatch) -> None:
    monkeypatch.setattr(lifeline, "session", lambda: HERE)
    before = snapshot(host)
    # The last of the steps: no plan can know that the kernel will refuse it.
    routes = [{"dst": "10.9.0.0/16", "via": "10.77.0.1", "dev": "up0"}]
    with pytest.raises(FabricError) as failed:
        reconcile(document(kind, "10.1.0.1/24", routes=routes))
    assert "no route leads to 10.77.0.1" in str(failed.value)
    assert str(failed.value).endswith("; the interfaces are as they were before")
    state = snapshot(host)
    assert [route.replace("proto 119", "proto static") for route in state["routes"]] == before["routes"]
    assert (state["links"], state["addresses"]) == (before["links"], before["addresses"])


def test_the_end_of_a_session_does_not_end_a_run(host: str, monkeypatch) -> None:
    apply = engine.apply

    def hung_up(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGHUP)
        return apply(*arguments)

    monkeypatch.setattr("ansible_collections.weft.fabric.plugins.module_utils.engine.converge.apply", hung_up)
    # The tests may themselves run under nohup.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert reconcile(document("bridge", "10.1.0.1/24")).changed
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
    assert snapshot(host)["addresses"] == [("up0", "10.1.0.1/24")]


def test_the_session_is_found_behind_sudo() -> None:
    program = f"from {lifeline.__name__} import session; print(session())"
    found = subprocess.run(
        ["sudo", f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}", sys.executable, "-c", program],
        env={**os.environ, "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(Session("192.0.2.1", "192.0.2.2"))
