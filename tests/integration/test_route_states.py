# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes made by iproute2, with everything that it can set: found as they are, changed in one attribute, removed, kept.

What the kernel has is compared as ``ip -details -json`` shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip, ip_batch
from ansible_collections.weft.fabric.tests.integration.routing import routes, two_links


class State(NamedTuple):
    """A route.

    :ivar made: how iproute2 makes it, after ``ip``.
    :ivar item: how it is asked for.
    """

    made: str
    item: dict[str, Any]


def four(words: str, **item: Any) -> State:
    return State(f"route add {words}", {"dst": "10.9.0.0/16", **item})


def six(words: str, **item: Any) -> State:
    return State(f"-6 route add {words}", {"dst": "fd09::/64", **item})


HOPS = [{"via": "10.0.0.2", "dev": "v0", "weight": 2}, {"via": "10.1.0.2", "dev": "v1"}]
HOPS6 = [{"via": "fd00::2", "dev": "v0"}, {"via": "fd01::2", "dev": "v1", "weight": 3}]
VIA = {"via": "10.0.0.2", "dev": "v0"}
VIA6 = {"via": "fd00::2", "dev": "v0"}
STATES = {
    "via": four("10.9.0.0/16 via 10.0.0.2 dev v0", **VIA),
    "dev": four("10.9.0.0/16 dev v0", dev="v0"),
    "onlink": four("10.9.0.0/16 via 172.16.0.1 dev v0 onlink", via="172.16.0.1", dev="v0", onlink=True),
    "via inet6": four("10.9.0.0/16 via inet6 fe80::2 dev v0", via="fe80::2", dev="v0"),
    "several": four(
        "10.9.0.0/16 nexthop via 10.0.0.2 dev v0 weight 2 nexthop via 10.1.0.2 dev v1", nexthops=HOPS
    ),
    "several, of both families": four(
        "10.9.0.0/16 nexthop via 10.0.0.2 dev v0 nexthop via inet6 fe80::2 dev v1 weight 3 onlink",
        nexthops=[VIA, {"via": "fe80::2", "dev": "v1", "weight": 3, "onlink": True}],
    ),
    "several, in another order": four(
        "10.9.0.0/16 nexthop via 10.0.0.2 dev v0 weight 2 nexthop via 10.1.0.2 dev v1", nexthops=HOPS[::-1]
    ),
    **{name: four(f"{name} 10.9.0.0/16", type=name) for name in ("blackhole", "unreachable", "prohibit", "throw")},
    "local": four("local 10.9.0.0/16 dev lo", type="local", dev="lo"),
    "local in a table": four("local 10.9.0.0/16 dev lo table 100", type="local", dev="lo", table=100),
    "tos": four("10.9.0.0/16 tos 0x10 via 10.0.0.2", tos=16, **VIA),
    "metric": four("10.9.0.0/16 metric 7 via 10.0.0.2", metric=7, **VIA),
    "large table": four("10.9.0.0/16 table 70000 via 10.0.0.2", table=70000, **VIA),
    "scope": four("10.9.0.0/16 dev v0 scope host", dev="v0", scope="host"),
    "protocol": four("10.9.0.0/16 via 10.0.0.2 proto static", protocol="static", **VIA),
    "metrics": four(
        "10.9.0.0/16 via 10.0.0.2 mtu lock 1400 advmss 1300 initcwnd 20 hoplimit 9",
        mtu=1400, mtu_lock=True, advmss=1300, initcwnd=20, hoplimit=9, **VIA,
    ),
    "src": four("10.9.0.0/16 via 10.0.0.2 src 10.0.0.1", src="10.0.0.1", **VIA),
    "via, IPv6": six("fd09::/64 via fd00::2 dev v0", **VIA6),
    "link-local": six("fd09::/64 via fe80::2 dev v0", via="fe80::2", dev="v0"),
    "dev, IPv6": six("fd09::/64 dev v0", dev="v0"),
    "several, IPv6": six("fd09::/64 nexthop via fd00::2 dev v0 nexthop via fd01::2 dev v1 weight 3", nexthops=HOPS6),
    "one of several, IPv6": six("fd09::/64 nexthop via fd00::2 dev v0 nexthop via fd01::2 dev v1", **VIA6),
    **{
        f"{name}, IPv6": six(f"{name} fd09::/64", type=name)
        for name in ("blackhole", "unreachable", "prohibit", "throw")
    },
    "local, IPv6": six("local fd09::/64 dev lo", type="local", dev="lo"),
    "pref": six("fd09::/64 via fd00::2 pref high", pref="high", **VIA6),
    "metrics, IPv6": six(
        "fd09::/64 via fd00::2 dev v0 mtu 1400 advmss 1300 initcwnd 20 hoplimit 9 metric 5",
        metric=5, mtu=1400, advmss=1300, initcwnd=20, hoplimit=9, **VIA6,
    ),
    # What nobody can ask for, and everybody keeps.
    "unmodelled metrics": four("10.9.0.0/16 via 10.0.0.2 rto_min 50ms window 9000 quickack 1 congctl reno", **VIA),
    "realms": four("10.9.0.0/16 via 10.0.0.2 realms 1/2", **VIA),
    "encapsulated": four("10.9.0.0/16 encap ip id 3 dst 10.0.0.3 via 10.0.0.2 dev v0", **VIA),
    "encapsulated, IPv6": six("fd09::/64 encap seg6 mode encap segs fd00::9 via fd00::2 dev v0", **VIA6),
    "nexthop object": four("10.9.0.0/16 nhid 12 proto zebra", **VIA),
    "nexthop object, IPv6": six("fd09::/64 nhid 16 proto zebra", **VIA6),
    "nexthop group": four("10.9.0.0/16 nhid 20", nexthops=[VIA, {"via": "10.1.0.2", "dev": "v1"}]),
}  # fmt: skip
NEXTHOPS = (
    "nexthop add id 12 via 10.0.0.2 dev v0",
    "nexthop add id 13 via 10.1.0.2 dev v1",
    "nexthop add id 16 via fd00::2 dev v0",
    "nexthop add id 20 group 12/13",
)
every_state = pytest.mark.parametrize("state", STATES.values(), ids=STATES)


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A namespace that each test leaves as it was."""
    with two_links(*NEXTHOPS) as name:
        yield name


@every_state
def test_a_route_through_its_life(state: State, run_module: Any, place: str) -> None:
    before = routes(place)
    ip(place, *state.made.split())
    arguments = {"netns": place, "routes": [state.item]}
    made = routes(place)
    with Monitor(place) as monitor:
        same = run_module("route", **arguments)
    assert (same.get("msg"), same.get("changed"), monitor.changes, routes(place)) == (None, False, [], made)

    # One attribute changes, and all others stay.
    changed = run_module("route", netns=place, routes=[{**state.item, "advmss": 1234}])
    assert (changed.get("msg"), changed.get("changed")) == (None, True)
    expected = [with_advmss(route, 1234) if route not in before else route for route in made]
    assert routes(place) == expected
    assert not run_module("route", netns=place, routes=[{**state.item, "advmss": 1234}])["changed"]

    left = [route for route in routes(place) if route not in before]
    gone = run_module("route", state="absent", **arguments)
    assert (gone.get("msg"), gone.get("changed")) == (None, True)
    if len(left) == 1 and "nexthops" in left[0] and "nexthops" not in state.item:
        assert [route.get("gateway") for route in routes(place) if route not in before] == ["fd01::2"]
        ip(place, *["-6", "route", "delete", "fd09::/64"])
    assert routes(place) == before
    assert not run_module("route", state="absent", **arguments)["changed"]


def with_advmss(route: dict[str, Any], value: int) -> dict[str, Any]:
    (metrics,) = route.get("metrics", [{}])
    return {**route, "metrics": [{**metrics, "advmss": value}]}


def test_routes_of_others_stay_when_ours_are_purged(run_module: Any) -> None:
    """In every table, and whatever they are; ours of each table goes."""
    plain = [state.made.removeprefix("-6 ") for state in STATES.values() if "table" not in state.made]
    theirs = [re.sub("(/16|/64)", rf"\1 table {1000 + number}", made, count=1) for number, made in enumerate(plain)]
    ours = [f"route add 10.8.0.0/16 dev v0 proto 119 table {1000 + number}" for number in range(len(theirs))]
    with two_links(*NEXTHOPS, *theirs) as name:
        before = routes(name)
        ip_batch(name, *ours)
        done = run_module("route", netns=name, routes=[], purge=True)
        assert (done.get("msg"), routes(name)) == (None, before)
        assert done["diff"]["before"].count("\n") == len(ours)
