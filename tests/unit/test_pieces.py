# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces that pods are connected by: CNI networks and drivers make the same links of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import attachments_of
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Interface
from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import topology
from ansible_collections.weft.fabric.plugins.module_utils.kinds.macvlan import MODES
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology

POD = Interface("pod1", "eth0", ["10.9.0.5/24", "fd09::5/64"], recreate=True)
MAC = "02:00:00:00:00:05"
STATIC = {"type": "static", "addresses": [{"address": "10.9.0.5/24"}, {"address": "fd09::5/64"}]}


def only_link(piece: pieces.Pieces) -> dict[str, Any]:
    (link,) = piece["pod1"]["links"]
    return dict(link)


@pytest.mark.parametrize("mode", MODES)
def test_only_a_macvlan_in_mode_passthru_shares_its_parents_mac_address(mode: str) -> None:
    derived = None if mode == "passthru" else values.derived_mac("10.9.0.5/24")
    assert only_link(pieces.macvlan(POD, "eth9", mode, [])).get("mac_address") == derived
    given = Interface("pod1", "eth0", POD.addresses, mac_address=MAC)
    assert only_link(pieces.macvlan(given, "eth9", mode, []))["mac_address"] == MAC, (
        "in passthru it is the parent's too"
    )


def test_an_ipvlan_has_no_mac_address_of_its_own() -> None:
    given = Interface("pod1", "eth0", POD.addresses, mac_address=MAC)
    assert "mac_address" not in only_link(pieces.ipvlan(given, "eth9", "l2", []))


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "source"])
def test_a_cni_network_makes_the_same_macvlan(mode: str) -> None:
    network = {"name": "n", "cniVersion": "1.0.0", "type": "macvlan", "master": "eth9", "mode": mode, "ipam": STATIC}
    (item,) = attachments_of("cni", [{"netns": "pod1", "network": network, "recreate": True}])
    assert item.network.ipam
    attached = item.__class__(**{**item.__dict__, "addresses": item.network.ipam.addresses})
    assert only_link(topology([attached])) == only_link(pieces.macvlan(POD, "eth9", mode, []))


def test_a_gateways_mac_address_follows_from_its_first_address() -> None:
    bridge = pieces.bridge("br0", ["10.9.0.1/24", "fd09::1/64"], mtu=1400)
    assert bridge == {
        "name": "br0",
        "kind": "bridge",
        "mtu": 1400,
        "addresses": ["10.9.0.1/24", "fd09::1/64"],
        "mac_address": values.derived_mac("10.9.0.1/24"),
    }
    assert pieces.bridge("br0", []) == {"name": "br0", "kind": "bridge", "addresses": []}


def test_pieces_are_a_topology_and_stay_as_they_are() -> None:
    one = pieces.on_bridge(POD, "veth0", "br0", [pieces.route("default", "eth0", "10.9.0.1")], hairpin=True)
    two = pieces.point_to_point(
        Interface("pod2", "eth0", ["10.9.0.6/32"]),
        "veth1",
        ["10.9.0.1/32"],
        [pieces.route("10.9.0.1/32", "eth0")],
        [pieces.route("10.9.0.6/32", "veth1", src="10.9.0.1")],
    )
    bridge = {"": {"links": [pieces.bridge("br0", ["10.9.0.1/24"])]}}
    before = repr((bridge, one, two))
    found = pieces.put_together([bridge, one, two, pieces.namespace("pod3", "pod1"), pieces.namespace("pod4")])
    assert repr((bridge, one, two)) == before
    assert [link["name"] for link in found[""]["links"]] == ["br0", "veth0", "veth1"]
    assert (found["pod3"], found["pod4"]) == ({"joins": "pod1"}, {})
    parse_topology(found, purge=True)
