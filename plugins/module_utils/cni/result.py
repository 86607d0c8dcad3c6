# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin's result as CNI's JSON, in the format of the configuration's own version. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import VERSIONS, Route


def result(item: Attachment, macs: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """What the plugin prints: the result, in the format of the configuration's own version.

    :param macs: by namespace and name, MAC addresses of links, as far as they are known.
    """
    net = item.network
    routes = [
        {"dst": str(route.dst), **({"gw": str(route.gateway)} if route.gateway else {})} for route in _told_routes(item)
    ]
    dns = dict(net.dns or (net.ipam.dns if net.ipam else {}))
    if net.version in VERSIONS[:2]:
        return {"cniVersion": net.version, **_old(item, routes), "dns": dns}
    interfaces, own = _interfaces(item)
    found: dict[str, Any] = {
        "cniVersion": net.version,
        "interfaces": [
            {
                "name": name,
                **({"mac": macs[place, name]} if (place, name) in macs else {}),
                **({"sandbox": f"/run/netns/{place}"} if place else {}),
            }
            for place, name in interfaces
        ],
    }
    ips = [
        {
            **({} if net.version == VERSIONS[-1] else {"version": str(address.version)}),
            "interface": own,
            "address": str(address),
            **({"gateway": str(gateway)} if gateway else {}),
        }
        for address, gateway in item.addresses
    ]
    if ips:
        found["ips"] = ips
    if routes:
        found["routes"] = routes
    return {**found, "dns": dns}


def _told_routes(item: Attachment) -> Sequence[Route]:
    """Routes as the result has them: without a gateway where the configuration gives none."""
    listed = item.network.ipam.routes if item.network.ipam else ()
    return (*listed, *item.routes[len(listed) :])


def _old(item: Attachment, routes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    found = {}
    for address, gateway in item.addresses:
        of_family = [route for route in routes if (":" in route["dst"]) == (address.version == 6)]
        found[f"ip{address.version}"] = {
            "ip": str(address),
            **({"gateway": str(gateway)} if gateway else {}),
            **({"routes": of_family} if of_family else {}),
        }
    return found


def _interfaces(item: Attachment) -> tuple[list[tuple[str, str]], int]:
    """(namespace, name) of the interfaces of a result, and which of them is the container's."""
    inside = (item.netns, item.interface)
    if item.network.plugin == "bridge":
        vlan = item.network.options.get("vlan")
        gateway = [("", f"{item.network.bridge}.{vlan}")] if vlan and item.network.gateway and item.addresses else []
        return [("", item.network.bridge), ("", item.host_interface), inside, *gateway], 2
    if item.network.plugin == "ptp":
        return [("", item.host_interface), inside], 1
    return [inside], 0
