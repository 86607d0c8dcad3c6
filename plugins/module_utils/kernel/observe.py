# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's state as model objects: only the namespaces, tables and devices that a question is about."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.weft.fabric.plugins.module_utils.kernel import inet, neigh, portvlan, routes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.links import read_device, read_links, read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Kernel,
    Request,
    Socket,
    attributes,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import (
    netns_aliases,
    netns_fd,
    netns_names,
    netns_status,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NETNSA_FD,
    NETNSA_NSID,
    RTM_GETNSID,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import TAKERS
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import MAIN


@dataclass
class Scope:
    """What to read in one namespace.

    :ivar aliases: find the other names of the namespace.
    :ivar links: read all links, with all they have.
    :ivar devices: names of devices to look up where links are not read.
    :ivar tables: routing tables to read.
    :ivar neighbours: devices; None in it: every device.
    :ivar fdb: devices; None in it: every VXLAN.
    :ivar others: namespaces in which a veth's other end may be, the likely ones first.
    :ivar veths: veths whose other end is looked for everywhere, if it is in none of those.
    :ivar pvids: read the VLANs of ports.
    :ivar takers: links that may have rivals: before one is made, those are looked for everywhere.
    """

    aliases: bool = False
    links: bool = False
    devices: set[str] = field(default_factory=set)
    addresses: bool = False
    tables: set[int] = field(default_factory=set)
    neighbours: set[str | None] = field(default_factory=set)
    fdb: set[str | None] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    veths: set[str] = field(default_factory=set)
    pvids: bool = False
    takers: set[str] = field(default_factory=set)


def everything(others: Iterable[str] = (), tables: Iterable[int] = ()) -> Scope:
    """All that a document can hold of one namespace.

    :param others: namespaces in which a veth's other end may be.
    :param tables: routing tables besides the main one.
    """
    return Scope(
        aliases=True,
        links=True,
        addresses=True,
        tables={MAIN, *tables},
        neighbours={None},
        fdb={None},
        others=list(others),
        pvids=True,
    )


def scope_of(document: Document) -> dict[str, Scope]:
    """What has to be read to plan a document."""
    scopes = {}
    removed, names = _removed(document)
    below = {place for desired in document.namespaces.values() for place in _parents(desired)}
    places = dict.fromkeys((*document.namespaces, *removed))
    for netns in places:
        desired = document.namespaces.get(netns, Desired())
        scope = scopes[netns] = Scope()
        scope.aliases = desired.create or netns in names
        own = desired.create and (desired.joins is None or document.absent)
        scope.links = bool(desired.links or own or netns in removed or netns in below)
        scope.addresses = bool(desired.addresses or desired.purge_addresses)
        neighbours, fdb = desired.neighbour_devices, desired.fdb_devices
        scope.neighbours, scope.fdb = {*neighbours}, {*fdb}
        scope.tables = {route.table for route in desired.routes.values()} | ({MAIN} if desired.purge_routes else set())
        scope.devices = {
            *neighbours,
            *fdb,
            *(address.dev for address in desired.addresses),
            *(route.dev for route in desired.routes.values() if route.dev),
            *desired.purge_addresses,
        }
        likely = [link.peer[0] for link in desired.links.values() if link.peer] + _parents(desired)
        scope.others = [place for place in dict.fromkeys((*likely, *places)) if place != netns]
        scope.pvids = any("pvid" in link.attributes for link in desired.links.values())
        scope.veths = {link.name for link in desired.links.values() if link.peer}
        if not document.absent:
            scope.takers = {link.name for link in desired.links.values() if link.kind in TAKERS}
    return scopes


def _removed(document: Document) -> tuple[set[str], set[str]]:
    """The namespaces that removals concern, and those of them that are removed themselves."""
    names = {item.name for _netns, item, *_rest in document.removals if isinstance(item, Namespace)}
    links = [(netns, item) for netns, item, *_rest in document.removals if isinstance(item, Link)]
    origins = {link.origin[0] for _netns, link in links if link.origin}
    return {*names, *origins, *(netns for netns, _link in links)}, names


def _parents(desired: Desired) -> list[str]:
    """The other namespaces that links sit on links of, or come from."""
    places = [link.attributes.get("parent_netns") for link in desired.links.values()]
    places += [link.origin[0] for link in desired.links.values() if link.origin]
    return [place for place in places if place is not None]


def observe(kernel: Kernel, scopes: Mapping[str, Scope]) -> dict[str, Observed]:
    """Read what scopes name, by namespace.

    :raises FabricError: a namespace cannot be entered, or pyroute2 is missing.
    """
    observed = {}
    aliases = netns_aliases() if any(scope.aliases for scope in scopes.values()) else {}
    for netns, scope in scopes.items():
        status = netns_status(netns)
        observed[netns] = _read(kernel.socket(netns), scope) if status == "present" else Observed(status)
        observed[netns].aliases = aliases.get(netns, frozenset())
    present = [netns for netns in scopes if observed[netns].status == "present"]
    for netns in present:
        _join_ends(kernel, netns, scopes[netns].others, observed)
    if any(_lacks(observed[netns], scope) for netns, scope in scopes.items()):
        _look_everywhere(kernel, present, observed)
    return observed


def _lacks(observed: Observed, scope: Scope) -> bool:
    """Whether there is reason to look everywhere: a veth's end is not where it is wanted, or a taker is to be made."""
    links = observed.links
    lost = any(name in links and links[name].nsid is not None and not links[name].peer for name in scope.veths)
    return lost or not scope.takers <= links.keys()


def _look_everywhere(kernel: Kernel, known: list[str], observed: dict[str, Observed]) -> None:
    """Find ends of veths that are not where they are wanted, so that they can be moved, and who sits on whose links."""
    aliases = netns_aliases()
    elsewhere = {name for name in ("", *netns_names()) if not {name, *aliases.get(name, ())} & observed.keys()}
    for other in elsewhere:
        observed[other] = Observed(links=read_links(kernel.socket(other)))
    for netns in known:
        _join_ends(kernel, netns, elsewhere, observed)
    for other in elsewhere:
        _join_ends(kernel, other, known, observed)


def _read(kernel: Socket, scope: Scope) -> Observed:
    found = Observed()
    if scope.links:
        found.links = read_links(kernel)
    else:
        devices = {name: read_device(kernel, name) for name in sorted(scope.devices)}
        found.links = {name: link for name, link in devices.items() if link}
    names = {link.index: name for name, link in found.links.items()}
    if scope.pvids:
        for index, vlan in portvlan.read_pvids(kernel).items():
            found.links[names[index]].attributes["pvid"] = vlan
    if scope.tables and not scope.links:
        names = read_names(kernel)
    if scope.addresses:
        found.addresses = inet.read_addresses(kernel, names)
    for table in sorted(scope.tables):
        found.routes.update(routes.read_routes(kernel, names, table))
    for link in found.links.values():
        if None in scope.neighbours or link.name in scope.neighbours:
            found.neighbours[link.name] = neigh.read_neighbours(kernel, link.index)
        if link.kind == "vxlan" and (None in scope.fdb or link.name in scope.fdb):
            found.fdb.update(neigh.read_fdb(kernel, link))
    return found


def _join_ends(kernel: Kernel, netns: str, others: Iterable[str], observed: dict[str, Observed]) -> None:
    """Find the other ends of veths: in this namespace, or in one of the others that were read; so with parents there.

    An ifindex alone does not tell, since two namespaces have the same ones: the kernel's id of the namespace does.
    """
    links = observed[netns].links.values()
    ends = [link for link in links if link.kind == "veth" or (link.nsid is not None and link.kind in TAKERS)]
    ids: dict[int | None, str] = {None: netns}
    missing = {link.nsid for link in ends} - {None}
    for other in others:
        if missing and other in observed and observed[other].status == "present":
            nsid = _read_nsid(kernel.socket(netns), other)
            if nsid in missing:
                ids[nsid] = other
                missing.remove(nsid)
    indexes = {place: {link.index: link.name for link in observed[place].links.values()} for place in ids.values()}
    for link in ends:
        place = ids.get(link.nsid)
        if place is not None and link.below in indexes[place]:
            name = indexes[place][link.below]
            if link.kind == "veth":
                link.peer = (place, name)
            else:
                link.attributes.update(parent=name, parent_netns=place)


def _read_nsid(kernel: Socket, other: str) -> int | None:
    """The id that a namespace has for another one (ip-netns(8), RTM_GETNSID); None: it has none."""
    with netns_fd(other) as fd:
        message = kernel.get(Request(RTM_GETNSID, 0, bytes(4) + struct.pack("=HHI", 8, NETNSA_FD, fd)))
    nsid = struct.unpack("=i", attributes(message, 20)[NETNSA_NSID])[0]
    return nsid if nsid >= 0 else None
