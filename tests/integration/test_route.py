# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of both families, and those that look alike but are not."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip_json, run
from ansible_collections.weft.fabric.tests.integration.life import Case

CASES = {
    "route": Case(
        "route",
        prepare=(
            "ip -n HOST link add v0 type veth peer name v1",
            "ip -n HOST link set v0 up",
            "ip -n HOST link set v1 up",
            "ip -n HOST address add 10.1.0.1/24 dev v0",
            "ip -n HOST address add fd00:1::1/64 dev v0",
        ),
        create={
            "routes": [
                {"dst": "10.8.0.0/16", "via": "10.1.0.9"},
                {"dst": "10.9.0.0/16", "via": "172.16.0.1", "dev": "v0", "onlink": True, "mtu": 1400},
                {"dst": "default", "via": "10.1.0.9", "src": "10.1.0.1", "metric": 50},
                {"dst": "fd00:8::/32", "via": "fd00:1::9", "src": "fd00:1::1"},
                {"dst": "fd00:9::1", "dev": "v0"},
            ]
        },
        made={
            "HOST": {
                "routes": [
                    "10.1.0.0/24 dev v0 proto kernel scope link src 10.1.0.1",
                    "10.8.0.0/16 via 10.1.0.9 dev v0 proto 119",
                    "10.9.0.0/16 via 172.16.0.1 dev v0 proto 119 onlink mtu 1400",
                    "default via 10.1.0.9 dev v0 proto 119 src 10.1.0.1 metric 50",
                    "fd00:1::/64 dev v0 proto kernel metric 256",
                    "fd00:8::/32 via fd00:1::9 dev v0 proto 119 src fd00:1::1 metric 1024",
                    "fd00:9::1 dev v0 proto 119 metric 1024",
                ]
            }
        },
        change={
            "routes": [
                {"dst": "10.8.0.0/16", "via": "10.1.0.8", "mtu": 1300},
                {"dst": "default", "via": "10.1.0.7", "src": "10.1.0.1", "metric": 50},
                {"dst": "fd00:8::/32", "via": "fd00:1::8", "src": "fd00:1::1", "mtu": 1300},
            ],
            "purge": True,
        },
        changed={
            "HOST": {
                "routes": [
                    "10.1.0.0/24 dev v0 proto kernel scope link src 10.1.0.1",
                    "10.8.0.0/16 via 10.1.0.8 dev v0 proto 119 mtu 1300",
                    "default via 10.1.0.7 dev v0 proto 119 src 10.1.0.1 metric 50",
                    "fd00:1::/64 dev v0 proto kernel metric 256",
                    "fd00:8::/32 via fd00:1::8 dev v0 proto 119 src fd00:1::1 metric 1024 mtu 1300",
                ]
            }
        },
        drift=(
            "ip -n HOST route delete 10.8.0.0/16",
            "ip -n HOST route replace default via 10.1.0.66 metric 50",
            "ip -n HOST route replace 10.8.0.0/16 via 10.1.0.8 dev v0 proto 119 mtu 1200",
            "ip -n HOST route replace fd00:8::/32 via fd00:1::66",
            "ip -n HOST route append fd00:8::/32 via fd00:1::67",
            "ip -n HOST route delete fd00:8::/32",
            "ip -n HOST route add 10.77.0.0/16 via 10.1.0.9 proto 119",
        ),
        missing=("routes",),
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)


def test_a_route_that_goes_elsewhere_than_it_seems_is_replaced(run_module, ns) -> None:
    """An IPv4 route by an IPv6 gateway (RTA_VIA), and one that leads nowhere, both of the key that is wanted."""
    name = ns()
    run("ip", "-n", name, "link", "add", "d0", "up", "type", "veth", "peer", "name", "d1")
    run("ip", "-n", name, "route", "add", "10.9.0.0/16", "via", "inet6", "fe80::1", "dev", "d0")
    run("ip", "-n", name, "route", "add", "blackhole", "10.8.0.0/16")
    routes = [{"dst": f"10.{number}.0.0/16", "dev": "d0"} for number in (8, 9)]
    made = run_module("route", netns=name, routes=routes)
    assert "via fe80::1" in made["diff"]["before"] and made["changed"]
    found = ip_json(name, "route", "show", "root", "10.8.0.0/15", "proto", "119")
    assert {(route["dst"], route["dev"], route.get("via")) for route in found} == {
        ("10.8.0.0/16", "d0", None),
        ("10.9.0.0/16", "d0", None),
    }
    with Monitor(name) as monitor:
        again = run_module("route", netns=name, routes=routes)
    assert (again["changed"], monitor.changes) == (False, [])
