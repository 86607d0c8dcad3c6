# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLANs over IPv4 and IPv6: options in place, and those that make a new link necessary."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import (
    Monitor,
    bridge,
    bridge_json,
    inside,
    ip_batch,
    ip_json,
    unchanged,
)
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "vxlan": Case(
        "vxlan",
        prepare=("ip -n HOST link add under0 type veth peer name far0", "ip -n HOST link set under0 up"),
        create={
            "name": "vxlan0",
            "vni": 10,
            "local": "192.0.2.1",
            "dev": "under0",
            "remote": "192.0.2.2",
            "mtu": 1450,
            "mac_address": MACS[1],
            "addresses": ["10.3.0.0/32", "fd00:3::/128"],
            "ttl": 64,
            "tos": 4,
            "df": "set",
        },
        made={
            "HOST": {
                **link("vxlan0", "vxlan", 1450, MACS[1]),
                "addresses": [("vxlan0", "10.3.0.0/32"), ("vxlan0", "fd00:3::/128")],
            }
        },
        change={
            "name": "vxlan0",
            "vni": 10,
            "local": "192.0.2.3",
            "dev": "far0",
            "remote": "192.0.2.4",
            "mtu": 1400,
            "mac_address": MACS[2],
            "addresses": ["10.3.0.0/32", "fd00:3::/128"],
            "learning": True,
            "ttl": 9,
            "tos": 8,
            "df": "inherit",
        },
        changed={"HOST": link("vxlan0", "vxlan", 1400, MACS[2])},
        drift=(
            "ip -n HOST link set vxlan0 type vxlan ttl 7",
            "ip -n HOST link set vxlan0 type vxlan nolearning",
            "ip -n HOST link set vxlan0 type vxlan local 192.0.2.77",
            "ip -n HOST link set vxlan0 mtu 1300",
            "ip -n HOST link set vxlan0 address 02:00:00:00:00:77",
            "ip -n HOST link set vxlan0 down",
        ),
        missing=("name", "vni"),
        delete={"name": "vxlan0"},
    ),
    "vxlan over IPv6": Case(
        "vxlan",
        prepare=("ip -n HOST link add under0 type veth peer name far0",),
        create={
            "name": "vx6",
            "vni": 16777215,
            "local": "2001:db8::1",
            "dev": "under0",
            "group": "ff05::100",
            "port": 8472,
        },
        made={"HOST": {"links": {"vx6": {"kind": "vxlan", "mtu": 1430, "up": True}}}},
        change={
            "name": "vx6",
            "vni": 16777215,
            "local": "2001:db8::2",
            "dev": "under0",
            "remote": "2001:db8::3",
            "port": 8472,
            "learning": False,
        },
        changed={"HOST": {"links": {"vx6": {"kind": "vxlan", "mtu": 1430, "up": True}}}},
        drift=("ip -n HOST link set vx6 type vxlan local 2001:db8::77", "ip -n HOST link set vx6 type vxlan learning"),
        missing=("name", "vni"),
        delete={"name": "vx6"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)


def test_what_the_kernel_cannot_change_is_made_again_only_when_allowed(run_module, ns) -> None:
    name = ns()
    for arguments in ({"vni": 10}, {"vni": 11}, {"vni": 11, "port": 8472}):
        before = ip_json(name, "link")
        if len(before) > 1:
            with Monitor(name) as monitor:
                refused = run_module("vxlan", name="vxlan0", netns=name, **arguments)
            assert "'recreate: true' deletes it and makes it again" in refused["msg"]
            assert monitor.changes == []
        done = run_module("vxlan", name="vxlan0", netns=name, recreate=True, **arguments)
        assert done["link"]["vni"] == arguments["vni"]
        data = ip_json(name, "link", "show", "vxlan0")[0]["linkinfo"]["info_data"]
        assert (data["id"], data["port"]) == (arguments["vni"], arguments.get("port", 4789))
        if len(before) > 1:
            assert "link vxlan0 type vxlan" in done["diff"]["before"]


EXTERNAL = {"name": "vx1", "external": True}


@pytest.mark.parametrize(
    ("there", "asked", "told"),
    [
        ("id 5", EXTERNAL, "port: 4789 is refused: vx0 receives on this port with another value of external"),
        ("id 5 local ::1", EXTERNAL, "port: 4789 is refused: vx0 receives on this port"),
        ("id 5 gbp", {"name": "vx1", "vni": 6}, "with another value of gbp: give another port"),
        ("id 5 udp6zerocsumrx", {"name": "vx1", "vni": 6}, "with another value of udp6zerocsumrx"),
        ("external vnifilter", EXTERNAL, "with another value of vnifilter"),
        ("external", EXTERNAL, "external: True is refused: vx0 is external on port 4789 already: choose another"),
        ("id 5", {"name": "vx1", "vni": 5}, "vni: 5 is refused: vx0 has this VNI on port 4789 already"),
        ("id 5 gbp", {"name": "vx1", "vni": 6, "admin_state": "down"}, ""),
        ("id 5 local ::1", {"name": "vx1", "vni": 6, "gbp": True}, ""),
        ("external vnifilter", {**EXTERNAL, "vnifilter": True}, ""),
    ],
)
def test_vxlans_that_cannot_share_a_port(there: str, asked: dict[str, Any], told: str, run_module, ns) -> None:
    with inside(ns()):
        ip_batch("", f"link add vx0 type vxlan {there} dstport 4789", "link set vx0 up")
        if not told:
            assert run_module("vxlan", **asked)["changed"]
            return
        with unchanged(""):
            for check in (True, False):
                assert told in run_module("vxlan", check=check, **asked)["msg"]


def test_a_vxlan_that_was_down_and_cannot_come_up(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add vx0 type vxlan id 5 dstport 4789", "link set vx0 up")
    ip_batch(name, "link add vx1 type vxlan id 6 dstport 4789 gbp")
    with unchanged(name):
        refused = run_module("vxlan", netns=name, name="vx1", vni=6, check=True)
        told = f"port: 4789 is refused: vx0 in namespace {name} receives on this port with another value of gbp"
        assert told in refused["msg"]
    links = [
        {"name": "vx0", "kind": "vxlan", "vni": 5, "admin_state": "down"},
        {"name": "vx1", "kind": "vxlan", "vni": 6},
    ]
    assert run_module("topology", namespaces={name: {"links": links}})["changed"]


def test_a_port_that_a_program_has(run_module, ns) -> None:
    """The kernel makes the VXLAN and does not let it come up: nothing is left of it, also of one in a bridge."""
    name = ns()
    links = [{"name": "br0", "kind": "bridge"}, {"name": "vx0", "kind": "vxlan", "vni": 5, "controller": "br0"}]
    with inside(name), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        program.bind(("", 4789))
        ip_batch("", "link add br0 type bridge")
        refused = run_module("vxlan", name="vx0", vni=5)
        assert "(EADDRINUSE); a program, or a VXLAN" in refused["msg"]
        assert "(EADDRINUSE)" in run_module("topology", namespaces={"": {"links": links}})["msg"]
        assert [row["ifname"] for row in ip_json(name, "link")] == ["lo", "br0"]
    assert run_module("topology", namespaces={name: {"links": links}})["changed"]


def test_a_vxlan_that_cannot_be_made_again(run_module, ns) -> None:
    """The old one returns, with what it had and others had made on it."""
    with inside(ns()), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        program.bind(("", 8472))
        ip_batch(
            "",
            "link add br0 type bridge",
            "link add vx0 mtu 1400 type vxlan id 5 dstport 4789 local 192.0.2.1 ttl 9 noudpcsum",
            "link set vx0 master br0 up",
            "link set vx0 type bridge_slave cost 77",
            "address add 10.5.0.1/24 dev vx0",
            "route add 10.6.0.0/16 via 10.5.0.9 dev vx0 proto bird mtu 1300",
        )
        bridge("", *f"fdb add {MACS[3]} dev vx0 dst 192.0.2.9".split())
        before = state()
        arguments = {"name": "vx0", "vni": 5, "port": 8472, "ttl": 7, "recreate": True}
        refused = run_module("vxlan", addresses=["10.5.0.2/24"], **arguments)["msg"]
        assert "(EADDRINUSE)" in refused and refused.endswith("; the interfaces are as they were before")
        assert state() == before


def state() -> list[Any]:
    """The VXLAN and what is on it, without what the kernel numbers and counts."""
    (link,) = ip_json("", "link", "show", "vx0")
    addresses = [row["local"] for row in ip_json("", "-4", "address", "show", "vx0")[0]["addr_info"]]
    known = {name: link[name] for name in ("mtu", "master", "address", "flags")}
    options, port = link["linkinfo"]["info_data"], link["linkinfo"]["info_slave_data"]["cost"]
    entries = [row for row in bridge_json("", "fdb", "show", "dev", "vx0") if "dst" in row]
    return [known, options, port, addresses, ip_json("", "route"), entries]
