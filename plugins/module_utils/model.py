# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of kernel networking, wanted and observed alike, and the document that a user writes of them.

Pure. Values are normalised when they come in (values.py), so that two objects that mean the same compare equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, NamedTuple, Optional, TypeVar

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import (
    CONTROLLERS,
    DEFAULTS,
    KINDS,
    OPTION_MODES,
    PARENTS,
    PORT_OPTIONS,
    REQUIRED,
    is_ethernet,
    one,
    own_mac,
)

# rtnetlink's mark of who installed a route (rtm_protocol). Ours is one that nobody has registered in iproute2's
# rt_protos, so that purging never touches a route of a routing daemon, of DHCP or of an administrator.
ROUTE_PROTOCOL = 119
ROUTE_PROTOCOLS = range(119, 128)  # for documents that share an interface and are purged apart
TABLES = {"default": 253, "main": 254, "local": 255}
MAIN = TABLES["main"]
IP6_METRIC = 1024  # IP6_RT_PRIO_USER: what the kernel makes of no metric

IPV4_MTU = 68  # RFC 791
IPV6_MTU = 1280  # RFC 8200, section 5
AUTO = "auto"  # an MTU: what the link below leaves

Named = TypeVar("Named", bound=NamedTuple)


class Namespace(NamedTuple):
    """A named network namespace.

    :ivar joins: the name is one more of this namespace (empty: that of the process), as ``ip netns attach`` gives it.
    """

    name: str
    joins: str | None = None


@dataclass
class Link:
    """A network interface.

    :ivar kind: empty for one that this collection does not make (a NIC, or "whatever is there").
    :ivar attributes: wanted: what was asked for; observed: all that is known. By parameter name, normalised.
    :ivar peer: (namespace, name) of a veth's other end.
    :ivar origin: (namespace, name) that an interface is taken from, and given back to.
    :ivar recreate: whether it may be deleted and made again where the kernel cannot change it.
    :ivar shared: whether a bridge that is to be gone stays where it has ports that are not listed.
    :ivar where: how the user's document names it, for messages.
    :ivar index: observed: the kernel's ifindex.
    :ivar below: observed: the ifindex of what it sits on, or of a veth's other end (IFLA_LINK).
    :ivar nsid: observed: the id of the namespace that ``below`` is in, where that is another one (IFLA_LINK_NETNSID).
    """

    name: str
    kind: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    peer: tuple[str, str] | None = None
    origin: tuple[str, str] | None = None
    recreate: bool = False
    shared: bool = False
    where: str = ""
    index: int = 0
    below: int = 0
    nsid: int | None = None


class Address(NamedTuple):
    """An interface's own address, in CIDR notation."""

    dev: str
    address: str

    @property
    def key(self) -> tuple[str, str]:
        """The kernel's: IPv6 knows an address once per interface, whatever its prefix length (net/ipv6/addrconf.c)."""
        return self.dev, self.address.partition("/")[0] if ":" in self.address else self.address


class Route(NamedTuple):
    """A unicast route. The kernel's key is (dst, table, metric).

    None is "not asked for", but where packets go is one thing: a route with dev alone has no gateway, and one with via
    alone has the interface that the kernel finds for it.
    """

    dst: str
    table: int
    metric: int
    via: str | None = None
    dev: str | None = None
    src: str | None = None
    onlink: bool | None = None
    mtu: int | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        """What the kernel tells two routes apart by."""
        return self[:3]

    def named(self, other: Route) -> bool:
        """Whether an observed route has all that is given of this one: what a deletion means."""
        return all(wanted is None or wanted == found for wanted, found in zip(self, other))

    def met_by(self, other: Route) -> bool:
        """Whether an observed route goes where this one should, with all that was asked of it."""
        return self.via == other.via and self.named(other)

    def over(self, other: Route) -> Route:
        """This route, with what was not asked for taken from an observed one that it replaces."""
        if self.via != other.via:
            other = other._replace(via=None, dev=None, onlink=None)
        return Route._make(found if wanted is None else wanted for wanted, found in zip(self, other))


class Neighbour(NamedTuple):
    """A permanent neighbour entry: which MAC address an IP address has on a device (ARP, NDP)."""

    dev: str
    dst: str
    lladdr: str


class FdbEntry(NamedTuple):
    """A permanent entry of a VXLAN's own forwarding database: which VTEP a MAC address is behind.

    port and vni are None where they are the device's own.
    """

    dev: str
    lladdr: str
    dst: str
    port: int | None = None
    vni: int | None = None


FdbKey = tuple[str, str, str, Optional[int], Optional[int]]
"""An FdbEntry, or a plain tuple that equals one: of ten thousand, plain ones take half the time to make."""


def fdb_keys(
    devices: Iterable[str],
    lladdrs: Iterable[str],
    addresses: Iterable[str],
    ports: Iterable[int | None] = repeat(None),
    vnis: Iterable[int | None] = repeat(None),
) -> Iterator[FdbKey]:
    """FDB entries from columns of their fields."""
    return zip(devices, lladdrs, addresses, ports, vnis)


def make_all(kind: type[Named], tuples: Iterable[tuple[Any, ...]]) -> Iterator[Named]:
    """Named tuples of plain ones that have all their fields, in a third of the time that calling the class takes."""
    return map(tuple.__new__, repeat(kind), tuples)


@dataclass(frozen=True)
class AddressState:
    """What the kernel says of an address besides the address itself.

    :ivar foreign: it came by DHCP, by a router's advertisement, or by itself (link-local, loopback).
    :ivar secondary: it goes when its subnet's first address goes (net/ipv4/devinet.c).
    :ivar failed: another host has it (IPv6 duplicate address detection), so it is not in use.
    """

    foreign: bool = False
    secondary: bool = False
    failed: bool = False


@dataclass
class Observed:
    """What is there in one namespace.

    :ivar status: ``present``, ``absent`` or ``broken`` (netlink.netns_status).
    :ivar aliases: the other names of the same namespace; the empty one is that of the process.
    :ivar routes: with the number of the protocol that installed each.
    :ivar neighbours: by device, MAC addresses by IP address.
    """

    status: str = "present"
    links: dict[str, Link] = field(default_factory=dict)
    addresses: dict[Address, AddressState] = field(default_factory=dict)
    routes: dict[tuple[str, int, int], tuple[Route, int]] = field(default_factory=dict)
    neighbours: dict[str, dict[str, str]] = field(default_factory=dict)
    fdb: dict[FdbKey, None] = field(default_factory=dict)
    aliases: frozenset[str] = frozenset()


@dataclass
class Desired:
    """What is wanted in one namespace.

    :ivar create: whether the namespace is made where it is missing.
    :ivar joins: the name is to be another one of this namespace; None: it has a namespace of its own.
    :ivar ends: it has to be gone.
    :ivar parted: the name was another one of a namespace, and is to have one of its own.
    :ivar gone: links that are to be gone.
    :ivar former: links that go, or go back, before others are made, as long as they are what they were.
    :ivar stale: links that go once nothing leads by them any more, as long as they are what they were.
    :ivar claimed: links that a bridge or a bond lists as its ports.
    :ivar address_keys: the addresses that a document lists, by the kernel's key.
    :ivar neighbours: by device, MAC addresses by IP address.
    :ivar purge_routes: devices on which a route of ours that is not listed goes; None in it: on every device.
    """

    create: bool = False
    joins: str | None = None
    ends: bool = False
    parted: bool = False
    links: dict[str, Link] = field(default_factory=dict)
    gone: dict[str, Link] = field(default_factory=dict)
    former: list[Link] = field(default_factory=list)
    stale: list[Link] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)
    addresses: dict[Address, str] = field(default_factory=dict)
    address_keys: dict[tuple[str, str], Address] = field(default_factory=dict)
    routes: dict[tuple[str, int, int], Route] = field(default_factory=dict)
    neighbours: dict[str, dict[str, str]] = field(default_factory=dict)
    fdb: dict[FdbKey, None] = field(default_factory=dict)
    purge_addresses: set[str] = field(default_factory=set)
    purge_ports: set[str] = field(default_factory=set)
    purge_routes: set[str | None] = field(default_factory=set)
    purge_neighbours: set[str] = field(default_factory=set)
    purge_fdb: set[str] = field(default_factory=set)

    @property
    def neighbour_devices(self) -> set[str]:
        """The devices of which neighbours are listed, or are not to be there."""
        return {*self.neighbours, *self.purge_neighbours}

    @property
    def fdb_devices(self) -> set[str]:
        """The devices of which FDB entries are listed, or are not to be there."""
        return {*map(itemgetter(0), self.fdb), *self.purge_fdb}


@dataclass
class Document:
    """What is wanted of one host.

    :ivar absent: the document lists what has to be gone.
    :ivar purge: its lists are authoritative.
    :ivar route_protocol: the number by which its routes are known. With one of its own, all routes of that number are
        the document's, whatever interface they are on.
    """

    absent: bool = False
    purge: bool = False
    route_protocol: int = ROUTE_PROTOCOL
    namespaces: dict[str, Desired] = field(default_factory=dict)

    @property
    def moves_interfaces(self) -> bool:
        """Whether it puts interfaces of the host, which it does not make, into a bridge or a bond, or out of one."""
        own = self.namespaces.get("", Desired())
        return any(not link.kind and "controller" in link.attributes for link in own.links.values())

    @property
    def takes_interfaces(self) -> bool:
        """Whether it takes interfaces of the host into other namespaces."""
        links = (link for desired in self.namespaces.values() for link in desired.links.values())
        return any(link.origin is not None and link.origin[0] == "" for link in links)

    def at(self, netns: str) -> Desired:
        """What is wanted in a namespace; a namespace that was not mentioned yet is not made where missing."""
        return self.namespaces.setdefault(netns, Desired())


# -- links -----------------------------------------------------------------------------------------

_COMMON = ("admin_state", "mtu", "mac_address", "promisc", "controller", *PORT_OPTIONS, "addresses")
_LINK = ("name", "kind", *_COMMON, "purge_addresses", "recreate")
_PEER = ("name", "netns", *_COMMON)


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given, without those that Ansible fills with None."""
    return {name: value for name, value in parameters.items() if value is not None}


def mapping(where: str, value: Any) -> dict[str, Any]:
    """A dictionary."""
    if not isinstance(value, dict):
        raise InvalidParameter(where, value, "give a dictionary")
    return value


def items(where: str, value: Any) -> list[Any]:
    """A list, or nothing."""
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise InvalidParameter(where, value, "give a list")
    return list(value)


def _known(where: str, item: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    for name, value in item.items():
        if name not in known:
            raise InvalidParameter(f"{where}{name}", value, f"{what} takes only {', '.join(known)}")


def add_link(document: Document, netns: str, item: Mapping[str, Any], where: str = "") -> None:
    """Add a link, its ports, its addresses and a veth's other end to a document.

    :param item: the link's parameters by name; None counts as not given.
    :param where: prefix of parameter names in messages: ``namespaces.pod1.links[0].``.
    :raises InvalidParameter: for the first that is wrong.
    """
    item = given(item)
    if "master" in item:
        item["controller"] = item.pop("master")
    kind = item.get("kind", "")
    if kind != "":
        values.choice(f"{where}kind", kind, KINDS)
    if item.pop("state", "present") == "absent":
        _known(where, item, ("name", "kind"), "a link that is to be gone")
        if not kind:
            raise InvalidParameter(f"{where}kind", kind, "say what kind of link it is, so that no other one goes")
        gone = Link(values.ifname(f"{where}name", item.get("name")), kind, where=where)
        document.at(netns).gone[gone.name] = gone
        return
    options = KINDS.get(kind, {})
    ports = ("ports", "purge_ports") if kind in CONTROLLERS else ()
    shared = ("shared",) if kind == "bridge" else ()
    peer = ("peer",) if kind == "veth" else () if kind else ("origin",)
    known = (*_LINK, *options, *ports, *shared, *peer)
    _known(where, item, known, f"a link of kind {kind}" if kind else "a link without kind")
    link = _link(netns, item, kind, where)
    if not document.absent:
        for name in REQUIRED.get(kind, ()):
            if name not in link.attributes:
                raise InvalidParameter(f"{where}{name}", None, f"{one(kind)} needs it")
    if "origin" in item:
        link.origin = _origin(netns, link, mapping(f"{where}origin", item["origin"]), where)
        document.at(link.origin[0])
    merge(document, netns, link)
    if link.attributes.get("parent_netns") is not None:
        document.at(link.attributes["parent_netns"])
    desired = document.at(netns)
    listed = document.purge and kind and "addresses" in item
    if values.boolean(f"{where}purge_addresses", item.get("purge_addresses", bool(listed))):
        desired.purge_addresses.add(link.name)
    _addresses(desired, link, item, where)
    for index, port in enumerate(items(f"{where}ports", item.get("ports"))):
        name = values.ifname(f"{where}ports[{index}]", port)
        if name == link.name:
            raise InvalidParameter(f"{where}ports[{index}]", port, f"{one(kind)} cannot be a port of itself")
        if not document.absent:
            merge(document, netns, Link(name, "", {"controller": link.name}, where=f"{where}ports[{index}]."))
            desired.claimed.add(name)
    if values.boolean(f"{where}purge_ports", item.get("purge_ports", False)):
        desired.purge_ports.add(link.name)
    if "peer" in item:
        _add_peer(document, netns, link, mapping(f"{where}peer", item["peer"]), where)


def _link(netns: str, item: Mapping[str, Any], kind: str, where: str) -> Link:
    link = Link(values.ifname(f"{where}name", item.get("name")), kind, where=where)
    for name, option in KINDS.get(kind, {}).items():
        if name in item:
            link.attributes[name] = option.parse(f"{where}{name}", item[name])
    if link.attributes.get("parent_netns", netns) == netns and "parent_netns" in KINDS.get(kind, {}):
        link.attributes["parent_netns"] = None
    if "admin_state" in item:
        link.attributes["admin_state"] = values.choice(f"{where}admin_state", item["admin_state"], ("up", "down"))
    if "mtu" in item:
        derived = item["mtu"] == AUTO and kind in PARENTS
        link.attributes["mtu"] = AUTO if derived else _mtu(f"{where}mtu", item["mtu"])
    if "mac_address" in item:
        link.attributes["mac_address"] = values.mac(f"{where}mac_address", item["mac_address"])
    if "promisc" in item:
        link.attributes["promisc"] = values.boolean(f"{where}promisc", item["promisc"])
    if "controller" in item:
        controller = item["controller"]
        # An empty controller takes the link out of the one it is in.
        link.attributes["controller"] = "" if controller == "" else values.ifname(f"{where}controller", controller)
    for name, option in PORT_OPTIONS.items():
        if name in item:
            link.attributes[name] = option.parse(f"{where}{name}", item[name])
    link.recreate = values.boolean(f"{where}recreate", item.get("recreate", False))
    link.shared = values.boolean(f"{where}shared", item.get("shared", False))
    _check_link(link, where)
    return link


def _origin(netns: str, link: Link, item: Mapping[str, Any], where: str) -> tuple[str, str]:
    item = given(item)
    _known(f"{where}origin.", item, ("name", "netns"), "an interface's origin")
    place = item.get("netns", "")
    if place != "":
        values.netns(f"{where}origin.netns", place)
    if place == netns:
        raise InvalidParameter(f"{where}origin.netns", place, "give another namespace than the one it comes to")
    return place, values.ifname(f"{where}origin.name", item.get("name", link.name))


def _mtu(where: str, value: Any) -> int:
    if value == AUTO:
        raise InvalidParameter(where, value, f"only a link on another one ({', '.join(PARENTS)}) can derive it")
    return values.integer(where, value, IPV4_MTU, 65535, "bytes")


def _check_link(link: Link, where: str) -> None:
    """What one link's parameters have to say to each other."""
    wanted = link.attributes
    if wanted.get("controller") == link.name:
        raise InvalidParameter(f"{where}controller", link.name, "a link cannot be a port of itself")
    mode = {**DEFAULTS.get(link.kind, {}), **wanted}.get("mode")
    if wanted.get("controller") and not is_ethernet(link.kind, mode):
        remedy = f"{link.name} carries IP packets, no Ethernet frames, so it cannot be a port"
        raise InvalidParameter(f"{where}controller", wanted["controller"], remedy)
    if "mac_address" in wanted and not own_mac(link.kind, mode):
        raise InvalidParameter(f"{where}mac_address", wanted["mac_address"], f"{one(link.kind)} has none of its own")
    parent = PARENTS.get(link.kind, "")
    if parent and wanted.get(parent) == link.name and wanted.get("parent_netns") is None:
        raise InvalidParameter(f"{where}{parent}", link.name, f"{one(link.kind)} cannot sit on itself")
    if link.kind == "bridge" and wanted.get("stp") and wanted.get("forward_delay", 2) < 2:
        # br_stp.c: br_set_forward_delay
        raise InvalidParameter(f"{where}forward_delay", wanted["forward_delay"], "with stp, give 2 to 30 seconds")
    if link.kind == "vxlan":
        _check_vxlan(wanted, where)
    if link.kind == "bond":
        _check_bond(wanted, where)
    check_mode_options(link, mode)


def check_mode_options(link: Link, mode: str | None) -> None:
    """Refuse options that a link does not have in a mode.

    :param mode: None: it is not known yet.
    """
    for name, modes in OPTION_MODES.get(link.kind, {}).items():
        if name in link.attributes and mode not in (None, *modes):
            remedy = f"mode {mode} has none: it is for {', '.join(modes)}"
            raise InvalidParameter(f"{link.where}{name}", link.attributes[name], remedy)


def _check_vxlan(wanted: Mapping[str, Any], where: str) -> None:
    if "remote" in wanted and "group" in wanted:
        raise InvalidParameter(f"{where}group", wanted["group"], "a VXLAN has a 'remote' or a 'group', not both")
    if "group" in wanted and "dev" not in wanted:
        raise InvalidParameter(
            f"{where}group", wanted["group"], "a multicast group needs 'dev', the interface it is on"
        )
    for name in ("remote", "group"):
        if name in wanted and "local" in wanted and values.family(wanted[name]) != values.family(wanted["local"]):
            raise InvalidParameter(
                f"{where}{name}", wanted[name], f"it is of another address family than local {wanted['local']}"
            )


def _check_bond(wanted: Mapping[str, Any], where: str) -> None:
    for name in ("updelay", "downdelay"):
        if wanted.get(name):
            miimon = wanted.get("miimon")
            if not miimon or wanted[name] % miimon:
                # bond_main.c rounds it down to a multiple, so it would never be what was asked for
                raise InvalidParameter(f"{where}{name}", wanted[name], "give miimon too, and a multiple of it")


def _addresses(desired: Desired, link: Link, item: Mapping[str, Any], where: str) -> None:
    for index, value in enumerate(items(f"{where}addresses", item.get("addresses"))):
        here = f"{where}addresses[{index}]"
        address = values.interface_address(here, value)
        mtu = link.attributes.get("mtu")
        if ":" in address and isinstance(mtu, int) and mtu < IPV6_MTU:
            raise InvalidParameter(f"{where}mtu", mtu, f"IPv6 ({address}) needs at least {IPV6_MTU} bytes")
        add_address(desired, Address(link.name, address), here)


def _add_peer(document: Document, netns: str, link: Link, item: Mapping[str, Any], where: str) -> None:
    item = given(item)
    if "master" in item:
        item["controller"] = item.pop("master")
    if "namespace" in item:
        item["netns"] = item.pop("namespace")
    here = f"{where}peer."
    _known(here, item, _PEER, "a veth's peer")
    other = item.get("netns", netns)
    if other != "":
        values.netns(f"{here}netns", other)
    peer = _link(other, {key: value for key, value in item.items() if key != "netns"}, "veth", here)
    if (other, peer.name) == (netns, link.name):
        raise InvalidParameter(f"{here}name", peer.name, "the two ends of a veth in one namespace have different names")
    peer.recreate = link.recreate
    peer.peer, link.peer = (netns, link.name), (other, peer.name)
    merge(document, other, peer)
    merge(document, netns, link)  # again, because the document may have spoken of it before: as a port, or from there
    _addresses(document.at(other), peer, item, here)
    if link.name in document.at(netns).purge_addresses or (document.purge and "addresses" in item):
        document.at(other).purge_addresses.add(peer.name)


def merge(document: Document, netns: str, link: Link) -> None:
    """Add a link to a document, or to what the document already says of it.

    :raises InvalidParameter: the two contradict each other.
    """
    links = document.at(netns).links
    known = links.setdefault(link.name, link)
    if known is link:
        return
    place = f" in namespace {netns}" if netns else ""
    if known.kind and link.kind and known.kind != link.kind:
        raise InvalidParameter(f"{link.where}kind", link.kind, f"{link.name}{place} is listed as {one(known.kind)} too")
    if known.peer and link.peer and known.peer != link.peer:
        raise InvalidParameter(
            f"{link.where}name", link.name, f"it is listed twice{place}, with different peers: name each veth once"
        )
    for name, value in link.attributes.items():
        if known.attributes.get(name, value) != value:
            remedy = f"{link.name}{place} is listed twice, with {name} {known.attributes[name]} too: keep one"
            raise InvalidParameter(f"{link.where}{name}", value, remedy)
    if link.kind and not known.kind:
        known.kind, known.where = link.kind, link.where
    known.peer = known.peer or link.peer
    known.origin = known.origin or link.origin
    known.recreate = known.recreate or link.recreate
    known.shared = known.shared or link.shared
    known.attributes.update(link.attributes)


def complete(document: Document) -> None:
    """Give links what nobody asked for but everybody means: only now, since a veth's end may be listed twice."""
    for desired in document.namespaces.values():
        for link in desired.links.values():
            if link.kind or link.origin:
                link.attributes = {**DEFAULTS.get(link.kind, {}), "admin_state": "up", **link.attributes}


# -- addresses, routes, entries --------------------------------------------------------------------


def add_address(desired: Desired, address: Address, where: str) -> None:
    """Add an address.

    :raises InvalidParameter: the document lists it twice.
    """
    twin = desired.address_keys.setdefault(address.key, address)
    if address in desired.addresses:
        raise InvalidParameter(where, address.address, f"it is listed twice on {address.dev}: keep one")
    if twin != address:
        remedy = f"{address.dev} has it as {twin.address} in the list too, and IPv6 knows it once: keep one"
        raise InvalidParameter(where, address.address, remedy)
    desired.addresses[address] = where


_ROUTE = ("dst", "via", "dev", "src", "metric", "table", "onlink", "mtu")


def add_route(desired: Desired, item: Mapping[str, Any], where: str, absent: bool = False) -> None:
    """Add a route, from its parameters.

    :raises InvalidParameter: for the first that is wrong, and for a second route with the same key.
    """
    item = given(item)
    _known(where, item, _ROUTE, "a route")
    via = values.unicast(f"{where}via", item["via"]) if "via" in item else None
    src = values.unicast(f"{where}src", item["src"]) if "src" in item else None
    dst = _destination(f"{where}dst", item.get("dst"), via or src)
    for name, value in (("via", via), ("src", src)):
        if value and values.family(value) != values.family(dst):
            raise InvalidParameter(f"{where}{name}", value, f"it is of another address family than dst {dst}")
    dev = values.ifname(f"{where}dev", item["dev"]) if "dev" in item else None
    onlink = values.boolean(f"{where}onlink", item["onlink"]) if "onlink" in item else None
    if not absent and not via and not dev:
        raise InvalidParameter(f"{where}via", None, "a route needs 'via', 'dev' or both")
    if onlink and not (via and dev):
        raise InvalidParameter(f"{where}onlink", True, "it needs both 'via' and 'dev'")
    six = ":" in dst
    table = item.get("table", MAIN)
    named = TABLES.get(table) if isinstance(table, str) else None
    metric = values.integer(f"{where}metric", item["metric"], 0, 2**32 - 1) if "metric" in item else 0
    lowest = IPV6_MTU if six else IPV4_MTU
    mtu = values.integer(f"{where}mtu", item["mtu"], lowest, 65535, "bytes") if "mtu" in item else None
    route = Route(
        dst=dst,
        table=named or values.integer(f"{where}table", table, 1, 2**32 - 1),
        metric=metric or (IP6_METRIC if six else 0),
        via=via,
        dev=dev,
        src=src,
        onlink=onlink,
        mtu=mtu,
    )
    if route.key in desired.routes:
        remedy = "another route of the list has the same destination, table and metric: keep one, or give metrics"
        raise InvalidParameter(f"{where}dst", dst, remedy)
    desired.routes[route.key] = route


def _destination(where: str, value: Any, hint: str | None) -> str:
    if value == "default":
        if hint is None:
            raise InvalidParameter(where, value, "without 'via' its address family is unknown: give 0.0.0.0/0 or ::/0")
        return "::/0" if ":" in hint else "0.0.0.0/0"
    if isinstance(value, str) and "/" not in value:
        host = values.address(where, value)
        return f"{host}/{128 if ':' in host else 32}"
    return values.network(where, value)


_NEIGHBOUR = dict.fromkeys(("dev", "dst", "lladdr"))
_FDB = dict.fromkeys(("dev", "lladdr", "dst", "port", "vni"))


def _plain(
    entries: list[Any], known: Mapping[str, None], dev: str | None
) -> tuple[list[str], list[str], list[str]] | None:
    """(devices, MAC addresses, IPv4 addresses) of entries that are all right and of the simplest form; else None.

    Looks at ten thousand at once, in a few milliseconds. What it does not take is looked at one by one, and named.
    """
    try:
        keys = set(chain.from_iterable(entries))
        special = [name for name in ("port", "vni") if name in keys]
        if not keys <= known.keys() or any(entry[name] is not None for name in special for entry in entries):
            return None
        devices: list[Any] = [entry.get("dev", dev) for entry in entries] if "dev" in keys else [dev] * len(entries)
        macs = [entry["lladdr"] for entry in entries]
        addresses = [entry["dst"] for entry in entries]
        if values.are_plain_macs(macs) and values.are_plain_hosts(addresses):
            for name in set(devices):
                values.ifname("dev", name)
            return devices, macs, addresses
    except (AttributeError, KeyError, TypeError, InvalidParameter):
        pass  # one of them is wrong, and will be told of
    return None


def add_neighbours(desired: Desired, entries: list[Any], where: str, dev: str | None = None) -> None:
    """Add neighbour entries, from their parameters.

    :param where: the list's name in messages.
    :param dev: the device of all of them, where they do not name it themselves.
    :raises InvalidParameter: for the first that is wrong, and for a second MAC address of one IP address.
    """
    plain = _plain(entries, _NEIGHBOUR, dev)
    if plain:
        devices, macs, addresses = plain
        found: dict[str, dict[str, str]] = {}
        if len(set(devices)) == 1:
            found[devices[0]] = dict(zip(addresses, macs))
        else:
            for name, address, lladdr in zip(devices, addresses, macs):
                found.setdefault(name, {})[address] = lladdr
        if sum(map(len, found.values())) == len(entries) and not desired.neighbours:
            desired.neighbours = found
            return
    for index, entry in enumerate(entries):
        _add_neighbour(desired, _of(entry, dev, f"{where}[{index}]"), f"{where}[{index}].")


def add_fdb(desired: Desired, entries: list[Any], where: str, dev: str | None = None) -> None:
    """Add FDB entries, from their parameters.

    :param where: the list's name in messages.
    :param dev: the device of all of them, where they do not name it themselves.
    :raises InvalidParameter: for the first that is wrong, and for a second destination of a MAC that can have but one.
    """
    plain = _plain(entries, _FDB, dev)
    if plain:
        devices, macs, addresses = plain
        distinct = len(set(macs)) == len(macs) or len(set(zip(devices, macs))) == len(macs)
        if distinct and not desired.fdb:
            desired.fdb = dict.fromkeys(fdb_keys(devices, macs, addresses))
            return
    seen: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(entries):
        _add_fdb(desired, _of(entry, dev, f"{where}[{index}]"), f"{where}[{index}].", seen)


def _of(entry: Any, dev: str | None, where: str) -> dict[str, Any]:
    entry = mapping(where, entry)
    return entry if dev is None else {**entry, "dev": dev}


def _add_neighbour(desired: Desired, item: Mapping[str, Any], where: str) -> None:
    _known(where, item, _NEIGHBOUR, "a neighbour entry")
    dev, dst = values.ifname(f"{where}dev", item.get("dev")), values.unicast(f"{where}dst", item.get("dst"))
    lladdr = values.mac(f"{where}lladdr", item.get("lladdr"))
    listed = desired.neighbours.setdefault(dev, {})
    if dst in listed:
        remedy = f"{dst} is listed twice on {dev}, with lladdr {listed[dst]} too: an address has one MAC, keep one"
        raise InvalidParameter(f"{where}lladdr", lladdr, remedy)
    listed[dst] = lladdr


def _add_fdb(desired: Desired, item: Mapping[str, Any], where: str, seen: dict[tuple[str, str], str]) -> None:
    _known(where, item, _FDB, "an FDB entry")
    dev = values.ifname(f"{where}dev", item.get("dev"))
    lladdr = values.mac(f"{where}lladdr", item.get("lladdr"), zero=True)
    dst = values.unicast(f"{where}dst", item.get("dst"))
    port, vni = item.get("port"), item.get("vni")
    if port is not None:
        port = values.integer(f"{where}port", port, 1, 65535)
    if vni is not None:
        vni = values.integer(f"{where}vni", vni, 0, 2**24 - 1)
    entry = FdbEntry(dev, lladdr, dst, port, vni)
    if entry in desired.fdb:
        raise InvalidParameter(f"{where}lladdr", lladdr, f"the entry to {dst} is listed twice: keep one")
    if lladdr != values.ZERO_MAC:
        known = seen.setdefault((dev, lladdr), dst)
        if known is not dst:
            remedy = (
                f"{lladdr} is listed twice on {dev}, behind {known} and {dst}: a MAC address is behind one VTEP "
                "(cloned machines share MAC addresses)"
            )
            raise InvalidParameter(f"{where}lladdr", lladdr, remedy)
    desired.fdb[entry] = None


# -- the whole document ----------------------------------------------------------------------------

_SECTIONS = ("links", "addresses", "routes", "neighbours", "fdb", "joins")


def parse(namespaces: Any, absent: bool = False, purge: bool = False, route_protocol: Any = ROUTE_PROTOCOL) -> Document:
    """A document from topology's parameter ``namespaces``.

    :param absent: the document lists what has to be gone.
    :param purge: make the lists authoritative: for routes of ours and neighbour and FDB entries on the devices that the
        document names, and for addresses on the links that it makes and gives addresses to.
    :param route_protocol: one of ROUTE_PROTOCOLS.
    :raises InvalidParameter: for the first that is wrong.
    """
    protocol = values.integer("route_protocol", route_protocol, ROUTE_PROTOCOLS[0], ROUTE_PROTOCOLS[-1])
    document = Document(absent, purge, protocol)
    found = mapping("namespaces", namespaces)
    for netns, content in found.items():
        if netns:
            values.netns("namespaces", netns)
        document.at(netns).create = bool(netns)
        _known(f"namespaces.{netns}.", mapping(f"namespaces.{netns}", content or {}), _SECTIONS, "a namespace")
    for netns, content in found.items():
        _join(document, netns, content or {})
        _parse_namespace(document, netns, content or {})
    complete(document)
    for netns, desired in document.namespaces.items():
        _check_controllers(desired)
        if protocol != ROUTE_PROTOCOL and (purge or absent):
            desired.purge_routes.add(None)
        if desired.joins is not None and document.at(desired.joins).joins is not None:
            remedy = f"that one joins {document.at(desired.joins).joins or 'the empty name'} itself: join that instead"
            raise InvalidParameter(f"namespaces.{netns}.joins", desired.joins, remedy)
    return document


def _join(document: Document, netns: str, content: Mapping[str, Any]) -> None:
    """A name that is to be another one of a namespace which has one."""
    other = content.get("joins")
    if other is None:
        return
    where = f"namespaces.{netns}.joins" if netns else 'namespaces."".joins'
    if other != "":
        values.netns(where, other)
    if netns in ("", other):
        raise InvalidParameter(where, other, "only a named namespace joins another one")
    if len(given(content)) > 1:
        raise InvalidParameter(where, other, f"what is in it is listed for {other or 'the empty name'}")
    document.at(netns).joins = other
    document.at(other)


def _parse_namespace(document: Document, netns: str, content: Mapping[str, Any]) -> None:
    prefix = f"namespaces.{netns}." if netns else 'namespaces."".'

    def entries(section: str) -> Iterable[tuple[str, dict[str, Any]]]:
        for index, item in enumerate(items(f"{prefix}{section}", content.get(section))):
            where = f"{prefix}{section}[{index}]"
            yield f"{where}.", mapping(where, item)

    desired = document.at(netns)
    for where, item in entries("links"):
        add_link(document, netns, item, where)
    for where, item in entries("addresses"):
        _known(where, item, ("dev", "address"), "an address")
        dev = values.ifname(f"{where}dev", item.get("dev"))
        address = values.interface_address(f"{where}address", item.get("address"))
        add_address(desired, Address(dev, address), f"{where}address")
    for where, item in entries("routes"):
        add_route(desired, item, where, document.absent)
    add_neighbours(desired, items(f"{prefix}neighbours", content.get("neighbours")), f"{prefix}neighbours")
    add_fdb(desired, items(f"{prefix}fdb", content.get("fdb")), f"{prefix}fdb")
    if document.purge:
        vxlans = {link.name for link in desired.links.values() if link.kind == "vxlan"}
        desired.purge_neighbours |= vxlans | desired.neighbour_devices
        desired.purge_fdb |= vxlans | desired.fdb_devices
        desired.purge_routes |= set(desired.links) | {route.dev for route in desired.routes.values() if route.dev}


def _check_controllers(desired: Desired) -> None:
    """No bridge in a bridge, no link under itself (net/bridge/br_if.c, net/core/dev.c)."""
    for link in desired.links.values():
        controller = desired.links.get(link.attributes.get("controller") or "")
        if controller and controller.kind and controller.kind not in CONTROLLERS:
            remedy = f"{controller.name} is {one(controller.kind)}: only {' and '.join(CONTROLLERS)} take ports"
            raise InvalidParameter(f"{link.where}controller", controller.name, remedy)
        if controller and controller.kind == link.kind == "bridge":
            remedy = f"a bridge cannot be a port of bridge {controller.name}: join them with a veth pair"
            raise InvalidParameter(f"{link.where}controller", link.name, remedy)
