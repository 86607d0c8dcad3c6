# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the roles underlay, mgmt_routing and masquerade, by the rules of the engine on the hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import masquerade_of
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import Faults

Item = tuple[str, str, Mapping[str, Any]]
"""An item of a list: the variable with index, the list of a topology that the item belongs to, and the item."""


def check(variables: Mapping[str, Any], faults: Faults) -> None:
    """Report what the engine would refuse.

    :param variables: a host's variables, each of which its role's argument specification allows.
    """
    bonds = _listed(variables, "underlay_bonds", "links", kind="bond")
    vlans = _listed(variables, "underlay_vlans", "links", kind="vlan")
    _check_topology([*bonds, *vlans, *_listed(variables, "underlay_routes", "routes")], faults, _ports(bonds))
    _check_topology(_listed(variables, "underlay_interfaces", "links"), faults)
    _check_topology(_listed(variables, "underlay_interface_routes", "routes"), faults)
    _check_topology(_listed(variables, "mgmt_routing_routes", "routes"), faults)
    _check_masquerading(variables.get("masquerade_rules") or [], faults)


def addresses(variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The host's own addresses on bonds and VLANs, without prefix length, each with its variable and index."""
    for name in ("underlay_bonds", "underlay_vlans"):
        for index, item in enumerate(variables.get(name) or []):
            for number, address in enumerate(item.get("addresses") or []):
                yield f"{name}[{index}].addresses[{number}]", address.partition("/")[0]


def interfaces(variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of bonds and VLANs, each with its variable and index."""
    for name in ("underlay_bonds", "underlay_vlans"):
        for index, item in enumerate(variables.get(name) or []):
            yield f"{name}[{index}].name", item["name"]


def _listed(variables: Mapping[str, Any], name: str, section: str, **more: Any) -> list[Item]:
    return [(f"{name}[{index}]", section, {**item, **more}) for index, item in enumerate(variables.get(name) or [])]


def _ports(bonds: Sequence[Item]) -> list[Item]:
    """The interfaces in bonds, which lose their addresses."""
    return [
        (f"{where}.ports[{index}]", section, {"name": port, "addresses": [], "purge_addresses": True})
        for where, section, bond in bonds
        for index, port in enumerate(bond["ports"])
    ]


def _check_topology(items: Sequence[Item], faults: Faults, besides: Sequence[Item] = ()) -> None:
    """Report the faults of each item, or else the first of all items together, with those that follow from them."""
    refused = [error for error in map(_refusal, ([item] for item in items)) if error]
    together = _refusal([*items, *besides]) if items and not refused else None
    for error in [*refused, *([together] if together else [])]:
        faults.add(error)


def _refusal(items: Sequence[Item]) -> InvalidParameter | None:
    content: dict[str, list[Any]] = {}
    places: dict[str, str] = {}
    for where, section, item in items:
        entries = content.setdefault(section, [])
        places[f'namespaces."".{section}[{len(entries)}]'] = where
        entries.append(item)
    try:
        parse_topology({"": content}, purge=True)
    except InvalidParameter as error:
        return _renamed(error, places)
    return None


def _renamed(error: InvalidParameter, places: Mapping[str, str]) -> InvalidParameter:
    """The error with the user's own variables in place of the engine's parameters."""
    parameter, remedy = error.parameter, error.remedy
    for place, where in places.items():
        parameter, remedy = parameter.replace(place, where), remedy.replace(place, where)
    return InvalidParameter(parameter, error.value, remedy)


def _check_masquerading(rules: Sequence[Mapping[str, Any]], faults: Faults) -> None:
    right = True
    for index, rule in enumerate(rules):
        error = _refused_rules([rule], {"rules[0]": f"masquerade_rules[{index}]"})
        if error:
            right = False
            faults.add(error)
    if right and rules:
        together = _refused_rules(rules, {"rules[": "masquerade_rules["})
        if together:
            faults.add(together)


def _refused_rules(rules: Sequence[Mapping[str, Any]], places: Mapping[str, str]) -> InvalidParameter | None:
    try:
        masquerade_of(rules)
    except InvalidParameter as error:
        return _renamed(error, places)
    return None
