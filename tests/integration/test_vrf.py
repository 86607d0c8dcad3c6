# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VRFs: their life, what can be a port of one, and packets that only their table routes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip, ip_json, run
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "vrf": Case(
        "vrf",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link add p1 type veth peer name q1"),
        create={
            "name": "vrf0",
            "table": 10,
            "mtu": 1500,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/32", "fd00:1::1/128"],
            "ports": ["p0"],
        },
        made={
            "HOST": {
                **link("vrf0", "vrf", 1500, MACS[1], options={"table": 10}),
                "addresses": [("vrf0", "10.1.0.1/32"), ("vrf0", "fd00:1::1/128")],
            }
        },
        change={
            "name": "vrf0",
            "table": 10,
            "mtu": 1400,
            "mac_address": MACS[2],
            "addresses": ["10.1.0.2/32"],
            "purge_addresses": True,
            "ports": ["p1"],
            "purge_ports": True,
        },
        changed={"HOST": {**link("vrf0", "vrf", 1400, MACS[2]), "addresses": [("vrf0", "10.1.0.2/32")]}},
        drift=(
            "ip -n HOST link set vrf0 mtu 1300",
            "ip -n HOST link set p1 nomaster",
            "ip -n HOST link set p0 master vrf0",
            "ip -n HOST link set vrf0 down",
            "ip -n HOST link delete vrf0",
        ),
        missing=("name", "table"),
        delete={"name": "vrf0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)

needs_vrf = pytest.mark.needs_kind("vrf")


def controllers(name: str) -> dict[str, str | None]:
    """What each link is a port of."""
    return {row["ifname"]: row.get("master") for row in ip_json(name, "link")}


@needs_vrf
def test_the_same_subnet_twice_by_two_tables(run_module, ns) -> None:
    """Each VRF reaches its own neighbour, though both neighbours have one address."""
    host, *pods = ns(), ns(), ns()
    for number, pod in enumerate(pods):
        ip(host, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", pod)
        ip(pod, "link", "set", "eth0", "address", MACS[number], "up")
        ip(pod, "address", "add", "10.0.0.2/24", "dev", "eth0")
        ip(pod, "route", "add", "default", "via", "10.0.0.1")
    links: list[dict[str, Any]] = [
        {"name": f"vrf{number}", "kind": "vrf", "table": 10 + number, "ports": [f"p{number}"]} for number in (0, 1)
    ]
    links += [
        {"name": f"p{number}", "admin_state": "up", "addresses": ["10.0.0.1/24", f"fd00:1{number}::1/64"]}
        for number in (0, 1)
    ]
    document = {host: {"links": links, "routes": [{"dst": "10.9.0.0/16", "via": "10.0.0.2", "dev": "p1", "table": 11}]}}
    made = run_module("topology", namespaces=document)
    assert made.rc == 0, made
    with Monitor(host) as monitor:
        assert not run_module("topology", namespaces=document)["changed"]
    assert monitor.changes == []
    for number in (0, 1):
        run("ip", "netns", "exec", host, "ping", "-c1", "-W5", "-I", f"vrf{number}", "10.0.0.2")
        (entry,) = ip_json(host, "neigh", "show", "10.0.0.2", "dev", f"p{number}")
        assert entry["lladdr"] == MACS[number]
        (route,) = ip_json(host, "route", "show", "10.0.0.0/24", "table", str(10 + number))
        assert route["dev"] == f"p{number}"
        addresses = {item["local"] for item in ip_json(host, "address", "show", f"p{number}")[0]["addr_info"]}
        assert {"10.0.0.1", f"fd00:1{number}::1"} <= addresses, "joining takes a port down for a moment"
    assert ip_json(host, "route", "get", "10.9.0.1", "vrf", "vrf1")[0]["dev"] == "p1"
    assert not ip_json(host, "route", "show", "10.0.0.0/24")


@needs_vrf
def test_a_port_need_not_carry_frames(run_module, ns) -> None:
    name = ns()
    assert run_module("vrf", netns=name, name="vrf0", table=10)["changed"]
    tunnel = {"name": "tun0", "mode": "tun", "controller": "vrf0"}
    made = run_module("tuntap", netns=name, **tunnel)
    assert (made.get("msg"), controllers(name)["tun0"]) == (None, "vrf0")
    with Monitor(name) as monitor:
        assert not run_module("tuntap", netns=name, **tunnel)["changed"]
    assert monitor.changes == []
    left = run_module("tuntap", netns=name, **{**tunnel, "controller": ""})
    assert (left["changed"], controllers(name)["tun0"]) == (True, None)


@needs_vrf
def test_a_port_can_carry_macvlans(run_module, ns) -> None:
    """The VRF does not take what its port receives, as a bridge does."""
    name = ns()
    ip(name, "link", "add", "p0", "type", "veth", "peer", "name", "q0")
    assert run_module("vrf", netns=name, name="vrf0", table=10, ports=["p0"])["changed"]
    made = run_module("macvlan", netns=name, name="m0", parent="p0")
    assert (made.get("msg"), controllers(name)) == (None, {**controllers(name), "p0": "vrf0", "m0": None})
    assert run_module("vrf", netns=name, name="vrf0", table=10, purge_ports=True, ports=[])["changed"]
    again = run_module("vrf", netns=name, name="vrf0", table=10, ports=["p0"])
    assert (again.get("msg"), controllers(name)["p0"]) == (None, "vrf0")


@needs_vrf
@pytest.mark.parametrize(
    ("module", "arguments", "told"),
    [
        ("vrf", {"name": "vrf1", "table": 11, "controller": "vrf0"}, "a vrf cannot be a port of vrf vrf0"),
        ("vrf", {"name": "vrf1", "table": 11, "controller": "br0"}, "vrf1 carries IP packets, no Ethernet frames"),
        ("vrf", {"name": "vrf0", "table": 12}, "table is 10, not 12; the kernel cannot change that"),
        ("vrf", {"name": "vrf1", "table": 0}, "from 1 to 4294967295"),
        ("vrf", {"name": "vrf1", "table": 11, "mtu": 1279}, "from 1280 to 65575"),
        ("macvlan", {"name": "m0", "parent": "vrf0"}, "a macvlan sits on an Ethernet link"),
    ],
)
def test_what_is_refused(module: str, arguments: dict[str, Any], told: str, run_module, ns) -> None:
    name = ns()
    ip(name, "link", "add", "vrf0", "type", "vrf", "table", "10")
    ip(name, "link", "add", "br0", "type", "bridge")
    with Monitor(name) as monitor:
        refused = run_module(module, netns=name, **arguments)
    assert told in refused["msg"] and "\n" not in refused["msg"]
    assert monitor.changes == []


@needs_vrf
def test_a_vrf_gets_another_table_with_its_ports(run_module, ns) -> None:
    name = ns()
    ip(name, "link", "add", "p0", "type", "veth", "peer", "name", "q0")
    arguments = {"netns": name, "name": "vrf0", "ports": ["p0"]}
    assert run_module("vrf", table=10, **arguments)["changed"]
    done = run_module("vrf", table=11, recreate=True, **arguments)
    assert (done["link"]["table"], controllers(name)["p0"]) == (11, "vrf0")


@needs_vrf
def test_routes_and_rules_of_a_vrf(run_module, ns) -> None:
    """The kernel's own rule and routes stay, whatever is purged, and ours of the VRF's table are all that goes."""
    name = ns()
    ip(name, "link", "add", "p0", "type", "veth", "peer", "name", "q0")
    ip(name, "link", "set", "q0", "up")
    # Else the kernel has no route for what comes by an interface.
    run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    links = [
        {"name": "vrf0", "kind": "vrf", "table": 10, "ports": ["p0"]},
        {"name": "p0", "admin_state": "up", "addresses": ["10.0.0.1/24", "fd00:10::1/64"]},
        {
            "name": "vxlan0",
            "kind": "vxlan",
            "vni": 10,
            "local": "10.0.0.1",
            "controller": "vrf0",
            "addresses": ["10.1.0.1/24"],
        },
    ]
    routes = [
        {"dst": "10.9.0.0/16", "via": "10.0.0.2", "dev": "p0", "table": 10},
        {"dst": "fd00:9::/64", "via": "fd00:10::2", "dev": "p0", "table": 10},
        {"dst": "10.8.0.0/16", "via": "10.1.0.2", "dev": "vxlan0", "table": 10},
        {"dst": "10.7.0.0/16", "type": "unreachable", "table": 10},
    ]
    rules = [
        {"priority": 900, "from": "10.5.0.0/16", "table": 10},
        {"priority": 901, "iif": "vrf0", "to": "10.6.0.0/16", "action": "prohibit"},
    ]
    document = {name: {"links": links, "routes": routes, "rules": rules}}
    made = run_module("topology", namespaces=document, purge=True)
    assert made.rc == 0, made
    with Monitor(name) as monitor:
        assert not run_module("topology", namespaces=document, purge=True)["changed"]
    assert monitor.changes == []
    assert ip_json(name, "route", "get", "10.9.0.1", "vrf", "vrf0")[0]["dev"] == "p0"
    assert ip_json(name, "route", "get", "10.9.0.1", "from", "10.5.0.1", "iif", "p0")[0]["dev"] == "p0"

    left = {name: {"links": links, "rules": []}}
    assert run_module("topology", namespaces=left, purge=True)["changed"]
    assert {rule["priority"] for rule in ip_json(name, "rule")} == {0, 1000, 32766, 32767}
    found = [route for route in ip_json(name, "route", "show", "table", "10") if route["protocol"] != "kernel"]
    assert [(route["type"], route["dst"]) for route in found] == [("unreachable", "10.7.0.0/16")]
    assert run_module("route", netns=name, routes=[], purge=True)["changed"]
    assert run_module("route", netns=name, routes=[], purge=True)["changed"] is False
