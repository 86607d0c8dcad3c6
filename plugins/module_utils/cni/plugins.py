# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology of CNI networks: the pieces that each plugin's interfaces consist of. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces, vlans
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import PLUGINS, Network
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Interface, Pieces, veth_name
from ansible_collections.weft.fabric.plugins.module_utils.kinds.bridge import DEFAULT_PVID


def topology(
    given: Sequence[Attachment], kept: Collection[str] = (), filtering: Mapping[str, int] | None = None
) -> Pieces:
    """All that interfaces of containers consist of, as ``namespaces`` of weft.fabric.topology.

    :param kept: bridges that keep their MAC addresses.
    :param filtering: bridges that are there and filter VLANs, each with the VLAN of its new ports.
    """
    bridged = [item for item in given if item.network.bridge]
    filters = [item.network.bridge for item in bridged if vlans.are_filtered(item.network.options)]
    defaults = {**dict.fromkeys(filters, DEFAULT_PVID), **(filtering or {})}
    bridges = {"": {"links": _bridges(bridged, kept, defaults)}}
    connected = [_on_bridge(item, defaults) for item in bridged]
    others = [_PIECES[item.network.plugin](item) for item in given if not item.network.bridge]
    return pieces.put_together([bridges, *connected, *others])


def _bridges(given: Iterable[Attachment], kept: Collection[str], defaults: Mapping[str, int]) -> list[dict[str, Any]]:
    """The bridges of networks, each with all that the networks on it ask for, and the gateways in VLANs of them."""
    links: dict[str, dict[str, Any]] = {}
    gateways: dict[str, dict[str, None]] = {}
    for item in given:
        _bridge(links, item)
        if item.network.gateway:
            name = item.gateway_link
            if name != item.network.bridge:
                links.setdefault(name, _vlan_gateway(item.network, defaults[item.network.bridge]))
            gateways.setdefault(name, {}).update(dict.fromkeys(map(str, item.gateways)))
    for name, addresses in gateways.items():
        # Others may have addresses there: those that forceAddress takes the place of are removed one by one.
        links[name].update(pieces.gateway([*addresses]), purge_addresses=False)
        if name in kept:
            links[name].pop("mac_address", None)
    return [*links.values()]


def _bridge(links: dict[str, dict[str, Any]], item: Attachment) -> None:
    options, name = item.network.options, item.network.bridge
    bridge = links.setdefault(name, {"name": name, "kind": "bridge"})
    if options.get("mtu"):
        bridge["mtu"] = options["mtu"]
    if options.get("promiscMode"):
        bridge["promisc"] = True
    if vlans.are_filtered(options):
        bridge["vlan_filtering"] = True


def _vlan_gateway(net: Network, default: int) -> dict[str, Any]:
    """A veth pair between the host and the bridge: the gateway's interface in a VLAN of the bridge."""
    name = f"{net.bridge}.{net.options['vlan']}"
    in_vlan = vlans.of_port(net.options, default, trunked=False)
    port = {"name": _gateways_port(net), "netns": "", "controller": net.bridge, **in_vlan}
    return {"name": name, "kind": "veth", "peer": port}


def _gateways_port(net: Network) -> str:
    return veth_name(f"{net.bridge}.{net.options['vlan']}")


def _inside(item: Attachment) -> Interface:
    """A container's interface as every plugin makes it; its MAC address is left to the piece."""
    addresses = [str(own.address) for own in item.addresses]
    mtu = item.network.options.get("mtu") or None
    leased = bool(item.network.ipam and item.network.ipam.dhcp)
    return Interface(item.netns, item.interface, addresses, mtu, recreate=item.recreate, leased=leased)


def _cabled(item: Attachment) -> Interface:
    inside = _inside(item)
    return replace(inside, mac_address=item.mac or inside.derived_mac)


def _routes_of(item: Attachment) -> list[dict[str, Any]]:
    return [pieces.route(dst, item.interface, gateway) for dst, gateway in item.routes]


def _on_bridge(item: Attachment, defaults: Mapping[str, int]) -> Pieces:
    """Where the bridge filters VLANs, a network without one has the VLAN of new ports, which its ports return to."""
    options, name = item.network.options, item.network.bridge
    port = {
        "hairpin": bool(options.get("hairpinMode")),
        "isolated": bool(options.get("portIsolation")),
        **(vlans.of_port(options, defaults[name]) if name in defaults else {}),
    }
    return pieces.on_bridge(_cabled(item), item.host_interface, name, _routes_of(item), **port)


def _ptp(item: Attachment) -> Pieces:
    """The container reaches everything but the gateway by way of the gateway, that is, of the host."""
    dev, outside = item.interface, item.host_interface
    gateways = {own.gateway: own for own in reversed(item.addresses)}
    hosts = {f"{gateway}/{own.address.max_prefixlen}": str(own.address.ip) for gateway, own in gateways.items()}
    routes = [pieces.route(host, dev, src=source) for host, source in hosts.items()]
    for own in item.addresses:
        routes.append(pieces.route(own.address.network, dev, own.gateway, src=str(own.address.ip)))
    back = [pieces.route(f"{own.address.ip}/{own.address.max_prefixlen}", outside) for own in item.addresses]
    # These take the place of the kernel's own routes to the subnets.
    addresses = [{"address": str(own.address), "noprefixroute": True} for own in item.addresses]
    inside = replace(_cabled(item), addresses=addresses)
    return pieces.point_to_point(inside, outside, list(hosts), [*routes, *_routes_of(item)], back)


def _macvlan(item: Attachment) -> Pieces:
    options = item.network.options
    inside = replace(_inside(item), mac_address=item.mac or options.get("mac"))
    return pieces.macvlan(inside, options["master"], item.network.mode, _routes_of(item))


def _ipvlan(item: Attachment) -> Pieces:
    return pieces.ipvlan(_inside(item), item.network.options["master"], item.network.mode, _routes_of(item))


def _host_device(item: Attachment) -> Pieces:
    link = _inside(item).link(**(own_link(item) or {}), recreate=item.recreate)
    return {item.netns: {"links": [link], "routes": _routes_of(item)}}


def _loopback(item: Attachment) -> Pieces:
    return {item.netns: {"links": [{"name": "lo", "admin_state": "up"}]}}


_PIECES: dict[str, Callable[[Attachment], Pieces]] = {
    "ptp": _ptp,
    "macvlan": _macvlan,
    "ipvlan": _ipvlan,
    "host-device": _host_device,
    "loopback": _loopback,
}


def shared_links(net: Network) -> list[dict[str, Any]]:
    """The links on the host that all containers of a network use, as links to remove unless others use them too."""
    in_vlan = net.options.get("vlan") and net.gateway
    ports = [{"name": _gateways_port(net), "kind": "veth"}] if in_vlan else []
    return [{"name": net.bridge, "kind": "bridge", "shared": True}, *ports] if net.bridge else []


def own_link(item: Attachment) -> dict[str, Any] | None:
    """A container's interface, as a link to remove; None: it stays."""
    kind, origin = PLUGINS[item.network.plugin].kind, item.network.options.get("device")
    if not kind and not origin:
        return None
    return {"name": item.interface, **({"kind": kind} if kind else {"origin": {"name": origin}})}
