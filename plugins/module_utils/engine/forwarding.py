# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host forwards between the networks of its documents, and which chains of its firewalls drop that."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Union

from ansible_collections.weft.fabric.plugins.module_utils.kernel.passage import Packet, obstacles
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def warnings(whole: Document | None, networks: Sequence[Network]) -> list[str]:
    """A line for each chain that drops packets between the host's own subnets and those of other hosts.

    :param whole: what is wanted of the host.
    :param networks: those that the documents have for themselves.
    """
    return obstacles([*packets(whole, networks)] if whole else [])


def packets(whole: Document, networks: Sequence[Network]) -> Iterator[Packet]:
    """One packet in each direction between two interfaces, of each address family."""
    sides = [*_sides(whole, networks)]
    near = {(dev, net.version): net for dev, net, own in sides if own}
    far = {(dev, net.version): net for dev, net, own in sides if not own}
    for (dev, version), network in near.items():
        for (other, same), there in far.items():
            if version == same and dev != other:
                one, two = _inside(network), _inside(there)
                yield Packet(dev, other, one, two)
                yield Packet(other, dev, two, one)


def _sides(whole: Document, networks: Sequence[Network]) -> Iterator[tuple[str, Network, bool]]:
    """(interface, network behind it, whether that is the host's own: no gateway leads there)."""
    root = whole.namespaces.get("")
    if root is None:
        return
    for address in root.addresses:
        network: Network = ipaddress.ip_interface(address.address).network
        if network.prefixlen < network.max_prefixlen and _among(network, networks):
            yield address.dev, network, True
    for route in root.routes.values():
        network = ipaddress.ip_network(route.dst)
        if _among(network, networks):
            yield from ((dev, network, not any(hop.via for hop in route.hops)) for dev in route.devices)


def _among(network: Network, networks: Sequence[Network]) -> bool:
    return any(within(network, other) for other in networks)


def within(one: Network, other: Network) -> bool:
    """Whether a network is another one, or inside of it."""
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]  # of the same version


def _inside(network: Network) -> str:
    """An address that a pod may have: not the first, which is the gateway's."""
    return str(network[min(2, network.num_addresses - 1)])
