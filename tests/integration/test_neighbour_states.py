# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbours in the states that ip-neighbour(8) makes: asked for as they are, changed, removed, purged beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import ip, ip_batch, ip_json, new_namespace, unchanged
from ansible_collections.weft.fabric.tests.integration.life import MACS

# What others may have made of an address, after its MAC address; and whether it is declared for good.
STATES = {
    "permanent": ("10.3.1.9", "nud permanent", True),
    "IPv6": ("fd00:3::9", "nud permanent", True),
    "a router": ("fd00:3::9", "nud permanent router", True),
    "a daemon's": ("10.3.1.9", "nud permanent protocol bird", True),
    "a control plane's": ("10.3.1.9", "nud permanent extern_learn", False),
    "learned": ("fd00:3::9", "nud stale", False),
    "without ARP": ("10.3.1.9", "nud noarp", False),
}
BESIDE = ("10.3.9.9", MACS[9])
each = pytest.mark.parametrize(("address", "words", "declared"), STATES.values(), ids=STATES)


@pytest.fixture
def place() -> Iterator[str]:
    """A namespace with a VXLAN, which has a neighbour of ours and a proxy entry of others."""
    with new_namespace() as name:
        ip_batch(
            name,
            "link add vx0 type vxlan id 10 dstport 4789",
            "link set vx0 up",
            f"neigh add {BESIDE[0]} lladdr {BESIDE[1]} dev vx0 nud permanent",
            "neigh add proxy 10.3.1.9 dev vx0",
        )
        yield name


def neighbours(name: str) -> dict[str, dict[str, Any]]:
    """The entries by address, without what the kernel counts."""
    rows = ip_json(name, "neigh", "show", "dev", "vx0", "nud", "all")
    assert [row["dst"] for row in ip_json(name, "neigh", "show", "proxy")] == ["10.3.1.9"]
    return {
        row["dst"]: {key: value for key, value in row.items() if key != "probes"}
        for row in rows
        if not row["dst"].startswith("ff")  # multicast groups
    }


def entry(address: str, lladdr: str) -> dict[str, str]:
    return {"dst": address, "lladdr": lladdr}


@each
def test_a_neighbour_through_its_life(address: str, words: str, declared: bool, run_module, place: str) -> None:
    before = neighbours(place)
    ip(place, *f"neigh add {address} lladdr {MACS[1]} dev vx0 {words}".split())
    made = neighbours(place)
    arguments = {"netns": place, "dev": "vx0"}
    same = {**arguments, "entries": [entry(address, MACS[1]), entry(*BESIDE)]}
    if declared:
        with unchanged(place):
            assert not run_module("vxlan_neigh", purge=True, **same)["changed"]
    with unchanged(place):
        assert not run_module("vxlan_neigh", **arguments, entries=[entry(*BESIDE)])["changed"]

    changed = run_module("vxlan_neigh", **arguments, entries=[entry(address, MACS[2])])
    assert (changed.get("msg"), changed.get("changed")) == (None, True)
    assert neighbours(place)[address].items() >= {"lladdr": MACS[2], "state": ["PERMANENT"]}.items()
    assert neighbours(place)[address].get("protocol") == made[address].get("protocol")
    with unchanged(place):
        assert not run_module("vxlan_neigh", **arguments, entries=[entry(address, MACS[2])])["changed"]

    gone = run_module("vxlan_neigh", state="absent", **arguments, entries=[entry(address, MACS[2])])
    assert (gone.get("msg"), gone.get("changed"), neighbours(place)) == (None, True, before)


@each
def test_a_neighbour_beside_which_is_purged(address: str, words: str, declared: bool, run_module, place: str) -> None:
    ip(place, *f"neigh add {address} lladdr {MACS[1]} dev vx0 {words}".split())
    made = neighbours(place)
    done = run_module("vxlan_neigh", netns=place, dev="vx0", entries=[entry(*BESIDE)], purge=True)
    assert (done.get("msg"), done["changed"]) == (None, declared)
    assert neighbours(place) == {dst: row for dst, row in made.items() if not declared or dst != address}
