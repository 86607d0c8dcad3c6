# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a host, namespace by namespace."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter

from ansible_collections.weft.fabric.plugins.module_utils.model.objects import (
    ROUTE_PROTOCOL,
    Address,
    FdbKey,
    Link,
    Route,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal


@dataclass
class Desired:
    """What is wanted in one namespace.

    :ivar create: whether the namespace is made where it is missing.
    :ivar joins: the name is to be another one of this namespace; None: it has a namespace of its own.
    :ivar claimed: links that a bridge or a bond lists as its ports.
    :ivar address_keys: the addresses that a document lists, by the kernel's key.
    :ivar neighbours: by device, MAC addresses by IP address.
    :ivar purge_routes: devices on which a route of ours that is not listed goes; None in it: on every device.
    """

    create: bool = False
    joins: str | None = None
    links: dict[str, Link] = field(default_factory=dict)
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

    :ivar absent: everything that the document lists is removed.
    :ivar purge: its lists are authoritative.
    :ivar removals: what is removed besides.
    :ivar route_protocol: the number by which its routes are known. With one of its own, all routes of that number are
        the document's, whatever interface they are on.
    """

    absent: bool = False
    purge: bool = False
    route_protocol: int = ROUTE_PROTOCOL
    namespaces: dict[str, Desired] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)

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
