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
from ansible_collections.weft.fabric.plugins.module_utils.proof import checks
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Reported
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import run, scope
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
targets = FILTERS["_verify_targets"]

COUNTERS = {"vxlan0": {"received": 10, "sent": 10, "dropped": 0}}
"""Before the probes."""


def grown(received, sent, dropped=0, chains=(), forwarding=True):
    """What weft.fabric.obstacles_info returns after the probes.

    :param received: packets since before the probes; so ``sent`` and ``dropped``.
    :param chains: each ``family table chain hook``, and ``some`` if it drops not all packets.
    """
    split = [(text.split()[:4], "some" in text.split()) for text in chains]
    return {
        "counters": {"vxlan0": {"received": 10 + received, "sent": 10 + sent, "dropped": dropped}},
        "chains": [
            {**dict(zip(("family", "table", "chain", "hook"), words)), "all": not some} for words, some in split
        ],
        "forwarding": {"ipv4": forwarding, "ipv6": forwarding},
    }


def reported(measured, mtus=MTUS, states=(), obstacles=(), missing=()):
    """By host its variables, as the role verify registers them.

    :param missing: by host without results, its variables.
    """
    return {
        **{
            host: {
                "verify_probe": {"results": found, "counters": COUNTERS, "mtus": {"eth0": mtus.get(host, 0)}},
                "overlay_node": {"dev": "eth0"},
                "verify_obstacles": dict(obstacles).get(host, {"skipped": True}),
                "verify_state": {"namespaces": dict(states).get(host, {})},
            }
            for host, found in measured.items()
        },
        **dict(missing),
    }


def report(measured, overlays, pods, mtus, states=(), networks=None, scope="all", obstacles=(), missing=()):
    variables = reported(measured, mtus, states, obstacles, missing)
    return FILTERS["_verify_report"](variables, list(measured), list(dict(missing)), overlays, pods, networks, scope)


def files(measured, overlays, pods, scope="all", missing=()):
    """The files of a proof: their contents by name."""
    variables = reported(measured, missing=missing)
    return FILTERS["_verify_files"](variables, list(measured), list(dict(missing)), overlays, pods, {}, scope)


def headlines(shown):
    """The faults that a proof shows: a list of (layer, host, text)."""
    return [(fault["layer"], " and ".join(fault["hosts"]), fault["text"]) for fault in shown["faults"]]


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
    shown = report(measured, DUAL, DUAL_PODS, MTUS, {"network-1": {"": state}})
    assert headlines(shown) == [("neighbour", "network-1", "neighbour entries are missing")]
    assert shown["faults"][0]["details"] == [f"to network-2: dev vxlan0 dst fd00:0:0:1:: lladdr {MACS['network-2']}"]


def test_a_pod_without_an_address_is_named():
    with pytest.raises(AnsibleFilterError, match=r"network-2: pods_pods\[0\]\.address: None is refused"):
        targets(OVERLAYS, "network-1", {**PODS, "network-2": [{"name": "pod2"}]}, 8000)


def test_the_table_of_a_fabric_that_works():
    shown = report(results(), OVERLAYS, PODS, MTUS)
    assert shown["faults"] == []
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
    assert shown["faults"] == []
    assert shown["lines"][1].endswith("unproved: underlay")
    assert shown["lines"][-2:] == ["3 of 7 pairs hold, 0 fail", "4 pairs unproved: network-2 is not in this run"]

    fail(
        measured,
        "network-1",
        "network-2 underlay",
        **result({"name": "network-2 underlay", "address": "192.168.2.142"}),
    )
    states["network-1"][""]["fdb"] = []
    (fault,) = report(measured, OVERLAYS, PODS, mtus, states)["faults"]
    assert (fault["layer"], fault["hosts"], fault["pairs"]) == ("FDB", ["network-1"], 2), (
        "it is not put down to the other"
    )


def only_fault(measured, states=None, mtus=None):
    """The one fault that is found: its first pair, layer, hosts, and what is wrong there."""
    shown = report(measured, OVERLAYS, PODS, mtus or MTUS, states or STATES)
    (fault,) = shown["faults"]
    (line,) = [line for line in shown["lines"] if "FAILED" in line]
    assert line.split("FAILED: ")[1].split(",")[0] == fault["layer"]
    assert shown["culprits"] == fault["hosts"]
    return fault["example"], fault["layer"], fault["hosts"], ": ".join((fault["text"], *fault["details"]))


def test_a_lost_packet_is_shown_and_does_not_fail():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", loss=33.3, received=2)
    shown = report(measured, OVERLAYS, PODS, MTUS)
    assert shown["faults"] == []
    assert any(line.endswith("ok, 33.3 % lost") for line in shown["lines"])


def test_http():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", "pod1", reachable=False, error="http: connection refused", http=None)
    assert only_fault(measured) == (
        "network-1/pod1 -> network-2/pod2 172.2.1.2: http: connection refused",
        "HTTP",
        ["network-2"],
        "echo servers do not answer: pod2: http: connection refused",
    )


def test_nat():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", "pod1", http={"status": 200, "source": "192.168.1.138"})
    told = "source addresses are translated: sent from 172.2.0.2, but the server saw "
    assert only_fault(measured)[1:] == ("NAT", ["network-1"], f"{told}192.168.1.138")
    fail(measured, "network-1", "network-2/pod2", "pod1", http={"status": 200, "source": "172.2.1.1"})
    assert only_fault(measured)[1:] == ("NAT", ["network-2"], f"{told}172.2.1.1")
    fail(measured, "network-1", "network-2/pod2", "pod1", http={"status": 200, "source": "192.0.2.1"})
    assert only_fault(measured)[1:] == ("NAT", ["network-1", "network-2"], f"{told}192.0.2.1")


def test_mtu():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", pmtu=1400)
    text = "packets beyond 1400 bytes do not arrive, the overlay's MTU is 1450"
    assert only_fault(measured)[1:] == ("MTU", ["network-1", "network-2"], text)
    mtus = {"network-1": 1500, "network-2": 1450}
    assert report(measured, OVERLAYS, PODS, mtus)["faults"] == [], "the smaller of the two ends counts"
    states = copy.deepcopy(STATES)
    states["network-2"][""]["links"][0]["mtu"] = 1400
    assert only_fault(measured, states)[1:] == ("MTU", ["network-2"], "vxlan0 has MTU 1400, not 1450")


def test_underlay():
    measured = results()
    fail(measured, "network-1", "network-2 underlay")
    assert only_fault(measured) == (
        "network-1 -> network-2 underlay 192.168.2.142: icmp: no reply",
        "underlay",
        ["network-1", "network-2"],
        "no answer in the underlay: network-1 -> network-2 192.168.2.142: icmp: no reply",
    )


@pytest.mark.parametrize("host", ["network-1", "network-2"])
def test_a_dead_underlay_is_behind_what_runs_over_it(host):
    measured = results()
    fail(measured, host, f"network-{3 - int(host[-1])} underlay")
    fail(measured, "network-1", "network-2/pod2", "pod1")
    (fault,) = report(measured, OVERLAYS, PODS, MTUS, STATES)["faults"]
    assert (fault["layer"], fault["pairs"]) == ("underlay", 2)


BROKEN = [
    ("no FDB entry", "network-1", "", "fdb", [], "FDB", ["to network-2", MACS["network-2"], "192.168.2.142"]),
    (
        "an FDB entry to another host",
        "network-1",
        "",
        "fdb",
        [{"dev": "vxlan0", "lladdr": MACS["network-2"], "dst": "192.168.2.9"}],
        "FDB",
        ["missing", "192.168.2.142"],
    ),
    ("no FDB entry on the way back", "network-2", "", "fdb", [], "FDB", ["missing", MACS["network-1"]]),
    ("no neighbour", "network-1", "", "neighbours", [], "neighbour", ["missing", "172.2.1.0"]),
    (
        "a neighbour's old MAC",
        "network-1",
        "",
        "neighbours",
        [{"dev": "vxlan0", "dst": "172.2.1.0", "lladdr": "02:00:00:00:00:01"}],
        "neighbour",
        [MACS["network-2"]],
    ),
    ("no route", "network-1", "", "routes", [], "route", ["missing", "172.2.1.0/24"]),
    ("no device", "network-1", "", "links", [], "link", ["no vxlan0"]),
    (
        "a device that is down",
        "network-1",
        "",
        "links",
        [{"name": "vxlan0", "admin_state": "down", "mac_address": MACS["network-1"]}],
        "link",
        ["vxlan0", "up"],
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
    ("no default route in the pod", "network-1", "pod1", "routes", [], "route", ["pod1", "172.2.0.1"]),
    ("no default route in the other pod", "network-2", "pod2", "routes", [], "route", ["pod2", "172.2.1.1"]),
    ("no interface in the pod", "network-1", "pod1", "links", [], "link", ["pod1", "172.2.0.2"]),
    ("no address in the pod", "network-2", "pod2", "addresses", [], "link", ["pod2", "172.2.1.2"]),
    (
        "no bridge",
        "network-1",
        "",
        "addresses",
        [{"dev": "vxlan0", "address": "172.2.0.0/32"}],
        "link",
        ["interface", "172.2.0.1"],
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
    pair, told, hosts, cause = only_fault(measured, states)
    assert pair == "network-1/pod1 -> network-2/pod2 172.2.1.2: icmp: no reply"
    assert (told, hosts) == (layer, [host])
    assert [part for part in named if part not in cause] == []


def test_a_namespace_that_is_gone():
    measured, states = results(), copy.deepcopy(STATES)
    fail(measured, "network-1", "network-2/pod2", "pod1")
    del states["network-2"]["pod2"]
    assert only_fault(measured, states)[1:] == ("link", ["network-2"], "there is no namespace pod2")


@pytest.mark.parametrize("states", [STATES, {}, {"network-1": STATES["network-1"]}])
def test_what_remains_is_forwarding(states):
    measured = results()
    fail(measured, "network-1", "network-2/pod2", "pod1")
    _pair, layer, hosts, cause = only_fault(measured, states)
    assert (layer, hosts) == ("forwarding", ["network-1", "network-2"])
    assert cause == "packets do not get through, though links, entries and routes are as planned"


def test_two_pods_of_one_host_need_no_tunnel():
    pods = {"network-1": [{"name": "a", "address": "172.2.0.2"}, {"name": "b", "address": "172.2.0.3"}]}
    measured = {"network-1": [result(target) for target in targets(OVERLAYS, "network-1", pods, 8000)]}
    fail(measured, "network-1", "network-1/b", "a")
    shown = report(measured, OVERLAYS, pods, MTUS, {"network-1": {"": {}, "a": {}, "b": {}}})
    assert {(layer, host) for layer, host, _text in headlines(shown)} == {("link", "network-1")}


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
    measured = {
        "a": [
            result(probe, tcp="timeout" if "port" in probe else None) for probe in targets(TWO, "a", SEGMENT_PODS, 8000)
        ]
    }
    for name, netns in (("a/a2", "a1"), ("b/b2", "a1"), ("a/a1", "a2"), ("b/b1", "a2")):
        fail(measured, "a", name, netns)
    if answer:
        fail(measured, "a", "b/b2", "a1", **answer)
    return report(measured, TWO, SEGMENT_PODS, {"a": 1500}, {})


def test_silence_is_the_proof_of_isolation():
    shown = isolated_results()
    assert shown["faults"] == []
    (line,) = [line for line in shown["lines"] if line.startswith("a/a1") and "b/b2 10.0.1.2" in line]
    assert line.endswith("  isolated")


@pytest.mark.parametrize("answer", [{"received": 1, "loss": 66.7}, {"tcp": "open"}, {"tcp": "refused"}])
def test_an_answer_is_a_failure_of_isolation(answer):
    shown = isolated_results(**answer)
    assert headlines(shown) == [("isolation", "b", "pods of overlay blue answer pods of another")]
    assert (shown["faults"][0]["pairs"], shown["culprits"]) == (1, ["a"]), "b is not in the run"


def test_direct_has_no_vteps_and_the_whole_mtu():
    direct = overlays_of(SEGMENT, mode="direct")
    pods = {host: [SEGMENT_PODS[host][0]] for host in SEGMENT}
    probes = targets(direct, "a", pods, 8000)
    assert [probe["name"] for probe in probes if "netns" not in probe] == ["b underlay", "a/a1", "b/b1"]
    measured = {"a": [result(probe) for probe in probes]}
    found = report(measured, direct, pods, {"a": 1500}, {})["faults"]
    assert {fault["layer"] for fault in found} == {"MTU"}
    assert sum(fault["pairs"] for fault in found) == len([probe for probe in probes if "url" in probe])


def test_a_direct_route_that_is_missing_is_named():
    direct = overlays_of(SEGMENT, mode="direct")
    pods = {host: [SEGMENT_PODS[host][0]] for host in SEGMENT}
    measured = {"a": [result(probe, pmtu=1500) for probe in targets(direct, "a", pods, 8000)]}
    fail(measured, "a", "b/b1", "a1")
    shown = report(measured, direct, pods, {"a": 1500}, {"a": {"": {"routes": []}}})
    assert headlines(shown) == [("route", "a", "route entries are missing")]
    assert shown["faults"][0]["details"] == ["to b: dst 172.2.1.0/24 via 192.0.2.2 dev eth0"]


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
    table, about = lines[:15], lines[15:]
    assert lines[1].split()[-2:] == ["FAILED:", "forwarding"]
    assert [line.split()[0].split("/")[0] for line in lines[2:12]] == ["n029"] * 10
    assert table[12:] == [
        "rtt ms of the 509 pairs that answer: 50 % within 0.250, 90 % within 0.370, 99 % within 0.390, "
        "100 % within 0.390; the 10 slowest are above",
        "a sample: each of 30 nodes probes 3 others; verify_scope=all is for all of them",
        "509 of 510 pairs hold, 1 fail",
    ]
    assert shown["suspects"] == ["n003", "n004"]
    assert about == ["", *only_lines(shown)]


def only_lines(shown):
    """The lines about the one fault of a proof."""
    (fault,) = shown["faults"]
    return [
        f"{' and '.join(fault['hosts'])}: {fault['text']}",
        f"    layer:  {fault['layer']}",
        f"    fails:  {fault['example']}",
        f"    remedy: {fault['remedy']}",
    ]


def test_failures_beyond_a_hundred_are_counted():
    names, overlays, pods = ring(30)
    measured = {
        name: [{**probe, **DEAF} for probe in of_one]
        for name, of_one in measured_of(names, overlays, pods, "auto").items()
    }
    shown = report(measured, overlays, pods, {}, {}, {}, "auto")
    assert len([line for line in shown["lines"] if "FAILED" in line]) == 100
    assert shown["lines"][102] == "0 of 510 pairs hold, 510 fail"
    assert sum(fault["pairs"] for fault in shown["faults"]) == 510


def test_the_matrix_has_the_slowest_pair_of_two_nodes_or_what_fails():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", rtt={"min": 1, "avg": 7.5, "max": 9})
    fail(measured, "network-2", "network-1 VTEP")
    written = files(measured, OVERLAYS, PODS)
    assert json.loads(written["matrix.json"]) == {
        "nodes": ["network-1", "network-2"],
        "cells": [[0.1234, 7.5], ["FAILED: forwarding", 0.1234]],
    }
    picture = written["matrix.svg"]
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "FAILED" in picture and "network-2" in picture


def test_the_matrix_of_a_sample_is_blank_where_nothing_was_probed():
    names, overlays, pods = ring(30)
    found = json.loads(files(measured_of(names, overlays, pods, "auto"), overlays, pods, "auto")["matrix.json"])
    assert [name for name, cell in zip(names, found["cells"][0]) if cell is not None] == [
        "n000",
        "n001",
        "n015",
        "n029",
    ]


def test_the_files_have_every_pair_and_every_fault():
    measured = {"network-1": results()["network-1"]}
    fail(measured, "network-1", "network-2/pod2", reachable=False, error="http: status 500", http={"status": 500})
    gone = {"network-2": {"common_applied": {"unreachable": True}}}
    written = files(measured, OVERLAYS, PODS, missing=gone)
    proof = json.loads(written["proof.json"])
    assert {key: proof[key] for key in ("pairs", "hold", "fail", "unproved")} == {
        "pairs": 14, "hold": 6, "fail": 0, "unproved": 8,
    }  # fmt: skip
    assert proof["faults"] == [], "the server may be down with its host"
    (row,) = [row for row in proof["results"] if (row["from"], row["to"]) == ("network-1", "network-2/pod2")]
    assert (row["result"], row["error"], row["status"], row["rtt"]) == (
        "unproved: unreachable", "http: status 500", 500, 0.1234,
    )  # fmt: skip
    root = ElementTree.fromstring(written["junit.xml"])
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("skipped")) == ("testsuites", "14", "0", "8")
    assert [(suite.get("name"), suite.get("skipped")) for suite in root] == [("network-1", "1"), ("network-2", "7")]


def test_junit_names_the_layer_and_what_was_found():
    measured = results()
    fail(measured, "network-1", "network-2/pod2", "pod1", reachable=False, error="http: 5 < 6 & more", http=None)
    root = ElementTree.fromstring(files(measured, OVERLAYS, PODS)["junit.xml"])
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("14", "1", "0")
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("network-1", "6", "0"),
        ("network-2", "8", "1"),
    ], "a failure is booked on the culprit"
    (case,) = [case for case in root.iter("testcase") if len(case)]
    assert (case.get("classname"), case.get("name")) == (
        "weft.fabric.verify.network-1/pod1",
        "network-2/pod2 172.2.1.2",
    )
    assert (case[0].tag, case[0].get("type"), case[0].get("message")) == ("failure", "HTTP", "FAILED: HTTP")
    assert "network-2: echo servers do not answer: pod2: http: 5 < 6 & more" in (case[0].text or "")


def test_a_host_without_a_state_is_not_taken_for_an_empty_one():
    measured = results()
    fail(measured, "network-1", "network-2/pod2")
    (fault,) = report(measured, OVERLAYS, PODS, MTUS, {"network-1": {}, "network-2": {}})["faults"]
    assert fault["layer"] == "forwarding"


# -- faults ---------------------------------------------------------------------------------------------


def three(obstacles=(), missing=(), **failing):
    """The proof of three nodes in which probes fail.

    :param failing: by node, the names of targets that do not answer; ``NODE_pod`` is the node's pod.
    """
    names, overlays, pods = ring(3)
    measured = measured_of([name for name in names if name not in dict(missing)], overlays, pods, "all")
    for place, targets_of in failing.items():
        host, _line, pod = place.partition("_")
        for name in targets_of:
            fail(measured, host, name, pod)
    ready = {name: {} for name in names}
    return report(measured, overlays, pods, {}, ready, {}, "all", obstacles=obstacles, missing=missing)


def between(*pairs):
    """Both directions of tunnels that do not carry anything."""
    silent = {}
    for one, other in pairs:
        for near, far in ((one, other), (other, one)):
            silent.setdefault(near, []).extend([f"{far} VTEP", f"{far}/pod"])
            silent.setdefault(f"{near}_pod", []).extend([f"{far} VTEP", f"{far}/pod"])
    return silent


def test_a_filtered_udp_port_is_one_fault_of_the_node_that_hears_nothing():
    heard, deaf = grown(3, 9), grown(0, 9, chains=["inet guard input input some", "ip nat x postrouting"])
    shown = three({"n000": heard, "n001": deaf, "n002": heard}, **between(("n000", "n001"), ("n001", "n002")))
    assert headlines(shown) == [("encapsulation", "n001", "UDP 4789 does not arrive")]
    assert shown["faults"][0]["details"] == ["table inet guard, chain input, drops"]
    assert (shown["culprits"], shown["faults"][0]["pairs"]) == (["n001"], 16)
    assert "\n".join(shown["lines"]).count("n001: UDP 4789 does not arrive") == 1


def test_a_port_that_is_filtered_for_some_nodes_is_put_down_to_the_node_that_all_pairs_share():
    heard = grown(3, 9)
    shown = three(dict.fromkeys(("n000", "n001", "n002"), heard), **between(("n000", "n001"), ("n001", "n002")))
    assert headlines(shown) == [("encapsulation", "n001", "UDP 4789 does not arrive")]
    shown = three(dict.fromkeys(("n000", "n001", "n002"), heard), **between(("n000", "n001")))
    assert headlines(shown) == [("encapsulation", "n000 and n001", "UDP 4789 does not arrive")]


def test_a_port_that_is_filtered_on_the_way_out_is_not_sent():
    heard, stopped = grown(3, 9), grown(3, 0, dropped=9, chains=["inet guard output output"])
    shown = three({"n000": heard, "n001": stopped, "n002": heard}, **between(("n000", "n001"), ("n001", "n002")))
    assert headlines(shown) == [("encapsulation", "n001", "UDP 4789 is not sent")]
    assert shown["faults"][0]["details"] == ["table inet guard, chain output, drops"]


# All that is forwarded by the second node.
BEHIND = {
    "n000": ["n001/pod"], "n000_pod": ["n001/pod"], "n002": ["n001/pod"], "n002_pod": ["n001/pod"],
    "n001_pod": ["n000 VTEP", "n002 VTEP", "n000/pod", "n002/pod"],
}  # fmt: skip


def test_the_chain_that_drops_is_named_on_the_host_whose_packets_die():
    """Others have such a chain too, as Docker makes it, and accept the fabric's interfaces in it."""
    closed = grown(9, 9, chains=[FORWARD, "ip6 filter FORWARD forward", "inet ct forward forward some"])
    shown = three(dict.fromkeys(("n000", "n001", "n002"), closed), **BEHIND)
    assert headlines(shown) == [("firewall", "n001", "table ip filter, chain FORWARD, drops")]
    assert (shown["culprits"], shown["faults"][0]["pairs"]) == (["n001"], 8)
    assert "\n".join(shown["lines"]).count("chain FORWARD") == 1


def test_forwarding_that_is_off_comes_before_the_firewall():
    closed = grown(9, 9, chains=[FORWARD])
    off = grown(9, 9, chains=[FORWARD], forwarding=False)
    shown = three({"n000": closed, "n001": off, "n002": closed}, **BEHIND)
    assert headlines(shown)[0] == ("forwarding", "n001", "net.ipv4.ip_forward is 0")


@pytest.mark.parametrize("state", ["timeout", "stalled", "unreachable"])
def test_tcp_fails_where_pings_pass(state):
    names, overlays, pods = ring(3)
    measured = measured_of(names, overlays, pods, "all")
    answer = {"reachable": False, "error": f"tcp: port 8000 {state}", "tcp": state, "http": None}
    for host, listed in BEHIND.items():
        for name in listed:
            if name.endswith("/pod"):
                fail(measured, host.partition("_")[0], name, host.partition("_")[2], **answer)
    obstacles = {"n001": grown(9, 9, chains=["inet other forward forward some"])}
    shown = report(measured, overlays, pods, {}, {}, {}, "all", obstacles=obstacles)
    assert headlines(shown) == [("TCP", "n001", "TCP does not get through, though pings do")]
    (fault,) = shown["faults"]
    assert fault["details"] == ["table inet other, chain forward, drops"]
    assert "tx-checksum-ip-generic off" in fault["remedy"]


def test_two_faults_are_two():
    heard = grown(3, 9)
    seen = {"n000": heard, "n001": grown(0, 9), "n002": heard}
    silent = between(("n000", "n001"), ("n001", "n002"))
    silent["n000_pod"].append("n002/pod")
    shown = three(seen, **silent)
    assert [(layer, host) for layer, host, _text in headlines(shown)] == [
        ("encapsulation", "n001"),
        ("forwarding", "n000 and n002"),
    ]
    assert shown["culprits"] == ["n000", "n001", "n002"]


def test_details_beyond_three_are_counted():
    names, overlays, pods = ring(6)
    measured = measured_of(names, overlays, pods, "all")
    for name in names[1:]:
        fail(measured, "n000", f"{name} VTEP")
    vxlan = planned(overlays)["default"].nodes["n000"].mac_address
    links = {"links": [{"name": "vxlan0", "admin_state": "up", "mac_address": vxlan}]}
    shown = report(measured, overlays, pods, {}, {"n000": {"": links}})
    assert headlines(shown) == [("FDB", "n000", "FDB entries are missing")]
    (found,) = [line for line in shown["lines"] if line.startswith("    found:")]
    assert found.count("; to n00") == 2 and found.endswith("; and 2 more")


# -- hosts that are not there ---------------------------------------------------------------------------

GONE = {"n001": {"common_applied": {"unreachable": True, "msg": "no route to host"}}}
FAILED = {"n001": {"common_applied": {"failed": True}}}


@pytest.mark.parametrize(("gone", "reason"), [(GONE, "unreachable"), (FAILED, "out of this run, as it failed")])
def test_a_host_that_left_the_run_is_called_that(gone, reason):
    shown = three(missing=gone, n000=["n001 underlay", "n001 VTEP", "n001/pod"])
    text = "\n".join(shown["lines"])
    assert [line.strip() for line in shown["lines"][-3:]] == [
        "21 of 36 pairs hold, 0 fail",
        f"12 pairs not probed: n001 is {reason}",
        f"3 pairs unproved: n001 is {reason}",
    ]
    assert text.count(f"not probed: {reason}") == 12
    assert text.count(f"unproved: {reason}") == 3
    assert "not in this run" not in text
    assert (shown["faults"], shown["culprits"]) == ([], [])


def test_what_is_wrong_on_this_side_of_an_unreachable_host_fails():
    _names, overlays, pods = ring(3)
    measured = measured_of(["n000", "n002"], overlays, pods, "all")
    fail(measured, "n000", "n001 VTEP")
    mac = planned(overlays)["default"].nodes["n000"].mac_address
    states = {"n000": {"": {"links": [{"name": "vxlan0", "admin_state": "up", "mac_address": mac}]}}}
    shown = report(measured, overlays, pods, {}, states, missing=GONE)
    assert headlines(shown) == [("FDB", "n000", "FDB entries are missing")]


def test_hosts_are_named_five_at_most():
    names, overlays, pods = ring(8)
    gone = {key: {"verify_probe": {"unreachable": True}} for key in names[1:]}
    shown = report(measured_of(names[:1], overlays, pods, "all"), overlays, pods, {}, missing=gone)
    assert shown["lines"][-1].endswith(" not probed: n001, n002, n003, n004, n005 and 2 more are unreachable")
    gone = {key: {"verify_probe": {"unreachable": True}} for key in names[1:3]}
    shown = report(measured_of([names[0], *names[3:]], overlays, pods, "all"), overlays, pods, {}, missing=gone)
    assert shown["lines"][-1].endswith(" not probed: n001 and n002 are unreachable")


# -- each check is one record, and complete -------------------------------------------------------------

ROOT = pathlib.Path(__file__).parents[2]
FILES = {
    path.stem: path
    for path in (ROOT / "plugins" / "module_utils" / "proof" / "checks").glob("*.py")
    if re.search(r"^CHECK = ", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def broken(to, *edits, pods=PODS, netns="pod1", obstacles=(), **answer):
    """A measurement in which one probe of the first node fails, and states with faults.

    :param edits: (host, namespace, section) without entries.
    :param obstacles: of both nodes.
    """
    measured = {"network-1": [result(target) for target in targets(OVERLAYS, "network-1", pods, 8000)]}
    for probe in measured["network-1"]:
        if (probe["name"], probe["netns"]) == ("network-1 underlay", "alone"):
            probe.update(DEAF)  # as it must be
    fail(measured, "network-1", to, netns, **answer)
    states = copy.deepcopy(STATES)
    for host, place, section in edits:
        states[host][place][section] = []
    return measured, pods, states, dict(zip(NODES, obstacles))


FORWARD = "ip filter FORWARD forward"
NOTHING = {name: [{"name": "alone", "network": {"driver": "none"}}] for name in NODES}
EXPLAINED = {
    "underlay": lambda: broken("network-2 underlay", netns=""),
    "link": lambda: broken("network-2/pod2", ("network-1", "", "links")),
    "fdb": lambda: broken("network-2/pod2", ("network-2", "", "fdb")),
    "neighbour": lambda: broken("network-2/pod2", ("network-1", "", "neighbours")),
    "route": lambda: broken("network-2/pod2", ("network-1", "", "routes")),
    "encapsulation": lambda: broken("network-2/pod2", obstacles=(grown(3, 3), grown(0, 3))),
    "ip_forward": lambda: broken("network-2/pod2", obstacles=(grown(3, 3), grown(3, 3, forwarding=False))),
    "firewall": lambda: broken("network-2/pod2", obstacles=(grown(3, 3), grown(3, 3, chains=[FORWARD]))),
    "tcp": lambda: broken("network-2/pod2", reachable=False, error="tcp: port 8000 timeout", tcp="timeout"),
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
    measured, pods, states, obstacles = EXPLAINED[name]()
    fabric = Fabric(planned(OVERLAYS), pods, {})
    seen = Reported(measured, MTUS, states, dict.fromkeys(NODES, COUNTERS), obstacles)
    (found,) = [item for item in run.found(seen, fabric, "all", run.Part()) if item.check]
    assert found.check is check, found
    shown = report({**measured, "network-2": []}, OVERLAYS, pods, MTUS, states, obstacles=obstacles)
    assert {(fault["layer"], fault["remedy"]) for fault in shown["faults"]} == {(check.layer, check.remedy)}


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.layer)
def test_a_check_is_documented(check):
    readme = " ".join((ROOT / "roles" / "verify" / "README.md").read_text(encoding="utf-8").split())
    assert re.search(rf"\b{check.layer}\b", readme)
    assert check.remedy and "\n" not in check.remedy
