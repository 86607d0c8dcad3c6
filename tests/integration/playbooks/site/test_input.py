# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused on all hosts, before anything changes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import HOSTS, Fabric, article, host_vars


@pytest.mark.parametrize(
    ("host", "change", "named"),
    [
        ("network-2", {"overlay_node": {"number": 0, "address": "192.168.2.142", "dev": "enp1s0"}},
         ["network-2: overlay_node.number: 0 is refused: network-1 has it too"]),
        ("network-2", {"overlay_node": {"number": 1, "address": "192.168.1.138", "dev": "enp1s0"}},
         ["network-2: overlay_node.address: '192.168.1.138' is refused: network-1 has it too"]),
        ("network-1", {"overlay_node": {"number": 256, "address": "192.168.1.138", "dev": "enp1s0"}},
         ["network-1: overlay_node.number: 256 is refused", "room for 256 nodes"]),
        ("network-1", {"overlay_node": {"number": 0, "address": "192.168.1.138", "dev": "enp9s0"}}, ["enp9s0"]),
        ("network-1", {"overlay_cidr": "172.2.0.1/16"}, ["overlay_cidr: '172.2.0.1/16' is refused", "172.2.0.0/16"]),
        ("network-1", {"overlay_vni": 16777216}, ["overlay_vni: 16777216 is refused"]),
        ("network-1", {"pods_pods": [{"name": "pod1", "address": "172.2.1.2"}]},
         ["network-1: pods_pods[0].address: '172.2.1.2' is refused", "172.2.0.0/24"]),
    ],
    ids=["number twice", "underlay address twice", "number exhausted", "no such NIC", "host bits", "VNI", "pod subnet"],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(shared: Fabric, host: str, change: dict[str, Any], named: list[str]) -> None:
    inventory = article("shared")
    host_vars(inventory, host).update(change)
    shared.inventory = inventory
    try:
        with shared.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
            done = shared.play("site", "--limit", "network-1")
    finally:
        shared.inventory = article("shared")
    assert done.rc == 2
    assert monitor.changes == []
    assert [part for part in named if part not in done.text] == [], done.text
    assert "Traceback" not in done.text
