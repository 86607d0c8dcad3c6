# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of both families, and those that look alike but are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel import route_requests
from ansible_collections.weft.fabric.plugins.module_utils.kernel import routes as codec
from ansible_collections.weft.fabric.plugins.module_utils.model import routes
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip, ip_json, run
from ansible_collections.weft.fabric.tests.integration.life import Case
from ansible_collections.weft.fabric.tests.integration.routing import two_links

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


REFUSED = [
    ({"dst": "fd09::/64", "dev": "v1"}, "EACCES", "set net.ipv6.conf.v1.disable_ipv6 to 0"),
    ({"dst": "fd09::/64", "via": "fe80::1", "dev": "v1"}, "EACCES", "set net.ipv6.conf.v1.disable_ipv6 to 0"),
    ({"dst": "10.9.0.0/16", "via": "fe80::1", "dev": "v1"}, "EACCES", "set net.ipv6.conf.v1.disable_ipv6 to 0"),
    (
        {"dst": "10.9.0.0/16", "via": "172.16.0.1"},
        "ENETUNREACH",
        "no route leads to 172.16.0.1: add one, or give 'dev'",
    ),
    ({"dst": "fd09::/64", "via": "fd77::1", "dev": "v0"}, "EHOSTUNREACH", "no route leads to fd77::1: add one"),
    (
        {"dst": "10.9.0.0/16", "nexthops": [{"via": "10.0.0.2"}, {"via": "172.16.0.1"}]},
        "ENETUNREACH",
        "no route leads to 10.0.0.2, 172.16.0.1: add one",
    ),
    ({"dst": "fd09::/64", "via": "fd00::1"}, "EINVAL", "a gateway is another host's address"),
    ({"dst": "10.9.0.0/16", "via": "10.0.0.255"}, "EINVAL", "a gateway is another host's address"),
    ({"dst": "10.9.0.0/16", "via": "10.0.0.2", "scope": "host"}, "EINVAL", "remove 'scope'"),
]
V9 = "an interface that it needs is down, v9: set its admin_state to up"
NOT_OURS = "has to be an address of this host that is in use: see 'ip address'"
FORESEEN = [
    ({"dst": "10.9.0.0/16", "dev": "v9"}, V9),
    ({"dst": "fd09::/64", "dev": "v9"}, V9),
    ({"dst": "10.9.0.0/16", "nexthops": [{"via": "10.0.0.2"}, {"dev": "v9"}]}, V9),
    ({"dst": "10.9.0.0/16", "via": "10.0.0.2", "src": "10.7.7.7"}, NOT_OURS),
    ({"dst": "10.9.0.0/16", "via": "10.0.0.2", "src": "10.0.0.255"}, NOT_OURS),
    ({"dst": "fd09::/64", "dev": "v0", "src": "fd00::77"}, NOT_OURS),
]
OURS = [
    {"dst": "10.9.0.0/16", "dev": "v0", "src": "127.0.0.9"},
    {"dst": "10.9.0.0/16", "dev": "v0", "src": "10.77.1.1"},
    {"dst": "10.9.0.0/16", "dev": "v0", "src": "10.0.0.1", "table": 100},
    {"dst": "fd09::/64", "dev": "v0", "src": "fd00::1"},
    {"dst": "10.9.0.0/16", "type": "blackhole", "src": "10.7.7.7"},
]


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A namespace in which v1 has no IPv6, and v9 is down."""
    with two_links("link add v9 type veth peer name w9") as name:
        run("ip", "netns", "exec", name, "sysctl", "--quiet", "net.ipv6.conf.v1.disable_ipv6=1")
        yield name


@pytest.mark.parametrize(("item", "error", "remedy"), REFUSED)
def test_what_the_kernel_refuses(item: dict[str, Any], error: str, remedy: str, run_module, place: str) -> None:
    with Monitor(place) as monitor:
        refused = run_module("route", netns=place, routes=[item])
    assert refused["msg"].startswith(f"cannot create route {item['dst']} ") and "\n" not in refused["msg"]
    assert f"({error}); " in refused["msg"] and remedy in refused["msg"]
    assert monitor.changes == []


@pytest.mark.parametrize(("item", "remedy"), FORESEEN)
def test_what_the_plan_foresees(item: dict[str, Any], remedy: str, run_module, place: str) -> None:
    """Nothing is begun; in check mode an earlier task may be about to mend it."""
    other = {"dst": "10.8.0.0/16", "dev": "v0"}
    with Monitor(place) as monitor:
        would = run_module("route", netns=place, routes=[other, item], check=True)
        refused = run_module("route", netns=place, routes=[other, item])
    assert refused["msg"].startswith(f"route {item['dst']} ") and refused["msg"].endswith(remedy)
    assert [warning["event"]["msg"] for warning in would["warnings"]] == [
        f"{refused['msg']} (check mode: taken as if it did)"
    ]
    assert monitor.changes == []


@pytest.mark.parametrize("item", OURS, ids=str)
def test_sources_that_the_host_has(item: dict[str, Any], run_module, ns) -> None:
    with two_links() as name:
        ip(name, "link", "set", "lo", "up")
        ip(name, *["route", "add", "local", "10.77.0.0/16", "dev", "lo"])
        assert run_module("route", netns=name, routes=[item])["changed"]
        with Monitor(name) as monitor:
            assert not run_module("route", netns=name, routes=[item])["changed"]
        assert monitor.changes == []


def test_a_removal_says_which_it_could_mean(run_module, place: str) -> None:
    for number in (1, 2):
        ip(place, *f"route add 10.9.0.0/16 via 10.0.0.{number + 1} metric {number}".split())
    arguments = {"netns": place, "state": "absent"}
    with Monitor(place) as monitor:
        refused = run_module("route", routes=[{"dst": "10.9.0.0/16"}], **arguments)
    assert refused["msg"] == (
        "route 10.9.0.0/16: there are 2 such routes: give metric or via: "
        "route 10.9.0.0/16 via 10.0.0.2 dev v0 proto boot metric 1; "
        "route 10.9.0.0/16 via 10.0.0.3 dev v0 proto boot metric 2"
    )
    assert monitor.changes == []
    for more in ({"metric": 2}, {}):
        assert run_module("route", routes=[{"dst": "10.9.0.0/16", **more}], **arguments)["changed"]


def test_what_the_kernel_does_not_find_is_looked_for(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone, or the task fails."""
    wanted = Document(absent=True)
    routes.add_routes(wanted.at(place).routes, [{"dst": "10.9.0.0/16"}], "routes", absent=True)
    real = route_requests.delete

    def other(indexes: Any, items: Any) -> Any:
        return real(indexes, [item._replace(raw=None, metric=7) for item in items])

    def twice(indexes: Any, items: Any) -> Any:
        return [*real(indexes, items)] * 2

    calls: list[Any] = []

    def once(indexes: Any, items: Any) -> Any:
        calls.append(items)
        return other(indexes, items) if len(calls) == 1 else real(indexes, items)

    for broken, told in (
        (other, "cannot delete route 10.9.0.0/16 .* No such process .ESRCH.; the kernel shows it"),
        (once, None),
        (twice, None),
    ):
        ip(place, *["route", "replace", "10.9.0.0/16", "dev", "v0"])
        monkeypatch.setattr(codec, "CODEC", codec.CODEC._replace(delete=broken))
        if told:
            with pytest.raises(KernelError, match=told):
                reconcile(wanted)
        else:
            assert reconcile(wanted).changed
        assert bool(ip_json(place, "route", "show", "10.9.0.0/16")) == bool(told)
