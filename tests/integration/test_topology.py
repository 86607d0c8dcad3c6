# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole topologies: links, addresses, routes, neighbours and FDB entries of several namespaces in one call."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case

CASES = {
    "topology": Case(
        "topology",
        create={
            "namespaces": {
                "HOST": {
                    "links": [
                        {"name": "br0", "kind": "bridge", "mac_address": MACS[1], "addresses": ["10.1.0.1/24"]},
                        {
                            "name": "veth0",
                            "kind": "veth",
                            "mac_address": MACS[2],
                            "controller": "br0",
                            "peer": {
                                "name": "eth0",
                                "netns": "POD",
                                "mac_address": MACS[3],
                                "addresses": ["10.1.0.2/24"],
                            },
                        },
                        {
                            "name": "vxlan0",
                            "kind": "vxlan",
                            "vni": "10",
                            "mac_address": MACS[4],
                            "local": "192.0.2.1",
                            "mtu": "1450",
                        },
                    ],
                    "fdb": [{"dev": "vxlan0", "lladdr": MACS[1], "dst": "192.0.2.2"}],
                    "neighbours": [{"dev": "vxlan0", "dst": "10.3.1.0", "lladdr": MACS[1]}],
                    "routes": [{"dst": "10.3.1.0/24", "via": "10.3.1.0", "dev": "vxlan0", "onlink": "true"}],
                },
                "POD": {"routes": [{"dst": "default", "via": "10.1.0.1"}]},
            }
        },
        made={
            "HOST": {
                "addresses": [("br0", "10.1.0.1/24")],
                "fdb": [("vxlan0", MACS[1], "192.0.2.2", None, None, "permanent")],
                "neighbours": [("vxlan0", "10.3.1.0", MACS[1])],
            },
            "POD": {"addresses": [("eth0", "10.1.0.2/24")]},
        },
        change={
            "purge": True,
            "namespaces": {
                "HOST": {
                    "links": [
                        {"name": "br0", "kind": "bridge", "mac_address": MACS[1], "addresses": ["10.1.0.9/24"]},
                        {
                            "name": "veth0",
                            "kind": "veth",
                            "mac_address": MACS[2],
                            "controller": "br0",
                            "peer": {
                                "name": "eth0",
                                "netns": "POD",
                                "mac_address": MACS[3],
                                "addresses": ["10.1.0.3/24"],
                            },
                        },
                        {
                            "name": "vxlan0",
                            "kind": "vxlan",
                            "vni": 10,
                            "mac_address": MACS[4],
                            "local": "192.0.2.1",
                            "mtu": 1400,
                        },
                    ],
                    "fdb": [{"dev": "vxlan0", "lladdr": MACS[1], "dst": "192.0.2.3"}],
                },
                "POD": {"routes": [{"dst": "default", "via": "10.1.0.9"}]},
            },
        },
        changed={
            "HOST": {
                "addresses": [("br0", "10.1.0.9/24")],
                "fdb": [("vxlan0", MACS[1], "192.0.2.3", None, None, "permanent")],
                "neighbours": [],
            },
            "POD": {"addresses": [("eth0", "10.1.0.3/24")]},
        },
        drift=(
            "ip -n HOST link delete vxlan0",
            "ip -n HOST link delete veth0",
            "ip -n HOST link delete br0",
            "ip -n POD route delete default",
            "ip -n POD address flush dev eth0 scope global",
            "ip -n POD link set eth0 netns HOST",
        ),
        missing=("namespaces",),
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
