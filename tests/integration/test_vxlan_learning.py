# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLANs that learn, by multicast and by unicast: real packets teach entries, and purging leaves those alone."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import bridge, bridge_json, ip, unchanged

MACS = ("02:00:5e:00:00:01", "02:00:5e:00:00:02")
UNDER = {"IPv4": ("192.0.2.1", "192.0.2.2"), "IPv6": ("2001:db8::1", "2001:db8::2")}
GROUPS = {"IPv4": "239.1.1.1", "IPv6": "ff05::100"}
INNER = ("10.3.0.1", "10.3.0.2")


@pytest.fixture(params=list(UNDER))
def family(request) -> Any:
    return request.param


@pytest.fixture
def hosts(ns, family: str) -> tuple[str, str]:
    """Two namespaces and a cable between them: under0 at both ends."""
    made = ns(), ns()
    ip(made[0], "link", "add", "under0", "type", "veth", "peer", "name", "under0", "netns", made[1])
    for host, address in zip(made, UNDER[family]):
        prefix = "/64" if family == "IPv6" else "/24"
        ip(host, "address", "add", f"{address}{prefix}", "dev", "under0")
        ip(host, "link", "set", "under0", "up")
    return made


def entries(host: str) -> dict[str, tuple[str, str]]:
    """By MAC address where a host's VXLAN sends what is for it, and the state of that entry."""
    rows = bridge_json(host, "fdb", "show", "dev", "vxlan0")
    return {row["mac"]: (row["dst"], row["state"]) for row in rows if row["mac"] in MACS}


@pytest.mark.parametrize("way", ["group", "remote"])
def test_learned_entries_appear_and_stay(hosts, family, way, run_module) -> None:
    for host, mac, local, inner, remote in zip(hosts, MACS, UNDER[family], INNER, reversed(UNDER[family])):
        made = run_module(
            "vxlan", name="vxlan0", netns=host, vni=10, dev="under0", local=local, learning=True, mac_address=mac,
            addresses=[f"{inner}/24"], **({"group": GROUPS[family]} if way == "group" else {"remote": remote}),
        )  # fmt: skip
        assert made.rc == 0, made
    ip("", "netns", "exec", hosts[0], "ping", "-n", "-q", "-c", "1", "-w", "20", INNER[1])
    assert entries(hosts[0]) == {MACS[1]: (UNDER[family][1], "")}
    assert entries(hosts[1]) == {MACS[0]: (UNDER[family][0], "")}

    # One that was put there by hand goes.
    other = "02:00:5e:00:00:09"
    bridge(hosts[0], "fdb", "add", other, "dev", "vxlan0", "dst", UNDER[family][1], "self", "permanent")
    before = bridge(hosts[0], "fdb", "show").splitlines()
    done = run_module("vxlan_fdb", netns=hosts[0], dev="vxlan0", entries=[], purge=True)
    assert done["diff"]["before"] == f"netns {hosts[0]}: fdb vxlan0 {other} dst {UNDER[family][1]}\n"
    assert bridge(hosts[0], "fdb", "show").splitlines() == [row for row in before if other not in row]
    with unchanged(hosts[0]):
        assert not run_module("vxlan_fdb", netns=hosts[0], dev="vxlan0", entries=[], purge=True)["changed"]
    ip("", "netns", "exec", hosts[0], "ping", "-n", "-q", "-c", "1", "-w", "20", INNER[1])
