# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FDB entries of a VXLAN: where frames for a MAC address are sent."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import bridge, ip, ip_batch, unchanged
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


# -- entries that others made ------------------------------------------------------------------------------

# What bridge(8) adds to each device, and what a task says of it.
OTHERS = {
    f"{FLOOD} dst 10.3.0.9 via e0": ("vx0", {"lladdr": FLOOD, "dst": "10.3.0.9", "via": "e0"}),
    f"{MACS[1]} dst 10.3.0.9 port 99 vni 5 via e0": (
        "vx0",
        {"lladdr": MACS[1], "dst": "10.3.0.9", "port": 99, "vni": 5, "via": "e0"},
    ),
    f"{MACS[2]} nhid 102": ("vx0", {"lladdr": MACS[2], "nhid": 102}),
    f"{MACS[1]} dst 10.3.0.9 src_vni 10 vni 20": (
        "ex0",
        {"lladdr": MACS[1], "dst": "10.3.0.9", "vni": 20, "src_vni": 10},
    ),
    f"{MACS[1]} dst 10.3.0.8 src_vni 11 vni 21 via e0": (
        "ex0",
        {"lladdr": MACS[1], "dst": "10.3.0.8", "vni": 21, "src_vni": 11, "via": "e0"},
    ),
}
LISTS = {dev: [entry for on, entry in OTHERS.values() if on == dev] for dev in ("vx0", "ex0")}


def with_entries_of_others(name: str) -> None:
    ip_batch(
        name,
        "link add e0 type veth peer name e1",
        "link add vx0 type vxlan id 7 dstport 4789 dev e0 remote 10.3.0.5",
        "link add ex0 type vxlan external dstport 4790",
        "nexthop add id 12 via 10.3.0.2 fdb",
        "nexthop add id 102 group 12 fdb",
    )
    for words, (dev, _entry) in OTHERS.items():
        bridge(name, "fdb", "append", *words.split(" ", 1)[0].split(), "dev", dev, *words.split()[1:])


def entries(name: str) -> list[str]:
    return sorted(line for dev in ("vx0", "ex0") for line in bridge(name, "fdb", "show", "dev", dev).splitlines())


def test_entries_of_all_forms_are_taken_for_what_they_are(run_module, ns) -> None:
    name = ns()
    with_entries_of_others(name)
    with unchanged(name):
        for dev, listed in LISTS.items():
            done = run_module("vxlan_fdb", netns=name, dev=dev, entries=listed, purge=True)
            assert (done.get("msg"), done["changed"]) == (None, False)
            assert sorted(done["entries"], key=str) == sorted(({"dev": dev, **entry} for entry in listed), key=str)
        # One that says nothing of the interface means the one that is there, as does the VXLAN's own remote.
        asked = [{"lladdr": FLOOD, "dst": "10.3.0.9"}, {"lladdr": FLOOD, "dst": "10.3.0.5"}]
        assert not run_module("vxlan_fdb", netns=name, dev="vx0", entries=asked)["changed"]


def test_entries_of_all_forms_are_deleted_and_made_again(run_module, ns) -> None:
    name = ns()
    with_entries_of_others(name)
    before = entries(name)
    for arguments in ({"entries": [], "purge": True}, {"state": "absent"}):
        for dev, listed in LISTS.items():
            asked = {"netns": name, "dev": dev, "entries": listed, **arguments}
            assert run_module("vxlan_fdb", **asked)["changed"]
            with unchanged(name):
                assert not run_module("vxlan_fdb", **asked)["changed"]
        assert entries(name) == [f"{FLOOD} dst 10.3.0.5 via e0 self permanent"]
        for dev, listed in LISTS.items():
            assert run_module("vxlan_fdb", netns=name, dev=dev, entries=listed)["changed"]
        assert entries(name) == before


def test_one_entry_of_a_mac_address_is_changed_alone(run_module, ns) -> None:
    """On an external VXLAN, another VNI's entry of it is another one."""
    name = ns()
    with_entries_of_others(name)
    before = entries(name)
    asked = [{"lladdr": MACS[1], "dst": "10.3.0.7", "src_vni": 10, "vni": 20}]
    done = run_module("vxlan_fdb", netns=name, dev="ex0", entries=asked)
    assert done["diff"]["before"].strip().endswith(f"fdb ex0 {MACS[1]} dst 10.3.0.9 vni 20 src_vni 10")
    changed = f"{MACS[1]} dst 10.3.0.{{}} vni 20 src_vni 10 self permanent"
    assert {*entries(name)} ^ {*before} == {changed.format(7), changed.format(9)}


def test_a_destination_becomes_nexthops_and_back(run_module, ns) -> None:
    """The kernel refuses the one, and takes the other without doing anything."""
    name = ns()
    with_entries_of_others(name)
    for words in ({"dst": "10.3.0.7"}, {"nhid": 102}):
        asked = {"netns": name, "dev": "vx0", "entries": [{"lladdr": MACS[2], **words}]}
        done = run_module("vxlan_fdb", **asked)
        shown = " ".join(f"{option} {value}" for option, value in words.items())
        assert (done.get("msg"), done["changed"]) == (None, True)
        assert [line for line in entries(name) if MACS[2] in line] == [f"{MACS[2]} {shown} self permanent"]
        assert len(done["diff"]["before"].splitlines()) == len(done["diff"]["after"].splitlines()) == 1
        with unchanged(name):
            assert not run_module("vxlan_fdb", **asked)["changed"]


def test_frames_are_flooded_to_nexthops(run_module, ns) -> None:
    name = ns()
    with_entries_of_others(name)
    ip(name, "link", "add", "vx1", "type", "vxlan", "id", "8", "dstport", "4789")
    asked = {"netns": name, "dev": "vx1", "entries": [{"lladdr": FLOOD, "nhid": 102}]}
    assert run_module("vxlan_fdb", **asked)["changed"]
    assert bridge(name, "fdb", "show", "dev", "vx1").split() == [FLOOD, "nhid", "102", "self", "permanent"]
    with unchanged(name):
        assert not run_module("vxlan_fdb", **asked)["changed"]


@pytest.mark.parametrize("whose", ["self", "master"])
def test_a_control_planes_flood_entries_stay(whose: str, run_module, ns) -> None:
    """They bear no mark of who made them; those of MAC addresses do, in the VXLAN or in its bridge."""
    name = ns()
    with_entries_of_others(name)
    if whose == "master":
        ip_batch(name, "link add br0 type bridge", "link set vx0 master br0")
    words = "dst 10.3.0.77 self" if whose == "self" else "master"
    bridge(name, *f"fdb append {MACS[5]} dev vx0 {words} extern_learn".split())
    before = entries(name)
    own = [entry for entry in LISTS["vx0"] if entry["lladdr"] != FLOOD]
    with unchanged(name):
        assert not run_module("vxlan_fdb", netns=name, dev="vx0", entries=own, purge=True)["changed"]
    assert run_module("vxlan_fdb", netns=name, dev="vx0", entries=[], purge=True)["changed"]
    gone = {MACS[1], MACS[2]}
    assert {line.split()[0] for line in {*before} - {*entries(name)}} == gone, "entries of its own are still purged"


def lines(done: dict[str, Any], when: str) -> list[str]:
    """A diff without the namespaces."""
    return [line.partition(": ")[2] for line in done["diff"][when].splitlines()]


@pytest.mark.parametrize("destination", ["dst 10.3.0.9", "nhid 102"])
@pytest.mark.parametrize(
    ("made", "shown"),
    [("dynamic", "dynamic"), ("extern_learn", "extern_learn"), ("dynamic extern_learn", "dynamic extern_learn")],
)
def test_a_learned_entry_that_is_replaced_is_shown(made: str, shown: str, destination: str, run_module, ns) -> None:
    name = ns()
    with_entries_of_others(name)
    bridge(name, *f"fdb replace {MACS[5]} dev vx0 {destination} self {made}".split())
    asked = {"netns": name, "dev": "vx0", "entries": [{"lladdr": MACS[5], "dst": "10.3.0.7"}]}
    with unchanged(name):
        planned = run_module("vxlan_fdb", check=True, **asked)
    done = run_module("vxlan_fdb", **asked)
    assert planned["diff"] == done["diff"]
    assert lines(done, "before") == [f"fdb vx0 {MACS[5]} {destination} {shown}"]
    assert lines(done, "after") == [f"fdb vx0 {MACS[5]} dst 10.3.0.7"]
    assert f"{MACS[5]} dst 10.3.0.7 self permanent" in entries(name)


@pytest.mark.parametrize("made", ["permanent", "dynamic"])
def test_an_entry_of_a_router_stays_one(made: str, run_module, ns) -> None:
    """The kernel routes what is sent there by itself (NTF_ROUTER); nobody asks for that here, so it stays."""
    name = ns()
    ip_batch(name, "link add vx0 type vxlan id 7 dstport 4789")
    bridge(name, *f"fdb add {MACS[1]} dev vx0 dst 10.3.0.8 self {made} router".split())
    bridge(name, *f"fdb add {MACS[2]} dev vx0 dst 10.3.0.8 self permanent router".split())
    asked = {"netns": name, "dev": "vx0", "entries": [{"lladdr": MACS[1], "dst": "10.3.0.9"}]}
    done = run_module("vxlan_fdb", **asked)
    mark = "dynamic router" if made == "dynamic" else "router"
    assert lines(done, "before") == [f"fdb vx0 {MACS[1]} dst 10.3.0.8 {mark}"]
    assert lines(done, "after") == [f"fdb vx0 {MACS[1]} dst 10.3.0.9 router"]
    assert f"{MACS[1]} dst 10.3.0.9 self router permanent" in bridge(name, "fdb", "show", "dev", "vx0")
    with unchanged(name):
        assert not run_module("vxlan_fdb", **asked)["changed"]
    purged = run_module("vxlan_fdb", **asked, purge=True)
    assert lines(purged, "before") == [f"fdb vx0 {MACS[2]} dst 10.3.0.8 router"]


def test_flooding_to_one_vtep_by_several_ports(run_module, ns) -> None:
    """The VXLAN's own remote is one of them, and is not reported."""
    name = ns()
    ip_batch(name, "link add vx0 type vxlan id 7 dstport 4789 remote 10.3.0.8")
    asked = {"netns": name, "dev": "vx0", "entries": [{"lladdr": FLOOD, "dst": "10.3.0.8", "port": 4790}]}
    assert run_module("vxlan_fdb", **asked, purge=True)["changed"]
    assert f"{FLOOD} dst 10.3.0.8 port 4790 self permanent" in bridge(name, "fdb", "show", "dev", "vx0")
    with unchanged(name):
        own = {"lladdr": FLOOD, "dst": "10.3.0.8"}
        assert not run_module("vxlan_fdb", **{**asked, "entries": [*asked["entries"], own]}, purge=True)["changed"]
    assert run_module("vxlan_fdb", netns=name, dev="vx0", entries=[], purge=True)["changed"]
    assert len(vteps(name)) == 1


def test_a_vnis_own_group_and_remote_are_not_purged(run_module, ns) -> None:
    """With them, the kernel makes the entries by which it floods frames of the VNI (vxlan_vnifilter.c)."""
    name = ns()
    ip_batch(name, "link add e0 type veth peer name e1", "link set e0 up",
             "link add vx0 type vxlan external vnifilter local 10.3.0.1 dev e0 dstport 4789",
             "link set vx0 up")  # fmt: skip
    for vnis in ("200 group 239.1.1.101", "201-202 remote 10.3.0.9"):
        bridge(name, *f"vni add dev vx0 vni {vnis}".split())
    own = bridge(name, "fdb", "show", "dev", "vx0")
    assert (own.count("239.1.1.101"), own.count("10.3.0.9")) == (1, 2)
    ours = {"lladdr": FLOOD, "dst": "10.3.0.8", "src_vni": 200, "vni": 200}
    asked = {"netns": name, "dev": "vx0", "entries": [ours], "purge": True}
    assert run_module("vxlan_fdb", **asked)["changed"]
    with unchanged(name):
        assert not run_module("vxlan_fdb", **asked)["changed"]
        same = {"lladdr": FLOOD, "dst": "10.3.0.9", "src_vni": 201, "vni": 201}
        assert not run_module("vxlan_fdb", netns=name, dev="vx0", entries=[ours, same])["changed"]
    purged = run_module("vxlan_fdb", **{**asked, "entries": []})
    assert [line.partition(" vni ")[0] for line in lines(purged, "before")] == [f"fdb vx0 {FLOOD} dst 10.3.0.8"]
    assert bridge(name, "fdb", "show", "dev", "vx0") == own


def with_flooding_of_zebra(name: str, bridged: str = "vx0") -> None:
    """A VXLAN of EVPN before its first MAC address: zebra sets the state that bridge(8) sets."""
    ip_batch(
        name,
        "link add br0 type bridge",
        "link add vx0 type vxlan id 7 dstport 4789 nolearning local 10.3.0.1",
        f"link set {bridged} master br0",
    )
    for number in (8, 9):
        bridge(name, *f"fdb append {FLOOD} dev vx0 dst 10.3.0.{number} self permanent".split())


def vteps(name: str) -> list[str]:
    shown = bridge(name, "fdb", "show", "dev", "vx0").splitlines()
    return sorted(line.split()[2] for line in shown if line.startswith(FLOOD))


def test_a_vxlan_that_zebra_only_floods_by_yet_keeps_its_vteps(run_module, ns) -> None:
    name = ns()
    with_flooding_of_zebra(name)
    with unchanged(name):
        for listed in ([], [{"lladdr": FLOOD, "dst": "10.3.0.9"}]):
            assert not run_module("vxlan_fdb", netns=name, dev="vx0", entries=listed, purge=True)["changed"]
    # Ours are in the same entry of the kernel, and must not make the others look like ours.
    ours = [{"lladdr": FLOOD, "dst": "10.3.0.7"}, {"lladdr": MACS[1], "dst": "10.3.0.7"}]
    assert run_module("vxlan_fdb", netns=name, dev="vx0", entries=ours, purge=True)["changed"]
    assert vteps(name) == ["10.3.0.7", "10.3.0.8", "10.3.0.9"]
    with unchanged(name):
        assert not run_module("vxlan_fdb", netns=name, dev="vx0", entries=ours, purge=True)["changed"]
    purged = run_module("vxlan_fdb", netns=name, dev="vx0", entries=[], purge=True)
    assert lines(purged, "before") == [f"fdb vx0 {MACS[1]} dst 10.3.0.7"]
    # One that a task names is the task's.
    assert run_module("vxlan_fdb", netns=name, dev="vx0", entries=ours[:1], state="absent")["changed"]
    assert vteps(name) == ["10.3.0.8", "10.3.0.9"]


@pytest.mark.parametrize("bridged", ["vx0", "e0"])
def test_vteps_that_are_no_control_planes_are_purged(bridged: str, run_module, ns) -> None:
    """Ours in a bridge's VXLAN, and those of bridge(8) in another one."""
    name = ns()
    ip(name, "link", "add", "e0", "type", "veth", "peer", "name", "e1")
    with_flooding_of_zebra(name, bridged)
    if bridged == "vx0":
        bridge(name, *f"fdb delete {FLOOD} dev vx0 dst 10.3.0.8 self".split())
        bridge(name, *f"fdb delete {FLOOD} dev vx0 dst 10.3.0.9 self".split())
        listed = [{"lladdr": FLOOD, "dst": "10.3.0.9"}, {"lladdr": FLOOD, "dst": "10.3.0.8"}]
        run_module("vxlan_fdb", netns=name, dev="vx0", entries=listed)
    assert vteps(name) == ["10.3.0.8", "10.3.0.9"]
    kept = [{"lladdr": FLOOD, "dst": "10.3.0.9"}]
    assert run_module("vxlan_fdb", netns=name, dev="vx0", entries=kept, purge=True)["changed"]
    assert vteps(name) == ["10.3.0.9"]


def test_entries_that_are_none_are_refused(run_module, ns) -> None:
    name = ns()
    ip_batch(name, "link add vx0 type vxlan id 7 dstport 4789")
    done = run_module("vxlan_fdb", netns=name, dev="vx0", entries=[{"lladdr": MACS[1], "nhid": 99}])
    assert done["failed"] and "FDB entry" in done["msg"] and "nhid 99" in done["msg"]
    assert "nhid is a group of nexthops that were made with 'fdb'" in done["msg"]
    other = run_module("vxlan_fdb", netns=name, dev="vx0", entries=[{"lladdr": MACS[1], "dst": "fd00::9"}])
    assert "dst is of the IP version of the VXLAN's own outer packets" in other["msg"]
    with unchanged(name):
        for entry, told in (
            ({"lladdr": MACS[1]}, "give either the other VTEP's address, or nhid"),
            ({"lladdr": MACS[1], "dst": "10.0.0.1", "nhid": 5}, "give either the other VTEP's address, or nhid"),
            ({"lladdr": MACS[1], "dst": "10.0.0.1", "src_vni": 2**24}, "from 0 to 16777215"),
        ):
            assert told in run_module("vxlan_fdb", netns=name, dev="vx0", entries=[entry])["msg"]
