# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario by site, verify and teardown, and what the kernel of each node says of it."""

from __future__ import annotations

import json
import re

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import HOSTS, MAC, NODES, Fabric


def test_check_mode_before_the_first_run(fabric: Fabric) -> None:
    before = {host: fabric.snapshot(host) for host in HOSTS}
    with fabric.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        said = fabric.ok("site", "--check", "--diff")
    assert monitor.changes == []
    assert {host: fabric.snapshot(host) for host in HOSTS} == before
    coming = [
        "+route 192.168.2.0/24 via 192.168.1.213 dev enp1s0 src 192.168.1.138",
        '+\t\tip saddr 192.168.1.0/24 oifname "enp2s0" masquerade',
        "+net.ipv4.ip_forward = 1",
        f"+fdb vxlan0 {MAC['network-2']} dst 192.168.2.142",
        f"+neighbour vxlan0 172.2.1.0 lladdr {MAC['network-2']}",
        "+route 172.2.1.0/24 via 172.2.1.0 dev vxlan0 onlink",
        "+address br0 172.2.0.1/24",
        "+netns pod1: address vceth0 172.2.0.2/24",
        "+netns pod2: route default via 172.2.1.1 dev vceth0 src 172.2.1.2",
        "+pod2: port 8000, new",
    ]
    assert [line for line in coming if line not in said.diff] == []
    (vxlan,) = {line for line in said.diff if line.startswith("+link vxlan0 type vxlan") and "192.168.1.138" in line}
    assert "vni 10 " in vxlan
    assert vxlan.endswith("mtu 1450")
    assert "nothing to probe in check mode" in said.text
    done = fabric.ok("site", "--diff")
    assert done.diff >= {line for line in said.diff if "rp_filter" not in line}, "what was said is what was done"


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
    assert again.diff == set()
    assert monitor.changes == []
    assert "14 of 14 pairs hold, 0 fail" in again.text


def test_check_mode_on_what_stands(shared: Fabric) -> None:
    assert shared.ok("site", "--check", "--diff").changed == {}


def test_teardown_leaves_nothing(fabric: Fabric) -> None:
    before = {host: fabric.snapshot(host) for host in HOSTS}
    fabric.ok("site")
    check = fabric.ok("teardown", "--check", "--diff")
    done = fabric.ok("teardown", "--diff")
    assert check.changed == done.changed
    for host in HOSTS:
        after = fabric.snapshot(host)
        assert [part for part in before[host] if after[part] != before[host][part]] == [], host
    assert fabric.ok("teardown").changed == {}


def test_one_host_alone(fabric: Fabric) -> None:
    said = fabric.ok("site", "--limit", "network-1")
    assert list(said.hosts) == ["network-1"]
    assert "unproved: underlay" in said.text
    for host in ("network-2", "router"):
        assert "vxlan0" not in fabric.node(host, "ip", "link")
    fabric.ok("site", "-e", "target=router")
    done = fabric.ok("site", "-e", "target=network-2")
    assert list(done.hosts) == ["network-2"]
    assert "7 of 7 pairs hold, 0 fail" in done.text
