# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static entries of bridges' ports."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import (
    bridge,
    bridge_json,
    eventually,
    ip_batch,
    ip_json,
    unchanged,
)
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case

CASES = {
    "bridge_fdb": Case(
        "bridge_fdb",
        prepare=(
            "ip -n HOST link add br0 type bridge vlan_default_pvid 0",  # an entry without a VLAN is in every VLAN
            "ip -n HOST link add p0 type veth peer name q0",
            "ip -n HOST link set p0 master br0",
        ),
        create={"dev": "p0", "entries": [{"lladdr": MACS[1]}, {"lladdr": MACS[2].upper(), "sticky": True}]},
        made={"HOST": {"static": [("p0", MACS[1], None, False), ("p0", MACS[2], None, True)]}},
        change={"dev": "p0", "entries": [{"lladdr": MACS[1], "sticky": True}, {"lladdr": MACS[3]}], "purge": True},
        changed={"HOST": {"static": [("p0", MACS[1], None, True), ("p0", MACS[3], None, False)]}},
        drift=(
            f"bridge -n HOST fdb delete {MACS[1]} dev p0 master",
            f"bridge -n HOST fdb replace {MACS[1]} dev p0 master static",
            f"bridge -n HOST fdb add {MACS[4]} dev p0 master static",
        ),
        missing=("dev", "entries"),
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)


def static(name: str) -> list[tuple[Any, ...]]:
    rows = [entry for entry in bridge_json(name, "fdb") if entry["state"] == "static"]
    return sorted(((entry["mac"], entry.get("vlan")) for entry in rows), key=str)


def with_two_ports(name: str) -> None:
    """A bridge whose ports are in no VLAN, and are up: the kernel has nothing more to say about them."""
    ip_batch(name, "link add br0 type bridge vlan_default_pvid 0", "link set br0 up",
             "link add p0 type veth peer name p1", "link set p0 master br0 up",
             "link set p1 master br0 up")  # fmt: skip
    eventually(lambda: {row["operstate"] for row in ip_json(name, "link") if row["ifname"] != "lo"} == {"UP"})


def test_entries_of_others_are_kept(run_module, ns) -> None:
    """Learned ones, those of the bridge's own addresses, of a control plane, and on other ports."""
    name = ns()
    with_two_ports(name)
    bridge(name, *f"fdb add {MACS[1]} dev p0 master dynamic".split())
    bridge(name, *f"fdb add {MACS[2]} dev p0 master extern_learn".split())
    bridge(name, *f"fdb add {MACS[3]} dev p1 master static".split())
    with unchanged(name):
        assert not run_module("bridge_fdb", netns=name, dev="p0", entries=[], purge=True)["changed"]


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ("p0 master dynamic", "p0 {} master dynamic"),
        ("p0 master extern_learn", "p0 {} master dynamic extern_learn"),
        ("p1 master static sticky", "p1 {} master static sticky"),
        ("p1 master dynamic", "p1 {} master dynamic"),
        ("p1 master extern_learn", "p1 {} master dynamic extern_learn"),
    ],
)
def test_an_entry_that_is_replaced_is_shown(made: str, shown: str, run_module, ns) -> None:
    """A bridge has one entry for a MAC address, so one behind another port is replaced too."""
    name = ns()
    with_two_ports(name)
    bridge(name, "fdb", "replace", MACS[1], "dev", *made.split())
    asked = {"netns": name, "dev": "p0", "entries": [{"lladdr": MACS[1]}], "purge": True}
    with unchanged(name):
        planned = run_module("bridge_fdb", check=True, **asked)
    done = run_module("bridge_fdb", **asked)
    assert planned["diff"] == done["diff"]
    assert done["diff"]["before"] == f"netns {name}: fdb {shown.format(MACS[1])}\n"
    assert done["diff"]["after"] == f"netns {name}: fdb p0 {MACS[1]} master static\n"
    assert [(row["ifname"], row["state"]) for row in bridge_json(name, "fdb") if row["mac"] == MACS[1]] == [
        ("p0", "static")
    ]
    with unchanged(name):
        assert not run_module("bridge_fdb", **asked)["changed"]


def test_only_a_port_has_entries(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add p0 type veth peer name q0")
    refused = run_module("bridge_fdb", netns=name, dev="p0", entries=[{"lladdr": MACS[1]}])
    assert "only a port of a bridge has such entries" in refused["msg"]
    missing = run_module("bridge_fdb", netns=name, dev="p9", entries=[{"lladdr": MACS[1]}])
    assert "bridge_fdb: dev: link p9 does not exist" in missing["msg"]


OWN = {
    "its own": "p0",
    "the bridge's": "br0",
    "another port's": "p1",
}


@pytest.mark.parametrize("holder", OWN.values(), ids=OWN.keys())
def test_an_address_of_the_bridge_is_refused(holder: str, run_module, ns) -> None:
    """The kernel would replace the entry by which the host receives."""
    name = ns()
    ip_batch(name, "link add br0 address 02:00:5e:00:00:b0 type bridge",
             "link add p0 address 02:00:5e:00:00:a0 type veth peer name q0", "link set p0 master br0",
             "link add p1 address 02:00:5e:00:00:a1 type veth peer name q1", "link set p1 master br0")  # fmt: skip
    (mac,) = [link["address"] for link in ip_json(name, "link") if link["ifname"] == holder]
    entry = {"lladdr": mac.upper()}
    document = {name: {"bridge_fdb": [{"dev": "p0", **entry}], "links": [{"name": "p0", "controller": "br0"}]}}
    with unchanged(name):
        for check in (True, False):
            refused = run_module("bridge_fdb", netns=name, dev="p0", entries=[entry], check=check)
            assert f"bridge_fdb: lladdr: {mac!r} is refused: the bridge of p0, or a port of it" in refused["msg"]
            assert mac in run_module("topology", namespaces=document, check=check)["msg"]


def test_addresses_of_others_that_are_refused_and_others_that_are_not(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add br0 type bridge", "link add br1 type bridge", "link add p0 type veth peer name q0",
             "link set p0 master br0", "link set q0 master br1")  # fmt: skip
    bridge(name, *f"fdb add {MACS[1]} dev p0 master permanent".split())
    bridge(name, *f"fdb add {MACS[2]} dev q0 master permanent".split())
    with unchanged(name):
        refused = run_module("bridge_fdb", netns=name, dev="p0", entries=[{"lladdr": MACS[1]}])
        assert f"{MACS[1]!r} is refused" in refused["msg"]
    far = [link["address"] for link in ip_json(name, "link") if link["ifname"] == "q0"]
    for lladdr in (MACS[2], *far):  # of another bridge
        assert run_module("bridge_fdb", netns=name, dev="p0", entries=[{"lladdr": lladdr}])["changed"]


def test_a_port_that_joins_with_an_entry_of_its_own_address(run_module, ns) -> None:
    name = ns()
    links = [
        {"name": "br0", "kind": "bridge"},
        {"name": "p0", "kind": "veth", "peer": {"name": "q0"}, "controller": "br0", "mac_address": MACS[1]},
    ]
    refused = run_module(
        "topology", namespaces={name: {"links": links, "bridge_fdb": [{"dev": "p0", "lladdr": MACS[1]}]}}
    )
    assert f"{MACS[1]!r} is refused" in refused["msg"]
    assert [row["ifname"] for row in ip_json(name, "link")] == ["lo"]


@pytest.mark.needs_kind("vlan")  # a kernel without VLANs filters none either
def test_an_entry_is_for_one_vlan_or_for_all(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add br0 type bridge vlan_filtering 1", "link add p0 type veth peer name q0",
             "link set p0 master br0")  # fmt: skip
    bridge(name, *["vlan", "add", "vid", "10", "dev", "p0"])
    for entries, found in (
        ([{"lladdr": MACS[1], "vlan": 10}], [(MACS[1], 10)]),
        ([{"lladdr": MACS[1]}], [(MACS[1], None), (MACS[1], 1), (MACS[1], 10)]),
        ([], []),
    ):
        assert run_module("bridge_fdb", netns=name, dev="p0", entries=entries, purge=True)["changed"]
        assert static(name) == sorted(found, key=str)
        with unchanged(name):
            assert not run_module("bridge_fdb", netns=name, dev="p0", entries=entries, purge=True)["changed"]
