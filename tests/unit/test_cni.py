# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI network configurations: what is refused and how it is said, pieces of the topology, and who gets what address."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.cni import hostlocal
from ansible_collections.weft.fabric.plugins.module_utils.cni.attach import results
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import (
    attachments_of,
    masquerade_rules,
    sysctls,
)
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import Own, network
from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import shared_links, topology
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology

NET = {
    "name": "mynet",
    "type": "bridge",
    "bridge": "cni0",
    "isGateway": True,
    "ipMasq": True,
    "ipam": {"type": "host-local", "subnet": "10.22.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]},
}
IPAM = NET["ipam"]
STATIC = {"type": "static", "addresses": [{"address": "10.9.0.5/24", "gateway": "10.9.0.1"}]}


def refused(config):
    with pytest.raises(InvalidParameter) as error:
        network("config", config)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"isGatewy": True}, ["config.isGatewy: True", "plugin bridge takes only", "isGateway"]),
        ({"type": "flannel"}, ["config.type: 'flannel'", "bridge, ptp, macvlan, ipvlan, host-device, loopback"]),
        ({"type": None}, ["config.type: None"]),
        ({"type": "macvlan"}, ["config.bridge: 'cni0'", "plugin macvlan takes only"]),
        ({"name": None}, ["config.name: None"]),
        ({"name": "../x"}, ["config.name: '../x'"]),
        ({"cniVersion": "9.0"}, ["config.cniVersion: '9.0'", "1.0.0"]),
        ({"isGateway": "maybe"}, ["config.isGateway: 'maybe'", "true or false"]),
        ({"mtu": -1}, ["config.mtu: -1"]),
        ({"vlan": 4095}, ["config.vlan: 4095", "0 to 4094"]),
        ({"vlanTrunk": 5}, ["config.vlanTrunk: 5", "give a list"]),
        ({"vlanTrunk": [5]}, ["config.vlanTrunk[0]: 5", "give a dictionary"]),
        ({"vlanTrunk": [{"id": 1}, {"ID": 5}]}, ["config.vlanTrunk[1].ID: 5", "takes only id, minID, maxID"]),
        ({"vlanTrunk": [{"id": 0}]}, ["config.vlanTrunk[0].id: 0", "1 to 4094"]),
        ({"vlanTrunk": [{"minID": 5, "maxID": 4095}]}, ["config.vlanTrunk[0].maxID: 4095", "1 to 4094"]),
        ({"vlanTrunk": [{"minID": 5, "maxID": 4}]}, ["config.vlanTrunk[0].maxID: 4", "at least minID"]),
        ({"vlanTrunk": [{"minID": 5}]}, ["config.vlanTrunk[0]: {'minID': 5}", "both minID and maxID"]),
        ({"vlanTrunk": [{}]}, ["config.vlanTrunk[0]: {}", "give id, or both"]),
        ({"portIsolation": "often"}, ["config.portIsolation: 'often'", "true or false"]),
        ({"bridge": "a" * 13, "vlan": 100}, ["config.bridge", "at most 15 bytes"]),
        ({"hairpinMode": True, "promiscMode": True}, ["config.promiscMode: True", "not both"]),
        ({"capabilities": {"portMappings": "yes please"}}, ["config.capabilities.portMappings"]),
        ({"capabilities": [1]}, ["config.capabilities: [1]"]),
        ({"dns": {"nameserver": "1.1.1.1"}}, ["config.dns.nameserver", "nameservers"]),
        ({"dns": {"nameservers": "1.1.1.1"}}, ["config.dns.nameservers", "a list of strings"]),
        ({"ipam": {"type": "whereabouts"}}, ["config.ipam.type: 'whereabouts'", "host-local, static, dhcp"]),
        ({"ipam": {"type": "dhcp", "subnet": "10.0.0.0/8"}}, ["config.ipam.subnet", "ipam dhcp takes only"]),
        ({"ipam": {**IPAM, "subnets": []}}, ["config.ipam.subnets", "ipam host-local takes only"]),
        ({"ipam": {"type": "host-local"}}, ["config.ipam.ranges: None", "a subnet or ranges"]),
        ({"ipam": {"type": "host-local", "rangeStart": "10.0.0.1"}}, ["config.ipam.rangeStart", "of a subnet"]),
        ({"ipam": {**IPAM, "subnet": "10.22.0.1/16"}}, ["config.ipam.subnet", "10.22.0.0/16"]),
        ({"ipam": {**IPAM, "subnet": "10.22.0.0/31"}}, ["config.ipam.subnet", "too small"]),
        ({"ipam": {**IPAM, "rangeStart": "10.23.0.1"}}, ["config.ipam.rangeStart: '10.23.0.1'", "not in 10.22.0.0/16"]),
        ({"ipam": {**IPAM, "rangeStart": "10.22.0.9", "rangeEnd": "10.22.0.8"}}, ["config.ipam.rangeEnd", "before"]),
        ({"ipam": {**IPAM, "gateway": "fd00::1"}}, ["config.ipam.gateway", "another address family"]),
        ({"ipam": {**IPAM, "ranges": [[]]}}, ["config.ipam.ranges[0]: []", "at least one range"]),
        ({"ipam": {**IPAM, "ranges": [[{"subnet": "10.22.9.0/24"}]]}}, ["config.ipam.ranges[0][0].subnet", "overlaps"]),
        (
            {"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": "fd00::/64"}]]}},
            ["config.ipam.ranges[0][1].subnet", "one address family"],
        ),
        ({"ipam": {**IPAM, "ranges": [[{"subnet": "10.1.0.0/24"}]]}}, ["config.cniVersion: '0.1.0'", "1.0.0"]),
        ({"ipam": {**IPAM, "routes": [{"dst": "10.0.0.1/8"}]}}, ["config.ipam.routes[0].dst", "10.0.0.0/8"]),
        ({"ipam": {**IPAM, "routes": [{"dst": "10.0.0.0/8", "gw": "fd00::1"}]}}, ["routes[0].gw", "family"]),
        ({"ipam": {**IPAM, "routes": [{"dst": "10.0.0.0/8"}] * 2}}, ["routes[1].dst", "listed twice"]),
        ({"ipam": {**IPAM, "routes": [{"dst": "10.0.0.0/8", "mtu": 9}]}}, ["routes[0].mtu", "takes only dst, gw"]),
        ({"ipam": {**IPAM, "dataDir": "here"}}, ["config.ipam.dataDir: 'here'", "whole path"]),
        ({"ipam": {"type": "static"}}, ["config.ipam.addresses: None", "at least one"]),
        ({"ipam": {"type": "static", "addresses": [{"address": "10.9.0.5"}]}}, ["addresses[0].address", "prefix"]),
    ],
)
def test_what_is_wrong_is_named(change, words):
    config = {**NET, **change}
    message = refused({key: value for key, value in config.items() if value is not None or key == "type"})
    assert [word for word in words if word not in message] == [], message


def test_other_plugins_needs():
    assert "config.master: None" in refused({"name": "n", "type": "macvlan"})
    assert "config.ipam: None is refused: plugin ptp needs one" in refused({"name": "n", "type": "ptp"})
    ptp = {"name": "n", "type": "ptp", "ipam": {"type": "static", "addresses": [{"address": "10.9.0.5/24"}]}}
    assert "config.ipam.addresses[0].gateway: None" in refused(ptp)
    assert "config.ipam" in refused({"name": "n", "type": "loopback", "ipam": IPAM})
    assert "config.device: None" in refused({"name": "n", "type": "host-device"})


def test_forms_of_a_configuration():
    assert network("config", json.dumps(NET)) == network("config", NET)
    listed = {"name": "mynet", "cniVersion": "1.0.0", "plugins": [{k: v for k, v in NET.items() if k != "name"}]}
    assert network("config", listed).version == "1.0.0"
    assert "it is no JSON" in refused("{")
    assert "a dictionary or as JSON text" in refused(5)
    chain = network("config", {**listed, "plugins": [*listed["plugins"], {"type": "portmap"}], "disableCheck": True})
    assert [plugin.type for plugin in chain.chain] == ["portmap"]
    assert chain.unchecked
    assert "config.plugins[1].type: '../x' is refused" in refused(
        {**listed, "plugins": [*listed["plugins"], {"type": "../x"}]}
    )
    old = {**listed, "cniVersion": "0.2.0", "plugins": [*listed["plugins"], {"type": "portmap"}]}
    assert "config.cniVersion: '0.2.0' is refused: several plugins need 0.3.0" in refused(old)
    assert "config.plugins: [] is refused" in refused({**listed, "plugins": []})
    assert "config.disableGC" in refused({**listed, "disableGC": True})


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"netns": "a/b"}, ["cni[0].netns"]),
        ({"netns": "p", "interface": "much too long a name"}, ["cni[0].interface"]),
        ({"netns": "p", "container": "a b"}, ["cni[0].container"]),
        ({"netns": "p", "ip": "10.22.0.5"}, ["cni[0].ip", "takes only"]),
        ({"netns": "p", "addresses": ["10.23.0.5"]}, ["cni[0].addresses[0]", "10.22.0.1 to 10.22.255.254"]),
        ({"netns": "p", "addresses": ["10.22.0.1"]}, ["cni[0].addresses[0]", "the gateway"]),
        ({"netns": "p", "network": {**NET, "ipam": STATIC}, "addresses": ["10.9.0.5"]}, ["only ipam host-local"]),
    ],
)
def test_attachments(item, words):
    with pytest.raises(InvalidParameter) as error:
        attachments_of("cni", [{"network": NET, **item}])
    assert [word for word in words if word not in str(error.value)] == [], error.value


def test_several_interfaces_in_networks_of_a_mode():
    macvlan = {"name": "n", "type": "macvlan", "master": "eth0", "mode": "vepa"}
    found = attachments_of("cni", [{"netns": name, "network": macvlan} for name in ("p1", "p2")])
    assert [item.network.mode for item in found] == ["vepa", "vepa"]


def test_an_interface_is_attached_once():
    with pytest.raises(InvalidParameter, match=r"cni\[1\].interface: 'eth0' is refused: cni\[0\]"):
        attachments_of("cni", [{"netns": "p", "network": NET}] * 2)


def attached(config, *addresses, netns="p"):
    """An attachment with these addresses, as they would have been given."""
    (item,) = attachments_of("cni", [{"netns": netns, "network": config}])
    return item.__class__(**{**item.__dict__, "addresses": addresses or item.network.ipam.addresses})


def own(address, gateway=None):
    return Own(ipaddress.ip_interface(address), ipaddress.ip_address(gateway) if gateway else None)


@pytest.mark.parametrize("plugin", ["bridge", "ptp", "macvlan", "ipvlan", "host-device"])
def test_pieces_are_a_topology(plugin):
    more = {"macvlan": {"master": "eth0"}, "ipvlan": {"master": "eth0"}, "host-device": {"device": "eth1"}}
    config = {"name": "n", "type": plugin, "ipam": STATIC, **more.get(plugin, {})}
    parse_topology(topology([attached(config)]), purge=True)


def test_pods_share_a_bridge_and_each_has_a_rule():
    items = [attached(NET, own(f"10.22.0.{n}/16", "10.22.0.1"), netns=f"p{n}") for n in (2, 3)]
    found = topology(items)
    parse_topology(found, purge=True)
    bridge, *veths = found[""]["links"]
    assert (bridge["name"], bridge["addresses"]) == ("cni0", ["10.22.0.1/16"])
    assert [veth["peer"]["netns"] for veth in veths] == ["p2", "p3"]
    assert [rule for item in items for rule in masquerade_rules(item)] == [
        {"source": f"10.22.0.{n}/32", "exempt": ["10.22.0.0/16", "224.0.0.0/4"]} for n in (2, 3)
    ]
    assert sysctls(items) == {"net.ipv4.ip_forward": "1"}


def test_vlan():
    found = topology([attached({**NET, "vlan": 100}, own("10.22.0.2/16", "10.22.0.1"))])
    bridge, gateway, veth = found[""]["links"]
    assert (bridge["vlan_filtering"], "addresses" in bridge) == (True, False)
    assert (gateway["name"], gateway["addresses"]) == ("cni0.100", ["10.22.0.1/16"])
    assert (gateway["peer"]["controller"], gateway["peer"]["pvid"], veth["pvid"]) == ("cni0", 100, 100)
    parse_topology(found, purge=True)


TRUNK = [{"id": 7}, {"minID": 10, "maxID": 12}, {"id": 13, "minID": 1, "maxID": 2}]


@pytest.mark.parametrize(
    ("options", "pvid", "members", "untagged"),
    [
        ({"vlan": 5}, 5, ["1", "5"], ["1", "5"]),
        ({"vlan": 5, "preserveDefaultVlan": False}, 5, ["5"], ["5"]),
        ({"vlan": 5, "vlanTrunk": TRUNK}, 5, ["1-2", "5", "7", "10-13"], ["1", "5"]),
        ({"vlan": 7, "vlanTrunk": [{"id": 7}, {"id": 9}], "preserveDefaultVlan": False}, 7, ["7", "9"], ["7"]),
        ({"vlanTrunk": [{"id": 7}]}, 1, ["1", "7"], ["1"]),
        ({"vlanTrunk": [{"id": 7}], "preserveDefaultVlan": False}, 1, ["1", "7"], ["1"]),
        ({"vlanTrunk": []}, 1, ["1"], ["1"]),
    ],
)
def test_vlans_of_a_port(options, pvid, members, untagged):
    found = topology([attached({**NET, **options}, own("10.22.0.2/16", "10.22.0.1"))])
    *_others, port = found[""]["links"]
    assert (port["pvid"], port["vlans"], port["untagged"]) == (pvid, members, untagged)
    assert found[""]["links"][0]["vlan_filtering"]
    parse_topology(found, purge=True)


@pytest.mark.parametrize(
    ("options", "default", "pvid", "members"),
    [
        ({"vlan": 5}, 3, 5, ["3", "5"]),
        ({"vlan": 5}, 0, 5, ["5"]),
        ({"vlan": 5, "preserveDefaultVlan": False}, 3, 5, ["5"]),
        ({"vlanTrunk": [{"id": 7}]}, 3, 3, ["3", "7"]),
        ({"vlanTrunk": [{"id": 7}]}, 0, None, ["7"]),
        ({}, 3, 3, ["3"]),  # the VLAN of an earlier configuration is left
        ({}, 0, None, []),
    ],
)
def test_vlans_of_a_port_of_a_bridge_that_is_there(options, default, pvid, members):
    found = topology([attached({**NET, **options}, own("10.22.0.2/16", "10.22.0.1"))], filtering={"cni0": default})
    *_others, port = found[""]["links"]
    assert (port.get("pvid"), port["vlans"]) == (pvid, members)
    parse_topology(found, purge=True)


def test_a_network_beside_one_with_vlans_has_the_default_one():
    plain, tagged = attached(NET, own("10.22.0.2/16", "10.22.0.1")), attached({**NET, "name": "n2", "vlan": 5})
    found = topology([plain, replace(tagged, netns="pod2")])
    port = next(link for link in found[""]["links"] if link["name"] == plain.host_interface)
    assert (port["pvid"], port["vlans"], port["untagged"]) == (1, ["1"], ["1"])


def test_an_isolated_port():
    ports = [topology([attached({**NET, **more})])[""]["links"][-1] for more in ({}, {"portIsolation": True})]
    assert [port["isolated"] for port in ports] == [False, True]
    assert "pvid" not in ports[0]


def test_what_a_network_leaves_goes_with_the_last_of_it():
    in_vlan = network("config", {**NET, "vlan": 100})
    bridge = {"name": "cni0", "kind": "bridge", "shared": True}
    _bridge, gateway, _veth = topology([attached({**NET, "vlan": 100}, own("10.22.0.2/16", "10.22.0.1"))])[""]["links"]
    assert shared_links(network("config", NET)) == [bridge]
    assert shared_links(in_vlan) == [bridge, {"name": gateway["peer"]["name"], "kind": "veth"}]
    assert shared_links(network("config", {"name": "n", "type": "ptp", "ipam": STATIC})) == []


@pytest.mark.parametrize(("plugin", "own_mac"), [("ipvlan", None), ("macvlan", "02:00:00:00:00:02")])
def test_the_mac_of_a_result(plugin, own_mac):
    """An ipvlan has that of the interface that it is on, and the reference plugin tells it."""
    item = attached({"name": "n", "cniVersion": "1.0.0", "type": plugin, "master": "eth9", "ipam": STATIC})
    child = {"parent": "eth9", "parent_netns": "", "mac_address": own_mac}
    state = {
        "": Observed(links={"eth9": Link("eth9", "", {"mac_address": "02:00:00:00:00:01"})}),
        "p": Observed(links={"eth0": Link("eth0", plugin, child)}),
    }
    (found,) = results([item], state)
    mac = own_mac or "02:00:00:00:00:01"
    assert found["interfaces"] == [{"name": "eth0", "mac": mac, "sandbox": "/run/netns/p"}]


def addresses(*last):
    return {ipaddress.ip_address(f"10.9.0.{n}"): "x" for n in last}


@pytest.mark.parametrize(
    ("taken", "last", "expected"),
    [
        ((), None, "10.9.0.2"),  # not the gateway, .1
        ((2,), None, "10.9.0.3"),
        ((2,), "10.9.0.2", "10.9.0.3"),
        ((), "10.9.0.4", "10.10.0.5"),  # the next range
        ((), "10.10.0.6", "10.9.0.2"),  # and round
        ((2, 3), "10.9.0.4", "10.10.0.5"),
        ((), "192.0.2.1", "10.9.0.2"),  # from another configuration
        ((2, 3), "10.9.0.3", "10.9.0.4"),
    ],
)
def test_the_next_address(taken, last, expected):
    ranges = [
        {"subnet": "10.9.0.0/24", "rangeEnd": "10.9.0.4"},
        {"subnet": "10.10.0.0/24", "rangeStart": "10.10.0.5", "rangeEnd": "10.10.0.6"},
    ]
    net = network("config", {**NET, "ipam": {"type": "host-local", "ranges": [ranges]}})
    (given,) = net.ipam.sets
    found = hostlocal.choose(given, addresses(*taken), ipaddress.ip_address(last) if last else None)
    assert str(found[1]) == expected
    everything = {**addresses(2, 3, 4), **{ipaddress.ip_address(f"10.10.0.{n}"): "x" for n in (5, 6)}}
    assert hostlocal.choose(given, everything, ipaddress.ip_address("10.9.0.3")) is None
    only = {key: value for key, value in everything.items() if str(key) != "10.9.0.3"}
    assert str(hostlocal.choose(given, only, ipaddress.ip_address("10.9.0.3"))[1]) == "10.9.0.3"
