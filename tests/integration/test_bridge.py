# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges: options, ports and addresses, made, changed in place and removed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import has_link_kind, ip, ip_json, unchanged
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "bridge": Case(
        "bridge",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link add p1 type veth peer name q1"),
        create={
            "name": "br0",
            "mtu": 1450,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "ports": ["p0", "p1"],
            "stp": True,
            "forward_delay": 4,
            "ageing_time": 100,
            "mcast_snooping": False,
        },
        made={
            "HOST": {
                **link("br0", "bridge", 1450, MACS[1]),
                "addresses": [("br0", "10.1.0.1/24"), ("br0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "br0",
            "mac_address": MACS[2],
            "addresses": ["10.1.0.2/24"],
            "purge_addresses": True,
            "ports": ["p1"],
            "purge_ports": True,
            "stp": False,
            "forward_delay": 15,
            "ageing_time": 300,
            "mcast_snooping": True,
        },
        changed={"HOST": {**link("br0", "bridge", 1450, MACS[2]), "addresses": [("br0", "10.1.0.2/24")]}},
        drift=(
            "ip -n HOST link set br0 type bridge ageing_time 20000",
            "ip -n HOST link set br0 type bridge forward_delay 2000",
            "ip -n HOST link set br0 type bridge stp_state 1",
            "ip -n HOST link set br0 type bridge mcast_snooping 0",
            "ip -n HOST link set p1 nomaster",
            "ip -n HOST link set p0 master br0",
            "ip -n HOST link set br0 down",
        ),
        missing=("name",),
        delete={"name": "br0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)


PORT = {"name": "p0", "kind": "veth", "peer": {"name": "q0"}, "controller": "br0"}


@pytest.mark.parametrize(
    ("there", "links", "name"),
    [
        (True, [{"name": "br0", "kind": "bridge", "vlan_filtering": True}], "vlan_filtering"),
        (True, [{"name": "br1", "kind": "bridge", "vlan_filtering": True}], "vlan_filtering"),
        (False, [{"name": "br0", "kind": "bridge", "vlan_filtering": True}], "vlan_filtering"),
        (True, [{**PORT, "vlans": ["10"]}], "vlans"),
        (True, [{**PORT, "pvid": 10}], "pvid"),
        (False, [{"name": "br0", "kind": "bridge"}, {**PORT, "untagged": ["10"]}], "untagged"),
    ],
)
def test_vlans(there: bool, links: list[dict[str, Any]], name: str, run_module, ns) -> None:
    """A kernel without VLANs in bridges refuses them; the plan does where a bridge shows it, and nothing is left."""
    netns = ns()
    if there:
        ip(netns, "link", "add", "br0", "type", "bridge")
    before, document = ip_json(netns, "link"), {netns: {"links": links}}
    would = run_module("topology", check=True, namespaces=document)
    did = run_module("topology", namespaces=document)
    if has_link_kind("vlan"):  # a kernel without VLANs filters none either
        assert would["diff"] == did["diff"] and did["changed"]
        return
    told = "this kernel has no VLAN filtering in bridges (CONFIG_BRIDGE_VLAN_FILTERING): run one that has it"
    assert told in did["msg"]
    if there:
        assert did["msg"] == would["msg"] and f".{name}: " in did["msg"]
    left = [row for row in ip_json(netns, "link") if row["ifname"] != "br0"]
    assert left == [row for row in before if row["ifname"] != "br0"]


def test_a_bridge_without_vlan_filtering_is_one_on_every_kernel(run_module, ns) -> None:
    netns = ns()
    done = run_module("bridge", netns=netns, name="br0", vlan_filtering=False)
    assert (done["changed"], "vlan_filtering" in done["link"]) == (True, False)
    ip(netns, "link", "add", "br1", "type", "bridge")
    ip(netns, "link", "set", "br1", "up")
    with unchanged(netns):
        for name in ("br0", "br1"):
            for check in (True, False):
                assert not run_module("bridge", netns=netns, name=name, vlan_filtering=False, check=check)["changed"]
    (found,) = run_module("topology_info", namespaces=[netns])["namespaces"].values()
    assert all("vlan_filtering" not in link for link in found["links"])
