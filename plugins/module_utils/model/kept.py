# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change may take along, as the kernel reported it before: addresses, routes, and what is in bridged.py."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressKey
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.bridged import Member, Port, Station
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route


class Nexthop(NamedTuple):
    """A nexthop object (ip-nexthop(8)): a next hop that routes refer to by its number, or a group of them.

    :ivar dev: its interface; None: it is a group, or leads nowhere.
    :ivar members: the numbers of a group's members.
    :ivar raw: the kernel's message, from struct nhmsg on.
    :ivar weights: of the members; empty: all have the same.
    """

    id: int
    dev: str | None
    members: tuple[int, ...]
    raw: bytes
    weights: tuple[int, ...] = ()

    @property
    def group(self) -> tuple[tuple[int, int], ...]:
        """A group's members, each with its weight."""
        return tuple(zip(self.members, self.weights or (1,) * len(self.members)))

    def without(self, gone: Collection[int]) -> Nexthop:
        """What is left of a group without some of its members."""
        left = [(number, weight) for number, weight in self.group if number not in gone]
        return self._replace(members=tuple(one[0] for one in left), weights=tuple(one[1] for one in left))

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The object in a message."""
        return f"nexthop {self.id}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The object as lines of a diff."""
        members = "/".join(f"{number},{weight}" if weight > 1 else str(number) for number, weight in self.group)
        group = f" group {members}" if members else ""
        return [f"{prefix_of(netns)}nexthop id {self.id}{group}{f' dev {self.dev}' if self.dev else ''}"]


class Entry(NamedTuple):
    """A neighbour that a program or an administrator has entered, which is not to be confirmed by packets.

    :ivar flags: NTF_...: whether it is a proxy entry.
    :ivar declared: somebody entered it as permanent, as this collection does.
    :ivar words: how it ends in a diff.
    :ivar raw: the kernel's message, from struct ndmsg on.
    """

    dev: str
    dst: str
    flags: int
    declared: bool
    words: str
    raw: bytes

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The entry in a message."""
        return f"neighbour {self.dst} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The entry as lines of a diff."""
        return [f"{prefix_of(netns)}neighbour {self.dev} {self.dst} {self.words}"]


Object = Union[Port, Station, Member, Address, Nexthop, Entry, Route]


@dataclass
class Kept:
    """The objects of one namespace that the kernel deletes with others, without those that it makes itself.

    :ivar links: the names of the links that there are.
    :ivar addresses: in the kernel's order.
    :ivar nexthops: by number.
    :ivar entries: by interface, address and flags.
    :ivar routes: by everything that is modelled of them.
    :ivar ports: by their names and their bridges'.
    :ivar stations: by Station.key.
    :ivar members: by their fields but the last.
    :ivar ways: the numbers of the nexthop objects that routes refer to, by the keys of ``routes``.
    """

    links: frozenset[str] = frozenset()
    addresses: dict[AddressKey, Address] = field(default_factory=dict)
    nexthops: dict[int, Nexthop] = field(default_factory=dict)
    entries: dict[tuple[str, str, int], Entry] = field(default_factory=dict)
    routes: dict[tuple[Any, ...], Route] = field(default_factory=dict)
    ports: dict[tuple[str, str], Port] = field(default_factory=dict)
    stations: dict[tuple[Any, ...], Station] = field(default_factory=dict)
    members: dict[tuple[Any, ...], Member] = field(default_factory=dict)
    ways: dict[tuple[Any, ...], int] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[dict[Any, Any], ...]:
        """The tables, each with objects of one type."""
        return self.addresses, self.nexthops, self.entries, self.routes, self.ports, self.stations, self.members

    def copy(self) -> Kept:
        """The same objects, in tables of their own."""
        found = Kept(self.links, *map(dict, self.tables))
        found.ways = self.ways
        return found

    def without(self, other: Kept) -> Kept:
        """The objects that another state lacks."""
        left = Kept(
            self.links,
            *(
                {key: item for key, item in own.items() if key not in there}
                for own, there in zip(self.tables, other.tables)
            ),
        )
        # With another MTU of its interface, an IPv6 route may have another one too (net/ipv6/route.c: rt6_mtu_change).
        changed = {(route.key, route.hops, route.src) for route in other.routes.values() if ":" in route.dst}
        left.routes = {
            key: route for key, route in left.routes.items() if (route.key, route.hops, route.src) not in changed
        }
        # A group of nexthop objects may have lost members.
        left.nexthops = {
            key: item
            for key, item in self.nexthops.items()
            if key not in other.nexthops or other.nexthops[key].group != item.group
        }
        return left

    def add(self, item: Object) -> None:
        """Put an object to these."""
        found = self._place_of(item)
        if found:
            table, key = found
            table[key] = item

    def forget(self, item: Any) -> None:
        """Take an object out, if it is among these."""
        found = self._place_of(item)
        if found:
            table, key = found
            table.pop(key, None)

    def __contains__(self, item: object) -> bool:
        found = self._place_of(item)
        return found is not None and found[1] in found[0]

    def _place_of(self, item: object) -> tuple[dict[Any, Any], Any] | None:
        """The table in which an object is, or would be, and its key; None: it is of another type."""
        if isinstance(item, Address):
            return self.addresses, item.key
        if isinstance(item, Nexthop):
            return self.nexthops, item.id
        if isinstance(item, Entry):
            return self.entries, (item.dev, item.dst, item.flags)
        if isinstance(item, Route):
            return self.routes, item[:-1]
        if isinstance(item, Port):
            return self.ports, (item.dev, item.controller)
        if isinstance(item, (Station, BridgeEntry, FdbEntry)):
            return self.stations, _station_key(item)
        if isinstance(item, Member):
            return self.members, item[:-1]
        return None

    def __iter__(self) -> Iterator[Object]:
        """The objects in the order in which the kernel takes them.

        A bridge has entries only in the VLANs of a port, and a VXLAN only of its VNIs. Of IPv6 addresses the newest
        comes first (net/ipv6/addrconf.c: ipv6_link_dev_addr). Groups of nexthop objects need their members, and routes
        with a gateway need a route to that.
        """
        yield from self.ports.values()
        yield from self.members.values()
        yield from self.stations.values()
        yield from [item for item in self.addresses.values() if ":" not in item.address]
        yield from [item for item in reversed(self.addresses.values()) if ":" in item.address]
        yield from sorted(self.nexthops.values(), key=lambda item: bool(item.members))
        yield from self.entries.values()
        yield from sorted(self.routes.values(), key=_reach)


def _station_key(item: Station | BridgeEntry | FdbEntry) -> tuple[Any, ...]:
    """The key of an FDB entry, be it one of others or one that a document lists."""
    if isinstance(item, BridgeEntry):
        item = Station(item.dev, True, item.lladdr, item.vlan)
    elif isinstance(item, FdbEntry):
        way = item.port, item.vni, item.via, item.nhid
        item = Station(item.dev, False, item.lladdr, item.src_vni, item.dst or "", way)
    return item.key


def _reach(route: Route) -> tuple[bool, int]:
    return any(hop.via and not hop.onlink for hop in route.hops), -int(route.dst.rpartition("/")[2])
