# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods are connected by: each driver with the connectivity and the isolation that it stands for."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import (
    HOSTS,
    Fabric,
    article,
    assert_proved,
    standing,
    table,
)

SUBNETS = {"network-1": "192.168.1", "network-2": "192.168.2"}
GATEWAYS = {"network-1": "192.168.1.213", "network-2": "192.168.2.216"}

# Pods of every driver that this machine's kernel has, beside each other on both nodes.
HERE = [
    {"name": "pod-br", "address": "172.2.{node}.2"},
    {"name": "pod-p1", "address": "172.2.{node}.3", "network": {"driver": "ptp"}},
    {"name": "pod-p2", "address": "172.2.{node}.4", "network": {"driver": "ptp"}},
    {"name": "pod-m1", "address": "{lan}.31", "network": "macvlan"},
    {"name": "pod-m2", "address": "{lan}.32", "network": "macvlan"},
    {"name": "pod-host", "network": {"driver": "host"}},
    {"name": "pod-none", "network": {"driver": "none"}},
    {"name": "pod-in", "network": {"driver": "container", "container": "pod-p1"}},
]


def inventory(name: str, pods: list[dict[str, Any]], networks: dict[str, Any]) -> Any:
    """The article's, with other pods.

    :param networks: by name, what a pod's ``network`` stands for.
    """
    found = article(name)
    for node, (host, variables) in enumerate(found["all"]["children"]["nodes"]["hosts"].items()):
        fill = {"node": node, "lan": SUBNETS[host], "gateway": GATEWAYS[host]}
        text = json.dumps(
            [{**pod, "network": networks.get(str(pod.get("network")), pod.get("network"))} for pod in pods]
        )
        for key, value in fill.items():
            text = text.replace("{" + key + "}", str(value))
        listed = json.loads(text)
        variables["pods_pods"] = [{key: item for key, item in pod.items() if item is not None} for pod in listed]
    return found


MACVLAN = {"driver": "macvlan", "parent": "enp1s0", "subnet": "{lan}.0/24", "gateway": "{gateway}"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    with standing(tmp_path_factory.mktemp("drivers"), inventory("drivers", HERE, {"macvlan": MACVLAN})) as made:
        yield made


@pytest.fixture(scope="module")
def before(lab: Fabric) -> dict[str, Any]:
    return {host: lab.snapshot(host) for host in HOSTS}


@pytest.fixture
def fabric(lab: Fabric, before: dict[str, Any]) -> Fabric:
    """Pods of every driver; what there was before them is known. A test leaves them so, or takes all away."""
    if json.loads(lab.node("network-1", "ip", "-json", "link", "show", "type", "vxlan")) == []:
        lab.ok("site", "--skip-tags", "verify")
    return lab


def inside(fabric: Fabric, host: str, pod: str, *command: str) -> str:
    return fabric.node(host, "ip", "netns", "exec", pod, *command)


def routes(fabric: Fabric, host: str, pod: str) -> list[str]:
    return [line.replace(" proto 119", "").strip() for line in inside(fabric, host, pod, "ip", "route").splitlines()]


def test_every_driver_at_once(lab: Fabric, before: dict[str, Any]) -> None:
    coming = lab.ok("site", "--check", "--diff")
    assert {host: lab.snapshot(host) for host in HOSTS} == before
    done = lab.ok("site", "--diff")
    assert coming.plan == done.plan
    assert " 0 fail" in done.text
    expected = {
        # ptp: by way of the host, to its neighbour, to the bridge's pod, and over the overlay.
        ("network-1/pod-p1", "network-1/pod-p2 172.2.0.4"): "ok",
        ("network-1/pod-p1", "network-1/pod-br 172.2.0.2"): "ok",
        ("network-1/pod-br", "network-1/pod-p1 172.2.0.3"): "ok",
        ("network-1/pod-p1", "network-2/pod-p1 172.2.1.3"): "ok",
        ("network-1", "network-1/pod-p1 172.2.0.3"): "ok",
        # macvlan: children reach each other, and not their host.
        ("network-1/pod-m1", "network-1/pod-m2 192.168.1.32"): "ok",
        ("network-1", "network-1/pod-m1 192.168.1.31"): "isolated",
        ("network-1/pod-m1", "network-1 underlay"): "isolated",
        # none: loopback only.
        ("network-1/pod-none", "network-1/pod-none 127.0.0.1"): "ok",
        ("network-1/pod-none", "network-1 underlay"): "isolated",
        # host: the host's addresses, and so the host's server.
        ("network-1", "network-1/pod-host 192.168.1.138"): "ok",
        ("network-2", "network-1/pod-host 192.168.1.138"): "ok",
        # container: the other pod's addresses, and its localhost.
        ("network-1/pod-in", "network-1/pod-in 127.0.0.1"): "ok",
        ("network-1/pod-br", "network-1/pod-in 172.2.0.3"): "ok",
        ("network-1/pod-in", "network-2/pod-br 172.2.1.2"): "ok",
    }
    assert_proved(done.text, expected)
    with lab.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        again = lab.ok("site", "--diff")
    assert again.changed == {}
    assert monitor.changes == []


def test_what_goes_where(fabric: Fabric) -> None:
    one = "network-1"
    addresses = json.loads(inside(fabric, one, "pod-p1", "ip", "-json", "-4", "address", "show", "dev", "eth0"))
    assert [(item["local"], item["prefixlen"]) for item in addresses[0]["addr_info"]] == [("172.2.0.3", 32)]
    assert routes(fabric, one, "pod-p1") == [
        "default via 172.2.0.1 dev eth0 src 172.2.0.3",
        "172.2.0.1 dev eth0 scope link",
    ]
    (back,) = json.loads(fabric.node(one, "ip", "-json", "route", "show", "172.2.0.3/32"))
    assert (back["dev"].startswith("veth"), back["prefsrc"]) == (True, "172.2.0.1")
    (child,) = json.loads(inside(fabric, one, "pod-m1", "ip", "-json", "-details", "link", "show", "dev", "eth0"))
    assert child["linkinfo"]["info_kind"] == "macvlan"
    assert child["linkinfo"]["info_data"]["mode"] == "bridge"
    assert routes(fabric, one, "pod-m1") == [
        "default via 192.168.1.213 dev eth0 src 192.168.1.31",
        "192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.31",
    ]
    links = json.loads(inside(fabric, one, "pod-none", "ip", "-json", "link"))
    assert [(link["ifname"], "UP" in link["flags"]) for link in links] == [("lo", True)]

    def namespace(*command: str) -> str:
        return fabric.node(one, *command, "stat", "-L", "-c%i", "/proc/self/ns/net")

    assert namespace("ip", "netns", "exec", "pod-host") == namespace()
    assert namespace("ip", "netns", "exec", "pod-in") == namespace("ip", "netns", "exec", "pod-p1")


def test_a_ptp_pods_way_is_by_its_host(fabric: Fabric) -> None:
    for address, ttl in (("172.2.0.1", 64), ("172.2.0.4", 63), ("172.2.1.3", 62)):
        said = inside(fabric, "network-1", "pod-p1", "ping", "-c2", "-i0.2", address)
        assert said.count(f"ttl={ttl} ") == 2, said


def test_what_should_be_isolated_and_answers_fails_the_proof(fabric: Fabric) -> None:
    # A way from the host to its own children: by a macvlan of its own.
    fabric.node("network-1", "ip", "link", "add", "shim", "link", "enp1s0", "type", "macvlan", "mode", "bridge")
    fabric.node("network-1", "ip", "link", "set", "shim", "up")
    fabric.node("network-1", "ip", "route", "add", "192.168.1.31/32", "dev", "shim", "src", "192.168.1.138")
    try:
        said = fabric.play("verify")
        assert said.rc != 0
        assert re.search(r"^network-1 +network-1/pod-m1 192\.168\.1\.31 .* FAILED: isolation$", said.text, re.MULTILINE)
    finally:
        fabric.node("network-1", "ip", "link", "delete", "shim")
    fabric.ok("verify")


def test_pods_change_their_driver_and_go_one_by_one(fabric: Fabric) -> None:
    """Of one host: of each driver one goes, and others are connected by something else. The other host sees nothing."""
    changed = fabric.inventory
    variables = changed["all"]["children"]["nodes"]["hosts"]["network-1"]
    gone = ("pod-m1", "pod-host", "pod-none", "pod-in")
    variables["pods_pods"] = [pod for pod in variables["pods_pods"] if pod["name"] not in gone]
    listed = {pod["name"]: pod for pod in variables["pods_pods"]}
    listed["pod-br"]["network"] = {"driver": "ptp"}
    listed["pod-p1"].pop("network")
    listed["pod-p2"]["network"] = {"driver": "none"}
    del listed["pod-p2"]["address"]
    fabric.inventory, kept = changed, fabric.inventory
    with fabric.names("network-2") as names, kernel.Monitor(*names) as monitor:
        done = fabric.ok("site")
    assert monitor.changes == []
    assert " 0 fail" in done.text
    assert table(done.text)["network-1/pod-p2", "network-1 underlay"] == "isolated"
    left = fabric.node("network-1", "ip", "netns", "list").splitlines()
    assert sorted(line.split()[0] for line in left) == ["pod-br", "pod-m2", "pod-p1", "pod-p2"]
    ports = json.loads(fabric.node("network-1", "ip", "-json", "link", "show", "type", "veth"))
    hosts = [link.get("master") for link in ports if link["ifname"].startswith("veth")]
    assert sorted(hosts, key=str) == [None, "br0"]
    with fabric.names("network-1") as names, kernel.Monitor(*names) as monitor:
        assert fabric.ok("site").changed == {}
    assert monitor.changes == []
    fabric.inventory = kept
    assert " 0 fail" in fabric.ok("site").text


def test_teardown_leaves_nothing_of_any_driver(fabric: Fabric, before: dict[str, Any]) -> None:
    fabric.ok("teardown")
    for host in HOSTS:
        after = fabric.snapshot(host)
        assert [part for part in before[host] if after[part] != before[host][part]] == [], host
    assert fabric.ok("teardown").changed == {}


def test_bad_input_changes_nothing(lab: Fabric, before: dict[str, Any]) -> None:
    lab.ok("teardown")
    network = json.dumps({"pods_network": {"driver": "macvlan", "parent": "enp1s0", "subnet": "172.2.0.0/24"}})
    said = lab.play("site", "--tags", "pods", "-e", network)
    assert said.rc != 0
    assert "pods_network.subnet" in said.text
    assert "keep the two apart" in said.text
    assert {host: lab.snapshot(host) for host in HOSTS} == before


L2 = {"parent": "enp1s0", "subnet": "{lan}.0/24", "gateway": "{gateway}"}


def test_macvlans_in_mode_private_do_not_reach_each_other(tmp_path: pathlib.Path) -> None:
    pods = [{"name": f"pod{host}", "address": f"{{lan}}.{host}", "network": "this"} for host in (31, 32)]
    private = {"driver": "macvlan", "mode": "private", **L2}
    with standing(tmp_path, inventory("private", pods, {"this": private})) as made:
        said = made.ok("site")
    assert table(said.text)["network-1/pod31", "network-1/pod32 192.168.1.32"] == "isolated"


def test_ptp_in_both_families_repaired_and_taken_away_one_by_one(tmp_path: pathlib.Path) -> None:
    pods = [
        {"name": "pod-p1", "address": ["10.244.{node}.2", "fd00:0:0:{node}::2"]},
        {"name": "pod-p2", "address": ["10.244.{node}.3", "fd00:0:0:{node}::3"]},
        {"name": "pod-br", "address": ["10.244.{node}.4", "fd00:0:0:{node}::4"], "network": {"driver": "bridge"}},
        {"name": "pod-in", "network": {"driver": "container", "container": "pod-p1"}},
    ]
    found = inventory("ptp", pods, {})
    found["all"]["vars"] |= {"overlay_cidr": ["10.244.0.0/16", "fd00::/48"], "pods_network": {"driver": "ptp"}}
    with standing(tmp_path, found) as made:
        said = made.ok("site")
        pairs = table(said.text)
        for target in ("network-1/pod-p2 fd00::3", "network-2/pod-p1 fd00:0:0:1::2", "network-1/pod-br fd00::4"):
            assert pairs["network-1/pod-p1", target] == "ok"
        made.node("network-1", "ip", "netns", "delete", "pod-in")
        made.node("network-1", "ip", "route", "delete", "10.244.0.2/32")
        repaired = made.ok("site", "--diff", "--limit", "network-1")
        assert "+ namespace pod-in joins pod-p1" in repaired.plan
        assert any(line.startswith("+ route 10.244.0.2/32 dev veth") for line in repaired.plan)

        changed = made.inventory
        listed = changed["all"]["children"]["nodes"]["hosts"]["network-1"]["pods_pods"]
        del listed[3], listed[1]
        made.inventory = changed
        with made.names("network-2") as names, kernel.Monitor(*names) as monitor:
            made.ok("site")
        assert monitor.changes == []
        left = made.node("network-1", "ip", "netns", "list").splitlines()
        assert sorted(line.split()[0] for line in left) == ["pod-br", "pod-p1"]
        assert [route for route in routes(made, "network-1", "pod-br") if "10.244.0.3" in route] == []
