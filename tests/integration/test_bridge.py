# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges: options, ports and addresses, made, changed in place and removed."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
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
