# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of kernel networking, wanted and observed alike.

Pure. Values are normalised when they come in (values.py), so that two objects with the same meaning compare equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple, Optional, TypeVar

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
    :ivar shared: it is removed only while it has no ports of others.
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

    def on(self, link: Link) -> FdbEntry:
        """This entry as the kernel reports it of a VXLAN: without a port and a VNI that are the VXLAN's own."""
        if self.port is None and self.vni is None:
            return self
        known = link.attributes
        return self._replace(
            port=None if self.port == known.get("port") else self.port,
            vni=None if self.vni == known.get("vni") else self.vni,
        )


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
