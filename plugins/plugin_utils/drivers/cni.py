# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver cni: pods in networks of the Container Network Interface, which give them their addresses on the host.

The module of these networks is long, and imported only where a network has to be looked into.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import ipvlan, macvlan
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import (
    Driver,
    End,
    Given,
    Link,
    Network,
    Pod,
    listed,
    one_of_each_family,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Network as IpNetwork

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.cni import config as cni

_ON_A_SEGMENT = {"macvlan": macvlan.network, "ipvlan": ipvlan.network}
_ON_A_HOST = ("bridge", "ptp")


@dataclass(frozen=True)
class Cni(Network):
    """A CNI network.

    :ivar given: its configuration as the inventory has it.
    :ivar config: the same, parsed.
    """

    given: Any = field(compare=False)
    config: cni.Network = field(compare=False)


def _parse(driver: Driver, where: str, given: Mapping[str, Any]) -> Cni:
    from ansible_collections.weft.fabric.plugins.module_utils.cni import config as cni

    return Cni(driver, where, given["config"], cni.network(f"{where}.config", given["config"]))


def _addresses(where: str, given: object) -> tuple[Given, ...]:
    """The addresses to ask for, or those that the host has given. There may be none, and several of one family."""
    if given is None:
        return ()
    return tuple(Given(item.where, values.address(item.where, item.address)) for item in listed(where, given))


def _attachment(network: Cni, pod: Pod) -> dict[str, Any]:
    item = {"netns": pod.name, "interface": pod.interface, "network": network.given, "recreate": True}
    if pod.addresses:
        asked = one_of_each_family(f"{pod.where}.address", [own.address for own in pod.addresses])
        item["addresses"] = [own.address for own in asked]
    return item


def _removal(network: Cni, _overlay: Overlay | None) -> list[Link]:
    from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import shared_links

    return shared_links(network.config)


def _attached(network: Cni) -> Network:
    """A macvlan or ipvlan of a CNI network follows the rules of any other."""
    config = network.config
    if config.plugin not in _ON_A_SEGMENT:
        return network
    subnets = tuple((subnet, None) for subnet in _subnets(config))
    # Frames come in by l3s as by l3 (ipvlan_l3s.c).
    mode = "l3" if config.mode == "l3s" else config.mode
    return _ON_A_SEGMENT[config.plugin](network.where, config.options["master"], mode, subnets)


def _subnets(config: cni.Network) -> list[IpNetwork]:
    ipam = config.ipam
    if ipam is None:
        return []
    return [part.subnet for ranges in ipam.sets for part in ranges] + [own.address.network for own in ipam.addresses]


def _reaches(one: End, other: End) -> bool | None:
    """What the plugins bridge and ptp connect on one host: their pods, and the host where it is their gateway."""
    configs = _configs(one, other) if one.host == other.host else []
    if len(configs) == 2:
        return not all(config.options.get("portIsolation") for config in configs) if _connected(*configs) else None
    if len(configs) == 1 and configs[0].gateway:
        # The host knows its pods' addresses. They reach the host at the gateway's address, and at others by a route.
        return True if one.network is None or _has_a_way(configs[0], other) else None
    return None


def _configs(*ends: End) -> list[cni.Network]:
    """The networks of ends that plugins connect on their host. Empty: something else connects one of the ends."""
    networks = [end.network for end in ends if end.network is not None]
    configs = [network.config for network in networks if isinstance(network, Cni)]
    return configs if all(config.plugin in _ON_A_HOST for config in configs) and len(configs) == len(networks) else []


def _connected(one: cni.Network, other: cni.Network) -> bool:
    """Whether two networks are one: the same plugin, bridge and VLAN, and a common subnet."""
    places = [(config.plugin, config.bridge, config.options.get("vlan") or 0) for config in (one, other)]
    return places[0] == places[1] and any(subnet in _subnets(other) for subnet in _subnets(one))


def _has_a_way(config: cni.Network, other: End) -> bool:
    ways = [route.dst for route in config.ipam.routes] if config.ipam else []
    addresses = map(ipaddress.ip_address, other.addresses)
    return bool(config.options.get("isDefaultGateway")) or any(address in way for address in addresses for way in ways)


DRIVER = Driver(
    "cni",
    needs=("config",),
    pod=("address", "interface"),
    assigns=True,
    parse=_parse,
    addresses=_addresses,
    attachment=_attachment,
    removal=_removal,
    attached=_attached,
    reaches=_reaches,
    reached=lambda other, one: _reaches(one, other),
)
