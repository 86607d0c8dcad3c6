# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States of links that others made, each option at a time: kept, taken for what they are, and changed alone."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import (
    bridge,
    ip,
    ip_batch,
    ip_json,
    unchanged,
)

# By kind, how a link l0 is made with every option that has a value of its own, and what a task says of it.
STATES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "bridge": (
        [
            "link add l0 type bridge stp_state 1 forward_delay 400 hello_time 300 max_age 1000 ageing_time 10000 "
            "priority 9 group_fwd_mask 8 mcast_snooping 1 mcast_querier 1 mcast_router 2",
        ],
        {
            "stp": True,
            "forward_delay": 4,
            "hello_time": 3,
            "max_age": 10,
            "ageing_time": 100,
            "priority": 9,
            "group_fwd_mask": 8,
            "mcast_snooping": True,
            "mcast_querier": True,
            "mcast_router": 2,
        },
    ),
    "vxlan": (
        [
            "link add l0 type vxlan id 7 dstport 4790 local 10.0.0.1 remote 10.0.0.9 dev under0 ttl inherit "
            "tos inherit srcport 1000 2000 ageing 77 df set noudpcsum udp6zerocsumtx udp6zerocsumrx proxy l2miss "
            "l3miss gbp",
        ],
        {
            "vni": 7,
            "port": 4790,
            "local": "10.0.0.1",
            "remote": "10.0.0.9",
            "dev": "under0",
            "ttl": "inherit",
            "tos": "inherit",
            "srcport": "1000-2000",
            "ageing": 77,
            "df": "set",
            "learning": True,
            "udpcsum": False,
            "udp6zerocsumtx": True,
            "udp6zerocsumrx": True,
            "proxy": True,
            "l2miss": True,
            "l3miss": True,
            "gbp": True,
        },
    ),
    "external vxlan": (
        ["link add l0 type vxlan external vnifilter dstport 4791 learning"],
        {"external": True, "vnifilter": True, "port": 4791, "learning": True},
    ),
    "veth": (
        [
            "link add br0 type bridge",
            "link add l0 type veth peer name far0",
            "link set l0 master br0",
            "link set l0 type bridge_slave priority 8 cost 77 guard on root_block on hairpin on learning off "
            "isolated on neigh_suppress on mcast_router 2",
        ],
        {
            "controller": "br0",
            "port_priority": 8,
            "cost": 77,
            "guard": True,
            "root_block": True,
            "hairpin": True,
            "port_learning": False,
            "isolated": True,
            "neigh_suppress": True,
            "multicast_router": 2,
        },
    ),
}
COMMON = {"mtu": 1400, "txqueuelen": 77, "ifalias": "of somebody else", "altnames": ["other0"], "group": 5}
# By option, another value than those above: one that the kernel can make of it, and one that it cannot.
OTHER = {
    "stp": False, "forward_delay": 5, "hello_time": 1, "max_age": 11, "ageing_time": 99, "priority": 10,
    "group_fwd_mask": 16384, "mcast_snooping": False, "mcast_querier": False, "mcast_router": 0, "local": "10.0.0.3",
    "remote": "", "dev": "under1", "tos": 8, "ageing": 78, "df": "inherit", "learning": False, "port_priority": 9,
    "cost": 78, "guard": False, "root_block": False, "hairpin": False, "port_learning": True, "isolated": False,
    "neigh_suppress": False, "multicast_router": 0, "mtu": 1300, "txqueuelen": 78, "ifalias": "",
    "altnames": ["other1"], "group": 6,
}  # fmt: skip
FIXED = {
    "vni": 8, "port": 4792, "ttl": 9, "srcport": "1000-2001", "udpcsum": True, "udp6zerocsumtx": False,
    "udp6zerocsumrx": False, "proxy": False, "l2miss": False, "l3miss": False, "gbp": False, "local": "fd00::1",
    "vnifilter": False,
}  # fmt: skip
# What the kernel makes of an option besides.
ALONG = {
    "stp": {"bridge_id", "root_id"},
    "priority": {"bridge_id", "root_id"},
    "port_priority": {"id", "designated_port"},
}


def made(name: str, kind: str) -> dict[str, Any]:
    """Make a link as others do; what a task says of it."""
    lines, arguments = STATES[kind]
    common = {key: value for key, value in COMMON.items() if key != "group" or "vxlan" not in kind}
    ip_batch(
        name,
        "link add under0 type veth peer name under1",
        *lines,
        f"link set l0 mtu 1400 txqueuelen 77 alias '{COMMON['ifalias']}'" + (" group 5" if "group" in common else ""),
        "link property add dev l0 altname other0",
    )
    return {**common, **arguments}


def state(name: str) -> dict[str, Any]:
    """What ip(8) says of the link, in parts; without timers."""
    found = ip_json(name, "link", "show", "l0")[0]
    info = found.pop("linkinfo")
    parts = {**found, **info.get("info_data", {}), **info.get("info_slave_data", {})}
    return {key: value for key, value in parts.items() if not key.endswith("_timer")}


def asked_of(kind: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The module, and the arguments without which it fails."""
    needed = {key: arguments[key] for key in ("vni", "external") if key in arguments}
    return kind.split()[-1], {"name": "l0", "admin_state": "down", **needed}


@pytest.mark.parametrize("kind", STATES)
def test_a_state_of_others_is_taken_for_what_it_is(kind: str, run_module, ns) -> None:
    """All of it asked for, and nothing of it: the kernel has nothing to say."""
    name = ns()
    arguments = made(name, kind)
    module, needed = asked_of(kind, arguments)
    before = state(name)
    with unchanged(name):
        for asked in (arguments, {}):
            done = run_module(module, netns=name, **{**needed, **asked})
            assert (done.get("msg"), done["changed"]) == (None, False), asked
    assert {key: done["link"][key] for key in arguments} == arguments
    assert state(name) == before


@pytest.mark.parametrize("kind", STATES)
def test_an_option_is_changed_alone(kind: str, run_module, ns) -> None:
    name = ns()
    arguments = made(name, kind)
    module, needed = asked_of(kind, arguments)
    options = [option for option in OTHER if option in arguments]
    assert options
    for option in options:
        before, asked = state(name), {**needed, option: OTHER[option]}
        done = run_module(module, netns=name, **asked)
        assert done.rc == 0 and done["changed"], (option, done)
        after = state(name)
        differing = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        assert len(differing - ALONG.get(option, set())) == 1, (option, differing)
        lines = [line for text in done["diff"].values() for line in text.splitlines()]
        assert all(f"link l0 {option} " in line or line.endswith(f"link l0 no {option}") for line in lines), lines
    last = {**needed, **{option: OTHER[option] for option in options}}
    with unchanged(name):
        assert not run_module(module, netns=name, **last)["changed"]


@pytest.mark.parametrize("option", FIXED)
def test_what_the_kernel_cannot_change_is_said(option: str, run_module, ns) -> None:
    name = ns()
    kind = "external vxlan" if option == "vnifilter" else "vxlan"
    module, needed = asked_of(kind, made(name, kind))
    asked = {**needed, option: FIXED[option], **({"remote": ""} if option == "local" else {})}
    with unchanged(name):
        refused = run_module(module, netns=name, **asked)
    assert f"{option} is " in refused["msg"] and "'recreate: true' deletes it and makes it again" in refused["msg"]
    done = run_module(module, netns=name, recreate=True, **asked)
    assert done.rc == 0 and done["changed"] and done["link"].get(option, option == "udpcsum") == FIXED[option]


# -- what the kernel makes of ports and timers ---------------------------------------------------------------


@pytest.mark.parametrize(("asked", "port"), [(1450, 1500), (1500, 1400), (9000, 1500)])
def test_the_mtu_that_was_asked_for_stays_when_ports_join(asked: int, port: int, run_module, ns) -> None:
    name = ns()
    ip(name, "link", "add", "p0", "mtu", str(port), "type", "veth", "peer", "name", "q0")
    assert run_module("bridge", netns=name, name="br0", mtu=asked)["changed"]
    assert run_module("veth", netns=name, name="p0", controller="br0")["changed"]
    assert ip_json(name, "link", "show", "br0")[0]["mtu"] == asked
    with unchanged(name):
        assert not run_module("bridge", netns=name, name="br0", mtu=asked)["changed"]


def test_stp_goes_before_the_forward_delay(run_module, ns) -> None:
    name = ns()
    ip(name, *["link", "add", "br0", "type", "bridge", "stp_state", "1"])
    with unchanged(name):
        refused = run_module("bridge", netns=name, name="br0", forward_delay=0)
    assert "forward_delay: 0 is refused: with stp, give 2 to 30 seconds" in refused["msg"]
    assert run_module("bridge", netns=name, name="br0", stp=False, forward_delay=0)["changed"]
    data = ip_json(name, "link", "show", "br0")[0]["linkinfo"]["info_data"]
    assert (data["stp_state"], data["forward_delay"]) == (0, 0)
    assert run_module("bridge", netns=name, name="br0", stp=True, forward_delay=3)["changed"]


@pytest.mark.parametrize("step", [1, -1])
def test_a_port_that_a_complete_list_lacks_is_refused(step: int, run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add eth1 type veth peer name eth2")
    links = [
        {"name": "eth2", "controller": "br0"},
        {"name": "br0", "kind": "bridge", "ports": ["eth1"], "purge_ports": True},
    ]
    with unchanged(name):
        refused = run_module("topology", namespaces={name: {"links": links[::step]}})
    assert "controller: 'br0' is refused: br0 has purge_ports, and lists only eth1" in refused["msg"]


def test_a_vxlan_that_others_made_goes_on_learning(run_module, ns) -> None:
    """The module's defaults are for new links."""
    name = ns()
    ip_batch(name, "link add flannel.1 type vxlan id 7 dstport 8472", "link set flannel.1 up")
    assert run_module("vxlan", netns=name, name="flannel.1", vni=7, mtu=1400)["changed"]
    data = ip_json(name, "link", "show", "flannel.1")[0]["linkinfo"]["info_data"]
    assert (data["learning"], data["port"]) == (True, 8472)


def test_a_vxlan_has_its_underlay_in_another_namespace(run_module, ns) -> None:
    name, under = ns(), ns()
    ip_batch(
        under,
        "link add u0 type veth peer name u1",
        "link add vx0 type vxlan id 7 dstport 4789 dev u0 nolearning",
        f"link set vx0 netns {name}",
    )
    short = {"name": "vx0", "vni": 7, "netns": name, "admin_state": "down"}
    arguments = {**short, "dev": "u0", "parent_netns": under}
    with unchanged(name, under):
        for asked in (arguments, short):
            assert not run_module("vxlan", **asked)["changed"]
        refused = run_module("vxlan", **{**short, "dev": "lo"})
        assert "its packets pass through another namespace" in refused["msg"]
    assert run_module("vxlan", **{**arguments, "dev": "u1"})["diff"]["after"].strip().endswith("link vx0 dev u1")
    with unchanged(name, under):
        assert not run_module("vxlan", **{**arguments, "dev": "u1"})["changed"]
    assert run_module("vxlan", netns=name, name="vx0", state="absent")["changed"]


# -- errors --------------------------------------------------------------------------------------------------


def test_errors_have_remedies(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add e0 type veth peer name e1", "link set e0 up")
    mac = ip_json(name, "link", "show", "e0")[0]["address"]
    for module, arguments, told in (
        ("macvlan", {"name": "mv0", "parent": "e0", "mac_address": mac}, "(EADDRINUSE); its parent, or another"),
    ):
        refused = run_module(module, netns=name, **arguments)
        assert told in refused["msg"] and "\n" not in refused["msg"]
    with unchanged(name):
        for arguments, told in (
            ({"name": "default"}, "the kernel's parameters have it for all interfaces"),
            ({"name": "all"}, "the kernel's parameters have it for all interfaces"),
            ({"name": "e0", "mac_address": "9783981296"}, "YAML has read it as a number"),
            ({"name": "e0", "mac_address": 9783981296}, "YAML has read it as a number"),
        ):
            assert told in run_module("veth", netns=name, **arguments)["msg"]
        refused = run_module("vxlan_neigh", netns=name, dev="lo", entries=[{"dst": "10.0.0.7", "lladdr": mac}])
        assert "'lo' is refused: it is the loopback interface" in refused["msg"]


# -- VLANs ---------------------------------------------------------------------------------------------------


@pytest.mark.needs_kind("vlan")  # a kernel without VLANs filters none either
def test_vlans_of_a_port(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add br0 type bridge vlan_filtering 1", "link add p0 type veth peer name q0",
             "link set p0 master br0")  # fmt: skip

    def vlans() -> dict[str, str]:
        rows = bridge(name, "-compressvlans", "vlan", "show", "dev", "p0").splitlines()[1:]
        found = [row.removeprefix("p0").split(maxsplit=1) for row in rows if row.strip()]
        return {row[0]: row[1].strip() if len(row) > 1 else "" for row in found}

    both = "PVID Egress Untagged"
    steps: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"vlans": ["1", "10-20"]}, {"1": both, "10-20": ""}),
        ({"pvid": 7}, {"1": "Egress Untagged", "7": both, "10-20": ""}),
        ({"vlans": [7, "15-300"]}, {"7": both, "15-300": ""}),
        ({"untagged": ["20-30"]}, {"7": "PVID", "15-19": "", "20-30": "Egress Untagged", "31-300": ""}),
        ({"vlans": ["100"], "pvid": 100, "untagged": []}, {"100": "PVID"}),
        ({"vlans": []}, {}),
    ]
    for asked, expected in steps:
        arguments = {"netns": name, "name": "p0", "admin_state": "down", **asked}
        would = run_module("veth", check=True, **arguments)
        done = run_module("veth", **arguments)
        assert done.rc == 0 and done["changed"] and would["diff"] == done["diff"]
        assert vlans() == expected
        with unchanged(name):
            assert not run_module("veth", **arguments)["changed"]
    with unchanged(name):
        for asked, told in (
            ({"vlans": ["5-3"]}, "give the lower VLAN first"),
            ({"vlans": ["4095"]}, "from 1 to 4094"),
            ({"vlans": ["5"], "pvid": 6}, "pvid: 6 is refused: vlans lists all VLANs of the port (5)"),
            ({"vlans": ["5"], "untagged": ["5-6"]}, "untagged: ['5-6'] is refused"),
        ):
            assert told in run_module("veth", netns=name, name="p0", **asked)["msg"]
