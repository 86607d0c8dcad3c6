# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin's result as CNI's JSON, in the format of the configuration's own version. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import ONE_ADDRESS, PLUGINS, VERSIONS, Route


def result(
    item: Attachment, macs: Mapping[tuple[str, str], str], dns: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The result of an interface.

    :param macs: MAC addresses of links by namespace and name, as far as they are known.
    :param dns: what the host's file says that ipam names; None: ipam names none.
    """
    net = item.network
    routes = [
        _filled({"dst": str(route.dst), "gw": str(route.gateway) if route.gateway else None}) for route in _routes(item)
    ]
    dns = dict(net.dns or dns or (net.ipam.dns if net.ipam else {}))
    if net.version in ONE_ADDRESS:
        return {"cniVersion": net.version, **_by_family(item, routes), "dns": dns}
    interfaces, own = _interfaces(item)
    links = [
        {"name": name, "mac": macs.get((place, name)), "sandbox": f"/run/netns/{place}" if place else None}
        for place, name in interfaces
    ]
    ips = [
        {
            "version": None if net.version == VERSIONS[-1] else str(address.version),
            "interface": own,
            "address": str(address),
            "gateway": str(gateway) if gateway else None,
        }
        for address, gateway in item.addresses
    ]
    found = {
        "cniVersion": net.version,
        "interfaces": [*map(_filled, links)],
        "ips": [*map(_filled, ips)] or None,
        "routes": routes or None,
        "dns": dns,
    }
    return _filled(found)


def _filled(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object without the keys that have no value."""
    return {key: value for key, value in item.items() if value is not None}


def resolver(text: str) -> dict[str, Any]:
    """``dns`` of a result from the text of a file as in resolv.conf(5) (plugins/ipam/host-local/dns.go)."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        word, *values = line.split() or [""]
        if word == "nameserver" and values:
            found.setdefault("nameservers", []).append(values[0])
        elif word == "domain" and values:
            found["domain"] = values[0]
        elif word in ("search", "options") and values:
            found.setdefault(word, []).extend(values)
    return found


def _routes(item: Attachment) -> Sequence[Route]:
    """The routes of a result. Where the configuration gives no gateway, the result has none."""
    listed = item.network.ipam.routes if item.network.ipam else ()
    return (*listed, *item.routes[len(listed) :])


def _by_family(item: Attachment, routes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The addresses of a result in the format of versions that have one of each family."""
    found = {}
    for address, gateway in item.addresses:
        of_family = [route for route in routes if (":" in route["dst"]) == (address.version == 6)]
        found[f"ip{address.version}"] = _filled(
            {"ip": str(address), "gateway": str(gateway) if gateway else None, "routes": of_family or None}
        )
    return found


def _interfaces(item: Attachment) -> tuple[list[tuple[str, str]], int]:
    """The interfaces of a result as (namespace, name), and the position of the container's."""
    net = item.network
    outside = [("", net.bridge)] if net.bridge else []
    if PLUGINS[net.plugin].cabled:
        outside.append(("", item.host_interface))
    vlan = net.options.get("vlan")
    gateway = [("", f"{net.bridge}.{vlan}")] if vlan and net.gateway and item.addresses else []
    return [*outside, (item.netns, item.interface), *gateway], len(outside)
