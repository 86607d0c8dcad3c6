# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permanent neighbours on a VXLAN: which MAC address an IP address has."""

from __future__ import annotations

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import ip, ip_json, unchanged
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


@pytest.mark.parametrize("state", ["nud stale", "nud reachable", "nud noarp", "nud stale extern_learn", "extern_learn"])
@pytest.mark.parametrize("address", ["10.3.1.9", "fd00:3::9"])
def test_a_neighbour_that_is_replaced_is_shown(state: str, address: str, run_module, ns) -> None:
    name = ns()
    ip(name, "link", "add", "vx0", "type", "vxlan", "id", "10", "dstport", "4789")
    ip(name, "link", "set", "vx0", "up")
    ip(name, *f"neigh replace {address} lladdr {MACS[7]} dev vx0 {state}".split())
    asked = {"netns": name, "dev": "vx0", "entries": [{"dst": address, "lladdr": MACS[1]}]}
    with unchanged(name):
        planned = run_module("vxlan_neigh", check=True, **asked)
        assert not run_module("vxlan_neigh", netns=name, dev="vx0", entries=[], purge=True)["changed"]
    done = run_module("vxlan_neigh", **asked)
    assert planned["diff"] == done["diff"]
    assert done["diff"]["before"] == f"netns {name}: neighbour vx0 {address} lladdr {MACS[7]} {state}\n"
    assert done["diff"]["after"] == f"netns {name}: neighbour vx0 {address} lladdr {MACS[1]}\n"
    (found,) = [item for item in ip_json(name, "neigh", "show", "dev", "vx0") if item["dst"] == address]
    assert (found["lladdr"], found["state"]) == (MACS[1], ["PERMANENT"])


def test_a_proxy_entry_is_none_that_is_replaced(run_module, ns) -> None:
    """The kernel keeps those in a table of their own."""
    name = ns()
    ip(name, "link", "add", "vx0", "type", "vxlan", "id", "10", "dstport", "4789")
    ip(name, *["neigh", "add", "proxy", "10.3.1.9", "dev", "vx0"])
    done = run_module("vxlan_neigh", netns=name, dev="vx0", entries=[{"dst": "10.3.1.9", "lladdr": MACS[1]}])
    assert (done["changed"], done["diff"]["before"]) == (True, "")
    assert [item["dst"] for item in ip_json(name, "neigh", "show", "proxy")] == ["10.3.1.9"]
