# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ipvlans: modes and flags."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import Case

CASES = {
    "ipvlan": Case(
        "ipvlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={"name": "i0", "parent": "p0", "addresses": ["10.1.0.1/24", "fd00:1::1/64"]},
        made={
            "HOST": {
                "links": {"i0": {"kind": "ipvlan", "mtu": 1500, "up": True}},
                "addresses": [("i0", "10.1.0.1/24"), ("i0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "i0",
            "parent": "p0",
            "mode": "l3s",
            "flag": "private",
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        changed={"HOST": {"links": {"i0": {"kind": "ipvlan", "mtu": 1500, "up": True}}}},
        drift=(
            "ip -n HOST link set i0 type ipvlan mode l2",
            "ip -n HOST link set i0 type ipvlan vepa",
            "ip -n HOST link set i0 down",
        ),
        missing=("name", "parent"),
        delete={"name": "i0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
