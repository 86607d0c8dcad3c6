# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overlay's plan: the article's values, refusals, and what adding, removing and reordering nodes may change."""

from __future__ import annotations

import ipaddress
import time

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.filter.overlay_plan import FilterModule
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.documents import ROLES
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Host
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import nodes as nodes_of
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import overlays as overlays_of
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.nodes import described, vtep_mac
from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import decode, encode
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay
from ansible_collections.weft.fabric.tests import overlays


def plan(nodes, cidr, vni, node_prefix=None, device="vxlan0", mode="vxlan"):
    """The nodes of an overlay, as the filter overlay_plan returns them."""
    return described(nodes_of.plan(nodes, cidr, vni, node_prefix, mode), device)


def plans(overlays, nodes, defaults):
    """All overlays, with their nodes as the filter overlay_plan returns them."""
    planned = overlays_of.plan(overlays, nodes_of.parse(nodes), defaults)
    return {
        name: {**encode(overlay), "nodes": described(overlay.nodes, overlay.device)}
        for name, overlay in planned.items()
    }


def entries(planned, near, far):
    """What leads from one node of plan() to another's pods."""
    nodes = decode(dict[str, Node], planned)
    return encode(Overlay("default", "present", 10, 4789, "vxlan0", "vxlan", "br0", nodes=nodes).entries(near, far))


def document(planned, host):
    """What a host has of the overlays of plans()."""
    variables = {"overlay_resync": 0, "overlay_admission": True, "overlay_admission_from": []}
    return encode(ROLES["overlay"].document(Host(host, variables, decode(dict[str, Overlay], planned))))


ARTICLE = {
    "network-1": {"number": 0, "address": "192.168.1.138"},
    "network-2": {"number": 1, "address": "192.168.2.142"},
}


def test_the_articles_plan():
    planned = plan(ARTICLE, "172.2.0.0/16", 10)
    assert list(planned) == ["network-1", "network-2"]
    second = planned["network-2"]
    mac = second.pop("mac_address")
    assert second == {
        "number": 1,
        "underlay": "192.168.2.142",
        "dev": None,
        "segment": None,
        "mtu_overhead": 50,
        "networks": [
            {
                "cidr": "172.2.0.0/16",
                "vtep": "172.2.1.0",
                "vtep_cidr": "172.2.1.0/32",
                "subnet": "172.2.1.0/24",
                "gateway": "172.2.1.1",
                "gateway_cidr": "172.2.1.1/24",
            }
        ],
        "peer": {
            "fdb": [{"dev": "vxlan0", "lladdr": mac, "dst": "192.168.2.142"}],
            "neighbours": [{"dev": "vxlan0", "dst": "172.2.1.0", "lladdr": mac}],
            "routes": [{"dev": "vxlan0", "dst": "172.2.1.0/24", "via": "172.2.1.0", "onlink": True}],
        },
    }
    assert planned["network-1"]["networks"][0]["vtep_cidr"] == "172.2.0.0/32"


def test_ipv6_over_ipv6():
    node = plan({"a": {"number": 258, "address": "2001:DB8::1"}}, "fd00:10:244::/48", 10)["a"]
    (network,) = node["networks"]
    assert network["subnet"] == "fd00:10:244:102::/64"
    assert network["vtep_cidr"] == "fd00:10:244:102::/128"
    assert network["gateway_cidr"] == "fd00:10:244:102::1/64"
    assert (node["underlay"], node["mtu_overhead"]) == ("2001:db8::1", 70)


def test_dual_stack_is_one_tunnel_with_a_neighbour_and_a_route_of_each_family():
    node = plan({"a": {"number": 3, "address": "192.0.2.1"}}, ["10.244.0.0/16", "fd00:10:244::/48"], 10)["a"]
    assert [network["subnet"] for network in node["networks"]] == ["10.244.3.0/24", "fd00:10:244:3::/64"]
    mac = node["mac_address"]
    assert node["peer"] == {
        "fdb": [{"dev": "vxlan0", "lladdr": mac, "dst": "192.0.2.1"}],
        "neighbours": [
            {"dev": "vxlan0", "dst": "10.244.3.0", "lladdr": mac},
            {"dev": "vxlan0", "dst": "fd00:10:244:3::", "lladdr": mac},
        ],
        "routes": [
            {"dev": "vxlan0", "dst": "10.244.3.0/24", "via": "10.244.3.0", "onlink": True},
            {"dev": "vxlan0", "dst": "fd00:10:244:3::/64", "via": "fd00:10:244:3::", "onlink": True},
        ],
    }


def test_each_network_has_its_own_node_prefix():
    node = plan({"a": {"number": 1, "address": "192.0.2.1"}}, ["fd00::/100", "10.0.0.0/24"], 10, [112, 28])["a"]
    assert [network["subnet"] for network in node["networks"]] == ["fd00::1:0/112", "10.0.0.16/28"]


def test_ipv6_over_ipv4_costs_what_ipv4_costs():
    assert plan({"a": {"number": 0, "address": "192.0.2.1"}}, "fd00::/48", 10)["a"]["mtu_overhead"] == 50


def test_a_list_of_nodes_is_the_same_as_a_mapping():
    listed = [{"name": name, **node} for name, node in ARTICLE.items()]
    assert plan(listed, "172.2.0.0/16", 10) == plan(ARTICLE, "172.2.0.0/16", 10)


def test_numbers_may_come_from_templates_as_strings():
    assert plan({"a": {"number": "7", "address": "192.0.2.1"}}, "10.244.0.0/16", "10")["a"]["number"] == 7


def test_the_device_and_the_node_prefix_are_the_callers():
    node = plan({"a": {"number": 3, "address": "192.0.2.1"}}, "10.0.0.0/24", 10, 28, "vx7")["a"]
    assert node["networks"][0]["subnet"] == "10.0.0.48/28"
    assert node["peer"]["routes"] == [{"dev": "vx7", "dst": "10.0.0.48/28", "via": "10.0.0.48", "onlink": True}]


def test_no_nodes_make_an_empty_plan():
    assert plan({}, "10.244.0.0/16", 10) == {}


def node(number=0, address="192.0.2.1", **other):
    return {"number": number, "address": address, **other}


COLLIDING = {"node-2143666": node(0), "node-7372397": node(1, "192.0.2.2")}
"""Two names of one MAC under VNI 10, found by a search over fourteen million."""

REFUSED = [
    # what is wrong, nodes, cidr, vni, node_prefix, what the message names
    ("host bits", ARTICLE, "172.2.0.1/16", 10, None, ["cidr", "172.2.0.1/16", "172.2.0.0/16"]),
    ("no prefix length", ARTICLE, "172.2.0.0", 10, None, ["cidr", "172.2.0.0"]),
    ("not a network", ARTICLE, "overlay/16", 10, None, ["cidr", "overlay/16"]),
    ("cidr is a number", ARTICLE, 10, 10, None, ["cidr", "10"]),
    ("multicast overlay", ARTICLE, "224.0.0.0/16", 10, None, ["cidr", "224.0.0.0/16", "unicast"]),
    ("loopback overlay", ARTICLE, "127.0.0.0/8", 10, None, ["cidr", "127.0.0.0/8"]),
    ("link-local overlay", ARTICLE, "fe80::/16", 10, None, ["cidr", "fe80::/16"]),
    ("the whole internet", ARTICLE, "0.0.0.0/0", 10, None, ["cidr", "0.0.0.0/0"]),
    ("VNI too large", ARTICLE, "10.244.0.0/16", 16777216, None, ["vni", "16777216", "16777215"]),
    ("VNI negative", ARTICLE, "10.244.0.0/16", -1, None, ["vni", "-1"]),
    ("VNI not a number", ARTICLE, "10.244.0.0/16", "ten", None, ["vni", "ten"]),
    ("VNI a boolean", ARTICLE, "10.244.0.0/16", True, None, ["vni", "True"]),
    ("node prefix wider than the overlay", ARTICLE, "10.244.0.0/16", 10, 15, ["node_prefix", "15", "16 to 30"]),
    ("node prefix without room", ARTICLE, "10.244.0.0/16", 10, 31, ["node_prefix", "31", "16 to 30"]),
    ("IPv6 node prefix without room", ARTICLE, "fd00::/48", 10, 127, ["node_prefix", "127", "48 to 126"]),
    ("overlay longer than a node", ARTICLE, "10.244.0.0/25", 10, None, ["node_prefix", "24", "25 to 30"]),
    ("no network", ARTICLE, [], 10, None, ["cidr", "[]"]),
    ("host bits in a list", ARTICLE, ["10.0.0.0/8", "fd00::1/48"], 10, None, ["cidr[1]", "fd00::1/48", "fd00::/48"]),
    ("two of a family", ARTICLE, ["10.0.0.0/8", "172.2.0.0/16"], 10, None, ["cidr[1]", "172.2.0.0/16", "10.0.0.0/8"]),
    (
        "one node prefix for two networks",
        ARTICLE,
        ["10.0.0.0/8", "fd00::/48"],
        10,
        24,
        ["node_prefix", "24", "10.0.0.0/8, fd00::/48"],
    ),
    ("node prefix zero", ARTICLE, "10.244.0.0/16", 10, 0, ["node_prefix", "0", "16 to 30"]),
    (
        "exhausted in the second network",
        {"a": node(16)},
        ["10.0.0.0/8", "fd00::/60"],
        10,
        None,
        ["nodes[a].number", "16", "fd00::/60 has room for 16 nodes"],
    ),
    ("exhausted", {"a": node(256)}, "10.244.0.0/16", 10, None, ["nodes[a].number", "256", "room for 256 nodes"]),
    ("negative number", {"a": node(-1)}, "10.244.0.0/16", 10, None, ["nodes[a].number", "-1"]),
    ("no number", {"a": {"address": "192.0.2.1"}}, "10.244.0.0/16", 10, None, ["nodes[a].number", "None"]),
    ("number a boolean", {"a": node(True)}, "10.244.0.0/16", 10, None, ["nodes[a].number", "True"]),
    ("number a fraction", {"a": node(1.5)}, "10.244.0.0/16", 10, None, ["nodes[a].number", "1.5"]),
    (
        "one number twice",
        {"a": node(4), "b": node(4, "192.0.2.2")},
        "10.244.0.0/16",
        10,
        None,
        ["nodes[b].number", "4", "a has it too"],
    ),
    (
        "one underlay address twice, written differently",
        {"a": node(0, "2001:db8::1"), "b": node(1, "2001:0DB8:0::1")},
        "10.244.0.0/16",
        10,
        None,
        ["nodes[b].address", "2001:db8::1", "a has it too", "own underlay address"],
    ),
    ("MAC collision", COLLIDING, "10.244.0.0/16", 10, None, ["node-7372397", "fa:62:c2:4d:9a:35", "rename"]),
    (
        "mixed underlay families",
        {"a": node(0), "b": node(1, "2001:db8::1")},
        "10.244.0.0/16",
        10,
        None,
        ["nodes[b].address", "2001:db8::1", "192.0.2.1"],
    ),
    ("no underlay address", {"a": {"number": 0}}, "10.244.0.0/16", 10, None, ["nodes[a].address", "None"]),
    (
        "underlay with a bad prefix",
        {"a": node(0, "192.0.2.1/33")},
        "10.244.0.0/16",
        10,
        None,
        ["nodes[a].address", "/33"],
    ),
    ("underlay a number", {"a": node(0, 3221225985)}, "10.244.0.0/16", 10, None, ["nodes[a].address", "3221225985"]),
    ("underlay multicast", {"a": node(0, "239.1.1.1")}, "10.244.0.0/16", 10, None, ["nodes[a].address", "239.1.1.1"]),
    ("underlay loopback", {"a": node(0, "::1")}, "10.244.0.0/16", 10, None, ["nodes[a].address", "::1"]),
    ("underlay link-local", {"a": node(0, "fe80::1")}, "10.244.0.0/16", 10, None, ["nodes[a].address", "fe80::1"]),
    ("underlay unspecified", {"a": node(0, "0.0.0.0")}, "10.244.0.0/16", 10, None, ["nodes[a].address", "0.0.0.0"]),
    (
        "underlay inside the overlay",
        {"a": node(0, "10.244.9.1")},
        "10.244.0.0/16",
        10,
        None,
        ["nodes[a].address", "10.244.9.1", "10.244.0.0/16"],
    ),
    ("a node that is no mapping", {"a": 7}, "10.244.0.0/16", 10, None, ["nodes[a]", "7"]),
    ("nodes a string", "network-1", "10.244.0.0/16", 10, None, ["nodes", "network-1"]),
    ("nodes nothing", None, "10.244.0.0/16", 10, None, ["nodes", "None"]),
    ("a list without names", [node(0)], "10.244.0.0/16", 10, None, ["nodes[0].name"]),
    ("a list of names only", ["network-1"], "10.244.0.0/16", 10, None, ["nodes[0].name"]),
    (
        "a name twice",
        [node(0, name="a"), node(1, "192.0.2.2", name="a")],
        "10.244.0.0/16",
        10,
        None,
        ["nodes", "'a'", "twice"],
    ),
]


@pytest.mark.parametrize(
    ("nodes", "cidr", "vni", "node_prefix", "named"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(nodes, cidr, vni, node_prefix, named):
    with pytest.raises(InvalidParameter) as refusal:
        plan(nodes, cidr, vni, node_prefix)
    message = str(refusal.value)
    assert "\n" not in message
    assert [part for part in named if part not in message] == []


def test_a_bad_device_name_is_refused():
    with pytest.raises(InvalidParameter, match="device"):
        plan(ARTICLE, "10.244.0.0/16", 10, device="a device")


def test_the_filter_speaks_in_one_line():
    overlay_plan = FilterModule().filters()["overlay_plan"]
    assert overlay_plan(ARTICLE, "172.2.0.0/16", 10) == plan(ARTICLE, "172.2.0.0/16", 10)
    with pytest.raises(AnsibleFilterError, match=r"overlay_plan: vni: 16777216 is refused"):
        overlay_plan(ARTICLE, "172.2.0.0/16", 16777216)


@given(vni=st.integers(0, 2**24 - 1), name=st.text(min_size=1))
def test_every_mac_is_locally_administered_and_unicast(vni, name):
    octets = [int(octet, 16) for octet in vtep_mac(vni, name).split(":")]
    assert len(octets) == 6
    assert octets[0] & 0x03 == 0x02


def test_the_mac_differs_by_vni_and_by_name():
    assert len({vtep_mac(10, "a"), vtep_mac(11, "a"), vtep_mac(10, "b")}) == 3


FABRICS = st.dictionaries(
    st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=20), st.integers(0, 255), max_size=12
).map(lambda numbers: {name: number for number, name in {number: name for name, number in numbers.items()}.items()})


def inventory(numbers):
    return {name: node(number, str(ipaddress.ip_address("198.51.100.0") + number)) for name, number in numbers.items()}


@given(numbers=FABRICS, random=st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_does_not_matter(numbers, random):
    nodes = list(inventory(numbers).items())
    expected = plan(dict(nodes), "10.244.0.0/16", 10)
    random.shuffle(nodes)
    again = plan(dict(nodes), "10.244.0.0/16", 10)
    assert again == expected
    assert list(again) == list(expected)


@given(numbers=FABRICS.filter(len), data=st.data())
def test_removing_or_adding_a_node_moves_nobody(numbers, data):
    nodes = inventory(numbers)
    gone = data.draw(st.sampled_from(sorted(nodes)))
    before = plan(nodes, "10.244.0.0/16", 10)
    del nodes[gone]
    after = plan(nodes, "10.244.0.0/16", 10)
    assert after == {name: entry for name, entry in before.items() if name != gone}


@given(numbers=FABRICS)
def test_subnets_are_disjoint_and_hold_their_own_addresses(numbers):
    overlay = ipaddress.ip_network("10.244.0.0/16")
    planned = plan(inventory(numbers), str(overlay), 10).values()
    networks = [entry["networks"][0] for entry in planned]
    subnets = [ipaddress.ip_network(network["subnet"]) for network in networks]
    assert len(set(subnets)) == len(subnets)
    for network, subnet in zip(networks, subnets):
        assert subnet.subnet_of(overlay)
        assert ipaddress.ip_interface(network["vtep_cidr"]).ip == subnet.network_address
        assert ipaddress.ip_interface(network["gateway_cidr"]).network == subnet


def test_a_thousand_nodes_are_planned_at_once():
    first = ipaddress.ip_address("198.18.0.1")
    nodes = {f"node-{number}": node(number, str(first + number)) for number in range(1000)}
    started = time.process_time()
    assert len(plan(nodes, "10.0.0.0/8", 10)) == 1000
    assert time.process_time() - started < 1.0


# -- segments and modes ------------------------------------------------------------------------------

SEGMENTS = {
    "a": {"number": 0, "address": "192.0.2.1/25", "dev": "eth0"},
    "b": {"number": 1, "address": "192.0.2.2/25", "dev": "eth1"},
    "c": {"number": 2, "address": "192.0.2.129/25", "dev": "eth0"},
}
TWO = {name: SEGMENTS[name] for name in ("a", "b")}


def test_a_prefix_length_changes_nothing_in_a_vxlan():
    bare = {name: {**found, "address": found["address"].partition("/")[0]} for name, found in SEGMENTS.items()}
    assert plan(SEGMENTS, "10.244.0.0/16", 10) == plan(bare, "10.244.0.0/16", 10)


def test_nodes_of_one_segment_route_to_each_other():
    planned = plan(SEGMENTS, "10.244.0.0/16", 10, mode="cross_subnet")
    assert [found["segment"] for found in planned.values()] == ["192.0.2.0/25", "192.0.2.0/25", "192.0.2.128/25"]
    straight = {"dst": "10.244.1.0/24", "via": "192.0.2.2", "dev": "eth0"}
    assert entries(planned, "a", "b") == {"fdb": [], "neighbours": [], "routes": [straight]}
    assert entries(planned, "a", "c") == planned["c"]["peer"]
    assert {found["mtu_overhead"] for found in planned.values()} == {50}


def test_what_the_underlay_does_not_speak_goes_through_the_tunnel():
    planned = plan(TWO, ["10.244.0.0/16", "fd00::/48"], 10, mode="cross_subnet")
    found, through = entries(planned, "b", "a"), planned["a"]["peer"]
    assert found["routes"] == [{"dst": "10.244.0.0/24", "via": "192.0.2.1", "dev": "eth1"}, through["routes"][1]]
    assert found["neighbours"] == [through["neighbours"][1]]
    assert found["fdb"] == through["fdb"]


def test_direct_takes_nothing_of_the_mtu():
    planned = plan(TWO, "10.244.0.0/16", 10, mode="direct")
    assert {found["mtu_overhead"] for found in planned.values()} == {0}
    assert entries(planned, "b", "a")["routes"] == [{"dst": "10.244.0.0/24", "via": "192.0.2.1", "dev": "eth1"}]


@pytest.mark.parametrize(
    ("nodes", "cidr", "mode", "named"),
    [
        (TWO, "10.0.0.0/8", "host-gw", ["mode", "host-gw", "vxlan, direct, cross_subnet"]),
        (
            {**TWO, "b": {"number": 1, "address": "192.0.2.2", "dev": "eth0"}},
            "10.0.0.0/8",
            "cross_subnet",
            ["nodes[b].address", "192.0.2.2", "prefix length", "192.0.2.2/24"],
        ),
        (
            {**TWO, "b": {"number": 1, "address": "192.0.2.2/25"}},
            "10.0.0.0/8",
            "direct",
            ["nodes[b].dev", "None"],
        ),
        (
            {**TWO, "b": {"number": 1, "address": "192.0.2.2/24", "dev": "eth0"}},
            "10.0.0.0/8",
            "cross_subnet",
            ["nodes[b].address", "192.0.2.2/24", "a is in 192.0.2.0/25", "one prefix length"],
        ),
        (SEGMENTS, "10.0.0.0/8", "direct", ["nodes[c].address", "192.0.2.128/25", "192.0.2.0/25", "cross_subnet"]),
        (TWO, ["10.0.0.0/8", "fd00::/48"], "direct", ["cidr", "fd00::/48", "192.0.2.1", "cross_subnet"]),
    ],
    ids=["no mode", "no prefix length", "no interface", "two prefix lengths", "two segments", "two families"],
)
def test_refused_modes(nodes, cidr, mode, named):
    with pytest.raises(InvalidParameter) as refusal:
        plan(nodes, cidr, 10, mode=mode)
    message = str(refusal.value)
    assert [part for part in named if part not in message] == []


# -- several overlays --------------------------------------------------------------------------------

DEFAULTS = {**overlays.DEFAULTS, "cidr": "10.244.0.0/16"}
BLUE = {"name": "blue", "cidr": "10.245.0.0/16", "vni": 20, "device": "vxlan1", "bridge": "br1"}


def both(**blue):
    return plans([{"name": "red"}, {**BLUE, **blue}], SEGMENTS, DEFAULTS)


def test_one_overlay_is_a_list_of_one():
    planned = plans([{"name": "default"}], SEGMENTS, DEFAULTS)
    assert planned["default"]["nodes"] == plan(SEGMENTS, "10.244.0.0/16", 10)
    there = document(planned, "a")
    found = there["topology"]["namespaces"][""]
    assert [link["name"] for link in found["links"]] == ["eth0", "vxlan0"]
    assert [route["dst"] for route in found["routes"]] == ["10.244.1.0/24", "10.244.2.0/24"]
    assert "isolation" not in there, "nothing has to be asked of nftables"


def test_two_overlays_have_their_own_devices_entries_and_macs():
    found = document(both(mode="cross_subnet"), "a")
    topology = found["topology"]["namespaces"][""]
    devices = topology["links"][1:]
    assert [(link["name"], link["vni"], link["addresses"]) for link in devices] == [
        ("vxlan0", 10, ["10.244.0.0/32"]),
        ("vxlan1", 20, ["10.245.0.0/32"]),
    ]
    assert devices[0]["mac_address"] != devices[1]["mac_address"]
    assert [entry["dev"] for entry in topology["fdb"]] == ["vxlan0", "vxlan0", "vxlan1"]
    assert [route["dev"] for route in topology["routes"]] == ["vxlan0", "vxlan0", "eth0", "vxlan1"]
    assert found["isolation"] == [["10.244.0.0/16"], ["10.245.0.0/16"]]
    assert found["sysctl"]["net/ipv4/conf/vxlan1/rp_filter"] == 2


def test_direct_has_no_device():
    planned = plans([{"name": "default"}], TWO, {**DEFAULTS, "mode": "direct"})
    there = document(planned, "a")
    assert [link["name"] for link in there["topology"]["namespaces"][""]["links"]] == ["eth0"]
    assert there["sysctl"] == {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.accept_redirects": 0}


def test_all_that_goes_needs_no_nodes():
    assert document(plans([{"name": "red"}, BLUE], {}, {**DEFAULTS, "state": "absent"}), "a") is None


@pytest.mark.parametrize(
    ("overlays", "named"),
    [
        ([], ["overlay_overlays", "[]"]),
        ("red", ["overlay_overlays", "red"]),
        (["red"], ["overlay_overlays[0]", "red"]),
        ([{"vni": 7}], ["overlay_overlays[0].name", "None"]),
        ([{"name": "red", "vnid": 7}], ["overlay_overlays[0].vnid", "7", "vni"]),
        ([{"name": "red", "vni": -7}], ["overlay_overlays[0].vni", "-7"]),
        ([{"name": "red", "port": 0}], ["overlay_overlays[0].port", "0"]),
        ([{"name": "red", "state": "gone"}], ["overlay_overlays[0].state", "gone"]),
        (
            [{"name": "red"}, {**BLUE, "name": "red"}],
            ["overlay_overlays[1].name", "red", "[0].name is the same"],
        ),
        (
            [{"name": "red"}, {**BLUE, "vni": 10}],
            ["overlay_overlays[1].vni", "10", "[0].vni is the same"],
        ),
        ([{"name": "red"}, {**BLUE, "device": "vxlan0"}], ["overlay_overlays[1].device", "vxlan0"]),
        ([{"name": "red"}, {**BLUE, "bridge": "br0"}], ["overlay_overlays[1].bridge", "br0"]),
        (
            [{"name": "red"}, {**BLUE, "cidr": "10.0.0.0/8"}],
            ["overlay_overlays[1].cidr", "10.0.0.0/8", "overlay red has 10.244.0.0/16"],
        ),
        ([{"name": "red"}, {**BLUE, "cidr": "10.245.0.1/16"}], ["overlay_overlays[1].cidr", "10.245.0.1/16"]),
        ([{"name": "red"}, {**BLUE, "mode": "direct"}], ["nodes[c].address", "cross_subnet"]),
    ],
)
def test_refused_together(overlays, named):
    with pytest.raises(InvalidParameter) as refusal:
        plans(overlays, SEGMENTS, DEFAULTS)
    message = str(refusal.value)
    assert "\n" not in message
    assert [part for part in named if part not in message] == []


def test_what_is_wrong_in_a_role_variable_is_named_as_one():
    with pytest.raises(InvalidParameter, match=r"^overlay_vni: 16777216 is refused"):
        plans([{"name": "default"}], SEGMENTS, {**DEFAULTS, "vni": 16777216})


def test_two_overlays_may_share_a_vni_on_two_ports():
    assert both(vni=10, port=8472)["blue"]["vni"] == 10


def test_by_a_further_vxlan_a_node_receives_and_does_not_send():
    overlay = {"name": "default", "also_receive": [{"device": "vxlan1", "vni": 20}, {"device": "vxlan2", "port": 8472}]}
    alone = document(plans([{"name": "default"}], TWO, DEFAULTS), "a")
    found = document(plans([overlay], TWO, DEFAULTS), "a")
    before, after = (part["topology"]["namespaces"][""] for part in (alone, found))
    first, second = after["links"][2:]
    assert after == {**before, "links": [*before["links"], first, second]}
    own = before["links"][1]
    assert first == {**own, "name": "vxlan1", "vni": 20, "mac_address": vtep_mac(20, "a")}
    assert second == {**own, "name": "vxlan2", "port": 8472}
    loose = {f"net/ipv4/conf/{device}/rp_filter": 2 for device in ("vxlan0", "vxlan1", "vxlan2")}
    assert found["sysctl"] == {**alone["sysctl"], **loose}
    (admitted,) = alone["admission"]
    assert found["admission"] == [admitted, {**admitted, "vni": 20}, {**admitted, "port": 8472}]
