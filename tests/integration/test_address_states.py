# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses in every state that ip-address(8) can make: asked for as they are, changed, removed, purged beside."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.engine.apply import apply
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation
from ansible_collections.weft.fabric.tests.integration.kernel import (
    Monitor,
    inside,
    ip,
    ip_batch,
    ip_json,
    new_namespace,
    unchanged,
)
from ansible_collections.weft.fabric.tests.unit.pure_kernel import PureKernel, Refused


class State(NamedTuple):
    """What ip-address(8) makes, and how it is asked for.

    :ivar command: after ``ip address add dev v0``.
    :ivar item: the same as an item of ``addresses``.
    :ivar change: an option with another value, and how ``ip -json`` shows it.
    """

    command: str
    item: dict[str, Any]
    change: dict[str, Any]
    shown: dict[str, Any]


STATES = {
    "plain": State("10.5.0.1/24", {"address": "10.5.0.1/24"}, {"metric": 7}, {"metric": 7}),
    "peer": State(
        "192.0.2.10 peer 192.0.2.1/32",
        {"address": "192.0.2.10/32", "peer": "192.0.2.1"},
        {"label": "v0:p"},
        {"label": "v0:p", "address": "192.0.2.1"},
    ),
    "peer of one subnet": State(
        "10.5.0.1 peer 10.5.0.2/24",
        {"address": "10.5.0.1/24", "peer": "10.5.0.2"},
        {"peer": "10.5.0.3"},
        {"address": "10.5.0.3"},
    ),
    "broadcast": State(
        "10.5.0.1/24 brd 10.5.0.99", {"address": "10.5.0.1/24"}, {"metric": 7}, {"broadcast": "10.5.0.99"}
    ),
    "scope": State(
        "10.5.0.1/24 scope link", {"address": "10.5.0.1/24", "scope": "link"}, {"scope": "host"}, {"scope": "host"}
    ),
    "label": State(
        "10.5.0.1/24 label v0:web", {"address": "10.5.0.1/24", "label": "v0:web"}, {"label": "v0:x"}, {"label": "v0:x"}
    ),
    "metric": State("10.5.0.1/24 metric 77", {"address": "10.5.0.1/24", "metric": 77}, {"metric": 78}, {"metric": 78}),
    "noprefixroute": State(
        "10.5.0.1/24 label v0:q noprefixroute",
        {"address": "10.5.0.1/24", "noprefixroute": True},
        {"noprefixroute": False},
        {"label": "v0:q"},
    ),
    "everything": State(
        "10.5.0.1 peer 10.6.0.1/24 brd 10.6.0.255 scope site label v0:all metric 9 noprefixroute",
        {"address": "10.5.0.1/24", "peer": "10.6.0.1", "scope": "site", "label": "v0:all", "metric": 9},
        {"scope": "global"},
        {"scope": "global", "label": "v0:all", "address": "10.6.0.1", "broadcast": "10.6.0.255", "noprefixroute": True},
    ),
    "six": State("fd05::1/64", {"address": "fd05::1/64"}, {"metric": 7}, {"metric": 7}),
    "six, metric": State("fd05::1/64 metric 77", {"address": "fd05::1/64", "metric": 77}, {"metric": 0}, {}),
    "six, peer": State(
        "fd05::1 peer fd06::1/64",
        {"address": "fd05::1/64", "peer": "fd06::1"},
        {"peer": "fd06::2"},
        {"address": "fd06::2"},
    ),
    "six, nodad": State(
        "fd05::1/64 nodad",
        {"address": "fd05::1/64", "nodad": True},
        {"noprefixroute": True},
        {"nodad": True, "noprefixroute": True},
    ),
    "six, home": State(
        "fd05::1/64 home mngtmpaddr noprefixroute",
        {"address": "fd05::1/64", "noprefixroute": True},
        {"metric": 5},
        {"home": True, "mngtmpaddr": True, "noprefixroute": True},
    ),
}
each = pytest.mark.parametrize("state", STATES.values(), ids=list(STATES))


@pytest.fixture
def host(ns) -> str:
    name: str = ns()
    ip_batch(
        name, "link add v0 type veth peer name v1", "link set v0 up", "link set v1 up", "address add 10.4.0.1/24 dev v0"
    )
    return name


def rows(name: str) -> list[dict[str, Any]]:
    """The addresses of v0, without link-local ones, and without what changes by itself."""
    (link,) = ip_json(name, "address", "show", "dev", "v0")
    found = [row for row in link["addr_info"] if not row["local"].startswith("fe80:")]
    return [{key: value for key, value in row.items() if key != "tentative"} for row in found]


def mine(name: str, state: State) -> dict[str, Any]:
    (row,) = [row for row in rows(name) if row["local"] == state.item["address"].partition("/")[0]]
    return row


@each
def test_as_it_is(state: State, run_module, host: str) -> None:
    ip(host, "address", "add", *state.command.split(), "dev", "v0")
    before = rows(host)
    for item in (state.item, state.item["address"]):
        with unchanged(host):
            done = run_module("address", netns=host, dev="v0", addresses=[item])
            assert not done["changed"], done
    read = run_module("topology_info", namespaces=[host])["namespaces"][host]
    with unchanged(host):
        assert not run_module("topology", namespaces={host: read}, purge=True)["changed"]
    assert rows(host) == before


@each
def test_it_is_made(state: State, run_module, host: str) -> None:
    assert run_module("address", netns=host, dev="v0", addresses=[state.item])["changed"]
    with unchanged(host):
        assert not run_module("address", netns=host, dev="v0", addresses=[state.item])["changed"]
    made = mine(host, state)
    ip(host, "address", "flush", "dev", "v0")
    ip(host, "address", "add", *state.command.split(), "dev", "v0")
    asked = {"address" if name == "peer" else name for name in state.item} - {"address"} | {"local", "prefixlen"}
    theirs = mine(host, state)
    assert {name: made.get(name) for name in asked} == {name: theirs.get(name) for name in asked}


@each
def test_one_option_changes(state: State, run_module, host: str) -> None:
    ip(host, "address", "add", *state.command.split(), "dev", "v0")
    before = mine(host, state)
    item = {
        "address": state.item["address"],
        **({"peer": state.item["peer"]} if "peer" in state.item else {}),
        **state.change,
    }
    would = run_module("address", netns=host, dev="v0", addresses=[item], check=True)
    did = run_module("address", netns=host, dev="v0", addresses=[item])
    assert did["changed"] and would["diff"] == did["diff"]
    with unchanged(host):
        assert not run_module("address", netns=host, dev="v0", addresses=[item])["changed"]
    after = mine(host, state)
    changed = {"address" if name == "peer" else name for name in state.change}
    assert {key: after.get(key) for key in before if key not in changed} == {
        key: before[key] for key in before if key not in changed
    }
    assert {key: after.get(key) for key in state.shown} == state.shown
    assert did["diff"]["before"] != did["diff"]["after"]


@each
@pytest.mark.parametrize("whole", [True, False])
def test_it_is_removed(whole: bool, state: State, run_module, host: str) -> None:
    before = rows(host)
    ip(host, "address", "add", *state.command.split(), "dev", "v0")
    item = state.item if whole else state.item["address"]
    assert run_module("address", netns=host, dev="v0", addresses=[item], state="absent")["changed"]
    assert rows(host) == before
    with unchanged(host):
        assert not run_module("address", netns=host, dev="v0", addresses=[item], state="absent")["changed"]


@each
def test_it_is_purged(state: State, run_module, host: str) -> None:
    before = rows(host)
    ip(host, "address", "add", *state.command.split(), "dev", "v0")
    assert run_module("address", netns=host, dev="v0", addresses=["10.4.0.1/24"], purge=True)["changed"]
    assert rows(host) == before


@pytest.mark.parametrize("lifetime", ["valid_lft 300 preferred_lft 200", "preferred_lft 0"])
@pytest.mark.parametrize("address", ["10.5.0.1/24", "fd05::1/64"])
def test_a_declared_address_is_permanent(address: str, lifetime: str, run_module, host: str) -> None:
    ip(host, *f"address add {address} dev v0 metric 50 {lifetime}".split())
    done = run_module("address", netns=host, dev="v0", addresses=[address])
    assert done["diff"] == {
        "before": f"netns {host}: address v0 {address} metric 50 dynamic\n",
        "after": f"netns {host}: address v0 {address} metric 50\n",
    }
    (row,) = [row for row in rows(host) if row["local"] == address.partition("/")[0]]
    assert not row.get("dynamic") and not row.get("deprecated") and row["metric"] == 50
    assert (row["valid_life_time"], row["preferred_life_time"]) == (2**32 - 1, 2**32 - 1)
    with unchanged(host):
        assert not run_module("address", netns=host, dev="v0", addresses=[address])["changed"]


@pytest.mark.parametrize("promote", ["0", "1"])
def test_an_address_replaces_another_of_its_subnet(promote: str, run_module, ns) -> None:
    """No route is lost, no address of others, and the kernel parameter is as before."""
    name = ns()
    ip_batch(name, "link add v0 type veth peer name v1", "link set v0 up", "link set v1 up")
    with inside(name):
        parameter = pathlib.Path("/proc/sys/net/ipv4/conf/v0/promote_secondaries")
        parameter.write_text(promote, encoding="ascii")
    ip_batch(
        name,
        "address add 10.1.0.1/24 dev v0",
        "address add 10.1.0.7/24 dev v0 valid_lft 3000 preferred_lft 2000 label v0:dhcp",
        "route add default via 10.1.0.254 proto dhcp metric 20 mtu 1400",
        "route add 10.9.0.0/16 proto bird nexthop via 10.1.0.253 weight 2 nexthop via 10.1.0.254",
    )

    def routes() -> list[str]:
        return [line for line in ip(name, "route").splitlines() if "proto kernel" not in line]

    before = routes()
    with Monitor(name) as monitor:
        done = run_module("address", netns=name, dev="v0", addresses=["10.1.0.2/24"], purge=True)
    assert done["diff"] == {
        "before": f"netns {name}: address v0 10.1.0.1/24\n",
        "after": f"netns {name}: address v0 10.1.0.2/24\n",
    }
    assert routes() == before
    assert not [event for event in monitor.changes if "10.9.0.0" in str(event) or "10.1.0.254" in str(event)]
    left = {row["local"]: row for row in rows(name)}
    assert set(left) == {"10.1.0.2", "10.1.0.7"} and left["10.1.0.7"]["label"] == "v0:dhcp"
    with inside(name):
        assert parameter.read_text(encoding="ascii").strip() == promote


def test_the_first_ipv6_address_of_the_list_is_the_kernels_first(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add v0 type veth peer name v1", "link set v0 up", "link set v1 up")
    wanted = ["fd00::1/64", "fd00::2/64", "fd00::3/64"]
    done = run_module("address", netns=name, dev="v0", addresses=wanted)
    assert [f"{row['local']}/64" for row in rows(name)] == wanted and "warnings" not in done
    ip(name, "route", "add", "2001:db8::/64", "via", "fd00::9", "dev", "v0")
    assert "src fd00::1 " in ip(name, "route", "get", "2001:db8::1")
    other = [wanted[2], wanted[0], "fd00::4/64"]
    for changed in (True, False):
        done = run_module("address", netns=name, dev="v0", addresses=other)
        assert done["changed"] == changed
        assert "are not in the order of the list, and the kernel prefers the first as a source: fd00::4/64, " in str(
            done
        )


@pytest.mark.parametrize(
    ("mtu", "disabled", "told"),
    [
        (1200, "0", "v0 has an MTU of 1200 bytes, and IPv6 needs at least 1280: raise that first"),
        (1500, "1", "IPv6 is disabled on v0: set the kernel parameter net.ipv6.conf.v0.disable_ipv6 to 0"),
    ],
)
def test_an_interface_without_ipv6(mtu: int, disabled: str, told: str, run_module, host: str) -> None:
    ip(host, "link", "set", "v0", "mtu", str(mtu))
    if disabled == "1":
        with inside(host):
            pathlib.Path("/proc/sys/net/ipv6/conf/v0/disable_ipv6").write_text("1", encoding="ascii")
    with unchanged(host):
        done = run_module(
            "address", netns=host, dev="v0", addresses=["10.5.0.1/24", "fd05::1/64"] if mtu < 1280 else ["fd05::1/64"]
        )
    assert done["failed"] and told in done["msg"] and "\n" not in done["msg"]


def test_another_scope_in_one_subnet(run_module, host: str) -> None:
    """Refused before the address that exists is deleted, and the default route with it."""
    ip_batch(host, "address add 10.4.0.2/24 dev v0", "route add default via 10.4.0.9 dev v0 src 10.4.0.2 proto dhcp")
    for check in (True, False):
        for asked in ("10.4.0.2/24", "10.4.0.3/24"):
            with unchanged(host):
                items = [{"address": asked, "scope": "link"}]
                done = run_module("address", check=check, netns=host, dev="v0", addresses=items)
            assert f"'{asked} scope link' is refused: addresses of one subnet have one scope" in done["msg"]
            assert "10.4.0.1/24 is there: remove that first" in done["msg"]


def commands() -> st.SearchStrategy[list[str]]:
    """Addresses of v0 as iproute2 makes them, with options that no parameter has."""
    four = st.sampled_from(["brd +", "label v0:z", "metric 9", "scope link", "noprefixroute"])
    six = st.sampled_from(["metric 9", "nodad", "noprefixroute", "home", "mngtmpaddr"])
    life = st.sampled_from(["", "valid_lft 3000 preferred_lft 2000", "preferred_lft 0"])
    heads = st.lists(
        st.sampled_from(
            [
                "10.1.0.1/24",
                "10.2.0.2/24",
                "10.3.0.1 peer 10.9.0.1/24",
                "10.4.0.1 peer 10.4.0.9/32",
                "10.5.0.1/32",
                "fd01::1/64",
                "fd02::1/64",
                "fd03::1 peer fd04::1/64",
            ]
        ),
        unique=True,
        min_size=1,
    )

    @st.composite
    def lines(draw: Any) -> list[str]:
        return [
            " ".join([head, *sorted(draw(st.sets(six if ":" in head else four, max_size=3))), draw(life)])
            for head in draw(heads)
        ]

    return lines()


@settings(max_examples=15)
@given(commands(), st.data())
def test_the_others_stay(lines: list[str], data: Any) -> None:
    """One address is changed and another is removed: the rest is as before, whatever it has."""
    with new_namespace() as name, inside(name):
        ip_batch(
            "",
            "link add v0 type veth peer name v1",
            "link set v0 up",
            *(f"address add dev v0 {line}" for line in lines),
        )
        before = {row["local"]: row for row in rows("")}
        one = data.draw(st.sampled_from(sorted(before)))
        item = {"dev": "v0", "address": f"{one}/{before[one]['prefixlen']}"}
        reconcile(
            parse_topology({"": {"addresses": [{**item, "metric": 17}, {"dev": "v0", "address": "10.99.0.1/24"}]}})
        )
        after = {row["local"]: row for row in rows("")}
        times = ("valid_life_time", "preferred_life_time")
        assert after.pop("10.99.0.1")["prefixlen"] == 24
        changed = after.pop(one)
        assert changed["metric"] == 17 and not changed.get("dynamic") and not changed.get("deprecated")
        kept = {
            key: value
            for key, value in before.pop(one).items()
            if key not in (*times, "metric", "dynamic", "deprecated")
        }
        assert {key: changed.get(key) for key in kept} == kept
        assert [{**row, **dict.fromkeys(times)} for row in after.values()] == [
            {**row, **dict.fromkeys(times)} for row in before.values()
        ]
        reconcile(parse_topology({"": {"addresses": [item]}}, absent=True))
        assert {row["local"] for row in rows("")} == {*before, "10.99.0.1"}


def _wanted(dev: str = "v0") -> st.SearchStrategy[Address]:
    heads = ["10.1.0.1/24", "10.1.0.2/24", "10.1.0.1/16", "10.2.0.1/32", "fd01::1/64", "fd01::1/48", "fd02::1/128"]

    def options(head: str) -> st.SearchStrategy[Address]:
        six = ":" in head
        return st.builds(
            Address,
            st.just(dev),
            st.just(head),
            peer=st.sampled_from([None, "fd01::9", "fd09::9"] if six else [None, "10.1.0.9", "10.9.0.9"]),
            scope=st.none() if six else st.sampled_from([None, 0, 253]),
            named=st.none() if six else st.sampled_from([None, "v0:a"]),
            metric=st.sampled_from([None, 7, 8]),
            noprefixroute=st.sampled_from([None, True]),
            nodad=st.sampled_from([None, True]) if six else st.none(),
            state=st.none(),
        )

    return st.sampled_from(heads).flatmap(options)


@settings(max_examples=20)
@given(st.lists(st.tuples(_wanted(), st.booleans()), max_size=8))
def test_the_pure_kernel_does_what_linux_does(steps: list[tuple[Address, bool]]) -> None:
    """Addresses are added, changed and deleted one by one: both take and refuse the same, and have the same then."""
    pure = PureKernel()
    with new_namespace() as name, inside(name), Kernel() as kernel:
        ip_batch("", "link add v0 type veth peer name v1", "link set v1 up", "link set v0 up")
        pure.state[""].links["v0"] = Link("v0", "veth", {"admin_state": "up", "controller": "", "mtu": 1500})

        def found() -> dict[Any, Address]:
            read = observe(kernel, {"": Scope(devices={"v0"}, addresses=True)})[""].addresses
            return {key: item for key, item in read.items() if not item.address.startswith("fe80:")}

        for item, gone in steps:
            there = found()
            operation = Operation("create", "", None, item)
            if gone:
                if item.key not in there:
                    continue
                operation = Operation("delete", "", there[item.key])
            elif item.key in there and there[item.key].address != item.address:
                continue  # Linux ignores another prefix length in silence, and the pure kernel does not
            refused = [False, False]
            try:
                pure.apply(operation)
            except Refused:
                refused[0] = True
            try:
                apply(kernel, [operation])
            except KernelError:
                refused[1] = True
            assert refused[0] == refused[1], operation
            assert _plain(found()) == _plain(pure.state[""].addresses), operation


def _plain(table: dict[Any, Address]) -> Any:
    """Addresses with what both kernels know; Linux sorts those of IPv4 by their scope, and secondary ones last."""
    plain = [(*item[:-1], item.state.secondary, item.state.lasting) for item in table.values() if item.state]
    return {row for row in plain if ":" not in row[1]}, [row for row in plain if ":" in row[1]]
