# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the kernel's state a document is about: only that is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import BRIDGE
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV6_MTU, LOCAL_TABLE, MAIN_TABLE

_OF_PORTS = {name for name, option in PORT_OPTIONS.items() if option.place == BRIDGE}


@dataclass
class Scope:
    """The objects to read in one namespace.

    :ivar named: the namespace is given by its name, as one that is made or removed is.
    :ivar aliases: the other names of the namespace.
    :ivar links: all links, with all their attributes.
    :ivar devices: names of devices to look up if links are not read.
    :ivar tables: routing tables.
    :ivar protocols: of all tables, the routes of these numbers; 0 in it: all of them.
    :ivar rules: policy rules.
    :ivar neighbours: devices; None in it: every device.
    :ivar fdb: devices; None in it: every VXLAN.
    :ivar bridge_fdb: ports of bridges; None in it: every port.
    :ivar others: namespaces that may contain a veth's other end, the likely ones first.
    :ivar veths: veths whose other end may be in any namespace, if it is in none of those.
    :ivar ports: the attributes of ports that bridges alone report.
    :ivar takers: links that may have rivals in any namespace, which matter before one is created.
    """

    named: bool = False
    aliases: bool = False
    links: bool = False
    devices: set[str] = field(default_factory=set)
    addresses: bool = False
    tables: set[int] = field(default_factory=set)
    protocols: set[int] = field(default_factory=set)
    rules: bool = False
    neighbours: set[str | None] = field(default_factory=set)
    fdb: set[str | None] = field(default_factory=set)
    bridge_fdb: set[str | None] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    veths: set[str] = field(default_factory=set)
    ports: bool = False
    takers: set[str] = field(default_factory=set)

    def asks(self, name: str) -> bool:
        """Whether objects of a type are read, by the name of the type's lists."""
        return bool(self.tables or self.protocols) if name == "routes" else bool(getattr(self, name))

    def by_own_names(self, own: Mapping[str, str]) -> Scope:
        """The scope with the own names of links.

        :param own: by alternative names.
        """

        def named(names: set[Any]) -> set[Any]:
            return {own.get(name, name) for name in names}

        if not own:
            return self
        return replace(
            self,
            devices=named(self.devices),
            neighbours=named(self.neighbours),
            fdb=named(self.fdb),
            bridge_fdb=named(self.bridge_fdb),
            veths=named(self.veths),
            takers=named(self.takers),
        )


def everything(others: Iterable[str] = (), tables: Iterable[int] = (), protocol: int | None = None) -> Scope:
    """Everything in one namespace that a document can hold.

    :param others: namespaces that may contain a veth's other end.
    :param tables: routing tables besides the main one.
    :param protocol: of all tables, the routes of this number; 0: all of them.
    """
    return Scope(
        aliases=True,
        links=True,
        addresses=True,
        tables={MAIN_TABLE, *tables},
        protocols=set() if protocol is None else {protocol},
        rules=True,
        neighbours={None},
        fdb={None},
        bridge_fdb={None},
        others=list(others),
        ports=True,
    )


def scope_of(document: Document) -> dict[str, Scope]:
    """The scopes that planning a document needs, by namespace."""
    scopes = {}
    removed, names = _removed(document)
    entries = [(netns, item) for netns, item, *_rest in document.removals if not isinstance(item, (Link, Namespace))]
    below = {place for desired in document.namespaces.values() for place in _parents(desired)}
    # In the same order each time, because a namespace of several names has the first one: a plan is only carried out as
    # it was shown.
    places = dict.fromkeys((*document.namespaces, *sorted(removed), *(netns for netns, _item in entries)))
    for netns in places:
        desired = document.namespaces.get(netns, Desired())
        scope = scopes[netns] = _of_entries(desired, document.route_protocol)
        scope.named = scope.aliases = desired.create or netns in names
        own = desired.create and (desired.joins is None or document.absent)
        scope.links = bool(desired.links or own or netns in removed or netns in below)
        scope.others = _others(netns, desired, places)
        _add_links(scope, desired, document.absent)
    for netns, item in entries:
        _add_removed(scopes[netns], item)
    return scopes


def _others(netns: str, desired: Desired, places: Iterable[str]) -> list[str]:
    """The namespaces that may contain the other ends of a namespace's links: the most likely ones first."""
    likely = [link.peer[0] for link in desired.links.values() if link.peer] + _parents(desired)
    return [place for place in dict.fromkeys((*likely, *places)) if place != netns]


def _add_removed(scope: Scope, item: Any) -> None:
    """Add what an entry needs that is removed."""
    if item.list_name == "routes":
        scope.tables.add(item.table)
        scope.devices |= item.devices
    elif item.list_name == "rules":
        scope.rules = True
    elif item.list_name == "addresses":
        scope.addresses = True
        scope.devices.add(item.dev)
    else:
        getattr(scope, item.list_name).add(item.dev)
        scope.devices.add(item.dev)


def _add_links(scope: Scope, desired: Desired, absent: bool) -> None:
    """Add what the links of a namespace need besides being read."""
    links = desired.links.values()
    scope.veths = {link.name for link in links if link.peer}
    scope.ports = any(_OF_PORTS & link.attributes.keys() for link in links)
    # Below this MTU the kernel removes IPv6 addresses.
    small = any(isinstance(link.attributes.get("mtu"), int) and link.attributes["mtu"] < IPV6_MTU for link in links)
    scope.addresses = scope.addresses or small
    scope.takers = {link.name for link in links if kind_of(link.kind).takes_all and not absent}


def _of_entries(desired: Desired, protocol: int) -> Scope:
    """The scope that the addresses, routes, neighbours and FDB entries of a namespace need."""
    neighbours, fdb, routes = desired.neighbour_devices, desired.fdb_devices, desired.routes.values()
    purged = {*desired.purged_protocols, *([protocol] if desired.purge_routes else ())}
    sources = any(route.src for route in routes)  # which have to be addresses of the host
    return Scope(
        addresses=bool(desired.addresses or desired.purge_addresses or desired.expected or sources),
        rules=bool(desired.rules or desired.purge_rules),
        neighbours={*neighbours},
        fdb={*fdb},
        bridge_fdb={*desired.bridge_fdb_devices},
        tables={
            *(route.table for route in routes),
            *([desired.purge_table or MAIN_TABLE] if purged else ()),
            *([LOCAL_TABLE] if sources else ()),
        },
        protocols=purged if desired.purge_table is None else set(),
        devices={*neighbours, *fdb, *_devices(desired)},
    )


def _devices(desired: Desired) -> Iterator[str]:
    """The interfaces that addresses, routes and rules name, and FDB entries besides their VXLANs."""
    yield from desired.fdb_ways
    yield from desired.bridge_fdb_devices
    yield from (address.dev for address in desired.addresses)
    yield from desired.route_devices
    yield from (name for rule in desired.rules.values() for name in (rule.iif, rule.oif) if name)
    yield from desired.purge_addresses


def _removed(document: Document) -> tuple[set[str], set[str]]:
    """The namespaces that removals concern, and those of them that are removed themselves."""
    names = {item.name for _netns, item, *_rest in document.removals if isinstance(item, Namespace)}
    links = [(netns, item) for netns, item, *_rest in document.removals if isinstance(item, Link)]
    origins = {link.origin[0] for _netns, link in links if link.origin}
    return {*names, *origins, *(netns for netns, _link in links)}, names


def _parents(desired: Desired) -> list[str]:
    """The other namespaces that contain the parents of links, or that links are taken from, or have the MTU of."""
    places = [link.attributes.get("parent_netns") for link in desired.links.values()]
    places += [link.origin[0] for link in desired.links.values() if link.origin]
    places += ["" for link in desired.links.values() if link.mtu_of]
    return [place for place in places if place is not None]
