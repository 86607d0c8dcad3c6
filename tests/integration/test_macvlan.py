# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Macvlans: modes, a parent in another namespace, and one that has its parent for itself."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "macvlan": Case(
        "macvlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={
            "name": "m0",
            "parent": "p0",
            "mtu": 1400,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        made={
            "HOST": {
                **link("m0", "macvlan", 1400, MACS[1], options={"mode": "bridge"}),
                "addresses": [("m0", "10.1.0.1/24"), ("m0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "m0",
            "parent": "p0",
            "mtu": "auto",
            "mac_address": MACS[2],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "mode": "source",
            "source_macs": [MACS[4].upper(), MACS[3]],
        },
        changed={"HOST": link("m0", "macvlan", 1500, MACS[2])},
        drift=(
            "ip -n HOST link set m0 type macvlan mode private",
            f"ip -n HOST link set m0 type macvlan macaddr add {MACS[7]}",
            f"ip -n HOST link set m0 type macvlan macaddr del {MACS[3]}",
            "ip -n HOST link set m0 type macvlan macaddr flush",
            "ip -n HOST link set m0 mtu 1300",
            "ip -n HOST link set m0 address 02:00:00:00:00:77",
            "ip -n HOST link set m0 down",
        ),
        missing=("name", "parent"),
        delete={"name": "m0"},
    ),
    "macvlan on a link of another namespace, which has one of that name": Case(
        "macvlan",
        prepare=("ip -n POD link add eth0 type veth peer name far0", "ip -n POD link set eth0 up"),
        create={"name": "eth0", "parent": "far0", "parent_netns": "POD", "mac_address": MACS[1]},
        made={
            "HOST": {
                "links": {"eth0": {"kind": "macvlan", "mtu": 1500, "up": True, "options": {"mode": "bridge"}}},
            }
        },
        change={
            "name": "eth0",
            "parent": "far0",
            "parent_netns": "POD",
            "mode": "vepa",
            "mtu": 1400,
            "mac_address": MACS[2],
            "addresses": ["10.1.0.1/24"],
        },
        changed={"HOST": {"links": {"eth0": {"mtu": 1400, "options": {"mode": "vepa"}}}}},
        drift=("ip -n HOST link set eth0 type macvlan mode bridge", "ip -n HOST link delete eth0"),
        missing=("name", "parent"),
        delete={"name": "eth0"},
    ),
    "macvlan alone on its parent": Case(
        "macvlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0",),
        create={"name": "m0", "parent": "p0", "mode": "passthru", "nopromisc": True, "mac_address": MACS[1]},
        made={
            "HOST": {
                "links": {"p0": {"address": MACS[1]}, "m0": {"options": {"mode": "passthru", "nopromisc": True}}},
            }
        },
        change={"name": "m0", "parent": "p0", "mode": "passthru", "nopromisc": False, "mac_address": MACS[2]},
        changed={"HOST": {"links": {"p0": {"address": MACS[2]}, "m0": {"options": {"mode": "passthru"}}}}},
        drift=(
            "ip -n HOST link set m0 address 02:00:00:00:00:77",
            "ip -n HOST link set m0 type macvlan mode passthru nopromisc",
            "ip -n HOST link delete m0",
        ),
        missing=("name", "parent"),
        delete={"name": "m0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
