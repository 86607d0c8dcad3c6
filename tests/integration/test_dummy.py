# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dummy links."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "dummy": Case(
        "dummy",
        create={"name": "d0", "mac_address": MACS[1], "addresses": ["10.1.0.1/32", "fd00:1::1/128"]},
        made={
            "HOST": {
                **link("d0", "dummy", 1500, MACS[1]),
                "addresses": [("d0", "10.1.0.1/32"), ("d0", "fd00:1::1/128")],
            }
        },
        change={"name": "d0", "mtu": 9000, "mac_address": MACS[2], "addresses": ["10.1.0.1/32", "fd00:1::1/128"]},
        changed={"HOST": link("d0", "dummy", 9000, MACS[2])},
        drift=("ip -n HOST link set d0 mtu 1400", "ip -n HOST link set d0 down", "ip -n HOST link delete d0"),
        missing=("name",),
        delete={"name": "d0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
