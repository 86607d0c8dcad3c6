# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPIP tunnels."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import Case

CASES = {
    "ipip": Case(
        "ipip",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={
            "name": "ipip0",
            "local": "192.0.2.1",
            "remote": "192.0.2.2",
            "mode": "any",
            "ttl": 64,
            "tos": 4,
            "addresses": ["10.1.0.1/30"],
        },
        made={"HOST": {"links": {"ipip0": {"kind": "ipip", "up": True}}, "addresses": [("ipip0", "10.1.0.1/30")]}},
        change={
            "name": "ipip0",
            "local": "192.0.2.1",
            "remote": "192.0.2.3",
            "dev": "p0",
            "ttl": 0,
            "tos": 8,
            "pmtudisc": False,
            "mtu": "auto",
            "addresses": ["10.1.0.1/30"],
        },
        changed={"HOST": {"links": {"ipip0": {"kind": "ipip", "mtu": 1480, "up": True}}}},
        drift=(
            "ip -n HOST link set ipip0 type ipip local 192.0.2.77 remote 192.0.2.3 dev p0 mode any nopmtudisc",
            "ip -n HOST link set ipip0 mtu 1300",
            "ip -n HOST link set ipip0 down",
            "ip -n HOST link delete ipip0",
        ),
        missing=("name",),
        delete={"name": "ipip0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
