# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's pods as documents for weft.fabric.topology: what is to be there, and what is to go. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.overlay import derived_mac

_KEYS = ("name", "address", "interface", "host_interface", "overlay", "state")


def plan(pods: object, overlays: Mapping[str, Mapping[str, Any]], host: str, mtu: object) -> dict[str, Any]:
    """Plan a host's bridges and pods.

    :param pods: list of ``{name, address, interface, host_interface, overlay, state}``. ``name`` is the pod's
        namespace. ``address`` is one, or a list of one for each family. ``interface`` is the pod's end of its veth pair
        (eth0), ``host_interface`` the host's (derived from the name). ``overlay`` is the overlay that it is in (the
        first).
    :param overlays: the plans of all overlays; each has a bridge.
    :param mtu: that of the underlay's interface, in bytes. Bridges and pods have what their overlay leaves of it.
    :returns: ``present`` and ``absent``, each ``namespaces`` as weft.fabric.topology takes them, and ``running`` and
        ``gone``, each the names of the pods in it.
    :raises InvalidParameter: for the first that is wrong.
    """
    known = _checked(pods, overlays)
    for pod in known:
        if pod["state"] == "present" and pod["overlay"]["state"] == "absent":
            raise InvalidParameter(f"{pod['where']}.state", "present", "its overlay goes: give it state: absent too")
    underlay = values.integer("mtu", mtu, 68, 65535, "bytes")
    links: list[dict[str, Any]] = []
    namespaces: dict[str, Any] = {"": {"links": links}}
    for overlay in overlays.values():
        if overlay["state"] == "absent":
            continue
        node = overlay["nodes"][host]
        there = [pod for pod in known if pod["overlay"] is overlay and pod["state"] == "present"]
        addresses = _addresses(there, node["networks"])
        size = underlay - node["mtu_overhead"]
        links.append(_bridge(overlay["bridge"], node["networks"], size))
        for pod in there:
            own = addresses[pod["name"]]
            inner = {
                "name": pod["interface"],
                "netns": pod["name"],
                "mtu": size,
                "addresses": [str(address) for address, _gateway in own],
            }
            outer = {"name": pod["host_interface"], "kind": "veth", "controller": overlay["bridge"], "mtu": size}
            links.append({**outer, "peer": inner})
            namespaces[pod["name"]] = {
                "routes": [
                    {"dst": "default", "via": gateway, "dev": pod["interface"], "src": str(address.ip)}
                    for address, gateway in own
                ]
            }
    return {
        "present": namespaces,
        "absent": _absent((pod for pod in known if pod["state"] == "absent"), overlays),
        "running": [pod["name"] for pod in known if pod["state"] == "present"],
        "gone": [pod["name"] for pod in known if pod["state"] == "absent"],
    }


def removal(pods: object, overlays: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Plan to take away all pods and their bridges, for which no node has to be known.

    :param overlays: plans, of which the bridges are used.
    :returns: as plan() does.
    :raises InvalidParameter: for the first that is wrong.
    """
    gone = {name: {**overlay, "state": "absent"} for name, overlay in overlays.items()}
    known = [{**pod, "state": "absent"} for pod in _checked(pods, overlays)]
    return {"present": {}, "absent": _absent(known, gone), "running": [], "gone": [pod["name"] for pod in known]}


def _bridge(name: str, networks: Sequence[Mapping[str, str]], mtu: int) -> dict[str, Any]:
    gateways = [network["gateway_cidr"] for network in networks]
    return {
        "name": name,
        "kind": "bridge",
        "mtu": mtu,
        # Otherwise it is the lowest of its ports', and pods lose their gateway when another pod comes or goes.
        "mac_address": derived_mac(gateways[0]),
        # Without a spanning tree there is nothing for a new port to wait for.
        "stp": False,
        "forward_delay": 0,
        "addresses": gateways,
    }


def masquerade(overlays: Mapping[str, Mapping[str, Any]], host: str) -> list[dict[str, Any]]:
    """The rules that masquerade what a host's pods send out of their overlay, but to the nodes.

    :param overlays: the plans of all overlays.
    :returns: rules as weft.fabric.masquerade takes them.
    """
    rules = []
    for overlay in overlays.values():
        if overlay["state"] == "absent":
            continue
        nodes = [ipaddress.ip_address(node["underlay"]) for node in overlay["nodes"].values()]
        for network in overlay["nodes"][host]["networks"]:
            version = ipaddress.ip_network(network["cidr"]).version
            exempt = [f"{address}/{address.max_prefixlen}" for address in nodes if address.version == version]
            rules.append({"source": network["subnet"], "exempt": [network["cidr"], *exempt]})
    return rules


def default_host_interface(name: str) -> str:
    """The host's end of a pod's veth pair: of 15 bytes, from the pod's name alone, so that no other pod moves it."""
    return "veth" + hashlib.blake2s(name.encode(), digest_size=4).hexdigest()


def _absent(pods: Iterable[Mapping[str, Any]], overlays: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    gone = list(pods)
    links = [{"name": pod["host_interface"], "kind": "veth"} for pod in gone]
    links += [
        {"name": overlay["bridge"], "kind": "bridge"} for overlay in overlays.values() if overlay["state"] == "absent"
    ]
    return {"": {"links": links}, **{pod["name"]: {} for pod in gone}}


def _checked(pods: object, overlays: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not isinstance(pods, Iterable) or isinstance(pods, (str, bytes, Mapping)):
        raise InvalidParameter("pods_pods", pods, "give a list of {name, address}")
    holders = {("host_interface", overlay["bridge"]): f"the bridge of overlay {n}" for n, overlay in overlays.items()}
    checked = []
    for index, pod in enumerate(pods):
        where = f"pods_pods[{index}]"
        if not isinstance(pod, Mapping):
            raise InvalidParameter(where, pod, "give a dictionary with name and address")
        for key in pod:
            if key not in _KEYS:
                raise InvalidParameter(f"{where}.{key}", pod[key], f"a pod takes only {', '.join(_KEYS)}")
        name = values.netns(f"{where}.name", pod.get("name"))
        overlay = values.choice(f"{where}.overlay", overlay_of(pod, overlays), list(overlays))
        found = {
            "name": name,
            "address": pod.get("address"),
            "interface": values.ifname(f"{where}.interface", pod.get("interface", "eth0")),
            "host_interface": values.ifname(
                f"{where}.host_interface", pod.get("host_interface", default_host_interface(name))
            ),
            "overlay": overlays[overlay],
            "state": values.choice(f"{where}.state", pod.get("state", "present"), ("present", "absent")),
            "where": where,
        }
        for key in ("name", "host_interface"):
            other = holders.setdefault((key, found[key]), where)
            if other != where:
                raise InvalidParameter(f"{where}.{key}", found[key], f"{other} has it too: give each its own")
        checked.append(found)
    return checked


def overlay_of(pod: Mapping[str, Any], overlays: Iterable[str]) -> str:
    """The name of the overlay that a pod is in: the first, if it does not say."""
    return str(pod.get("overlay", next(iter(overlays))))


def listed(where: str, address: object) -> list[tuple[str, str]]:
    """A pod's addresses, each with its parameter's name: it has one, or a list of one for each family.

    :raises InvalidParameter: one of them is none, or of another's family.
    """
    several = isinstance(address, (list, tuple))
    given: Any = address if several else [address]
    found: dict[int, tuple[str, str]] = {}
    for index, item in enumerate(given):
        here = f"{where}[{index}]" if several else where
        own = values.address(here, item)
        other = found.setdefault(values.family(own), (here, own))
        if other[0] != here:
            raise InvalidParameter(here, item, f"{other[1]} is of the same family: give one in IPv4 and one in IPv6")
    if not found:
        raise InvalidParameter(where, address, "give at least one address")
    return list(found.values())


def _addresses(pods: Iterable[Mapping[str, Any]], networks: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """By pod name its addresses, each with the subnet's prefix length, and with the gateway there."""
    subnets = {ipaddress.ip_network(network["subnet"]): network for network in networks}
    taken: dict[Any, str] = {}
    for subnet, network in subnets.items():
        taken[ipaddress.ip_address(network["vtep"])] = "the VTEP"
        taken[ipaddress.ip_address(network["gateway"])] = "the bridge"
        if subnet.version == 4:
            taken[subnet.broadcast_address] = "the subnet's broadcast"
    found: dict[str, Any] = {}
    for pod in pods:
        for where, text in listed(f"{pod['where']}.address", pod["address"]):
            address = ipaddress.ip_address(text)
            home = next((subnet for subnet in subnets if address in subnet), None)
            if home is None:
                raise InvalidParameter(where, text, " and ".join(_room(subnet, taken) for subnet in subnets))
            other = taken.setdefault(address, pod["where"])
            if other != pod["where"]:
                raise InvalidParameter(where, text, f"{other} has this address: give each pod one of its own")
            own = (ipaddress.ip_interface(f"{address}/{home.prefixlen}"), subnets[home]["gateway"])
            found.setdefault(pod["name"], []).append(own)
    return found


def _room(subnet: Any, taken: Iterable[Any]) -> str:
    """What a subnet holds, for a pod that is not in it."""
    room = subnet.num_addresses - len({*taken} & {subnet[0], subnet[1], subnet[-1]})
    return f"this node's pods are in {subnet}, from {subnet[2]} on, which has room for {room} of them"
