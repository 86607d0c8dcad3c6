# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbours in the states that ip-neighbour(8) makes: asked for as they are, changed, removed, purged beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal
from ansible_collections.weft.fabric.tests.integration.kernel import ip, ip_batch, ip_json, new_namespace, unchanged
from ansible_collections.weft.fabric.tests.integration.life import MACS

# What others may have made of an address, after its MAC address; whether it is declared, and whether it is ours.
STATES = {
    "permanent": ("10.3.1.9", "nud permanent", True, True),
    "IPv6": ("fd00:3::9", "nud permanent", True, True),
    "a router": ("fd00:3::9", "nud permanent router", True, True),
    "an administrator's": ("10.3.1.9", "nud permanent proto static", True, True),
    "ours, marked": ("10.3.1.9", "nud permanent proto 119", True, True),
    "a daemon's": ("10.3.1.9", "nud permanent proto bird", True, False),
    "zebra's router": ("fd00:3::9", "nud permanent router proto zebra", True, False),
    "a control plane's": ("10.3.1.9", "nud permanent extern_learn", False, False),
    "learned": ("fd00:3::9", "nud stale", False, False),
    "a learned router": ("fd00:3::9", "nud stale router", False, False),
    "without ARP": ("10.3.1.9", "nud noarp", False, False),
}
BESIDE = ("10.3.9.9", MACS[9])
# What a change keeps of them: the kernel keeps the program's number by itself.
KEPT = ("router", "proto")
each = pytest.mark.parametrize(("address", "words", "declared", "ours"), STATES.values(), ids=STATES)


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


def shown(place: str, address: str, lladdr: str, words: str) -> str:
    """The line of a diff: nobody says what is so of all declared ones."""
    said = words.replace("nud permanent", "").replace("proto 119", "").split()
    return " ".join([f"netns {place}: neighbour vx0 {address} lladdr {lladdr}", *said])


def kept(words: str) -> str:
    found = words.split()
    return " ".join(
        [*(["router"] if "router" in found else []), *(found[found.index("proto") :] if "proto" in found else [])]
    )


def entry(address: str, lladdr: str) -> dict[str, str]:
    return {"dst": address, "lladdr": lladdr}


@each
def test_a_neighbour_through_its_life(
    address: str, words: str, declared: bool, ours: bool, run_module, place: str
) -> None:
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
    assert [neighbours(place)[address].get(key) for key in KEPT] == [made[address].get(key) for key in KEPT]
    assert changed["diff"] == {"before": f"{shown(place, address, MACS[1], words)}\n",
                               "after": f"{shown(place, address, MACS[2], kept(words))}\n"}  # fmt: skip
    with unchanged(place):
        assert not run_module("vxlan_neigh", **arguments, entries=[entry(address, MACS[2])])["changed"]

    gone = run_module("vxlan_neigh", state="absent", **arguments, entries=[entry(address, MACS[2])])
    assert (gone.get("msg"), gone.get("changed"), neighbours(place)) == (None, True, before)


@each
def test_a_neighbour_beside_which_is_purged(
    address: str, words: str, declared: bool, ours: bool, run_module, place: str
) -> None:
    ip(place, *f"neigh add {address} lladdr {MACS[1]} dev vx0 {words}".split())
    made = neighbours(place)
    done = run_module("vxlan_neigh", netns=place, dev="vx0", entries=[entry(*BESIDE)], purge=True)
    assert (done.get("msg"), done["changed"]) == (None, ours)
    assert neighbours(place) == {dst: row for dst, row in made.items() if not ours or dst != address}
    line = shown(place, address, MACS[1], words)
    assert done["diff"]["before"] == (f"{line}\n" if ours else "")


def managed(place: str) -> list[str]:
    rows = ip_json(place, "neigh", "show", "dev", "e0", "nud", "all")
    return sorted(row["dst"] for row in rows if "managed" in row)


def test_neighbours_that_the_kernel_manages(run_module, ns) -> None:
    """Somebody wants the kernel to keep them resolved (NTF_EXT_MANAGED): they are shown as that, and never purged."""
    place, far = ns(), ns()
    ip_batch(place, f"link add e0 type veth peer name e1 netns {far}", "link set e0 up", "addr add 10.3.1.1/24 dev e0")
    ip_batch(far, "link set e1 up", "addr add 10.3.1.9/24 dev e1")
    ip_batch(place, "neigh add 10.3.1.8 dev e0 managed", "neigh add 10.3.1.9 dev e0 managed")
    assert managed(place) == ["10.3.1.8", "10.3.1.9"]
    assert not run_module("vxlan_neigh", netns=place, dev="e0", entries=[], purge=True)["changed"]
    for address in ("10.3.1.8", "10.3.1.9"):  # nobody answers for the first
        taken = run_module("vxlan_neigh", netns=place, dev="e0", entries=[entry(address, MACS[2])])
        assert taken["diff"]["before"].endswith(" managed\n")
        assert taken["diff"]["after"] == f"netns {place}: neighbour e0 {address} lladdr {MACS[2]}\n"
    assert managed(place) == []


@pytest.mark.parametrize("whose", ["", " proto zebra"])
def test_what_a_document_no_longer_lists_stays_if_it_is_another_programs(whose: str, place: str) -> None:
    ip(place, *f"neigh add 10.3.1.9 lladdr {MACS[1]} dev vx0 nud permanent{whose}".split())
    listed = Removal(place, Neighbour("vx0", "10.3.1.9", MACS[1]))
    outcome = reconcile(Document(removals=[listed]))
    assert outcome.changed == (not whose)
    assert ("10.3.1.9" in neighbours(place)) == bool(whose)
