# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FDB entries of a VXLAN: where frames for a MAC address are sent."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import FLOOD, MACS, Case

CASES = {
    "vxlan_fdb": Case(
        "vxlan_fdb",
        prepare=("ip -n HOST link add vxlan0 type vxlan id 10 dstport 4789", "ip -n HOST link set vxlan0 up"),
        create={
            "dev": "vxlan0",
            "entries": [
                {"lladdr": MACS[1], "dst": "192.0.2.1"},
                {"lladdr": MACS[2].upper(), "dst": "192.0.2.2", "port": 8472, "vni": 20},
                {"lladdr": MACS[3], "dst": "192.0.2.3", "port": 4789, "vni": 10},
                {"lladdr": FLOOD, "dst": "192.0.2.1"},
                {"lladdr": FLOOD, "dst": "192.0.2.2"},
            ],
        },
        made={
            "HOST": {
                "fdb": [
                    ("vxlan0", FLOOD, "192.0.2.1", None, None, "permanent"),
                    ("vxlan0", FLOOD, "192.0.2.2", None, None, "permanent"),
                    ("vxlan0", MACS[1], "192.0.2.1", None, None, "permanent"),
                    ("vxlan0", MACS[2], "192.0.2.2", 8472, 20, "permanent"),
                    ("vxlan0", MACS[3], "192.0.2.3", None, None, "permanent"),
                ]
            }
        },
        change={
            "dev": "vxlan0",
            "entries": [{"lladdr": MACS[1], "dst": "192.0.2.9"}, {"lladdr": FLOOD, "dst": "192.0.2.2"}],
            "purge": True,
        },
        changed={
            "HOST": {
                "fdb": [
                    ("vxlan0", FLOOD, "192.0.2.2", None, None, "permanent"),
                    ("vxlan0", MACS[1], "192.0.2.9", None, None, "permanent"),
                ]
            }
        },
        drift=(
            f"bridge -n HOST fdb delete {MACS[1]} dev vxlan0 dst 192.0.2.9",
            f"bridge -n HOST fdb replace {MACS[1]} dev vxlan0 dst 192.0.2.66 self permanent",
            f"bridge -n HOST fdb replace {MACS[1]} dev vxlan0 dst 192.0.2.66 self dynamic",
            f"bridge -n HOST fdb append {FLOOD} dev vxlan0 dst 192.0.2.66 self permanent",
            f"bridge -n HOST fdb add {MACS[7]} dev vxlan0 dst 192.0.2.66 self permanent",
        ),
        missing=("dev", "entries"),
    ),
    "vxlan_fdb over IPv6": Case(
        "vxlan_fdb",
        prepare=("ip -n HOST link add vx6 type vxlan id 10 dstport 4789 local 2001:db8::1",),
        create={
            "dev": "vx6",
            "entries": [{"lladdr": MACS[1], "dst": "2001:db8::2"}, {"lladdr": FLOOD, "dst": "2001:db8::2"}],
        },
        made={
            "HOST": {
                "fdb": [
                    ("vx6", FLOOD, "2001:db8::2", None, None, "permanent"),
                    ("vx6", MACS[1], "2001:db8::2", None, None, "permanent"),
                ]
            }
        },
        change={"dev": "vx6", "entries": [{"lladdr": MACS[1], "dst": "2001:0db8:0::3"}], "purge": True},
        changed={"HOST": {"fdb": [("vx6", MACS[1], "2001:db8::3", None, None, "permanent")]}},
        drift=(f"bridge -n HOST fdb replace {MACS[1]} dev vx6 dst 2001:db8::66 self permanent",),
        missing=("dev", "entries"),
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
