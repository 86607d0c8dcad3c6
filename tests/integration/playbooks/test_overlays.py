# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes of an overlay and several overlays at once, on inventories/cross_subnet.yml."""

from __future__ import annotations

import copy
import itertools
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import ROOT, Fabric, standing

EXAMPLE = yaml.safe_load((ROOT / "inventories" / "cross_subnet.yml").read_text(encoding="utf-8"))
HOSTS = ("node-1", "node-2", "node-3", "router")


def example(**variables: Any) -> Any:
    """The inventory, with other variables for all of it."""
    inventory = copy.deepcopy(EXAMPLE)
    inventory["all"]["vars"] |= {"lab_name": "overlays", **variables}
    return inventory


def nodes(inventory: Any) -> Any:
    return inventory["all"]["children"]["nodes"]["hosts"]


@pytest.fixture
def fabric(tmp_path: pathlib.Path) -> Iterator[Fabric]:
    with standing(tmp_path, example()) as made:
        yield made


def overlay_routes(fabric: Fabric, host: str) -> dict[str, tuple[str, str]]:
    """(gateway, interface) of the overlays' routes, by destination."""
    routes = json.loads(fabric.node(host, "ip", "-json", "route", "show", "proto", "120"))
    return {route["dst"]: (route["gateway"], route["dev"]) for route in routes}


def encapsulated(fabric: Fabric, host: str, pod: str, target: str) -> bool:
    """Whether a pod's pings leave the host in VXLAN packets: it counts them."""

    def sent() -> int:
        (link,) = json.loads(fabric.node(host, "ip", "-json", "-statistics", "link", "show", "vxlan0"))
        return int(link["stats64"]["tx"]["packets"])

    before = sent()
    said = fabric.node(host, "ip", "netns", "exec", pod, "ping", "-c5", "-i0.2", target)
    assert " 0% packet loss" in said
    return sent() - before >= 5


def test_cross_subnet_beside_a_second_overlay(fabric: Fabric) -> None:
    before = {host: fabric.snapshot(host) for host in HOSTS}
    done = fabric.ok("site")
    assert "0 fail" in done.text
    assert overlay_routes(fabric, "node-1") == {
        "10.244.1.0/24": ("192.168.1.12", "eth0"),
        "10.244.2.0/24": ("10.244.2.0", "vxlan0"),
        "10.245.1.0/24": ("10.245.1.0", "vxlan1"),
        "10.245.2.0/24": ("10.245.2.0", "vxlan1"),
    }
    assert not encapsulated(fabric, "node-1", "pod1", "10.244.1.2")
    assert encapsulated(fabric, "node-1", "pod1", "10.244.2.2")
    assert len(re.findall(r"node-1/pod1 +node-2/blue2 10\.245\.1\.2 .* isolated\b", done.text)) == 1
    with fabric.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        assert fabric.ok("site").changed == {}
    assert monitor.changes == []

    # One host at a time, and each role with what is on the underlay's interface: neither takes the other's routes away.
    fabric.node("node-1", "ip", "route", "delete", "10.244.1.0/24")
    fabric.node("node-1", "ip", "route", "delete", "192.168.2.0/24")
    fabric.node("node-1", "ip", "route", "add", "10.244.9.0/24", "via", "192.168.1.12", "proto", "120")
    repaired = fabric.ok("site", "--limit", "node-1", "--diff")
    assert {line for line in repaired.plan if "route" in line} == {
        "+ route 192.168.2.0/24 via 192.168.1.1 dev eth0",
        "+ route 10.244.1.0/24 via 192.168.1.12 dev eth0",
        "- route 10.244.9.0/24 via 192.168.1.12 dev eth0",
    }

    # Without the rules they reach each other, by way of the hosts; verify says so, and site puts that right. Admission
    # alone would keep them apart as well: it knows which overlay a packet inside is of.
    for host, table in itertools.product(("node-1", "node-2"), ("weft_isolation", "weft_admission")):
        fabric.node(host, "nft", "delete", "table", "inet", table)
    proof = fabric.play("verify")
    assert proof.rc == 2
    assert re.search(r"^node-1/pod1 +node-2/blue2 10\.245\.1\.2 .* FAILED: isolation$", proof.text, re.MULTILINE)
    assert set(fabric.ok("site").changed) == {"node-1", "node-2"}

    fabric.ok("teardown")
    for host in HOSTS:
        after = fabric.snapshot(host)
        assert [part for part in before[host] if after[part] != before[host][part]] == [], host


def test_a_second_overlay_goes(fabric: Fabric) -> None:
    """It is not listed any more, and then its pods are not either."""
    fabric.ok("site", "--skip-tags", "verify")
    inventory = example()
    inventory["all"]["vars"]["overlay_overlays"].pop()
    fabric.inventory = inventory
    with fabric.told(HOSTS) as said:
        refused = fabric.play("site", "--tags", "overlay,pods")
    assert [events for events in said.values() if events] == []
    assert refused.rc != 0
    assert "node-1: pods_pods[1].overlay: 'blue' is refused: " in refused.text
    for variables in nodes(inventory).values():
        del variables["pods_pods"][1]
    fabric.inventory = inventory
    assert "0 fail" in fabric.ok("site").text
    links = {link["ifname"] for link in json.loads(fabric.node("node-1", "ip", "-json", "link"))}
    assert "vxlan0" in links
    assert not links & {"vxlan1", "br1"}
    assert all(dst.startswith("10.244.") for dst in overlay_routes(fabric, "node-1"))
    assert "weft_isolation" not in fabric.node("node-1", "nft", "list", "tables")
    assert fabric.ok("site").changed == {}


def segment(mode: str) -> Any:
    """The two nodes of one segment alone, with one overlay."""
    inventory = example(overlay_mode=mode, overlay_overlays=[{"name": "default"}])
    del nodes(inventory)["node-3"]
    for variables in nodes(inventory).values():
        variables["pods_pods"].pop()
    return inventory


def test_the_mode_of_a_standing_fabric(fabric: Fabric) -> None:
    """Each way: what the other mode had is gone, and nothing is ever unreachable but what the run changes."""
    before = {host: fabric.snapshot(host) for host in ("node-1", "node-2")}
    through = ("10.244.1.0", "vxlan0")
    straight = ("192.168.1.12", "eth0")
    for mode, way, device, mtu in (
        ("vxlan", through, True, 1450),
        ("direct", straight, False, 1500),
        ("cross_subnet", straight, True, 1450),
        ("vxlan", through, True, 1450),
        ("direct", straight, False, 1500),
    ):
        fabric.inventory = segment(mode)
        done = fabric.ok("site")
        assert "0 fail" in done.text, mode
        assert ("VTEP" in done.text) == device
        assert overlay_routes(fabric, "node-1") == {"10.244.1.0/24": way}, mode
        links = {link["ifname"]: link["mtu"] for link in json.loads(fabric.node("node-1", "ip", "-json", "link"))}
        assert (links.get("vxlan0"), links["br0"]) == (1450 if device else None, mtu), mode
        if device:
            entries = fabric.node("node-1", "bridge", "fdb", "show", "dev", "vxlan0").splitlines()
            assert len(entries) == (1 if way == through else 0), mode
        assert [fabric.node(host, "weft-fabric", "diff") for host in before] == ["", ""], mode
    assert fabric.ok("site").changed == {}
    fabric.ok("teardown")
    for host, snapshot in before.items():
        after = fabric.snapshot(host)
        assert [part for part in snapshot if after[part] != snapshot[part]] == [], host


def bare_address(inventory: Any) -> None:
    nodes(inventory)["node-2"]["overlay_node"]["address"] = "192.168.1.12"


def direct(inventory: Any) -> None:
    inventory["all"]["vars"]["overlay_mode"] = "direct"


def same_vni(inventory: Any) -> None:
    inventory["all"]["vars"]["overlay_overlays"][1]["vni"] = 10


def test_refused_before_anything_changes(fabric: Fabric) -> None:
    fabric.ok("site", "--tags", "mgmt_routing")
    for change, named in (
        (bare_address, ["node-2: overlay_node.address", "192.168.1.12", "prefix length"]),
        (direct, ["node-3: overlay_node.address", "192.168.2.0/24", "192.168.1.0/24", "cross_subnet"]),
        (same_vni, ["overlay_overlays[1].vni", "10"]),
    ):
        inventory = example()
        change(inventory)
        fabric.inventory = inventory
        with fabric.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
            done = fabric.play("site", "--tags", "overlay,pods")
        assert monitor.changes == []
        assert done.rc == 2
        assert [part for part in named if part not in done.text] == [], done.text
        assert "Traceback" not in done.text
