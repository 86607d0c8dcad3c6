# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that are kept apart on the real kernel: who still reaches whom by a router, and what nft lists."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor

NETWORKS = ("one", "two", "three")
GROUPS = [["10.1.0.0/24", "fd00:1::/64", "10.3.0.0/24"], ["10.2.0.0/24", "fd00:2::/64"]]


@pytest.fixture
def router() -> Iterator[tuple[str, dict[str, str]]]:
    """A router, and a host in each of three networks."""
    with contextlib.ExitStack() as stack:
        router, *others = (stack.enter_context(kernel.new_namespace()) for _place in ("router", *NETWORKS))
        hosts = dict(zip(NETWORKS, others))
        for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
            kernel.run("ip", "netns", "exec", router, "sysctl", "-qw", setting)
        for number, (name, host) in enumerate(hosts.items(), 1):
            kernel.ip(router, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", host)
            for place, dev, last in ((router, name, 1), (host, "eth0", 2)):
                kernel.ip_batch(
                    place,
                    f"address add 10.{number}.0.{last}/24 dev {dev}",
                    f"address add fd00:{number}::{last}/64 dev {dev} nodad",
                    f"link set {dev} up",
                )
            kernel.ip_batch(host, f"route add default via 10.{number}.0.1", f"route add ::/0 via fd00:{number}::1")
        yield router, hosts


@pytest.fixture
def isolate(disk, run_module) -> Callable[..., Any]:
    """Keep groups of networks apart: in check mode first, which changes nothing and has the same diff."""

    def call(router: str, groups: Any, **more: Any) -> Any:
        parameters = {"persist": False, "documents": {"overlay": {"isolation": groups}}, **more}
        with kernel.inside(router):
            before = kernel.run("nft", "list", "ruleset")
            would = run_module("host", check=True, **parameters)
            assert kernel.run("nft", "list", "ruleset") == before
            done = run_module("host", **parameters)
        assert "msg" not in done, done
        assert (would["changed"], would["diff"]) == (done["changed"], done["diff"])
        return done

    return call


def reaches(host: str, address: str) -> bool:
    command = ["ip", "netns", "exec", host, "ping", "-n", "-q", "-c", "1", "-W", "1", address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def tables(router: str) -> str:
    with kernel.inside(router):
        return kernel.run("nft", "list", "tables")


def test_who_reaches_whom(router: tuple[str, dict[str, str]], isolate) -> None:
    place, hosts = router
    ways = [("one", "10.2.0.2"), ("one", "fd00:2::2"), ("two", "10.3.0.2"), ("one", "10.2.0.1")]
    assert [way for way in [*ways, ("one", "10.3.0.2")] if not reaches(hosts[way[0]], way[1])] == []
    assert isolate(place, GROUPS)["changed"]
    assert [way for way in ways if reaches(hosts[way[0]], way[1])] == [], "nor the router's address in another group"
    assert reaches(hosts["one"], "10.3.0.2"), "of the same group"
    assert reaches(hosts["two"], "10.2.0.1")
    with Monitor(place) as monitor:
        assert not isolate(place, GROUPS)["changed"]
    assert monitor.changes == []


def test_what_others_do_to_the_table_is_repaired(router: tuple[str, dict[str, str]], isolate) -> None:
    place, hosts = router
    isolate(place, GROUPS)
    with kernel.inside(place):
        kernel.run("nft", "flush", "table", "inet", "weft_isolation")
        kernel.run("nft", "add", "table", "ip", "theirs")
    assert reaches(hosts["one"], "10.2.0.2")
    assert isolate(place, GROUPS)["changed"]
    assert not reaches(hosts["one"], "10.2.0.2")
    assert "table ip theirs" in tables(place)


@pytest.mark.parametrize(
    ("groups", "more"),
    [
        (GROUPS[:1], {}),
        ([], {}),
        (GROUPS, {"state": "absent"}),
    ],
    ids=["of one group nothing is left to keep apart", "no group", "absent"],
)
def test_the_table_is_removed(groups: Any, more: Any, router: tuple[str, dict[str, str]], isolate) -> None:
    place, hosts = router
    isolate(place, GROUPS)
    assert isolate(place, groups, **more)["changed"]
    assert "weft_isolation" not in tables(place)
    assert reaches(hosts["one"], "10.2.0.2")
    assert not isolate(place, groups, **more)["changed"]


def test_a_network_that_is_none(router: tuple[str, dict[str, str]], run_module) -> None:
    with kernel.inside(router[0]):
        done = run_module("host", persist=False, documents={"overlay": {"isolation": [["10.1.0.1/24"]]}})
    assert "isolation[0][0]: '10.1.0.1/24' is refused: it has host bits set" in done["msg"]
