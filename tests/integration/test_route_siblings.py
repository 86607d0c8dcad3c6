# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that look alike: several of one destination, whoever made them, and which of them a task means."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip
from ansible_collections.weft.fabric.tests.integration.routing import made, two_links

D = "10.9.0.0/16"
S = "fd09::/64"


class Case(NamedTuple):
    """
    :ivar made: what iproute2 makes, without ``route add``; what begins with + is appended.
    :ivar task: the arguments of the module.
    :ivar after: the routes then.
    """

    made: tuple[str, ...]
    task: dict[str, Any]
    after: list[str] | None


def task(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"routes": list(items), **more}


def absent(*items: dict[str, Any]) -> dict[str, Any]:
    return task(*items, state="absent")


V0 = {"via": "10.0.0.2", "dev": "v0"}
V1 = {"via": "10.1.0.2", "dev": "v1"}
ON_V0 = f"{D} via 10.0.0.2 dev v0"
ON_V1 = f"{D} via 10.1.0.2 dev v1"
TWO = (f"{ON_V0} proto static metric 100", f"+{ON_V1} proto static metric 100")
UNCHANGED = {
    "the second of a key": Case(TWO, task({"dst": D, "metric": 100, **V1}), [line.lstrip("+") for line in TWO]),
    "the second of a key, IPv6": Case(
        (f"{S} dev v0 metric 1024", f"+{S} via fd01::2 dev v1 metric 1024"),
        task({"dst": S, "via": "fd01::2"}),
        [f"{S} dev v0 metric 1024", f"{S} via fd01::2 dev v1 metric 1024"],
    ),
    "one next hop of several, IPv6": Case(
        (f"{S} via fd00::2 dev v0", f"+{S} via fd01::2 dev v1"),
        task({"dst": S, "via": "fd01::2"}),
        [f"{S} metric 1024 nexthop via fd00::2 dev v0 weight 1 nexthop via fd01::2 dev v1 weight 1"],
    ),
    "the same, of two types": Case(
        (f"{ON_V0} metric 5", f"+blackhole {D} metric 5"),
        task({"dst": D, "type": "blackhole", "metric": 5}),
        [f"{ON_V0} metric 5", f"blackhole {D} metric 5"],
    ),
    "absent, and another one is there": Case((ON_V0, f"{ON_V0} tos 0x10"), absent({"dst": D, **V1}), None),
    "absent, and another one is there, IPv6": Case(
        (f"{S} via fd00::2 dev v0 metric 1024",), absent({"dst": S, "via": "fd01::2"}), None
    ),
    "absent, and one for a TOS is there": Case((f"{D} tos 0x10 via 10.0.0.2 dev v0",), absent({"dst": D}), None),
    "absent, and one from a source is there": Case(
        (f"{S} from fd08::/64 dev v0 metric 1024",), absent({"dst": S}), None
    ),
    "purge of one table alone": Case(
        (f"{D} dev v0 proto 119", f"{D} dev v0 table 7 proto 119"), task(purge=True, purge_table="8"), None
    ),
}  # fmt: skip
CHANGED = {
    "one for a TOS is another one": Case(
        (f"{D} tos 0x10 via 10.0.0.2 dev v0",),
        task({"dst": D, **V0}),
        [f"{D} tos 0x10 via 10.0.0.2 dev v0", f"{ON_V0} proto 119"],
    ),
    "one from a source is another one": Case(
        (f"{S} from fd08::/64 dev v0 metric 1024",),
        task({"dst": S, "dev": "v0"}),
        [f"{S} from fd08::/64 dev v0 metric 1024", f"{S} dev v0 proto 119 metric 1024"],
    ),
    "the second changes, and the first stays": Case(
        TWO,
        task({"dst": D, "metric": 100, "mtu": 1400, **V1}),
        [TWO[0], f"{ON_V1} proto static metric 100 mtu 1400"],
    ),
    "one on an interface changes beside one with a gateway, IPv6": Case(
        (f"{S} via fd01::2 dev v1 metric 1024", f"+{S} dev v0 metric 1024"),
        task({"dst": S, "dev": "v0", "mtu": 1400}),
        [f"{S} via fd01::2 dev v1 metric 1024", f"{S} dev v0 metric 1024 mtu 1400"],
    ),
    "the second on an interface changes, IPv6": Case(
        (f"{S} dev v0 metric 1024", f"+{S} dev v1 metric 1024"),
        task({"dst": S, "dev": "v1", "mtu": 1400}),
        [f"{S} dev v0 metric 1024", f"{S} dev v1 metric 1024 mtu 1400"],
    ),
    "ours changes, whichever it is": Case(
        (TWO[0], f"+{ON_V1} proto 119 metric 100"),
        task({"dst": D, "metric": 100, "via": "10.1.0.3", "dev": "v1"}),
        [TWO[0], f"{D} via 10.1.0.3 dev v1 proto 119 metric 100"],
    ),
    "the protocol stays with a change": Case(
        (f"{ON_V0} proto bird src 10.0.0.1 rto_min 50ms advmss 1400 initcwnd 20",),
        task({"dst": D, "mtu": 1400, **V0}),
        [f"{ON_V0} proto bird src 10.0.0.1 mtu 1400 advmss 1400 initcwnd 20 rto_min lock 50ms"],
    ),
    "another way is ours": Case(
        (f"{ON_V0} proto bird src 10.0.0.1 rto_min 50ms",),
        task({"dst": D, "via": "10.0.0.3"}),
        [f"{D} via 10.0.0.3 dev v0 proto 119 src 10.0.0.1 rto_min lock 50ms"],
    ),
    "a declared one is permanent": Case(
        (f"{S} via fd00::2 dev v0 expires 300",),
        task({"dst": S, "via": "fd00::2"}),
        [f"{S} via fd00::2 dev v0 metric 1024"],
    ),
    "several instead of one": Case(
        (f"{ON_V0} proto 119 mtu 1400",),
        task({"dst": D, "nexthops": [V0, {**V1, "weight": 5}]}),
        [f"{D} proto 119 mtu 1400 nexthop via 10.0.0.2 dev v0 weight 1 nexthop via 10.1.0.2 dev v1 weight 5"],
    ),
    "one instead of several": Case(
        (f"{D} proto 119 nexthop via 10.0.0.2 dev v0 nexthop via 10.1.0.2 dev v1",),
        task({"dst": D, **V1}),
        [f"{ON_V1} proto 119"],
    ),
    "another weight": Case(
        (f"{D} nexthop via 10.0.0.2 dev v0 realms 3 nexthop via 10.1.0.2 dev v1",),
        task({"dst": D, "nexthops": [{**V0, "weight": 3}, V1]}),
        [f"{D} proto 119 nexthop via 10.0.0.2 realm 3 dev v0 weight 3 nexthop via 10.1.0.2 dev v1 weight 1"],
    ),
    "a blackhole instead": Case(
        (f"{ON_V0} proto 119 src 10.0.0.1 realms 3",),
        task({"dst": D, "type": "blackhole"}),
        [f"blackhole {D} proto 119 src 10.0.0.1"],
    ),
    "a way instead of a blackhole, IPv6": Case(
        (f"blackhole {S} proto 119",), task({"dst": S, "dev": "v0"}), [f"{S} dev v0 proto 119 metric 1024"]
    ),
    "a nexthop object is left for another way": Case(
        (f"{D} nhid 12 proto zebra",), task({"dst": D, **V1}), [f"{ON_V1} proto 119"]
    ),
    "absent, whatever its metric": Case((f"{ON_V0} metric 77",), absent({"dst": D}), []),
    "absent, one of two": Case(TWO, absent({"dst": D, **V0}), [TWO[1].lstrip("+")]),
    "absent, both": Case(TWO, absent({"dst": D, **V0}, {"dst": D, **V1}), []),
    "absent, the other way first": Case(
        (f"{S} via fd00::2 dev v0 metric 1024", f"+{S} dev v0 metric 1024"),
        absent({"dst": S, "dev": "v0", "via": "fd00::2"}),
        [f"{S} dev v0 metric 1024"],
    ),
    "purge of one on an interface beside one of others": Case(
        (f"{S} via fd00::2 dev v0 proto bird metric 1024", f"+{S} dev v0 proto 119"),
        task(purge=True),
        [f"{S} via fd00::2 dev v0 proto bird metric 1024"],
    ),
    "purge of both on an interface": Case(
        (f"{S} via fd00::2 dev v0 proto 119", f"+{S} dev v0 proto 119"), task(purge=True), []
    ),
    "absent, by what is not its first next hop": Case(
        (f"{S} via fd00::2 dev v0", f"+{S} via fd01::2 dev v1"),
        absent({"dst": S, "via": "fd01::2"}),
        [f"{S} via fd00::2 dev v0 metric 1024"],
    ),
    "purge of two of one key": Case(
        (f"{ON_V0} proto 119 metric 100", f"+{ON_V1} proto 119 metric 100", f"+blackhole {D} proto 119 metric 100"),
        task(purge=True),
        [],
    ),
    "purge beside one of the same key": Case(
        (f"{ON_V0} proto 119 metric 100", f"+{ON_V1} proto 119 metric 100", f"+{D} dev v1 metric 100"),
        task({"dst": D, "metric": 100, **V1}, purge=True),
        [f"{ON_V1} proto 119 metric 100", f"{D} dev v1 scope link metric 100"],
    ),
    "purge of a next hop, IPv6": Case(
        (f"{S} via fd00::2 dev v0 proto 119", f"+{S} via fd01::2 dev v1 proto 119"),
        task({"dst": S, "via": "fd01::2"}, purge=True),
        [f"{S} via fd01::2 dev v1 proto 119 metric 1024"],
    ),
    "purge of every table": Case(
        (f"{D} dev v0 proto 119", f"{D} dev v0 table 7 proto 119", f"{S} dev v0 table 70000 proto 119"),
        task(purge=True),
        [],
    ),
    "purge of one table": Case(
        (f"{D} dev v0 proto 119", f"{D} dev v0 table 7 proto 119"),
        task(purge=True, purge_table="7"),
        [f"{D} dev v0 proto 119 scope link"],
    ),
    "purge of a nexthop object's": Case((f"{D} nhid 12 proto 119",), task(purge=True), []),
}


def prepared(case: Case) -> Any:
    commands = []
    for line in case.made:
        family = "-6 " if "fd0" in line else ""
        verb = "append" if line.startswith("+") else "add"
        commands.append(f"route {verb} {line.lstrip('+')}" if not family else f"-6 route {verb} {line.lstrip('+')}")
    return commands


@pytest.mark.parametrize("case", UNCHANGED.values(), ids=UNCHANGED)
def test_what_is_there_stays(case: Case, run_module: Any) -> None:
    with two_links("nexthop add id 12 via 10.0.0.2 dev v0") as name:
        for command in prepared(case):
            ip(name, *command.split())
        before = made(name)
        with Monitor(name) as monitor:
            done = run_module("route", netns=name, **case.task)
        assert (done.get("msg"), done.get("changed"), monitor.changes, made(name)) == (None, False, [], before)
        assert case.after is None or sorted(before) == sorted(case.after)


@pytest.mark.parametrize("case", CHANGED.values(), ids=CHANGED)
def test_what_is_asked_for_is_done_and_no_more(case: Case, run_module: Any) -> None:
    with two_links("nexthop add id 12 via 10.0.0.2 dev v0") as name:
        for command in prepared(case):
            ip(name, *command.split())
        would = run_module("route", check=True, netns=name, **case.task)
        done = run_module("route", netns=name, **case.task)
        assert (done.get("msg"), done.get("changed"), made(name)) == (None, True, case.after)
        assert would["diff"] == done["diff"]
        with Monitor(name) as monitor:
            again = run_module("route", netns=name, **case.task)
        assert (again.get("changed"), monitor.changes) == (False, [])


def test_one_that_the_kernel_cannot_tell_apart_is_not_deleted(run_module: Any) -> None:
    ours = f"{S} via fd00::2 dev v0 proto 119"
    with two_links(f"route add {ours}", f"route append {S} dev v0 proto 119") as name:
        before = made(name)
        with Monitor(name) as monitor:
            refused = run_module("route", netns=name, **task({"dst": S, "via": "fd00::2"}, purge=True))
        told = f"cannot delete route {S} dev v0 metric 1024: the kernel would delete route {S} via fd00::2 dev v0 "
        assert refused["msg"].startswith(told) and "\n" not in refused["msg"]
        assert (monitor.changes, made(name)) == ([], before)


def test_a_document_knows_its_routes_in_every_table(run_module: Any) -> None:
    """A table that it no longer mentions is looked at, on the interfaces that it names."""
    listed = [{"dst": D, "table": 100, **V0}, {"dst": S, "dev": "v0", "table": 70000}]
    hops = {"dst": "10.8.0.0/16", "nexthops": [V0, V1]}
    with two_links() as name:
        first = {"routes": [*listed, hops], "links": [{"name": "v0"}]}
        assert run_module("topology", purge=True, namespaces={name: first})["changed"]
        assert len(made(name)) == 3
        with Monitor(name) as monitor:
            run_module("topology", purge=True, namespaces={name: {}})
        assert monitor.changes == []
        run_module("topology", purge=True, namespaces={name: {"links": [{"name": "v0"}]}})
        assert [line.split()[0] for line in made(name)] == ["10.8.0.0/16"]  # it is on v1 too
        run_module("topology", purge=True, namespaces={name: {"links": [{"name": "v0"}, {"name": "v1"}]}})
        assert made(name) == []
