# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace's whole state as iproute2, nft and /proc/sys tell it, in a form in which equal states are equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.weft.fabric.tests.integration.kernel import ALL_ROUTES, bridge_json, ip, ip_json_batch, wg

# Options of links; the rest is what the kernel counts or finds out by itself.
_OPTIONS = {
    "ageing_time", "forward_delay", "mcast_snooping", "stp_state", "vlan_filtering",
    "df", "group6", "id", "learning", "link", "local", "local6", "port", "remote", "remote6", "tos", "ttl",
    "bridge", "private", "vepa", "group", "macaddr_data", "mode", "nopromisc", "persist", "pmtudisc", "type", "user",
    "protocol", "miimon", "updelay", "downdelay", "primary", "xmit_hash_policy", "ad_lacp_rate", "ad_select",
    "min_links", "table",
}  # fmt: skip


def _link(link: dict[str, Any]) -> dict[str, Any]:
    info = link.get("linkinfo", {})
    return {
        "up": "UP" in link["flags"],
        "kind": info.get("info_kind"),
        "options": {key: value for key, value in sorted(info.get("info_data", {}).items()) if key in _OPTIONS},
        **{key: link.get(key) for key in ("address", "master", "mtu")},
    }


def snapshot(namespace: str) -> dict[str, Any]:
    """``links``, ``addresses``, ``routes``, ``rules`` of IPv4, ``neighbours``, ``fdb`` and ``wireguard``.

    Without link-local addresses and their routes, and without what passing traffic causes.
    """
    # Few programs, because starting them takes most of the time.
    links, neighbours, rules = ip_json_batch(namespace, "address", "neigh", "rule")
    entries = bridge_json(namespace, "fdb")
    routes = [line for line in ip(namespace, *ALL_ROUTES.split()).splitlines() if " table " not in line]
    return {
        "links": {link["ifname"]: _link(link) for link in links},
        "addresses": sorted(
            (link["ifname"], f"{address['local']}/{address['prefixlen']}")
            for link in links
            for address in link["addr_info"]
            if not address["local"].startswith("fe80:") and link["ifname"] != "lo"
        ),
        "routes": sorted(
            line.replace(" pref medium", "").replace(" linkdown", "").strip()
            for line in routes
            if not line.startswith("fe80:")
        ),
        "rules": [rule for rule in rules if rule["protocol"] != "kernel"],
        "neighbours": sorted(
            (entry["dev"], entry["dst"], entry["lladdr"]) for entry in neighbours if "PERMANENT" in entry["state"]
        ),
        "fdb": sorted(
            (
                (entry["ifname"], entry["mac"], entry["dst"], entry.get("port"), entry.get("vni"), entry["state"])
                for entry in entries
                if "dst" in entry
            ),
            key=str,
        ),
        "static": sorted(
            (
                (entry["ifname"], entry["mac"], entry.get("vlan"), "sticky" in entry["flags"])
                for entry in entries
                if entry["state"] == "static"
            ),
            key=str,
        ),
        "wireguard": _wireguard(namespace) if any(_link(link)["kind"] == "wireguard" for link in links) else [],
    }


def _wireguard(namespace: str) -> list[list[str]]:
    """What wg(8) says of interfaces and peers, without handshakes and counters."""
    rows = [line.split("\t") for line in wg(namespace, "show", "all", "dump").splitlines()]
    return sorted(row[:5] + row[8:] if len(row) == 9 else row for row in rows)


def part(state: dict[str, Any], links: set[str]) -> dict[str, Any]:
    """Of a snapshot, what is on some of its links, without the routes that the kernel makes of addresses.

    Those tell which of a subnet's addresses came first.
    """
    return {
        "links": {name: link for name, link in state["links"].items() if name in links},
        "routes": [
            route
            for route in state["routes"]
            if "proto kernel" not in route and any(f" dev {name} " in f"{route} " for name in links)
        ],
        **{key: [item for item in state[key] if item[0] in links] for key in ("addresses", "neighbours", "fdb")},
    }


# In few processes, because starting them takes most of the time. A kernel without VLANs of bridges prints half a list.
_WHOLE = r"""
printf '%s\n' address 'route show table all' 'neigh show nud permanent' rule | ip -d -j -batch -
ip -d -j -6 rule; printf '%s\n' link fdb | bridge -d -j -batch -; nft -j list ruleset; echo --
bridge -d -j vlan 2>/dev/null || echo ]; echo --
ip netns list; echo --
grep -rs . /proc/sys/net/ipv4 /proc/sys/net/ipv6 || :
"""
_PARTS = ("address", "route", "neigh", "rule", "rule6", "ports", "fdb", "nft", "vlan")
# What the kernel numbers, counts or finds out by itself, of objects of JSON and of kernel parameters.
_BY_ITSELF = {
    "ifindex", "link_index", "link_netnsid", "operstate", "flags", "tentative", "handle", "metainfo", "bytes",
    "packets", "expires", "state", "port_no", "root_port", "designated_port", "numtxqueues", "numrxqueues",
}  # fmt: skip


def whole(run: Callable[..., str]) -> set[str]:
    """All of one namespace: ``ip -d -j``, ``bridge -d -j``, ``nft -j`` and kernel parameters, an object in a line.

    Without indexes, counters, timers and link-local addresses.

    :param run: runs a command there, and returns what it prints.
    """
    first, vlans, namespaces, sysctl = run("sh", "-c", _WHOLE).split("--\n")
    data = dict(zip(_PARTS, [*_documents(first), *_documents(vlans)]))
    data["nft"] = data["nft"]["nftables"]
    for link in data["address"]:
        link["up"] = "UP" in link.get("flags", ())
    for port in data["ports"]:
        port.pop("link", None)  # the other end's index, if that is elsewhere
    data["fdb"] = [entry for entry in data["fdb"] if _is_declared(entry)]
    texts = {name: [json.dumps(item, sort_keys=True) for item in _lasting(part)] for name, part in data.items()}
    # The order of rules counts.
    texts["nft"] = [f"{number} {text}" for number, text in enumerate(texts["nft"])]
    texts["namespaces"] = [line.split()[0] for line in namespaces.splitlines()]
    texts["sysctl"] = sysctl.splitlines()
    return {f"{name} {text}" for name, part in texts.items() for text in part}


def _documents(text: str) -> list[Any]:
    """Documents of JSON, one after the other."""
    found = []
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def _is_declared(entry: dict[str, Any]) -> bool:
    """Whether an FDB entry is neither learned nor that of a multicast group (RFC 1112, RFC 2464)."""
    return entry.get("state") in ("permanent", "static") and not entry["mac"].startswith(("33:33:", "01:00:5e:"))


def _lasting(found: Any) -> Any:
    """Data of JSON, without what the kernel changes by itself."""
    if isinstance(found, dict):
        kept = {key: value for key, value in found.items() if key not in _BY_ITSELF and "timer" not in key}
        return {key: _lasting(value) for key, value in kept.items()}
    if isinstance(found, list):
        return [_lasting(item) for item in found if not _is_local(item) and item != {}]
    return found


def _is_local(item: Any) -> bool:
    """Whether it is a link-local address or a route to it, which comes when the address is known to be unique."""
    return isinstance(item, dict) and any(str(item.get(key, "")).startswith("fe80:") for key in ("local", "dst"))
