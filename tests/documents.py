# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random topology documents, for the properties that hold for all of them.

Names are few, so that two documents have much in common and differ in detail. Each attribute that a document can
speak of it speaks of, so that going from one to another is defined: what is not asked for is left alone.
"""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

OURS = ("one", "two")  # the named namespaces; everything else is in the one of the process
FLOOD = "00:00:00:00:00:00"

_mtus = st.sampled_from([1400, 1450, 1500])
_macs = st.sampled_from([f"02:00:5e:00:00:{number:02x}" for number in range(1, 6)])
_addresses = st.lists(
    st.sampled_from(
        [
            *(f"10.1.0.{host}/24" for host in (1, 2, 3)),
            "10.1.0.1/16",
            "10.2.0.0/32",
            *(f"fd00:1::{host}/64" for host in (1, 2)),
            "fd00:1::1/128",
        ]
    ),
    max_size=4,
    unique_by=lambda address: address.partition("/")[0] if ":" in address else address,
)
_remotes = ("192.0.2.1", "192.0.2.2")


@st.composite
def documents(draw: Any, every_kind: bool = False) -> dict[str, Any]:
    """``namespaces`` of weft.fabric.topology.

    :param every_kind: also those kinds of link that some kernels lack.
    """
    names = ["", *draw(st.lists(st.sampled_from(OURS), unique=True))]
    found: dict[str, Any] = {
        name: {"links": [], "routes": [], "rules": draw(_rules()), "neighbours": [], "fdb": []} for name in names
    }
    links = found[""]["links"]
    bridges = draw(st.lists(st.sampled_from(["br0", "br1"]), unique=True))
    links += [_link(draw, name, "bridge", ageing_time=draw(st.sampled_from([100, 300]))) for name in bridges]
    controllers = [*bridges]
    if every_kind and draw(st.booleans()):
        links.append(_bond(draw))
        controllers.append("bond0")
    if every_kind and draw(st.booleans()):
        links.append(_link(draw, "vrf0", "vrf", table=draw(st.sampled_from([10, 11]))))
        controllers.append("vrf0")
    veths = draw(st.lists(st.sampled_from(["veth0", "veth1", "veth2"]), unique=True))
    for name in veths:
        place = draw(st.sampled_from(names))
        far = {"netns": place, **_end(draw, name.replace("veth", "far"), draw(_macs))}
        controller = draw(st.sampled_from(["", *controllers]))
        links.append(_link(draw, name, "veth", controller=controller, peer=far))
        if controller == "bond0":  # which gives its MTU to its ports
            links[-1]["mtu"] = next(link["mtu"] for link in links if link["name"] == "bond0")
    if every_kind and veths and draw(st.booleans()):
        links.append(_link(draw, "vlan5", "vlan", mtu=1400, parent=veths[0], vlan_id=5))
        if draw(st.booleans()):
            links.append(_link(draw, "qinq6", "vlan", mtu=1400, parent="vlan5", vlan_id=6))
    if every_kind and draw(st.booleans()):
        links.append(_link(draw, "dummy0", "dummy"))
        mode = draw(st.sampled_from(["bridge", "vepa"]))
        place = draw(st.sampled_from(names))
        more = {"parent_netns": ""} if place else {}
        found[place]["links"].append(_link(draw, "mac0", "macvlan", mtu=1400, parent="dummy0", mode=mode, **more))
    if every_kind and draw(st.booleans()):
        found[""]["links"].append(_ipip(draw))
    if every_kind and draw(st.booleans()):
        found[""]["links"].append(_wireguard(draw))
    if draw(st.booleans()):
        _add_vxlan(draw, found[""], controllers=bridges)
    for content in found.values():
        content["links"] = draw(st.permutations(content["links"]))
    for name, devices in _up(found).items():
        if devices:
            found[name]["routes"] = draw(_routes(devices))
    return found


def _end(draw: Any, name: str, mac: str, mtus: Any = _mtus) -> dict[str, Any]:
    return {
        "name": name,
        "mtu": draw(mtus),
        "mac_address": mac,
        "addresses": draw(_addresses),
        "admin_state": draw(st.sampled_from(["up", "up", "up", "down"])),
    }


def _link(draw: Any, name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {**_end(draw, name, draw(_macs)), "kind": kind, "recreate": True, **more}


def _bond(draw: Any) -> dict[str, Any]:
    mode = draw(st.sampled_from(["active-backup", "802.3ad", "balance-rr"]))
    more = {"lacp_rate": draw(st.sampled_from(["slow", "fast"]))} if mode == "802.3ad" else {}
    miimon = draw(st.sampled_from([50, 100]))
    return _link(draw, "bond0", "bond", mode=mode, miimon=miimon, updelay=draw(st.sampled_from([0, 200])), **more)


def _ipip(draw: Any) -> dict[str, Any]:
    ends = {"local": draw(st.sampled_from(["192.0.2.8", "192.0.2.9"])), "remote": draw(st.sampled_from(_remotes))}
    ipip = _link(draw, "ipip0", "ipip", **ends, ttl=draw(st.sampled_from([0, 64])), tos=draw(st.sampled_from([0, 4])))
    del ipip["mac_address"]
    return ipip


def _wireguard(draw: Any) -> dict[str, Any]:
    subnets = draw(st.lists(st.sampled_from(["10.6.0.0/24", "10.6.1.0/24", "fd00:6::/64"]), unique=True))
    peers = [
        {
            "public_key": base64.b64encode(bytes([number]) * 32).decode(),
            "endpoint": draw(st.sampled_from(["192.0.2.1:51820", "[2001:db8::1]:51820"])),
            "persistent_keepalive": draw(st.sampled_from([0, 25])),
            "allowed_ips": subnets[number - 1 : number],
        }
        for number in draw(st.lists(st.integers(1, 4), unique=True))
    ]
    options = {"listen_port": draw(st.sampled_from([51820, 51821])), "fwmark": draw(st.sampled_from([0, 7]))}
    wireguard = _link(draw, "wg0", "wireguard", peers=peers, **options)
    del wireguard["mac_address"]
    return wireguard


def _add_vxlan(draw: Any, content: dict[str, Any], controllers: list[str]) -> None:
    controller = draw(st.sampled_from(["", *controllers]))
    options = {
        "vni": 10,
        "local": draw(st.sampled_from(["192.0.2.8", "192.0.2.9"])),
        "learning": draw(st.booleans()),
        "ttl": draw(st.sampled_from([0, 64])),
    }
    content["links"].append(_link(draw, "vxlan0", "vxlan", controller=controller, **options))
    macs = draw(st.lists(st.integers(1, 5), unique=True))
    content["fdb"] = [
        {"dev": "vxlan0", "lladdr": f"02:00:5e:00:01:{number:02x}", "dst": draw(st.sampled_from(_remotes))}
        for number in macs
    ] + [
        {"dev": "vxlan0", "lladdr": FLOOD, "dst": dst} for dst in draw(st.lists(st.sampled_from(_remotes), unique=True))
    ]
    content["neighbours"] = [
        {"dev": "vxlan0", "dst": dst.format(number), "lladdr": f"02:00:5e:00:01:{draw(st.integers(1, 5)):02x}"}
        for number in macs
        for dst in ("10.3.{}.0", "fd00:3::{}")
    ]


def _up(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The links, by namespace, that a route can go out by."""
    up: dict[str, list[dict[str, Any]]] = {name: [] for name in found}
    for link in found[""]["links"]:
        for netns, end in ("", link), (link.get("peer", {}).get("netns"), link.get("peer")):
            if end and end["admin_state"] == "up" and not end.get("controller"):
                up[netns].append(end)
    return up


@st.composite
def _rules(draw: Any) -> list[dict[str, Any]]:
    rules = []
    for priority in draw(st.lists(st.sampled_from([100, 101]), unique=True)):
        rule = {"priority": priority, **draw(st.sampled_from([{"table": 7}, {"table": 8}, {"action": "prohibit"}]))}
        networks = draw(st.sampled_from([("10.5.0.0/16", "10.6.0.0/16"), ("fd00:5::/32", "fd00:6::/32")]))
        rule.update(zip(draw(st.sampled_from([("from",), ("to",), ("from", "to")])), networks))
        rules.append({**rule, **draw(st.sampled_from([{}, {"iif": "lo"}, {"fwmark": 7, "fwmask": 15}]))})
    return rules


@st.composite
def _routes(draw: Any, devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    routes = []
    subnets = ["10.8.0.0/16", "10.8.1.0/24", "10.8.2.7/32", "default", "fd00:8::/32", "fd00:8:1::/64"]
    for dst in draw(st.lists(st.sampled_from(subnets), unique=True)):
        device = draw(st.sampled_from(devices))
        route = {"dst": dst, "dev": device["name"], "mtu": draw(st.sampled_from([1300, 1400]))}
        if ":" in dst:
            route["via"] = draw(st.sampled_from(["fe80::a", "fe80::b"]))
        elif dst == "default" or draw(st.booleans()):
            route.update(via=draw(st.sampled_from(["10.9.0.1", "10.9.0.2"])), onlink=True)
        elif draw(st.booleans()):
            other = draw(st.sampled_from(devices))
            hops = [(device["name"], "10.9.0.1", 1), (other["name"], "10.9.0.2", draw(st.sampled_from([1, 2])))]
            del route["dev"]
            route["nexthops"] = [{"via": via, "dev": dev, "weight": share, "onlink": True} for dev, via, share in hops]
        routes.append(route)
    if draw(st.booleans()):
        routes.append({"dst": "10.10.0.0/16", "type": draw(st.sampled_from(["blackhole", "prohibit"])), "mtu": 1400})
    own = [(end["name"], address) for end in devices for address in end["addresses"] if ":" not in address]
    if own and draw(st.booleans()):
        name, address = draw(st.sampled_from(own))
        routes.append({"dst": "10.7.0.0/16", "dev": name, "mtu": 1400, "src": address.partition("/")[0]})
    return routes
