# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod is connected by: each driver's piece of a topology, and who reaches whom by it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.cni import config as cni

OVERLAY = ("bridge", "ptp")
"""Drivers whose pods have addresses of an overlay's node."""

UNDERLAY = ("macvlan", "ipvlan")
"""Drivers whose pods sit on an interface of the host."""

FAN_BRIDGE, FAN_TUNNEL = "fanbr0", "fan0"

IPIP_OVERHEAD = 20
"""Bytes that IP in IP takes of the underlay's MTU: the outer IPv4 header (RFC 2003)."""

_CABLED = ("address", "interface", "host_interface")
_MODES = {"macvlan": ("bridge", "private", "vepa", "passthru"), "ipvlan": ("l2", "l3")}


class Driver(NamedTuple):
    """What a driver takes.

    :ivar needs: keys of pods_network that have to be there.
    :ivar takes: keys of pods_network that may be there.
    :ivar pod: keys of a pod; it needs an address where that is one of them, but for CNI, which gives it one.
    """

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    pod: tuple[str, ...] = ()


DRIVERS = {
    "bridge": Driver(pod=(*_CABLED, "overlay")),
    "ptp": Driver(pod=(*_CABLED, "overlay")),
    "macvlan": Driver(("parent", "subnet"), ("mode", "gateway"), ("address", "interface")),
    "ipvlan": Driver(("parent", "subnet"), ("mode", "gateway"), ("address", "interface")),
    "fan": Driver(("underlay", "overlay"), pod=_CABLED),
    "cni": Driver(("config",), pod=("address", "interface")),
    "host": Driver(),
    "none": Driver(),
    "container": Driver(("container",)),
}

DEFAULT = MappingProxyType({"driver": "bridge"})


@dataclass(frozen=True)
class Network:
    """What pods of one driver are in.

    :ivar subnets: those of macvlan and ipvlan, each with its gateway, if it has one.
    :ivar container: the pod whose namespace is joined.
    :ivar fan: (underlay, overlay), of which one is mapped to the other.
    :ivar config: a CNI network configuration, as it was given.
    :ivar where: how the user's variables name it, for messages.
    """

    driver: str
    parent: str = ""
    mode: str = ""
    subnets: tuple[tuple[Any, Any], ...] = ()
    container: str = ""
    fan: tuple[Any, ...] = ()
    config: Any = field(default=None, compare=False)
    where: str = field(default="", compare=False)


def network(where: str, given: object) -> Network:
    """Check pods_network, or a pod's own.

    :raises InvalidParameter: for the first that is wrong.
    """
    if not isinstance(given, Mapping):
        raise InvalidParameter(where, given, "give a dictionary with a driver")
    name = values.choice(f"{where}.driver", given.get("driver", DEFAULT["driver"]), DRIVERS)
    driver = DRIVERS[name]
    for key, value in given.items():
        if key not in ("driver", *driver.needs, *driver.takes):
            known = ", ".join(("driver", *driver.needs, *driver.takes))
            raise InvalidParameter(f"{where}.{key}", value, f"driver {name} takes only {known}")
    for key in driver.needs:
        if given.get(key) is None:
            raise InvalidParameter(f"{where}.{key}", None, f"driver {name} needs it")
    if name in UNDERLAY:
        return Network(
            name,
            parent=values.ifname(f"{where}.parent", given["parent"]),
            mode=values.choice(f"{where}.mode", given.get("mode", _MODES[name][0]), _MODES[name]),
            subnets=_subnets(where, given),
            where=where,
        )
    if name == "fan":
        return Network(name, fan=_fan(where, given), where=where)
    if name == "cni":
        from ansible_collections.weft.fabric.plugins.module_utils.cni import config as cni

        cni.network(f"{where}.config", given["config"])
        return Network(name, config=given["config"], where=where)
    if name == "container":
        return Network(name, container=values.netns(f"{where}.container", given["container"]), where=where)
    return Network(name, where=where)


def _subnets(where: str, given: Mapping[str, Any]) -> tuple[tuple[Any, Any], ...]:
    found: dict[int, Any] = {}
    for item in _list(given["subnet"]):
        subnet = ipaddress.ip_network(values.network(f"{where}.subnet", item))
        if subnet.version in found:
            raise InvalidParameter(f"{where}.subnet", item, "give one in IPv4 and one in IPv6 at most")
        found[subnet.version] = subnet
    gateways: dict[Any, Any] = {}
    if given.get("mode") == "l3" and given.get("gateway") is not None:
        raise InvalidParameter(f"{where}.gateway", given["gateway"], "an ipvlan in mode l3 has none: leave it out")
    for item in _list(given.get("gateway")):
        gateway = ipaddress.ip_address(values.unicast(f"{where}.gateway", item))
        home = found.get(gateway.version)
        if home is None or gateway not in home:
            told = " and ".join(map(str, found.values()))
            raise InvalidParameter(f"{where}.gateway", item, f"it is not in the subnet {told}")
        gateways[home] = gateway
    return tuple((subnet, gateways.get(subnet)) for subnet in found.values())


def _fan(where: str, given: Mapping[str, Any]) -> tuple[Any, Any]:
    found = []
    for key in ("underlay", "overlay"):
        item = ipaddress.ip_network(values.network(f"{where}.{key}", given[key]))
        if item.version != 4:
            raise InvalidParameter(f"{where}.{key}", given[key], "an ipip tunnel carries IPv4 over IPv4")
        found.append(item)
    underlay, overlay = found
    if underlay.overlaps(overlay):
        raise InvalidParameter(f"{where}.overlay", given["overlay"], f"it overlaps {underlay}: keep the two apart")
    if overlay.prefixlen + 32 - underlay.prefixlen > 30:
        remedy = f"a host of {underlay} gets a /{overlay.prefixlen + 32 - underlay.prefixlen}: give a wider network"
        raise InvalidParameter(f"{where}.overlay", given["overlay"], remedy)
    return underlay, overlay


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [] if value is None else [value]


# -- pieces of a topology --------------------------------------------------------------------------


def bridge(name: str, gateways: Sequence[str], mtu: int) -> dict[str, Any]:
    """A bridge that has the gateways' addresses.

    :param gateways: in CIDR notation.
    """
    # Without a spanning tree there is nothing for a new port to wait for.
    return pieces.bridge(name, gateways, mtu=mtu, stp=False, forward_delay=0)


def bridged(
    pod: Mapping[str, Any], own: Sequence[tuple[Any, str]], controller: str, mtu: int, routed: Iterable[Any] = ()
) -> pieces.Pieces:
    """A veth pair from a pod to a bridge.

    :param own: the pod's addresses, each with its subnet's prefix length, and with the gateway there.
    :param routed: addresses of the same subnet that are not on the bridge.
    """
    inside = _inside(pod, [str(address) for address, _gateway in own], mtu)
    beside = [
        pieces.route(f"{other}/{other.max_prefixlen}", inside.name, gateway)
        for other in routed
        for address, gateway in own
        if address.version == other.version
    ]
    return pieces.on_bridge(inside, pod["host_interface"], controller, [*_defaults(own, inside.name), *beside])


def _inside(pod: Mapping[str, Any], addresses: Sequence[str], mtu: int | str) -> pieces.Interface:
    """A pod's interface; what another driver made of that name is not in its way."""
    return pieces.Interface(pod["name"], pod["interface"], addresses, mtu, recreate=True)


def ptp(pod: Mapping[str, Any], own: Sequence[tuple[Any, str]], mtu: int) -> pieces.Pieces:
    """A veth pair between a pod and its host, and nothing else: host addresses and routes to them on both ends."""
    dev, outside = pod["interface"], pod["host_interface"]
    ends = [(str(address.ip), gateway, f"/{address.max_prefixlen}") for address, gateway in own]
    back = [pieces.route(address + length, outside, src=gateway) for address, gateway, length in ends]
    there = [pieces.route(gateway + length, dev) for _address, gateway, length in ends]
    inside = _inside(pod, [address + length for address, _gateway, length in ends], mtu)
    gateways = [gateway + length for _address, gateway, length in ends]
    return pieces.point_to_point(inside, outside, gateways, [*there, *_defaults(own, dev)], back)


def _defaults(own: Sequence[tuple[Any, str]], dev: str) -> list[dict[str, Any]]:
    return [pieces.route("default", dev, gateway, src=str(address.ip)) for address, gateway in own]


def child(pod: Mapping[str, Any], own: Sequence[tuple[Any, str]], net: Network) -> pieces.Pieces:
    """A macvlan or ipvlan of a host's interface inside of a pod."""
    inside = _inside(pod, [str(address) for address, _gateway in own], "auto")
    if net.mode == "l3":
        everything = {4: "0.0.0.0/0", 6: "::/0"}
        routes = [pieces.route(everything[address.version], inside.name, src=str(address.ip)) for address, _none in own]
    else:
        routes = _defaults([(address, gateway) for address, gateway in own if gateway], inside.name)
    make = {"macvlan": pieces.macvlan, "ipvlan": pieces.ipvlan}[net.driver]
    return make(inside, net.parent, net.mode, routes)


def alone(pod: Mapping[str, Any], net: Network) -> pieces.Pieces:
    """A pod of which only the namespace is known here: its own, the host's, or another pod's."""
    joins = {"host": "", "container": net.container}
    return pieces.namespace(pod["name"], joins.get(net.driver))


def fan_subnet(where: str, address: str, net: Network) -> Any:
    """The subnet of a host, by arithmetic from its underlay address: 10.1.138.0/24 of 192.168.1.138 in 192.168.0.0/16.

    :raises InvalidParameter: the address is not in the fan's underlay.
    """
    underlay, overlay = net.fan
    host = ipaddress.ip_address(address)
    if host not in underlay:
        raise InvalidParameter(where, address, f"the fan expands addresses of {underlay}: give a wider underlay")
    prefix = overlay.prefixlen + 32 - underlay.prefixlen
    number = int(host) - int(underlay.network_address)
    return ipaddress.ip_network((int(overlay.network_address) + (number << (32 - prefix)), prefix))


def fan(net: Network, host: str, nodes: Mapping[str, Mapping[str, Any]], mtu: int) -> dict[str, Any]:
    """A fan's bridge and tunnel, and the routes to the other hosts' subnets.

    :param nodes: of which ``underlay`` is used.
    :param mtu: of the bridge and the tunnel, in bytes.
    """
    subnets = {name: fan_subnet(f"nodes[{name}].address", node["underlay"], net) for name, node in nodes.items()}
    own = subnets.pop(host)
    routes = [
        {
            "dst": str(subnet),
            # A tunnel without a remote end sends to the route's gateway (net/ipv4/ip_tunnel.c: ip_tunnel_xmit).
            "via": nodes[name]["underlay"],
            "dev": FAN_TUNNEL,
            "onlink": True,
            "src": str(own[1]),
        }
        for name, subnet in subnets.items()
    ]
    tunnel = {"name": FAN_TUNNEL, "kind": "ipip", "local": nodes[host]["underlay"], "mtu": mtu}
    return {"": {"links": [bridge(FAN_BRIDGE, [f"{own[1]}/{own.prefixlen}"], mtu), tunnel], "routes": routes}}


# -- who reaches whom ------------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """A pod, or a node itself, as one end of a pair.

    :ivar pod: its name; empty: the node itself.
    :ivar net: None: the node itself.
    :ivar dev: of a node, its interface in the underlay.
    :ivar joins: it is in another pod's namespace.
    """

    host: str
    pod: str
    addresses: tuple[str, ...]
    net: Network | None = None
    dev: str | None = None
    joins: bool = False


def attached(net: Network) -> Network:
    """A network as the drivers know it: a macvlan or ipvlan of a CNI network is one like any other."""
    if net.driver != "cni":
        return net
    from ansible_collections.weft.fabric.plugins.module_utils.cni import config as cni

    config = cni.network(f"{net.where}.config", net.config)
    if config.plugin not in UNDERLAY:
        return net
    subnets = tuple((subnet, None) for subnet in _cni_subnets(config))
    # A frame comes in by l3s as by l3 (ipvlan_l3s.c).
    mode = "l3" if config.mode == "l3s" else config.mode
    return Network(config.plugin, config.options["master"], mode, subnets, where=net.where)


def _cni_subnets(config: cni.Network) -> list[Any]:
    ipam = config.ipam
    if ipam is None:
        return []
    return [part.subnet for ranges in ipam.sets for part in ranges] + [own.address.network for own in ipam.addresses]


def reaches(one: End, other: End) -> bool | None:
    """Whether one end reaches another by what connects a pod beside the overlays; None: the drivers do not say."""
    here = one.host == other.host
    if one.net and one.net.driver == "none":
        return False if here and other.net is None else None
    if other.net and other.net.driver == "host":
        return True if one.net is None or (here and one.net.driver in OVERLAY) else None
    if other.net and other.net.driver == "fan":
        return True if one.net == other.net or (here and one.net is None) else None
    if any(end.net and end.net.driver in UNDERLAY for end in (one, other)):
        return _on_a_segment(one, other, here)
    if here and all(end.net is None or end.net.driver == "cni" for end in (one, other)):
        return _by_cni(one, other)
    return None


def _by_cni(one: End, other: End) -> bool | None:
    """What the plugins bridge and ptp connect on one host: their pods, and the host where it is the gateway."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni import config as cni

    configs = [cni.network("config", end.net.config) for end in (one, other) if end.net]
    if not configs or any(config.plugin not in ("bridge", "ptp") for config in configs):
        return None
    first, last = configs[0], configs[-1]
    if one.net and other.net:
        places = [(config.plugin, config.bridge, config.options.get("vlan") or 0) for config in configs]
        subnets = [subnet for subnet in _cni_subnets(first) if subnet in _cni_subnets(last)]
        return True if subnets and places[0] == places[1] else None
    if not first.gateway:
        return None
    ways = [route.dst for route in first.ipam.routes] if first.ipam else []
    led = first.options.get("isDefaultGateway") or any(
        ipaddress.ip_address(address) in way for address in other.addresses for way in ways
    )
    # The host knows its pods' addresses; they know the host by the gateway's, and others by a route.
    return True if one.net is None or led else None


def _on_a_segment(one: End, other: End, here: bool) -> bool | None:
    """A macvlan or ipvlan and another one, or a node."""
    if not all(end.net is None or end.net.driver in UNDERLAY for end in (one, other)):
        return None
    if one.net and other.net and here and one.net.parent == other.net.parent:
        # A VEPA's children reach each other by way of the switch, if that sends frames back.
        return {"private": False, "vepa": None}.get(one.net.mode, True)
    subnets = [subnet for end in (one, other) if end.net for subnet, _gateway in end.net.subnets]
    shared = any(
        all(any(ipaddress.ip_address(address) in subnet for address in end.addresses) for end in (one, other))
        for subnet in subnets
    )
    if not shared or any(end.net and end.net.mode == "l3" for end in (one, other)):
        return None
    if not here:
        return True
    child, node = (one, other) if one.net else (other, one)
    # What a child sends goes out by the parent, and never up to the host (macvlan.c: macvlan_queue_xmit).
    return False if node.net is None and child.net and child.net.parent == node.dev else None
