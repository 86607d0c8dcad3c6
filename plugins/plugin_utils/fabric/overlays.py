# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All overlays of a fabric, planned and kept apart from each other."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import networks, nodes
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import STOP, Faults
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import MODES, Overlay

KEYS = ("name", "state", "cidr", "node_prefix", "vni", "port", "device", "mode", "bridge")


def plan(
    overlays: object, listed: nodes.Listing, defaults: Mapping[str, Any], faults: Faults = STOP
) -> dict[str, Overlay]:
    """Plan all overlays of the same nodes.

    :param overlays: a list. Each has a ``name``, and may have ``state``, ``cidr``, ``node_prefix``, ``vni``, ``port``,
        ``device``, ``mode`` and ``bridge``, the name of its pods' bridge.
    :param listed: the nodes.
    :param defaults: the values of overlays that have none of their own. With state absent, all overlays are absent.
    :returns: the overlays by name. An overlay with faults has no nodes.
    """
    if not isinstance(overlays, (list, tuple)) or not overlays:
        faults.add(InvalidParameter("overlay_overlays", overlays, "give a list of {name, cidr, vni, device, bridge}"))
        return {}
    planned: dict[str, Overlay] = {}
    holders: dict[tuple[str, object], str] = {}
    for index, item in enumerate(overlays):
        where = f"overlay_overlays[{index}]"
        if not isinstance(item, Mapping):
            faults.add(InvalidParameter(where, item, "give a dictionary with at least a name"))
            continue
        for key in item:
            if key not in KEYS:
                remedy = f"an overlay takes only {', '.join(KEYS)}"
                faults.add(InvalidParameter(f"{where}.{key}", item[key], remedy))
        complete = {**defaults, **item}
        if defaults["state"] == "absent":
            complete["state"] = "absent"
        overlay = _parse(where, item, complete, faults)
        if overlay is None:
            planned.setdefault(str(complete.get("name")), _unknown(complete))
            continue
        if overlay.present:
            overlay = _planned(where, item, overlay, listed, complete, faults)
        _refuse_duplicates(where, overlay, holders, faults)
        _refuse_overlapping(where, overlay, planned, faults)
        planned.setdefault(overlay.name, overlay)
    return planned


def _name(where: str, item: Mapping[str, Any], key: str) -> str:
    """The variable that an overlay's value is from."""
    if key in item or key == "name":
        return f"{where}.{key}"
    return "pods_bridge" if key == "bridge" else f"overlay_{key}"


def _parse(where: str, item: Mapping[str, Any], complete: Mapping[str, Any], faults: Faults) -> Overlay | None:
    """An overlay without its nodes; None: it has faults."""
    rules: dict[str, tuple[Any, ...]] = {
        "name": (values.text,),
        "state": (values.choice, ("present", "absent")),
        "vni": (values.vni,),
        "port": (values.port,),
        "device": (values.ifname,),
        "mode": (values.choice, MODES),
        "bridge": (values.ifname,),
    }
    found = {
        key: faults.check(rule, _name(where, item, key), complete.get(key), *more)
        for key, (rule, *more) in rules.items()
    }
    parsed = {key: value for key, value in found.items() if value is not None}
    return Overlay(**parsed) if len(parsed) == len(rules) else None


def _unknown(complete: Mapping[str, Any]) -> Overlay:
    """An overlay with faults, for pods that name it."""
    return Overlay(str(complete.get("name")), "present", 0, 0, "", MODES[0], "")


def _planned(
    where: str,
    item: Mapping[str, Any],
    overlay: Overlay,
    listed: nodes.Listing,
    complete: Mapping[str, Any],
    faults: Faults,
) -> Overlay:
    """An overlay with its nodes."""
    cidrs = faults.check(networks.parse, complete["cidr"], _name(where, item, "cidr"))
    if cidrs is None:
        return overlay
    named = _name(where, item, "node_prefix")
    prefixes = faults.check(networks.prefixes, cidrs, complete["node_prefix"], named)
    overlay = replace(overlay, cidrs=tuple(map(str, cidrs)))
    if prefixes is None:
        return overlay
    there = nodes.place(listed, prefixes, overlay.vni, overlay.mode)
    if overlay.mode == "direct":
        faults.check(nodes.refuse_unroutable, there, cidrs, _name(where, item, "cidr"))
    return replace(overlay, nodes=there)


def _refuse_duplicates(where: str, overlay: Overlay, holders: dict[tuple[str, object], str], faults: Faults) -> None:
    """Refuse an overlay that has the name, interface, bridge, or VNI and port of another."""
    unique: list[tuple[str, object]] = [(key, getattr(overlay, key)) for key in ("name", "device", "bridge")]
    if overlay.present:
        unique.append(("vni", (overlay.vni, overlay.port)))
    for key, value in unique:
        other = holders.setdefault((key, value), where)
        if other != where:
            remedy = f"{other} has it too: give each overlay its own"
            faults.add(InvalidParameter(f"{where}.{key}", getattr(overlay, key), remedy))


def _refuse_overlapping(where: str, overlay: Overlay, others: Mapping[str, Overlay], faults: Faults) -> None:
    for cidr in overlay.cidrs:
        network = ipaddress.ip_network(cidr)
        for name, other in others.items():
            for taken in map(ipaddress.ip_network, other.cidrs):
                if taken.version == network.version and taken.overlaps(network):
                    remedy = f"overlay {name} has {taken}: keep the two apart"
                    faults.add(InvalidParameter(f"{where}.cidr", cidr, remedy))
