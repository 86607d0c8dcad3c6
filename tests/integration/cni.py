# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI network configurations, and all that iproute2 says of a host and of a pod that a plugin has connected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.weft.fabric.tests.integration import kernel

SLIDES = """
{
"name": "mynet",
"type": "bridge",
"bridge": "cni0",
"isGateway": true,
"ipMasq": true,
"ipam": {
"type": "host-local",
"subnet": "10.22.0.0/16",
"routes": [
{ "dst": "0.0.0.0/0" }
]
}
}
"""


def config(plugin: str, ipam: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    found = {"cniVersion": "1.0.0", "name": "mynet", "type": plugin, **more}
    return {**found, "ipam": ipam} if ipam else found


def host_local(*ranges: Any, **more: Any) -> dict[str, Any]:
    return {"type": "host-local", "ranges": [[item] if isinstance(item, dict) else item for item in ranges], **more}


ONE = {"subnet": "10.9.0.0/24"}
SIX = {"subnet": "fd09::/64"}
DEFAULT = {"dst": "0.0.0.0/0"}

# What iproute2 tells of a link that is the kernel's own doing, or counts; of a bridge's port, its number among them,
# which follows from the order in which they came.
_LINK_NOISE = {"ifindex", "link_index", "link", "link_netnsid", "link_netns", "id", "no", "designated_port"}
# Accepted differences, each with the words by which docs/cni.md says so.
ACCEPTED = {
    "txqlen": "`txqlen`",
    "protocol": "`proto 119`",
    "broadcast": "`brd`",
    "noprefixroute": "`noprefixroute`",
}
SCOPE = "`scope host`"


def _without_noise(found: Any) -> Any:
    if isinstance(found, list):
        return [_without_noise(item) for item in found]
    if isinstance(found, dict):
        left = {key: _without_noise(value) for key, value in found.items() if key not in _LINK_NOISE}
        return {key: value for key, value in left.items() if not key.endswith("_timer") and key not in ACCEPTED}
    return found


def state(host: str, pod: str) -> Any:
    """All that iproute2 says of both namespaces, with names instead of indexes and of random MAC addresses."""
    raw: dict[str, Any] = {}
    names: dict[str, str] = {}
    for role, namespace in (("host", host), ("pod", pod)):
        links, addresses, routes = kernel.ip_json_batch(namespace, "link", "address", kernel.ALL_ROUTES)
        for link in (*links, *addresses):
            if link.get("linkinfo", {}).get("info_kind") == "bridge":
                # It follows the carrier, which the flags tell of, a second later at most (net/core/link_watch.c).
                del link["operstate"]
        for link in links:
            own = "veth" if re.fullmatch("veth[0-9a-f]{8}", link["ifname"]) else link["ifname"]
            names[link["ifname"]] = own
            if link["address"] != "00:00:00:00:00:00":
                mac = f"mac of {role} {own}"
                names[link["address"]] = mac
                # As bridge ids have it.
                octets = [int(octet, 16) for octet in link["address"].split(":")]
                names[":".join(f"{octet:x}" for octet in octets)] = mac
        raw[role] = {
            "links": links,
            "addresses": addresses,
            "routes": [route for route in routes if route["table"] == "main"],
            "ports": kernel.bridge_json(namespace, "link"),
        }
    text = json.dumps(_without_noise(raw))
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(f'"{name}"', f'"{names[name]}"').replace(f'.{name}"', f'.{names[name]}"')
    # Which of the two depends on whether the other end was in this namespace when it went down.
    text = text.replace("LOWERLAYERDOWN", "DOWN")
    # A bridge keeps those of the MAC addresses that it had before it had ports.
    found = json.loads(re.sub('"fe80::[0-9a-f:]+"', '"link-local"', text))
    for part in found.values():
        for route in part["routes"]:
            if route.get("scope") == "host":
                route["scope"] = "link"  # SCOPE
        part["routes"].sort(key=lambda route: json.dumps(route, sort_keys=True))
    return found


def lines(found: Any, path: str = "") -> Iterator[str]:
    """Nested data as lines, so that a test says what differs and not that something does."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from lines(value, f"{path} {key}")
    elif isinstance(found, list) and any(isinstance(item, dict) for item in found):
        for number, value in enumerate(found):
            yield from lines(value, f"{path} {value.get('ifname', number)}")
    else:
        yield f"{path}: {found}"


def settled(host: str, pod: str) -> list[str]:
    """The state once links have come up and addresses are in use."""
    with kernel.Monitor(host, pod):
        pass
    return sorted(lines(state(host, pod)))


def differences(ours: list[str], theirs: list[str]) -> tuple[list[str], list[str]]:
    """What one state has and the other has not, both ways."""
    return [line for line in ours if line not in theirs], [line for line in theirs if line not in ours]


def asked(events: list[kernel.Event]) -> list[kernel.Event]:
    """Without the end of a port's forward delay, which comes by itself, 15 seconds after the port."""
    return [event for event in events if event.kind != "NEWLINK" or not event.text.startswith("port ")]
