# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace with several names: made, repaired, and taken away without what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip, ip_json, unchanged

NAMES = ("join-a", "join-b", "join-host")
PRESENT: dict[str, Any] = {
    "": {"links": [{"name": "join0", "kind": "veth", "peer": {"name": "eth0", "netns": "join-a"}}]},
    # Before the one that it joins: the order in the document says nothing.
    "join-b": {"joins": "join-a"},
    "join-a": {},
    "join-host": {"joins": ""},
}
ABSENT: dict[str, Any] = {"": {"links": [{"name": "join0", "kind": "veth"}]}, **{name: {} for name in NAMES}}


def same(one: str, other: str) -> bool:
    paths = [f"/run/netns/{name}" if name else "/proc/thread-self/ns/net" for name in (one, other)]
    return os.path.samestat(*map(os.stat, paths))


@pytest.fixture
def topology(run_module) -> Iterator[Any]:
    def run(namespaces: dict[str, Any], **more: Any) -> Any:
        return run_module("topology", namespaces=namespaces, **more)

    yield run
    run(ABSENT, state="absent")


@pytest.mark.older_host
def test_life(topology) -> None:
    check = topology(PRESENT, check=True)
    assert not any(os.path.exists(f"/run/netns/{name}") for name in NAMES)
    done = topology(PRESENT)
    assert check["diff"] == done["diff"]
    assert {"namespace join-b joins join-a", "namespace join-host joins this one"} <= {
        *done["diff"]["after"].splitlines()
    }
    assert same("join-a", "join-b")
    assert same("join-host", "")
    assert {link["ifname"] for link in ip_json("join-b", "link")} == {"lo", "eth0"}
    with unchanged("", "join-a"):
        assert not topology(PRESENT)["changed"]
    with Monitor("", "join-a") as monitor:
        assert topology({"join-b": {}, "join-host": {}}, state="absent")["changed"]
    assert monitor.changes == [], "what is in it stays where its other name does"
    assert not topology({"join-b": {}, "join-host": {}}, state="absent")["changed"]
    assert sorted(os.listdir("/run/netns")) == ["join-a"]
    topology(PRESENT)
    topology(ABSENT, state="absent")
    assert [link["ifname"] for link in ip_json("", "link")] == ["lo"]


def test_a_name_of_a_namespace_that_was_made_anew_is_repaired(topology) -> None:
    topology(PRESENT)
    ip("", "netns", "delete", "join-a")
    ip("", "netns", "add", "join-a")
    assert not same("join-a", "join-b")
    ip("", "link", "delete", "join0")
    assert topology(PRESENT)["changed"]
    assert same("join-a", "join-b")
    assert not topology(PRESENT)["changed"]


def test_read_back_it_changes_nothing(topology, run_module) -> None:
    topology(PRESENT)
    found = run_module("topology_info", namespaces=["", *NAMES])["namespaces"]
    assert found["join-b"] == {"joins": "join-a"}
    assert found["join-host"] == {"joins": ""}
    assert not topology(found)["changed"]


@pytest.mark.parametrize(
    ("namespaces", "named"),
    [
        ({"join-a": {"joins": "join-a"}}, ["namespaces.join-a.joins", "only a named"]),
        ({"": {"joins": "join-a"}}, ['namespaces."".joins', "only a named"]),
        ({"join-a": {"joins": "a/b"}}, ["namespaces.join-a.joins", "a/b"]),
        ({"join-a": {"joins": "", "links": []}}, ["namespaces.join-a.joins", "listed for the empty name"]),
        (
            {"join-a": {"joins": "join-b"}, "join-b": {"joins": ""}},
            ["namespaces.join-a.joins", "join-b", "joins the empty name itself"],
        ),
        ({"join-a": {"joins": "join-b"}}, ["namespace join-b does not exist", "weft.fabric.netns"]),
    ],
    ids=["itself", "the empty name", "no name", "with more", "a chain", "missing"],
)
def test_refused(namespaces: dict[str, Any], named: list[str], topology) -> None:
    said = topology(namespaces)
    assert [part for part in named if part not in said["msg"]] == []
    assert not any(os.path.exists(f"/run/netns/{name}") for name in NAMES)


def test_the_hosts_namespace_is_not_taken_for_a_pods_own(topology) -> None:
    topology({"join-host": {"joins": ""}})
    with Monitor("") as monitor:
        said = topology({"join-host": {"links": [{"name": "t0", "kind": "bridge"}]}})
    assert "namespace join-host is the same as the one of this process" in said["msg"]
    assert monitor.changes == []
