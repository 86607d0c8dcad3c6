# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random routes from iproute2, with attributes that nobody models: they survive every change beside them."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor
from ansible_collections.weft.fabric.tests.integration.routing import routes, two_links

DSTS = ("10.8.0.0/16", "10.9.0.0/16", "fd08::/64", "fd09::/64")
TABLES = (254, 100)
HOPS = {
    4: ("10.0.0.2 dev v0", "10.0.0.3 dev v0", "10.1.0.2 dev v1"),
    6: ("fd00::2 dev v0", "fe80::3 dev v0", "fd01::2 dev v1"),
}
METRICS = (
    "mtu 1400", "mtu lock 1300", "advmss 1200", "rto_min 50ms", "window 9000", "initrwnd 7", "quickack 1", "hoplimit 9",
    "congctl reno", "ssthresh 5", "reordering 4",
)  # fmt: skip
EXISTS = "RTNETLINK answers: File exists"
OWNERS = (3, 4, 12, 119)


def subset(values: Any) -> Any:
    return st.lists(st.sampled_from(values), unique=True, max_size=3)


@st.composite
def made_routes(draw: Any) -> str:
    """A route as ``ip route append`` takes it."""
    dst = draw(st.sampled_from(DSTS))
    six = ":" in dst
    words = [draw(st.sampled_from(["", "", "", "blackhole", "unreachable"])), dst]
    words += [f"table {draw(st.sampled_from(TABLES))}", f"proto {draw(st.sampled_from(OWNERS))}"]
    words += [f"metric {draw(st.sampled_from((5, 6)))}", *draw(subset(METRICS))]
    if not six:
        words += [draw(st.sampled_from(["", "", "tos 0x10"]))]
    elif draw(st.booleans()):
        words += ["pref high"]
    if words[0]:
        return " ".join(words)
    if draw(st.booleans()):
        hops = draw(st.lists(st.sampled_from(HOPS[6 if six else 4]), unique=True, min_size=1, max_size=3))
        if len(hops) > 1:
            return " ".join([*words, *(f"nexthop via {hop} weight {draw(st.integers(1, 3))}" for hop in hops)])
        own = [] if six else ["realms 3"]
        encap = ["encap seg6 mode encap segs fd00::9"]
        return " ".join([*words, *draw(subset([*own, *encap])), f"via {hops[0]}"])
    return " ".join([*words, f"dev {draw(st.sampled_from(('v0', 'v1')))}"])


@st.composite
def wanted_routes(draw: Any) -> list[dict[str, Any]]:
    found = {}
    for _number in range(draw(st.integers(0, 3))):
        dst = draw(st.sampled_from(DSTS))
        item = {"dst": dst, "table": draw(st.sampled_from(TABLES)), "metric": draw(st.sampled_from((5, 6)))}
        found[tuple(item.values())] = item
        via = draw(st.sampled_from(HOPS[6 if ":" in dst else 4])).split()
        ways: list[dict[str, Any]] = [{"via": via[0], "dev": via[2]}, {"dev": "v0"}, {"type": "blackhole"}]
        more: list[dict[str, Any]] = [{}, {}, {"mtu": 1350}, {"advmss": 999}]
        item.update(draw(st.sampled_from(ways)), **draw(st.sampled_from(more)))
    return [*found.values()]


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with two_links() as name:
        yield name


def key(route: dict[str, Any]) -> tuple[Any, ...]:
    dst = "0.0.0.0/0" if route["dst"] == "default" else route["dst"]
    return dst, route.get("table", "main"), route.get("metric", 0), route.get("tos")


def empty(place: str) -> None:
    """Flush all routes. iproute2 gives up when the kernel took one of a key for another, as IPv6 may."""
    while {route["protocol"] for route in routes(place)} != {"kernel"}:
        for family, metric in itertools.product(("-4", "-6"), ("5", "6")):
            command = ["ip", "-n", place, family, "route", "flush", "table", "all", "metric", metric]
            subprocess.run(command, capture_output=True, check=False)


@settings(max_examples=40)
@given(st.lists(made_routes(), max_size=6), wanted_routes())
def test_routes_of_others_survive(place: str, commands: list[str], wanted: list[dict[str, Any]]) -> None:
    empty(place)
    made = "\n".join(f"route append {command}" for command in commands)
    done = subprocess.run(
        ["ip", "-n", place, "-force", "-batch", "-"], input=made, capture_output=True, text=True, check=False
    )
    assert {line for line in done.stderr.splitlines() if "Command failed" not in line} <= {EXISTS}
    before = routes(place)
    document = {place: {"routes": wanted}}

    def converge() -> Any:
        parsed = parse_topology(document)
        parsed.at(place).purge_routes.add(None)
        return reconcile(parsed)

    converge()
    after = routes(place)
    named = {
        (item["dst"], "main" if item["table"] == 254 else str(item["table"]), item["metric"], None) for item in wanted
    }
    assert [route for route in after if key(route) not in named] == [
        route for route in before if key(route) not in named and route["protocol"] != "119"
    ]
    with Monitor(place) as monitor:
        assert not converge().changed
    assert monitor.changes == []
