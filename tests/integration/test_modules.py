# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module of the engine through its life, on the real kernel.

Missing arguments, check mode, create, again, change in place, drift, delete, delete again. What is asserted is what
iproute2 and the kernel's notifications say.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import machine
from ansible_collections.weft.fabric.tests.integration.kernel import (
    LINK_KINDS,
    Monitor,
    has_link_kind,
    ip_json,
    namespaces,
    run,
)
from ansible_collections.weft.fabric.tests.integration.state import snapshot

QUIET = {"before": "", "after": ""}
MACS = [f"02:00:5e:00:00:{number:02x}" for number in range(10)]
FLOOD = "00:00:00:00:00:00"


@dataclasses.dataclass(frozen=True)
class Case:
    """A module's life in two namespaces, HOST and POD.

    :ivar prepare: commands, before the module runs.
    :ivar create: its arguments; ``made`` is what the kernel then has, as part of a snapshot.
    :ivar change: its arguments for another state, reached without making anything again; ``changed`` what it then has.
    :ivar drift: commands, or several joined by &&, that alter that state behind its back.
    :ivar missing: arguments without which it fails.
    :ivar delete: its arguments to take everything away; those of ``change`` where they are not given.
    """

    module: str
    create: dict[str, Any]
    made: dict[str, Any]
    change: dict[str, Any]
    changed: dict[str, Any]
    drift: tuple[str, ...]
    missing: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    delete: dict[str, Any] | None = None


def link(name: str, kind: str, mtu: int, address: str, **more: Any) -> dict[str, Any]:
    """A link as snapshot() has it."""
    return {"links": {name: {"kind": kind, "mtu": mtu, "address": address, "up": True, **more}}}


CASES = {
    "veth": Case(
        "veth",
        prepare=("ip -n HOST link add br0 address 02:00:5e:00:00:08 type bridge",),
        create={
            "name": "veth0",
            "mtu": 1450,
            "mac_address": MACS[1],
            "controller": "br0",
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "peer": {
                "name": "eth0",
                "netns": "POD",
                "mac_address": MACS[2],
                "addresses": ["10.1.0.2/24", "fd00:1::2/64"],
            },
        },
        made={
            "HOST": {
                **link("veth0", "veth", 1450, MACS[1], master="br0"),
                "addresses": [("veth0", "10.1.0.1/24"), ("veth0", "fd00:1::1/64")],
            },
            "POD": {
                **link("eth0", "veth", 1500, MACS[2]),
                "addresses": [("eth0", "10.1.0.2/24"), ("eth0", "fd00:1::2/64")],
            },
        },
        change={
            "name": "veth0",
            "mtu": 1400,
            "mac_address": MACS[3],
            "controller": "",
            "addresses": ["10.1.0.9/24", "fd00:1::1/48"],
            "purge_addresses": True,
            "peer": {"name": "eth7", "netns": "POD", "mtu": 1400, "addresses": ["10.1.0.8/24"]},
        },
        changed={
            "HOST": {
                **link("veth0", "veth", 1400, MACS[3], master=None),
                "addresses": [("veth0", "10.1.0.9/24"), ("veth0", "fd00:1::1/48")],
            },
            "POD": {**link("eth7", "veth", 1400, MACS[2]), "addresses": [("eth7", "10.1.0.8/24")]},
        },
        drift=(
            "ip -n HOST link set veth0 down",
            "ip -n HOST link set veth0 mtu 1300",
            "ip -n HOST link set veth0 address 02:00:00:00:00:77",
            "ip -n HOST link set veth0 master br0",
            "ip -n HOST address delete 10.1.0.9/24 dev veth0",
            "ip -n HOST address add 10.1.0.77/24 dev veth0",
            "ip -n HOST address add fd00:1::77/64 dev veth0",
            "ip -n POD link set eth7 down",
            "ip -n POD link set eth7 down && ip -n POD link set eth7 name lost",
            "ip -n POD link set eth7 netns HOST",
            "ip -n POD address flush dev eth7 scope global",
        ),
        missing=("name",),
        delete={"name": "veth0"},
    ),
    "bridge": Case(
        "bridge",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link add p1 type veth peer name q1"),
        create={
            "name": "br0",
            "mtu": 1450,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "ports": ["p0", "p1"],
            "stp": True,
            "forward_delay": 4,
            "ageing_time": 100,
            "mcast_snooping": False,
        },
        made={
            "HOST": {
                **link("br0", "bridge", 1450, MACS[1]),
                "addresses": [("br0", "10.1.0.1/24"), ("br0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "br0",
            "mac_address": MACS[2],
            "addresses": ["10.1.0.2/24"],
            "purge_addresses": True,
            "ports": ["p1"],
            "purge_ports": True,
            "stp": False,
            "forward_delay": 15,
            "ageing_time": 300,
            "mcast_snooping": True,
        },
        changed={"HOST": {**link("br0", "bridge", 1450, MACS[2]), "addresses": [("br0", "10.1.0.2/24")]}},
        drift=(
            "ip -n HOST link set br0 type bridge ageing_time 20000",
            "ip -n HOST link set br0 type bridge forward_delay 2000",
            "ip -n HOST link set br0 type bridge stp_state 1",
            "ip -n HOST link set br0 type bridge mcast_snooping 0",
            "ip -n HOST link set p1 nomaster",
            "ip -n HOST link set p0 master br0",
            "ip -n HOST link set br0 down",
        ),
        missing=("name",),
        delete={"name": "br0"},
    ),
    "vxlan": Case(
        "vxlan",
        prepare=("ip -n HOST link add under0 type veth peer name far0", "ip -n HOST link set under0 up"),
        create={
            "name": "vxlan0",
            "vni": 10,
            "local": "192.0.2.1",
            "dev": "under0",
            "remote": "192.0.2.2",
            "mtu": 1450,
            "mac_address": MACS[1],
            "addresses": ["10.3.0.0/32", "fd00:3::/128"],
            "ttl": 64,
            "tos": 4,
            "df": "set",
        },
        made={
            "HOST": {
                **link("vxlan0", "vxlan", 1450, MACS[1]),
                "addresses": [("vxlan0", "10.3.0.0/32"), ("vxlan0", "fd00:3::/128")],
            }
        },
        change={
            "name": "vxlan0",
            "vni": 10,
            "local": "192.0.2.3",
            "dev": "far0",
            "remote": "192.0.2.4",
            "mtu": 1400,
            "mac_address": MACS[2],
            "addresses": ["10.3.0.0/32", "fd00:3::/128"],
            "learning": True,
            "ttl": 9,
            "tos": 8,
            "df": "inherit",
        },
        changed={"HOST": link("vxlan0", "vxlan", 1400, MACS[2])},
        drift=(
            "ip -n HOST link set vxlan0 type vxlan ttl 7",
            "ip -n HOST link set vxlan0 type vxlan nolearning",
            "ip -n HOST link set vxlan0 type vxlan local 192.0.2.77",
            "ip -n HOST link set vxlan0 mtu 1300",
            "ip -n HOST link set vxlan0 address 02:00:00:00:00:77",
            "ip -n HOST link set vxlan0 down",
        ),
        missing=("name", "vni"),
        delete={"name": "vxlan0"},
    ),
    "vxlan over IPv6": Case(
        "vxlan",
        prepare=("ip -n HOST link add under0 type veth peer name far0",),
        create={
            "name": "vx6",
            "vni": 16777215,
            "local": "2001:db8::1",
            "dev": "under0",
            "group": "ff05::100",
            "port": 8472,
        },
        made={"HOST": {"links": {"vx6": {"kind": "vxlan", "mtu": 1430, "up": True}}}},
        change={
            "name": "vx6",
            "vni": 16777215,
            "local": "2001:db8::2",
            "dev": "under0",
            "remote": "2001:db8::3",
            "port": 8472,
        },
        changed={"HOST": {"links": {"vx6": {"kind": "vxlan", "mtu": 1430, "up": True}}}},
        drift=("ip -n HOST link set vx6 type vxlan local 2001:db8::77", "ip -n HOST link set vx6 type vxlan learning"),
        missing=("name", "vni"),
        delete={"name": "vx6"},
    ),
    "address": Case(
        "address",
        prepare=("ip -n HOST link add v0 type veth peer name v1", "ip -n HOST link set v0 up"),
        create={"dev": "v0", "addresses": ["10.1.0.1/24", "10.1.0.2/24", "fd00:1::1/64"]},
        made={"HOST": {"addresses": [("v0", "10.1.0.1/24"), ("v0", "10.1.0.2/24"), ("v0", "fd00:1::1/64")]}},
        change={"dev": "v0", "addresses": ["10.1.0.2/24", "fd00:1::1/48"], "purge": True},
        changed={"HOST": {"addresses": [("v0", "10.1.0.2/24"), ("v0", "fd00:1::1/48")]}},
        drift=(
            "ip -n HOST address delete 10.1.0.2/24 dev v0",
            "ip -n HOST address add 10.1.0.7/24 dev v0",
            "ip -n HOST address delete fd00:1::1/48 dev v0",
            "ip -n HOST address flush dev v0 scope global",
        ),
        missing=("dev", "addresses"),
    ),
    "route": Case(
        "route",
        prepare=(
            "ip -n HOST link add v0 type veth peer name v1",
            "ip -n HOST link set v0 up",
            "ip -n HOST link set v1 up",
            "ip -n HOST address add 10.1.0.1/24 dev v0",
            "ip -n HOST address add fd00:1::1/64 dev v0",
        ),
        create={
            "routes": [
                {"dst": "10.8.0.0/16", "via": "10.1.0.9"},
                {"dst": "10.9.0.0/16", "via": "172.16.0.1", "dev": "v0", "onlink": True, "mtu": 1400},
                {"dst": "default", "via": "10.1.0.9", "src": "10.1.0.1", "metric": 50},
                {"dst": "fd00:8::/32", "via": "fd00:1::9", "src": "fd00:1::1"},
                {"dst": "fd00:9::1", "dev": "v0"},
            ]
        },
        made={
            "HOST": {
                "routes": [
                    "10.1.0.0/24 dev v0 proto kernel scope link src 10.1.0.1",
                    "10.8.0.0/16 via 10.1.0.9 dev v0 proto 119",
                    "10.9.0.0/16 via 172.16.0.1 dev v0 proto 119 onlink mtu 1400",
                    "default via 10.1.0.9 dev v0 proto 119 src 10.1.0.1 metric 50",
                    "fd00:1::/64 dev v0 proto kernel metric 256",
                    "fd00:8::/32 via fd00:1::9 dev v0 proto 119 src fd00:1::1 metric 1024",
                    "fd00:9::1 dev v0 proto 119 metric 1024",
                ]
            }
        },
        change={
            "routes": [
                {"dst": "10.8.0.0/16", "via": "10.1.0.8", "mtu": 1300},
                {"dst": "default", "via": "10.1.0.7", "src": "10.1.0.1", "metric": 50},
                {"dst": "fd00:8::/32", "via": "fd00:1::8", "src": "fd00:1::1", "mtu": 1300},
            ],
            "purge": True,
        },
        changed={
            "HOST": {
                "routes": [
                    "10.1.0.0/24 dev v0 proto kernel scope link src 10.1.0.1",
                    "10.8.0.0/16 via 10.1.0.8 dev v0 proto 119 mtu 1300",
                    "default via 10.1.0.7 dev v0 proto 119 src 10.1.0.1 metric 50",
                    "fd00:1::/64 dev v0 proto kernel metric 256",
                    "fd00:8::/32 via fd00:1::8 dev v0 proto 119 src fd00:1::1 metric 1024 mtu 1300",
                ]
            }
        },
        drift=(
            "ip -n HOST route delete 10.8.0.0/16",
            "ip -n HOST route replace default via 10.1.0.66 metric 50",
            "ip -n HOST route replace 10.8.0.0/16 via 10.1.0.8 dev v0 proto 119 mtu 1200",
            "ip -n HOST route replace fd00:8::/32 via fd00:1::66",
            "ip -n HOST route append fd00:8::/32 via fd00:1::67",
            "ip -n HOST route delete fd00:8::/32",
            "ip -n HOST route add 10.77.0.0/16 via 10.1.0.9 proto 119",
        ),
        missing=("routes",),
    ),
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
    "bond": Case(
        "bond",
        prepare=(
            "ip -n HOST link add p0 type veth peer name q0",
            "ip -n HOST link add p1 type veth peer name q1",
            "ip -n HOST link set p1 up",  # as what is taken out of a bond stays; what a deleted one leaves is down
        ),
        create={
            "name": "bond0",
            "mode": "active-backup",
            "ports": ["p0", "p1"],
            "primary": "p1",
            "miimon": 100,
            "updelay": 200,
            "downdelay": 100,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        made={
            "HOST": {
                **link("bond0", "bond", 1500, MACS[1]),
                "addresses": [("bond0", "10.1.0.1/24"), ("bond0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "bond0",
            "mode": "802.3ad",
            "ports": ["p0"],
            "purge_ports": True,
            "lacp_rate": "fast",
            "ad_select": "count",
            "min_links": 1,
            "xmit_hash_policy": "layer3+4",
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "miimon": 50,
            "updelay": 0,
            "downdelay": 0,
        },
        changed={"HOST": link("bond0", "bond", 1500, MACS[1])},
        drift=(
            "ip -n HOST link set p0 nomaster",
            "ip -n HOST link set bond0 type bond miimon 30",
            "ip -n HOST link set bond0 type bond xmit_hash_policy layer2",
            "ip -n HOST link set bond0 down",
        ),
        missing=("name",),
        delete={"name": "bond0"},
    ),
    "vlan": Case(
        "vlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={
            "name": "v10",
            "parent": "p0",
            "vlan_id": 10,
            "mtu": 1400,
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        made={
            "HOST": {
                "links": {"v10": {"kind": "vlan", "mtu": 1400, "up": True}},
                "addresses": [("v10", "10.1.0.1/24"), ("v10", "fd00:1::1/64")],
            }
        },
        change={
            "name": "v10",
            "parent": "p0",
            "vlan_id": 10,
            "mtu": 1300,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        changed={"HOST": link("v10", "vlan", 1300, MACS[1])},
        drift=("ip -n HOST link set v10 mtu 1290", "ip -n HOST link set v10 down"),
        missing=("name", "parent", "vlan_id"),
        delete={"name": "v10"},
    ),
    "macvlan": Case(
        "macvlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={
            "name": "m0",
            "parent": "p0",
            "mtu": 1400,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        made={
            "HOST": {
                **link("m0", "macvlan", 1400, MACS[1], options={"mode": "bridge"}),
                "addresses": [("m0", "10.1.0.1/24"), ("m0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "m0",
            "parent": "p0",
            "mtu": "auto",
            "mac_address": MACS[2],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "mode": "source",
            "source_macs": [MACS[4].upper(), MACS[3]],
        },
        changed={"HOST": link("m0", "macvlan", 1500, MACS[2])},
        drift=(
            "ip -n HOST link set m0 type macvlan mode private",
            f"ip -n HOST link set m0 type macvlan macaddr add {MACS[7]}",
            f"ip -n HOST link set m0 type macvlan macaddr del {MACS[3]}",
            "ip -n HOST link set m0 type macvlan macaddr flush",
            "ip -n HOST link set m0 mtu 1300",
            "ip -n HOST link set m0 address 02:00:00:00:00:77",
            "ip -n HOST link set m0 down",
        ),
        missing=("name", "parent"),
        delete={"name": "m0"},
    ),
    "macvlan on a link of another namespace, which has one of that name": Case(
        "macvlan",
        prepare=("ip -n POD link add eth0 type veth peer name far0", "ip -n POD link set eth0 up"),
        create={"name": "eth0", "parent": "far0", "parent_netns": "POD", "mac_address": MACS[1]},
        made={
            "HOST": {
                "links": {"eth0": {"kind": "macvlan", "mtu": 1500, "up": True, "options": {"mode": "bridge"}}},
            }
        },
        change={
            "name": "eth0",
            "parent": "far0",
            "parent_netns": "POD",
            "mode": "vepa",
            "mtu": 1400,
            "mac_address": MACS[2],
            "addresses": ["10.1.0.1/24"],
        },
        changed={"HOST": {"links": {"eth0": {"mtu": 1400, "options": {"mode": "vepa"}}}}},
        drift=("ip -n HOST link set eth0 type macvlan mode bridge", "ip -n HOST link delete eth0"),
        missing=("name", "parent"),
        delete={"name": "eth0"},
    ),
    "macvlan alone on its parent": Case(
        "macvlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0",),
        create={"name": "m0", "parent": "p0", "mode": "passthru", "nopromisc": True, "mac_address": MACS[1]},
        made={
            "HOST": {
                "links": {"p0": {"address": MACS[1]}, "m0": {"options": {"mode": "passthru", "nopromisc": True}}},
            }
        },
        change={"name": "m0", "parent": "p0", "mode": "passthru", "nopromisc": False, "mac_address": MACS[2]},
        changed={"HOST": {"links": {"p0": {"address": MACS[2]}, "m0": {"options": {"mode": "passthru"}}}}},
        drift=(
            "ip -n HOST link set m0 address 02:00:00:00:00:77",
            "ip -n HOST link set m0 type macvlan mode passthru nopromisc",
            "ip -n HOST link delete m0",
        ),
        missing=("name", "parent"),
        delete={"name": "m0"},
    ),
    "ipvlan": Case(
        "ipvlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={"name": "i0", "parent": "p0", "addresses": ["10.1.0.1/24", "fd00:1::1/64"]},
        made={
            "HOST": {
                "links": {"i0": {"kind": "ipvlan", "mtu": 1500, "up": True}},
                "addresses": [("i0", "10.1.0.1/24"), ("i0", "fd00:1::1/64")],
            }
        },
        change={
            "name": "i0",
            "parent": "p0",
            "mode": "l3s",
            "flag": "private",
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        changed={"HOST": {"links": {"i0": {"kind": "ipvlan", "mtu": 1500, "up": True}}}},
        drift=(
            "ip -n HOST link set i0 type ipvlan mode l2",
            "ip -n HOST link set i0 type ipvlan vepa",
            "ip -n HOST link set i0 down",
        ),
        missing=("name", "parent"),
        delete={"name": "i0"},
    ),
    "dummy": Case(
        "dummy",
        create={"name": "d0", "mac_address": MACS[1], "addresses": ["10.1.0.1/32", "fd00:1::1/128"]},
        made={
            "HOST": {
                **link("d0", "dummy", 1500, MACS[1]),
                "addresses": [("d0", "10.1.0.1/32"), ("d0", "fd00:1::1/128")],
            }
        },
        change={"name": "d0", "mtu": 9000, "mac_address": MACS[2], "addresses": ["10.1.0.1/32", "fd00:1::1/128"]},
        changed={"HOST": link("d0", "dummy", 9000, MACS[2])},
        drift=("ip -n HOST link set d0 mtu 1400", "ip -n HOST link set d0 down", "ip -n HOST link delete d0"),
        missing=("name",),
        delete={"name": "d0"},
    ),
    "tuntap": Case(
        "tuntap",
        prepare=("ip -n HOST link add br0 address 02:00:5e:00:00:08 type bridge",),
        create={
            "name": "tap0",
            "mode": "tap",
            "owner": "nobody",
            "mtu": 1400,
            "mac_address": MACS[1],
            "controller": "br0",
        },
        made={
            "HOST": link(
                "tap0", "tun", 1400, MACS[1], master="br0", options={"type": "tap", "persist": True, "user": "nobody"}
            )
        },
        change={
            "name": "tap0",
            "mode": "tap",
            "owner": "nobody",
            "mac_address": MACS[2],
            "mtu": 1500,
            "controller": "",
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        changed={
            "HOST": {
                **link(
                    "tap0",
                    "tun",
                    1500,
                    MACS[2],
                    master=None,
                    options={"type": "tap", "persist": True, "user": "nobody"},
                ),
                "addresses": [("tap0", "10.1.0.1/24"), ("tap0", "fd00:1::1/64")],
            }
        },
        drift=(
            "ip -n HOST link set tap0 mtu 1300",
            "ip -n HOST link set tap0 master br0",
            "ip -n HOST link set tap0 down",
            "ip -n HOST link delete tap0",
        ),
        missing=("name", "mode"),
        delete={"name": "tap0"},
    ),
    "tuntap of several queues, without frames": Case(
        "tuntap",
        create={"name": "tun0", "mode": "tun", "multi_queue": True, "group": 1, "addresses": ["10.1.0.1/24"]},
        made={
            "HOST": {
                "links": {
                    "tun0": {"kind": "tun", "up": True, "options": {"type": "tun", "persist": True, "group": "daemon"}}
                }
            }
        },
        change={"name": "tun0", "mode": "tun", "multi_queue": True, "mtu": 1400, "addresses": ["10.1.0.1/24"]},
        changed={"HOST": {"links": {"tun0": {"options": {"type": "tun", "persist": True, "group": "daemon"}}}}},
        drift=("ip -n HOST link set tun0 mtu 1300", "ip -n HOST link set tun0 down"),
        missing=("name", "mode"),
        delete={"name": "tun0"},
    ),
    "ipip": Case(
        "ipip",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={
            "name": "ipip0",
            "local": "192.0.2.1",
            "remote": "192.0.2.2",
            "mode": "any",
            "ttl": 64,
            "tos": 4,
            "addresses": ["10.1.0.1/30"],
        },
        made={"HOST": {"links": {"ipip0": {"kind": "ipip", "up": True}}, "addresses": [("ipip0", "10.1.0.1/30")]}},
        change={
            "name": "ipip0",
            "local": "192.0.2.1",
            "remote": "192.0.2.3",
            "dev": "p0",
            "ttl": 0,
            "tos": 8,
            "pmtudisc": False,
            "mtu": "auto",
            "addresses": ["10.1.0.1/30"],
        },
        changed={"HOST": {"links": {"ipip0": {"kind": "ipip", "mtu": 1480, "up": True}}}},
        drift=(
            "ip -n HOST link set ipip0 type ipip local 192.0.2.77 remote 192.0.2.3 dev p0 mode any nopmtudisc",
            "ip -n HOST link set ipip0 mtu 1300",
            "ip -n HOST link set ipip0 down",
            "ip -n HOST link delete ipip0",
        ),
        missing=("name",),
        delete={"name": "ipip0"},
    ),
    "topology": Case(
        "topology",
        create={
            "namespaces": {
                "HOST": {
                    "links": [
                        {"name": "br0", "kind": "bridge", "mac_address": MACS[1], "addresses": ["10.1.0.1/24"]},
                        {
                            "name": "veth0",
                            "kind": "veth",
                            "mac_address": MACS[2],
                            "controller": "br0",
                            "peer": {
                                "name": "eth0",
                                "netns": "POD",
                                "mac_address": MACS[3],
                                "addresses": ["10.1.0.2/24"],
                            },
                        },
                        {
                            "name": "vxlan0",
                            "kind": "vxlan",
                            "vni": "10",
                            "mac_address": MACS[4],
                            "local": "192.0.2.1",
                            "mtu": "1450",
                        },
                    ],
                    "fdb": [{"dev": "vxlan0", "lladdr": MACS[1], "dst": "192.0.2.2"}],
                    "neighbours": [{"dev": "vxlan0", "dst": "10.3.1.0", "lladdr": MACS[1]}],
                    "routes": [{"dst": "10.3.1.0/24", "via": "10.3.1.0", "dev": "vxlan0", "onlink": "true"}],
                },
                "POD": {"routes": [{"dst": "default", "via": "10.1.0.1"}]},
            }
        },
        made={
            "HOST": {
                "addresses": [("br0", "10.1.0.1/24")],
                "fdb": [("vxlan0", MACS[1], "192.0.2.2", None, None, "permanent")],
                "neighbours": [("vxlan0", "10.3.1.0", MACS[1])],
            },
            "POD": {"addresses": [("eth0", "10.1.0.2/24")]},
        },
        change={
            "purge": True,
            "namespaces": {
                "HOST": {
                    "links": [
                        {"name": "br0", "kind": "bridge", "mac_address": MACS[1], "addresses": ["10.1.0.9/24"]},
                        {
                            "name": "veth0",
                            "kind": "veth",
                            "mac_address": MACS[2],
                            "controller": "br0",
                            "peer": {
                                "name": "eth0",
                                "netns": "POD",
                                "mac_address": MACS[3],
                                "addresses": ["10.1.0.3/24"],
                            },
                        },
                        {
                            "name": "vxlan0",
                            "kind": "vxlan",
                            "vni": 10,
                            "mac_address": MACS[4],
                            "local": "192.0.2.1",
                            "mtu": 1400,
                        },
                    ],
                    "fdb": [{"dev": "vxlan0", "lladdr": MACS[1], "dst": "192.0.2.3"}],
                },
                "POD": {"routes": [{"dst": "default", "via": "10.1.0.9"}]},
            },
        },
        changed={
            "HOST": {
                "addresses": [("br0", "10.1.0.9/24")],
                "fdb": [("vxlan0", MACS[1], "192.0.2.3", None, None, "permanent")],
                "neighbours": [],
            },
            "POD": {"addresses": [("eth0", "10.1.0.3/24")]},
        },
        drift=(
            "ip -n HOST link delete vxlan0",
            "ip -n HOST link delete veth0",
            "ip -n HOST link delete br0",
            "ip -n POD route delete default",
            "ip -n POD address flush dev eth0 scope global",
            "ip -n POD link set eth0 netns HOST",
        ),
        missing=("namespaces",),
    ),
}
NEEDED = ("bond", "dummy", "ipip", "ipvlan", "vlan")
every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[pytest.mark.needs_kind(case.module)] if case.module in NEEDED else [])
        for name, case in CASES.items()
    ],
    ids=list(CASES),
)


class Stage:
    """A case's namespaces, and its module run in them."""

    def __init__(self, run_module: Any, case: Case, host: str, pod: str) -> None:
        self._run_module = run_module
        self.case = case
        self.names = {"HOST": host, "POD": pod}
        self.command(*case.prepare)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._filled(key): self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return self.names.get(value, value) if isinstance(value, str) else value

    def command(self, *commands: str) -> None:
        for command in commands:
            run(*(self.names.get(word, word) for word in command.split()))

    def run(self, arguments: dict[str, Any], **more: Any) -> Any:
        place = {} if self.case.module == "topology" else {"netns": self.names["HOST"]}
        return self._run_module(self.case.module, **place, **self._filled(arguments), **more)

    def state(self) -> dict[str, Any]:
        return {label: snapshot(name) if name in namespaces() else None for label, name in self.names.items()}

    def quietly(self, arguments: dict[str, Any], **more: Any) -> Any:
        """Run; the kernel has nothing to say about it."""
        before = self.state()
        with Monitor("", *(name for name in self.names.values() if name in namespaces())) as monitor:
            result = self.run(arguments, **more)
        assert monitor.changes == []
        assert self.state() == before
        return result

    def reach(self, arguments: dict[str, Any], **more: Any) -> Any:
        """Run in check mode, then run, then run again."""
        would = self.quietly(arguments, check=True, **more)
        did = self.run(arguments, **more)
        assert did.rc == 0, did
        assert (would["changed"], would["diff"]) == (True, did["diff"])
        assert did["changed"] and did["diff"]["before"] != did["diff"]["after"]
        again = self.quietly(arguments, **more)
        assert (again["changed"], again["diff"]) == (False, QUIET)
        return did

    def expect(self, expected: dict[str, Any]) -> None:
        """The kernel has what a case says."""
        state = self.state()
        for label, parts in expected.items():
            for section, items in parts.items():
                found = state[label][section]
                if section == "links":
                    for name, attributes in items.items():
                        assert {key: found[name][key] for key in attributes} == attributes
                else:
                    assert found == items

    def indexes(self) -> dict[tuple[str, str], int]:
        return {
            (label, item["ifname"]): item["ifindex"]
            for label, name in self.names.items()
            for item in ip_json(name, "link")
        }


@every_case
def test_life(case: Case, run_module, ns) -> None:
    stage = Stage(run_module, case, ns(), ns())
    nothing = stage.state()

    stage.reach(case.create)
    stage.expect(case.made)
    indexes = stage.indexes()

    stage.reach(case.change)
    stage.expect(case.changed)
    if "eth7" not in str(case.change):  # which is renamed
        assert stage.indexes() == indexes
    right = stage.state()

    for command in case.drift:
        stage.command(*command.split(" && "))
        assert stage.state() != right, f"{command} changes nothing"
        repaired = stage.run(case.change)
        assert repaired["changed"] and repaired["diff"] != QUIET, command
        assert stage.state() == right, command
    assert not stage.quietly(case.change)["changed"]

    gone = {"state": "absent", **(case.delete or case.change)}
    stage.reach(gone)
    if case.module == "topology":
        assert not set(stage.names.values()) & namespaces()
    else:
        assert stage.state() == nothing


@pytest.mark.parametrize(
    ("module", "argument"),
    sorted({(case.module, name) for case in CASES.values() for name in case.missing} | {("netns", "name")}),
)
def test_missing_arguments(module: str, argument: str, run_module, ns) -> None:
    name = ns()
    arguments = next((case.create for case in CASES.values() if case.module == module), {"name": "x"})
    place = {} if module in ("netns", "topology") else {"netns": name}
    with Monitor("", name) as monitor:
        result = run_module(module, **place, **{key: value for key, value in arguments.items() if key != argument})
    assert result["failed"] and argument in result["msg"] and "\n" not in result["msg"]
    assert monitor.changes == []


def test_netns(run_module) -> None:
    with Monitor("") as monitor:
        would = run_module("netns", name="blue", check=True)
    assert monitor.changes == [] and "blue" not in namespaces()
    did = run_module("netns", name="blue")
    try:
        assert (would["changed"], would["diff"]) == (True, did["diff"])
        assert did["netns"] == {"name": "blue"}
        assert "UP" in ip_json("blue", "link", "show", "lo")[0]["flags"]
        with Monitor("", "blue") as monitor:
            again = run_module("netns", name="blue")
        assert (again["changed"], monitor.changes) == (False, [])
        run("ip", "-n", "blue", "link", "set", "lo", "down")
        repaired = run_module("netns", name="blue")
        assert repaired["diff"] == {"before": "netns blue: link lo down\n", "after": "netns blue: link lo up\n"}
        assert "UP" in ip_json("blue", "link", "show", "lo")[0]["flags"]
        with Monitor("", "blue") as monitor:
            would = run_module("netns", name="blue", state="absent", check=True)
        assert monitor.changes == [] and "blue" in namespaces()
    finally:
        gone = run_module("netns", name="blue", state="absent")
    assert would["diff"] == gone["diff"] == {"before": "namespace blue\n", "after": ""}
    assert "blue" not in namespaces()
    assert not run_module("netns", name="blue", state="absent")["changed"]


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_netns_can_go_whoever_made_another_one_after_it(first: str, run_module) -> None:
    """ip-netns(8) mounts the directory of namespaces over itself, once, and would hide what was mounted before."""
    assert namespaces() == set(), "the directory has to be as on a machine that never had one"
    subprocess.run(["umount", "--quiet", "/run/netns"], check=False)
    before = machine.mounts()
    makers = {"ours": lambda: run_module("netns", name="ours"), "theirs": lambda: run("ip", "netns", "add", "theirs")}
    for name in sorted(makers, key=lambda name: name != first):
        makers[name]()
    run("ip", "netns", "delete", "theirs")
    assert machine.mounts() != before, "the other is still there"
    gone = run_module("netns", name="ours", state="absent")
    assert (gone.get("msg"), gone["changed"], namespaces()) == (None, True, set())
    assert machine.mounts() == before


# What a link of each kind is asked for besides its name.
OWN = {
    "veth": {"peer": {"name": "t1"}},
    "vlan": {"parent": "v0", "vlan_id": 2},
    "vxlan": {"vni": 2, "dev": "v0", "group": "239.1.1.1", "ttl": 8},
    "macvlan": {"parent": "v0", "mode": "source", "source_macs": [MACS[5]]},
    "ipvlan": {"parent": "v0", "mode": "l3", "flag": "private"},
    "ipip": {"local": "192.0.2.1", "remote": "192.0.2.2", "ttl": 9},
    "tuntap": {"mode": "tun", "owner": "daemon"},
    "bond": {"mode": "802.3ad", "miimon": 100},
}


@pytest.mark.parametrize("kind", sorted(LINK_KINDS))
def test_a_kind_is_made_or_the_lack_of_it_is_told(kind: str, run_module, ns) -> None:
    name = ns()
    run("ip", "-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    before = snapshot(name)
    result = run_module(kind, name="t0", netns=name, **OWN.get(kind, {}))
    if has_link_kind(kind):
        assert snapshot(name)["links"]["t0"]["kind"] == {"tuntap": "tun"}.get(kind, kind)
    else:
        assert re.search(rf"this kernel has no {kind} support: .*load the module", result["msg"])
        assert "\n" not in result["msg"]
        assert snapshot(name) == before


def test_what_the_kernel_cannot_change_is_made_again_only_when_allowed(run_module, ns) -> None:
    name = ns()
    for arguments in ({"vni": 10}, {"vni": 11}, {"vni": 11, "port": 8472}):
        before = ip_json(name, "link")
        if len(before) > 1:
            with Monitor(name) as monitor:
                refused = run_module("vxlan", name="vxlan0", netns=name, **arguments)
            assert "'recreate: true' deletes it and makes it again" in refused["msg"]
            assert monitor.changes == []
        done = run_module("vxlan", name="vxlan0", netns=name, recreate=True, **arguments)
        assert done["link"]["vni"] == arguments["vni"]
        data = ip_json(name, "link", "show", "vxlan0")[0]["linkinfo"]["info_data"]
        assert (data["id"], data["port"]) == (arguments["vni"], arguments.get("port", 4789))
        if len(before) > 1:
            assert "link vxlan0 type vxlan" in done["diff"]["before"]


def test_a_link_of_another_kind_is_not_deleted(run_module, ns) -> None:
    name = ns()
    run("ip", "-n", name, "link", "add", "x0", "type", "bridge")
    with Monitor(name) as monitor:
        absent = run_module("vxlan", name="x0", netns=name, state="absent")
        present = run_module("vxlan", name="x0", netns=name, vni=1)
    assert "link x0" in absent["msg"] and "is a bridge, not a vxlan: it is not deleted" in absent["msg"]
    assert "it is a bridge, not a vxlan" in present["msg"]
    assert monitor.changes == []


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.needs_kind(kind)) for kind in LINK_KINDS])
def test_a_document_read_from_the_kernel_can_be_declared(kind: str, run_module, ns) -> None:
    host, pod = ns(), ns()
    links = [
        {"name": "v0", "kind": "veth", "peer": {"name": "v1"}},
        {"name": "t0", "kind": kind, "addresses": ["10.1.0.1/24"], **OWN.get(kind, {})},
    ]
    far = {"links": []}
    if kind in ("macvlan", "ipvlan"):
        far["links"].append({**links[1], "name": "eth0", "parent_netns": host, "addresses": ["10.1.0.2/24"]})
    made = run_module("topology", namespaces={host: {"links": links}, pod: far})
    assert made.rc == 0, made
    read = run_module("topology_info", namespaces=[host, pod])["namespaces"]
    assert [link["kind"] for link in read[host]["links"] if link["name"] == "t0"] == [kind]
    with Monitor(host, pod) as monitor:
        again = run_module("topology", namespaces=read, purge=True)
    assert (again.get("msg"), again["changed"], monitor.changes) == (None, False, [])
    gone = run_module("topology", namespaces=read, state="absent")
    assert gone["changed"] and not {host, pod} & namespaces()


def test_what_a_module_returns_is_what_there_is(run_module, ns) -> None:
    name = ns()
    first = run_module("vxlan", name="vxlan0", netns=name, vni=10, addresses=["10.3.0.0/32"])
    assert first["link"]["mac_address"] == ip_json(name, "link", "show", "vxlan0")[0]["address"]
    assert run_module("vxlan", name="vxlan0", netns=name, vni=10, addresses=["10.3.0.0/32"])["link"] == first["link"]
    run("ip", "-n", name, "address", "add", "10.1.0.1/24", "dev", "vxlan0")
    routes = [{"dst": "10.9.0.0/16", "via": "10.1.0.2"}]
    made = run_module("route", netns=name, routes=routes)
    assert made["routes"] == run_module("route", netns=name, routes=routes)["routes"]
    assert made["routes"] == [{"dst": "10.9.0.0/16", "via": "10.1.0.2", "dev": "vxlan0"}]


def test_a_route_that_goes_elsewhere_than_it_seems_is_replaced(run_module, ns) -> None:
    """An IPv4 route by an IPv6 gateway (RTA_VIA), and one that leads nowhere, both of the key that is wanted."""
    name = ns()
    run("ip", "-n", name, "link", "add", "d0", "up", "type", "veth", "peer", "name", "d1")
    run("ip", "-n", name, "route", "add", "10.9.0.0/16", "via", "inet6", "fe80::1", "dev", "d0")
    run("ip", "-n", name, "route", "add", "blackhole", "10.8.0.0/16")
    routes = [{"dst": f"10.{number}.0.0/16", "dev": "d0"} for number in (8, 9)]
    made = run_module("route", netns=name, routes=routes)
    assert "via fe80::1" in made["diff"]["before"] and made["changed"]
    found = ip_json(name, "route", "show", "root", "10.8.0.0/15", "proto", "119")
    assert {(route["dst"], route["dev"], route.get("via")) for route in found} == {
        ("10.8.0.0/16", "d0", None),
        ("10.9.0.0/16", "d0", None),
    }
    with Monitor(name) as monitor:
        again = run_module("route", netns=name, routes=routes)
    assert (again["changed"], monitor.changes) == (False, [])
