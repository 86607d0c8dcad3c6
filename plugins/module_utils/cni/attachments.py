# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of containers in CNI networks: validated, and what they need of the host besides links. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.chain import enabled
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import (
    PLUGINS,
    IpAddress,
    IpInterface,
    Network,
    Own,
    Route,
    dictionary,
    host_address,
    is_name,
    network,
    with_gateways,
)
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import veth_name
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kernel.sysctl import IPV4_FORWARDING, IPV6_FORWARDING

_EVERYTHING = {version: ipaddress.ip_network(network) for version, network in values.EVERYTHING.items()}
_MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}
_FORWARDING = {4: IPV4_FORWARDING, 6: IPV6_FORWARDING}
_OWN = {"mac", "ips"}  # the capabilities of plugins that make interfaces
_ATTACHMENT = ("netns", "interface", "container", "network", "addresses", "runtime_config", "recreate")


@dataclass(frozen=True)
class Attachment:
    """A container's interface in a network.

    :ivar container: the container's id, under which host-local records its addresses.
    :ivar requested: addresses that host-local is asked for.
    :ivar where: its place in the user's parameters, for messages.
    :ivar recreate: whether another interface of its name is deleted, and this one made.
    :ivar runtime: the runtime's values for the plugins' capabilities.
    :ivar mac: the MAC address that the runtime gives it; None: none.
    :ivar addresses: its addresses, once they are known.
    """

    netns: str
    interface: str
    container: str
    network: Network
    requested: tuple[IpAddress, ...] = ()
    where: str = ""
    recreate: bool = False
    addresses: tuple[Own, ...] = ()
    runtime: Mapping[str, Any] = field(default_factory=dict)
    mac: str | None = None

    @property
    def host_interface(self) -> str:
        """The name of a veth pair's end on the host. It depends on the container's names alone."""
        return veth_name(f"{self.netns} {self.interface}")

    @property
    def gateway_link(self) -> str:
        """The host's interface that has the gateway's address: the bridge, or an interface in a VLAN of the bridge."""
        vlan = self.network.options.get("vlan")
        return f"{self.network.bridge}.{vlan}" if vlan else self.network.bridge

    @property
    def gateways(self) -> list[IpInterface]:
        """The addresses of that interface."""
        return [
            ipaddress.ip_interface(f"{own.gateway}/{own.address.network.prefixlen}")
            for own in self.addresses
            if own.gateway
        ]

    @property
    def routes(self) -> tuple[Route, ...]:
        """The container's routes, each with its gateway, if it has one."""
        routes = list(self.network.ipam.routes if self.network.ipam else ())
        if self.network.options.get("isDefaultGateway"):
            for own in self.addresses:
                everything = _EVERYTHING[own.address.version]
                if all(route.dst != everything for route in routes):
                    routes.append(Route(everything, own.gateway))
        gateways: dict[int, IpAddress] = {}
        for own in self.addresses:
            if own.gateway:
                gateways.setdefault(own.gateway.version, own.gateway)
        return tuple(Route(dst, gateway or gateways.get(dst.version)) for dst, gateway in routes)


def attachments_of(where: str, given: Any) -> tuple[Attachment, ...]:
    """Interfaces of containers, from their parameters.

    :raises InvalidParameter: for the first value that is wrong, and for an interface that is listed twice.
    """
    found: list[Attachment] = []
    holders: dict[tuple[str, str], str] = {}
    for index, item in enumerate(values.items(where, given)):
        attachment = _attachment(f"{where}[{index}]", item)
        other = holders.setdefault((attachment.netns, attachment.interface), attachment.where)
        if other != attachment.where:
            remedy = f"{other} is this interface of {attachment.netns} too: give each its own"
            raise InvalidParameter(f"{attachment.where}.interface", attachment.interface, remedy)
        found.append(attachment)
    return tuple(found)


def _attachment(where: str, item: Any) -> Attachment:
    given = values.given(dictionary(where, item, "a dictionary"))
    values.known(f"{where}.", given, _ATTACHMENT, "an attachment")
    netns = values.netns(f"{where}.netns", given.get("netns"))
    container = given.get("container", netns)
    if not isinstance(container, str) or not is_name(container):
        remedy = "a container's id is of letters, digits, '_', '.' and '-'"
        raise InvalidParameter(f"{where}.container", container, remedy)
    net = network(f"{where}.network", given.get("network"))
    interface = PLUGINS[net.plugin].interface
    if not interface:
        interface = values.ifname(f"{where}.interface", given.get("interface", "eth0"))
    runtime = values.mapping(f"{where}.runtime_config", given.get("runtime_config", {}))
    _check_runtime(f"{where}.runtime_config", runtime, net)
    own = _own_runtime(where, runtime, net)
    net, more = _with_static(net, own.get("ips", ()))
    addresses = [*values.items(f"{where}.addresses", given.get("addresses")), *more]
    requested = [_requested(f"{where}.addresses[{index}]", item, net) for index, item in enumerate(addresses)]
    _check_sets(f"{where}.addresses", requested, net)
    recreate = values.boolean(f"{where}.recreate", given.get("recreate", False))
    return Attachment(
        netns, interface, container, net, tuple(requested), where, recreate, runtime=runtime, mac=own.get("mac")
    )


def _check_runtime(where: str, runtime: Mapping[str, Any], net: Network) -> None:
    """Refuse a value that no plugin of the network takes."""
    declared = {name for plugin in net.chain for name in plugin.capabilities}
    declared |= {*enabled(net.own)} & _OWN
    for name, value in runtime.items():
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            remedy = f"no plugin of network {net.name} declares this capability (they declare: {known})"
            raise InvalidParameter(f"{where}.{name}", value, remedy)


def _own_runtime(where: str, runtime: Mapping[str, Any], net: Network) -> dict[str, Any]:
    """The addresses and the MAC address that the runtime gives an interface of the first plugin.

    Later ones take precedence: ``args`` of the configuration, its ``runtimeConfig``, and the attachment's own values.
    """
    here = f"{where}.network"
    args = values.mapping(f"{here}.args", net.own.get("args") or {})
    values.known(f"{here}.args.", args, ("cni",), "args")
    sources = [
        (f"{here}.args.cni", args.get("cni") or {}),
        (f"{here}.runtimeConfig", net.own.get("runtimeConfig") or {}),
        (f"{where}.runtime_config", {name: runtime[name] for name in enabled(net.own) if name in runtime}),
    ]
    found: dict[str, Any] = {}
    for place, given in sources:
        values.known(f"{place}.", values.mapping(place, given), sorted(_OWN), "a plugin that makes interfaces")
        if given.get("mac"):
            if not PLUGINS[net.plugin].takes_mac:
                raise InvalidParameter(f"{place}.mac", given["mac"], f"plugin {net.plugin} takes none")
            found["mac"] = values.mac(f"{place}.mac", given["mac"])
        ips = values.items(f"{place}.ips", given.get("ips"))
        if ips:
            found["ips"] = [_with_length(f"{place}.ips[{index}]", item) for index, item in enumerate(ips)]
    return found


def _with_length(where: str, value: Any) -> str:
    """An address, with a prefix length or without."""
    if isinstance(value, str) and "/" in value:
        return values.interface_address(where, value)
    return str(host_address(where, value))


def _with_static(net: Network, ips: Sequence[str]) -> tuple[Network, list[str]]:
    """The network with the runtime's addresses in place of ipam static's own, or those that host-local is asked for."""
    if not ips or net.ipam is None or net.ipam.sets:
        return net, [address.partition("/")[0] for address in ips]
    gateways = {own.address.network: own.gateway for own in net.ipam.addresses}
    found = [ipaddress.ip_interface(address) for address in ips]
    owns = tuple(Own(address, gateways.get(address.network)) for address in found)
    return with_gateways(replace(net, ipam=replace(net.ipam, addresses=owns))), []


def _requested(where: str, value: Any, net: Network) -> IpAddress:
    address = host_address(where, value)
    sets = net.ipam.sets if net.ipam else ()
    if not sets:
        raise InvalidParameter(where, value, "only ipam host-local gives an address that is asked for")
    ranges = [item for ranges in sets for item in ranges]
    if not any(item.holds(address) for item in ranges):
        room = " and ".join(f"{item.first} to {item.last}" for item in ranges)
        raise InvalidParameter(where, value, f"network {net.name} has {room}")
    if any(address == item.gateway for item in ranges):
        raise InvalidParameter(where, value, f"it is the gateway of network {net.name}: choose another")
    return address


def _check_sets(where: str, requested: Sequence[IpAddress], net: Network) -> None:
    """Refuse a second address of a range set: an interface gets one of each."""
    for ranges in net.ipam.sets if net.ipam else ():
        asked = [index for index, address in enumerate(requested) if any(item.holds(address) for item in ranges)]
        if len(asked) > 1:
            remedy = f"an interface has one address of each range set, and {where}[{asked[0]}] is of this one"
            raise InvalidParameter(f"{where}[{asked[1]}]", str(requested[asked[1]]), remedy)


def sysctls(given: Iterable[Attachment]) -> dict[str, str]:
    """The kernel parameters by which a host forwards packets of containers."""
    found = {}
    for item in given:
        ipam = item.network.ipam
        if item.network.gateway and ipam:
            versions = {ranges[0].subnet.version for ranges in ipam.sets}
            versions |= {own.address.version for own in ipam.addresses}
            found.update({_FORWARDING[version]: "1" for version in sorted(versions)})
    return found


def masquerade_rules(item: Attachment) -> list[dict[str, Any]]:
    """The masquerade rules for packets that a container sends to others than its own networks."""
    if not item.network.options.get("ipMasq"):
        return []
    return [
        {
            "source": f"{own.address.ip}/{own.address.max_prefixlen}",
            "exempt": [str(own.address.network), _MULTICAST[own.address.version]],
        }
        for own in item.addresses
    ]
