# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of containers in CNI networks, on their host: their addresses, and what the kernel is to have of them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.cni import hostlocal
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment, masquerade_rules
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import IpAddress, Ipam, Own
from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import own_link, topology
from ansible_collections.weft.fabric.plugins.module_utils.cni.result import result
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Stored
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.links import add_link
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Rule, masquerade_of
from ansible_collections.weft.fabric.plugins.module_utils.nft.table import converge, read

TABLE = "weft_cni"  # nftables


def resolve(document: Stored, check: bool) -> tuple[Stored, dict[str, Any]]:
    """A document with what its interfaces of containers stand for in its topology.

    What is to be there gets its addresses now, and keeps them whatever becomes of the rest: the next run finds them.

    :param check: reserve nothing, and tell what would be given.
    :returns: ``changed`` and ``diff`` of the addresses besides.
    :raises FabricError: there is no address left, or one that is asked for is another's.
    """
    with hostlocal.stores(_directories(document.cni), check or document.absent) as stores:
        found: list[Attachment] = []
        lines: list[str] = []
        for item in document.cni:
            if item.network.ipam and item.network.ipam.sets and not document.absent:
                owns, new = stores[item.network.ipam.directory].reserve(item, item.network.ipam.sets)
                lines += _lines(item, new)
                found.append(replace(item, addresses=tuple(owns)))
            else:
                found.append(_with_addresses(item, stores))
    topology = _gone(document, found) if document.absent else merged(document, found)
    left = document.left
    if left:
        with hostlocal.stores(_present(left.cni), check=True) as stores:
            left = left._replace(cni=tuple(_with_addresses(item, stores) for item in left.cni))
        topology.removals.extend(left.removals)
    return replace(document, cni=tuple(found), topology=topology, left=left), _told([], lines)


def _with_addresses(item: Attachment, stores: Mapping[str, hostlocal.Store]) -> Attachment:
    """An interface with the addresses that it has."""
    ipam = item.network.ipam or Ipam()
    if not ipam.sets:
        return replace(item, addresses=ipam.addresses)
    known = stores[ipam.directory].given(item) if ipam.directory in stores else []
    return replace(item, addresses=tuple(Own(ipaddress.ip_interface(own), None) for own in known))


def _directories(found: Iterable[Attachment]) -> list[str]:
    return [item.network.ipam.directory for item in found if item.network.ipam and item.network.ipam.sets]


def _present(found: Iterable[Attachment]) -> list[str]:
    return [directory for directory in _directories(found) if os.path.isdir(directory)]


def merged(document: Stored, found: Sequence[Attachment]) -> Document:
    """The topology of a document that is to be there, with what interfaces of containers consist of."""
    section = document.content.get("topology") or {}
    namespaces = {netns: dict(content or {}) for netns, content in (section.get("namespaces") or {}).items()}
    for netns, content in topology(found).items():
        into = namespaces.setdefault(netns, {})
        for name, entries in content.items():
            into[name] = [*(into.get(name) or []), *entries]
    known = document.topology or Document()
    return parse_topology(namespaces, False, known.purge, known.route_protocol)


def _gone(document: Stored, found: Sequence[Attachment]) -> Document:
    """Only what each interface alone consists of: a namespace and a bridge go where they are listed as such."""
    topology = document.topology or Document(absent=True)
    for item in found:
        add_own_link(topology, item)
    return topology


def add_own_link(topology: Document, item: Attachment) -> None:
    """Add a container's interface to what is to be gone."""
    link = own_link(item)
    if link is not None:
        add_link(topology, item.netns, link, f"{item.where}.")


def release(document: Stored, check: bool) -> dict[str, Any]:
    """Give the addresses back of interfaces that go: ``changed`` and ``diff``."""
    lines = []
    going = document.cni if document.absent else document.left.cni if document.left else ()
    kept = () if document.absent else document.cni
    with hostlocal.stores(_present(going), check) as stores:
        for item in going:
            if item.network.ipam and item.network.ipam.directory in stores:
                directory = item.network.ipam.directory
                used = {
                    own.address.ip for other in kept if directory in _directories([other]) for own in other.addresses
                }
                lines += _lines(item, stores[directory].release(item, used))
    return _told(lines)


def _lines(item: Attachment, addresses: Iterable[IpAddress]) -> list[str]:
    told = f"of network {item.network.name} for {item.interface} of {item.container}"
    return [f"address {address} {told}" for address in addresses]


def _told(before: Sequence[str], after: Sequence[str] = ()) -> dict[str, Any]:
    text = {side: "".join(f"{line}\n" for line in lines) for side, lines in (("before", before), ("after", after))}
    return {"changed": bool(before or after), "diff": text}


def masquerade(document: Stored, check: bool) -> dict[str, Any]:
    """Masquerade what containers send out of their networks: what weft.fabric.masquerade returns.

    The table is that of all containers of the host: the rules of others stay. Each is known by its source.
    """
    known = (*document.cni, *(document.left.cni if document.left else ()))
    own = {f"{address.ip}/{address.max_prefixlen}" for item in known for address, _gateway in item.addresses}
    observed = read(TABLE)
    rules = [rule for rule in (observed.rules.values() if observed else ()) if isinstance(rule, Rule)]
    kept = [rule for rule in rules if str(rule.source) not in own]
    wanted = [] if document.absent else [rule for item in document.cni for rule in masquerade_rules(item)]
    listed = sorted(
        {*kept, *(masquerade_of(wanted) if wanted else ())},
        key=lambda rule: (rule.source.version, rule.source, rule.out_interface or ""),
    )
    return converge(TABLE, tuple(listed) or None, check)


def results(found: Iterable[Attachment], state: Mapping[str, Observed]) -> list[dict[str, Any]]:
    """CNI's result of each interface, with the MAC addresses that the kernel has."""
    macs = {
        (netns, name): mac
        for netns, observed in state.items()
        for name, link in observed.links.items()
        if (mac := link.attributes.get("mac_address") or _parents_mac(link, state))
    }
    return [result(item, macs) for item in found]


def _parents_mac(link: Link, state: Mapping[str, Observed]) -> str | None:
    """That of a link which has its parent's, as an ipvlan does (ipvlan_main.c: ipvlan_init, ipvlan_device_event)."""
    place = state.get(link.attributes.get("parent_netns") or "", Observed())
    parent = place.links.get(link.attributes.get("parent") or "") if not kind_of(link.kind).own_mac else None
    return parent.attributes.get("mac_address") if parent else None
