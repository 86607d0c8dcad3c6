# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's pods as documents for weft.fabric.topology: what is to be there, and what is to go. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.overlay import derived_mac

_KEYS = ("name", "address", "interface", "host_interface", "state")


def plan(pods: object, bridge: object, node: Mapping[str, Any], mtu: object) -> dict[str, Any]:
    """Plan a host's bridge and pods.

    :param pods: list of ``{name, address, interface, host_interface, state}``; ``name`` is the pod's namespace.
        ``interface`` is the pod's end of its veth pair (eth0), ``host_interface`` the host's (derived from the name).
    :param bridge: name of the bridge.
    :param node: the host's entry in the overlay's plan: ``subnet``, ``vtep``, ``gateway``, ``gateway_cidr``.
    :param mtu: the overlay's MTU in bytes, for the bridge and the pods.
    :returns: ``present`` and ``absent``, each ``namespaces`` as weft.fabric.topology takes them, and ``running`` and
        ``gone``, each the names of the pods in it.
    :raises InvalidParameter: for the first that is wrong.
    """
    known = _checked(pods, values.ifname("pods_bridge", bridge))
    there = [pod for pod in known if pod["state"] == "present"]
    addresses = _addresses(there, node)
    gateway = node["gateway"]
    links: list[dict[str, Any]] = [
        {
            "name": bridge,
            "kind": "bridge",
            "mtu": mtu,
            # Otherwise it is the lowest of its ports', and pods lose their gateway when another pod comes or goes.
            "mac_address": derived_mac(node["gateway_cidr"]),
            # Without a spanning tree there is nothing for a new port to wait for.
            "stp": False,
            "forward_delay": 0,
            "addresses": [node["gateway_cidr"]],
        },
    ]
    namespaces: dict[str, Any] = {"": {"links": links}}
    for pod in there:
        address = addresses[pod["name"]]
        inner = {"name": pod["interface"], "netns": pod["name"], "mtu": mtu, "addresses": [str(address)]}
        links.append(
            {"name": pod["host_interface"], "kind": "veth", "controller": bridge, "mtu": mtu, "peer": inner},
        )
        route = {"dst": "default", "via": gateway, "dev": pod["interface"], "src": str(address.ip)}
        namespaces[pod["name"]] = {"routes": [route]}
    return {
        "present": namespaces,
        "absent": _absent(pod for pod in known if pod["state"] == "absent"),
        "running": [pod["name"] for pod in there],
        "gone": [pod["name"] for pod in known if pod["state"] == "absent"],
    }


def removal(pods: object, bridge: object) -> dict[str, Any]:
    """Plan to take away all pods and their bridge, for which no node has to be known.

    :returns: as plan() does.
    :raises InvalidParameter: for the first that is wrong.
    """
    known = _checked(pods, values.ifname("pods_bridge", bridge))
    absent = _absent(known)
    absent[""]["links"].append({"name": bridge, "kind": "bridge"})
    return {"present": {}, "absent": absent, "running": [], "gone": [pod["name"] for pod in known]}


def default_host_interface(name: str) -> str:
    """The host's end of a pod's veth pair: of 15 bytes, from the pod's name alone, so that no other pod moves it."""
    return "veth" + hashlib.blake2s(name.encode(), digest_size=4).hexdigest()


def _absent(pods: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    gone = list(pods)
    links = [{"name": pod["host_interface"], "kind": "veth"} for pod in gone]
    return {"": {"links": links}, **{pod["name"]: {} for pod in gone}}


def _checked(pods: object, bridge: str) -> list[dict[str, str]]:
    if not isinstance(pods, Iterable) or isinstance(pods, (str, bytes, Mapping)):
        raise InvalidParameter("pods_pods", pods, "give a list of {name, address}")
    holders: dict[tuple[str, str], str] = {("host_interface", bridge): "pods_bridge"}
    checked = []
    for index, pod in enumerate(pods):
        where = f"pods_pods[{index}]"
        if not isinstance(pod, Mapping):
            raise InvalidParameter(where, pod, "give a dictionary with name and address")
        for key in pod:
            if key not in _KEYS:
                raise InvalidParameter(f"{where}.{key}", pod[key], f"a pod takes only {', '.join(_KEYS)}")
        name = values.netns(f"{where}.name", pod.get("name"))
        found = {
            "name": name,
            "address": pod.get("address"),
            "interface": values.ifname(f"{where}.interface", pod.get("interface", "eth0")),
            "host_interface": values.ifname(
                f"{where}.host_interface", pod.get("host_interface", default_host_interface(name))
            ),
            "state": values.choice(f"{where}.state", pod.get("state", "present"), ("present", "absent")),
            "where": where,
        }
        for key in ("name", "host_interface"):
            other = holders.setdefault((key, found[key]), where)
            if other != where:
                raise InvalidParameter(f"{where}.{key}", found[key], f"{other} has it too: give each its own")
        checked.append(found)
    return checked


def _addresses(pods: Iterable[Mapping[str, str]], node: Mapping[str, Any]) -> dict[str, Any]:
    """By pod name its address with the subnet's prefix length."""
    subnet = ipaddress.ip_network(node["subnet"])
    taken = {ipaddress.ip_address(node["vtep"]): "the VTEP", ipaddress.ip_address(node["gateway"]): "the bridge"}
    if subnet.version == 4:
        taken[subnet.broadcast_address] = "the subnet's broadcast"
    found = {}
    for pod in pods:
        where = f"{pod['where']}.address"
        address = ipaddress.ip_address(values.address(where, pod["address"]))
        if address not in subnet:
            room = subnet.num_addresses - len({*taken} & {subnet[0], subnet[1], subnet[-1]})
            remedy = f"this node's pods are in {subnet}, from {subnet[2]} on, which has room for {room} of them"
            raise InvalidParameter(where, pod["address"], remedy)
        other = taken.setdefault(address, pod["where"])
        if other != pod["where"]:
            raise InvalidParameter(where, pod["address"], f"{other} has this address: give each pod one of its own")
        found[pod["name"]] = ipaddress.ip_interface(f"{address}/{subnet.prefixlen}")
    return found
