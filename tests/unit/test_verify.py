# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof: what is probed, how it is shown, and which layer a failure is put down to."""

from __future__ import annotations

import copy
import importlib
import json
import pathlib
import re
from xml.etree import ElementTree

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.filter._roles import FilterModule
from ansible_collections.weft.fabric.plugins.filter.overlay_plan import overlay_plan
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import checks, scope
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.verdict import verdicts
from ansible_collections.weft.fabric.tests.overlays import overlays_of, planned

NODES = {
    "network-1": {"number": 0, "address": "192.168.1.138"},
    "network-2": {"number": 1, "address": "192.168.2.142"},
}


OVERLAYS = overlays_of(NODES)
PLAN = overlay_plan(NODES, "172.2.0.0/16", 10)
PODS = {
    "network-1": [{"name": "pod1", "address": "172.2.0.2"}],
    "network-2": [{"name": "pod2", "address": "172.2.1.2"}],
}
MTUS = {"network-1": 1500, "network-2": 1500}
MACS = {name: node["mac_address"] for name, node in PLAN.items()}

FILTERS = FilterModule().filters()
report, targets = FILTERS["_verify_report"], FILTERS["_verify_targets"]


def result(target, source="172.2.0.2", **other):
    """What weft.fabric.reachability returns for a target that answers."""
    return {
        "name": target["name"],
        "address": target["address"],
        "netns": target.get("netns", ""),
        "source": source,
        "reachable": True,
        "error": None,
        "loss": 0.0,
        "sent": 3,
        "received": 3,
        "rtt": {"min": 0.1, "avg": 0.1234, "max": 0.2},
        "ttl": 62,
        "pmtu": 1450,
        "pmtu_black_hole": False,
        "tcp": None,
        "http": {"status": 200, "source": source} if "url" in target else None,
        **other,
    }


DEAF = {
    "reachable": False,
    "error": "icmp: no reply",
    "received": 0,
    "loss": 100.0,
    "rtt": None,
    "ttl": None,
    "pmtu": None,
    "http": None,
}


def results():
    return {host: [result(target) for target in targets(OVERLAYS, host, PODS, 8000)] for host in NODES}


def fail(measured, host, to, netns="", **other):
    """Make one probe fail; DEAF if nothing else is said."""
    (index,) = [i for i, probe in enumerate(measured[host]) if (probe["name"], probe["netns"]) == (to, netns)]
    measured[host][index] |= other or DEAF


def state_of(host, peer):
    """A host as it ought to be, as weft.fabric.topology_info returns it."""
    pod, node, other = PODS[host][0], PLAN[host], PLAN[peer]["peer"]
    return {
        "": {
            "links": [
                {"name": "vxlan0", "kind": "vxlan", "admin_state": "up", "mac_address": MACS[host]},
                {"name": "br0", "kind": "bridge", "admin_state": "up"},
            ],
            "addresses": [
                {"dev": "vxlan0", "address": node["networks"][0]["vtep_cidr"]},
                {"dev": "br0", "address": node["networks"][0]["gateway_cidr"]},
            ],
            **other,
        },
        pod["name"]: {
            "links": [{"name": "eth0", "kind": "veth", "admin_state": "up"}],
            "addresses": [{"dev": "eth0", "address": f"{pod['address']}/24"}],
            "routes": [{"dst": "0.0.0.0/0", "via": node["networks"][0]["gateway"], "dev": "eth0"}],
        },
    }


STATES = {"network-1": state_of("network-1", "network-2"), "network-2": state_of("network-2", "network-1")}


def test_what_a_node_probes():
    url = "http://172.2.{}.2:8000/echo"
    assert targets(OVERLAYS, "network-1", PODS, 8000) == [
        {"name": "network-2 underlay", "address": "192.168.2.142"},
        {"name": "network-2 VTEP", "address": "172.2.1.0"},
        {"name": "network-1/pod1", "address": "172.2.0.2", "url": url.format(0)},
        {"name": "network-2/pod2", "address": "172.2.1.2", "url": url.format(1)},
        {"name": "network-1 VTEP", "address": "172.2.0.0", "netns": "pod1"},
        {"name": "network-2 VTEP", "address": "172.2.1.0", "netns": "pod1"},
        {"name": "network-2/pod2", "address": "172.2.1.2", "netns": "pod1", "url": url.format(1)},
    ]


def test_a_pod_that_is_absent_is_neither_probed_nor_probes():
    gone = {**PODS, "network-1": [{"name": "pod1", "state": "absent"}]}
    assert [probe["name"] for probe in targets(OVERLAYS, "network-1", gone, 8000)] == [
        "network-2 underlay",
        "network-2 VTEP",
        "network-2/pod2",
    ]


def test_an_ipv6_pods_url():
    six = overlays_of({"a": {"number": 0, "address": "192.0.2.1"}}, cidr="fd00::/48")
    probes = targets(six, "a", {"a": [{"name": "p", "address": "fd00::2"}]}, 80)
    assert probes[0]["url"] == "http://[fd00::2]:80/echo"


DUAL = overlays_of(NODES, cidr=["172.2.0.0/16", "fd00::/48"])
DUAL_PODS = {
    "network-1": [{"name": "pod1", "address": ["172.2.0.2", "fd00::2"]}],
    "network-2": [{"name": "pod2", "address": ["fd00:0:0:1::2"]}],
}


def test_dual_stack_is_proved_in_both_families():
    probes = targets(DUAL, "network-1", DUAL_PODS, 8000)
    assert [(probe["name"], probe["address"]) for probe in probes if "netns" not in probe] == [
        ("network-2 underlay", "192.168.2.142"),
        ("network-2 VTEP 172.2.1.0", "172.2.1.0"),
        ("network-2 VTEP fd00:0:0:1::", "fd00:0:0:1::"),
        ("network-1/pod1 172.2.0.2", "172.2.0.2"),
        ("network-1/pod1 fd00::2", "fd00::2"),
        ("network-2/pod2", "fd00:0:0:1::2"),
    ]
    assert len({(probe.get("netns"), probe["name"]) for probe in probes}) == len(probes)


def test_a_pod_is_held_to_the_families_that_it_has():
    probes = targets(DUAL, "network-2", DUAL_PODS, 8000)
    assert [probe["address"] for probe in probes if probe.get("netns") == "pod2"] == [
        "fd00::",
        "fd00:0:0:1::",
        "fd00::2",
    ]


def test_what_one_family_lacks_is_put_down_to_it():
    measured = {host: [result(target) for target in targets(DUAL, host, DUAL_PODS, 8000)] for host in NODES}
    fail(measured, "network-1", "network-2/pod2", "pod1")
    state = {
        "links": [{"name": "vxlan0", "kind": "vxlan", "admin_state": "up", "mac_address": MACS["network-1"]}],
        **overlay_plan(NODES, ["172.2.0.0/16", "fd00::/48"], 10)["network-2"]["peer"],
    }
    del state["routes"][0]  # that of IPv4, which IPv6 does not need
    del state["neighbours"][1]
    failures = report(measured, DUAL, DUAL_PODS, MTUS, {"network-1": {"": state}})["failures"]
    assert [line.split(": ", 2)[1:] for line in failures] == [
        ["neighbour", "network-1 lacks the neighbour entry to network-2 (dev vxlan0 dst fd00:0:0:1:: lladdr "
         f"{MACS['network-2']})"]
    ]  # fmt: skip


def test_a_pod_without_an_address_is_named():
    with pytest.raises(AnsibleFilterError, match=r"network-2: pods_pods\[0\]\.address: None is refused"):
        targets(OVERLAYS, "network-1", {**PODS, "network-2": [{"name": "pod2"}]}, 8000)


def test_the_table_of_a_fabric_that_works():
    shown = report(results(), OVERLAYS, PODS, MTUS)
    assert shown["failures"] == []
    assert shown["lines"][0].split("  ")[0] == "from"
    assert shown["lines"][7] == (
        "network-1/pod1  network-2/pod2 172.2.1.2           0.123   62  1450   200  172.2.0.2    ok"
    )
    assert shown["lines"][-1] == "14 of 14 pairs hold, 0 fail"
    assert len({line.index("ok") for line in shown["lines"][1:-1]}) == 1, "the columns are aligned"


def test_one_host_alone():
    shown = report({"network-1": results()["network-1"]}, OVERLAYS, PODS, {"network-1": 1500})
    assert shown["lines"][-1] == "7 of 7 pairs hold, 0 fail"


def test_the_other_end_is_not_in_the_run():
    measured = {"network-1": results()["network-1"]}
    for name in ("network-2 underlay", "network-2 VTEP", "network-2/pod2"):
        fail(measured, "network-1", name)
    fail(measured, "network-1", "network-2/pod2", "pod1", reachable=False, error="http: connection refused", http=None)
    mtus, states = {"network-1": 1500}, {"network-1": copy.deepcopy(STATES["network-1"])}
    shown = report(measured, OVERLAYS, PODS, mtus, states)
    assert shown["failures"] == []
    assert shown["lines"][1].endswith("unproved: underlay")
    assert shown["lines"][-1].startswith("3 of 7 pairs hold, 0 fail, 4 unproved: ")

    fail(
        measured,
        "network-1",
        "network-2 underlay",
        **result({"name": "network-2 underlay", "address": "192.168.2.142"}),
    )
    states["network-1"][""]["fdb"] = []
    layers = [line.split(": ")[1] for line in report(measured, OVERLAYS, PODS, mtus, states)["failures"]]
    assert layers == ["FDB", "FDB"], "what this side lacks is not put down to the other"


def only_failure(measured, states=None, mtus=None):
    shown = report(measured, OVERLAYS, PODS, mtus or MTUS, states or STATES)
    assert len(shown["failures"]) == 1, shown["failures"]
    (line,) = [line for line in shown["lines"] if "FAILED" in line]
    layer = line.split("FAILED: ")[1].split(",")[0]
    pair, told, cause = shown["failures"][0].split(": ", 2)
    assert told == layer
    return pair, layer, cause


def test_a_lost_packet_is_shown_and_does_not_fail():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", loss=33.3, received=2)
    shown = report(measured, OVERLAYS, PODS, MTUS)
    assert shown["failures"] == []
    assert any(line.endswith("ok, 33.3 % lost") for line in shown["lines"])


def test_http():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", "pod1", reachable=False, error="http: connection refused", http=None)
    assert only_failure(measured) == (
        "network-1/pod1 -> network-2/pod2 172.2.1.2",
        "HTTP",
        "http: connection refused",
    )


def test_nat():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", "pod1", http={"status": 200, "source": "192.168.1.138"})
    _pair, layer, cause = only_failure(measured)
    assert (layer, cause) == ("NAT", "sent from 172.2.0.2, but the server saw 192.168.1.138")


def test_mtu():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", pmtu=1400)
    assert only_failure(measured)[1:] == ("MTU", "packets beyond 1400 bytes do not arrive, the overlay's MTU is 1450")
    assert report(measured, OVERLAYS, PODS, {"network-2": 1450})["failures"] == [], "the smaller of the two ends counts"


def test_underlay():
    measured = results()
    fail(measured, "network-1", "network-2 underlay")
    assert only_failure(measured) == ("network-1 -> network-2 underlay 192.168.2.142", "underlay", "icmp: no reply")


@pytest.mark.parametrize("host", ["network-1", "network-2"])
def test_a_dead_underlay_is_behind_what_runs_over_it(host):
    measured = results()
    fail(measured, host, f"network-{3 - int(host[-1])} underlay")
    fail(measured, "network-1", "network-2/pod2", "pod1")
    layers = [line.split(": ")[1] for line in report(measured, OVERLAYS, PODS, MTUS, STATES)["failures"]]
    assert layers == ["underlay", "underlay"]


BROKEN = [
    ("no FDB entry", "network-1", "", "fdb", [], "FDB", ["network-1", MACS["network-2"], "192.168.2.142"]),
    (
        "an FDB entry to another host",
        "network-1",
        "",
        "fdb",
        [{"dev": "vxlan0", "lladdr": MACS["network-2"], "dst": "192.168.2.9"}],
        "FDB",
        ["network-1 lacks", "192.168.2.142"],
    ),
    ("no FDB entry on the way back", "network-2", "", "fdb", [], "FDB", ["network-2 lacks", MACS["network-1"]]),
    ("no neighbour", "network-1", "", "neighbours", [], "neighbour", ["network-1 lacks", "172.2.1.0"]),
    (
        "a neighbour's old MAC",
        "network-1",
        "",
        "neighbours",
        [{"dev": "vxlan0", "dst": "172.2.1.0", "lladdr": "02:00:00:00:00:01"}],
        "neighbour",
        [MACS["network-2"]],
    ),
    ("no route", "network-1", "", "routes", [], "route", ["network-1 lacks", "172.2.1.0/24"]),
    ("no device", "network-1", "", "links", [], "link", ["network-1", "vxlan0"]),
    (
        "a device that is down",
        "network-1",
        "",
        "links",
        [{"name": "vxlan0", "admin_state": "down", "mac_address": MACS["network-1"]}],
        "link",
        ["network-1", "vxlan0", "up"],
    ),
    (
        "another MAC, as udev gives",
        "network-2",
        "",
        "links",
        [{"name": "vxlan0", "admin_state": "up", "mac_address": "02:00:00:00:00:01"}],
        "link",
        ["02:00:00:00:00:01", MACS["network-2"]],
    ),
    ("no default route in the pod", "network-1", "pod1", "routes", [], "route", ["network-1/pod1", "172.2.0.1"]),
    ("no default route in the other pod", "network-2", "pod2", "routes", [], "route", ["network-2/pod2", "172.2.1.1"]),
    ("no interface in the pod", "network-1", "pod1", "links", [], "link", ["network-1/pod1", "172.2.0.2"]),
    ("no address in the pod", "network-2", "pod2", "addresses", [], "link", ["network-2/pod2", "172.2.1.2"]),
    (
        "no bridge",
        "network-1",
        "",
        "addresses",
        [{"dev": "vxlan0", "address": "172.2.0.0/32"}],
        "link",
        ["network-1", "interface", "172.2.0.1"],
    ),
]


@pytest.mark.parametrize(
    ("host", "netns", "section", "entries", "layer", "named"),
    [case[1:] for case in BROKEN],
    ids=[case[0] for case in BROKEN],
)
def test_the_layer_that_fails(host, netns, section, entries, layer, named):
    measured, states = results(), copy.deepcopy(STATES)
    fail(measured, "network-1", "network-2/pod2", "pod1")
    states[host][netns][section] = entries
    pair, told, cause = only_failure(measured, states)
    assert pair == "network-1/pod1 -> network-2/pod2 172.2.1.2"
    assert told == layer
    assert [part for part in named if part not in cause] == []


def test_a_namespace_that_is_gone():
    measured, states = results(), copy.deepcopy(STATES)
    fail(measured, "network-1", "network-2/pod2", "pod1")
    del states["network-2"]["pod2"]
    assert only_failure(measured, states)[1:] == ("link", "network-2 has no namespace pod2")


@pytest.mark.parametrize("states", [STATES, {}, {"network-1": STATES["network-1"]}])
def test_what_remains_is_forwarding(states):
    measured = results()
    fail(measured, "network-1", "network-2/pod2", "pod1")
    _pair, layer, cause = only_failure(measured, states)
    assert layer == "forwarding"
    assert "ip_forward" in cause
    assert "network-1 and network-2" in cause


def test_two_pods_of_one_host_need_no_tunnel():
    pods = {"network-1": [{"name": "a", "address": "172.2.0.2"}, {"name": "b", "address": "172.2.0.3"}]}
    measured = {"network-1": [result(target) for target in targets(OVERLAYS, "network-1", pods, 8000)]}
    fail(measured, "network-1", "network-1/b", "a")
    failures = report(measured, OVERLAYS, pods, MTUS, {"network-1": {"": {}, "a": {}, "b": {}}})["failures"]
    assert [line.split(": ")[1] for line in failures] == ["link"]


SEGMENT = {
    "a": {"number": 0, "address": "192.0.2.1/24", "dev": "eth0"},
    "b": {"number": 1, "address": "192.0.2.2/24", "dev": "eth0"},
}
SEGMENT_PODS = {
    "a": [{"name": "a1", "address": "172.2.0.2"}, {"name": "a2", "address": "10.0.0.2", "overlay": "blue"}],
    "b": [{"name": "b1", "address": "172.2.1.2"}, {"name": "b2", "address": "10.0.1.2", "overlay": "blue"}],
}
TWO = overlays_of(
    SEGMENT, {"name": "red"}, {"name": "blue", "cidr": "10.0.0.0/16", "vni": 20, "device": "vxlan1", "bridge": "br1"}
)


def test_pods_of_two_overlays_must_not_answer_each_other():
    probes = targets(TWO, "a", SEGMENT_PODS, 8000)
    assert [(probe.get("netns"), probe["name"]) for probe in probes if "port" in probe] == [
        ("a1", "a/a2"), ("a1", "b/b2"), ("a2", "a/a1"), ("a2", "b/b1"),
    ]  # fmt: skip
    assert [probe["name"] for probe in probes if probe.get("netns") == "a2" and "port" not in probe] == [
        "a VTEP", "b VTEP", "b/b2",
    ]  # fmt: skip
    assert [probe["name"] for probe in probes if "netns" not in probe] == [
        "b underlay",
        "b VTEP 172.2.1.0", "a/a1", "b/b1",
        "b VTEP 10.0.1.0", "a/a2", "b/b2",
    ]  # fmt: skip


def isolated_results(**answer):
    measured = {"a": [result(probe, tcp="timeout") for probe in targets(TWO, "a", SEGMENT_PODS, 8000)]}
    for name, netns in (("a/a2", "a1"), ("b/b2", "a1"), ("a/a1", "a2"), ("b/b1", "a2")):
        fail(measured, "a", name, netns)
    if answer:
        fail(measured, "a", "b/b2", "a1", **answer)
    return report(measured, TWO, SEGMENT_PODS, {"a": 1500}, {})


def test_silence_is_the_proof_of_isolation():
    shown = isolated_results()
    assert shown["failures"] == []
    (line,) = [line for line in shown["lines"] if line.startswith("a/a1") and "b/b2 10.0.1.2" in line]
    assert line.endswith("  isolated")


@pytest.mark.parametrize("answer", [{"received": 1, "loss": 66.7}, {"tcp": "open"}, {"tcp": "refused"}])
def test_an_answer_is_a_failure_of_isolation(answer):
    assert isolated_results(**answer)["failures"] == [
        "a/a1 -> b/b2 10.0.1.2: isolation: a pod of overlay blue answers a pod of another"
    ]


def test_direct_has_no_vteps_and_the_whole_mtu():
    direct = overlays_of(SEGMENT, mode="direct")
    pods = {host: [SEGMENT_PODS[host][0]] for host in SEGMENT}
    probes = targets(direct, "a", pods, 8000)
    assert [probe["name"] for probe in probes if "netns" not in probe] == ["b underlay", "a/a1", "b/b1"]
    measured = {"a": [result(probe) for probe in probes]}
    layers = [line.split(": ")[1] for line in report(measured, direct, pods, {"a": 1500}, {})["failures"]]
    assert layers == ["MTU"] * len([probe for probe in probes if "url" in probe])


def test_a_direct_route_that_is_missing_is_named():
    direct = overlays_of(SEGMENT, mode="direct")
    pods = {host: [SEGMENT_PODS[host][0]] for host in SEGMENT}
    measured = {"a": [result(probe, pmtu=1500) for probe in targets(direct, "a", pods, 8000)]}
    fail(measured, "a", "b/b1", "a1")
    shown = report(measured, direct, pods, {"a": 1500}, {"a": {"": {"routes": []}}})
    assert shown["failures"] == [
        "a/a1 -> b/b1 172.2.1.2: route: a lacks the route entry to b (dst 172.2.1.0/24 via 192.0.2.2 dev eth0)"
    ]


def ring(count):
    """The overlay and the pods of so many nodes, and what they measure when all is well."""
    names = [f"n{number:03}" for number in range(count)]
    nodes = {name: {"number": number, "address": f"192.0.2.{number}"} for number, name in enumerate(names, 1)}
    overlays = overlays_of(nodes, cidr="10.0.0.0/8")
    pods = {name: [{"name": "pod", "address": f"10.0.{number}.2"}] for number, name in enumerate(names, 1)}
    return names, overlays, pods


def measured_of(names, overlays, pods, scope):
    return {
        name: [result(probe, source="10.0.0.9") for probe in targets(overlays, name, pods, 8000, {}, scope)]
        for name in names
    }


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 20, 21, 250])
def test_a_sample_touches_each_node_both_ways_and_connects_all(count):
    names = [f"n{number}" for number in range(count)]
    chosen = {name: set(scope.peers(name, names, "sample")) for name in names}
    assert all(name in chosen[name] and len(chosen[name]) <= 5 for name in names)
    for name in names:
        assert chosen[name] == {other for other in names if name in chosen[other]}, "probed by those that it probes"
    reached, more = set(), {names[0]}
    while more:
        reached |= more
        more = {peer for name in more for peer in chosen[name]} - reached
    assert reached == set(names)


def test_few_nodes_are_all_probed_unless_a_sample_is_asked_for():
    few, many = [f"n{number}" for number in range(20)], [f"n{number}" for number in range(21)]
    assert scope.peers("n0", few, "auto") == few
    assert scope.peers("n0", few, "sample") == ["n0", "n1", "n10", "n19"]
    assert scope.peers("n0", many, "auto") == ["n0", "n1", "n10", "n11", "n20"]
    assert scope.peers("n0", many, "all") == many
    with pytest.raises(AnsibleFilterError, match=r"^verify_targets: verify_scope: 'some' .*auto, sample, all"):
        targets(OVERLAYS, "network-1", PODS, 8000, {}, "some")


def test_what_a_host_probes_of_a_sample_does_not_grow_with_the_nodes():
    for count in (30, 60):
        names, overlays, pods = ring(count)
        probes = targets(overlays, names[7], pods, 8000, {}, "auto")
        # Of three others underlay, VTEP and pod, and from the own pod VTEP and pod; of itself pod and VTEP.
        assert len(probes) == 3 * 5 + 2, count
        assert {probe["name"].split("/")[0].split()[0] for probe in probes} == {
            names[at] for at in (6, 7, 8, 7 + count // 2)
        }


def test_the_table_of_many_pairs_has_the_failures_the_slowest_and_percentiles():
    names, overlays, pods = ring(30)
    measured = measured_of(names, overlays, pods, "auto")
    for number, name in enumerate(names):
        for probe in measured[name]:
            probe["rtt"] = {"min": 0.1, "avg": 0.1 + number / 100, "max": 1}
    fail(measured, "n003", "n004 VTEP")
    shown = report(measured, overlays, pods, {}, {}, {}, "auto")
    lines = shown["lines"]
    assert len(lines) == 1 + 1 + 10 + 3
    assert lines[1].split()[-2:] == ["FAILED:", "forwarding"]
    assert [line.split()[0].split("/")[0] for line in lines[2:12]] == ["n029"] * 10
    assert lines[12:] == [
        "rtt ms of the 509 pairs that answer: 50 % within 0.250, 90 % within 0.370, 99 % within 0.390, "
        "100 % within 0.390; the 10 slowest are above",
        "a sample: each of 30 nodes probes 3 others; verify_scope=all is for all of them",
        "509 of 510 pairs hold, 1 fail",
    ]
    assert shown["suspects"] == ["n003", "n004"]
    assert len(shown["failures"]) == 1


def test_failures_beyond_a_hundred_are_counted():
    names, overlays, pods = ring(30)
    measured = {
        name: [{**probe, **DEAF} for probe in of_one]
        for name, of_one in measured_of(names, overlays, pods, "auto").items()
    }
    shown = report(measured, overlays, pods, {}, {}, {}, "auto")
    assert len(shown["failures"]) == 101
    assert shown["failures"][-1] == "and 410 more"
    assert len(shown["lines"]) == 1 + 100 + 2
    assert shown["lines"][-1] == "0 of 510 pairs hold, 510 fail"


def test_the_matrix_has_the_slowest_pair_of_two_nodes_or_what_fails():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", rtt={"min": 1, "avg": 7.5, "max": 9})
    fail(measured, "network-2", "network-1 VTEP")
    text = report(measured, OVERLAYS, PODS, MTUS)["matrix"]
    assert json.loads(text) == {
        "nodes": ["network-1", "network-2"],
        "cells": [[0.1234, 7.5], ["FAILED: forwarding", 0.1234]],
    }
    picture = FILTERS["_verify_picture"](text)
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "FAILED" in picture and "network-2" in picture


def test_the_matrix_of_a_sample_is_blank_where_nothing_was_probed():
    names, overlays, pods = ring(30)
    found = json.loads(report(measured_of(names, overlays, pods, "auto"), overlays, pods, {}, {}, {}, "auto")["matrix"])
    assert [name for name, cell in zip(names, found["cells"][0]) if cell is not None] == [
        "n000",
        "n001",
        "n015",
        "n029",
    ]


def test_a_host_without_a_state_is_not_taken_for_an_empty_one():
    measured = results()
    fail(measured, "network-1", "network-2/pod2")
    (failure,) = report(measured, OVERLAYS, PODS, MTUS, {"network-1": {}, "network-2": {}})["failures"]
    assert ": forwarding: " in failure


# -- each check is one record, and complete -------------------------------------------------------------

ROOT = pathlib.Path(__file__).parents[2]
FILES = {
    path.stem: path
    for path in (ROOT / "plugins" / "plugin_utils" / "proof" / "checks").glob("*.py")
    if re.search(r"^CHECK = ", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def broken(to, *edits, pods=PODS, netns="pod1", **answer):
    """A measurement in which one probe of the first node fails, and states with faults.

    :param edits: (host, namespace, section) without entries.
    """
    measured = {"network-1": [result(target) for target in targets(OVERLAYS, "network-1", pods, 8000)]}
    for probe in measured["network-1"]:
        if (probe["name"], probe["netns"]) == ("network-1 underlay", "alone"):
            probe.update(DEAF)  # as it must be
    fail(measured, "network-1", to, netns, **answer)
    states = copy.deepcopy(STATES)
    for host, place, section in edits:
        states[host][place][section] = []
    return measured, pods, states


NOTHING = {name: [{"name": "alone", "network": {"driver": "none"}}] for name in NODES}
EXPLAINED = {
    "underlay": lambda: broken("network-2 underlay", netns=""),
    "link": lambda: broken("network-2/pod2", ("network-1", "", "links")),
    "fdb": lambda: broken("network-2/pod2", ("network-2", "", "fdb")),
    "neighbour": lambda: broken("network-2/pod2", ("network-1", "", "neighbours")),
    "route": lambda: broken("network-2/pod2", ("network-1", "", "routes")),
    "pod_link": lambda: broken("network-2/pod2", ("network-2", "pod2", "addresses")),
    "pod_route": lambda: broken("network-2/pod2", ("network-1", "pod1", "routes")),
    "forwarding": lambda: broken("network-2/pod2"),
    "mtu": lambda: broken("network-2/pod2", pmtu=1400),
    "http": lambda: broken("network-2/pod2", reachable=False, error="http: 500"),
    "nat": lambda: broken("network-2/pod2", http={"status": 200, "source": "192.0.2.9"}),
    "isolation": lambda: broken("network-1 underlay", pods=NOTHING, netns="alone", received=3),
    "pod": lambda: broken("network-1/alone", pods=NOTHING, netns="alone"),
}


def test_the_list_names_all_files_of_the_folder():
    records = {name: importlib.import_module(f"{checks.__name__}.{name}").CHECK for name in FILES}
    assert {*records.values()} == {*checks.CHECKS}
    assert len(records) == len(checks.CHECKS)
    assert FILES.keys() == EXPLAINED.keys()


@pytest.mark.parametrize("name", FILES)
def test_a_check_finds_its_cause_and_no_lower_one_does(name):
    check = importlib.import_module(f"{checks.__name__}.{name}").CHECK
    measured, pods, states = EXPLAINED[name]()
    fabric = Fabric(planned(OVERLAYS), pods, {})
    (found,) = [item for item in verdicts(measured, fabric, MTUS, states, "all") if item.check]
    assert found.check is check, found
    shown = report({**measured, "network-2": []}, OVERLAYS, pods, MTUS, states)
    assert shown["remedies"] == [f"{check.layer}: {check.remedy}"]


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.layer)
def test_a_check_is_documented(check):
    readme = " ".join((ROOT / "roles" / "verify" / "README.md").read_text(encoding="utf-8").split())
    assert re.search(rf"\b{check.layer}\b", readme)
    assert check.remedy and "\n" not in check.remedy
