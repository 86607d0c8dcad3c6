# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of others that the kernel deletes as a side effect: they are restored as they were, or shown before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.engine import lifeline
from ansible_collections.weft.fabric.plugins.module_utils.engine.keeper import Keeper
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kinds import bridge, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import (
    eventually,
    inside,
    ip,
    ip_batch,
    ip_json,
    new_namespace,
    unchanged,
)

# One of each that others make: leased, deprecated and odd addresses, and routes of daemons with all that they may have.
THEIRS = (
    "address add 10.1.0.1/24 dev nic0",
    "address add 10.1.0.7/24 brd 10.1.0.250 dev nic0 label nic0:dhcp valid_lft 3000 preferred_lft 2000",
    "address add 192.0.2.10 peer 192.0.2.1/32 dev nic0 scope link metric 9",
    "address add fd00:1::1/64 dev nic0",
    "address add fd00:1::2/64 dev nic0 nodad noprefixroute valid_lft 3000 preferred_lft 0",
    "address add fd00:2::1 peer fd00:2::2/128 dev nic0 metric 77",
    "address add fe80::1/64 dev nic0",
    "route add default via 10.1.0.254 dev nic0 proto dhcp metric 20 mtu lock 1400 advmss 1300 src 10.1.0.7",
    "route add 10.9.0.0/16 proto bird nexthop via 10.1.0.253 weight 3 dev nic0 nexthop via 10.1.0.252 dev nic0",
    "route add 10.10.0.0/16 dev nic0 scope link proto babel table 77",
    "route add 10.11.0.0/16 tos 0x10 via 192.0.2.1 dev nic0 initcwnd 20 rto_min 50ms realm 4",
    "route append 10.9.0.0/16 via 10.10.0.1 dev nic0 onlink proto zebra metric 5",
    "route append 10.9.0.0/16 via 10.1.0.251 dev nic0 proto zebra metric 5",
    "route add 10.12.0.0/16 via inet6 fe80::9 dev nic0 proto bgp",
    "route add fd00:9::/48 via fd00:1::9 dev nic0 proto bird metric 5 pref high hoplimit 9",
    "route add fd00:8::/48 proto bird nexthop via fd00:1::8 dev nic0 weight 2 nexthop via fe80::8 dev nic0",
    "route add fd00:7::/48 dev nic0 proto dhcp expires 2000",
    "route add default from fd00:1::/64 via fe80::7 dev nic0 proto ospf src fd00:1::1",
    "nexthop add id 12 via 10.1.0.249 dev nic0 proto zebra",
    "nexthop add id 13 via 10.1.0.248 dev nic0 proto zebra",
    "nexthop add id 20 group 12,3/13 proto zebra",
    "nexthop add id 30 group 12/13,2 type resilient buckets 32 idle_timer 60 proto zebra",
    "route add 10.13.0.0/16 nhid 20 proto zebra",
    "route add 10.15.0.0/16 nhid 30 proto zebra",
    "route add 10.14.0.0/16 nhid 12 proto zebra",
    "neigh add 10.1.0.99 lladdr 02:00:5e:00:00:99 dev nic0 nud permanent protocol bird",
    "neigh add fd00:1::99 lladdr 02:00:5e:00:00:98 dev nic0 nud permanent router",
    "neigh add fd00:1::98 lladdr 02:00:5e:00:00:97 dev nic0 nud reachable extern_learn",
    "neigh add proxy 10.1.0.97 dev nic0",
)


@pytest.fixture
def host(ns) -> Iterator[str]:
    """A namespace that this process is in, with a NIC on which others have made theirs."""
    name, far = ns(), ns()
    ip(name, "link", "add", "nic0", "type", "veth", "peer", "name", "far0", "netns", far)
    ip(far, "link", "set", "far0", "up")
    ip(name, "link", "set", "nic0", "up")
    ip_batch(name, *(line for line in THEIRS if line.startswith("address")))
    eventually(
        lambda: not any(row.get("tentative") for row in ip_json(name, "address", "show", "dev", "nic0")[0]["addr_info"])
    )
    ip_batch(name, *(line for line in THEIRS if not line.startswith("address")))
    with inside(name):
        yield name


def state() -> dict[str, Any]:
    """Everything that is restored, as iproute2 shows it; times are whether there is one."""
    addresses = [
        {"dev": link["ifname"], **row, "valid_life_time": None, "preferred_life_time": row["preferred_life_time"] == 0}
        for link in ip_json("", "address")
        for row in link["addr_info"]
    ]
    routes = ip_json("", "route", "show", "table", "all") + ip_json("", "-6", "route", "show", "table", "all")
    for route in routes:
        route["expires"] = bool(route.get("expires"))
        for hop in (route, *route.get("nexthops", ())):  # an interface may have no carrier for a moment
            hop["flags"] = [flag for flag in hop.get("flags", ()) if flag != "linkdown"]
    return {
        "addresses": [{k: v for k, v in row.items() if k != "tentative"} for row in addresses],
        # The kernel's own ones depend on the order of addresses.
        "routes": sorted(str(route) for route in routes if route.get("protocol") != "kernel"),
        "nexthops": sorted(map(str, ip_json("", "nexthop"))),
        "neighbours": sorted(
            [str(row) for row in ip_json("", "neigh") if "PERMANENT" in row["state"] or "extern_learn" in row]
            + [line.strip() for line in ip("", "neigh", "show", "proxy").splitlines()]
        ),
    }


def lines(diff: dict[str, str], side: str, ending: str) -> list[str]:
    return [line for line in diff[side].splitlines() if line.endswith(ending)]


def of(rows: list[dict[str, Any]], dev: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["dev"] == dev]


@pytest.fixture
def cycling(monkeypatch) -> Iterator[None]:
    """Bridges take and release ports as bonds do, which this kernel may lack: while they are down."""
    assert bridge.KIND.ports
    ports = bridge.KIND.ports._replace(join_down=True)
    with monkeypatch.context() as patched:
        patched.setattr(bridge, "KIND", bridge.KIND._replace(ports=ports))
        kind_of.cache_clear()
        yield
    kind_of.cache_clear()


def reach(document: dict[str, Any], **more: Any) -> Any:
    """Reach a document; check mode shows the same, and a second run has nothing to do."""
    before = state()
    would = reconcile(parse_topology(document, **more), check=True)
    assert state() == before
    did = reconcile(parse_topology(document, **more))
    assert (would.diff, did.warnings) == (did.diff, would.warnings)
    with unchanged(""):
        assert not reconcile(parse_topology(document, **more)).changed
    return did


@pytest.mark.usefixtures("cycling", "host")
def test_a_link_that_is_down_for_a_moment() -> None:
    before = state()
    did = reach({"": {"links": [{"name": "br0", "kind": "bridge", "ports": ["nic0"]}]}})
    after = state()
    assert of(after["addresses"], "nic0") == of(before["addresses"], "nic0")
    assert after["routes"] == before["routes"]
    assert after["nexthops"] == before["nexthops"]
    assert after["neighbours"] == before["neighbours"]
    restored = lines(did.diff, "after", " (restored)")
    assert len(restored) == len([line for line in THEIRS if not line.startswith("address add 1")]), "\n".join(restored)
    assert not lines(did.diff, "before", ")")


@pytest.mark.usefixtures("host")
def test_a_link_that_gets_another_mac_address() -> None:
    before = state()
    did = reach({"": {"links": [{"name": "nic0", "mac_address": "02:00:5e:00:00:55"}]}})
    assert state()["neighbours"] == before["neighbours"]
    assert len(lines(did.diff, "after", " (restored)")) == len([line for line in THEIRS if line.startswith("neigh")])


@pytest.mark.needs_kind("vrf")
@pytest.mark.usefixtures("host")
def test_a_port_of_a_vrf() -> None:
    """The kernel takes it down and up; its routes in other tables than the VRF's stay there."""
    before = state()
    did = reach({"": {"links": [{"name": "vrf0", "kind": "vrf", "table": 10, "ports": ["nic0"]}]}})
    # A route cannot have a source address of another table.
    lost = lines(did.diff, "before", " (lost: its source address 10.1.0.7 belongs to a VRF now)")
    assert [line.partition(" dev ")[0] for line in lost] == ["route default via 10.1.0.254"]
    after = state()
    assert of(after["addresses"], "nic0") == of(before["addresses"], "nic0")
    assert after["nexthops"] == before["nexthops"]


@pytest.mark.usefixtures("host")
def test_a_link_that_is_asked_to_be_down() -> None:
    did = reach({"": {"links": [{"name": "nic0", "admin_state": "down"}]}})
    lost = lines(did.diff, "before", " (lost: nic0 is down)")
    routes = [line for line in THEIRS if line.startswith("route")]
    assert len([line for line in lost if line.startswith("route")]) == len(routes), "\n".join(lost)
    assert (
        "route default via 10.1.0.254 dev nic0 proto dhcp src 10.1.0.7 metric 20 mtu lock 1400 advmss 1300"
        in "".join(lost)
    )
    assert {row["local"] for row in of(state()["addresses"], "nic0") if row["family"] == "inet"} == {
        "10.1.0.1", "10.1.0.7", "192.0.2.10"
    }  # fmt: skip


@pytest.mark.parametrize("option", [{"label": "nic0:x"}, {"noprefixroute": True}])
def test_an_address_that_is_made_again(option: dict[str, Any], ns) -> None:
    """It was the only one, so that the kernel deletes all IPv4 routes with it."""
    name = ns()
    with inside(name):
        ip_batch("", "link add nic0 type veth peer name far0", "link set far0 up", "link set nic0 up")
        ip_batch("", "address add 10.1.0.1/24 brd + dev nic0", "route add 10.9.0.0/16 dev nic0 proto bird src 10.1.0.1")
        ip_batch("", "route add 10.8.0.0/16 via 10.9.0.1 dev nic0 proto bird metric 5 onlink mtu 1400")
        before = state()
        did = reach({"": {"addresses": [{"dev": "nic0", "address": "10.1.0.1/24", **option}]}})
        assert state()["routes"] == before["routes"]
        (row,) = [row for row in of(state()["addresses"], "nic0") if row["family"] == "inet"]
        assert row["broadcast"] == "10.1.0.255"
        assert len(lines(did.diff, "after", " (restored)")) == 2


GROUPS = (
    "link add a0 type veth peer name a1", "link add b0 type veth peer name b1", "link set a0 up", "link set a1 up",
    "link set b0 up", "link set b1 up", "address add 10.1.0.1/24 dev a0", "address add 10.2.0.1/24 dev b0",
    "nexthop add id 12 via 10.1.0.9 dev a0", "nexthop add id 13 via 10.2.0.9 dev b0", "nexthop add id 20 group 12,3/13",
    "nexthop add id 21 group 12", "nexthop add id 30 group 12/13 type resilient buckets 32",
    "route add 10.9.0.0/16 nhid 20", "route add 10.8.0.0/16 nhid 21", "route add 10.7.0.0/16 nhid 30",
)  # fmt: skip
# What happens to the link of one member, and why that is lost.
ENDS = {
    "deleted": ({"name": "a0", "kind": "veth", "state": "absent"}, "a0 is not here any more"),
    "down": ({"name": "a0", "admin_state": "down"}, "a0 is down"),
    "unplugged": ({"name": "a1", "admin_state": "down"}, "the other end of a0 is down"),
}


@pytest.mark.parametrize(("link", "why"), ENDS.values(), ids=ENDS)
def test_a_group_of_nexthops_that_loses_a_member(link: dict[str, Any], why: str, ns) -> None:
    """It stays with the others, and so do the routes by it; it is lost with its last one."""
    with inside(ns()):
        ip_batch("", *GROUPS)
        did = reach({"": {"links": [link]}})
        there = {row["id"]: [one["id"] for one in row.get("group", ())] for row in ip_json("", "nexthop")}
        assert there == {13: [], 20: [13], 30: [13]}
        assert {row["dst"] for row in ip_json("", "route") if "nhid" in row} == {"10.9.0.0/16", "10.7.0.0/16"}
    before, after = (did.diff[side].splitlines() for side in ("before", "after"))
    hops = "nexthop via 10.1.0.9 dev a0 weight 3 nexthop via 10.2.0.9 dev b0"
    for line in (
        f"nexthop id 12 dev a0 (lost: {why})",
        "nexthop id 20 group 12,3/13 (lost: nexthop 12 is gone)",
        "nexthop id 21 group 12 (lost: nexthop 12 is gone)",
        f"route 10.9.0.0/16 proto boot {hops} (lost: nexthop 12 is gone)",
    ):
        assert line in before, "\n".join(before)
    assert [line for line in before if line.startswith("route 10.8.0.0/16 ") and " (lost: " in line]
    for line in (
        "nexthop id 20 group 13",
        "nexthop id 30 group 13",
        "route 10.9.0.0/16 via 10.2.0.9 dev b0 proto boot",
    ):
        assert line in after, "\n".join(after)
    assert not [line for line in after if "21" in line or "10.8.0.0" in line]


def test_a_group_of_nexthops_whose_member_comes_back(ns) -> None:
    """The other end of its link gets another name, for which it is down."""
    with inside(ns()):
        ip_batch("", *GROUPS)
        before = state()["nexthops"], [row for row in state()["routes"] if "nhid" in row]
        did = reach({"": {"links": [{"name": "a0", "kind": "veth", "peer": {"name": "a9"}}]}})
        assert (state()["nexthops"], [row for row in state()["routes"] if "nhid" in row]) == before
    assert "nexthop id 30 group 12/13 (restored)" in did.diff["after"].splitlines()


def test_an_address_that_loses_the_route_to_its_subnet(ns) -> None:
    """It is deleted and made again, and then no route leads to the gateway."""
    name = ns()
    with inside(name):
        ip_batch("", "link add nic0 type veth peer name far0", "link set far0 up", "link set nic0 up")
        ip_batch("", "address add 10.1.0.1/24 dev nic0", "route add default via 10.1.0.9 proto dhcp")
        did = reach({"": {"addresses": [{"dev": "nic0", "address": "10.1.0.1/24", "noprefixroute": True}]}})
        told = "route default via 10.1.0.9 dev nic0 proto dhcp (lost: the gateway 10.1.0.9 is not reachable)"
        assert told in did.diff["before"].splitlines()
        assert "default" not in did.diff["after"] and not did.warnings
        assert not ip_json("", "route", "show", "default")


MULTIPATH = (
    "route add 10.8.0.0/16 proto bird nexthop via 10.99.0.1 dev nic0 onlink nexthop via 10.99.0.2 dev nic1 onlink",
    "route add 10.8.1.0/24 proto bird nexthop dev nic0 weight 3 nexthop dev nic1",
    "route add 10.8.2.0/24 proto 119 metric 7 nexthop via inet6 fe80::1 dev nic0 nexthop via 10.2.0.9 dev nic1",
    "route add 10.8.3.0/24 table 77 nexthop via 10.99.0.1 dev nic0 onlink nexthop via 10.99.0.2 dev nic1 onlink",
)
KEPT_DEAD = (
    # Its gateway is not reachable any more, its source is gone, or another interface is down.
    "route add 10.7.0.0/16 proto bird nexthop via 10.1.0.9 dev nic0 nexthop via 10.2.0.9 dev nic1",
    "route add 10.7.2.0/24 proto bird nexthop dev nic0 nexthop dev nic1 nexthop dev nic2",
)


@pytest.mark.parametrize("way", ["purge", "absent", "label"])
def test_hops_of_an_interface_without_addresses(way: str, ns) -> None:
    """The kernel marks them as dead, and a route that replaces theirs stays so."""
    with inside(ns()):
        for name in ("nic0", "nic1", "nic2"):
            ip_batch("", f"link add {name} type veth peer name far{name}")
            ip_batch("", f"link set far{name} up", f"link set {name} up")
        ip_batch("", "address add 10.1.0.1/24 dev nic0", "address add 10.2.0.1/24 dev nic1", *MULTIPATH, *KEPT_DEAD)
        ip_batch("", "link set nic2 down")
        before = routes_of_several_hops()
        if way == "purge":
            reach({"": {"links": [{"name": "nic0", "addresses": [], "purge_addresses": True}]}})
        elif way == "absent":
            assert reconcile(parse_topology(NIC0, absent=True)).changed
        else:
            reach({"": {"addresses": [{"dev": "nic0", "address": "10.1.0.1/24", "label": "nic0:x"}]}})
        after = routes_of_several_hops()
        if way == "label":
            assert after == before
            return
        dead = {dst for dst, hops in after.items() for hop in hops if hop["dev"] == "nic0" and "dead" in hop["flags"]}
        assert dead == {"10.7.0.0/16", "10.7.2.0/24"} and after.keys() == before.keys()
        assert all(after[dst] == before[dst] for dst in after.keys() - dead)


NIC0 = {"": {"addresses": [{"dev": "nic0", "address": "10.1.0.1/24"}]}}


def routes_of_several_hops() -> dict[str, list[dict[str, Any]]]:
    rows = ip_json("", "route", "show", "table", "all")
    return {row["dst"]: row["nexthops"] for row in rows if "nexthops" in row}


def test_a_route_that_the_kernel_changes_is_not_lost(ns) -> None:
    """An IPv6 route with the MTU of its interface follows it; what the document asks for is set again."""
    with inside(ns()):
        ip_batch("", "link add nic0 mtu 1400 type veth peer name far0", "link set far0 up", "link set nic0 up")
        ip_batch("", "address add 10.1.0.1/24 dev nic0")
        ip_batch("", "route add fd00:8::/64 via fe80::a dev nic0 proto 119 mtu 1400")
        links = [{"name": "nic0", "mtu": 1450, "addresses": [], "purge_addresses": True}]
        reach({"": {"links": links, "routes": [{"dst": "fd00:8::/64", "via": "fe80::a", "dev": "nic0", "mtu": 1400}]}})
        (route,) = ip_json("", "-6", "route", "show", "fd00:8::/64")
        assert route["metrics"] == [{"mtu": 1400}]


WITH_A_SOURCE = (
    "route add fd21::/64 via fd01::9 dev nic0 src fd50::1 proto bird",
    "route add fd22::/64 via fd01::9 dev nic0 src fd50::1 proto 119 metric 7 mtu 1400",
    "route add fd23::/64 src fd50::1 nexthop via fd01::9 dev nic0 weight 2 nexthop via fd50::9 dev nic1",
    "route add fd24::/64 dev nic0 src fd50::1 table 77",
    "route add fd25::/64 dev nic1 metric 1024",  # it has no src, and stays where it is
    "route append fd25::/64 dev nic0 src fd50::1 metric 1024",
)


@pytest.mark.parametrize("way", ["prefix", "absent", "listed"])
def test_ipv6_routes_whose_source_address_is_made_again(way: str, ns) -> None:
    """The kernel keeps such a route, and takes its source away."""
    with inside(ns()):
        for number in (0, 1):
            ip_batch("", f"link add nic{number} type veth peer name far{number}")
            ip_batch("", f"link set far{number} up", f"link set nic{number} up")
        ip_batch("", "address add fd01::1/64 dev nic0 nodad", "address add fd50::1/64 dev nic1 nodad", *WITH_A_SOURCE)
        before = state()["routes"]
        if way == "absent":
            gone = {"": {"addresses": [{"dev": "nic1", "address": "fd50::1/64"}]}}
            did = reconcile(parse_topology(gone, absent=True))
            assert len(lines(did.diff, "before", ", and the route stays without it)")) == 5, did.diff
            assert "fd50::1" in str(before) and "fd50::1" not in str(state()["routes"])
            return
        document: dict[str, Any] = {"links": [{"name": "nic1", "addresses": ["fd50::1/48"], "purge_addresses": True}]}
        if way == "listed":
            document["routes"] = [{"dst": "fd22::/64", "via": "fd01::9", "metric": 7, "src": "fd50::1"}]
        did = reach({"": document})
        assert state()["routes"] == before
        assert len(lines(did.diff, "after", " (restored)")) == (4 if way == "listed" else 5), did.diff


@pytest.mark.usefixtures("host")
def test_routes_of_an_address_that_goes() -> None:
    did = reach({"": {"addresses": [{"dev": "nic0", "address": "10.1.0.7/24"}]}}, absent=True)
    (line,) = lines(did.diff, "before", " (lost: 10.1.0.7 is no address of this host any more)")
    assert line.startswith("route default via 10.1.0.254 ")


def test_an_interface_that_a_container_takes(host: str, ns) -> None:
    """Its addresses and routes stay nowhere, and each is shown."""
    pod = ns()
    document = {pod: {"links": [{"name": "eth0", "origin": {"name": "nic0"}}]}}
    did = reconcile(parse_topology(document))
    lost = lines(did.diff, "before", " (lost: nic0 is not here any more)")
    assert "address nic0 10.1.0.7/24 label nic0:dhcp dynamic (lost: nic0 is not here any more)" in lost
    assert len(lost) == len(THEIRS) - 2 and len(lines(did.diff, "before", " is gone)")) == 2, "\n".join(lost)


REFUSED = [{"dst": "10.99.0.0/16", "via": "10.77.0.1", "dev": "up0"}]  # the plan does not see who is reachable


@pytest.mark.parametrize("kind", ["bridge", pytest.param("bond", marks=pytest.mark.needs_kind("bond"))])
def test_whatever_fails_the_host_is_as_before(kind: str, host: str, monkeypatch) -> None:
    monkeypatch.setattr(lifeline, "session", lambda: None)
    before = state()
    links = [
        {"name": "up0", "kind": kind, "ports": ["nic0"], "addresses": ["10.1.0.1/24"]},
        {"name": "nic0", "addresses": ["10.1.0.7/24"], "purge_addresses": True},
    ]
    default = [{"dst": "default", "via": "10.1.0.254", "dev": "up0", "metric": 20}]
    with pytest.raises(FabricError) as failed:
        reconcile(parse_topology({"": {"links": links, "routes": [*default, *REFUSED]}}, purge=True))
    assert str(failed.value).endswith("; the interfaces are as they were before")
    after = state()
    known = [{**row, "address": None} if "peer" in row else row for row in before["addresses"]]
    assert sorted(map(str, of(after["addresses"], "nic0"))) == sorted(map(str, of(known, "nic0")))
    for part in ("routes", "nexthops", "neighbours"):
        assert after[part] == before[part]


def test_whatever_fails_a_pair_to_a_pod_is_as_before(ns, monkeypatch) -> None:
    """Its other end is in a namespace that the way back says nothing of."""
    monkeypatch.setattr(lifeline, "session", lambda: None)
    name, pod = ns(), ns()
    with inside(name):
        ip_batch("", "link add nic0 type veth peer name far0", f"link add v0 type veth peer name e0 netns {pod}")
        ip_batch("", "link set nic0 up", "link set v0 up")
        before = [ip_json(place, "link") for place in (name, pod)]
        pair = {"name": "v0", "kind": "veth", "peer": {"name": "e0", "netns": pod, "admin_state": "down"}, "mtu": 1400}
        links = [{"name": "up0", "kind": "bridge", "ports": ["nic0"]}, pair]
        with pytest.raises(FabricError, match="; the interfaces are as they were before"):
            reconcile(parse_topology({"": {"links": links, "routes": REFUSED}}))
        assert [ip_json(place, "link") for place in (name, pod)] == before


def test_an_interface_with_a_peer_is_put_into_a_bridge(ns, monkeypatch) -> None:
    """C1: an address with a peer, by which the default route leads."""
    monkeypatch.setattr(lifeline, "session", lambda: None)
    name = ns()
    with inside(name):
        ip_batch("", "link add nic0 type veth peer name far0", "link set far0 up", "link set nic0 up")
        ip_batch("", "address add 192.0.2.10 peer 192.0.2.1/32 dev nic0", "route add default via 192.0.2.1 dev nic0")
        address = {"address": "192.0.2.10/32", "peer": "192.0.2.1"}
        links = [
            {"name": "br0", "kind": "bridge", "ports": ["nic0"], "addresses": [address]},
            {"name": "nic0", "addresses": [], "purge_addresses": True},
        ]
        did = reach(
            {"": {"links": links, "routes": [{"dst": "default", "via": "192.0.2.1", "dev": "br0"}]}}, purge=True
        )
        assert ip("", "route").splitlines()[0].startswith("default via 192.0.2.1 dev br0 proto 119")
        assert did.warnings == []


def test_a_bridge_whose_interface_moves(ns, monkeypatch) -> None:
    """C4: routes of others on it stay while they lead somewhere; the others are shown before."""
    monkeypatch.setattr(lifeline, "session", lambda: None)
    name = ns()
    with inside(name):
        ip_batch("", "link add br0 type bridge", "link add nic0 type veth peer name far0")
        ip_batch("", *(f"link set {link} up" for link in ("br0", "nic0", "far0")), "link set nic0 master br0")
        ip_batch("", "address add 10.1.0.1/24 dev br0", "address add 10.2.0.1/24 dev far0")
        ip_batch("", "route add 10.8.0.0/16 dev br0 proto bird")
        ip_batch("", "route add 10.9.0.0/16 via 10.1.0.254 proto bird mtu 1400")
        ip_batch("", "route add 10.7.0.0/16 proto bird nexthop via 10.1.0.254 nexthop via 10.2.0.254")
        links = [
            {"name": "br0", "kind": "bridge", "addresses": [], "purge_addresses": True},
            {"name": "br1", "kind": "bridge", "ports": ["nic0"], "addresses": ["10.1.0.1/24"]},
            {"name": "nic0", "controller": "br1"},
        ]
        with pytest.raises(FabricError, match="take it out there first"):
            reconcile(parse_topology({"": {"links": links}}))
        ip("", "link", "set", "nic0", "nomaster")
        did = reach({"": {"links": links}})
        assert "route 10.8.0.0/16 dev br0 proto bird (restored)" in did.diff["after"].splitlines()
        (line,) = lines(did.diff, "before", " (lost: the gateway 10.1.0.254 is not reachable)")
        assert line.startswith("route 10.9.0.0/16 via 10.1.0.254 dev br0 proto bird mtu 1400")
        routes = [route for route in ip_json("", "route") if route["protocol"] == "bird"]
        found = {route["dst"]: len(route.get("nexthops", "1")) for route in routes}
        assert found == {"10.8.0.0/16": 1, "10.7.0.0/16": 2}


def test_a_link_that_is_made_again(ns) -> None:
    """A20: it keeps its port, MAC address, MTU, addresses and routes of others, as far as the new one can have them."""
    name = ns()
    with inside(name):
        ip_batch(
            "",
            "link add br0 type bridge",
            "link set br0 up",
            "link add vx0 address 02:00:5e:00:00:77 mtu 1400 type vxlan id 10 dstport 4789 local 192.0.2.1",
            "link set vx0 master br0",
            "link set vx0 alias uplink txqueuelen 77",
            "link property add dev vx0 altname overlay-of-somebody",
            "link set vx0 up",
            "address add 10.5.0.1/24 brd + dev vx0 metric 5",
            "address add fd05::1/64 dev vx0 nodad valid_lft 3000 preferred_lft 2000",
            "route add 10.6.0.0/16 via 10.5.0.9 dev vx0 proto bird mtu 1300",
            "route add fd06::/48 via fd05::9 dev vx0 proto bird",
        )
        before, index = state(), ip_json("", "link", "show", "vx0")[0]["ifindex"]
        link = {"name": "vx0", "kind": "vxlan", "vni": 11, "port": 4789, "recreate": True}
        did = reach({"": {"links": [link]}})
        (now,) = ip_json("", "link", "show", "vx0")
        assert now["ifindex"] != index and now["linkinfo"]["info_data"]["id"] == 11
        assert (now["master"], now["address"], now["mtu"]) == ("br0", "02:00:5e:00:00:77", 1400)
        assert (now["ifalias"], now["txqlen"], now["altnames"]) == ("uplink", 77, ["overlay-of-somebody"])
        assert (of(state()["addresses"], "vx0"), state()["routes"]) == (
            of(before["addresses"], "vx0"),
            before["routes"],
        )
        assert len(lines(did.diff, "after", " (restored)")) == 4


def test_an_mtu_below_that_of_ipv6(host: str, run_module) -> None:
    with unchanged(host):
        done = run_module("veth", netns=host, name="nic0", mtu=1000)
    assert "mtu: 1000 is refused: nic0 has fd00:" in done["msg"] and "\n" not in done["msg"]
    assert "IPv6 needs at least 1280 bytes: remove the address first" in done["msg"]
    ip(host, "-6", "address", "flush", "dev", "nic0", "scope", "global")
    done = run_module("veth", netns=host, name="nic0", mtu=1000)
    assert (
        "route fd00:7::/48 dev nic0" in done["diff"]["before"] and "(lost: IPv6 needs an MTU" in done["diff"]["before"]
    )


@settings(max_examples=10)
@given(st.sets(st.sampled_from(THEIRS), min_size=1), st.sampled_from(["port", "again"]))
def test_random_states_of_others_survive(chosen: set[str], way: str) -> None:
    """Whatever others have made: after a change of something else, each object is as before, or the diff shows it."""
    ports = bridge.KIND.ports._replace(join_down=True) if bridge.KIND.ports else None
    with new_namespace() as name, inside(name), pytest.MonkeyPatch.context() as patched:
        patched.setattr(bridge, "KIND", bridge.KIND._replace(ports=ports))
        kind_of.cache_clear()
        kind = "type vxlan id 10 dstport 4789" if way == "again" else "type veth peer name far0"
        ip_batch("", f"link add nic0 {kind}", *(["link set far0 up"] if way == "port" else []), "link set nic0 up")
        made = [line for line in THEIRS if line in chosen and succeeds(line)]
        before = state()
        document = {"links": [{"name": "br0", "kind": "bridge", "ports": ["nic0"]}]}
        if way == "again":
            document = {"links": [{"name": "nic0", "kind": "vxlan", "vni": 11, "port": 4789, "recreate": True}]}
        did = reconcile(parse_topology({"": document}))
        after = state()
        assert without_own(after["addresses"]) == without_own(before["addresses"]), made
        for part in ("routes", "nexthops", "neighbours"):
            assert after[part] == before[part], (made, did.diff)
        assert not lines(did.diff, "before", ")") and not did.warnings
    kind_of.cache_clear()


def succeeds(line: str) -> bool:
    return subprocess.run(["ip", *line.split()], capture_output=True, check=False).returncode == 0


def without_own(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Addresses of nic0 without the link-local one that the kernel derives."""
    return [row for row in of(rows, "nic0") if row["local"] == "fe80::1" or not row["local"].startswith("fe80:")]


def test_a_namespace_that_is_given_by_its_path_is_looked_at_again(ns) -> None:
    path = f"/run/netns/{ns()}"
    with Kernel() as kernel:
        assert [*Keeper(kernel, {path}).losses_now()] == [path]
