# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, FDB entries, neighbours and routes: what is missing is set, what is stale is listed."""

from __future__ import annotations

import socket
from itertools import compress, filterfalse, repeat
from operator import ne

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import one
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import (
    Address,
    AddressState,
    FdbEntry,
    Neighbour,
    Route,
    make_all,
)
from ansible_collections.weft.fabric.plugins.module_utils.plan.removal import delete_entries
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def add_addresses(view: View, netns: str, desired: Desired) -> None:
    now = view.at(netns)
    by_key = {address.key: address for address in now.addresses}
    for address, where in desired.addresses.items():
        view.require(netns, address.dev, where)
        known = now.addresses.get(address)
        if known is not None:
            if known.failed:
                view.warn(
                    f"{facts.name(netns, address)} is not in use: another host answered for it "
                    "(duplicate address detection)"
                )
            continue
        if address.key in by_key:
            delete_entries(view, netns, [by_key[address.key]])
        view.do("create", netns, None, address)
        now.addresses[address] = AddressState()


def purge_addresses(view: View, netns: str, desired: Desired) -> None:
    now = view.at(netns)
    # Wherever it came from, an address that has moved from one link to another is not left on the first.
    moved = {address.address.partition("/")[0] for address in desired.addresses}
    stale = {
        address: state
        for address, state in now.addresses.items()
        if address.dev in desired.purge_addresses
        and address not in desired.addresses
        and (not state.foreign or address.address.partition("/")[0] in moved)
    }
    delete_entries(view, netns, stale)
    # A subnet's other addresses are secondary to its first one and go with it, unless promote_secondaries is set.
    lost = {
        (address.dev, _subnet(address))
        for address, state in stale.items()
        if not state.secondary and ":" not in address.address
    }
    for kept, state in now.addresses.items():
        if (kept.dev, _subnet(kept)) in lost and not state.foreign:
            view.do("create", netns, None, kept, shown=False)


def set_fdb(view: View, netns: str, desired: Desired) -> None:
    """Set missing FDB entries, and note the stale ones of authoritative lists."""
    now = view.at(netns)
    if not desired.fdb and not desired.purge_fdb:
        return
    links = {name: view.require(netns, name, "fdb: dev") for name in sorted(desired.fdb_devices)}
    for link in links.values():
        if link.kind != "vxlan" and link.index:
            remedy = f"it is {one(link.kind or 'NIC')}: only a VXLAN has entries with a destination"
            raise InvalidParameter("fdb: dev", link.name, remedy)
    # Of tens of thousands of entries, those that differ are found in C.
    if now.fdb == desired.fdb:
        return
    unlike = make_all(FdbEntry, filterfalse(now.fdb.__contains__, desired.fdb))
    # Where a VXLAN floods by itself, because its remote or group says so.
    own = {
        (name, values.ZERO_MAC, link.attributes.get("remote") or link.attributes.get("group"))
        for name, link in links.items()
    }
    reported = [entry.on(links[entry.dev]) for entry in unlike if entry[:3] not in own]
    missing = [entry for entry in reported if entry not in now.fdb]
    behind: dict[tuple[str, str], FdbEntry] = {}
    if missing:
        behind = {item[:2]: item for item in make_all(FdbEntry, now.fdb) if item.lladdr != values.ZERO_MAC}
    replaced = [behind.get(item[:2]) for item in missing]
    for entry in filter(None, replaced):
        del now.fdb[entry]
    view.do_all("set", netns, replaced, missing)
    now.fdb.update(dict.fromkeys(missing))
    if not desired.purge_fdb:
        return
    unwanted = filterfalse({*reported}.__contains__, filterfalse(desired.fdb.__contains__, now.fdb))
    view.stale[netns] += [entry for entry in make_all(FdbEntry, unwanted) if entry.dev in desired.purge_fdb]


def set_neighbours(view: View, netns: str, desired: Desired) -> None:
    """Set missing neighbours, and note the stale ones of authoritative lists."""
    for dev in sorted(desired.neighbour_devices):
        view.require(netns, dev, "neighbours: dev")
        wanted, known = desired.neighbours.get(dev, {}), view.at(netns).neighbours.setdefault(dev, {})
        # Of tens of thousands of entries, those that differ are found in C.
        if known == wanted:
            continue
        missing = dict(compress(wanted.items(), map(ne, map(known.get, wanted), wanted.values())))
        replaced = [Neighbour(dev, dst, known[dst]) if dst in known else None for dst in missing]
        view.do_all("set", netns, replaced, make_all(Neighbour, zip(repeat(dev), missing, missing.values())))
        known.update(missing)
        # All that is wanted is there now; where there are as many, nothing else is.
        if dev in desired.purge_neighbours and len(known) != len(wanted):
            gone = list(filterfalse(wanted.__contains__, known))
            view.stale[netns] += make_all(Neighbour, zip(repeat(dev), gone, map(known.get, gone)))


def set_routes(view: View, netns: str, desired: Desired) -> None:
    """Set routes, those first that the gateways of others are reached by."""
    now = view.at(netns)

    def reach(route: Route) -> tuple[bool, int]:
        return bool(route.via and not route.onlink), -int(route.dst.rpartition("/")[2])

    for route in sorted(desired.routes.values(), key=reach):
        if route.dev:
            view.require(netns, route.dev, f"route {route.dst}: dev")
        known = now.routes.get(route.key)
        if known is not None and route.met_by(known[0]):
            continue
        wanted = route.over(known[0]) if known else route
        protocol = view.document.route_protocol
        view.do("set", netns, known[0] if known else None, wanted, protocol=protocol)
        now.routes[route.key] = (wanted, protocol)


def stale_routes(view: View, netns: str, desired: Desired) -> list[Route]:
    everywhere = None in desired.purge_routes
    return [
        route
        for key, (route, protocol) in view.at(netns).routes.items()
        if protocol == view.document.route_protocol
        and key not in desired.routes
        and (everywhere or route.dev in desired.purge_routes)
    ]


def remove_stale(view: View, netns: str, desired: Desired) -> None:
    """Remove routes, neighbours and FDB entries that authoritative lists no longer contain."""
    delete_entries(view, netns, [*stale_routes(view, netns, desired), *view.stale.pop(netns, ())])


def _subnet(address: Address) -> tuple[int, int]:
    """(network, prefix length) of an IPv4 address; (-1, 0) of an IPv6 one, which is in nobody's subnet here."""
    head, _slash, tail = address.address.partition("/")
    if ":" in head:
        return -1, 0
    prefix = int(tail)
    return int.from_bytes(socket.inet_pton(socket.AF_INET, head), "big") >> (32 - prefix), prefix
