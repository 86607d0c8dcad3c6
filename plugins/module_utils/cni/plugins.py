# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each plugin's part of a topology: the links, addresses and routes that its interfaces consist of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment, veth_name
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import Network

Pieces = dict[str, dict[str, list[dict[str, Any]]]]


def pieces(given: Sequence[Attachment]) -> Pieces:
    """All that interfaces of containers consist of, as ``namespaces`` of weft.fabric.topology."""
    found: Pieces = {}
    bridges: dict[str, dict[str, Any]] = {}
    for item in given:
        if item.network.plugin == "bridge":
            _bridge(bridges, item)
    _add(found, {"": {"links": list(bridges.values())}})
    for item in given:
        _add(found, _PIECES[item.network.plugin](item))
    return found


def _add(found: Pieces, piece: Pieces) -> None:
    for netns, content in piece.items():
        into = found.setdefault(netns, {})
        for section, entries in content.items():
            into[section] = [*into.get(section, []), *entries]


def _inside(item: Attachment) -> dict[str, Any]:
    """What a container's interface has, whatever it is."""
    mtu, addresses = item.network.options.get("mtu"), [str(own.address) for own in item.addresses]
    # A MAC address that follows from the address: whoever knew the address keeps knowing where it is.
    mac = {"mac_address": values.derived_mac(addresses[0])} if addresses else {}
    return {"name": item.interface, "addresses": addresses, **mac, **({"mtu": mtu} if mtu else {})}


def _end(item: Attachment) -> dict[str, Any]:
    """A container's end of a veth pair, as a link of its own."""
    return {"name": item.interface, "kind": "veth", "recreate": item.recreate}


def _veth(item: Attachment, **outside: Any) -> dict[str, Any]:
    inside = {**_inside(item), "netns": item.netns}
    mtu = {"mtu": inside["mtu"]} if "mtu" in inside else {}
    return {"name": item.host_interface, "kind": "veth", **mtu, **outside, "peer": inside}


def _routes_of(item: Attachment) -> list[dict[str, Any]]:
    return [
        {"dst": str(dst), "dev": item.interface, **({"via": str(gateway)} if gateway else {})}
        for dst, gateway in item.routes
    ]


def _bridge(bridges: dict[str, dict[str, Any]], item: Attachment) -> None:
    """The bridge, with what the networks on it ask for."""
    options, name = item.network.options, item.network.bridge
    bridge = bridges.setdefault(name, {"name": name, "kind": "bridge"})
    if options.get("mtu"):
        bridge["mtu"] = options["mtu"]
    if options.get("promiscMode"):
        bridge["promisc"] = True
    vlan = options.get("vlan")
    if vlan:
        bridge["vlan_filtering"] = True
    if not item.network.gateway:
        return
    if vlan:
        bridge = bridges.setdefault(f"{name}.{vlan}", _vlan_gateway(name, vlan))
    addresses = bridge.setdefault("addresses", [])
    for own in item.addresses:
        address = f"{own.gateway}/{own.address.network.prefixlen}"
        if address not in addresses:
            addresses.append(address)
    if addresses:
        # Otherwise it is the lowest of its ports', and containers lose their gateway when another one comes or goes.
        bridge.setdefault("mac_address", values.derived_mac(addresses[0]))
    # Of the bridge itself, others may have networks on it.
    bridge["purge_addresses"] = bool(options.get("forceAddress") or bridge.get("purge_addresses"))


def _vlan_gateway(bridge: str, vlan: int) -> dict[str, Any]:
    """A veth pair of the host with the bridge: the gateway's interface in a VLAN of it."""
    port = {"name": veth_name(f"{bridge}.{vlan}"), "netns": "", "controller": bridge, "pvid": vlan}
    return {"name": f"{bridge}.{vlan}", "kind": "veth", "peer": port}


def _on_bridge(item: Attachment) -> Pieces:
    options = item.network.options
    vlan = {"pvid": options["vlan"]} if options.get("vlan") else {}
    hairpin = bool(options.get("hairpinMode"))
    veth = _veth(item, controller=item.network.bridge, hairpin=hairpin, addresses=[], **vlan)
    return {"": {"links": [veth]}, item.netns: {"links": [_end(item)], "routes": _routes_of(item)}}


def _ptp(item: Attachment) -> Pieces:
    """All but the gateway is reached by way of the gateway, that is of the host."""
    dev, outside = item.interface, item.host_interface
    gateways = {own.gateway: own for own in reversed(item.addresses)}
    hosts = {f"{gateway}/{own.address.max_prefixlen}": str(own.address.ip) for gateway, own in gateways.items()}
    routes: list[dict[str, Any]] = [{"dst": host, "dev": dev, "src": source} for host, source in hosts.items()]
    for own in item.addresses:
        through = {"via": str(own.gateway), "dev": dev, "src": str(own.address.ip)}
        # In place of the kernel's own route to the subnet, which has this metric.
        metric = {"metric": 256} if own.address.version == 6 else {}
        routes.append({"dst": str(own.address.network), **through, **metric})
    back = [{"dst": f"{own.address.ip}/{own.address.max_prefixlen}", "dev": outside} for own in item.addresses]
    veth = _veth(item, controller="", addresses=list(hosts))
    inside = {"links": [_end(item)], "routes": [*routes, *_routes_of(item)]}
    return {"": {"links": [veth], "routes": back}, item.netns: inside}


def _child(item: Attachment) -> Pieces:
    """A macvlan or ipvlan of a host's interface."""
    options, plugin = item.network.options, item.network.plugin
    mode = item.network.mode
    link = {**_inside(item), "kind": plugin, "parent": options["master"], "parent_netns": "", "mode": mode}
    link["recreate"] = item.recreate
    if plugin == "ipvlan" or mode == "passthru":
        link.pop("mac_address", None)  # it is the parent's
    if "mac" in options:
        link["mac_address"] = options["mac"]
    return {item.netns: {"links": [link], "routes": _routes_of(item)}}


def _host_device(item: Attachment) -> Pieces:
    link = {**_inside(item), **(own_link(item) or {}), "recreate": item.recreate}
    link.pop("mac_address", None)
    return {item.netns: {"links": [link], "routes": _routes_of(item)}}


def _loopback(item: Attachment) -> Pieces:
    return {item.netns: {"links": [{"name": "lo", "admin_state": "up"}]}}


_PIECES: dict[str, Callable[[Attachment], Pieces]] = {
    "bridge": _on_bridge,
    "ptp": _ptp,
    "macvlan": _child,
    "ipvlan": _child,
    "host-device": _host_device,
    "loopback": _loopback,
}


def host_links(given: Sequence[Attachment]) -> list[str]:
    """The names of what is made for interfaces of containers in the host's own namespace."""
    return [link["name"] for link in pieces(given)[""].get("links", ())]


def shared_links(net: Network) -> list[dict[str, Any]]:
    """What the containers of a network have in common on the host, as what is to be gone unless others use it too."""
    vlan = net.options.get("vlan")
    ports = [{"name": _vlan_gateway(net.bridge, vlan)["peer"]["name"], "kind": "veth"}] if vlan and net.gateway else []
    return [{"name": net.bridge, "kind": "bridge", "shared": True}, *ports] if net.bridge else []


def own_link(item: Attachment) -> dict[str, Any] | None:
    """A container's interface as what is to be gone, whoever made it; None: it stays."""
    kinds = {"bridge": "veth", "ptp": "veth", "macvlan": "macvlan", "ipvlan": "ipvlan"}
    plugin = item.network.plugin
    if plugin in kinds:
        return {"name": item.interface, "kind": kinds[plugin]}
    if plugin == "host-device":
        return {"name": item.interface, "origin": {"name": item.network.options["device"]}}
    return None
