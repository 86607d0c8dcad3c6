# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI network configurations: validated, as objects. Pure.

Sources: the CNI specification 1.0.0, and what the reference plugins 1.1.1 do.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Callable, NamedTuple, Union

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.chain import (
    OLDEST,
    Chained,
    chained,
    check_capabilities,
)
from ansible_collections.weft.fabric.plugins.module_utils.cni.vlans import trunk
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import ipvlan, macvlan

IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
IpInterface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
IpNetwork = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")
ONE_ADDRESS = VERSIONS[:2]  # the versions in which a result has one address of each family
DATA_DIR = "/var/lib/cni/networks"

is_name = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII).fullmatch


class Range(NamedTuple):
    """Addresses that host-local assigns.

    :ivar first: the first address; both ends are included.
    :ivar gateway: an address of the subnet that is assigned to nobody.
    """

    subnet: IpNetwork
    first: IpAddress
    last: IpAddress
    gateway: IpAddress

    def holds(self, address: IpAddress) -> bool:
        """Whether an address is in the range."""
        return address.version == self.subnet.version and int(self.first) <= int(address) <= int(self.last)


RangeSet = tuple[Range, ...]


class Route(NamedTuple):
    """A route of the container. Without a gateway of its own, it has that of an address of its family."""

    dst: IpNetwork
    gateway: IpAddress | None


class Own(NamedTuple):
    """An address of a container's interface."""

    address: IpInterface
    gateway: IpAddress | None


@dataclass(frozen=True)
class Ipam:
    """The source of addresses.

    :ivar directory: of host-local, the directory of its files.
    :ivar sets: of host-local: an interface gets one address of each.
    :ivar addresses: of static.
    :ivar dhcp: the plugin dhcp gives addresses, routes and dns, once the interface is up.
    :ivar resolv_conf: of host-local, a file that has the results' dns (resolv.conf(5)).
    """

    routes: tuple[Route, ...] = ()
    directory: str = ""
    sets: tuple[RangeSet, ...] = ()
    addresses: tuple[Own, ...] = ()
    dns: Mapping[str, Any] = field(default_factory=dict)
    resolv_conf: str = ""
    dhcp: bool = False


@dataclass(frozen=True)
class Network:
    """A network configuration.

    :ivar plugin: the plugin's name.
    :ivar options: the plugin's own keys that were given.
    :ivar ipam: None: interfaces have no addresses.
    :ivar where: its place in the user's parameters, for messages.
    :ivar own: the plugin's configuration as it was given.
    :ivar chain: the further plugins of a configuration list.
    :ivar unchecked: whether plugins are not asked if everything is as they made it (``disableCheck``).
    """

    name: str
    version: str
    plugin: str
    options: Mapping[str, Any]
    ipam: Ipam | None
    dns: Mapping[str, Any]
    where: str = ""
    own: Mapping[str, Any] = field(default_factory=dict)
    chain: tuple[Chained, ...] = ()
    unchecked: bool = False

    @property
    def gateway(self) -> bool:
        """Whether the host has the gateway's address."""
        return PLUGINS[self.plugin].gateway or any(self.options.get(key) for key in ("isGateway", "isDefaultGateway"))

    @property
    def bridge(self) -> str:
        """The bridge's name; empty: the plugin has no bridge."""
        return str(self.options.get("bridge") or PLUGINS[self.plugin].bridge)

    @property
    def mode(self) -> str:
        """The mode of a macvlan or an ipvlan; empty: the plugin has no modes."""
        return str(self.options.get("mode", PLUGINS[self.plugin].mode))


Parser = Callable[[str, Any], Any]
"""(place in the user's parameters, value) -> normalised value."""


class Plugin(NamedTuple):
    """What a plugin takes, and makes.

    :ivar options: its own keys.
    :ivar needs: the keys that are required: they name the host's interface.
    :ivar needs_ipam: ipam is required.
    :ivar kind: the kind of link that it creates in the container; empty: none.
    :ivar cabled: the link has another end on the host.
    :ivar gateway: the host always has the gateway's address, which has to be given.
    :ivar bridge: the default name of its bridge.
    :ivar mode: the default mode.
    :ivar interface: the name of its interface, where that is always the same.
    :ivar addresses: those of its interface, where these are always the same: it has no ipam.
    :ivar takes_mac: the runtime can give its interface a MAC address.
    """

    options: Mapping[str, Parser] = {}
    needs: tuple[str, ...] = ()
    needs_ipam: bool = False
    kind: str = ""
    cabled: bool = False
    gateway: bool = False
    bridge: str = ""
    mode: str = ""
    interface: str = ""
    addresses: tuple[str, ...] = ()
    takes_mac: bool = False


def _mtu(where: str, value: Any) -> int:
    return values.integer(where, value, 0, values.LARGEST_MTU, "bytes; 0 leaves it to the kernel")


def _vlan(where: str, value: Any) -> int:
    return values.integer(where, value, 0, values.LARGEST_VLAN)


def _one_of(names: Collection[str]) -> Parser:
    return lambda where, value: values.choice(where, value, names)


PLUGINS = {
    "bridge": Plugin(
        {
            "bridge": values.ifname,
            "isGateway": values.boolean,
            "isDefaultGateway": values.boolean,
            "forceAddress": values.boolean,
            "ipMasq": values.boolean,
            "hairpinMode": values.boolean,
            "promiscMode": values.boolean,
            "macspoofchk": values.boolean,
            "portIsolation": values.boolean,
            "mtu": _mtu,
            "vlan": _vlan,
            "vlanTrunk": trunk,
            "preserveDefaultVlan": values.boolean,
        },
        kind="veth",
        cabled=True,
        bridge="cni0",
        takes_mac=True,
    ),
    "ptp": Plugin({"ipMasq": values.boolean, "mtu": _mtu}, needs_ipam=True, kind="veth", cabled=True, gateway=True),
    "macvlan": Plugin(
        {
            "master": values.ifname,
            "mode": _one_of([mode for mode in macvlan.MODES if mode != "source"]),
            "mtu": _mtu,
            "mac": values.mac,
        },
        needs=("master",),
        kind="macvlan",
        mode="bridge",
        takes_mac=True,
    ),
    "ipvlan": Plugin(
        {"master": values.ifname, "mode": _one_of(ipvlan.MODES), "mtu": _mtu},
        needs=("master",),
        needs_ipam=True,
        kind="ipvlan",
        mode="l2",
    ),
    "host-device": Plugin({"device": values.ifname}, needs=("device",)),
    "loopback": Plugin(interface="lo", addresses=("127.0.0.1/8", "::1/128")),
}
_COMMON = ("cniVersion", "name", "type", "ipam", "dns", "capabilities", "runtimeConfig", "args")
_LISTED = ("cniVersion", "name", "disableCheck", "plugins")
_DNS = {"nameservers": True, "domain": False, "search": True, "options": True}
_RANGE = ("subnet", "rangeStart", "rangeEnd", "gateway")
_IPAM = {
    "host-local": (*_RANGE, "ranges", "routes", "dataDir", "resolvConf"),
    "static": ("addresses", "routes", "dns"),
    "dhcp": ("daemonSocketPath", "request", "provide"),
}


def network(where: str, given: Any) -> Network:
    """A network configuration, from data or from JSON text.

    :raises InvalidParameter: for the first value that is wrong, and for an unknown key.
    """
    config, chain = _config(where, given)
    unchecked = values.boolean(f"{where}.disableCheck", config.pop("disableCheck", False))
    plugin = values.choice(f"{where}.type", config.get("type"), PLUGINS)
    record = PLUGINS[plugin]
    values.known(f"{where}.", config, (*_COMMON, *record.options), f"plugin {plugin}")
    name = config.get("name")
    if not isinstance(name, str) or not is_name(name):
        raise InvalidParameter(f"{where}.name", name, "give the network a name of letters, digits, '_', '.' and '-'")
    version = values.choice(f"{where}.cniVersion", config.get("cniVersion") or VERSIONS[0], VERSIONS)
    for key in record.needs:
        if not config.get(key):
            raise InvalidParameter(f"{where}.{key}", config.get(key), f"plugin {plugin} needs the host's interface")
    given = values.given(config)
    options = {key: parse(f"{where}.{key}", given[key]) for key, parse in record.options.items() if key in given}
    dns = _dns(f"{where}.dns", config.get("dns"))
    ipam = _ipam(f"{where}.ipam", config.get("ipam"), name, plugin)
    check_capabilities(f"{where}.capabilities", config.get("capabilities"))
    found = Network(name, version, plugin, options, ipam, dns, where, config, chain, unchecked)
    _check_bridge(found)
    _check_version(found)
    return with_gateways(found)


def _config(where: str, given: Any) -> tuple[dict[str, Any], tuple[Chained, ...]]:
    """The first plugin's configuration as data, and the further plugins."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise InvalidParameter(where, given, f"it is no JSON ({error})") from None
    config = dictionary(where, given, "a CNI network configuration, as a dictionary or as JSON text")
    return _listed(where, config) if "plugins" in config else (config, ())


def _check_version(net: Network) -> None:
    if net.chain and net.version < OLDEST:
        remedy = f"several plugins need {OLDEST} or newer: give cniVersion {VERSIONS[-1]}"
        raise InvalidParameter(f"{net.where}.cniVersion", net.version, remedy)
    ipam = net.ipam or Ipam()
    families = [addresses[0].subnet.version for addresses in ipam.sets]
    families += [own.address.version for own in ipam.addresses]
    if net.version in ONE_ADDRESS and len(families) != len(set(families)):
        remedy = f"CNI {net.version} has one address for each family: give cniVersion {VERSIONS[-1]}"
        raise InvalidParameter(f"{net.where}.cniVersion", net.version, remedy)


def with_gateways(net: Network) -> Network:
    """A network whose static addresses all have a gateway for the host: by default the subnet's first address.

    :raises InvalidParameter: a subnet is too small for one.
    """
    ipam = net.ipam
    if not ipam or not net.gateway:
        return net
    addresses = []
    for index, own in enumerate(ipam.addresses):
        gateway = own.gateway
        if gateway is None:
            subnet = own.address.network
            if PLUGINS[net.plugin].gateway or subnet.prefixlen > subnet.max_prefixlen - 2:
                remedy = "the host needs the gateway's address: give one"
                raise InvalidParameter(f"{net.where}.ipam.addresses[{index}].gateway", None, remedy)
            gateway = subnet[1]
        addresses.append(Own(own.address, gateway))
    return replace(net, ipam=replace(ipam, addresses=tuple(addresses)))


def _listed(where: str, config: dict[str, Any]) -> tuple[dict[str, Any], tuple[Chained, ...]]:
    """The plugins of a configuration list (``*.conflist``)."""
    values.known(f"{where}.", config, _LISTED, "a configuration list")
    plugins = config["plugins"]
    if not isinstance(plugins, (list, tuple)) or not plugins:
        raise InvalidParameter(f"{where}.plugins", plugins, "give a list of plugins")
    first = dictionary(f"{where}.plugins[0]", plugins[0], "a plugin's configuration")
    common: dict[str, Any] = {key: config[key] for key in ("cniVersion", "name", "disableCheck") if key in config}
    return {**first, **common}, chained(f"{where}.plugins", plugins[1:])


def _check_bridge(net: Network) -> None:
    if net.options.get("hairpinMode") and net.options.get("promiscMode"):
        remedy = "packets would come back twice: give hairpinMode or promiscMode, not both"
        raise InvalidParameter(f"{net.where}.promiscMode", True, remedy)
    if net.options.get("vlan"):
        values.ifname(f"{net.where}.bridge", f"{net.bridge}.{net.options['vlan']}")


def dictionary(where: str, value: Any, what: str) -> dict[str, Any]:
    """A dictionary, which may be of another type of mapping.

    :param what: what is expected, for the message.
    :raises InvalidParameter: it is something else.
    """
    if not isinstance(value, Mapping):
        raise InvalidParameter(where, value, f"give {what}")
    return dict(value)


def _dns(where: str, value: Any) -> dict[str, Any]:
    found = dictionary(where, value or {}, "a dictionary")
    values.known(f"{where}.", found, _DNS, "dns")
    for key, several in _DNS.items():
        right = isinstance(found.get(key, [] if several else ""), list if several else str)
        if not right or (several and not all(isinstance(item, str) for item in found.get(key, ()))):
            raise InvalidParameter(
                f"{where}.{key}", found[key], "give a list of strings" if several else "give a string"
            )
    return found


def _ipam(where: str, value: Any, name: str, plugin: str) -> Ipam | None:
    fixed = PLUGINS[plugin].addresses
    if not value:
        if PLUGINS[plugin].needs_ipam:
            raise InvalidParameter(where, value, f"plugin {plugin} needs one: host-local or static")
        return Ipam(addresses=tuple(Own(ipaddress.ip_interface(own), None) for own in fixed)) if fixed else None
    if fixed:
        raise InvalidParameter(where, value, f"plugin {plugin} has none: leave it out")
    given = dictionary(where, value, "a dictionary with a type")
    kind = values.choice(f"{where}.type", given.get("type"), _IPAM)
    values.known(f"{where}.", given, ("type", *_IPAM[kind]), f"ipam {kind}")
    if kind == "dhcp":
        return Ipam(dhcp=True)
    routes = tuple(_routes(f"{where}.routes", given.get("routes")))
    if kind == "static":
        addresses = tuple(_static(f"{where}.addresses", given.get("addresses")))
        return Ipam(routes, addresses=addresses, dns=_dns(f"{where}.dns", given.get("dns")))
    directory = _path(f"{where}.dataDir", given.get("dataDir") or DATA_DIR)
    resolv_conf = _path(f"{where}.resolvConf", given["resolvConf"]) if given.get("resolvConf") else ""
    sets = tuple(_sets(where, given))
    return Ipam(routes, directory=f"{directory.rstrip('/')}/{name}", sets=sets, resolv_conf=resolv_conf)


def _path(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise InvalidParameter(where, value, "give a whole path, from / on")
    return value


def _routes(where: str, value: Any) -> Iterator[Route]:
    seen = set()
    for index, item in enumerate(values.items(where, value)):
        here = f"{where}[{index}]"
        route = dictionary(here, item, "a dictionary with dst")
        values.known(f"{here}.", route, ("dst", "gw"), "a route")
        dst = _destination(f"{here}.dst", route.get("dst"))
        gateway = host_address(f"{here}.gw", route["gw"]) if route.get("gw") else None
        if gateway and gateway.version != dst.version:
            raise InvalidParameter(f"{here}.gw", route["gw"], f"it is of another address family than dst {dst}")
        if dst in seen:
            raise InvalidParameter(f"{here}.dst", route["dst"], "it is listed twice: keep one")
        seen.add(dst)
        yield Route(dst, gateway)


def _destination(where: str, value: Any) -> IpNetwork:
    """A route's destination. The kernel masks the host bits of one of IPv6, and the reference plugins leave it that."""
    if isinstance(value, str) and ":" in value and "/" in value:
        with suppress(ValueError):
            value = str(ipaddress.ip_network(value, strict=False))
    return ipaddress.ip_network(values.network(where, value))


def host_address(where: str, value: Any) -> IpAddress:
    """The address of one host."""
    return ipaddress.ip_address(values.unicast(where, value))


def _static(where: str, value: Any) -> Iterator[Own]:
    found = values.items(where, value)
    if not found:
        raise InvalidParameter(where, value, "ipam static needs at least one address")
    for index, item in enumerate(found):
        here = f"{where}[{index}]"
        own = dictionary(here, item, "a dictionary with address")
        values.known(f"{here}.", own, ("address", "gateway"), "an address")
        address = ipaddress.ip_interface(values.interface_address(f"{here}.address", own.get("address")))
        gateway = host_address(f"{here}.gateway", own["gateway"]) if own.get("gateway") else None
        if gateway and gateway.version != address.version:
            raise InvalidParameter(f"{here}.gateway", own["gateway"], f"it is of another address family than {address}")
        yield Own(address, gateway)


def _sets(where: str, given: Mapping[str, Any]) -> Iterator[RangeSet]:
    """host-local's range sets; a subnet on its own is the first."""
    known: list[tuple[str, Range]] = []
    for here, listed in _listed_sets(where, given):
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


def _listed_sets(where: str, given: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Range sets as they were given; each set and each of its ranges with its place."""
    sets = []
    if given.get("subnet"):
        sets.append((where, [(where, {key: given[key] for key in _RANGE if key in given})]))
    else:
        for key in _RANGE[1:]:
            if given.get(key):
                raise InvalidParameter(f"{where}.{key}", given[key], "it is of a subnet: give that beside it")
    for index, ranges in enumerate(values.items(f"{where}.ranges", given.get("ranges"))):
        here = f"{where}.ranges[{index}]"
        sets.append((here, [(f"{here}[{number}]", item) for number, item in enumerate(values.items(here, ranges))]))
    if not sets:
        raise InvalidParameter(f"{where}.ranges", None, "ipam host-local needs a subnet or ranges")
    return sets


def _range(where: str, value: Any) -> Range:
    given = dictionary(where, value, "a dictionary with subnet")
    values.known(f"{where}.", given, _RANGE, "a range")
    subnet = ipaddress.ip_network(values.network(f"{where}.subnet", given.get("subnet")))
    if subnet.prefixlen > subnet.max_prefixlen - 2:
        raise InvalidParameter(f"{where}.subnet", str(subnet), "it is too small to give addresses from: at most a /30")
    # The last address of an IPv4 subnet is its broadcast address.
    last = subnet.broadcast_address - (1 if subnet.version == 4 else 0)
    ends = {"rangeStart": subnet[1], "rangeEnd": last}
    for key in ends:
        if given.get(key):
            ends[key] = host_address(f"{where}.{key}", given[key])
            if ends[key] not in subnet:
                raise InvalidParameter(f"{where}.{key}", given[key], f"it is not in {subnet}")
    first, last = ends["rangeStart"], ends["rangeEnd"]
    if int(first) > int(last):
        raise InvalidParameter(f"{where}.rangeEnd", str(last), f"it is before rangeStart {first}")
    gateway = host_address(f"{where}.gateway", given["gateway"]) if given.get("gateway") else subnet[1]
    if gateway.version != subnet.version:
        raise InvalidParameter(f"{where}.gateway", given["gateway"], f"it is of another address family than {subnet}")
    return Range(subnet, first, last, gateway)
