# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document with everything that it leaves to the host: options from files, and the own names of links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of, one
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.links import merge
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace, place_of
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule


def resolved(document: Document, check: bool = False) -> tuple[Document, list[str]]:
    """The document that is planned, and warnings.

    :param check: a file that does not exist is only a warning, because an earlier task may be about to create it.
    :raises FabricError: there is no such file, or not what it should hold.
    """
    warnings: list[str] = []

    def missing(message: str) -> None:
        if not check:
            raise FabricError(message)
        warnings.append(f"{message} (check mode: taken as if it did)")

    def link_of(link: Link) -> Link:
        resolve = kind_of(link.kind).resolve
        return replace(link, attributes=resolve(link.where, link.attributes, missing)) if resolve else link

    namespaces = {
        netns: replace(desired, links={name: link_of(link) for name, link in desired.links.items()})
        for netns, desired in document.namespaces.items()
    }
    return replace(document, namespaces=namespaces), warnings


def by_own_names(document: Document, observed: Mapping[str, Observed]) -> Document:
    """The document with the own name of each link that it names by an alternative one (ip-link(8), ``altname``).

    :raises InvalidParameter: a link that is to be made has an alternative name of another one, or loses the name by
        which the document finds it.
    """
    own = {netns: state.own_names for netns, state in observed.items()}
    renamed = replace(document, namespaces={}, removals=[])
    for netns, desired in document.namespaces.items():
        renamed.namespaces[netns] = _desired(desired, own.get(netns, {}))
    for netns, desired in document.namespaces.items():
        for link in desired.links.values():
            _refuse_of_another(netns, link, observed)
            _refuse_to_forget(link, own.get(netns, {}))
            merge(renamed, netns, _link(netns, link, own))
    for removal in document.removals:
        item, names = removal.item, own.get(removal.netns, {})
        if isinstance(item, Link):
            item = _link(removal.netns, item, own)
        elif isinstance(item, Rule):
            item = _rule(item, names)
        elif not isinstance(item, Namespace):
            item = _entry(item, names)
        renamed.removals.append(removal._replace(item=item))
    return renamed


def _desired(desired: Desired, own: Mapping[str, str]) -> Desired:
    """What is wanted in a namespace, without its links."""

    def named(names: set[Any]) -> set[Any]:
        return {own.get(name, name) for name in names}

    addresses = {_entry(address, own): where for address, where in desired.addresses.items()}
    return replace(
        desired,
        links={},
        claimed=named(desired.claimed),
        addresses=addresses,
        address_keys={address.key: address for address in addresses},
        expected={(own.get(dev, dev), address) for dev, address in desired.expected},
        routes={key: _entry(route, own) for key, route in desired.routes.items()},
        rules={key: _rule(rule, own) for key, rule in desired.rules.items()},
        neighbours={own.get(dev, dev): entries for dev, entries in desired.neighbours.items()},
        fdb=dict.fromkeys(_entry(entry, own) for entry in make_all(FdbEntry, desired.fdb)),
        bridge_fdb={entry.key: entry for entry in (_entry(entry, own) for entry in desired.bridge_fdb.values())},
        purge_addresses=named(desired.purge_addresses),
        purge_ports=named(desired.purge_ports),
        purge_routes=named(desired.purge_routes),
        purged_protocols={number: named(devices) for number, devices in desired.purged_protocols.items()},
        purge_neighbours=named(desired.purge_neighbours),
        purge_fdb=named(desired.purge_fdb),
        purge_bridge_fdb=named(desired.purge_bridge_fdb),
    )


def _entry(item: Any, own: Mapping[str, str]) -> Any:
    """An address, a route, a neighbour or an FDB entry."""
    changes: dict[str, Any] = {"dev": own.get(item.dev, item.dev)}
    if isinstance(item, FdbEntry):
        changes["via"] = own.get(item.via or "", item.via)
    if isinstance(item, Route) and item.nexthops:
        changes["nexthops"] = tuple(_entry(hop, own) for hop in item.nexthops)
    return item._replace(**changes)


def _rule(rule: Rule, own: Mapping[str, str]) -> Rule:
    return rule._replace(iif=own.get(rule.iif or "", rule.iif), oif=own.get(rule.oif or "", rule.oif))


def _link(netns: str, link: Link, own: Mapping[str, Mapping[str, str]]) -> Link:
    def named(place: str, name: str) -> str:
        return own.get(place, {}).get(name, name)

    below: str | None = link.attributes.get("parent_netns")
    places = {"controller": netns}
    places.update(
        (name, netns if below is None else below) for name, option in kind_of(link.kind).options.items() if option.link
    )
    return replace(
        link,
        name=named(netns, link.name),
        mtu_of=named("", link.mtu_of),
        attributes={
            name: named(places[name], value) if value and name in places else value
            for name, value in link.attributes.items()
        },
        peer=link.peer and (link.peer[0], named(*link.peer)),
        origin=link.origin and (link.origin[0], named(*link.origin)),
    )


def _refuse_to_forget(link: Link, own: Mapping[str, str]) -> None:
    """A list of alternative names contains the one that the task itself uses; udev's are kept anyway."""
    names = link.attributes.get("altnames")
    if link.kind and names is not None and link.name in own and link.name not in names:
        remedy = f"{link.name}, by which the task finds {own[link.name]}, would be removed: list it too"
        raise InvalidParameter(f"{link.where}altnames", ",".join(names), remedy)


def _refuse_of_another(netns: str, link: Link, observed: Mapping[str, Observed]) -> None:
    """A link of another kind keeps its alternative names: it is not the one that is meant."""
    state = observed.get(netns, Observed())
    holder = state.links.get(state.own_names.get(link.name, ""))
    if holder is None or not link.kind or holder.kind == link.kind:
        return
    what = one(holder.kind) if holder.kind else "a NIC or another kind of link"
    remedy = f"it is an alternative name of {holder.name}{place_of(netns)}, which is {what}: choose another name"
    raise InvalidParameter(f"{link.where}name", link.name, remedy)
