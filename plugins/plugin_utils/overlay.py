# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overlay's address plan, from the inventory alone.

Every value of a node follows from its own name and number and from the overlay's parameters, so adding or
removing a node moves nobody, and one host's run needs no facts of another.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Union

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Plan = dict[str, dict[str, Any]]

VNI_MAX = 2**24 - 1
"""Largest VXLAN network identifier (RFC 7348, section 5)."""

VXLAN_OVERHEAD = {4: 50, 6: 70}
"""Bytes that VXLAN takes of the underlay's MTU, by the underlay's IP version: inner Ethernet 14, VXLAN 8, UDP 8,
outer IPv4 20 or IPv6 40 (RFC 7348, section 5)."""

DEFAULT_NODE_PREFIX = {4: 24, 6: 64}
"""Prefix length of a node's pod subnet, by the overlay's IP version."""

LONGEST_NODE_PREFIX = {4: 30, 6: 126}
"""Beyond these a subnet has no room for the VTEP, the gateway and a single pod."""


def plan(nodes: object, cidr: object, vni: object, node_prefix: object = None, device: object = "vxlan0") -> Plan:
    """Plan the overlay for all nodes.

    :param nodes: mapping of name to ``{number, address}``, or a list of ``{name, number, address}``; other keys are
        ignored. ``address`` is the node's underlay address.
    :param cidr: the overlay's network, or a list of one in IPv4 and one in IPv6.
    :param vni: VXLAN network identifier.
    :param node_prefix: prefix length of each node's pod subnet, or a list of one for each network; 24 in IPv4 and 64 in
        IPv6 if not given.
    :param device: name of the VXLAN device in the peer entries.
    :returns: by node name: ``number``, ``underlay``, ``mac_address``, ``mtu_overhead`` in bytes, ``networks``: for each
        of the overlay's ``cidr``, ``vtep``, ``vtep_cidr``, ``subnet``, ``gateway`` and ``gateway_cidr``, and ``peer``:
        the ``fdb``, ``neighbours`` and ``routes`` that every other node needs to reach this one. Sorted by number.
    :raises InvalidParameter: the first thing that is wrong, before anything is planned for anybody.
    """
    networks = _networks(cidr)
    prefixes = _prefixes(networks, node_prefix)
    identifier = values.integer("vni", vni, 0, VNI_MAX)
    interface = values.ifname("device", device)
    planned = sorted(
        (_node(name, node, prefixes, identifier, interface) for name, node in _named(nodes)),
        key=lambda item: (item[1]["number"], item[0]),
    )
    _refuse_duplicates(planned, "number", "number", "give each node a number of its own")
    _refuse_duplicates(planned, "address", "underlay", "give each node its own underlay address (a cloned machine?)")
    _refuse_duplicates(planned, "name", "mac_address", "the two names give the same VTEP MAC: rename one of them")
    _refuse_mixed_underlay(planned)
    return dict(planned)


def vtep_mac(vni: int, name: str) -> str:
    """The VTEP MAC of a node."""
    return derived_mac(f"{vni}/{name}")


def derived_mac(text: str) -> str:
    """A MAC from 46 bits of a hash: locally administered, unicast (IEEE 802-2014, section 8.4)."""
    digest = hashlib.blake2s(text.encode(), digest_size=6).digest()
    return ":".join(f"{octet:02x}" for octet in (digest[0] & 0xFC | 0x02, *digest[1:]))


def _node(
    name: str, node: Mapping[str, Any], prefixes: Mapping[Network, int], vni: int, device: str
) -> tuple[str, dict[str, Any]]:
    where = f"nodes[{name}]"
    for network, prefix in prefixes.items():
        capacity = 2 ** (prefix - network.prefixlen)
        number = values.integer(
            f"{where}.number",
            node.get("number"),
            0,
            capacity - 1,
            f"{network} has room for {capacity} nodes of /{prefix}: take a free number or a wider network",
        )
    underlay = _underlay(f"{where}.address", node.get("address"), prefixes)
    networks = [_share(network, prefix, number) for network, prefix in prefixes.items()]
    mac = vtep_mac(vni, name)
    return name, {
        "number": number,
        "underlay": str(underlay),
        "mac_address": mac,
        "mtu_overhead": VXLAN_OVERHEAD[underlay.version],
        "networks": networks,
        "peer": {
            "fdb": [{"dev": device, "lladdr": mac, "dst": str(underlay)}],
            "neighbours": [{"dev": device, "dst": network["vtep"], "lladdr": mac} for network in networks],
            "routes": [
                {"dev": device, "dst": network["subnet"], "via": network["vtep"], "onlink": True}
                for network in networks
            ],
        },
    }


def _share(network: Network, prefix: int, number: int) -> dict[str, str]:
    """A node's share of one of the overlay's networks."""
    # Not network.subnets(), which counts up to the number wanted.
    base = int(network.network_address) + (number << (network.max_prefixlen - prefix))
    subnet = type(network)((base, prefix))
    vtep, gateway = str(subnet[0]), str(subnet[1])
    return {
        "cidr": str(network),
        "vtep": vtep,
        "vtep_cidr": f"{vtep}/{network.max_prefixlen}",
        "subnet": str(subnet),
        "gateway": gateway,
        "gateway_cidr": f"{gateway}/{prefix}",
    }


def _named(nodes: object) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if isinstance(nodes, Mapping):
        pairs = [(str(name), node) for name, node in nodes.items()]
    elif isinstance(nodes, Iterable) and not isinstance(nodes, (str, bytes)):
        pairs = [(_name(index, node), node) for index, node in enumerate(nodes)]
    else:
        raise InvalidParameter("nodes", nodes, "give a mapping of name to {number, address}, or a list with names")
    seen: set[str] = set()
    for name, node in pairs:
        if not isinstance(node, Mapping):
            raise InvalidParameter(f"nodes[{name}]", node, "give a mapping with number and address")
        if name in seen:
            raise InvalidParameter("nodes", name, "this name is there twice: name each node once")
        seen.add(name)
    return pairs


def _name(index: int, node: object) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return values.text(f"nodes[{index}].name", name)


def _networks(cidr: object) -> list[Network]:
    """The overlay's networks."""
    if not isinstance(cidr, (list, tuple)):
        return [_network("cidr", cidr)]
    found = [_network(f"cidr[{index}]", item) for index, item in enumerate(cidr)]
    if not found:
        raise InvalidParameter("cidr", cidr, "give a network such as 10.244.0.0/16")
    for index, network in enumerate(found[1:], 1):
        if network.version in [other.version for other in found[:index]]:
            remedy = f"{found[0]} is IPv{network.version} too: give one network in IPv4 and one in IPv6"
            raise InvalidParameter(f"cidr[{index}]", str(network), remedy)
    return found


def _network(parameter: str, cidr: object) -> Network:
    network = ipaddress.ip_network(values.network(parameter, cidr))
    if not all(_is_routable(address) for address in (network[0], network[-1])):
        raise InvalidParameter(parameter, cidr, "give a unicast network that can be routed, such as 10.244.0.0/16")
    return network


def _prefixes(networks: list[Network], node_prefix: object) -> dict[Network, int]:
    """By network, the prefix length of each node's pod subnet in it."""
    given = node_prefix if isinstance(node_prefix, (list, tuple)) else [node_prefix]
    if node_prefix is None:
        given = [DEFAULT_NODE_PREFIX[network.version] for network in networks]
    if len(given) != len(networks):
        raise InvalidParameter("node_prefix", node_prefix, f"give one for each of {', '.join(map(str, networks))}")
    return {
        network: values.integer(
            "node_prefix",
            given[index],
            network.prefixlen,
            LONGEST_NODE_PREFIX[network.version],
            f"the prefix length of a node's pod subnet inside {network}",
        )
        for index, network in enumerate(networks)
    }


def _underlay(parameter: str, value: object, overlay: Iterable[Network]) -> Address:
    address = ipaddress.ip_address(values.address(parameter, value))
    if not _is_routable(address):
        raise InvalidParameter(parameter, value, "give a unicast address that the other nodes reach")
    for network in overlay:
        if address in network:
            raise InvalidParameter(parameter, value, f"it lies in the overlay {network}: keep the two apart")
    return address


def _is_routable(address: Address) -> bool:
    return not (address.is_multicast or address.is_loopback or address.is_link_local or address.is_unspecified)


def _refuse_duplicates(planned: list[tuple[str, dict[str, Any]]], parameter: str, key: str, remedy: str) -> None:
    owners: dict[Any, str] = {}
    for name, node in planned:
        other = owners.setdefault(node[key], name)
        if other != name:
            raise InvalidParameter(f"nodes[{name}].{parameter}", node[key], f"{other} has it too; {remedy}")


def _refuse_mixed_underlay(planned: list[tuple[str, dict[str, Any]]]) -> None:
    for name, node in planned[1:]:
        first, other = planned[0]
        if node["mtu_overhead"] != other["mtu_overhead"]:
            raise InvalidParameter(
                f"nodes[{name}].address",
                node["underlay"],
                f"{first} has {other['underlay']}: run one overlay over IPv4 or over IPv6, not over both",
            )
