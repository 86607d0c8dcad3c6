# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of a link."""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.life import Case

CASES = {
    "address": Case(
        "address",
        prepare=("ip -n HOST link add v0 type veth peer name v1", "ip -n HOST link set v0 up"),
        create={"dev": "v0", "addresses": ["10.1.0.1/24", "10.1.0.2/24", "fd00:1::1/64"]},
        made={"HOST": {"addresses": [("v0", "10.1.0.1/24"), ("v0", "10.1.0.2/24"), ("v0", "fd00:1::1/64")]}},
        change={"dev": "v0", "addresses": ["10.1.0.2/24", "fd00:1::1/48"], "purge": True},
        changed={"HOST": {"addresses": [("v0", "10.1.0.2/24"), ("v0", "fd00:1::1/48")]}},
        drift=(
            "ip -n HOST address delete 10.1.0.2/24 dev v0",
            "ip -n HOST address add 10.1.0.7/24 dev v0",
            "ip -n HOST address delete fd00:1::1/48 dev v0",
            "ip -n HOST address flush dev v0 scope global",
        ),
        missing=("dev", "addresses"),
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
