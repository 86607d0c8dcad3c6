# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI network configurations: what each plugin takes, what of a topology it stands for, and the result as CNI's JSON.

Pure. Sources: the CNI specification 1.0.0, and what the reference plugins 1.1.1 do.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Callable, NamedTuple, Union

from ansible_collections.weft.fabric.plugins.module_utils import sysctl, values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import IPVLAN_MODES, MACVLAN_MODES

IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
IpInterface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
IpNetwork = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")
DATA_DIR = "/var/lib/cni/networks"

_EVERYTHING = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("::/0")}
_MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}
_FORWARDING = {4: sysctl.IPV4_FORWARDING, 6: sysctl.IPV6_FORWARDING}
_LOOPBACK = ("127.0.0.1/8", "::1/128")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII).fullmatch


class Range(NamedTuple):
    """Addresses that host-local gives.

    :ivar first: inclusive, as is ``last``.
    :ivar gateway: one of the subnet that nobody gets.
    """

    subnet: IpNetwork
    first: IpAddress
    last: IpAddress
    gateway: IpAddress

    def holds(self, address: IpAddress) -> bool:
        """Whether it gives this address."""
        return address.version == self.subnet.version and int(self.first) <= int(address) <= int(self.last)


RangeSet = tuple[Range, ...]


class Route(NamedTuple):
    """A route of the container; without a gateway it goes by that of its family."""

    dst: IpNetwork
    gateway: IpAddress | None


class Own(NamedTuple):
    """An address of a container's interface."""

    address: IpInterface
    gateway: IpAddress | None


@dataclass(frozen=True)
class Ipam:
    """Where addresses come from.

    :ivar directory: host-local's files.
    :ivar sets: host-local: one address out of each.
    :ivar addresses: static.
    """

    routes: tuple[Route, ...] = ()
    directory: str = ""
    sets: tuple[RangeSet, ...] = ()
    addresses: tuple[Own, ...] = ()
    dns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A network configuration.

    :ivar options: the plugin's own keys that were given.
    :ivar ipam: None: interfaces get no addresses.
    """

    name: str
    version: str
    plugin: str
    options: Mapping[str, Any]
    ipam: Ipam | None
    dns: Mapping[str, Any]
    where: str = ""

    @property
    def gateway(self) -> bool:
        """Whether the host has the gateway's address."""
        return self.plugin == "ptp" or any(self.options.get(key) for key in ("isGateway", "isDefaultGateway"))

    @property
    def bridge(self) -> str:
        """The bridge's name; empty where there is none."""
        return str(self.options.get("bridge") or "cni0") if self.plugin == "bridge" else ""

    @property
    def mode(self) -> str:
        """The mode of a macvlan or an ipvlan; empty for other plugins."""
        return str(self.options.get("mode", {"macvlan": "bridge", "ipvlan": "l2"}.get(self.plugin, "")))


@dataclass(frozen=True)
class Attachment:
    """A container's interface in a network.

    :ivar container: the id by which its addresses are known.
    :ivar requested: addresses that it asks host-local for.
    :ivar recreate: whether another interface of its name is deleted.
    :ivar addresses: those that it has, once they are known.
    """

    netns: str
    interface: str
    container: str
    network: Network
    requested: tuple[IpAddress, ...] = ()
    where: str = ""
    recreate: bool = False
    addresses: tuple[Own, ...] = ()

    @property
    def host_interface(self) -> str:
        """The host's end of a veth pair: of 15 bytes, from names alone, so that nothing else moves it."""
        return _veth_name(f"{self.netns} {self.interface}")

    @property
    def routes(self) -> tuple[Route, ...]:
        """The container's routes, each with its gateway, if there is one."""
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


# -- configurations --------------------------------------------------------------------------------


def _mtu(where: str, value: Any) -> int:
    return values.integer(where, value, 0, 65535, "bytes; 0 leaves it to the kernel")


def _vlan(where: str, value: Any) -> int:
    return values.integer(where, value, 0, 4094)


def _one_of(names: Iterable[str]) -> Callable[[str, Any], str]:
    return lambda where, value: values.choice(where, value, tuple(names))


_PLUGINS: dict[str, dict[str, Callable[[str, Any], Any]]] = {
    "bridge": {
        "bridge": values.ifname,
        "isGateway": values.boolean,
        "isDefaultGateway": values.boolean,
        "forceAddress": values.boolean,
        "ipMasq": values.boolean,
        "hairpinMode": values.boolean,
        "promiscMode": values.boolean,
        "mtu": _mtu,
        "vlan": _vlan,
    },
    "ptp": {"ipMasq": values.boolean, "mtu": _mtu},
    "macvlan": {
        "master": values.ifname,
        "mode": _one_of(mode for mode in MACVLAN_MODES if mode != "source"),
        "mtu": _mtu,
        "mac": values.mac,
    },
    "ipvlan": {"master": values.ifname, "mode": _one_of(IPVLAN_MODES), "mtu": _mtu},
    "host-device": {"device": values.ifname},
    "loopback": {},
}
_NEEDS = {"macvlan": ("master",), "ipvlan": ("master",), "host-device": ("device",)}
_NEEDS_IPAM = ("ptp", "ipvlan")
_COMMON = ("cniVersion", "name", "type", "ipam", "dns")
_LISTED = ("cniVersion", "name", "plugins")
_DNS = {"nameservers": True, "domain": False, "search": True, "options": True}
_RANGE = ("subnet", "rangeStart", "rangeEnd", "gateway")
_IPAM = {"host-local": (*_RANGE, "ranges", "routes", "dataDir"), "static": ("addresses", "routes", "dns")}


def network(where: str, given: Any) -> Network:
    """A network configuration, as data or as JSON text.

    :raises InvalidParameter: for the first that is wrong, and for a key that nothing here knows.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as error:
            raise InvalidParameter(where, given, f"it is no JSON ({error})") from None
    config = _mapping(where, given, "a CNI network configuration, as a dictionary or as JSON text")
    if "plugins" in config:
        config = _listed(where, config)
    plugin = values.choice(f"{where}.type", config.get("type"), _PLUGINS)
    options = _PLUGINS[plugin]
    _known(where, config, (*_COMMON, *options), f"plugin {plugin}")
    name = config.get("name")
    if not isinstance(name, str) or not _NAME(name):
        raise InvalidParameter(f"{where}.name", name, "give the network a name of letters, digits, '_', '.' and '-'")
    version = values.choice(f"{where}.cniVersion", config.get("cniVersion") or VERSIONS[0], VERSIONS)
    for key in _NEEDS.get(plugin, ()):
        if not config.get(key):
            raise InvalidParameter(f"{where}.{key}", config.get(key), f"plugin {plugin} needs the host's interface")
    parsed = {
        key: parse(f"{where}.{key}", config[key]) for key, parse in options.items() if config.get(key) is not None
    }
    _check_bridge(where, parsed)
    dns = _dns(f"{where}.dns", config.get("dns"))
    ipam = _ipam(f"{where}.ipam", config.get("ipam"), name, plugin)
    if ipam and version in VERSIONS[:2]:
        families = [addresses[0].subnet.version for addresses in ipam.sets]
        families += [own.address.version for own in ipam.addresses]
        if len(families) != len(set(families)):
            remedy = f"CNI {version} has one address for each family: give cniVersion {VERSIONS[-1]}"
            raise InvalidParameter(f"{where}.cniVersion", version, remedy)
    found = Network(name, version, plugin, parsed, ipam, dns, where)
    return _with_gateways(found, ipam) if ipam and found.gateway else found


def _with_gateways(net: Network, ipam: Ipam) -> Network:
    """Static addresses with the gateways that the host is to have: the subnet's first address, where none is given."""
    addresses = []
    for index, own in enumerate(ipam.addresses):
        gateway = own.gateway
        if gateway is None:
            subnet = own.address.network
            if net.plugin == "ptp" or subnet.prefixlen > subnet.max_prefixlen - 2:
                told = "the host needs the gateway's address: give one"
                raise InvalidParameter(f"{net.where}.ipam.addresses[{index}].gateway", None, told)
            gateway = subnet[1]
        addresses.append(Own(own.address, gateway))
    return replace(net, ipam=replace(ipam, addresses=tuple(addresses)))


def _listed(where: str, config: dict[str, Any]) -> dict[str, Any]:
    """The one plugin of a configuration list (``*.conflist``)."""
    _known(where, config, _LISTED, "a configuration list")
    plugins = config["plugins"]
    if not isinstance(plugins, (list, tuple)) or len(plugins) != 1:
        remedy = "give a list of one plugin: chains are not supported"
        raise InvalidParameter(f"{where}.plugins", plugins, remedy)
    only = _mapping(f"{where}.plugins[0]", plugins[0], "a plugin's configuration")
    return {**only, **{key: config[key] for key in ("cniVersion", "name") if key in config}}


def _check_bridge(where: str, options: Mapping[str, Any]) -> None:
    if options.get("hairpinMode") and options.get("promiscMode"):
        remedy = "packets would come back twice: give hairpinMode or promiscMode, not both"
        raise InvalidParameter(f"{where}.promiscMode", True, remedy)
    if options.get("vlan"):
        values.ifname(f"{where}.bridge", f"{options.get('bridge', 'cni0')}.{options['vlan']}")


def _mapping(where: str, value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidParameter(where, value, f"give {what}")
    return dict(value)


def _list(where: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise InvalidParameter(where, value, "give a list")
    return list(value)


def _known(where: str, given: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    for key, value in given.items():
        if key not in known:
            raise InvalidParameter(f"{where}.{key}", value, f"{what} takes only {', '.join(known)}")


def _dns(where: str, value: Any) -> dict[str, Any]:
    found = _mapping(where, value or {}, "a dictionary")
    _known(where, found, _DNS, "dns")
    for key, several in _DNS.items():
        right = isinstance(found.get(key, [] if several else ""), list if several else str)
        if not right or (several and not all(isinstance(item, str) for item in found.get(key, ()))):
            raise InvalidParameter(
                f"{where}.{key}", found[key], "give a list of strings" if several else "give a string"
            )
    return found


def _ipam(where: str, value: Any, name: str, plugin: str) -> Ipam | None:
    if not value:
        if plugin == "loopback":
            return Ipam(addresses=tuple(Own(ipaddress.ip_interface(own), None) for own in _LOOPBACK))
        if plugin in _NEEDS_IPAM:
            raise InvalidParameter(where, value, f"plugin {plugin} needs one: host-local or static")
        return None
    if plugin == "loopback":
        raise InvalidParameter(where, value, "plugin loopback has none: leave it out")
    given = _mapping(where, value, "a dictionary with a type")
    kind = values.choice(f"{where}.type", given.get("type"), _IPAM)
    _known(where, given, ("type", *_IPAM[kind]), f"ipam {kind}")
    routes = tuple(_routes(f"{where}.routes", given.get("routes")))
    if kind == "static":
        addresses = tuple(_static(f"{where}.addresses", given.get("addresses")))
        return Ipam(routes, addresses=addresses, dns=_dns(f"{where}.dns", given.get("dns")))
    directory = given.get("dataDir") or DATA_DIR
    if not isinstance(directory, str) or not directory.startswith("/") or "\0" in directory:
        raise InvalidParameter(f"{where}.dataDir", directory, f"give a directory's whole path, such as {DATA_DIR}")
    return Ipam(routes, directory=f"{directory.rstrip('/')}/{name}", sets=tuple(_sets(where, given)))


def _routes(where: str, value: Any) -> Iterator[Route]:
    seen = set()
    for index, item in enumerate(_list(where, value)):
        here = f"{where}[{index}]"
        route = _mapping(here, item, "a dictionary with dst")
        _known(here, route, ("dst", "gw"), "a route")
        dst = ipaddress.ip_network(values.network(f"{here}.dst", route.get("dst")))
        gateway = _address(f"{here}.gw", route["gw"]) if route.get("gw") else None
        if gateway and gateway.version != dst.version:
            raise InvalidParameter(f"{here}.gw", route["gw"], f"it is of another address family than dst {dst}")
        if dst in seen:
            raise InvalidParameter(f"{here}.dst", route["dst"], "it is listed twice: keep one")
        seen.add(dst)
        yield Route(dst, gateway)


def _address(where: str, value: Any) -> IpAddress:
    return ipaddress.ip_address(values.unicast(where, value))


def _static(where: str, value: Any) -> Iterator[Own]:
    found = _list(where, value)
    if not found:
        raise InvalidParameter(where, value, "ipam static needs at least one address")
    for index, item in enumerate(found):
        here = f"{where}[{index}]"
        own = _mapping(here, item, "a dictionary with address")
        _known(here, own, ("address", "gateway"), "an address")
        address = ipaddress.ip_interface(values.interface_address(f"{here}.address", own.get("address")))
        gateway = _address(f"{here}.gateway", own["gateway"]) if own.get("gateway") else None
        if gateway and gateway.version != address.version:
            raise InvalidParameter(f"{here}.gateway", own["gateway"], f"it is of another address family than {address}")
        yield Own(address, gateway)


def _sets(where: str, given: Mapping[str, Any]) -> Iterator[RangeSet]:
    """host-local's range sets; one subnet alone is the first."""
    places = []
    if given.get("subnet"):
        places.append((where, [(where, {key: given[key] for key in _RANGE if key in given})]))
    else:
        for key in _RANGE[1:]:
            if given.get(key):
                raise InvalidParameter(f"{where}.{key}", given[key], "it is of a subnet: give that beside it")
    for index, ranges in enumerate(_list(f"{where}.ranges", given.get("ranges"))):
        here = f"{where}.ranges[{index}]"
        listed = [(f"{here}[{number}]", item) for number, item in enumerate(_list(here, ranges))]
        places.append((here, listed))
    if not places:
        raise InvalidParameter(f"{where}.ranges", None, "ipam host-local needs a subnet or ranges")
    known: list[tuple[str, Range]] = []
    for here, listed in places:
        if not listed:
            raise InvalidParameter(here, [], "give at least one range")
        ranges = [(place, _range(place, item)) for place, item in listed]
        for place, item in ranges:
            if item.subnet.version != ranges[0][1].subnet.version:
                raise InvalidParameter(f"{place}.subnet", str(item.subnet), "a range set is of one address family")
            for other, before in known:
                if before.holds(item.first) or before.holds(item.last) or item.holds(before.first):
                    raise InvalidParameter(f"{place}.subnet", str(item.subnet), f"it overlaps {other}: keep them apart")
            known.append((place, item))
        yield tuple(item for _place, item in ranges)


def _range(where: str, value: Any) -> Range:
    given = _mapping(where, value, "a dictionary with subnet")
    _known(where, given, _RANGE, "a range")
    subnet = ipaddress.ip_network(values.network(f"{where}.subnet", given.get("subnet")))
    if subnet.prefixlen > subnet.max_prefixlen - 2:
        raise InvalidParameter(f"{where}.subnet", str(subnet), "it is too small to give addresses from: at most a /30")
    # Of IPv4, the last address is the broadcast.
    last = subnet.broadcast_address - (1 if subnet.version == 4 else 0)
    ends = {"rangeStart": subnet[1], "rangeEnd": last}
    for key in ends:
        if given.get(key):
            ends[key] = _address(f"{where}.{key}", given[key])
            if ends[key] not in subnet:
                raise InvalidParameter(f"{where}.{key}", given[key], f"it is not in {subnet}")
    first, last = ends["rangeStart"], ends["rangeEnd"]
    if int(first) > int(last):
        raise InvalidParameter(f"{where}.rangeEnd", str(last), f"it is before rangeStart {first}")
    gateway = _address(f"{where}.gateway", given["gateway"]) if given.get("gateway") else subnet[1]
    if gateway.version != subnet.version:
        raise InvalidParameter(f"{where}.gateway", given["gateway"], f"it is of another address family than {subnet}")
    return Range(subnet, first, last, gateway)


# -- attachments -----------------------------------------------------------------------------------

_ATTACHMENT = ("netns", "interface", "container", "network", "addresses", "recreate")


def attachments(where: str, given: Any) -> tuple[Attachment, ...]:
    """Interfaces of containers, from their parameters.

    :raises InvalidParameter: for the first that is wrong, and for an interface that is listed twice.
    """
    found: list[Attachment] = []
    holders: dict[tuple[str, str], str] = {}
    for index, item in enumerate(_list(where, given)):
        attachment = _attachment(f"{where}[{index}]", item)
        other = holders.setdefault((attachment.netns, attachment.interface), attachment.where)
        if other != attachment.where:
            told = f"{other} is this interface of {attachment.netns} too: give each its own"
            raise InvalidParameter(f"{attachment.where}.interface", attachment.interface, told)
        found.append(attachment)
    return tuple(found)


def _attachment(where: str, item: Any) -> Attachment:
    given = {key: value for key, value in _mapping(where, item, "a dictionary").items() if value is not None}
    _known(where, given, _ATTACHMENT, "an attachment")
    netns = values.netns(f"{where}.netns", given.get("netns"))
    container = given.get("container", netns)
    if not isinstance(container, str) or not _NAME(container):
        remedy = "a container's id is of letters, digits, '_', '.' and '-'"
        raise InvalidParameter(f"{where}.container", container, remedy)
    net = network(f"{where}.network", given.get("network"))
    interface = (
        "lo" if net.plugin == "loopback" else values.ifname(f"{where}.interface", given.get("interface", "eth0"))
    )
    requested = [
        (f"{where}.addresses[{index}]", address)
        for index, address in enumerate(_list(f"{where}.addresses", given.get("addresses")))
    ]
    parsed = tuple(_requested(here, address, net) for here, address in requested)
    recreate = values.boolean(f"{where}.recreate", given.get("recreate", False))
    return Attachment(netns, interface, container, net, parsed, where, recreate)


def _requested(where: str, value: Any, net: Network) -> IpAddress:
    address = _address(where, value)
    sets = net.ipam.sets if net.ipam else ()
    if not sets:
        raise InvalidParameter(where, value, "only ipam host-local gives an address that is asked for")
    ranges = [item for ranges in sets for item in ranges]
    if not any(item.holds(address) for item in ranges):
        told = " and ".join(f"{item.first} to {item.last}" for item in ranges)
        raise InvalidParameter(where, value, f"network {net.name} has {told}")
    if any(address == item.gateway for item in ranges):
        raise InvalidParameter(where, value, f"it is the gateway of network {net.name}: choose another")
    return address


def sysctls(given: Iterable[Attachment]) -> dict[str, str]:
    """The kernel parameters that a host needs so that it forwards what containers send."""
    found = {}
    for item in given:
        ipam = item.network.ipam
        if item.network.gateway and ipam:
            versions = {ranges[0].subnet.version for ranges in ipam.sets}
            versions |= {own.address.version for own in ipam.addresses}
            found.update({_FORWARDING[version]: "1" for version in sorted(versions)})
    return found


def masquerade(item: Attachment) -> list[dict[str, Any]]:
    """The rules by which what a container sends out of its networks gets the host's address."""
    if not item.network.options.get("ipMasq"):
        return []
    return [
        {
            "source": f"{own.address.ip}/{own.address.max_prefixlen}",
            "exempt": [str(own.address.network), _MULTICAST[own.address.version]],
        }
        for own in item.addresses
    ]


# -- pieces of a topology --------------------------------------------------------------------------


def _veth_name(text: str) -> str:
    return "veth" + hashlib.blake2s(text.encode(), digest_size=4).hexdigest()


Pieces = dict[str, dict[str, list[dict[str, Any]]]]


def topology(given: Sequence[Attachment]) -> Pieces:
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
    port = {"name": _veth_name(f"{bridge}.{vlan}"), "netns": "", "controller": bridge, "pvid": vlan}
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
    return [link["name"] for link in topology(given)[""].get("links", ())]


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


# -- the result ------------------------------------------------------------------------------------


def result(item: Attachment, macs: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """What the plugin prints: the result, in the format of the configuration's own version.

    :param macs: by namespace and name, MAC addresses of links, as far as they are known.
    """
    net = item.network
    routes = [
        {"dst": str(route.dst), **({"gw": str(route.gateway)} if route.gateway else {})} for route in _told_routes(item)
    ]
    dns = dict(net.dns or (net.ipam.dns if net.ipam else {}))
    if net.version in VERSIONS[:2]:
        return {"cniVersion": net.version, **_old(item, routes), "dns": dns}
    interfaces, own = _interfaces(item)
    found: dict[str, Any] = {
        "cniVersion": net.version,
        "interfaces": [
            {
                "name": name,
                **({"mac": macs[place, name]} if (place, name) in macs else {}),
                **({"sandbox": f"/run/netns/{place}"} if place else {}),
            }
            for place, name in interfaces
        ],
    }
    ips = [
        {
            **({} if net.version == VERSIONS[-1] else {"version": str(address.version)}),
            "interface": own,
            "address": str(address),
            **({"gateway": str(gateway)} if gateway else {}),
        }
        for address, gateway in item.addresses
    ]
    if ips:
        found["ips"] = ips
    if routes:
        found["routes"] = routes
    return {**found, "dns": dns}


def _told_routes(item: Attachment) -> Sequence[Route]:
    """Routes as the result has them: without a gateway where the configuration gives none."""
    listed = item.network.ipam.routes if item.network.ipam else ()
    return (*listed, *item.routes[len(listed) :])


def _old(item: Attachment, routes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    found = {}
    for address, gateway in item.addresses:
        of_family = [route for route in routes if (":" in route["dst"]) == (address.version == 6)]
        found[f"ip{address.version}"] = {
            "ip": str(address),
            **({"gateway": str(gateway)} if gateway else {}),
            **({"routes": of_family} if of_family else {}),
        }
    return found


def _interfaces(item: Attachment) -> tuple[list[tuple[str, str]], int]:
    """(namespace, name) of the interfaces of a result, and which of them is the container's."""
    inside = (item.netns, item.interface)
    if item.network.plugin == "bridge":
        vlan = item.network.options.get("vlan")
        gateway = [("", f"{item.network.bridge}.{vlan}")] if vlan and item.network.gateway and item.addresses else []
        return [("", item.network.bridge), ("", item.host_interface), inside, *gateway], 2
    if item.network.plugin == "ptp":
        return [("", item.host_interface), inside], 1
    return [inside], 0
