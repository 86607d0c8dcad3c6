# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario in IPv6, and in both families."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import (
    HOSTS,
    NODES,
    article,
    host_vars,
    standing,
)


def ipv6() -> Any:
    """The article's scenario in IPv6, outside and inside."""
    inventory = article()
    inventory["all"]["vars"]["overlay_cidr"] = "fd00:10:244::/48"
    for number, (host, router) in enumerate(zip(NODES, ("2001:db8:1::213", "2001:db8:2::216"))):
        variables = host_vars(inventory, host)
        address = f"2001:db8:{number + 1}::1"
        variables["lab_interfaces"][0]["addresses"] = [f"{address}/64"]
        variables["overlay_node"]["address"] = address
        variables["mgmt_routing_routes"] = [
            {"dst": f"2001:db8:{2 - number}::/64", "via": router, "dev": "enp1s0", "src": address}
        ]
        variables["pods_pods"][0]["address"] = f"fd00:10:244:{number}::2"
    router_vars = host_vars(inventory, "router")
    for interface, address in zip(router_vars["lab_interfaces"], ("2001:db8:1::213/64", "2001:db8:2::216/64")):
        interface["addresses"] = [address]
    router_vars["mgmt_routing_forward"] = ["ipv6"]
    router_vars["masquerade_rules"] = []
    return inventory


def test_ipv6_outside_and_inside(tmp_path: pathlib.Path) -> None:
    with standing(tmp_path, ipv6()) as fabric:
        before = {host: fabric.snapshot(host) for host in HOSTS}
        done = fabric.ok("site")
        assert "14 of 14 pairs hold, 0 fail" in done.text
        assert "1430" in done.text, "an IPv6 underlay costs 70 bytes"
        assert fabric.ok("site").changed == {}
        fabric.ok("teardown")
        for host in HOSTS:
            after = fabric.snapshot(host)
            assert [part for part in before[host] if after[part] != before[host][part]] == [], host


def dual(inventory: Any) -> Any:
    """The same with an overlay of both families."""
    inventory["all"]["vars"].update(overlay_cidr=["172.2.0.0/16", "fd00:10:244::/48"], pods_masquerade=True)
    for number, host in enumerate(NODES):
        pod = host_vars(inventory, host)["pods_pods"][0]
        pod["address"] = [f"172.2.{number}.2", f"fd00:10:244:{number}::2"]
    return inventory


@pytest.mark.parametrize(("underlay", "mtu"), [(article, 1450), (ipv6, 1430)], ids=["over IPv4", "over IPv6"])
def test_dual_stack(tmp_path: pathlib.Path, underlay: Callable[[], Any], mtu: int) -> None:
    with standing(tmp_path, dual(underlay())) as fabric:
        before = {host: fabric.snapshot(host) for host in HOSTS}
        done = fabric.ok("site")
        assert "26 of 26 pairs hold, 0 fail" in done.text
        rows = [line for line in done.text.splitlines() if "network-1/pod1  network-2/pod2 fd00:10:244:1::2 " in line]
        assert [" 62  " in row and f" {mtu}  " in row and "fd00:10:244::2 " in row for row in rows] == [True], done.text
        with fabric.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
            assert fabric.ok("site").changed == {}
        assert monitor.changes == []
        one = "network-1"
        assert json.loads(fabric.node(one, "ip", "-json", "link", "show", "vxlan0"))[0]["mtu"] == mtu
        assert len(fabric.node(one, "bridge", "fdb", "show", "dev", "vxlan0").splitlines()) == 1, "one tunnel for both"
        permanent = fabric.node(one, "ip", "neigh", "show", "dev", "vxlan0", "nud", "permanent").split()
        assert [word for word in permanent if "." in word or "::" in word] == ["172.2.1.0", "fd00:10:244:1::"]
        inside = fabric.node(
            one, "ip", "netns", "exec", "pod1", "curl", "-s", "-g", "http://[fd00:10:244:1::2]:8000/echo"
        )
        assert json.loads(inside)["client"] == "fd00:10:244::2", "no NAT between pods"
        fabric.ok("teardown")
        for host in HOSTS:
            after = fabric.snapshot(host)
            assert [part for part in before[host] if after[part] != before[host][part]] == [], host
