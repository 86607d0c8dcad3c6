# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused before anything changes, in one line that names parameter, value and remedy.

Most cases go through the module's own code in this process, as the module would run it; of each module some run as a
process of its own, for what Ansible's argument specification refuses.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import LONGEST_VALUE, FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, ip, namespaces, new_namespace
from ansible_collections.weft.fabric.tests.integration.state import snapshot

MAC, OTHER = "02:00:5e:00:00:01", "02:00:5e:00:00:02"
VETH = {"name": "v0", "kind": "veth", "peer": {"name": "v1"}}
BRIDGE = {"name": "b0", "kind": "bridge"}
VXLAN = {"name": "x0", "kind": "vxlan", "vni": 1}
VLAN = {"name": "n0", "kind": "vlan", "parent": "under0", "vlan_id": 5}
BOND = {"name": "o0", "kind": "bond", "mode": "active-backup"}
MACVLAN = {"name": "m0", "kind": "macvlan", "parent": "under0"}
TUNTAP = {"name": "t0", "kind": "tuntap", "mode": "tap"}
IPIP = {"name": "p0", "kind": "ipip", "remote": "192.0.2.1"}
IPVLAN = {"name": "i0", "kind": "ipvlan", "parent": "under0"}


def links(*items: Any, **more: Any) -> dict[str, Any]:
    return {"": {"links": list(items), **more}}


HOP = {"via": "fd00::1", "dev": "under0"}
RULE = {"priority": 1, "table": 7}


def hops(items: list[Any], **item: Any) -> dict[str, Any]:
    return route(**{"dst": "10.0.0.0/8", **item}, nexthops=items)


def rule(**item: Any) -> dict[str, Any]:
    return {"": {"rules": [item]}}


def route(**item: Any) -> dict[str, Any]:
    return {"": {"routes": [item]}}


def neighbour(**item: Any) -> dict[str, Any]:
    return {"": {"neighbours": [{"dev": "vxlan0", "dst": "10.3.1.0", "lladdr": MAC, **item}]}}


def fdb(**item: Any) -> dict[str, Any]:
    return {"": {"fdb": [{"dev": "vxlan0", "dst": "192.0.2.1", "lladdr": MAC, **item}]}}


def address(value: Any, dev: Any = "under0") -> dict[str, Any]:
    return {"": {"addresses": [{"dev": dev, "address": value}]}}


# (document, the parameter that is named, the value that is named, words of the remedy)
CASES: list[tuple[Any, str, str, str]] = [
    # names of interfaces
    *(
        (links({"name": name, "kind": "bridge"}), "links[0].name", repr(name), remedy)
        for name, remedy in (
            ("sixteen-letters-", "at most 15 bytes"),
            ("fünfzehn-zeiche", "at most 15 bytes, this one has 16"),
            ("a/b", "no white space, '/'"),
            ("a b", "no white space"),
            ("a\tb", "no white space"),
            ("a\nb", "no white space"),
            ("", "1 to 15 characters"),
            (".", "1 to 15 characters"),
            ("..", "1 to 15 characters"),
            ("a:b", "':'"),
            ("a%d", "'%'"),
            ("a\0b", "1 to 15 characters"),
            ("voilà", "choose another name"),
            ("\ud800", "1 to 15 characters"),
            (7, "1 to 15 characters"),
            (None, "1 to 15 characters"),
            (["a"], "1 to 15 characters"),
        )
    ),
    (links({**VETH, "peer": {"name": "a b"}}), "peer.name", "'a b'", "no white space"),
    (links({**VETH, "peer": {}}), "peer.name", "None", "1 to 15"),
    (links({**VETH, "controller": "b/0"}), "controller", "'b/0'", "'/'"),
    (links({**VETH, "controller": False}), "controller", "False", "an interface name"),
    (links({**BRIDGE, "ports": ["under0", "p 1"]}), "ports[1]", "'p 1'", "no white space"),
    (links({**VXLAN, "dev": "no/device"}), "dev", "'no/device'", "'/'"),
    (links({**VLAN, "parent": ""}), "parent", "''", "1 to 15"),
    (links({**BOND, "primary": "x" * 128}), "primary", "xxx", "at most 127 bytes"),
    # names of namespaces
    ({"a/b": {}}, "namespaces", "'a/b'", "no '/'"),
    ({"a b": {}}, "namespaces", "'a b'", "no white space"),
    ({"..": {}}, "namespaces", "'..'", "1 to 255 bytes"),
    ({"n" * 256: {}}, "namespaces", "n" * 256, "1 to 255 bytes"),
    ({"a\0": {}}, "namespaces", r"'a\x00'", "1 to 255 bytes"),
    (links({**VETH, "peer": {"name": "v1", "netns": "../x"}}), "peer.netns", "'../x'", "no '/'"),
    # numbers
    *(
        (links({**VXLAN, "vni": value}), "vni", repr(value), "from 0 to 16777215")
        for value in (16777216, -1, "10.5", "ten", 1.5, True, "9" * 5000)
    ),
    *((links({**VXLAN, "port": value}), "port", repr(value), "from 1 to 65535") for value in (0, 65536, "http")),
    *((links({**VLAN, "vlan_id": value}), "vlan_id", repr(value), "from 1 to 4094") for value in (0, 4095, 4096, -5)),
    (links({**VXLAN, "ttl": 256}), "ttl", "256", "from 0 to 255"),
    (links({**VXLAN, "tos": -1}), "tos", "-1", "from 0 to 255"),
    (links({**VXLAN, "ageing": 0}), "ageing", "0", "from 1 to 2147483647 (seconds)"),
    (links({**BRIDGE, "forward_delay": 31}), "forward_delay", "31", "from 0 to 30 (seconds)"),
    (links({**BRIDGE, "stp": True, "forward_delay": 1}), "forward_delay", "1", "give 2 to 30"),
    (links({**BRIDGE, "ageing_time": -1}), "ageing_time", "-1", "from 0 to 1000000 (seconds)"),
    (links({**BRIDGE, "stp": "maybe"}), "stp", "'maybe'", "true or false"),
    (links({**BRIDGE, "purge_ports": "perhaps"}), "purge_ports", "'perhaps'", "true or false"),
    (links({**VETH, "mtu": 67}), "mtu", "67", "from 68 to 65535 (bytes)"),
    (links({**VETH, "mtu": 65536}), "mtu", "65536", "from 68 to 65535 (bytes)"),
    (links({**VETH, "mtu": 1279, "addresses": ["fd00::1/64"]}), "mtu", "1279", "at least 1280 bytes"),
    (links({**VXLAN, "dev": "under0", "mtu": 1451}), "mtu", "1451", "vxlan takes 50 of it: at most 1450"),
    (links({**VXLAN, "dev": "under0", "local": "2001:db8::1", "mtu": 1431}), "mtu", "1431", "at most 1430"),
    (links({"name": "vxlan0", "kind": "vxlan", "vni": 99, "dev": "under0", "mtu": 1451}), "mtu", "1451", "most 1450"),
    (links({**VLAN, "mtu": 1501}), "mtu", "1501", "under0 has 1500: at most 1500"),
    (links({**BOND, "miimon": -1}), "miimon", "-1", "(milliseconds)"),
    (links({**BOND, "miimon": 100, "updelay": 150}), "updelay", "150", "a multiple of it"),
    (links({**BOND, "downdelay": 100}), "downdelay", "100", "give miimon too"),
    (links({**BOND, "min_links": -1}), "min_links", "-1", "from 0"),
    # words
    (links({**BOND, "mode": "lacp"}), "mode", "'lacp'", "802.3ad"),
    (links({**BOND, "mode": 4}), "mode", "4", "802.3ad"),
    (links({**BOND, "lacp_rate": "fast"}), "lacp_rate", "'fast'", "it is for 802.3ad"),
    (links({**BOND, "mode": "802.3ad", "primary": "under0"}), "primary", "'under0'", "it is for active-backup"),
    (links({**BOND, "xmit_hash_policy": "layer7"}), "xmit_hash_policy", "'layer7'", "layer3+4"),
    (links({**BOND, "mode": "802.3ad", "ad_select": "best"}), "ad_select", "'best'", "bandwidth"),
    (links({**VLAN, "protocol": "802.1x"}), "protocol", "'802.1x'", "802.1q, 802.1ad"),
    (links({**VXLAN, "df": "yes"}), "df", "'yes'", "unset, set, inherit"),
    (links({**VETH, "admin_state": "on"}), "admin_state", "'on'", "up, down"),
    (links({**VETH, "kind": "macsec"}), "kind", "'macsec'", "veth, dummy, bridge, bond, vlan, macvlan, ipvlan, "),
    (links({**VETH, "kind": []}), "kind", "[]", "veth, dummy, bridge"),
    # MAC addresses
    *(
        (links({**VETH, "mac_address": value}), "mac_address", repr(value), remedy)
        for value, remedy in (
            ("01:00:5e:00:00:01", "multicast"),
            ("ff:ff:ff:ff:ff:ff", "multicast"),
            ("33:33:00:00:00:01", "multicast"),
            ("00:00:00:00:00:00", "all zeros"),
            ("02:00:5e:00:00", "six hexadecimal pairs"),
            ("02-00-5e-00-00-01", "six hexadecimal pairs"),
            ("02:00:5e:00:00:0g", "six hexadecimal pairs"),
            ("0200.5e00.0001", "six hexadecimal pairs"),
            (2, "YAML has read it as a number"),
        )
    ),
    (neighbour(lladdr="00:00:00:00:00:00"), "neighbours[0].lladdr", "'00:00:00:00:00:00'", "all zeros"),
    (neighbour(lladdr="03:00:00:00:00:01"), "neighbours[0].lladdr", "'03:00:00:00:00:01'", "multicast"),
    (fdb(lladdr="01:00:5e:00:00:01"), "fdb[0].lladdr", "'01:00:5e:00:00:01'", "multicast"),
    (fdb(lladdr=None), "fdb[0].lladdr", "None", "six hexadecimal pairs"),
    # addresses with a prefix length
    *(
        (address(value), "addresses[0].address", repr(value), remedy)
        for value, remedy in (
            ("10.0.0.1", "with its prefix length"),
            ("10.0.0.1/33", "from 0 to 32"),
            ("10.0.0.1/-1", "from 0 to 32"),
            ("10.0.0.1/", "from 0 to 32"),
            ("10.0.0.1/255.255.255.0", "from 0 to 32"),
            ("10.0.0.256/24", "in CIDR notation"),
            ("10.0.0/24", "in CIDR notation"),
            ("fd00::1/129", "from 0 to 128"),
            ("fd00:::1/64", "in CIDR notation"),
            ("fe80::1%eth0/64", "in CIDR notation"),
            ("host/24", "in CIDR notation"),
            ("224.0.0.1/24", "unicast"),
            ("ff02::1/64", "unicast"),
            ("0.0.0.0/0", "unicast"),
            ("::/64", "unicast"),
            ("255.255.255.255/32", "unicast"),
            ("10.0.0.1\0/24", "in CIDR notation"),
            (10, "with its prefix length"),
            (None, "with its prefix length"),
        )
    ),
    (links({**VETH, "addresses": ["10.0.0.1/24", "10.0.0.2"]}), "links[0].addresses[1]", "'10.0.0.2'", "prefix length"),
    (links({**VETH, "addresses": "10.0.0.1/24"}), "links[0].addresses", "'10.0.0.1/24'", "give a list"),
    # destinations of routes
    (route(dst="10.0.0.1/24", dev="under0"), "routes[0].dst", "'10.0.0.1/24'", "did you mean 10.0.0.0/24?"),
    (route(dst="fd00::1/64", dev="under0"), "routes[0].dst", "'fd00::1/64'", "did you mean fd00::/64?"),
    (route(dst="10.0.0.0/40", dev="under0"), "routes[0].dst", "'10.0.0.0/40'", "from 0 to 32"),
    (route(dst="everywhere", dev="under0"), "routes[0].dst", "'everywhere'", "give an IPv4 or IPv6 address"),
    (route(dst="default", dev="under0"), "routes[0].dst", "'default'", "give 0.0.0.0/0 or ::/0"),
    (route(dev="under0"), "routes[0].dst", "None", "prefix length"),
    (route(dst="10.0.0.0/8"), "routes[0].via", "None", "needs 'via', 'dev' or both"),
    (route(dst="10.0.0.0/8", via="10.0.0.0/8"), "routes[0].via", "'10.0.0.0/8'", "without a prefix length"),
    (route(dst="10.0.0.0/8", via="0.0.0.0"), "routes[0].via", "'0.0.0.0'", "of one host"),
    (route(dst="10.0.0.0/8", via="224.0.0.5"), "routes[0].via", "'224.0.0.5'", "of one host"),
    (route(dst="10.0.0.0/8", via="gateway"), "routes[0].via", "'gateway'", "give an IPv4 or IPv6 address"),
    (route(dst="10.0.0.0/8", via="10.0.0.1", onlink=True), "routes[0].onlink", "True", "both 'via' and 'dev'"),
    (route(dst="10.0.0.0/8", dev="under0", metric=-1), "routes[0].metric", "-1", "from 0 to 4294967295"),
    (route(dst="10.0.0.0/8", dev="under0", table=0), "routes[0].table", "0", "from 1 to 4294967295"),
    (route(dst="10.0.0.0/8", dev="under0", table=[1]), "routes[0].table", "[1]", "from 1"),
    (route(dst="10.0.0.0/8", dev="under0", table="mine"), "routes[0].table", "'mine'", "from 1"),
    (route(dst="10.0.0.0/8", dev="under0", mtu=60), "routes[0].mtu", "60", "from 68"),
    (route(dst="fd00::/8", dev="under0", mtu=1000), "routes[0].mtu", "1000", "from 1280"),
    # address families in one entry
    (route(dst="fd00::/8", via="10.0.0.1"), "routes[0].via", "'10.0.0.1'", "an IPv6 route has no IPv4 gateway"),
    (hops([{"via": "10.0.0.1"}]), "routes[0].nexthops", "via", "for one, give 'via' and 'dev'"),
    (hops([]), "routes[0].nexthops", "[]", "at least two"),
    (hops([{"via": "10.0.0.1"}] * 2), "routes[0].nexthops", "via", "two of them are the same"),
    (hops([{"weight": 2}, {"dev": "under0"}]), "routes[0].nexthops[0].via", "None", "needs 'via', 'dev' or both"),
    (hops([HOP, {"via": "10.0.0.2", "weight": 257}]), "routes[0].nexthops[1].weight", "257", "from 1 to 256"),
    (hops([HOP, {"via": "10.0.0.2", "onlink": True}]), "routes[0].nexthops[1].onlink", "True", "both 'via' and 'dev'"),
    (hops([HOP, {"via": "10.0.0.2", "mtu": 1400}]), "routes[0].nexthops[1].mtu", "1400", "a next hop takes only"),
    (hops([HOP, {"via": "fe80::1"}]), "routes[0].nexthops[1].via", "'fe80::1'", "give 'dev' too"),
    (hops([HOP, "10.0.0.2"]), "routes[0].nexthops[1]", "'10.0.0.2'", "give a dictionary"),
    (hops([HOP, {"dev": "lo"}], dst="fd00::/8"), "routes[0].nexthops[1].via", "None", "needs a gateway"),
    (hops([HOP, {"dev": "lo"}], via="10.0.0.1"), "routes[0].nexthops", "2", "either these, or 'via' and 'dev'"),
    (route(dst="fd00::/8", via="fe80::1"), "routes[0].via", "'fe80::1'", "give 'dev' too"),
    (route(dst="10.0.0.0/8", via="fe80::1"), "routes[0].via", "'fe80::1'", "give 'dev' too"),
    (route(dst="10.0.0.0/8", type="blackhole", dev="lo"), "routes[0].type", "'blackhole'", "leads nowhere"),
    (route(dst="10.0.0.0/8", type="nat"), "routes[0].type", "'nat'", "give one of unicast, local, blackhole"),
    (route(dst="10.0.0.0/8", dev="lo", tos=17), "routes[0].tos", "17", "did you mean 16?"),
    (route(dst="fd00::/8", dev="lo", tos=16), "routes[0].tos", "16", "IPv6 routes have none"),
    (route(dst="fd00::/8", dev="lo", scope="link"), "routes[0].scope", "'link'", "IPv6 routes have none"),
    (route(dst="10.0.0.0/8", dev="lo", pref="high"), "routes[0].pref", "'high'", "IPv4 routes have none"),
    (route(dst="10.0.0.0/8", dev="lo", mtu_lock=True), "routes[0].mtu_lock", "True", "it needs 'mtu'"),
    (route(dst="10.0.0.0/8", dev="lo", protocol="kernel"), "routes[0].protocol", "'kernel'", "the kernel's own"),
    (route(dst="10.0.0.0/8", dev="lo", protocol=2), "routes[0].protocol", "2", "the kernel's own"),
    (route(dst="10.0.0.0/8", dev="lo", protocol="birds"), "routes[0].protocol", "'birds'", "from 0 to 255"),
    (route(dst="10.0.0.0/8", dev="lo", hoplimit=256), "routes[0].hoplimit", "256", "from 1 to 255"),
    (rule(table=7), "rules[0].priority", "None", "a rule needs one"),
    (rule(priority=1), "rules[0].table", "None", "needs 'table', 'l3mdev' or another 'action'"),
    (rule(priority=1, table=7, l3mdev=True), "rules[0].table", "7", "the packet's VRF"),
    (rule(priority=1, table=7, action="blackhole"), "rules[0].action", "'blackhole'", "remove 'table'"),
    (rule(priority=1, suppress_prefixlength=0, action="blackhole"), "suppress_prefixlength", "0", "it needs 'table'"),
    (rule(priority=1, table=7, **{"from": "10.0.0.1/8"}), "rules[0].from", "'10.0.0.1/8'", "did you mean 10.0.0.0/8?"),
    (rule(priority=1, table=7, to="fd00::/8", family="ipv4"), "rules[0].to", "'fd00::/8'", "another address family"),
    (rule(priority=1, table=7, fwmask="0xff"), "rules[0].fwmask", "'0xff'", "it needs 'fwmark'"),
    (rule(priority=1, table=7, fwmark="0x100", fwmask="0xff"), "rules[0].fwmark", "'0x100'", "it never matches"),
    (rule(priority=1, table=7, fwmark="0xyz"), "rules[0].fwmark", "'0xyz'", "give a number, like 0x10"),
    (rule(priority=1, table=7, dport="9-8", ipproto="tcp"), "rules[0].dport", "'9-8'", "the lower number first: 8-9"),
    (rule(priority=1, table=7, dport="http", ipproto="tcp"), "rules[0].dport", "'http'", "from 1 to 65535"),
    (rule(priority=1, table=7, ipproto="tcpip"), "rules[0].ipproto", "'tcpip'", "from 1 to 255"),
    (rule(priority=1, table=7, tos=0x20), "rules[0].tos", "32", "at most 0x1c for IPv4"),
    (rule(priority=1, table=7, iif="a b"), "rules[0].iif", "'a b'", "an interface name"),
    (rule(priority=1, table=7, group=7), "rules[0].group", "7", "a rule takes only"),
    ({"": {"rules": [RULE, {**RULE, "table": 8}]}}, "rules[1].priority", "1", "about the same packets: keep one"),
    (route(dst="fd00::/8", via="fd00::1", src="10.0.0.1"), "routes[0].src", "'10.0.0.1'", "another address family"),
    (links({**VXLAN, "local": "192.0.2.1", "remote": "2001:db8::1"}), "remote", "'2001:db8::1'", "family"),
    (links({**VXLAN, "local": "2001:db8::1", "dev": "under0", "group": "239.1.1.1"}), "group", "'239.1.1.1'", "family"),
    # destinations of entries, ends of tunnels
    (neighbour(dst="239.1.1.1"), "neighbours[0].dst", "'239.1.1.1'", "of one host"),
    (neighbour(dst="10.0.0.1/32"), "neighbours[0].dst", "'10.0.0.1/32'", "without a prefix length"),
    (fdb(dst="::"), "fdb[0].dst", "'::'", "of one host"),
    (fdb(dst=None), "fdb[0].dst", "None", "give either the other VTEP"),
    (fdb(port=0), "fdb[0].port", "0", "from 1 to 65535"),
    (fdb(vni=2**24), "fdb[0].vni", "16777216", "from 0 to 16777215"),
    (links({**VXLAN, "local": "0.0.0.0"}), "local", "'0.0.0.0'", "of one host"),
    (links({**VXLAN, "remote": "239.1.1.1"}), "remote", "'239.1.1.1'", "goes into 'group'"),
    (links({**VXLAN, "dev": "under0", "group": "192.0.2.1"}), "group", "'192.0.2.1'", "goes into 'remote'"),
    (links({**VXLAN, "group": "239.1.1.1"}), "group", "'239.1.1.1'", "needs 'dev'"),
    (
        links({**VXLAN, "dev": "under0", "group": "239.1.1.1", "remote": "192.0.2.1"}),
        "group", "'239.1.1.1'", "not both",
    ),
    # what is needed
    (links({"name": "x0", "kind": "vxlan"}), "vni", "None", "a vxlan needs vni or external"),
    (links({"name": "n0", "kind": "vlan", "parent": "under0"}), "vlan_id", "None", "a vlan needs it"),
    (links({"name": "v0", "kind": "veth"}), "peer", "None", "name its other end"),
    # unknown keys, other types
    (links({**VETH, "vni": 5}), "links[0].vni", "5", "a link of kind veth takes only"),
    (links({"name": "under0", "ports": []}), "links[0].ports", "[]", "a link without kind takes only"),
    (links({**VETH, "peer": {"name": "v1", "speed": 9}}), "peer.speed", "9", "a veth's peer takes only"),
    (route(dst="10.0.0.0/8", dev="under0", gateway="10.0.0.1"), "routes[0].gateway", "'10.0.0.1'", "takes only"),
    (neighbour(mac=MAC), "neighbours[0].mac", repr(MAC), "takes only dev, dst, lladdr"),
    (fdb(vlan=5), "fdb[0].vlan", "5", "an FDB entry takes only"),
    (fdb(via="a/b"), "fdb[0].via", "'a/b'", "an interface name holds"),
    ({"": {"addresses": [{"dev": "under0", "cidr": "10.0.0.1/8"}]}}, "addresses[0].cidr", "'10.0.0.1/8'", "takes only"),
    ({"": {"interfaces": []}}, "interfaces", "[]", "a namespace takes only links, addresses"),
    ({"": {"links": {}}}, "links", "{}", "give a list"),
    ({"": {"routes": ["default"]}}, "routes[0]", "'default'", "give a dictionary"),
    ({"pod": ["x"]}, "namespaces.pod", "['x']", "give a dictionary"),
    (["pod"], "namespaces", "['pod']", "give a dictionary"),
    (links({**VETH, "peer": "v1"}), "peer", "'v1'", "give a dictionary"),
    # duplicates and contradictions
    (links(VETH, {**VETH, "mtu": 1400}, {**VETH, "mtu": 1500}), "mtu", "1500", "listed twice, with mtu 1400 too"),
    (links(VETH, {**BRIDGE, "name": "v0"}), "kind", "'bridge'", "v0 is listed as a veth too"),
    (links(VETH, {**VETH, "peer": {"name": "v2"}}), "name", "'v0'", "with different peers"),
    (links({**VETH, "peer": {"name": "v0"}}), "peer.name", "'v0'", "have different names"),
    (links({**VETH, "addresses": ["10.0.0.1/24", "10.0.0.1/24"]}), "addresses[1]", "'10.0.0.1/24'", "twice on v0"),
    (links({**VETH, "addresses": ["fd00::1/64", "fd00::1/48"]}), "addresses[1]", "'fd00::1/48'", "IPv6 knows it once"),
    (
        {"": {"routes": [{"dst": "10.0.0.0/8", "dev": "under0"}, {"dst": "10.0.0.0/8", "via": "192.0.2.1"}]}},
        "routes[1].dst", "'10.0.0.0/8'", "keep one, or give metrics",
    ),
    (
        {"": {"neighbours": [{"dev": "vxlan0", "dst": "10.3.1.0", "lladdr": mac} for mac in (MAC, OTHER)]}},
        "neighbours[1].lladdr", repr(OTHER), "an address has one MAC",
    ),
    (
        {"": {"fdb": [{"dev": "vxlan0", "dst": dst, "lladdr": MAC} for dst in ("192.0.2.1", "192.0.2.2")]}},
        "fdb[1].lladdr", repr(MAC), "behind 192.0.2.1 and 192.0.2.2",
    ),
    ({"": {"fdb": [{"dev": "vxlan0", "dst": "192.0.2.1", "lladdr": MAC}] * 2}}, "fdb[1].lladdr", repr(MAC), "twice"),
    # bridges, and what sits on what
    (
        links({**BRIDGE, "ports": ["under0"]}, {"name": "b1", "kind": "bridge", "ports": ["under0"]}),
        "links[1].ports[0].controller", "'b1'", "under0 is listed twice, with controller b0 too",
    ),
    (links({**BRIDGE, "ports": ["b0"]}), "ports[0]", "'b0'", "a port of itself"),
    (links({**BRIDGE, "controller": "b0"}), "controller", "'b0'", "a port of itself"),
    (links(BRIDGE, {"name": "b1", "kind": "bridge", "controller": "b0"}), "controller", "'b1'", "join them with"),
    (links({**BRIDGE, "controller": "bridge0"}), "controller", "'b0'", "join them with a veth"),
    (links({**VETH, "controller": "x0"}, VXLAN), "controller", "'x0'", "has no ports: give a bridge"),
    (links({**VETH, "controller": "under0"}), "controller", "'under0'", "has no ports: give a bridge"),
    (links({**BRIDGE, "ports": ["port0"]}), "ports[0].controller", "'port0'", "a port of bridge0: take it out there"),
    (links({**VLAN, "parent": "n0"}), "parent", "'n0'", "cannot sit on itself"),
    (links({**VXLAN, "dev": "x0"}), "dev", "'x0'", "cannot sit on itself"),
    (links({**VLAN, "parent": "n1"}, {**VLAN, "name": "n1", "parent": "n0"}), "name", "'n0'", "by way of others"),
    (links(BRIDGE, {**VXLAN, "dev": "b0", "controller": "b0"}), "controller", "'b0'", "x0 sits on it"),
    # what takes all that a link receives
    (links(MACVLAN, IPVLAN), "parent", "'under0'", "m0 is a macvlan on it: a link carries macvlans or"),
    (links(IPVLAN, MACVLAN), "parent", "'under0'", "i0 is an ipvlan on it: a link carries macvlans"),
    (links({**IPVLAN, "parent": "low0"}), "parent", "'low0'", "mac0 is a macvlan on it"),
    (links({**MACVLAN, "parent": "low0", "mode": "passthru"}), "parent", "'low0'", "mac0 is on it too"),
    (links(MACVLAN, {**MACVLAN, "name": "m1", "mode": "passthru"}), "parent", "'under0'", "the only one on its parent"),
    (links({**MACVLAN, "mode": "passthru"}, {**MACVLAN, "name": "m1"}), "parent", "'under0'", "the only one on its"),
    (links(IPVLAN, {**IPVLAN, "name": "i1", "mode": "l3"}), "mode", "'l3'", "i0 has l2, and all ipvlans on under0"),
    (links(IPVLAN, {**IPVLAN, "name": "i1", "flag": "vepa"}), "flag", "'vepa'", "i0 has bridge, and all ipvlans on"),
    (links({**MACVLAN, "parent": "mac0"}), "parent", "'mac0'", "it is a macvlan itself: give what it sits on, low0"),
    (links({**MACVLAN, "parent": "lo"}), "parent", "'lo'", "sits on an Ethernet link"),
    (links({**MACVLAN, "parent": "port0"}), "parent", "'port0'", "it is a port of bridge0: take it out there first"),
    (links({"name": "low0", "controller": "bridge0"}), "controller", "'bridge0'", "low0 carries macvlan mac0"),
    (links({**MACVLAN, "parent": "m0"}), "parent", "'m0'", "cannot sit on itself"),
    (links({**MACVLAN, "parent_netns": "a b"}), "parent_netns", "'a b'", "no white space"),
    (links({**MACVLAN, "mode": "l2"}), "mode", "'l2'", "private, vepa, bridge, passthru, source"),
    (links({**MACVLAN, "source_macs": [MAC]}), "source_macs", repr([MAC]), "mode bridge has none: it is for source"),
    (links({**MACVLAN, "nopromisc": True}), "nopromisc", "True", "mode bridge has none: it is for passthru"),
    (links({**MACVLAN, "mode": "source", "source_macs": MAC}), "source_macs", repr(MAC), "give a list"),
    (links({**MACVLAN, "mode": "source", "source_macs": ["x"]}), "source_macs[0]", "'x'", "six hexadecimal pairs"),
    (links({**MACVLAN, "mode": "source", "source_macs": [MAC, MAC]}), "source_macs", repr(MAC), "listed twice"),
    (links({**MACVLAN, "mtu": 1501}), "mtu", "1501", "under0 has 1500: at most 1500"),
    (links({"name": "m0", "kind": "macvlan"}), "parent", "None", "a macvlan needs it"),
    (links({**IPVLAN, "mode": "l4"}), "mode", "'l4'", "l2, l3, l3s"),
    (links({**IPVLAN, "mac_address": MAC}), "mac_address", repr(MAC), "has none of its own"),
    # devices of programs, and tunnels
    (links({"name": "t0", "kind": "tuntap"}), "mode", "None", "a tuntap needs it"),
    (links({**TUNTAP, "mode": "tup"}), "mode", "'tup'", "tun, tap"),
    (links({**TUNTAP, "persist": False}), "persist", "False", "no program holds it"),
    (links({**TUNTAP, "name": "tap9", "persist": False}), "persist", "False", "no program holds it"),
    (links({**TUNTAP, "owner": "nobody-at-all"}), "owner", "'nobody-at-all'", "this host has no such user"),
    (links({**TUNTAP, "owner": "a\0b"}), "owner", r"'a\x00b'", "this host has no such user"),
    (links({**TUNTAP, "owner": -1}), "owner", "-1", "from 0 to 4294967294"),
    (links({**TUNTAP, "group": "nobody-at-all"}), "group", "'nobody-at-all'", "this host has no such group"),
    (links({**TUNTAP, "mode": "tun", "mac_address": MAC}), "mac_address", repr(MAC), "has none of its own"),
    (links({**TUNTAP, "mode": "tun", "controller": "bridge0"}), "controller", "'bridge0'", "no Ethernet frames"),
    (links({**TUNTAP, "mode": "tun"}, {**MACVLAN, "parent": "t0"}), "parent", "'t0'", "sits on an Ethernet link"),
    (links({**IPIP, "remote": "2001:db8::1"}), "remote", "'2001:db8::1'", "give an IPv4 address"),
    (links({**IPIP, "local": "239.1.1.1"}), "local", "'239.1.1.1'", "of one host"),
    (links({"name": "p0", "kind": "ipip"}), "remote", "None", "needs 'remote', 'local' or 'dev'"),
    (links({**IPIP, "ttl": 64, "pmtudisc": False}), "pmtudisc", "False", "or give ttl 0"),
    (links(IPIP, {**IPIP, "name": "p1"}), "remote", "'192.0.2.1'", "p0 has the same ends already"),
    (links({**IPIP, "dev": "under0", "mtu": 1481}), "mtu", "1481", "ipip takes 20 of it: at most 1480"),
    (links({**IPIP, "mode": "gre"}), "mode", "'gre'", "ipip, mplsip, any"),
    (links({**IPIP, "mac_address": MAC}), "mac_address", repr(MAC), "an ipip has none of its own"),
    (links({**IPIP, "controller": "bridge0"}), "controller", "'bridge0'", "p0 carries IP packets, no Ethernet frames"),
    # what is there
    (links({**VXLAN, "vni": 99}), "vni", "99", "vxlan0 has this VNI on port 4789 already"),
    (fdb(dev="under0"), "fdb", "'under0'", "only a VXLAN has entries with a destination"),
]  # fmt: skip


@pytest.fixture(scope="module")
def place():
    """A namespace with a link below, a bridge with a port, and a VXLAN."""
    with new_namespace() as name:
        for command in (
            "link add under0 type veth peer name port0",
            "link add bridge0 type bridge",
            "link set port0 master bridge0",
            "link add vxlan0 type vxlan id 99 dstport 4789",
            "tuntap add tap9 mode tap",
            "link add low0 type veth peer name low1",
            "link add mac0 link low0 type macvlan mode bridge",
            "link set under0 up",
        ):
            ip(name, *command.split())
        yield name


def refusal(name: str, document: Any, **more: Any) -> str:
    """The engine's answer; the kernel has nothing to say."""
    before = namespaces()
    with Monitor(name) as monitor, inside(name), pytest.raises(FabricError) as caught:
        reconcile(parse_topology(document, **more))
    assert monitor.changes == []
    assert namespaces() == before
    return str(caught.value)


@pytest.mark.parametrize(("document", "parameter", "value", "remedy"), CASES, ids=lambda value: repr(value)[:60])
def test_refused(document: Any, parameter: str, value: str, remedy: str, place: str) -> None:
    message = refusal(place, document)
    assert "\n" not in message
    named, _colon, rest = message.partition(": ")
    assert named.endswith(parameter)
    assert value[: LONGEST_VALUE // 2] in rest and "is refused: " in rest and len(rest) < 2 * LONGEST_VALUE + 200
    assert remedy in rest


MISSING = [
    (links({**VXLAN, "dev": "eth9"}), "links[0].dev: link eth9 does not exist: create it first"),
    (links({**VLAN, "parent": "eth9"}), "links[0].parent: link eth9 does not exist: create it first"),
    (links({**VETH, "controller": "br9"}), "links[0].controller: link br9 does not exist: create it first"),
    (links({**BRIDGE, "ports": ["eth9"]}), "link eth9 does not exist: create it first"),
    (links({"name": "eth9", "mtu": 1400}), "links[0].name: link eth9 does not exist: create it first"),
    (address("10.0.0.1/24", "eth9"), "addresses[0].address: link eth9 does not exist: create it first"),
    (route(dst="10.0.0.0/8", dev="eth9"), "dev: link eth9 does not exist: create it first"),
    (neighbour(dev="eth9"), "link eth9 does not exist: create it first"),
    (fdb(dev="eth9"), "link eth9 does not exist: create it first"),
    (links({**VETH, "peer": {"name": "e", "netns": "nowhere"}}), "namespace nowhere does not exist: create it with"),
]


@pytest.mark.parametrize(("document", "told"), MISSING, ids=lambda value: repr(value)[:60])
def test_missing(document: Any, told: str, place: str) -> None:
    assert told in refusal(place, document)


# -- as a module -----------------------------------------------------------------------------------

MODULES = [
    ("veth", {"name": "a b", "peer": {"name": "x"}}, ("name", "'a b'", "no white space")),
    ("veth", {"name": "a", "peer": {"name": "x", "netns": "nowhere"}}, ("namespace nowhere", "weft.fabric.netns")),
    ("veth", {"name": "a", "peer": {"name": "b"}, "netns": "nowhere"}, ("namespace nowhere", "weft.fabric.netns")),
    ("bridge", {"name": "b", "ports": ["b"]}, ("ports[0]", "'b'", "a port of itself")),
    ("bridge", {"name": "b", "forward_delay": "soon"}, ("forward_delay", "soon", "int")),
    ("bond", {"name": "o", "mode": "lacp"}, ("mode", "lacp", "802.3ad")),
    ("vlan", {"name": "n", "parent": "lo", "vlan_id": 4095}, ("vlan_id", "4095", "from 1 to 4094")),
    ("macvlan", {"name": "m", "parent": "lo"}, ("parent", "'lo'", "an Ethernet link")),
    ("ipvlan", {"name": "i", "parent": "low0"}, ("parent", "'low0'", "mac0 in namespace", "is a macvlan on it")),
    ("tuntap", {"name": "tap9", "mode": "tun"}, ("link tap9", "mode is tap, not tun", "'recreate: true'")),
    ("ipip", {"name": "p", "local": "x"}, ("local", "'x'", "give an IPv4 or IPv6 address")),
    ("dummy", {"name": "d", "mtu": 65536}, ("mtu", "65536", "from 68 to 65535")),
    ("vxlan", {"name": "x", "vni": 16777216}, ("vni", "16777216", "from 0 to 16777215")),
    ("vxlan", {"name": "x", "vni": 1, "remote": "10.0.0.1", "group": "239.0.0.1"}, ("remote|group", "exclusive")),
    ("address", {"dev": "lo", "addresses": ["10.0.0.1"]}, ("addresses[0]", "'10.0.0.1'", "prefix length")),
    ("route", {"routes": [{"dst": "10.0.0.1/8", "dev": "lo"}]}, ("routes[0].dst", "'10.0.0.1/8'", "did you mean")),
    ("route", {"routes": [{"dst": "10.0.0.0/8", "device": "lo"}]}, ("device", "Supported parameters")),
    ("vxlan_fdb", {"dev": "vxlan0", "entries": [{"lladdr": "x", "dst": "10.0.0.1"}]}, ("entries[0].lladdr", "'x'")),
    ("vxlan_neigh", {"dev": "vxlan0", "entries": [{"lladdr": MAC, "dst": "x"}]}, ("entries[0].dst", "'x'")),
    ("netns", {"name": "a/b"}, ("name", "'a/b'", "no '/'")),
    ("topology", {"namespaces": {"": {"link": []}}}, ("link", "[]", "takes only links")),
    ("topology_info", {"namespaces": ["nowhere"]}, ("namespace nowhere does not exist", "weft.fabric.netns")),
    ("topology_info", {"namespaces": ["a b"]}, ("namespaces[0]", "'a b'", "no white space")),
]  # fmt: skip


@pytest.mark.older_host
@pytest.mark.parametrize(("module", "arguments", "words"), MODULES, ids=lambda value: repr(value)[:40])
def test_a_module_refuses(
    module: str, arguments: dict[str, Any], words: tuple[str, ...], run_module, place: str
) -> None:
    before, where = snapshot(place), {} if module in ("netns", "topology", "topology_info") else {"netns": place}
    with Monitor("", place) as monitor:
        result = run_module(module, **{**where, **arguments})
    assert result["failed"] and "\n" not in result["msg"]
    for word in words:
        assert word in result["msg"]
    assert monitor.changes == []
    assert snapshot(place) == before
