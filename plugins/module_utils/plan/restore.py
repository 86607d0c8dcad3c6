# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of others that an operation takes along are made again, and those for which there is no way are shown."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Iterable, Iterator
from itertools import product

from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.bridged import Member, Port, Station
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import STATIC, FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.kept import Entry, Nexthop, Object
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.route import (
    PROTOCOLS,
    Hop,
    Route,
    put_in,
)
from ansible_collections.weft.fabric.plugins.module_utils.plan.losses import Losses
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Lost
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV6_MTU, ROUTE_PROTOCOLS


def restore(view: View, netns: str) -> None:
    """Make those again that the kernel takes now."""
    for item in [*view.losses[netns].missing]:
        _restore(view, netns, item)


def restore_port(view: View, netns: str, dev: str) -> None:
    """Make a port what it was, as soon as it is one: what the document asks of it comes on top."""
    for item in [*view.losses[netns].missing.ports.values()]:
        if item.dev == dev:
            _restore(view, netns, item)


def _restore(view: View, netns: str, item: Object) -> None:
    losses, desired = view.losses[netns], view.document.namespaces.get(netns, Desired())
    if _obstacle(view, netns, desired, item):
        return
    wanted = _unlisted(desired, item)
    if wanted.lines():
        view.do("restore", netns, wanted, wanted, shown=not _is_listed(view, netns, desired, item))
        _take_note(view, netns, wanted)
    losses.restored(item)


def _unlisted(desired: Desired, item: Object) -> Object:
    """An object without what the document asks of it: a port has several options."""
    if isinstance(item, Port) and item.dev in desired.links:
        return item.without(desired.links[item.dev].attributes)
    return item


def _take_note(view: View, netns: str, item: Object) -> None:
    """Put an object that is made again where those of the document are looked for."""
    now = view.at(netns)
    if isinstance(item, Port):
        link = copy.copy(now.links[item.dev])
        known = {name: [*value] if isinstance(value, tuple) else value for name, value in item.attributes}
        link.attributes = {**link.attributes, **{name: known[name] for name in known.keys() & PORT_OPTIONS.keys()}}
        now.links[item.dev] = link
    elif isinstance(item, Station) and not item.bridged and (item.declared or item.floods):
        now.fdb[_as_entry(item)] = None
    elif isinstance(item, Address):
        now.addresses.setdefault(item.key, item)
    elif isinstance(item, Route):
        there = now.routes.get(item.place, ())
        if all(known[:-1] != item[:-1] for known in there):
            put_in(now.routes, item.place, (*there, item._replace(raw=None)))  # that has the index of the link before


def _as_entry(item: Station) -> FdbEntry:
    """A VXLAN's entry as it will be observed."""
    port, vni, via, nhid = item.way
    state = item.words if item.words or item.declared else STATIC
    return FdbEntry(item.dev, item.lladdr, item.dst or None, port, vni, item.area, via, nhid, state or None)


def show_lost(view: View) -> None:
    """Note what cannot be made again, with the reasons."""
    moved = {(item.netns, item.before.name) for item in view.plan.operations if item.verb == "move"}
    for netns, losses in view.losses.items():
        desired = view.document.namespaces.get(netns, Desired())
        for item in (*losses.missing, *losses.gone) if view.at(netns).status == "present" else ():
            # The addresses and entries of a link that is deleted belong to it, and so do our routes.
            if isinstance(item, (Address, Entry, Port, Station, Member)):
                own = item in losses.gone and (netns, item.dev) not in moved
            else:
                own = isinstance(item, Route) and item in losses.gone and item.protocol in ROUTE_PROTOCOLS
            if not own and not _is_listed(view, netns, desired, item):
                reason = _obstacle(view, netns, desired, item) or "its interface is another one now"
                view.plan.lost += _lost(losses, Lost(netns, _unlisted(desired, item), reason))
    for netns in view.losses:
        view.plan.lost += _lost_links(view, netns)


def _lost(losses: Losses, lost: Lost) -> Iterator[Lost]:
    """An object that is lost; of a group of nexthops that stays, its members and hops of its routes."""
    left = losses.there.nexthops.get(lost.item.id) if isinstance(lost.item, Nexthop) else None
    yield lost._replace(left=left)
    if left is None:
        return
    stay = {losses.there.nexthops[number].dev for number in left.members if number in losses.there.nexthops}
    for route in losses.by_what_is_left(left):
        hops = tuple(hop for hop in route.hops if hop.dev in stay)
        if hops and hops != route.hops:
            alone = len(hops) == 1
            via, dev = hops[0][:2] if alone else (None, None)
            rest = route._replace(nexthops=None if alone else hops, via=via, dev=dev)
            yield lost._replace(item=route, left=rest)


def _lost_links(view: View, netns: str) -> Iterator[Lost]:
    """Links that are deleted with the ones that they sit on, and that nobody makes again."""
    operations = [
        item for item in view.plan.operations if item.verb in ("delete", "move") and isinstance(item.before, Link)
    ]
    meant = {(item.netns, item.before.name) for item in operations} | {item.before.peer for item in operations}
    for name, link in view.observed[netns].links.items():
        if name not in view.at(netns).links and (netns, name) not in meant:
            below = link.attributes.get(kind_of(link.kind).parent)
            yield Lost(netns, link, f"it sits on {below}, which is deleted" if below else "its other end is deleted")


def _is_listed(view: View, netns: str, desired: Desired, item: Object) -> bool:
    """Whether the document says something of an object itself."""
    if isinstance(item, Address):
        return item.key in desired.address_keys or _is_purged(desired, item)
    if isinstance(item, Entry):
        return item.dst in desired.neighbours.get(item.dev, {}) or _is_purged(desired, item)
    if isinstance(item, Station):
        return _is_station_listed(view, netns, desired, item) or _is_purged(desired, item)
    return isinstance(item, Route) and item.key in desired.routes


def _is_station_listed(view: View, netns: str, desired: Desired, item: Station) -> bool:
    if item.bridged:
        return any((item.dev, item.lladdr, vlan) in desired.bridge_fdb for vlan in (item.area, None))
    port, vni, via, nhid = item.way
    link = view.at(netns).links.get(item.dev, Link(item.dev)).attributes
    # A document may say the port and the VNI of the VXLAN itself, and leave out the interface.
    return any(
        FdbEntry(item.dev, item.lladdr, item.dst or None, asked[0], asked[1], item.area, asked[2], nhid) in desired.fdb
        for asked in product(
            {port, link.get("port") if port is None else port},
            {vni, link.get("vni") if vni is None else vni},
            {via, None},
        )
    )


def _is_purged(desired: Desired, item: Address | Entry | Station) -> bool:
    """Whether the document's lists are authoritative for an object."""
    if isinstance(item, Station):
        return item.declared and item.dev in (desired.purge_bridge_fdb if item.bridged else desired.purge_fdb)
    if isinstance(item, Entry):
        return item.dev in desired.purge_neighbours and item.declared
    return item.dev in desired.purge_addresses and not (item.state and item.state.foreign)


def _obstacle(view: View, netns: str, desired: Desired, item: Object) -> str:
    """Why an object cannot be made again now; empty: it can."""
    if isinstance(item, Address):
        if _is_purged(desired, item) and item.key not in desired.address_keys:
            return "the list of addresses does not contain it"
        if ":" in item.address and item.state and item.state.secondary:
            return "the kernel makes another temporary address"
        return _obstacle_of_link(view, netns, item.dev, ":" in item.address, up=False)
    if isinstance(item, Entry):
        if _is_purged(desired, item) and item.dst not in desired.neighbours.get(item.dev, {}):
            return "the list of neighbours does not contain it"
        return _obstacle_of_link(view, netns, item.dev, ":" in item.dst, up=True)
    if isinstance(item, (Port, Station, Member)):
        return _obstacle_of_port(view, netns, desired, item)
    if isinstance(item, Nexthop):
        return _obstacle_of_nexthop(view, netns, item)
    return _obstacle_of_route(view, netns, item)


def _obstacle_of_port(view: View, netns: str, desired: Desired, item: Port | Station | Member) -> str:
    if isinstance(item, Station):
        listed = _is_station_listed(view, netns, desired, item)
        if (item.bridged and listed) or (_is_purged(desired, item) and not listed):
            return "the list of entries decides"
    link = view.at(netns).links.get(item.dev)
    if link and item.controller and link.attributes.get("controller", item.controller) != item.controller:
        return f"{item.dev} leaves {item.controller}"
    return _obstacle_of_link(view, netns, item.dev, False, up=False)


def _obstacle_of_link(view: View, netns: str, dev: str, six: bool, up: bool) -> str:
    link = view.at(netns).links.get(dev)
    if link is None:
        # Links that nobody asked for may not have been read.
        return "" if dev in view.losses[netns].there.links else f"{dev} is not here any more"
    if up and link.attributes.get("admin_state") == "down":
        return f"{dev} is down"
    mtu = link.attributes.get("mtu")
    return f"IPv6 needs an MTU of at least {IPV6_MTU} bytes" if six and mtu is not None and mtu < IPV6_MTU else ""


def _obstacle_of_nexthop(view: View, netns: str, item: Nexthop) -> str:
    gone = [number for number in item.members if number not in view.losses[netns].there.nexthops]
    if gone:
        return f"nexthop {gone[0]} is gone"
    return _obstacle_of_carrier(view, netns, item.dev) if item.dev else ""


def _obstacle_of_carrier(view: View, netns: str, dev: str) -> str:
    link = view.at(netns).links.get(dev)
    place, peer = link.peer if link and link.peer else (netns, "")
    far = view.state[place].links.get(peer) if place in view.state else None
    if far and far.attributes.get("admin_state") == "down":
        return f"the other end of {dev} is down"
    return _obstacle_of_link(view, netns, dev, False, up=True)


def _obstacle_of_route(view: View, netns: str, route: Route) -> str:
    if route.protocol == PROTOCOLS["ra"]:
        return "learned from router advertisements, which are solicited again"
    for dev in sorted(route.devices):
        found = _obstacle_of_link(view, netns, dev, ":" in route.dst, up=True)
        if found:
            return found
    there = view.losses[netns].there
    number = there.ways.get(route[:-1])
    if number is not None and number not in there.nexthops:
        return f"nexthop {number} is gone"
    held = [*_addresses(view, netns)]
    if route.src:
        found = _obstacle_of_source(view, netns, route, held)
        if found:
            return found
    for hop in route.hops:
        if hop.via and not hop.onlink and not hop.via.startswith("fe80:") and not _reaches(view, netns, hop, held):
            return f"the gateway {hop.via} is not reachable"
    return ""


def _obstacle_of_source(view: View, netns: str, route: Route, held: Iterable[Address]) -> str:
    """Why a route cannot have its source address now.

    :param held: the addresses of the namespace.
    """
    holders = {item.dev for item in held if item.address.partition("/")[0] == route.src}
    if not holders:
        stays = ", and the route stays without it" if ":" in route.dst else ""  # route.c: fib6_remove_prefsrc
        return f"{route.src} is no address of this host any more{stays}"
    if ":" not in (route.src or "") and all(_is_elsewhere(view, netns, dev, route) for dev in holders):
        return f"its source address {route.src} belongs to a VRF now"
    return ""


def _is_elsewhere(view: View, netns: str, dev: str, route: Route) -> bool:
    """Whether an interface is in a VRF with another table, and so its addresses (fib_semantics.c)."""
    links = view.at(netns).links
    held = links.get((links[dev].attributes.get("controller") if dev in links else "") or "")
    return held is not None and held.attributes.get("table", route.table) != route.table


def _addresses(view: View, netns: str) -> Iterator[Address]:
    yield from view.at(netns).addresses.values()
    yield from view.losses[netns].there.addresses.values()


def _reaches(view: View, netns: str, hop: Hop, held: list[Address]) -> bool:
    """Whether a gateway is in a subnet of its interface, or a route of that interface without a gateway leads to it."""
    gateway = ipaddress.ip_address(hop.via or "")
    subnets = [
        f"{item.peer or head}/{prefix}"
        for item in held
        if item.dev == hop.dev and not item.noprefixroute
        for head, _slash, prefix in [item.address.partition("/")]
    ]
    losses: Losses = view.losses[netns]
    subnets += [route.dst for route in losses.there.routes.values() if route.dev == hop.dev and not route.via]
    return any(gateway in ipaddress.ip_interface(subnet).network for subnet in subnets)
