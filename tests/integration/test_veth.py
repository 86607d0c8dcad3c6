# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Veth pairs: both ends, in two namespaces."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "veth": Case(
        "veth",
        prepare=("ip -n HOST link add br0 address 02:00:5e:00:00:08 type bridge",),
        create={
            "name": "veth0",
            "mtu": 1450,
            "mac_address": MACS[1],
            "controller": "br0",
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "peer": {
                "name": "eth0",
                "netns": "POD",
                "mac_address": MACS[2],
                "addresses": ["10.1.0.2/24", "fd00:1::2/64"],
            },
        },
        made={
            "HOST": {
                **link("veth0", "veth", 1450, MACS[1], master="br0"),
                "addresses": [("veth0", "10.1.0.1/24"), ("veth0", "fd00:1::1/64")],
            },
            "POD": {
                **link("eth0", "veth", 1500, MACS[2]),
                "addresses": [("eth0", "10.1.0.2/24"), ("eth0", "fd00:1::2/64")],
            },
        },
        change={
            "name": "veth0",
            "mtu": 1400,
            "mac_address": MACS[3],
            "controller": "",
            "addresses": ["10.1.0.9/24", "fd00:1::1/48"],
            "purge_addresses": True,
            "peer": {"name": "eth7", "netns": "POD", "mtu": 1400, "addresses": ["10.1.0.8/24"]},
        },
        changed={
            "HOST": {
                **link("veth0", "veth", 1400, MACS[3], master=None),
                "addresses": [("veth0", "10.1.0.9/24"), ("veth0", "fd00:1::1/48")],
            },
            "POD": {**link("eth7", "veth", 1400, MACS[2]), "addresses": [("eth7", "10.1.0.8/24")]},
        },
        drift=(
            "ip -n HOST link set veth0 down",
            "ip -n HOST link set veth0 mtu 1300",
            "ip -n HOST link set veth0 address 02:00:00:00:00:77",
            "ip -n HOST link set veth0 master br0",
            "ip -n HOST address delete 10.1.0.9/24 dev veth0",
            "ip -n HOST address add 10.1.0.77/24 dev veth0",
            "ip -n HOST address add fd00:1::77/64 dev veth0",
            "ip -n POD link set eth7 down",
            "ip -n POD link set eth7 down && ip -n POD link set eth7 name lost",
            "ip -n POD link set eth7 netns HOST",
            "ip -n POD address flush dev eth7 scope global",
        ),
        missing=("name",),
        delete={"name": "veth0"},
        renames=True,
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
