# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permanent neighbours on a VXLAN: which MAC address an IP address has."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case

CASES = {
    "vxlan_neigh": Case(
        "vxlan_neigh",
        prepare=("ip -n HOST link add vxlan0 type vxlan id 10 dstport 4789", "ip -n HOST link set vxlan0 up"),
        create={
            "dev": "vxlan0",
            "entries": [{"dst": "10.3.1.0", "lladdr": MACS[1]}, {"dst": "fd00:3:0::1", "lladdr": MACS[1].upper()}],
        },
        made={"HOST": {"neighbours": [("vxlan0", "10.3.1.0", MACS[1]), ("vxlan0", "fd00:3::1", MACS[1])]}},
        change={
            "dev": "vxlan0",
            "entries": [{"dst": "10.3.2.0", "lladdr": MACS[1]}, {"dst": "fd00:3::1", "lladdr": MACS[2]}],
            "purge": True,
        },
        changed={"HOST": {"neighbours": [("vxlan0", "10.3.2.0", MACS[1]), ("vxlan0", "fd00:3::1", MACS[2])]}},
        drift=(
            "ip -n HOST neigh delete 10.3.2.0 dev vxlan0",
            f"ip -n HOST neigh replace 10.3.2.0 lladdr {MACS[7]} dev vxlan0 nud permanent",
            f"ip -n HOST neigh replace fd00:3::1 lladdr {MACS[2]} dev vxlan0 nud stale",
            f"ip -n HOST neigh add 10.3.7.0 lladdr {MACS[7]} dev vxlan0 nud permanent",
        ),
        missing=("dev", "entries"),
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
