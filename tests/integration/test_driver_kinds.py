# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods are connected by, on kinds of link that not every kernel has: the role's plans, in namespaces for hosts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.overlays import overlays_of, pods_document

UNDERLAY = {"network-1": "192.168.1.138", "network-2": "192.168.2.142"}
OVERLAYS = overlays_of(
    {
        name: {"number": number, "address": address, "dev": "enp1s0"}
        for number, (name, address) in enumerate(UNDERLAY.items())
    }
)


@contextlib.contextmanager
def hosts() -> Iterator[dict[str, str]]:
    """Two namespaces on one cable, each a router of its pods; pods go with them."""
    with kernel.new_namespace() as one, kernel.new_namespace() as other, contextlib.ExitStack() as stack:
        places = dict(zip(UNDERLAY, (one, other)))
        kernel.ip(one, "link", "add", "enp1s0", "type", "veth", "peer", "name", "enp1s0", "netns", other)
        for name, place in places.items():
            kernel.ip(place, "address", "add", f"{UNDERLAY[name]}/16", "dev", "enp1s0")
            kernel.ip(place, "link", "set", "enp1s0", "up")
            kernel.run("ip", "netns", "exec", place, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        known = kernel.namespaces()
        stack.callback(
            lambda: [kernel.run("ip", "netns", "delete", name) for name in sorted(kernel.namespaces() - known)]
        )
        yield places


def stand_up(run_module, place: str, host: str, listed: list[dict[str, Any]], network: dict[str, Any]) -> None:
    document = pods_document(listed, OVERLAYS, host, network)
    topology, running = document["topology"], document["echo_server"]["namespaces"]
    with kernel.inside(place):
        first = run_module("topology", **topology)
        assert first.get("changed"), first
        with kernel.Monitor("", *running) as monitor:
            again = run_module("topology", **topology)
        assert (again["changed"], monitor.changes) == (False, [])


PARENT = {"parent": "enp1s0", "subnet": "192.168.1.0/24", "gateway": "192.168.1.213"}
L3 = {"driver": "ipvlan", "parent": "enp1s0", "subnet": "10.9.0.0/24", "mode": "l3"}


@pytest.mark.parametrize(
    ("network", "subnet", "hears"),
    [
        ({"driver": "macvlan", **PARENT}, "192.168.1", True),
        pytest.param({"driver": "ipvlan", **PARENT}, "192.168.1", True, marks=pytest.mark.needs_kind("ipvlan")),
        pytest.param(L3, "10.9.0", False, marks=pytest.mark.needs_kind("ipvlan")),
    ],
    ids=["macvlan", "ipvlan l2", "ipvlan l3"],
)
def test_broadcasts_among_the_pods_of_a_parent(network: dict[str, Any], subnet: str, hears: bool, run_module) -> None:
    listed = [{"name": f"wide{number}", "address": f"{subnet}.{number}"} for number in (31, 32)]
    with hosts() as places:
        stand_up(run_module, places["network-1"], "network-1", listed, network)
        inside = ("ip", "netns", "exec")
        kernel.run(*inside, "wide32", "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_broadcasts=0")
        kernel.run(*inside, "wide31", "ping", "-c1", "-W5", f"{subnet}.32")
        ping = f"ping -b -c2 -i0.2 -W1 {subnet}.255 || true"
        heard = kernel.run(*inside, "wide31", "sh", "-c", ping)
        assert (f"from {subnet}.32" in heard) == hears, heard


@pytest.mark.parametrize(
    ("driver", "mode"),
    [
        *(("macvlan", mode) for mode in ("bridge", "private", "vepa", "passthru")),
        *(pytest.param("ipvlan", mode, marks=pytest.mark.needs_kind("ipvlan")) for mode in ("l2", "l3")),
    ],
)
def test_the_hosts_interface_keeps_its_mac_address(driver: str, mode: str, run_module) -> None:
    network = {"driver": driver, "parent": "enp1s0", "subnet": "10.9.0.0/24", "mode": mode}
    with hosts() as places:
        place = places["network-1"]
        mac = kernel.ip_json(place, "link", "show", "enp1s0")[0]["address"]
        stand_up(run_module, place, "network-1", [{"name": "mac1", "address": "10.9.0.31"}], network)
        assert kernel.ip_json(place, "link", "show", "enp1s0")[0]["address"] == mac
        (own,) = kernel.ip_json("mac1", "link", "show", "eth0")
        assert (own["address"] == mac) == (driver == "ipvlan" or mode == "passthru"), own


@pytest.mark.needs_kind("ipip")
def test_a_fan_between_two_hosts(run_module) -> None:
    fan = {"driver": "fan", "underlay": "192.168.0.0/16", "overlay": "10.0.0.0/8"}
    subnets = {"network-1": "10.1.138", "network-2": "10.2.142"}
    with hosts() as places:
        for number, (host, place) in enumerate(places.items(), 1):
            listed = [{"name": f"fan{number}", "address": f"{subnets[host]}.2"}]
            stand_up(run_module, place, host, listed, fan)
        (route,) = kernel.ip_json(places["network-1"], "route", "show", "10.2.142.0/24")
        assert (route["gateway"], route["dev"], route["prefsrc"]) == ("192.168.2.142", "fan0", "10.1.138.1")
        assert run_module("echo_server", namespaces=["fan2"], port=8000)["changed"]
        target = {"name": "there", "address": "10.2.142.2", "url": "http://10.2.142.2:8000/echo"}
        (result,) = run_module("reachability", netns="fan1", targets=[target])["results"]
        assert (result["reachable"], result["ttl"], result["http"]["source"]) == (True, 62, "10.1.138.2"), result
        assert run_module("echo_server", namespaces=["fan2"], state="absent")["changed"]
