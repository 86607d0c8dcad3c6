# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topologies of all roles of a host as one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace

Parts = Mapping[str, Document]
"""Topologies by role."""


def merged(parts: Parts) -> Document:
    """The topologies of roles as one.

    :raises InvalidParameter: two of them contradict each other; the message names both.
    """
    whole = Document()
    for role, part in parts.items():
        for netns, desired in part.namespaces.items():
            _add_namespace(whole, parts, role, netns)
            _add_links(whole, parts, role, netns)
            _add_entries(whole, parts, role, netns)
            _add_lists(whole.at(netns), desired, part.route_protocol)
        whole.removals += part.removals
    return whole


def role_of(parts: Parts, netns: str, item: Any) -> str:
    """The role that makes an object, or lists it, or the link or namespace that it is in; empty: none does."""
    found = [role for role, part in parts.items() if part.namespaces.get(netns) and _has(part, netns, item)]
    place = netns
    if isinstance(item, (Link, Namespace)):
        place = item.name
    elif not found:
        devices = item.devices if getattr(item, "list_name", "") == "routes" else {getattr(item, "dev", "")}
        found = [role for dev in devices for role in _makers(parts, netns, dev)]
    found = found or [role for role, part in parts.items() if place in part.namespaces]
    return found[0] if found else ""


def _has(part: Document, netns: str, item: Any) -> bool:
    if isinstance(item, Namespace):
        return item.name in part.namespaces and part.namespaces[item.name].create
    desired = part.namespaces[netns]
    if isinstance(item, Link):
        return item.name in desired.links
    name = getattr(item, "list_name", "")  # objects of others that are restored have no list
    return (name == "routes" and item.key in desired.routes) or (name == "addresses" and item in desired.addresses)


def _makers(parts: Parts, netns: str, name: str) -> list[str]:
    """The roles that list a link, those first that make it."""
    found = [role for role, part in parts.items() if netns in part.namespaces and name in part.at(netns).links]
    return sorted(found, key=lambda role: not parts[role].at(netns).links[name].kind)


def _conflict(role: str, error: InvalidParameter, others: list[str]) -> InvalidParameter:
    """A contradiction to another role."""
    named = " and ".join(other for other in others if other != role) or role
    return InvalidParameter(
        f"documents.{role}.topology.{error.parameter}", error.value, f"{error.remedy} (the other is in {named})"
    )


def _add_namespace(whole: Document, parts: Parts, role: str, netns: str) -> None:
    wanted, found = parts[role].at(netns), whole.at(netns)
    if not wanted.create:
        return
    if found.create and found.joins != wanted.joins:
        others = [other for other, part in parts.items() if netns in part.namespaces and part.at(netns).create]
        remedy = f"it is listed twice, and joins {found.joins or 'none'} too: list it once"
        raise _conflict(role, InvalidParameter(f"namespaces.{netns}.joins", wanted.joins, remedy), others)
    found.create, found.joins = True, wanted.joins


def _add_links(whole: Document, parts: Parts, role: str, netns: str) -> None:
    if not parts[role].at(netns).links:
        return
    # Not before: some documents have no links, and Python compiles all imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.model.links import merge

    for link in parts[role].at(netns).links.values():
        try:
            merge(whole, netns, replace(link, attributes=dict(link.attributes)))
        except InvalidParameter as error:
            raise _conflict(role, error, _makers(parts, netns, link.name)) from error


def _add_entries(whole: Document, parts: Parts, role: str, netns: str) -> None:
    found, wanted = whole.at(netns), parts[role].at(netns)
    for address, where in wanted.addresses.items():
        try:
            found.add_address(address, where)
        except InvalidParameter as error:
            others = [
                other
                for other, part in parts.items()
                if netns in part.namespaces and address.key in part.at(netns).address_keys
            ]
            raise _conflict(role, error, others) from error
    for key in found.routes.keys() & wanted.routes.keys():
        others = [other for other, part in parts.items() if netns in part.namespaces and key in part.at(netns).routes]
        remedy = "another route has the same destination, table and metric: keep one, or give metrics"
        twice = InvalidParameter(f"namespaces.{netns or chr(34) * 2}.routes", wanted.routes[key].dst, remedy)
        raise _conflict(role, twice, others)
    found.expected |= wanted.expected
    found.routes.update(wanted.routes)
    found.rules.update(wanted.rules)
    for dev, entries in wanted.neighbours.items():
        found.neighbours.setdefault(dev, {}).update(entries)
    found.fdb.update(wanted.fdb)
    found.bridge_fdb.update(wanted.bridge_fdb)


def _add_lists(found: Desired, wanted: Desired, protocol: int) -> None:
    """Add what is authoritative of a role's lists."""
    found.claimed |= wanted.claimed
    found.purge_ports |= wanted.purge_ports
    found.purge_addresses |= wanted.purge_addresses
    found.purge_neighbours |= wanted.purge_neighbours
    found.purge_fdb |= wanted.purge_fdb
    found.purge_bridge_fdb |= wanted.purge_bridge_fdb
    found.purge_rules |= wanted.purge_rules
    found.protocols.update(dict.fromkeys(wanted.routes, protocol))
    if wanted.purge_routes:
        found.purged_protocols.setdefault(protocol, set()).update(wanted.purge_routes)
