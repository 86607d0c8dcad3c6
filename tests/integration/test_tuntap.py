# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TUN and TAP devices that outlive the program that uses them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import ip_batch, ip_json
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "tuntap": Case(
        "tuntap",
        prepare=("ip -n HOST link add br0 address 02:00:5e:00:00:08 type bridge",),
        create={
            "name": "tap0",
            "mode": "tap",
            "owner": "nobody",
            "mtu": 1400,
            "mac_address": MACS[1],
            "controller": "br0",
        },
        made={
            "HOST": link(
                "tap0", "tun", 1400, MACS[1], master="br0", options={"type": "tap", "persist": True, "user": "nobody"}
            )
        },
        change={
            "name": "tap0",
            "mode": "tap",
            "owner": "nobody",
            "mac_address": MACS[2],
            "mtu": 1500,
            "controller": "",
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        changed={
            "HOST": {
                **link(
                    "tap0",
                    "tun",
                    1500,
                    MACS[2],
                    master=None,
                    options={"type": "tap", "persist": True, "user": "nobody"},
                ),
                "addresses": [("tap0", "10.1.0.1/24"), ("tap0", "fd00:1::1/64")],
            }
        },
        drift=(
            "ip -n HOST link set tap0 mtu 1300",
            "ip -n HOST link set tap0 master br0",
            "ip -n HOST link set tap0 down",
            "ip -n HOST link delete tap0",
        ),
        missing=("name", "mode"),
        delete={"name": "tap0"},
    ),
    "tuntap of several queues, without frames": Case(
        "tuntap",
        create={"name": "tun0", "mode": "tun", "multi_queue": True, "group": 1, "addresses": ["10.1.0.1/24"]},
        made={
            "HOST": {
                "links": {
                    "tun0": {"kind": "tun", "up": True, "options": {"type": "tun", "persist": True, "group": "daemon"}}
                }
            }
        },
        change={"name": "tun0", "mode": "tun", "multi_queue": True, "mtu": 1400, "addresses": ["10.1.0.1/24"]},
        changed={"HOST": {"links": {"tun0": {"options": {"type": "tun", "persist": True, "group": "daemon"}}}}},
        drift=("ip -n HOST link set tun0 mtu 1300", "ip -n HOST link set tun0 down"),
        missing=("name", "mode"),
        delete={"name": "tun0"},
    ),
}


@pytest.mark.needs_kind("tuntap")
def test_the_headers_of_a_program_stay(run_module, ns) -> None:
    """Attaching to a device sets them (tun.c: tun_set_iff), and nobody asks for them."""
    name = ns()
    ip_batch(name, "tuntap add tap0 mode tap pi vnet_hdr")

    def data() -> dict[str, Any]:
        return dict(ip_json(name, "link", "show", "tap0")[0]["linkinfo"]["info_data"])

    before = data()
    done = run_module("tuntap", netns=name, name="tap0", mode="tap", owner="nobody", admin_state="down")
    assert done["diff"]["after"].splitlines() == [f"netns {name}: link tap0 owner 65534"]
    assert (before["pi"], before["vnet_hdr"], data()) == (True, True, {**before, "user": "nobody"})


test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)
