# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario as it stands: what the kernel of each node has, and what another run does."""

from __future__ import annotations

import json
import re

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import HOSTS, MAC, NODES, Fabric


def test_the_article(shared: Fabric) -> None:
    """The article's own lines, MACs aside."""
    one, two = NODES
    assert shared.node(one, "bridge", "fdb", "show", "dev", "vxlan0").splitlines() == [
        f"{MAC[two]} dst 192.168.2.142 self permanent"
    ]
    assert shared.node(one, "ip", "neigh", "show", "dev", "vxlan0").split() == [
        "172.2.1.0", "lladdr", MAC[two], "PERMANENT",
    ]  # fmt: skip
    shown = shared.node(one, "ip", "route").splitlines()
    routes = [re.sub(" proto (119|120)", "", line).strip() for line in shown]
    assert routes == [
        "172.2.0.0/24 dev br0 proto kernel scope link src 172.2.0.1",
        "172.2.1.0/24 via 172.2.1.0 dev vxlan0 onlink",
        "192.168.1.0/24 dev enp1s0 proto kernel scope link src 192.168.1.138",
        "192.168.2.0/24 via 192.168.1.213 dev enp1s0 src 192.168.1.138",
    ]
    (vxlan,) = json.loads(shared.node(one, "ip", "-json", "-details", "address", "show", "dev", "vxlan0"))
    assert (vxlan["mtu"], vxlan["address"]) == (1450, MAC[one])
    info = vxlan["linkinfo"]["info_data"]
    assert (info["id"], info["local"], info["link"], info["port"]) == (10, "192.168.1.138", "enp1s0", 4789)
    assert info["learning"] is False
    assert [(row["local"], row["prefixlen"]) for row in vxlan["addr_info"] if row["family"] == "inet"] == [
        ("172.2.0.0", 32)
    ]


@pytest.mark.parametrize(
    ("inside", "address", "ttl"),
    [([], "192.168.2.142", 63), ([], "172.2.1.0", 64), ([], "172.2.1.2", 63), (["pod1"], "172.2.1.2", 62)],
)
def test_the_articles_pings(shared: Fabric, inside: list[str], address: str, ttl: int) -> None:
    enter = ["ip", "netns", "exec", *inside] if inside else []
    said = shared.node("network-1", *enter, "ping", "-c3", "-i0.2", address)
    assert said.count(f"ttl={ttl} ") == 3, said


@pytest.mark.parametrize(("inside", "source"), [([], "172.2.0.0"), (["pod1"], "172.2.0.2")])
def test_the_articles_echo(shared: Fabric, inside: list[str], source: str) -> None:
    enter = ["ip", "netns", "exec", *inside] if inside else []
    answer = json.loads(shared.node("network-1", *enter, "curl", "-s", "172.2.1.2:8000/echo"))
    assert answer["header"]["Accept"] == ["*/*"]
    assert answer["body"] == "Echo response"
    assert answer["client"] == source, "no NAT between pods"


def test_the_second_run_asks_the_kernel_for_nothing(shared: Fabric) -> None:
    with shared.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        again = shared.ok("site", "--diff")
    assert again.changed == {}
    assert again.plan == set() and "Plan: no host changes\n" in again.text
    assert monitor.changes == []
    assert "14 of 14 pairs hold, 0 fail" in again.text
    assert "network-1, network-2: admission on, source checks on" in again.text


def test_check_mode_on_what_stands(shared: Fabric) -> None:
    assert shared.ok("site", "--check", "--diff").changed == {}


def test_who_is_admitted(shared: Fabric) -> None:
    """The other node, and the router: it masquerades the other node's VXLAN packets."""
    elements = shared.node("network-1", "nft", "list", "set", "inet", "weft_admission", "peers_4_4_24")
    assert re.findall(r"([0-9.]+) \. 4789 \. 0xa \. 0xac0201", elements) == ["192.168.2.142", "192.168.1.213"]
    counters = re.findall(r"packets (\d+)", shared.node("network-1", "nft", "list", "counters"))
    assert counters == ["0", "0"], "nothing that anybody is to send is dropped, of nodes or of pods"
