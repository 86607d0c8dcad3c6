# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of an overlay, and the address of a node in the underlay."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Union

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Share

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

DEFAULT_NODE_PREFIX = {4: 24, 6: 64}
"""Prefix length of a node's pod subnet, by the overlay's IP version."""

LONGEST_NODE_PREFIX = {4: 30, 6: 126}
"""A subnet with a longer prefix has no room for the VTEP, the gateway and a single pod."""


def parse(cidr: object, where: str = "cidr") -> list[Network]:
    """An overlay's networks.

    :param cidr: a network, or a list of one in IPv4 and one in IPv6.
    :param where: the parameter's name, for messages.
    :raises InvalidParameter: one of them is no unicast network, or two are of one family.
    """
    if not isinstance(cidr, (list, tuple)):
        return [_network(where, cidr)]
    networks = [_network(f"{where}[{index}]", item) for index, item in enumerate(cidr)]
    if not networks:
        raise InvalidParameter(where, cidr, "give a network such as 10.244.0.0/16")
    for index, network in enumerate(networks[1:], 1):
        if network.version in [other.version for other in networks[:index]]:
            remedy = f"{networks[0]} is IPv{network.version} too: give one network in IPv4 and one in IPv6"
            raise InvalidParameter(f"{where}[{index}]", str(network), remedy)
    return networks


def _network(parameter: str, cidr: object) -> Network:
    network = ipaddress.ip_network(values.network(parameter, cidr))
    if not all(_is_routable(address) for address in (network[0], network[-1])):
        raise InvalidParameter(parameter, cidr, "give a unicast network that can be routed, such as 10.244.0.0/16")
    return network


def prefixes(networks: list[Network], node_prefix: object, where: str = "node_prefix") -> dict[Network, int]:
    """By network, the prefix length of each node's pod subnet.

    :param node_prefix: a prefix length, or a list of one for each network. None: DEFAULT_NODE_PREFIX.
    :param where: the parameter's name, for messages.
    :raises InvalidParameter: a prefix length leaves a node without room, or there are too few or too many of them.
    """
    given = node_prefix if isinstance(node_prefix, (list, tuple)) else [node_prefix]
    if node_prefix is None:
        given = [DEFAULT_NODE_PREFIX[network.version] for network in networks]
    if len(given) != len(networks):
        raise InvalidParameter(where, node_prefix, f"give one for each of {', '.join(map(str, networks))}")
    return {
        network: values.integer(
            where,
            given[index],
            network.prefixlen,
            LONGEST_NODE_PREFIX[network.version],
            f"the prefix length of a node's pod subnet inside {network}",
        )
        for index, network in enumerate(networks)
    }


def share(network: Network, prefix: int, number: int) -> Share:
    """A node's share of a network.

    :param prefix: prefix length of the node's pod subnet.
    :param number: the node's.
    """
    # network.subnets() would count up to this number.
    base = int(network.network_address) + (number << (network.max_prefixlen - prefix))
    subnet = type(network)((base, prefix))
    vtep, gateway = str(subnet[0]), str(subnet[1])
    return Share(
        cidr=str(network),
        vtep=vtep,
        vtep_cidr=f"{vtep}/{network.max_prefixlen}",
        subnet=str(subnet),
        gateway=gateway,
        gateway_cidr=f"{gateway}/{prefix}",
    )


def underlay(parameter: str, value: object) -> tuple[Address, Network | None]:
    """A node's address, and the network of its segment if the address has a prefix length.

    :raises InvalidParameter: it is no unicast address.
    """
    if isinstance(value, str) and "/" in value:
        interface = ipaddress.ip_interface(values.interface_address(parameter, value))
        address, segment = interface.ip, interface.network
    else:
        address, segment = ipaddress.ip_address(values.address(parameter, value)), None
    if not _is_routable(address):
        raise InvalidParameter(parameter, value, "give a unicast address that the other nodes reach")
    return address, segment


def _is_routable(address: Address) -> bool:
    return not (address.is_multicast or address.is_loopback or address.is_link_local or address.is_unspecified)


def capacity(networks: Mapping[Network, int]) -> Iterable[tuple[int, str]]:
    """How many nodes each network has room for, and the sentence that says so.

    :param networks: with the prefix length of each node's pod subnet.
    """
    for network, prefix in networks.items():
        room = 2 ** (prefix - network.prefixlen)
        yield room, f"{network} has room for {room} nodes of /{prefix}: take a free number or a wider network"
