# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as lines of text and as data: for diffs, for messages, and for what a module returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kinds import KINDS, OPTION_MODES, PORT_OPTIONS
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import (
    MAIN,
    ROUTE_PROTOCOLS,
    Address,
    FdbEntry,
    Link,
    Namespace,
    Neighbour,
    Observed,
    Route,
    make_all,
)

# Routes that the kernel makes itself, and those of routing daemons, DHCP and router advertisements, are not part of a
# document: RTPROT_BOOT and RTPROT_STATIC are what ip(8) and administrators leave behind.
DOCUMENTED_PROTOCOLS = (3, 4, *ROUTE_PROTOCOLS)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def name(netns: str, item: Any) -> str:
    """What an object is called in a message: ``link vxlan0``, ``route 10.0.0.0/24 in namespace pod1``."""
    place = f" in namespace {netns}" if netns else ""
    if isinstance(item, Namespace):
        return f"namespace {item.name}"
    if isinstance(item, Link):
        return f"link {item.name}{place}"
    if isinstance(item, Address):
        return f"address {item.address} on {item.dev}{place}"
    if isinstance(item, Route):
        return f"{_route(item)}{place}"
    if isinstance(item, Neighbour):
        return f"neighbour {item.dst} on {item.dev}{place}"
    return f"FDB entry {item.lladdr} dst {item.dst} on {item.dev}{place}"


def lines(netns: str, item: Any) -> list[str]:
    """An object as lines of a diff, in the words of ip(8) and bridge(8); a link's attributes take a line each."""
    prefix = f"netns {netns}: " if netns else ""
    if item is None:
        return []
    if isinstance(item, Namespace):
        joins = "" if item.joins is None else f" joins {item.joins or 'this one'}"
        return [f"namespace {item.name}{joins}"]
    if isinstance(item, Link):
        return [prefix + line for line in _link(item)]
    if isinstance(item, Address):
        return [f"{prefix}address {item.dev} {item.address}"]
    if isinstance(item, Route):
        return [prefix + _route(item)]
    if isinstance(item, Neighbour):
        return [f"{prefix}neighbour {item.dev} {item.dst} lladdr {item.lladdr}"]
    return [prefix + _fdb(item)]


def _link(link: Link) -> Iterable[str]:
    for key, value in link.attributes.items():
        if key == "admin_state":
            yield f"link {link.name} {value}"
        elif key == "controller" and not value:
            yield f"link {link.name} no controller"
        elif value is not None:
            yield f"link {link.name} {key} {_word(value)}"


def new_link(netns: str, link: Link, verb: str = "type") -> str:
    """A whole link as one line: what is made, or what is deleted."""
    prefix = f"netns {netns}: " if netns else ""
    words = [f"{prefix}link {link.name} {verb} {link.kind}"]
    words += [f"{key} {_word(value)}" for key, value in link.attributes.items() if value not in (None, "", [])]
    if link.peer:
        place = f" netns {link.peer[0]}" if link.peer[0] else ""
        words.append(f"peer {link.peer[1]}{place}")
    return " ".join(words)


def _route(route: Route) -> str:
    words = [f"route {'default' if route.dst in ('0.0.0.0/0', '::/0') else route.dst}"]
    if route.via:
        words.append(f"via {route.via}")
    if route.dev:
        words.append(f"dev {route.dev}")
    if route.src:
        words.append(f"src {route.src}")
    if route.metric:
        words.append(f"metric {route.metric}")
    if route.table != MAIN:
        words.append(f"table {route.table}")
    if route.mtu:
        words.append(f"mtu {route.mtu}")
    if route.onlink:
        words.append("onlink")
    return " ".join(words)


def _fdb(entry: FdbEntry) -> str:
    line = f"fdb {entry.dev} {entry.lladdr} dst {entry.dst}"
    if entry.port is not None:
        line += f" port {entry.port}"
    if entry.vni is not None:
        line += f" vni {entry.vni}"
    return line


# -- as data ---------------------------------------------------------------------------------------


def link_data(link: Link) -> dict[str, Any]:
    """A link as an item of topology's ``links``."""
    data: dict[str, Any] = {"name": link.name}
    if link.kind in KINDS:
        data["kind"] = link.kind
    wanted = ("admin_state", "mtu", "mac_address", "controller", *KINDS.get(link.kind, {}))
    mode, modes = link.attributes.get("mode"), OPTION_MODES.get(link.kind, {})
    data.update(
        {
            key: link.attributes[key]
            for key in wanted
            if link.attributes.get(key) is not None and mode in modes.get(key, (mode,))
        }
    )
    if not data.get("controller"):
        data.pop("controller", None)
    data.update({key: link.attributes[key] for key in ("promisc", *PORT_OPTIONS) if link.attributes.get(key)})
    if link.peer:
        data["peer"] = {"name": link.peer[1], "netns": link.peer[0]}
    return data


def entry_data(entry: Any) -> dict[str, Any]:
    """An address, route, neighbour or FDB entry as an item of its list, without what is not set."""
    data = {key: value for key, value in entry._asdict().items() if value not in (None, False)}
    if isinstance(entry, Route):
        if not entry.metric:
            data.pop("metric", None)
        if entry.table == MAIN:
            del data["table"]
    return data


def document(observed: Observed) -> dict[str, Any]:
    """What was observed in one namespace, as topology's document of it.

    Left out is what the kernel, a daemon or DHCP put there by itself: it would be wrong to declare it.
    """
    links = [link_data(link) for link in observed.links.values() if link.name != "lo"]
    if observed.links["lo"].attributes["admin_state"] != "up":
        links.append({"name": "lo", "admin_state": "down"})  # topology brings it up unless it is told not to
    return {
        "links": links,
        "addresses": [
            entry_data(address)
            for address, state in observed.addresses.items()
            if not state.foreign and address.dev != "lo"
        ],
        "routes": [
            entry_data(route)
            for route, protocol in observed.routes.values()
            if protocol in DOCUMENTED_PROTOCOLS and (route.via or route.dev)
        ],
        "neighbours": [
            entry_data(Neighbour(dev, dst, lladdr))
            for dev, there in observed.neighbours.items()
            for dst, lladdr in there.items()
        ],
        "fdb": [entry_data(entry) for entry in make_all(FdbEntry, observed.fdb)],
    }


def wanted(desired: Desired, observed: Observed) -> dict[str, Any]:
    """Of what was observed in one namespace, what a document asked for."""
    devices = desired.fdb_devices
    return {
        "links": wanted_links(desired, observed),
        "addresses": [entry_data(address) for address in desired.addresses if address in observed.addresses],
        "routes": [entry_data(observed.routes[key][0]) for key in desired.routes if key in observed.routes],
        "neighbours": [
            entry_data(Neighbour(dev, dst, observed.neighbours[dev][dst]))
            for dev, listed in desired.neighbours.items()
            for dst in listed
            if dst in observed.neighbours.get(dev, {})
        ],
        "fdb": [entry_data(entry) for entry in make_all(FdbEntry, observed.fdb) if entry.dev in devices],
    }


def wanted_links(desired: Desired, observed: Observed) -> list[dict[str, Any]]:
    """Of the links that were observed in one namespace, those that a document asked for."""
    links = [link_data(observed.links[name]) for name in desired.links if name in observed.links]
    addresses: dict[str, list[str]] = {name: [] for name in desired.purge_addresses}
    addresses.update((address.dev, []) for address in desired.addresses)
    for address in observed.addresses:
        if address.dev in addresses:
            addresses[address.dev].append(address.address)
    for link in links:
        if link["name"] in addresses:
            link["addresses"] = addresses[link["name"]]
    return links
