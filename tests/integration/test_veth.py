# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Veth pairs: both ends, in two namespaces."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip, ip_json
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "veth": Case(
        "veth",
        prepare=("ip -n HOST link add br0 address 02:00:5e:00:00:08 type bridge",),
        create={
            "name": "veth0",
            "mtu": 1450,
            "mac_address": MACS[1],
            "controller": "br0",
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "peer": {
                "name": "eth0",
                "netns": "POD",
                "mac_address": MACS[2],
                "addresses": ["10.1.0.2/24", "fd00:1::2/64"],
            },
        },
        made={
            "HOST": {
                **link("veth0", "veth", 1450, MACS[1], master="br0"),
                "addresses": [("veth0", "10.1.0.1/24"), ("veth0", "fd00:1::1/64")],
            },
            "POD": {
                **link("eth0", "veth", 1500, MACS[2]),
                "addresses": [("eth0", "10.1.0.2/24"), ("eth0", "fd00:1::2/64")],
            },
        },
        change={
            "name": "veth0",
            "mtu": 1400,
            "mac_address": MACS[3],
            "controller": "",
            "addresses": ["10.1.0.9/24", "fd00:1::1/48"],
            "purge_addresses": True,
            "peer": {"name": "eth7", "netns": "POD", "mtu": 1400, "addresses": ["10.1.0.8/24"]},
        },
        changed={
            "HOST": {
                **link("veth0", "veth", 1400, MACS[3], master=None),
                "addresses": [("veth0", "10.1.0.9/24"), ("veth0", "fd00:1::1/48")],
            },
            "POD": {**link("eth7", "veth", 1400, MACS[2]), "addresses": [("eth7", "10.1.0.8/24")]},
        },
        drift=(
            "ip -n HOST link set veth0 down",
            "ip -n HOST link set veth0 mtu 1300",
            "ip -n HOST link set veth0 address 02:00:00:00:00:77",
            "ip -n HOST link set veth0 master br0",
            "ip -n HOST address delete 10.1.0.9/24 dev veth0",
            "ip -n HOST address add 10.1.0.77/24 dev veth0",
            "ip -n HOST address add fd00:1::77/64 dev veth0",
            "ip -n POD link set eth7 down",
            "ip -n POD link set eth7 down && ip -n POD link set eth7 name lost",
            "ip -n POD link set eth7 netns HOST",
            "ip -n POD address flush dev eth7 scope global",
        ),
        missing=("name",),
        delete={"name": "veth0"},
        renames=True,
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)


@pytest.fixture
def lost(ns) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """A host and a pod that are connected; the pod's name is gone, and a process keeps its namespace alive."""
    host, pod = ns(), ns()
    peer = {"name": "eth0", "netns": pod, "addresses": ["10.1.0.2/24"]}
    pair = {"name": "veth0", "kind": "veth", "mtu": 1400, "controller": "br0", "peer": peer}
    wanted = {host: {"links": [{"name": "br0", "kind": "bridge"}, pair]}, pod: {}}
    with subprocess.Popen(["ip", "netns", "exec", pod, "sh", "-c", "echo up; read x"], **PIPES) as process:
        assert process.stdin and process.stdout and process.stdout.readline() == "up\n"
        yield host, pod, wanted
        process.stdin.close()


PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}


def test_the_other_end_is_in_a_namespace_that_has_lost_its_name(run_module, lost) -> None:
    host, pod, wanted = lost
    assert run_module("topology", namespaces=wanted)["changed"]
    ip("", "netns", "delete", pod)
    would = run_module("topology", namespaces=wanted, check=True)
    did = run_module("topology", namespaces=wanted)
    assert (did.get("msg"), would.get("msg"), would["diff"]) == (None, None, did["diff"])
    assert [one["ifname"] for one in ip_json(host, "link", "show", "master", "br0")] == ["veth0"]
    assert [one["local"] for one in ip_json(pod, "-4", "address", "show", "eth0")[0]["addr_info"]] == ["10.1.0.2"]
    assert not run_module("topology", namespaces=wanted)["changed"]


@pytest.mark.parametrize("change", ["nomaster", "mtu 1300", "down"])
def test_a_pair_that_differs_from_ours_is_not_taken_for_it(run_module, lost, change: str) -> None:
    """As long as nobody can see its other end, it may be a container's of somebody else."""
    host, pod, wanted = lost
    assert run_module("topology", namespaces=wanted)["changed"]
    ip(host, "link", "set", "veth0", *change.split())
    ip("", "netns", "delete", pod)
    with Monitor(host) as monitor:
        result = run_module("topology", namespaces=wanted)
    assert f"its other end is not eth0 in namespace {pod}" in result["msg"]
    assert monitor.changes == []


def test_the_end_of_another_pair_is_refused(run_module, ns) -> None:
    host, pod = ns(), ns()
    ip(host, "link", "add", "theirs", "type", "veth", "peer", "name", "eth0", "netns", pod)
    with Monitor(host, pod) as monitor:
        for check in (True, False):
            result = run_module("veth", check=check, netns=host, name="va", peer={"name": "eth0", "netns": pod})
            assert f"link eth0 in namespace {pod}: its other end is theirs in namespace {host}, not va" in result["msg"]
    assert monitor.changes == []
    with Monitor(host, pod) as monitor:
        known = run_module("veth", netns=host, name="theirs", peer={"name": "eth1", "netns": pod})
    assert known["changed"], "the name of the first end says which pair is meant"
    assert {one["ifname"] for one in ip_json(pod, "link")} == {"lo", "eth1"}
