# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own tools: that they see what happens, and nothing else."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import (
    Event,
    Monitor,
    bridge,
    bridge_json,
    eventually,
    inside,
    ip,
    ip_json,
    messages,
    namespaces,
    run,
)
from ansible_collections.weft.fabric.tests.integration.kernel.monitor import NLM_F_DUMP, RouteListener


def kinds(monitor: Monitor) -> list[str]:
    return [event.kind for event in monitor.events]


def test_the_process_is_not_on_the_machine() -> None:
    for kind in ("net", "mnt"):
        assert os.readlink(f"/proc/{os.getppid()}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")
    links = {entry.name for entry in os.scandir("/sys/class/net") if entry.is_dir()}
    assert links == {link["ifname"] for link in ip_json("", "link")}
    assert "UP" in ip_json("", "link", "show", "lo")[0]["flags"]


def test_namespaces_come_and_go(ns) -> None:
    first, second = ns(), ns()
    assert first != second
    assert {first, second} <= namespaces()
    assert "UP" in ip_json(first, "link", "show", "lo")[0]["flags"]
    run("ip", "netns", "delete", second)


def test_quiet_is_no_event(ns) -> None:
    name = ns()
    with Monitor("", name) as monitor:
        ip(name, "address", "show")
        ip(name, "route", "show", "table", "all")
        bridge(name, "fdb", "show")
        run("ip", "netns", "exec", name, "nft", "list", "ruleset")
    assert monitor.events == []


def test_an_address_is_seen_with_its_routes(ns) -> None:
    name = ns()
    with Monitor(name) as monitor:
        ip(name, "address", "add", "192.0.2.1/24", "dev", "lo")
    assert str(monitor.events[0]) == f"[{name}] NEWADDR 192.0.2.1/24 dev #1"
    assert "NEWROUTE" in kinds(monitor)
    with Monitor(name) as monitor:
        ip(name, "address", "delete", "192.0.2.1/24", "dev", "lo")
    assert "DELADDR" in kinds(monitor)


def test_a_request_is_seen_even_where_it_alters_nothing(ns) -> None:
    name = ns()
    ip(name, "address", "add", "192.0.2.1/24", "dev", "lo")
    with Monitor(name) as monitor:
        refused = subprocess.run(
            ["ip", "-n", name, "address", "add", "192.0.2.1/24", "dev", "lo"], capture_output=True, check=False
        )
    assert refused.returncode == 2
    assert monitor.events == []
    with Monitor(name) as monitor:
        ip(name, "address", "replace", "192.0.2.1/24", "dev", "lo")
    assert [str(event) for event in monitor.events] == [f"[{name}] NEWADDR 192.0.2.1/24 dev #1"]


def test_links_neighbours_fdb_and_nft_are_seen_where_they_are(ns) -> None:
    one, other = ns(), ns()
    with Monitor("", one, other) as monitor:
        ip(one, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", other)
    assert {(event.namespace, event.kind) for event in monitor.events} >= {(one, "NEWLINK"), (other, "NEWLINK")}
    assert not [event for event in monitor.events if event.namespace == ""]
    ip(one, "link", "add", "br0", "type", "bridge")
    ip(one, "link", "set", "v0", "master", "br0", "up")
    with Monitor(one, other) as monitor:
        bridge(one, "fdb", "add", "02:00:00:00:00:01", "dev", "v0", "master", "static")
    # Linux 6.1 says it twice.
    assert {(event.namespace, event.kind, event.text[:21], event.learned) for event in monitor.events} == {
        (one, "NEWNEIGH", "fdb 02:00:00:00:00:01", False)
    }
    with Monitor(one, other) as monitor:
        ip(other, "neigh", "add", "192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "v1")
    assert [(event.namespace, event.kind) for event in monitor.events] == [(other, "NEWNEIGH")]
    with Monitor(one, other) as monitor:
        run("ip", "netns", "exec", one, "nft", "add table ip t; add chain ip t c; add rule ip t c accept")
    assert [(event.namespace, event.kind) for event in monitor.events] == [
        (one, f"nft {kind}") for kind in ("NEWTABLE", "NEWCHAIN", "NEWRULE", "NEWGEN")
    ]


def test_what_was_under_way_is_not_taken_for_a_change(ns) -> None:
    """Carrier and duplicate address detection of a pair that has just come up end before the block begins."""
    one, other = ns(), ns()
    with inside(one):
        pathlib.Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("1", encoding="ascii")
        pathlib.Path("/proc/sys/net/ipv6/conf/all/accept_dad").write_text("1", encoding="ascii")
    ip(one, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", other)
    ip(other, "link", "set", "v1", "up")
    ip(one, "link", "set", "v0", "up")
    ip(one, "address", "add", "2001:db8::1/64", "dev", "v0")
    assert any(a.get("tentative") for a in ip_json(one, "address", "show", "dev", "v0")[0]["addr_info"])
    with Monitor(one, other) as monitor:
        pass
    assert monitor.changes == []
    assert not any(a.get("tentative") for a in ip_json(one, "address", "show", "dev", "v0")[0]["addr_info"])


def test_a_link_has_settled_once_the_kernel_has_told_its_state(ns) -> None:
    """Until then, one that has a carrier is as one that nothing will ever be told of."""
    name = ns()
    ip(name, "link", "add", "br0", "up", "type", "bridge")
    ip(name, "link", "add", "p0", "up", "master", "br0", "type", "veth", "peer", "name", "p1")
    ip(name, "link", "set", "p1", "up")
    ip(name, "link", "add", "link", "p1", "name", "m0", "up", "type", "macvlan")
    with Monitor(name):
        pass
    states = {link["ifname"]: link["operstate"] for link in ip_json(name, "link", "show")}
    assert states == {"lo": "UNKNOWN", "br0": "UP", "p0": "UP", "p1": "UP", "m0": "UP"}


def test_a_bridges_word_about_its_port_is_not_the_links(ns) -> None:
    """Whoever changes the port is seen by both; the end of its forward delay is the bridge's alone."""
    name = ns()
    ip(name, "link", "add", "br0", "up", "type", "bridge", "forward_delay", "400")
    ip(name, "link", "add", "p0", "up", "master", "br0", "type", "veth", "peer", "name", "p1")
    ip(name, "link", "set", "p1", "up")
    with contextlib.closing(RouteListener(name)) as listener:
        listener.settle()
        told: list[Event] = []

        def is_told() -> bool:
            told.extend(listener.events())
            return any(event.text == "port p0" for event in told)

        eventually(is_told)
    assert {event.text for event in told if not event.learned} <= {"port p0"}
    for _again in range(2):
        with Monitor(name) as monitor:
            ip(name, "link", "set", "p0", "type", "bridge_slave", "hairpin", "on")
        assert {event.text for event in monitor.events} >= {"port p0", "p0"}


def of_dump(listener: RouteListener, name: str) -> bytes:
    """A link as a dump has it."""
    links, _notifications = listener.ask(messages.RTM_GETLINK, bytes(16), NLM_F_DUMP)
    named = {messages.attributes_of(link[16:])[messages.IFLA_IFNAME].rstrip(b"\0").decode(): link for link in links}
    return named[name]


def info(link: bytes) -> bytes:
    return messages.attributes_of(link[16:])[messages.IFLA_LINKINFO]


def test_a_bridge_is_as_it_was_though_its_timers_run(ns) -> None:
    name = ns()
    ip(name, "link", "add", "br0", "up", "type", "bridge")
    with contextlib.closing(RouteListener(name)) as listener:
        before = later = of_dump(listener, "br0")
        while info(later) == info(before):
            later = of_dump(listener, "br0")
    assert messages.link_of(later)[1][messages.IFLA_LINKINFO] == messages.link_of(before)[1][messages.IFLA_LINKINFO]


@pytest.mark.needs_kind("bond")
def test_a_bonds_port_is_as_it_was_though_another_one_sends(ns) -> None:
    """The bond says which one: who made it so is seen there."""
    name = ns()
    ip(name, "link", "add", "bond0", "up", "type", "bond", "mode", "active-backup")
    for number in (0, 1):
        ip(name, "link", "add", f"p{number}", "master", "bond0", "type", "veth", "peer", "name", f"q{number}")
        ip(name, "link", "set", f"q{number}", "up")
    with contextlib.closing(RouteListener(name)) as listener:
        found = []
        for active in ("p0", "p1"):
            ip(name, "link", "set", "bond0", "type", "bond", "active_slave", active)
            found.append({link: of_dump(listener, link) for link in ("p0", "bond0")})
    for link, same in (("p0", True), ("bond0", False)):
        before, later = (links[link] for links in found)
        assert info(before) != info(later)
        infos = [messages.link_of(one)[1][messages.IFLA_LINKINFO] for one in (before, later)]
        assert (infos[0] == infos[1]) == same


def test_json_helpers(ns) -> None:
    name = ns()
    assert bridge_json(name, "fdb", "show") == []
    ip(name, "link", "add", "br0", "type", "bridge")
    assert ip_json(name, "link", "show", "type", "bridge")[0]["linkinfo"]["info_kind"] == "bridge"
    assert all(row["ifname"] == "br0" for row in bridge_json(name, "fdb", "show"))
    with pytest.raises(AssertionError, match="does not exist"):
        ip_json(name, "link", "show", "none")


def test_run_module_returns_what_the_module_printed(run_module) -> None:
    """A module that is refused by its argument spec exits by fail_json, without a traceback."""
    result = run_module("netns", state="nonsense", name="x")
    assert result.rc == 1
    assert result["failed"]
    assert "nonsense" in result["msg"]
