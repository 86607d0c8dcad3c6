# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a host, namespace by namespace."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL

if TYPE_CHECKING:
    # Python compiles all imports in each call, and few documents have objects of every type.
    from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressKey
    from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeTable
    from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbKey
    from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbours
    from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route, RouteKey
    from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule, RuleKey


@dataclass
class Desired:
    """What is wanted in one namespace.

    :ivar create: whether the namespace is created if it is missing.
    :ivar joins: the name is a further name of this namespace; None: it has a namespace of its own.
    :ivar claimed: links that a bridge or a bond lists as its ports.
    :ivar addresses: with their places in the user's document, for messages.
    :ivar address_keys: the same addresses by the kernel's key.
    :ivar expected: addresses that an interface must have, each with its interface; nothing makes them here.
    :ivar purge_routes: devices on which routes of ours are removed if they are not listed; None in it: on every device.
    :ivar purge_table: the one table that they are removed from; None: from every table.
    :ivar purge_rules: whether rules of ours are removed if they are not listed.
    :ivar protocols: the numbers that mark routes, if not the document's.
    :ivar purged_protocols: by such a number, the same as ``purge_routes``.
    """

    create: bool = False
    joins: str | None = None
    links: dict[str, Link] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    addresses: dict[Address, str] = field(default_factory=dict)
    address_keys: dict[AddressKey, Address] = field(default_factory=dict)
    expected: set[tuple[str, str]] = field(default_factory=set)
    routes: dict[RouteKey, Route] = field(default_factory=dict)
    rules: dict[RuleKey, Rule] = field(default_factory=dict)
    neighbours: Neighbours = field(default_factory=dict)
    fdb: dict[FdbKey, None] = field(default_factory=dict)
    bridge_fdb: BridgeTable = field(default_factory=dict)
    purge_addresses: set[str] = field(default_factory=set)
    purge_ports: set[str] = field(default_factory=set)
    purge_routes: set[str | None] = field(default_factory=set)
    purge_table: int | None = None
    purge_rules: bool = False
    protocols: dict[RouteKey, int] = field(default_factory=dict)
    purged_protocols: dict[int, set[str | None]] = field(default_factory=dict)
    purge_neighbours: set[str] = field(default_factory=set)
    purge_fdb: set[str] = field(default_factory=set)
    purge_bridge_fdb: set[str] = field(default_factory=set)

    def add_address(self, address: Address, where: str) -> None:
        """Add an address.

        :param where: its place in the user's document.
        :raises InvalidParameter: the address is listed already.
        """
        twin = self.address_keys.setdefault(address.key, address)
        if twin is not address and twin.address == address.address:
            raise InvalidParameter(where, address.address, f"it is listed twice on {address.dev}: keep one")
        if twin is not address:
            remedy = f"{address.dev} has it as {twin.address} in the list too, and IPv6 knows it once: keep one"
            raise InvalidParameter(where, address.address, remedy)
        self.addresses[address] = where

    @property
    def route_devices(self) -> set[str]:
        """The devices that routes name."""
        if not self.routes:
            return set()
        from ansible_collections.weft.fabric.plugins.module_utils.model.route import devices_of

        return devices_of(self.routes.values())

    @property
    def bridge_fdb_devices(self) -> set[str]:
        """The ports with a list of a bridge's entries, empty lists that are authoritative included."""
        return {*(entry.dev for entry in self.bridge_fdb.values()), *self.purge_bridge_fdb}

    @property
    def fdb_ways(self) -> set[str]:
        """The interfaces that FDB entries name, by which packets leave."""
        return {*filter(None, map(itemgetter(6), self.fdb))}

    @property
    def names(self) -> set[str | None]:
        """The links that it names in links and rules; devices of entries are in the scope."""
        references = (
            link.attributes.get(name)
            for link in self.links.values()
            for name in ("controller", *(key for key, option in kind_of(link.kind).options.items() if option.link))
        )
        rules = (name for rule in self.rules.values() for name in (rule.iif, rule.oif))
        return {*self.links, *self.claimed, *self.purge_ports, *references, *rules}

    @property
    def neighbour_devices(self) -> set[str]:
        """The devices with a list of neighbours, empty lists that are authoritative included."""
        return {*self.neighbours, *self.purge_neighbours}

    @property
    def fdb_devices(self) -> set[str]:
        """The devices with a list of FDB entries, empty lists that are authoritative included."""
        return {*map(itemgetter(0), self.fdb), *self.purge_fdb}


@dataclass
class Document:
    """What is wanted of one host.

    :ivar absent: everything that the document lists is removed.
    :ivar purge: its lists are authoritative.
    :ivar removals: namespaces and links that are removed besides.
    :ivar owned: what the host's generations have made, as (what, name, namespace); None: it does not matter.
    :ivar adopt: the names of objects that are taken over although they are not ours; None: all.
    :ivar route_protocol: the number that marks its routes. If it has a number of its own, all routes with that number
        belong to the document, whatever interface they are on.
    """

    absent: bool = False
    purge: bool = False
    route_protocol: int = ROUTE_PROTOCOL
    namespaces: dict[str, Desired] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    owned: frozenset[tuple[str, str, str]] | None = None
    adopt: frozenset[str] | None = None

    @property
    def moves_interfaces(self) -> bool:
        """Whether it puts interfaces of the host that it does not create into a bridge or a bond, or takes them out."""
        own = self.namespaces.get("", Desired())
        return any(not link.kind and "controller" in link.attributes for link in own.links.values())

    @property
    def displaces_interfaces(self) -> bool:
        """Whether it does that, or takes interfaces of the host into other namespaces."""
        links = (link for desired in self.namespaces.values() for link in desired.links.values())
        return self.moves_interfaces or any(link.origin is not None and link.origin[0] == "" for link in links)

    def at(self, netns: str) -> Desired:
        """What is wanted in a namespace. The document does not create a namespace that it only mentions."""
        return self.namespaces.setdefault(netns, Desired())
