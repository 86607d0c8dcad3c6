# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have set of a bridge's port, and FDB entries of others, when the port moves or is made again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine import lifeline
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import (
    bridge,
    bridge_json,
    inside,
    ip_batch,
    ip_json,
    unchanged,
)

MAC = "02:00:5e:00:00:{:02x}"
OPTIONS = {
    "priority": "9",
    "cost": "77",
    "hairpin": "on",
    "guard": "on",
    "root_block": "on",
    "fastleave": "on",
    "learning": "off",
    "flood": "off",
    "proxy_arp": "on",
    "proxy_arp_wifi": "on",
    "mcast_router": "2",
    "mcast_flood": "off",
    "mcast_to_unicast": "on",
    "bcast_flood": "off",
    "group_fwd_mask": "8",
    "neigh_suppress": "on",
    "isolated": "on",
    "locked": "on",
}
ENTRIES = (
    f"fdb add {MAC.format(1)} dev PORT master static",
    f"fdb add {MAC.format(2)} dev PORT master static sticky",
    f"fdb add {MAC.format(3)} dev PORT master permanent",
    f"fdb add {MAC.format(4)} dev PORT master extern_learn",
)
TUNNELS = (
    f"fdb add {MAC.format(5)} dev PORT dst 192.0.2.5 port 4790 vni 12",
    f"fdb add {MAC.format(6)} dev PORT dst 192.0.2.6 self extern_learn",
    "fdb append 00:00:00:00:00:00 dev PORT dst 192.0.2.7",
    "fdb append 00:00:00:00:00:00 dev PORT dst 192.0.2.8 via lo",
    "fdb append 00:00:00:00:00:00 dev PORT dst 192.0.2.7 port 4791",
    "fdb append 00:00:00:00:00:00 dev PORT dst 192.0.2.7 vni 12",
    f"fdb add {MAC.format(8)} dev PORT dst 192.0.2.6 router",
    "fdb append 01:00:5e:00:00:99 dev PORT dst 192.0.2.7",
    "fdb append 01:00:5e:00:00:99 dev PORT dst 192.0.2.8",
)


@pytest.fixture
def host(ns) -> Iterator[str]:
    """A namespace that this process is in, with two bridges."""
    name = ns()
    with inside(name):
        ip_batch("", "link add br0 type bridge", "link add br1 type bridge", "link set br0 up", "link set br1 up")
        yield name


def make_port(dev: str, kind: str, entries: tuple[str, ...] = ENTRIES) -> None:
    """A port of br0 with options and entries of others."""
    options = " ".join(f"{name} {value}" for name, value in OPTIONS.items())
    ip_batch("", f"link add {dev} {kind}", f"link set {dev} up master br0")
    ip_batch("", f"link set {dev} type bridge_slave {options}")
    for line in entries:
        bridge("", *line.replace("PORT", dev).split())


def options(dev: str) -> dict[str, Any]:
    """The port's options, without its numbers and times."""
    (row,) = ip_json("", "link", "show", "dev", dev)
    left_out = ("id", "no", "designated_port", "designated_bridge", "state")
    found = row["linkinfo"].get("info_slave_data", {})
    return {name: value for name, value in found.items() if name not in left_out and not name.endswith("_timer")}


def entries(dev: str) -> list[str]:
    """The FDB entries that somebody has made."""
    (link,) = ip_json("", "link", "show", "dev", dev)
    rows = [row for row in bridge_json("", "fdb", "show", "dev", dev) if row["mac"] != link["address"]]
    return sorted(str(row) for row in rows if "dst" in row or "master" in row)


def reach(document: dict[str, Any], **more: Any) -> Any:
    """Reach a document; check mode shows the same, and a second run has nothing to do."""
    would = reconcile(parse_topology({"": document}, **more), check=True)
    did = reconcile(parse_topology({"": document}, **more))
    assert (would.diff, did.warnings) == (did.diff, [])
    with unchanged(""):
        assert not reconcile(parse_topology({"": document}, **more)).changed
    return did


VXLAN = {"name": "vx0", "kind": "vxlan", "vni": 11, "recreate": True}


@pytest.mark.usefixtures("host")
def test_a_port_that_is_made_again() -> None:
    make_port("vx0", "type vxlan id 10 dstport 4789", (*ENTRIES, *TUNNELS))
    before, known = options("vx0"), entries("vx0")
    assert len(known) >= len(ENTRIES) + len(TUNNELS)  # where there are VLANs, a bridge has an entry for each
    did = reach({"links": [VXLAN]})
    assert (options("vx0"), entries("vx0")) == (before, known)
    restored = [line for line in did.diff["after"].splitlines() if line.endswith(" (restored)")]
    assert len(restored) == len(OPTIONS) + len(known), restored
    for line in (
        "link vx0 cost 77",
        "link vx0 flood off",
        f"fdb vx0 {MAC.format(1)} master static",
        f"fdb vx0 {MAC.format(5)} dst 192.0.2.5 port 4790 vni 12",
        f"fdb vx0 {MAC.format(8)} dst 192.0.2.6 router",
        "fdb vx0 00:00:00:00:00:00 dst 192.0.2.7",
        "fdb vx0 00:00:00:00:00:00 dst 192.0.2.7 port 4791",
        "fdb vx0 00:00:00:00:00:00 dst 192.0.2.8 via lo",
    ):
        assert f"{line} (restored)" in restored


@pytest.mark.usefixtures("host")
def test_entries_that_a_vxlan_that_is_made_again_lists() -> None:
    """They are the document's, however it says what is the VXLAN's own."""
    make_port("vx0", "type vxlan id 10 dstport 4789", TUNNELS)
    before = entries("vx0")
    listed = [
        {"dev": "vx0", "lladdr": MAC.format(5), "dst": "192.0.2.5", "port": 4790, "vni": 12},
        {"dev": "vx0", "lladdr": MAC.format(8), "dst": "192.0.2.6", "port": 4789, "vni": 11},
        {"dev": "vx0", "lladdr": "00:00:00:00:00:00", "dst": "192.0.2.8"},
    ]
    did = reach({"links": [{**VXLAN, "port": 4789}], "fdb": listed})
    assert entries("vx0") == before
    shown = [line for line in did.diff["after"].splitlines() if line.startswith("fdb ")]
    assert len(shown) == len(before) - len(listed) and all(line.endswith(" (restored)") for line in shown)


@pytest.mark.usefixtures("host")
def test_what_is_asked_of_a_port_that_is_made_again() -> None:
    make_port("vx0", "type vxlan id 10 dstport 4789", (*ENTRIES, *TUNNELS))
    before, known = options("vx0"), entries("vx0")
    document = {
        "links": [{**VXLAN, "cost": 5, "port_learning": True}],
        "bridge_fdb": [{"dev": "vx0", "lladdr": MAC.format(1)}],
        "fdb": [{"dev": "vx0", "lladdr": MAC.format(6), "dst": "192.0.2.9"}],
    }
    did = reach(document)
    assert options("vx0") == {**before, "cost": 5, "learning": True}
    assert len(entries("vx0")) == len(known)
    assert "192.0.2.9" in " ".join(entries("vx0")) and "link vx0 cost 77" not in did.diff["after"]


@pytest.mark.usefixtures("host")
def test_authoritative_lists_of_a_port_that_is_made_again() -> None:
    """What they would remove is not restored; what they leave to control planes is."""
    make_port("vx0", "type vxlan id 10 dstport 4789", (*ENTRIES, *TUNNELS))
    known = entries("vx0")
    listed = [{"dev": "vx0", "lladdr": MAC.format(7), "dst": "192.0.2.5"}]
    did = reach({"links": [VXLAN], "fdb": listed, "bridge_fdb": [{"dev": "vx0", "lladdr": MAC.format(1)}]}, purge=True)
    gone = {row for row in known if any(word in row for word in (MAC.format(5), MAC.format(2)))}
    left = entries("vx0")
    assert not gone & {*left} and MAC.format(7) in str(left)
    for lost in (MAC.format(4), MAC.format(6), "192.0.2.8"):
        assert lost in str(left), did.diff["before"]


@pytest.mark.usefixtures("host")
def test_a_port_that_moves_to_another_bridge() -> None:
    make_port("p0", "type veth peer name q0")
    known = entries("p0")
    did = reach({"links": [{"name": "p0", "controller": "br1", "cost": 77}]})
    lost = [line for line in did.diff["before"].splitlines() if line.endswith(" (lost: p0 leaves br0)")]
    # What is asked for is not lost.
    assert len(lost) == len(OPTIONS) - 1 + len(known), lost
    assert f"fdb p0 {MAC.format(2)} master static sticky (lost: p0 leaves br0)" in lost
    assert (options("p0")["cost"], options("p0")["hairpin"], entries("p0")) == (77, False, [])


@pytest.mark.usefixtures("host")
def test_a_port_that_is_taken_out_or_deleted() -> None:
    make_port("p0", "type veth peer name q0")
    known = entries("p0")
    did = reach({"links": [{"name": "p0", "controller": ""}]})
    assert did.diff["before"].count("(lost: p0 leaves br0)") == len(OPTIONS) + len(known)
    make_port("p1", "type veth peer name q1")
    did = reach({"links": [{"name": "p1", "kind": "veth", "state": "absent"}]})
    assert "lost" not in did.diff["before"], "they belong to it"


def test_whatever_fails_a_port_is_as_before(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "session", lambda: None)
    make_port("p0", "type veth peer name q0")
    before, known = options("p0"), entries("p0")
    refused = [{"dst": "10.99.0.0/16", "dev": "br1", "via": "10.88.0.1"}]
    document = {"links": [{"name": "p0", "controller": "br1", "cost": 5}], "routes": refused}
    with pytest.raises(FabricError, match="the interfaces are as they were before"):
        reconcile(parse_topology({"": document}))
    assert ip_json(host, "link", "show", "dev", "p0")[0]["master"] == "br0"
    assert (options("p0"), entries("p0")) == (before, known)


@pytest.mark.needs_kind("vlan")  # a kernel without VLANs filters none either
@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("asked", [{}, {"pvid": 30}])
def test_vlans_of_a_port_that_is_made_again(asked: dict[str, Any]) -> None:
    make_port("vx0", "type vxlan id 10 dstport 4789", ())
    for words in ("del vid 1", "add vid 10 pvid untagged", "add vid 20-22", "add vid 30"):
        bridge("", "vlan", *words.split(), "dev", "vx0")
    bridge("", *f"fdb add {MAC.format(1)} dev vx0 master static vlan 20".split())
    before, known = bridge_json("", "vlan", "show", "dev", "vx0"), entries("vx0")
    did = reach({"links": [{**VXLAN, **asked}]})
    after = bridge_json("", "vlan", "show", "dev", "vx0")
    assert entries("vx0") == known
    assert "link vx0 vlans 10,20-22,30 (restored)" in did.diff["after"].splitlines()
    if not asked:
        assert after == before
    assert [row["vlan"] for row in after[0]["vlans"]] == [row["vlan"] for row in before[0]["vlans"]]


@pytest.mark.needs_kind("vlan")
@pytest.mark.usefixtures("host")
def test_vlans_of_a_port_that_moves() -> None:
    make_port("p0", "type veth peer name q0", ())
    bridge("", *["vlan", "add", "vid", "20", "dev", "p0"])
    did = reach({"links": [{"name": "p0", "controller": "br1"}]})
    assert "link p0 vlans 1,20 (lost: p0 leaves br0)" in did.diff["before"].splitlines()


GROUPS = ("239.1.1.1", "239.1.1.2 src 10.0.0.1", "ff05::1", "01:00:5e:00:00:99")


def groups(bridge_name: str) -> list[str]:
    (found,) = bridge_json("", "mdb", "show", "dev", bridge_name)
    return sorted(str({**row, "index": 0}) for row in found["mdb"] if row["state"] == "permanent")


@pytest.mark.usefixtures("host")
def test_multicast_groups_of_a_port() -> None:
    make_port("vx0", "type vxlan id 10 dstport 4789", ())
    for group in GROUPS:
        bridge("", *f"mdb add dev br0 port vx0 grp {group} permanent".split())
    before = groups("br0")
    did = reach({"links": [VXLAN]})
    assert groups("br0") == before and len(before) == len(GROUPS)
    assert "link vx0 mdb 239.1.1.2 src 10.0.0.1 (restored)" in did.diff["after"].splitlines()
    did = reach({"links": [{"name": "vx0", "controller": "br1"}]})
    assert did.diff["before"].count(" mdb ") == did.diff["before"].count("leaves br0)") - len(OPTIONS) == len(GROUPS)


@pytest.mark.usefixtures("host")
def test_vnis_of_a_vxlan_that_is_made_again() -> None:
    ip_batch("", "link add vx0 type vxlan external vnifilter dstport 4789", "link set vx0 up")
    for vnis in ("100", "200-300", "400 remote 192.0.2.9"):
        bridge("", *f"vni add vni {vnis} dev vx0".split())
    bridge("", *f"fdb add {MAC.format(5)} dev vx0 dst 192.0.2.5 src_vni 200".split())
    before, known = bridge_json("", "vni", "show", "dev", "vx0"), entries("vx0")
    did = reach({"links": [{"name": "vx0", "kind": "vxlan", "external": True, "vnifilter": True, "port": 8472,
                            "recreate": True}]})  # fmt: skip
    assert bridge_json("", "vni", "show", "dev", "vx0") == before
    assert entries("vx0") == known and len(known) == 2  # one is of the VNI with a remote
    assert "link vx0 vni 200-300 (restored)" in did.diff["after"].splitlines()
