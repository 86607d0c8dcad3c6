# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of networks: what is measured in which order, what iperf3 says, and how it is shown.

What is in iperf3/ was printed by iperf3 3.12.
"""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.filter._roles import FilterModule
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth import pairs as bandwidth
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth import samples
from ansible_collections.weft.fabric.tests.overlays import overlays_of

SAMPLES = pathlib.Path(__file__).parent / "iperf3"
FILTERS = FilterModule().filters()
plan, report = FILTERS["_bandwidth_plan"], FILTERS["_bandwidth_report"]

NODES = {f"node-{number}": {"number": number, "address": f"192.168.1.1{number}/24", "dev": "eth0"} for number in (1, 2)}
OVERLAYS = overlays_of(
    NODES,
    {"name": "tunnelled"},
    {"name": "routed", "cidr": "172.3.0.0/16", "vni": 20, "device": "vxlan1", "bridge": "br1", "mode": "direct"},
)
MACVLAN = {"driver": "macvlan", "parent": "eth0", "subnet": "192.168.1.0/24"}


def pods(number):
    return [
        {"name": "bridge1", "address": f"172.2.{number}.2"},
        {"name": "bridge2", "address": f"172.2.{number}.3"},
        {"name": "ptp1", "address": f"172.2.{number}.4", "network": {"driver": "ptp"}},
        {"name": "ptp2", "address": f"172.2.{number}.5", "network": {"driver": "ptp"}},
        {"name": "inside", "network": {"driver": "container", "container": "ptp1"}},
        {"name": "direct", "address": f"172.3.{number}.2", "overlay": "routed"},
        {"name": "host", "network": {"driver": "host"}},
        {"name": "none", "network": {"driver": "none"}},
        {"name": "macvlan", "address": f"192.168.1.3{number}", "network": MACVLAN},
    ]


PODS = {f"node-{number}": pods(number) for number in (1, 2)}
HOSTS = {node: {"namespaces": [pod["name"] for pod in there], "lacks": ["ipvlan"]} for node, there in PODS.items()}


def said(name):
    return (SAMPLES / f"{name}.json").read_text(encoding="utf-8")


def ends(pairs):
    return {
        pair["name"]: tuple(f"{pair[end]['host']}/{pair[end]['pod']}" for end in ("from", "to"))
        for pair in pairs
        if not pair["unavailable"]
    }


def test_each_way_has_a_pair_and_the_underlay_comes_first():
    pairs = plan(OVERLAYS, PODS, hosts=HOSTS)["pairs"]
    assert ends(pairs) == {
        "underlay": ("node-1/", "node-2/"),
        "host": ("node-1/host", "node-2/host"),
        "bridge": ("node-1/bridge1", "node-1/bridge2"),
        "ptp": ("node-1/ptp1", "node-1/ptp2"),
        "macvlan": ("node-1/macvlan", "node-2/macvlan"),
        "vxlan": ("node-1/bridge1", "node-2/bridge1"),
        "direct": ("node-1/direct", "node-2/direct"),
    }
    assert [pair["name"] for pair in pairs] == ["underlay", *bandwidth.WAYS]
    addresses = {pair["name"]: pair["to"]["address"] for pair in pairs if not pair["unavailable"]}
    assert (addresses["underlay"], addresses["host"], addresses["vxlan"]) == (
        "192.168.1.12",
        "192.168.1.12",
        "172.2.2.2",
    )


def test_what_cannot_be_measured_is_listed_with_the_reason():
    hosts = {"node-1": {"namespaces": ["bridge1", "bridge2"], "lacks": ["ipvlan"]}}
    pairs = plan(OVERLAYS, PODS, hosts=hosts)["pairs"]
    assert {pair["name"]: pair["unavailable"] for pair in pairs} == {
        "underlay": "node-2 is not in this run",
        "host": "node-1 has no namespace host: run weft.fabric.site first",
        "bridge": "",
        "ptp": "node-1 has no namespace ptp1: run weft.fabric.site first",
        "macvlan": "node-1 has no namespace macvlan: run weft.fabric.site first",
        "ipvlan": "the kernel of node-1 has no links of kind ipvlan",
        "fan": "no two pods of the inventory are connected this way",
        "vxlan": "node-2 is not in this run",
        "direct": "node-1 has no namespace direct: run weft.fabric.site first",
    }


def test_within_a_segment_a_cross_subnet_overlay_is_direct():
    nodes = {**NODES, "node-3": {"number": 3, "address": "192.168.2.13/24", "dev": "eth0"}}
    there = {node: [{"name": "pod", "address": f"172.2.{entry['number']}.2"}] for node, entry in nodes.items()}
    hosts = {node: {"namespaces": ["pod"], "lacks": []} for node in nodes}
    pairs = plan(overlays_of(nodes, mode="cross_subnet"), there, hosts=hosts)["pairs"]
    assert ends(pairs) == {
        # Each is compared with the underlay between its own nodes.
        "underlay node-1 node-3": ("node-1/", "node-3/"),
        "underlay node-1 node-2": ("node-1/", "node-2/"),
        "vxlan": ("node-1/pod", "node-3/pod"),
        "direct": ("node-1/pod", "node-2/pod"),
    }


def test_given_pairs_take_the_place_of_derived_ones():
    given = [{"from": "node-2/inside", "to": "node-1"}, {"name": "mine", "from": "node-1/host", "to": "node-1/direct"}]
    pairs = plan(OVERLAYS, PODS, hosts=HOSTS, pairs=given)["pairs"]
    assert ends(pairs) == {
        "underlay": ("node-1/", "node-2/"),
        "node-2/inside node-1": ("node-2/inside", "node-1/"),
        "mine": ("node-1/host", "node-1/direct"),
    }


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["node-1"], "bandwidth_pairs[0]: 'node-1' is refused: give from and to"),
        ([{"from": "node-1"}], "give from and to, each a node or node/pod, and perhaps a name"),
        ([{"from": "node-9", "to": "node-1"}], "bandwidth_pairs[0].from: 'node-9' is refused: the nodes are node-1, "),
        (
            [{"from": "node-1", "to": "node-1/x"}],
            "bandwidth_pairs[0].to: 'node-1/x' is refused: the pods of node-1 are ",
        ),
        ([{"from": "node-1", "to": "node-1/none"}], "this pod has no address"),
        ([{"from": "node-1", "to": "node-1"}], "give another end"),
        (
            [{"name": "a", "from": "node-1", "to": f"node-1/bridge{number}"} for number in (1, 2)],
            "bandwidth_pairs[1].name: 'a' is refused: another pair has it too",
        ),
        ([{"name": "underlay", "from": "node-1", "to": "node-2"}], "another pair has it too"),
    ],
)
def test_wrong_pairs_are_refused(pairs, message):
    with pytest.raises(AnsibleFilterError) as error:
        plan(OVERLAYS, PODS, hosts=HOSTS, pairs=pairs)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rounds": 0}, "bandwidth_rounds: 0 is refused"), ({"protocols": ["sctp"]}, "bandwidth_protocols[0]: 'sctp'")],
)
def test_a_wrong_schedule_is_refused(options, message):
    with pytest.raises(AnsibleFilterError) as error:
        plan(OVERLAYS, PODS, hosts=HOSTS, **options)
    assert message in str(error.value)


def test_every_other_round_goes_the_other_way_round():
    found = plan(OVERLAYS, PODS, hosts=HOSTS, rounds=3, bitrate="10M")
    names = [pair["name"] for pair in found["pairs"] if not pair["unavailable"]]
    order = [(step["round"], step["pair"]["name"]) for step in found["order"]]
    assert order == [
        *((1, name) for name in names),
        *((2, name) for name in reversed(names)),
        *((3, name) for name in names),
    ]
    first, second = found["order"][0]["runs"], found["order"][len(names)]["runs"]
    assert first == second[::-1]
    assert [(run["protocol"], run["direction"], run["options"]) for run in first] == [
        ("tcp", "there", []),
        ("tcp", "back", ["--reverse"]),
        ("udp", "there", ["--udp", "--bitrate", "10M"]),
        ("udp", "back", ["--udp", "--bitrate", "10M", "--reverse"]),
    ]


def test_what_iperf3_says():
    assert samples.sample(said("tcp")) == (2914743221.639724, None, None)
    # What arrived, and not what was sent.
    assert samples.sample(said("udp")) == (1549187331.159023, 79.9028150134048, 0.23870258164591157)
    assert samples.sample(said("udp_back")) == (726045946.118897, 89.15746872700515, 0.29185937562271236)
    older = json.loads(said("udp"))
    del older["end"]["sum_received"]
    bits = 7791895066.499853 * (1 - 0.799028150134048)
    assert samples.sample(json.dumps(older)).bits == pytest.approx(bits)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (said("refused"), "iperf3: unable to connect to server: Connection refused"),
        ("", "iperf3 did not end in time"),
        ('{"start": ', "iperf3 did not end in time"),
    ],
)
def test_what_iperf3_does_not_say(output, message):
    with pytest.raises(ValueError, match=message):
        samples.sample(output)


def results(found, **outputs):
    """What the role collects, with the samples for every pair.

    :param outputs: by pair, what iperf3 prints in place of a sample.
    """
    samples = {"tcp there": "tcp", "tcp back": "tcp", "udp there": "udp", "udp back": "udp_back"}
    return [
        {
            "pair": step["pair"]["name"],
            "round": step["round"],
            "runs": [
                [run, outputs.get(step["pair"]["name"], said(samples[f"{run['protocol']} {run['direction']}"]))]
                for run in step["runs"]
            ],
            "latency": {"rtt": {"min": 0.1, "avg": 0.1 * step["round"], "max": 1.0}, "error": None},
        }
        for step in found["order"]
    ]


def test_the_table_has_medians_and_ratios():
    found = plan(OVERLAYS, PODS, hosts=HOSTS)
    measured = results(found)
    for result in measured:
        if result["pair"] == "vxlan":
            result["latency"]["rtt"]["avg"] *= 2
    made = report(measured, found["pairs"], ["tcp", "udp"], "About <it>.")
    assert made["failures"] == []
    rows = [line.split() for line in made["lines"]]
    figures = ["2.91", "2.91", "1.00", "1.55", "0.726", "1.00", "89.2", "0.292"]
    assert ["underlay", "node-1", "node-2", *figures, "0.2", "1.00"] in rows
    assert ["vxlan", "node-1/bridge1", "node-2/bridge1", *figures, "0.4", "2.00"] in rows
    # Within a node, it is the underlay all the same that it is compared with.
    assert ["ptp", "node-1/ptp1", "node-1/ptp2", *figures, "0.2", "1.00"] in rows
    assert "ipvlan    not available: the kernel of node-1 has no links of kind ipvlan" in made["lines"]
    assert made["lines"][-1] == "About <it>."
    for text in (
        "About &lt;it&gt;.",
        "TCP throughput",
        "UDP throughput",
        "Round trip time",
        "2.91 (1.00)",
        "0.4 (2.00)",
    ):
        assert text in made["page"]
    assert made["page"].count("not available: the kernel of node-1 has no links of kind ipvlan") == 4


def test_the_ratio_is_to_the_underlay_between_the_same_nodes():
    slow = json.loads(said("tcp"))
    slow["end"]["sum_received"]["bits_per_second"] /= 10
    nodes = {**NODES, "node-3": {"number": 3, "address": "192.168.2.13/24", "dev": "eth0"}}
    there = {node: [{"name": "pod", "address": f"172.2.{entry['number']}.2"}] for node, entry in nodes.items()}
    hosts = {node: {"namespaces": ["pod"], "lacks": []} for node in nodes}
    found = plan(overlays_of(nodes, mode="cross_subnet"), there, hosts=hosts, protocols=["tcp"])
    outputs = {"underlay node-1 node-3": json.dumps(slow), "vxlan": json.dumps(slow)}
    lines = report(results(found, **outputs), found["pairs"], ["tcp"], "")["lines"]
    ratios = {line.split("  ")[0]: line.split()[-3] for line in lines[1:] if "not available" not in line and line}
    assert set(ratios.values()) == {"1.00"}
    assert "UDP" not in lines[0]


def test_what_failed_is_named_and_the_rest_is_shown():
    found = plan(OVERLAYS, PODS, hosts=HOSTS, rounds=1)
    measured = results(found, direct=said("refused"))
    measured[0]["latency"] = {"rtt": None, "error": "neighbour unresolved"}
    made = report(measured, found["pairs"], ["tcp", "udp"], "")
    assert made["failures"] == [
        "underlay, round 1, latency: neighbour unresolved",
        *(
            f"direct, round 1, {run}: iperf3: unable to connect to server: Connection refused"
            for run in ("tcp there", "tcp back", "udp there", "udp back")
        ),
    ]
    rows = [line.split() for line in made["lines"]]
    assert ["direct", "node-1/direct", "node-2/direct", *8 * ["-"], "0.1", "-"] in rows
    assert ["vxlan", "node-1/bridge1", "node-2/bridge1"] in [row[:3] for row in rows]
