# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole document, from the parameter ``namespaces`` of weft.fabric.topology."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.links import add_link, complete
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import LISTS
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL, ROUTE_PROTOCOLS

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. A file is only imported where a document has something for it, because
    # Python compiles all imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.model import bridge_fdb, fdb, neighbour, routes, rule  # noqa: F401
    from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired

_SECTIONS = ("links", *LISTS, "joins")
_PACKAGE = __name__.rpartition(".")[0]
# By list, the file and the function that adds its entries to a document.
_ADD = {
    "routes": ("routes", "add_routes"),
    "rules": ("rule", "add_rules"),
    "neighbours": ("neighbour", "add_neighbours"),
    "bridge_fdb": ("bridge_fdb", "add_bridge_fdb"),
    "fdb": ("fdb", "add_fdb"),
}


def parse_topology(
    namespaces: Any, absent: bool = False, purge: bool = False, route_protocol: Any = ROUTE_PROTOCOL
) -> Document:
    """A document from topology's parameter ``namespaces``.

    :param absent: remove everything that the document lists.
    :param purge: make the lists authoritative: for routes of ours and neighbour and FDB entries on the devices that the
        document names, and for addresses on the links that it makes and gives addresses to.
    :param route_protocol: one of ROUTE_PROTOCOLS.
    :raises InvalidParameter: for the first that is wrong.
    """
    protocol = values.integer("route_protocol", route_protocol, ROUTE_PROTOCOLS[0], ROUTE_PROTOCOLS[-1])
    document = Document(absent, purge, protocol)
    found = values.mapping("namespaces", namespaces)
    for netns, content in found.items():
        if netns:
            values.namespace("namespaces", netns)
        document.at(netns).create = bool(netns) and not netns.startswith("/")
        values.known(
            f"namespaces.{netns}.", values.mapping(f"namespaces.{netns}", content or {}), _SECTIONS, "a namespace"
        )
    for netns, content in found.items():
        _join(document, netns, content or {})
        _parse_namespace(document, netns, content or {})
    complete(document)
    for netns, desired in document.namespaces.items():
        if protocol != ROUTE_PROTOCOL and (purge or absent):
            desired.purge_routes.add(None)
            desired.purge_rules = True
        if desired.joins is not None and document.at(desired.joins).joins is not None:
            remedy = f"that one joins {document.at(desired.joins).joins or 'the empty name'} itself: join that instead"
            raise InvalidParameter(f"namespaces.{netns}.joins", desired.joins, remedy)
    return document


def _join(document: Document, netns: str, content: Mapping[str, Any]) -> None:
    """A name that is to be another one of a namespace which has one."""
    other = content.get("joins")
    if other is None:
        return
    where = f"namespaces.{netns}.joins" if netns else 'namespaces."".joins'
    if other != "":
        values.netns(where, other)
    if netns in ("", other):
        raise InvalidParameter(where, other, "only a named namespace joins another one")
    if len(values.given(content)) > 1:
        raise InvalidParameter(where, other, f"what is in it is listed for {other or 'the empty name'}")
    document.at(netns).joins = other
    document.at(other)


def _parse_namespace(document: Document, netns: str, content: Mapping[str, Any]) -> None:
    prefix = f"namespaces.{netns}." if netns else 'namespaces."".'

    def entries(section: str) -> Iterable[tuple[str, dict[str, Any]]]:
        for index, item in enumerate(values.items(f"{prefix}{section}", content.get(section))):
            where = f"{prefix}{section}[{index}]"
            yield f"{where}.", values.mapping(where, item)

    desired = document.at(netns)
    for where, item in entries("links"):
        add_link(document, netns, item, where)
    _parse_addresses(desired, entries("addresses"))
    for section, (file, add) in _ADD.items():
        where = f"{prefix}{section}"
        listed = values.items(where, content.get(section))
        if listed:
            more = (document.absent,) if section in ("routes", "rules") else ()
            getattr(import_module(f"{_PACKAGE}.{file}"), add)(getattr(desired, section), listed, where, *more)
    desired.purge_rules = document.purge and not document.absent and content.get("rules") is not None
    if document.purge:
        holders = {link.name for link in desired.links.values() if kind_of(link.kind).entries}
        desired.purge_neighbours |= holders | desired.neighbour_devices
        desired.purge_bridge_fdb |= desired.bridge_fdb_devices
        desired.purge_fdb |= holders | desired.fdb_devices
        if not document.absent:
            desired.purge_routes |= {*desired.links, *desired.route_devices}


def _parse_addresses(desired: Desired, listed: Iterable[tuple[str, dict[str, Any]]]) -> None:
    items = [*listed]
    if not items:
        return
    from ansible_collections.weft.fabric.plugins.module_utils.model.address import parse_address

    for where, item in items:
        desired.add_address(parse_address(item, where), f"{where}address")
