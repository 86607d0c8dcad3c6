# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel deletes as a side effect of an operation, by its own rules, as far as they can be known before.

Sources: net/ipv4/fib_frontend.c (fib_netdev_event, fib_inetaddr_event), net/ipv4/fib_semantics.c (fib_sync_down_addr,
fib_sync_down_dev), net/ipv6/addrconf.c (addrconf_ifdown), net/ipv6/route.c (rt6_sync_down_dev), net/ipv4/nexthop.c,
net/bridge/br_if.c (del_nbp), drivers/net/vxlan/vxlan_core.c (vxlan_uninit).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.kept import Entry, Kept, Nexthop, Object
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route


class Losses:
    """The objects of one namespace that operations take along.

    :ivar there: the objects that are left.
    :ivar missing: the objects that are lost, and not made again yet.
    :ivar gone: the objects of links that are deleted or moved, and are not made again.
    """

    def __init__(self, before: Kept, now: Kept | None = None) -> None:
        """:param now: the objects as they are; None: as they were before."""
        self.there = (now or before).copy()
        self.there.ways = {**before.ways, **self.there.ways}
        self.missing = before.without(now) if now else Kept()
        self.gone = Kept()
        self._down: set[str] = set()

    def lowered(self, dev: str) -> None:
        """A link is set down: it loses its routes, and its IPv6 addresses."""
        self._down.add(dev)
        self._lose_addresses(lambda item: item.dev == dev and ":" in item.address)
        self._lose_nexthops({dev})
        self._lose_entries(dev)
        # A route stays while one of its hops works.
        self._lose_routes(lambda item: dev in item.devices and item.devices <= self._down)

    def raised(self, dev: str) -> None:
        """A link is set up."""
        self._down.discard(dev)

    def narrowed(self, dev: str) -> None:
        """The MTU of a link becomes too small for IPv6."""
        self._lose_addresses(lambda item: item.dev == dev and ":" in item.address)
        self._lose_routes(lambda item: dev in item.devices and ":" in item.dst)

    def unplugged(self, dev: str) -> None:
        """A link has no carrier: it loses its nexthop objects (net/ipv4/nexthop.c: nh_netdev_event)."""
        self._lose_nexthops({dev})

    def readdressed(self, dev: str) -> None:
        """A link gets another MAC address: it loses its neighbours (net/core/neighbour.c: neigh_changeaddr)."""
        self._lose_entries(dev)

    def released(self, dev: str, into: Kept | None = None) -> None:
        """A port leaves its bridge, which forgets what it holds of it (net/bridge/br_if.c: del_nbp)."""
        target = self.missing if into is None else into
        _transfer(self.there.ports, target.ports, lambda item: item.dev == dev)
        _transfer(self.there.stations, target.stations, lambda item: item.dev == dev and item.bridged)
        _transfer(self.there.members, target.members, lambda item: item.dev == dev and item.controller)

    def removed(self, dev: str, remade: bool, ports: Iterable[str] = ()) -> None:
        """A link is deleted, or moved to another namespace.

        :param remade: a link of its name and kind follows.
        :param ports: those that it has.
        """
        self._down.discard(dev)
        self.there.links -= {dev}
        into = self.missing if remade else self.gone
        self._lose_addresses(lambda item: item.dev == dev, into)
        self._lose_nexthops({dev}, into)
        self._lose_entries(dev, into)
        self._lose_routes(lambda item: dev in item.devices, into)
        for port in (dev, *ports):
            self.released(port, into)
        _transfer(self.there.stations, into.stations, lambda item: item.dev == dev)
        _transfer(self.there.members, into.members, lambda item: item.dev == dev)

    def forget(self, item: Any) -> None:
        """An object is deleted or changed on purpose."""
        self.there.forget(item)
        self.missing.forget(item)
        self.gone.forget(item)

    def deleted(self, address: Address, left: Iterable[Address]) -> None:
        """An address is deleted: routes that name it as their source are lost.

        With its last IPv4 address, an interface loses its IPv4 routes.

        :param left: the addresses that stay in the namespace.
        """
        head, four = address.address.partition("/")[0], ":" not in address.address
        stay = [other for other in left if other.key != address.key]
        if all(other.address.partition("/")[0] != head for other in stay):
            _transfer(self.there.routes, self.missing.routes, lambda item: item.src == head)
        if four and not any(other.dev == address.dev and ":" not in other.address for other in stay):
            self._lose_routes(lambda item: ":" not in item.dst and item.devices == {address.dev})

    def restored(self, item: Object) -> None:
        """An object is made again."""
        self.missing.forget(item)
        self.there.add(item)

    def _lose_addresses(self, condition: Callable[[Address], bool], into: Kept | None = None) -> None:
        _transfer(self.there.addresses, (self.missing if into is None else into).addresses, condition)

    def _lose_nexthops(self, devices: set[str], into: Kept | None = None) -> None:
        """Nexthop objects of interfaces, and the routes by them; groups lose these members.

        A group with other members stays, and so do the routes by it (remove_nexthop_from_groups).
        """
        target = self.missing if into is None else into
        gone = {item.id for item in self.there.nexthops.values() if item.dev in devices}
        for item in [item for item in self.there.nexthops.values() if not gone.isdisjoint(item.members)]:
            left = item.without(gone)
            target.nexthops.setdefault(item.id, item)
            if left.members:
                self.there.nexthops[item.id] = left
            else:
                gone.add(item.id)
        _transfer(self.there.nexthops, target.nexthops, lambda item: item.id in gone)
        _transfer(self.there.routes, target.routes, lambda item: self.there.ways.get(item[:-1]) in gone)

    def by_what_is_left(self, group: Nexthop) -> Iterator[Route]:
        """The routes by a group that has lost members and stays."""
        return (item for key, item in self.there.routes.items() if self.there.ways.get(key) == group.id)

    def _lose_entries(self, dev: str, into: Kept | None = None) -> None:
        def of_dev(item: Entry) -> bool:
            return item.dev == dev

        _transfer(self.there.entries, (self.missing if into is None else into).entries, of_dev)

    def _lose_routes(self, condition: Callable[[Route], bool], into: Kept | None = None) -> None:
        """Routes by nexthop objects are lost with these."""
        target = self.missing if into is None else into
        _transfer(self.there.routes, target.routes, lambda item: item[:-1] not in self.there.ways and condition(item))


def _transfer(source: dict[Any, Any], target: dict[Any, Any], condition: Callable[[Any], bool]) -> None:
    for key in [key for key, item in source.items() if condition(item)]:
        target[key] = source.pop(key)
