# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's state as model objects: only the namespaces, tables and devices in a scope."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codecs import codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_device, read_names
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
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NETNSA_FD,
    NETNSA_NSID,
    RTM_GETNSID,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import LISTS
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed


def observe(kernel: Kernel, scopes: Mapping[str, Scope]) -> dict[str, Observed]:
    """Read the objects in the scopes, by namespace.

    :raises FabricError: a namespace cannot be entered, or pyroute2 is missing.
    """
    observed = {}
    aliases = netns_aliases() if any(scope.aliases for scope in scopes.values()) else {}
    scopes = dict(scopes)
    for netns, scope in scopes.items():
        status = netns_status(netns, scope.named)
        observed[netns], scopes[netns] = (
            _read(kernel, netns, scope) if status == "present" else (Observed(status), scope)
        )
        observed[netns].aliases = aliases.get(netns, frozenset())
    present = [netns for netns in scopes if observed[netns].status == "present"]
    for netns in present:
        _join_ends(kernel, netns, scopes[netns].others, observed)
    if any(_lacks(observed[netns], scope) for netns, scope in scopes.items()):
        _look_everywhere(kernel, present, observed)
    return observed


def _lacks(observed: Observed, scope: Scope) -> bool:
    """Whether other namespaces matter: a veth's end is not where it is wanted, or a taker will be created."""
    links = observed.links
    lost = any(name in links and links[name].nsid is not None and not links[name].peer for name in scope.veths)
    return lost or not scope.takers <= links.keys()


def _look_everywhere(kernel: Kernel, known: list[str], observed: dict[str, Observed]) -> None:
    """Read the links of all other namespaces: ends of veths that have to move, and links that sit on known ones."""
    aliases = netns_aliases()
    elsewhere = [name for name in ("", *netns_names()) if not {name, *aliases.get(name, ())} & observed.keys()]
    for other in elsewhere:
        observed[other] = Observed(links=_read_links(kernel, other))
    for netns in known:
        _join_ends(kernel, netns, elsewhere, observed)
    for other in elsewhere:
        _join_ends(kernel, other, known, observed)


def _read(connections: Kernel, netns: str, scope: Scope) -> tuple[Observed, Scope]:
    """What a scope is about in one namespace, and the scope with the own names of links."""
    found, kernel = Observed(), connections.socket(netns)
    if scope.links:
        found.links = _read_links(connections, netns)
    else:
        devices = [read_device(kernel, name) for name in sorted(scope.devices)]
        found.links = {link.name: link for link in devices if link}
    scope = scope.by_own_names(found.own_names)
    names = {link.index: name for name, link in found.links.items()}
    if scope.ports:
        # Imported only here: few documents say anything of bridges' ports.
        from ansible_collections.weft.fabric.plugins.module_utils.kernel import portvlan

        for index, attributes in portvlan.read_ports(kernel).items():
            found.links[names[index]].attributes.update(attributes)
    if scope.tables and not scope.links:
        names = read_names(kernel)
    for name in LISTS:
        if scope.asks(name):
            setattr(found, name, codec(name).read(kernel, scope, found.links, names))
    return found, scope


def _read_links(kernel: Kernel, netns: str) -> dict[str, Link]:
    """All links of a namespace, with what their kinds alone can read."""
    # Not before: modules of entries need no links, and Ansible compiles in each call what a module imports.
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.links import read_links

    found = read_links(kernel.socket(netns))
    for link in found.values():
        control = kind_of(link.kind).control
        if control and control.read:
            from ansible_collections.weft.fabric.plugins.module_utils.kernel.access import NamespaceAccess

            link.attributes.update(control.read(NamespaceAccess(netns), link.name))
    return found


def _join_ends(kernel: Kernel, netns: str, others: Iterable[str], observed: dict[str, Observed]) -> None:
    """Find the other ends of veths, and the parents of links, in this namespace or in others that were read.

    An ifindex alone is not enough, since two namespaces have the same ones. The kernel's id of the namespace decides.
    """
    links = observed[netns].links.values()
    ends = [
        link
        for link in links
        if kind_of(link.kind).peer or (link.nsid is not None and "parent_netns" in kind_of(link.kind).options)
    ]
    ids = {None: netns, **_ids(kernel, netns, {link.nsid for link in ends} - {None}, others, observed)}
    indexes = {place: {link.index: link.name for link in observed[place].links.values()} for place in ids.values()}
    for link in ends:
        place = ids.get(link.nsid)
        if place is None:
            continue
        name, kind = indexes[place].get(link.below), kind_of(link.kind)
        if kind.peer and name:
            link.peer = (place, name)
        elif not kind.peer:
            link.attributes.update({"parent_netns": place, kind.parent: name})


def _ids(
    kernel: Kernel, netns: str, wanted: set[int | None], others: Iterable[str], observed: Mapping[str, Observed]
) -> dict[int | None, str]:
    """A namespace's ids of others, as far as they are wanted and belong to one that was read."""
    found: dict[int | None, str] = {}
    for other in others:
        if found.keys() != wanted and other in observed and observed[other].status == "present":
            nsid = _read_nsid(kernel.socket(netns), other)
            if nsid in wanted:
                found.setdefault(nsid, other)
    return found


def _read_nsid(kernel: Socket, other: str) -> int | None:
    """A namespace's id of another namespace (ip-netns(8), RTM_GETNSID); None: it has none."""
    with netns_fd(other) as fd:
        message = kernel.get(Request(RTM_GETNSID, 0, bytes(4) + struct.pack("=HHI", 8, NETNSA_FD, fd)))
    nsid = struct.unpack("=i", attributes(message, 20)[NETNSA_NSID])[0]
    return nsid if nsid >= 0 else None
