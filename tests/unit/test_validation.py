# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All faults of all hosts, each as a line, from the variables that an inventory sets."""

from __future__ import annotations

import copy
import pathlib
from typing import Any

import pytest
import yaml

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import specification
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.inventory import Inventory
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.validation import Validated, validate

ROLES = pathlib.Path(__file__).parents[2] / "roles"
OPTIONS = {
    name: option
    for path in ROLES.glob("*/meta/argument_specs.yml")
    for specs in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
    for name, option in specs["options"].items()
}

MACVLAN = {"driver": "macvlan", "parent": "eth0", "subnet": "10.9.0.0/24"}
HOST_LOCAL = {"type": "host-local", "subnet": "10.8.0.0/24"}
CNI = {"driver": "cni", "config": {"cniVersion": "1.0.0", "name": "net", "type": "ptp", "ipam": HOST_LOCAL}}


def node(number: Any, address: Any = None, **more: Any) -> dict[str, Any]:
    return {"number": number, "address": address or f"192.168.1.{number + 11}/24", "dev": "eth0", **more}


def hosts() -> dict[str, dict[str, Any]]:
    """Variables of three nodes and a router, with nothing to refuse."""
    found: dict[str, dict[str, Any]] = {
        name: {
            "overlay_node": node(number),
            "pods_pods": [{"name": "pod", "address": f"10.244.{number}.2"}],
            "mgmt_routing_routes": [{"dst": "192.168.2.0/24", "via": "192.168.1.1", "dev": "eth0"}],
        }
        for number, name in enumerate("abc")
    }
    found["router"] = {
        "mgmt_routing_forward": ["ipv4"],
        "masquerade_rules": [{"source": "192.168.1.0/24", "out_interface": "eth1", "exempt": ["192.168.3.0/24"]}],
    }
    return found


def of(changes: dict[str, dict[str, Any]], **more: Any) -> Validated:
    """The validation of hosts() with other variables: of a host, or of ``all`` nodes."""
    there = hosts()
    for name in "abc":
        there[name].update(copy.deepcopy(changes.get("all", {})))
    for name, variables in changes.items():
        if name != "all":
            there[name].update(variables)
    return validate(Inventory(there, ("a", "b", "c"), "nodes", OPTIONS, **more))


def test_nothing_is_refused_in_what_is_right() -> None:
    found = of({})
    assert (found.faults, found.warnings) == ([], [])
    assert list(found.overlays["default"].nodes) == ["a", "b", "c"]


WHOLE = "a whole number from"
NAMES = "an interface name holds 1 to 15 characters, and no white space, '/', ':' or '%'"
ADDRESS = "give an IPv4 or IPv6 address, like 192.168.1.138 or 2001:db8::1"

CASES: dict[str, tuple[dict[str, dict[str, Any]], list[str]]] = {
    # Nodes
    "all values of a node": (
        {"a": {"overlay_node": {"number": -1, "address": "x", "dev": "e/0", "adress": "192.168.1.11"}}},
        [
            "a: overlay_node.adress: '192.168.1.11' is refused: a node takes only number, address, dev",
            f"a: overlay_node.dev: 'e/0' is refused: {NAMES}",
            "a: overlay_node.number: -1 is refused: give a whole number from 0 on, to each node its own",
            f"a: overlay_node.address: 'x' is refused: {ADDRESS}",
        ],
    ),
    "no node": (
        {"a": {"overlay_node": None}, "b": {"overlay_node": "b"}},
        [
            "a: overlay_node: None is refused: give the node's number, address and dev",
            "b: overlay_node: 'b' is refused: give the node's number, address and dev",
        ],
    ),
    "three nodes with one number and address": (
        {name: {"overlay_node": node(7)} for name in "abc"}
        | {"all": {"pods_pods": [{"name": "pod", "address": "10.244.7.2"}]}},
        [
            f"{name}: overlay_node.{parameter} is refused: a has it too; give each node {remedy}"
            for parameter, remedy in (
                ("number: 7", "a number of its own"),
                ("address: '192.168.1.18'", "its own underlay address (a cloned machine?)"),
            )
            for name in "bc"
        ],
    ),
    "a number beyond the network, and an address in the overlay": (
        {"b": {"overlay_node": node(256, "10.244.0.9/24")}},
        [
            f"b: overlay_node.number: 256 is refused: give {WHOLE} 0 to 255 (10.244.0.0/16 has room for 256 nodes of "
            "/24: take a free number or a wider network)",
            "b: overlay_node.address: '10.244.0.9/24' is refused: it is inside the overlay 10.244.0.0/16: "
            "keep the two apart",
        ],
    ),
    "two families, of which most nodes have one": (
        {"a": {"overlay_node": node(0, "2001:db8::1/64")}},
        [
            "a: overlay_node.address: '2001:db8::1' is refused: b has 192.168.1.12: run one overlay over IPv4 or over "
            "IPv6, not over both",
        ],
    ),
    "a mode that needs prefix lengths": (
        {"all": {"overlay_mode": "cross_subnet"}, "a": {"overlay_node": node(0, "192.168.1.11")},
         "c": {"overlay_node": node(2, "192.168.1.13/25")}},
        [
            "a: overlay_node.address: '192.168.1.11' is refused: mode cross_subnet needs its prefix length to know the "
            "nodes of a segment: give 192.168.1.11/24 or such",
            "c: overlay_node.address: '192.168.1.13/25' is refused: b is in 192.168.1.0/24, which overlaps: nodes of "
            "one segment have one prefix length",
        ],
    ),
    "mode direct across segments": (
        {"all": {"overlay_mode": "direct"}, "a": {"overlay_node": node(0, "192.168.2.11/24")}},
        [
            "a: overlay_node.address: '192.168.2.11 on 192.168.2.0/24' is refused: mode direct is for nodes of one "
            "segment, and b is on 192.168.1.0/24: use cross_subnet",
        ],
    ),
    # Overlays
    "all values of the overlay": (
        {"all": {"overlay_cidr": "10.244.0.1/16", "overlay_vni": "ten", "overlay_port": 0, "overlay_device": "",
                 "overlay_mode": "tunnel", "pods_bridge": "br 0"}},
        [
            "nodes: overlay_vni: 'ten' is refused: give a whole number from 0 to 16777215",
            "nodes: overlay_port: 0 is refused: give a whole number from 1 to 65535",
            f"nodes: overlay_device: '' is refused: {NAMES}",
            "nodes: overlay_mode: 'tunnel' is refused: give one of vxlan, direct, cross_subnet",
            f"nodes: pods_bridge: 'br 0' is refused: {NAMES}",
            "nodes: overlay_cidr: '10.244.0.1/16' is refused: it has host bits set: did you mean 10.244.0.0/16?",
        ],
    ),
    "a node prefix without room": (
        {"all": {"overlay_node_prefix": 31}},
        [
            "nodes: overlay_node_prefix: 31 is refused: give a whole number from 16 to 30 (the prefix length of a "
            "node's pod subnet inside 10.244.0.0/16)",
        ],
    ),
    "nodes that disagree": (
        {"b": {"overlay_vni": 11, "pods_port": 8001}},
        [
            "b: overlay_vni: 11 is refused: a has 10: give all nodes the same",
            "b: pods_port: 8001 is refused: a has 8000: give all nodes the same",
        ],
    ),
    "a device and a bridge of one name": (
        {"all": {"overlay_device": "br0"}},
        ["nodes: pods_bridge: 'br0' is refused: overlay_overlays[0].device is the same: give each its own"],
    ),
    "several overlays": (
        {"all": {"overlay_overlays": [
            {"name": "red"},
            {"name": "red", "cidr": "10.0.0.0/8", "color": "red"},
            {"name": "blue", "mode": "x", "cidr": "10.245.0.0/33"},
            "green",
        ]}},
        [
            "nodes: overlay_overlays[1].color: 'red' is refused: an overlay takes only name, cidr, node_prefix, "
            "vni, port, device, mode, bridge, also_receive",
            "nodes: overlay_overlays[1].name: 'red' is refused: overlay_overlays[0].name is the same: give each its "
            "own",
            "nodes: overlay_device: 'vxlan0' is refused: overlay_overlays[0].device is the same: give each its own",
            "nodes: pods_bridge: 'br0' is refused: overlay_overlays[0].bridge is the same: give each its own",
            "nodes: overlay_vni: 10 is refused: overlay_overlays[0].vni is the same: give each its own",
            "nodes: overlay_overlays[1].cidr: '10.0.0.0/8' is refused: overlay red has 10.244.0.0/16: keep the two "
            "apart",
            "nodes: overlay_overlays[2].mode: 'x' is refused: give one of vxlan, direct, cross_subnet",
            "nodes: overlay_overlays[2].cidr: '10.245.0.0/33' is refused: the prefix length is a number from 0 to 32",
            "nodes: overlay_overlays[3]: 'green' is refused: give a dictionary with at least a name",
        ],
    ),
    "further VXLANs": (
        {"all": {"overlay_also_receive": [
            {"device": "vxlan0", "vni": 20},
            {"device": "vxlan1"},
            {"vni": 21},
            {"device": "vxlan2", "vni": 22, "mtu": 1400},
            "vxlan3",
        ]}},
        [
            "nodes: overlay_also_receive[2].device: None is refused: ...",
            "nodes: overlay_also_receive[3]: 'mtu' is refused: give a dictionary of device, vni, port",
            "nodes: overlay_also_receive[4]: 'vxlan3' is refused: give a dictionary of device, vni, port",
        ],
    ),
    "further VXLANs that are none": (
        {"all": {"overlay_also_receive": [{"device": "vxlan0", "vni": 20}, {"device": "vxlan1"}]}},
        [
            "nodes: overlay_also_receive[0].device: 'vxlan0' is refused: overlay_overlays[0].device is the same: "
            "give each its own",
            "nodes: overlay_also_receive[1].vni: 10 is refused: overlay_overlays[0].vni is the same: give each its own",
        ],
    ),
    "a bridge with the name of a further VXLAN": (
        {"all": {"overlay_also_receive": [{"device": "br0", "vni": 20}]}},
        [
            "nodes: overlay_also_receive[0].device: 'br0' is refused: overlay_overlays[0].bridge is the same: give "
            "each its own"
        ],
    ),
    "a veth with the name of a further VXLAN": (
        {"all": {"overlay_also_receive": [{"device": "vxlan1", "vni": 20}]},
         "a": {"pods_pods": [{"name": "p", "address": "10.244.0.2", "host_interface": "vxlan1"}]}},
        ["a: pods_pods[0].host_interface: 'vxlan1' is refused: a VXLAN interface of overlay ..."],
    ),
    "pods in an overlay with faults are looked at": (
        {"all": {"overlay_port": 0}, "a": {"pods_pods": [{"name": "/", "address": "10.244.0.2"}]}},
        [
            "nodes: overlay_port: 0 is refused: give a whole number from 1 to 65535",
            "a: pods_pods[0].name: '/' is refused: a namespace's name holds no '/' and no white space, and has 1 to "
            "255 bytes",
        ],
    ),
    # Pods
    "another network, and pods that stay in the old one": (
        {"all": {"overlay_cidr": "10.9.0.0/16"}},
        [
            f"{name}: pods_pods[0].address: '10.244.{number}.2' is refused: this node's pods are in "
            f"10.9.{number}.0/24, from 10.9.{number}.2 on, which has room for 253 of them"
            for number, name in enumerate("abc")
        ],
    ),
    "all values of pods": (
        {"a": {"pods_pods": [
            {"name": "a b", "address": "10.244.0", "interface": "e/0", "host_interface": "h/0", "overlay": "red",
             "adress": 1, "state": "gone"},
            {"name": "p", "address": "10.244.0.1"},
            {"name": "p", "address": "10.244.0.2", "network": {"driver": "ptp", "mode": "l2"}},
            {"name": "q", "address": "10.244.0.2", "network": {"driver": "macvlan", "parent": "eth0"}},
            7,
        ]}},
        [
            "a: pods_pods[0].name: 'a b' is refused: a namespace's name holds no '/' and no white space, and has 1 to "
            "255 bytes",
            f"a: pods_pods[0].interface: 'e/0' is refused: {NAMES}",
            f"a: pods_pods[0].host_interface: 'h/0' is refused: {NAMES}",
            "a: pods_pods[0].overlay: 'red' is refused: give one of default",
            "a: pods_pods[0].adress: 1 is refused: a pod takes only name, address, interface, host_interface, overlay, "
            "network",
            "a: pods_pods[0].state: 'gone' is refused: a pod takes only name, address, interface, host_interface, "
            "overlay, network",
            "a: pods_pods[0].address: '10.244.0' is refused: give an IPv4 or IPv6 address, like 192.168.1.138 or "
            "2001:db8::1",
            "a: pods_pods[2].network.mode: 'l2' is refused: driver ptp takes only driver",
            "a: pods_pods[2].name: 'p' is refused: pods_pods[1] has it too: give each its own",
            "a: pods_pods[2].host_interface: 'veth90a8e112' is refused: pods_pods[1] has it too: give each its own",
            "a: pods_pods[3].network.subnet: None is refused: driver macvlan needs it",
            "a: pods_pods[4]: 7 is refused: give a dictionary with name and address",
            "a: pods_pods[1].address: '10.244.0.1' is refused: the bridge has this address: give each pod one of its "
            "own",
        ],
    ),
    "a network that all pods of a host have": (
        {"a": {"pods_network": {"driver": "calico"}},
         "b": {"pods_network": {"driver": "macvlan", "parent": "eth0", "subnet": "10.244.0.0/24"}}},
        [
            "a: pods_network.driver: 'calico' is refused: give one of host, bridge, ptp, macvlan, ipvlan, fan, cni, "
            "none, container",
            "b: pods_network.subnet: '10.244.0.0/24' is refused: an overlay has 10.244.0.0/16: keep the two apart",
        ],
    ),
    "an address twice on a segment": (
        {name: {"pods_pods": [{"name": "m", "address": "10.9.0.2", "network": MACVLAN}]} for name in "ac"},
        [
            "c: pods_pods[0].address: '10.9.0.2' is refused: a: pods_pods[0].address has this address: give each pod "
            "one of its own",
        ],
    ),
    "an address that a CNI network does not have": (
        {"a": {"pods_pods": [{"name": "pod", "address": "10.244.0.2"},
                             {"name": "c", "network": CNI, "address": ["10.7.0.2"]}]}},
        [
            "a: pods_pods[1].address[0]: '10.7.0.2' is refused: network net has 10.8.0.1 to 10.8.0.254",
        ],
    ),
    # Names of interfaces
    "interfaces of one name": (
        {"all": {"overlay_device": "eth0"},
         "a": {"pods_pods": [{"name": "p", "address": "10.244.0.2", "host_interface": "bond0"}],
               "underlay_bonds": [{"name": "bond0", "ports": ["eth1"]}, {"name": "br0", "ports": ["eth2"]}]}},
        [
            "a: overlay_node.dev: 'eth0' is refused: the VXLAN interface of overlay default has this name: give each "
            "interface its own",
            "a: underlay_bonds[1].name: 'br0' is refused: the bridge of pods with driver bridge has this name: give "
            "each interface its own",
            "a: pods_pods[0].host_interface: 'bond0' is refused: underlay_bonds[0].name has this name: give each "
            "interface its own",
            *(f"{name}: overlay_node.dev: 'eth0' is refused: the VXLAN interface of overlay default has this name: "
              "give each interface its own" for name in "bc"),
        ],
    ),
    # The other roles
    "routes": (
        {"router": {"mgmt_routing_routes": [
            {"dst": "192.168.1.0/24", "via": "192.168.2.300", "dev": "eth0"},
            {"dst": "192.168.1.1/24", "via": "fd00::1", "dev": "eth0"},
            {"dst": "192.168.1.0/24", "dev": "eth0", "metrik": 5},
        ], "mgmt_routing_forward": ["ipv4", "ipx"], "mgmt_routing_persist": "perhaps"}},
        [
            "router: mgmt_routing_forward[1]: 'ipx' is refused: give one of ipv4, ipv6",
            "router: mgmt_routing_routes[2].metrik: 5 is refused: it takes only dst, via, dev, src",
            "router: mgmt_routing_routes[2].via: None is refused: it is required",
            "router: mgmt_routing_persist: 'perhaps' is refused: give true or false",
        ],
    ),
    "routes by the engine's rules": (
        {"router": {"mgmt_routing_routes": [
            {"dst": "192.168.1.0/24", "via": "192.168.2.300", "dev": "eth0"},
            {"dst": "192.168.1.1/24", "via": "192.168.2.3", "dev": "eth0"},
        ]}},
        [
            f"router: mgmt_routing_routes[0].via: '192.168.2.300' is refused: {ADDRESS}",
            "router: mgmt_routing_routes[1].dst: '192.168.1.1/24' is refused: it has host bits set: did you mean "
            "192.168.1.0/24?",
        ],
    ),
    "one route twice": (
        {"router": {"mgmt_routing_routes": 2 * [{"dst": "192.168.1.0/24", "via": "192.168.2.3", "dev": "eth0"}]}},
        [
            "router: mgmt_routing_routes[1].dst: '192.168.1.0/24' is refused: another route of the list has...",
        ],
    ),
    "masquerading": (
        {"router": {"masquerade_rules": [
            {"source": "192.168.1.0/24", "out_interface": 'eth"'},
            {"source": "192.168.1.0/24", "exempt": ["fd00::/64"]},
        ], "masquerade_state": "gone"}},
        [
            "router: masquerade_state: 'gone' is refused: give one of present, absent",
            "router: masquerade_rules[0].out_interface: 'eth\"' is refused: nftables takes * only at the end, for a "
            'prefix, and no " and \\; give a prefix, or rename the interface',
            "router: masquerade_rules[1].exempt[0]: 'fd00::/64' is refused: masquerade_rules[1].source is IPv4 and "
            "this IPv6; write one rule for each family",
        ],
    ),
    "one rule twice": (
        {"router": {"masquerade_rules": 2 * [{"source": "192.168.1.0/24"}]}},
        [
            "router: masquerade_rules[1].source: '192.168.1.0/24' is refused: masquerade_rules[0] has the same source "
            "and out_interface; make them one rule",
        ],
    ),
    "bonds and VLANs": (
        {"a": {"underlay_bonds": [{"name": "bond0", "ports": ["eth1", "eth 2"], "mode": "active-backup"}],
               "underlay_vlans": [{"name": "v", "parent": "bond0", "vlan_id": 4095},
                                  {"name": "w", "parent": "bond0", "vlan_id": 7, "addresses": ["10.1.0.1"]}]}},
        [
            f"a: underlay_bonds[0].ports[1]: 'eth 2' is refused: {NAMES}",
            "a: underlay_vlans[0].vlan_id: 4095 is refused: give a whole number from 1 to 4094",
            "a: underlay_vlans[1].addresses[0]: '10.1.0.1' is refused: give it with its prefix length: 172.2.0.1/24",
        ],
    ),
    "an address in the underlay twice": (
        {"a": {"underlay_vlans": [{"name": "v", "parent": "eth0", "vlan_id": 7, "addresses": ["192.168.1.12/24"]}]},
         "router": {"underlay_vlans": [{"name": "v", "parent": "eth0", "vlan_id": 7, "addresses": ["10.1.0.1/24"]}]},
         "c": {"underlay_bonds": [{"name": "o", "ports": ["eth1"], "addresses": ["10.1.0.1/16"]}]}},
        [
            "a: underlay_vlans[0].addresses[0]: '192.168.1.12' is refused: b: overlay_node.address has this address: "
            "give each host its own (a cloned machine?)",
            "router: underlay_vlans[0].addresses[0]: '10.1.0.1' is refused: c: underlay_bonds[0].addresses[0] has this "
            "address: give each host its own (a cloned machine?)",
        ],
    ),
    "values of the other roles": (
        {"a": {"verify_scope": "some", "verify_count": "many", "bandwidth_protocols": ["tcp", "sctp"],
               "bandwidth_port": 0, "overlay_resync": -1, "pods_masquerade": "often", "pods_persist": 7}},
        [
            "a: verify_scope: 'some' is refused: give one of auto, sample, all",
            "a: verify_count: 'many' is refused: give a whole number from 0 on",
            "a: bandwidth_protocols[1]: 'sctp' is refused: give one of tcp, udp",
            "a: bandwidth_port: 0 is refused: give a whole number from 1 to 65535",
            "a: overlay_resync: -1 is refused: give a whole number from 0 on",
            "a: pods_masquerade: 'often' is refused: give true or false",
            "a: pods_persist: 7 is refused: give true or false",
        ],
    ),
    "a value of 900 characters": (
        {"a": {"verify_scope": "x" * 900}},
        [f"a: verify_scope: '{'x' * 159}... (902 characters) is refused: give one of auto, sample, all"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "lines"), CASES.values(), ids=CASES)
def test_each_fault_is_a_line(changes: dict[str, dict[str, Any]], lines: list[str]) -> None:
    found = [fault.line for fault in of(changes).faults]
    # The engine's own tests know how a line goes on that ends with dots here.
    begun = [line[: len(told) - 3] + "..." if told.endswith("...") else line for line, told in zip(found, lines)]
    assert [*begun, *found[len(lines) :]] == lines


def test_faults_of_all_hosts_come_together() -> None:
    changes = {
        "a": {"overlay_node": node(1, "192.168.1.11/24"), "pods_pods": []},
        "c": {"pods_pods": [{"name": "p", "address": "10.244.9.2"}]},
        "router": {"masquerade_rules": [{}]},
    }
    booked = {fault.hosts for fault in of(changes).faults}
    assert booked == {("router",), ("b", "a"), ("c",)}


def test_a_fault_of_the_whole_fabric_concerns_all_nodes() -> None:
    (fault,) = of({"all": {"overlay_port": 0}}).faults
    assert fault.hosts == ("a", "b", "c")


def test_all_that_goes_is_not_looked_at() -> None:
    lost = [{"name": "p", "address": "10.9.0.1"}]
    assert of({"all": {"overlay_state": "absent", "overlay_node": None, "pods_pods": lost}}).faults == []
    assert of({"all": {"pods_state": "absent", "pods_pods": lost}}).faults == []
    named = [{"name": "a b", "address": "10.9.0.1"}]
    (fault,) = of({"all": {"overlay_state": "absent"}, "a": {"pods_pods": named}}).faults
    assert fault.line.startswith("a: pods_pods[0].name: 'a b' is refused")


def test_what_a_play_gives_comes_before_the_inventory() -> None:
    changes = {"all": {"overlay_vni": -1}, "b": {"overlay_vni": -2}}
    assert of(changes, overrides={"overlay_vni": 7}).faults == []
    assert of({}, overrides={"overlay_vni": 7}).overlays["default"].vni == 7


def test_a_group_without_hosts_and_a_template_without_a_value() -> None:
    found = of(
        {"b": {"overlay_node": None}},
        missing={"fabric_nodes": "leaves"},
        unreadable={("b", "overlay_node"): ("{{ there }}", "'there' is undefined")},
    )
    assert [(fault.hosts, fault.line) for fault in found.faults] == [
        (
            (),
            "fabric_nodes: 'leaves' is refused: the inventory has no host in such a group: give -e fabric_nodes=GROUP "
            "and -e fabric_routers=GROUP",
        ),
        (("b",), "b: overlay_node: '{{ there }}' is refused: 'there' is undefined"),
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("pod_pods", "pods_pods"),
        ("overlay_ndoe", "overlay_node"),
        ("overlay_nod", "overlay_node"),
        ("mgmt_routing_route", "mgmt_routing_routes"),
        ("masqerade_rule", "masquerade_rules"),
        ("Overlay_cidr", "overlay_cidr"),
        ("pods_pods", None),
        ("overlay_mtu", None),
        ("pods", None),
        ("ansible_host", None),
    ],
)
def test_a_name_that_is_almost_right(name: str, meant: str | None) -> None:
    warnings = of({}, names={name: "b"}).warnings
    assert warnings == ([f"b: {name}: no role has this variable. Is {meant} meant?"] if meant else [])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("site_bacth", "site_batch"),
        ("site_confrm", "site_confirm"),
        ("fabric_node", "fabric_nodes"),
        ("tagret", "target"),
        ("pod_pods", "pods_pods"),
        ("verify_scop", "verify_scope"),
        ("site_batch", None),
        ("region", None),
    ],
)
def test_an_extra_variable_that_is_almost_right(name: str, meant: str | None) -> None:
    """Extra variables are variables of all hosts too; it is told once."""
    warnings = of({}, names={name: "b"}, extra=[name]).warnings
    assert warnings == ([f"-e {name}: nothing has this variable. Is {meant} meant?"] if meant else [])


def test_extra_variables_of_playbooks_mean_nothing_in_an_inventory() -> None:
    """Where market is a likely name of a user's own, which is two letters from target."""
    assert of({}, names={"market": "b", "site_confrm": "b"}).warnings == [
        "b: site_confrm: no role has this variable. Is site_confirm meant?"
    ]


def test_no_public_name_is_taken_for_another() -> None:
    public = [*OPTIONS, *specification.INVENTORY, *specification.EXTRA]
    assert list(specification.almost(public, public)) == []
