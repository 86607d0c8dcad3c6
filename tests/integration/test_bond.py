# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bonds: their life, modes and options; under traffic, failover and an aggregate with a peer."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, eventually, ip, ip_json, unchanged
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "bond": Case(
        "bond",
        prepare=(
            "ip -n HOST link add p0 type veth peer name q0",
            "ip -n HOST link add p1 type veth peer name q1",
            "ip -n HOST link set p1 up",  # as what is taken out of a bond stays; what a deleted one leaves is down
        ),
        create={
            "name": "bond0",
            "mode": "active-backup",
            "ports": ["p0", "p1"],
            "primary": "p1",
            "miimon": 100,
            "updelay": 200,
            "downdelay": 100,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        made={
            "HOST": {
                **link("bond0", "bond", 1500, MACS[1]),
                "addresses": [("bond0", "10.1.0.1/24"), ("bond0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "bond0",
            "mode": "802.3ad",
            "ports": ["p0"],
            "purge_ports": True,
            "lacp_rate": "fast",
            "ad_select": "count",
            "min_links": 1,
            "xmit_hash_policy": "layer3+4",
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "miimon": 50,
            "updelay": 0,
            "downdelay": 0,
        },
        changed={"HOST": link("bond0", "bond", 1500, MACS[1])},
        drift=(
            "ip -n HOST link set p0 nomaster",
            "ip -n HOST link set bond0 type bond miimon 30",
            "ip -n HOST link set bond0 type bond xmit_hash_policy layer2",
            "ip -n HOST link set bond0 down",
        ),
        missing=("name",),
        delete={"name": "bond0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)

needs_bond = pytest.mark.needs_kind("bond")

MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
# (option, mode, first value, second value, ip-link(8)'s name of it)
OPTIONS = (
    ("mode", "balance-rr", "active-backup", "802.3ad", "mode"),
    ("miimon", "active-backup", 100, 50, "miimon"),
    ("updelay", "active-backup", 100, 200, "updelay"),
    ("downdelay", "active-backup", 200, 100, "downdelay"),
    ("primary", "active-backup", "p0", "p1", "primary"),
    ("primary", "balance-tlb", "p0", "p1", "primary"),
    ("primary", "balance-alb", "p0", "p1", "primary"),
    ("lacp_rate", "802.3ad", "slow", "fast", "ad_lacp_rate"),
    ("ad_select", "802.3ad", "stable", "bandwidth", "ad_select"),
    ("ad_select", "802.3ad", "bandwidth", "count", "ad_select"),
    ("min_links", "802.3ad", 0, 2, "min_links"),
    ("xmit_hash_policy", "balance-xor", "layer2", "layer3+4", "xmit_hash_policy"),
    ("xmit_hash_policy", "802.3ad", "layer2+3", "encap2+3", "xmit_hash_policy"),
    ("xmit_hash_policy", "balance-tlb", "encap3+4", "vlan+srcmac", "xmit_hash_policy"),
)
# Those that a mode does not have.
FOREIGN = (
    ("lacp_rate", "fast", "active-backup"),
    ("ad_select", "count", "balance-xor"),
    # With 802.3ad, ports tell of LACP while nobody changes anything.
    ("primary", "p1", "balance-xor"),
)


def data(namespace: str) -> dict[str, Any]:
    """What iproute2 says of bond0's options."""
    found: dict[str, Any] = ip_json(namespace, "link", "show", "bond0")[0]["linkinfo"]["info_data"]
    return found


def ports(namespace: str) -> dict[str, dict[str, Any]]:
    """What iproute2 says of bond0's ports, by name."""
    rows = ip_json(namespace, "link", "show", "master", "bond0")
    return {row["ifname"]: row["linkinfo"]["info_slave_data"] for row in rows}


@pytest.fixture
def pair(ns) -> tuple[str, str]:
    """Two namespaces and two cables between them: p0 and p1 in the first, q0 and q1 in the second."""
    here, there = ns(), ns()
    for number in (0, 1):
        ip(here, "link", "add", f"p{number}", "type", "veth", "peer", "name", f"q{number}", "netns", there)
        ip(there, "link", "set", f"q{number}", "up")
    ip(here, "link", "set", "p0", "up")  # the kernel takes only what is down into a bond
    return here, there


@needs_bond
@pytest.mark.parametrize("mode", MODES)
def test_a_mode_by_name(mode: str, run_module, pair) -> None:
    here, _there = pair
    arguments = {"name": "bond0", "netns": here, "mode": mode, "ports": ["p0", "p1"]}
    made = run_module("bond", **arguments)
    assert (made["changed"], made["link"]["mode"], data(here)["mode"]) == (True, mode, mode)
    assert set(ports(here)) == {"p0", "p1"}
    with unchanged(here):
        assert not run_module("bond", **arguments)["changed"]


@needs_bond
@pytest.mark.parametrize(("option", "mode", "first", "second", "told"), OPTIONS)
def test_an_option_in_place(option: str, mode: str, first: Any, second: Any, told: str, run_module, pair) -> None:
    here, _there = pair
    arguments = {"name": "bond0", "netns": here, "mode": mode, "ports": ["p0", "p1"]}
    if option in ("updelay", "downdelay"):
        arguments["miimon"] = 100
    run_module("bond", **{**arguments, option: first})
    before = ip_json(here, "link", "show", "bond0")[0]["ifindex"]
    assert data(here).get(told) == first
    changed = run_module("bond", **{**arguments, option: second})
    assert (changed["changed"], changed["link"][option], data(here)[told]) == (True, second, second)
    row = ip_json(here, "link", "show", "bond0")[0]
    assert (row["ifindex"], "UP" in row["flags"], set(ports(here))) == (before, True, {"p0", "p1"})


@needs_bond
@pytest.mark.parametrize(("option", "value"), [("miimon", 100), ("mode", "802.3ad"), ("mode", "balance-alb")])
def test_monitoring_by_arp_is_not_ended_unseen(option: str, value: Any, run_module, pair) -> None:
    here, _there = pair
    words = ("mode", "active-backup", "arp_interval", "100", "arp_ip_target", "192.0.2.1")
    ip(here, "link", "add", "bond0", "type", "bond", *words)
    before = data(here)
    refused = run_module("bond", name="bond0", netns=here, **{option: value})
    assert refused["msg"] == (
        f"{option}: {value!r} is refused: "
        "the bond monitors its ports by ARP, which this would end: set its arp_interval to 0 first"
    )
    assert run_module("bond", name="bond0", netns=here, mode="balance-xor", min_links=1)["changed"]
    assert data(here)["arp_interval"] == before["arp_interval"] == 100
    with unchanged(here):
        assert not run_module("bond", name="bond0", netns=here, mode="balance-xor", miimon=0)["changed"]
    ip(here, "link", "set", "bond0", "type", "bond", "arp_interval", "0")
    assert run_module("bond", name="bond0", netns=here, **{option: value})["changed"]


@needs_bond
@pytest.mark.parametrize(("option", "value", "mode"), FOREIGN)
@pytest.mark.parametrize("named", [True, False])
def test_an_option_of_another_mode_is_refused(
    named: bool, option: str, value: str, mode: str, run_module, pair
) -> None:
    here, _there = pair
    run_module("bond", name="bond0", netns=here, mode=mode, ports=["p0", "p1"])
    with Monitor(here) as monitor:
        refused = run_module("bond", name="bond0", netns=here, **{option: value}, **({"mode": mode} if named else {}))
    assert refused["msg"].startswith(f"{option}: '{value}' is refused: mode {mode} has none: it is for ")
    assert monitor.changes == []


@needs_bond
def test_failover_under_a_running_ping(run_module, pair) -> None:
    here, there = pair
    made = run_module(
        "bond", name="bond0", netns=here, mode="active-backup", ports=["p0", "p1"], primary="p0", miimon=50,
        addresses=["10.1.0.1/24"],
    )  # fmt: skip
    assert made.rc == 0, made
    run_module("bridge", name="br0", netns=there, ports=["q0", "q1"], addresses=["10.1.0.2/24"])
    eventually(lambda: data(here)["active_slave"] == "p0")
    ping = ["ip", "netns", "exec", here, "ping", "-n", "-i", "0.1", "-c", "40", "-W", "1", "10.1.0.2"]
    with subprocess.Popen(ping, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = []
        for line in running.stdout:
            lines.append(line)
            if "icmp_seq=10 " in line:
                ip(there, "link", "set", "q0", "down")
    assert data(here)["active_slave"] == "p1"
    received = {int(line.partition("icmp_seq=")[2].split()[0]) for line in lines if "icmp_seq=" in line}
    assert 40 in received
    assert len(received) >= 38, "".join(lines)


def is_settled(port: dict[str, Any]) -> bool:
    """Whether both ends are aggregated, synchronized, collecting and distributing (IEEE 802.1AX, port states)."""
    return all(port[f"ad_{end}_oper_port_state"] & 0x3C == 0x3C for end in ("actor", "partner"))


@needs_bond
def test_an_aggregate_with_a_peer(run_module, pair) -> None:
    arguments = {"name": "bond0", "mode": "802.3ad", "lacp_rate": "fast", "miimon": 100}
    for namespace, names, address in zip(pair, (["p0", "p1"], ["q0", "q1"]), ("10.1.0.1/24", "10.1.0.2/24")):
        made = run_module("bond", netns=namespace, ports=names, addresses=[address], **arguments)
        assert made.rc == 0, made
    macs = [ip_json(namespace, "link", "show", "bond0")[0]["address"] for namespace in pair]
    for namespace, other in zip(pair, reversed(macs)):
        eventually(lambda ns=namespace, mac=other: data(ns)["ad_info"].get("partner_mac") == mac)
        eventually(lambda ns=namespace: data(ns)["ad_info"]["num_ports"] == 2)
        aggregator = data(namespace)["ad_info"]["aggregator"]
        assert {port["ad_aggregator_id"] for port in ports(namespace).values()} == {aggregator}
    # Each change of a port's state, its own and what it knows of its peer's, is an event (bond_3ad.c).
    for namespace in pair:
        eventually(lambda ns=namespace: all(map(is_settled, ports(ns).values())))
    here, there = pair
    ping = ["ip", "netns", "exec", here, "ping", "-n", "-c", "1", "-W", "1", "10.1.0.2"]

    def answered() -> bool:
        return subprocess.run(ping, capture_output=True, check=False).returncode == 0

    eventually(answered)
    with unchanged(*pair):
        assert not run_module("bond", netns=here, ports=["p0", "p1"], **arguments)["changed"]
    ip(there, "link", "set", "q0", "down")
    eventually(lambda: data(here)["ad_info"]["num_ports"] == 1)
    eventually(answered)


def told(done: Any, side: str) -> set[str]:
    """A diff without the namespaces."""
    return {line.partition(": ")[2] for line in done["diff"][side].splitlines()}


def reach(run_module: Any, here: str, **more: Any) -> Any:
    """Run in check mode, which shows what is then done, then run, and again, which changes nothing."""
    arguments = {"netns": here, "name": "bond0", **more}
    would = run_module("bond", check=True, **arguments)
    did = run_module("bond", **arguments)
    assert did.rc == 0, did
    assert (would["changed"], would["diff"]) == (True, did["diff"])
    with unchanged(here):
        assert not run_module("bond", **arguments)["changed"]
    return did


def link_of(namespace: str, name: str) -> dict[str, Any]:
    (row,) = ip_json(namespace, "link", "show", name)
    return row


@needs_bond
def test_the_mtu_of_a_bond_is_that_of_its_ports(run_module, pair) -> None:
    """What the kernel does to them by itself is in the diff, and undone when they leave."""
    here, _there = pair
    ip(here, "link", "set", "p0", "mtu", "9000")
    made = reach(run_module, here, mode="active-backup", ports=["p0", "p1"])
    assert "link p0 mtu 1500" in told(made, "after") and "link p0 mtu 9000" in told(made, "before")
    changed = reach(run_module, here, mtu=1400)
    assert told(changed, "after") == {"link bond0 mtu 1400", "link p0 mtu 1400", "link p1 mtu 1400"}
    assert {link_of(here, name)["mtu"] for name in ("bond0", "p0", "p1")} == {1400}
    left = run_module("bond", netns=here, name="bond0", ports=["p1"], purge_ports=True)
    assert left["changed"] and link_of(here, "p0")["mtu"] == 9000


@needs_bond
def test_a_port_with_an_mtu_of_its_own_is_refused(run_module, pair) -> None:
    here, _there = pair
    run_module("bond", netns=here, name="bond0", mtu=1400, ports=["p0"])
    with Monitor(here) as monitor:
        for name in ("p0", "p1"):
            refused = run_module(
                "topology", namespaces={here: {"links": [{"name": name, "controller": "bond0", "mtu": 1450}]}}
            )
            assert "which gives its own MTU of 1400 to its ports: give 1450 to bond0 instead" in refused["msg"]
    assert monitor.changes == []
    both = [{"name": "bond0", "kind": "bond", "mtu": 1450}, {"name": "p1", "controller": "bond0", "mtu": 1450}]
    assert run_module("topology", namespaces={here: {"links": both}})["changed"]
    with unchanged(here):
        assert not run_module("topology", namespaces={here: {"links": both}})["changed"]
    gone = {"name": "p1", "controller": "", "mtu": 1300, "mac_address": MACS[5]}
    did = run_module("topology", namespaces={here: {"links": [gone]}})
    assert {"link p1 mtu 1300", f"link p1 mac_address {MACS[5]}"} <= told(did, "after")
    assert (link_of(here, "p1")["mtu"], link_of(here, "p1")["address"]) == (1300, MACS[5])


@needs_bond
@pytest.mark.parametrize("mode", ["802.3ad", "balance-tlb", "balance-alb"])
def test_a_mode_that_checks_the_carrier(mode: str, run_module, pair) -> None:
    """The kernel sets miimon to 100 with these modes, unless it is set (bond_option_mode_set)."""
    here, _there = pair
    run_module("bond", netns=here, name="bond0", mode="active-backup")
    changed = reach(run_module, here, mode=mode)
    assert {"link bond0 miimon 100", f"link bond0 mode {mode}"} == told(changed, "after")
    assert data(here)["miimon"] == 100
    without = reach(run_module, here, miimon=0)
    assert told(without, "after") == {"link bond0 miimon 0"}
    run_module("bond", netns=here, name="bond0", mode="active-backup")
    asked = reach(run_module, here, mode=mode, miimon=0)
    assert (told(asked, "after"), data(here)["miimon"]) == ({f"link bond0 mode {mode}"}, 0)
    run_module("bond", netns=here, name="bond0", state="absent")
    assert "miimon 100" in str(reach(run_module, here, mode=mode)["diff"])


@needs_bond
def test_delays_are_kept_when_the_interval_changes(run_module, pair) -> None:
    here, _there = pair
    run_module("bond", netns=here, name="bond0", mode="active-backup", miimon=100, updelay=200, downdelay=100)
    assert told(reach(run_module, here, miimon=50), "after") == {"link bond0 miimon 50"}
    assert [data(here)[name] for name in ("miimon", "updelay", "downdelay")] == [50, 200, 100]
    rounded = reach(run_module, here, miimon=30)
    assert told(rounded, "after") == {"link bond0 miimon 30", "link bond0 updelay 180", "link bond0 downdelay 90"}
    ended = reach(run_module, here, miimon=0, updelay=0)
    assert told(ended, "after") == {"link bond0 miimon 0", "link bond0 updelay 0", "link bond0 downdelay 0"}


@needs_bond
def test_the_validation_of_arp_stays_with_another_mode(run_module, pair) -> None:
    here, _there = pair
    words = ("mode", "active-backup", "arp_interval", "100", "arp_ip_target", "192.0.2.1", "arp_validate", "all")
    ip(here, "link", "add", "bond0", "type", "bond", *words)
    reach(run_module, here, mode="balance-xor")
    assert (data(here)["arp_interval"], data(here)["arp_validate"]) == (100, "all")


@needs_bond
def test_the_mac_addresses_of_ports_are_their_own(run_module, pair) -> None:
    """A port has its bond's, and gets its own back."""
    here, _there = pair
    links = [
        {"name": "bond0", "kind": "bond", "mode": "active-backup", "miimon": 50, "mac_address": MACS[1]},
        {"name": "p0", "controller": "bond0", "mac_address": MACS[2]},
        {"name": "p1", "controller": "bond0", "mac_address": MACS[3]},
    ]
    document = {here: {"links": links}}
    would = run_module("topology", namespaces=document, check=True)
    made = run_module("topology", namespaces=document)
    assert (made.rc, would["diff"]) == (0, made["diff"])
    assert {link_of(here, name)["address"] for name in ("bond0", "p0", "p1")} == {MACS[1]}
    with unchanged(here):
        assert not run_module("topology", namespaces=document)["changed"]
    links[1]["mac_address"] = MACS[4]
    assert run_module("topology", namespaces=document)["changed"]
    with unchanged(here):
        assert not run_module("topology", namespaces=document)["changed"]
    assert {link_of(here, name)["address"] for name in ("bond0", "p0", "p1")} == {MACS[1]}
    run_module("bond", netns=here, name="bond0", ports=["p1"], purge_ports=True)
    assert link_of(here, "p0")["address"] == MACS[4]


@needs_bond
@pytest.mark.parametrize("how", ["active", "follow"])
def test_mac_addresses_that_move_with_the_active_port_are_no_drift(how: str, run_module, pair) -> None:
    here, there = pair
    for name, mac in (("p0", MACS[1]), ("p1", MACS[2])):
        ip(here, "link", "set", name, "down", "address", mac)
    # It does not tell neighbours of its new port, because that is an event as well, some time later.
    options = ("mode", "active-backup", "miimon", "50", "fail_over_mac", how, "num_grat_arp", "0")
    ip(here, "link", "add", "bond0", "type", "bond", *options)
    for name in ("p0", "p1"):
        ip(here, "link", "set", name, "master", "bond0")
    ip(here, "link", "set", "bond0", "up")
    eventually(lambda: data(here).get("active_slave") == "p0")
    links = [
        {"name": "bond0", "kind": "bond", "mac_address": link_of(here, "bond0")["address"]},
        {"name": "p0", "mac_address": MACS[1]},
        {"name": "p1", "mac_address": MACS[2]},
    ]
    for gone, port, active in (("q0", "p0", "p1"), ("q1", "p1", "p0")):
        ip(there, "link", "set", gone, "down")
        eventually(lambda name=active: data(here).get("active_slave") == name)
        eventually(lambda name=active: link_of(here, name)["address"] == link_of(here, "bond0")["address"])
        with unchanged(here):
            assert not run_module("topology", namespaces={here: {"links": links}})["changed"]
        ip(there, "link", "set", gone, "up")
        eventually(lambda name=port: ports(here)[name]["mii_status"] == "UP")
    refused = run_module("bond", netns=here, name="bond0", mac_address=MACS[7])
    assert f"mac_address: {MACS[7]!r} is refused: bond0 has that of the port that is active" in refused["msg"]
