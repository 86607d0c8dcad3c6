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
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import MODES, Overlay

KEYS = ("name", "state", "cidr", "node_prefix", "vni", "port", "device", "mode", "bridge")


def plan(overlays: object, given: object, defaults: Mapping[str, Any]) -> dict[str, Overlay]:
    """Plan all overlays of the same nodes.

    :param overlays: a list. Each has a ``name``, and may have ``state``, ``cidr``, ``node_prefix``, ``vni``, ``port``,
        ``device``, ``mode`` and ``bridge``, the name of its pods' bridge.
    :param given: the nodes, as nodes.plan() takes them.
    :param defaults: the values of overlays that have none of their own. With state absent, all overlays are absent.
    :returns: the overlays by name.
    :raises InvalidParameter: the first fault of one overlay, or of two together.
    """
    if not isinstance(overlays, (list, tuple)) or not overlays:
        raise InvalidParameter("overlay_overlays", overlays, "give a list of {name, cidr, vni, device, bridge}")
    planned: dict[str, Overlay] = {}
    holders: dict[tuple[str, object], str] = {}
    for index, item in enumerate(overlays):
        where = f"overlay_overlays[{index}]"
        values_of_one = _complete(where, item, defaults)
        overlay = _parse(where, item, values_of_one)
        if overlay.present:
            overlay = _planned(overlay, given, values_of_one, alone=len(overlays) == 1)
        _refuse_duplicates(where, overlay, holders)
        _refuse_overlapping(where, overlay, planned)
        planned[overlay.name] = overlay
    return planned


def _complete(where: str, item: object, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """An overlay's values, with the defaults of those that it has not."""
    if not isinstance(item, Mapping):
        raise InvalidParameter(where, item, "give a dictionary with at least a name")
    for key in item:
        if key not in KEYS:
            raise InvalidParameter(f"{where}.{key}", item[key], f"an overlay takes only {', '.join(KEYS)}")
    complete = {**defaults, **item}
    if defaults["state"] == "absent":
        complete["state"] = "absent"
    return complete


def _parse(where: str, item: Mapping[str, Any], complete: Mapping[str, Any]) -> Overlay:
    def named(key: str) -> str:
        return f"{where}.{key}" if key in item else f"overlay_{key}"

    return Overlay(
        name=values.text(f"{where}.name", complete.get("name")),
        state=values.choice(named("state"), complete["state"], ("present", "absent")),
        vni=values.integer(named("vni"), complete["vni"], 0, values.LARGEST_VNI),
        port=values.integer(named("port"), complete["port"], 1, 65535),
        device=values.ifname(named("device"), complete["device"]),
        mode=values.choice(named("mode"), complete["mode"], MODES),
        bridge=values.ifname(f"{where}.bridge", complete["bridge"]),
    )


def _planned(overlay: Overlay, given: object, complete: Mapping[str, Any], alone: bool) -> Overlay:
    cidr = complete["cidr"]
    try:
        planned = nodes.plan(given, cidr, overlay.vni, complete["node_prefix"], overlay.mode)
        return replace(overlay, nodes=planned, cidrs=tuple(str(network) for network in networks.parse(cidr)))
    except InvalidParameter as error:
        which = "" if alone else f"overlay {overlay.name}: "
        raise InvalidParameter(f"{which}{error.parameter}", error.value, error.remedy) from None


def _refuse_duplicates(where: str, overlay: Overlay, holders: dict[tuple[str, object], str]) -> None:
    """Refuse an overlay that has the name, interface, bridge, or VNI and port of another."""
    unique: list[tuple[str, object]] = [(key, getattr(overlay, key)) for key in ("name", "device", "bridge")]
    if overlay.present:
        unique.append(("vni", (overlay.vni, overlay.port)))
    for key, value in unique:
        other = holders.setdefault((key, value), where)
        if other != where:
            remedy = f"{other} has it too: give each overlay its own"
            raise InvalidParameter(f"{where}.{key}", getattr(overlay, key), remedy)


def _refuse_overlapping(where: str, overlay: Overlay, others: Mapping[str, Overlay]) -> None:
    for cidr in overlay.cidrs:
        network = ipaddress.ip_network(cidr)
        for name, other in others.items():
            for taken in map(ipaddress.ip_network, other.cidrs):
                if taken.version == network.version and taken.overlaps(network):
                    raise InvalidParameter(f"{where}.cidr", cidr, f"overlay {name} has {taken}: keep the two apart")
