# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, routes, neighbours and FDB entries of a document, from their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import (
    IP6_METRIC,
    IPV4_MTU,
    IPV6_MTU,
    MAIN,
    TABLES,
    Address,
    FdbEntry,
    Route,
    fdb_keys,
)


def add_address(desired: Desired, address: Address, where: str) -> None:
    """Add an address.

    :raises InvalidParameter: the document lists it twice.
    """
    twin = desired.address_keys.setdefault(address.key, address)
    if address in desired.addresses:
        raise InvalidParameter(where, address.address, f"it is listed twice on {address.dev}: keep one")
    if twin != address:
        remedy = f"{address.dev} has it as {twin.address} in the list too, and IPv6 knows it once: keep one"
        raise InvalidParameter(where, address.address, remedy)
    desired.addresses[address] = where


_ROUTE = ("dst", "via", "dev", "src", "metric", "table", "onlink", "mtu")


def add_route(desired: Desired, item: Mapping[str, Any], where: str, absent: bool = False) -> None:
    """Add a route, from its parameters.

    :raises InvalidParameter: for the first that is wrong, and for a second route with the same key.
    """
    item = values.given(item)
    values.known(where, item, _ROUTE, "a route")
    via = values.unicast(f"{where}via", item["via"]) if "via" in item else None
    src = values.unicast(f"{where}src", item["src"]) if "src" in item else None
    dst = _destination(f"{where}dst", item.get("dst"), via or src)
    for name, value in (("via", via), ("src", src)):
        if value and values.family(value) != values.family(dst):
            raise InvalidParameter(f"{where}{name}", value, f"it is of another address family than dst {dst}")
    dev = values.ifname(f"{where}dev", item["dev"]) if "dev" in item else None
    onlink = values.boolean(f"{where}onlink", item["onlink"]) if "onlink" in item else None
    if not absent and not via and not dev:
        raise InvalidParameter(f"{where}via", None, "a route needs 'via', 'dev' or both")
    if onlink and not (via and dev):
        raise InvalidParameter(f"{where}onlink", True, "it needs both 'via' and 'dev'")
    six = ":" in dst
    table = item.get("table", MAIN)
    named = TABLES.get(table) if isinstance(table, str) else None
    metric = values.integer(f"{where}metric", item["metric"], 0, 2**32 - 1) if "metric" in item else 0
    lowest = IPV6_MTU if six else IPV4_MTU
    mtu = values.integer(f"{where}mtu", item["mtu"], lowest, 65535, "bytes") if "mtu" in item else None
    route = Route(
        dst=dst,
        table=named or values.integer(f"{where}table", table, 1, 2**32 - 1),
        metric=metric or (IP6_METRIC if six else 0),
        via=via,
        dev=dev,
        src=src,
        onlink=onlink,
        mtu=mtu,
    )
    if route.key in desired.routes:
        remedy = "another route of the list has the same destination, table and metric: keep one, or give metrics"
        raise InvalidParameter(f"{where}dst", dst, remedy)
    desired.routes[route.key] = route


def _destination(where: str, value: Any, hint: str | None) -> str:
    if value == "default":
        if hint is None:
            raise InvalidParameter(where, value, "without 'via' its address family is unknown: give 0.0.0.0/0 or ::/0")
        return "::/0" if ":" in hint else "0.0.0.0/0"
    if isinstance(value, str) and "/" not in value:
        host = values.address(where, value)
        return f"{host}/{128 if ':' in host else 32}"
    return values.network(where, value)


_NEIGHBOUR = dict.fromkeys(("dev", "dst", "lladdr"))
_FDB = dict.fromkeys(("dev", "lladdr", "dst", "port", "vni"))


def _plain(
    entries: list[Any], known: Mapping[str, None], dev: str | None
) -> tuple[list[str], list[str], list[str]] | None:
    """(devices, MAC addresses, IPv4 addresses) of entries that are all right and of the simplest form; else None.

    Looks at ten thousand at once, in a few milliseconds. What it does not take is looked at one by one, and named.
    """
    try:
        keys = set(chain.from_iterable(entries))
        special = [name for name in ("port", "vni") if name in keys]
        if not keys <= known.keys() or any(entry[name] is not None for name in special for entry in entries):
            return None
        devices: list[Any] = [entry.get("dev", dev) for entry in entries] if "dev" in keys else [dev] * len(entries)
        macs = [entry["lladdr"] for entry in entries]
        addresses = [entry["dst"] for entry in entries]
        if values.are_plain_macs(macs) and values.are_plain_hosts(addresses):
            for name in set(devices):
                values.ifname("dev", name)
            return devices, macs, addresses
    except (AttributeError, KeyError, TypeError, InvalidParameter):
        pass  # one of them is wrong, and will be told of
    return None


def add_neighbours(desired: Desired, entries: list[Any], where: str, dev: str | None = None) -> None:
    """Add neighbour entries, from their parameters.

    :param where: the list's name in messages.
    :param dev: the device of all of them, where they do not name it themselves.
    :raises InvalidParameter: for the first that is wrong, and for a second MAC address of one IP address.
    """
    plain = _plain(entries, _NEIGHBOUR, dev)
    if plain:
        devices, macs, addresses = plain
        found: dict[str, dict[str, str]] = {}
        if len(set(devices)) == 1:
            found[devices[0]] = dict(zip(addresses, macs))
        else:
            for name, address, lladdr in zip(devices, addresses, macs):
                found.setdefault(name, {})[address] = lladdr
        if sum(map(len, found.values())) == len(entries) and not desired.neighbours:
            desired.neighbours = found
            return
    for index, entry in enumerate(entries):
        _add_neighbour(desired, _of(entry, dev, f"{where}[{index}]"), f"{where}[{index}].")


def add_fdb(desired: Desired, entries: list[Any], where: str, dev: str | None = None) -> None:
    """Add FDB entries, from their parameters.

    :param where: the list's name in messages.
    :param dev: the device of all of them, where they do not name it themselves.
    :raises InvalidParameter: for the first that is wrong, and for a second destination of a MAC that can have but one.
    """
    plain = _plain(entries, _FDB, dev)
    if plain:
        devices, macs, addresses = plain
        distinct = len(set(macs)) == len(macs) or len(set(zip(devices, macs))) == len(macs)
        if distinct and not desired.fdb:
            desired.fdb = dict.fromkeys(fdb_keys(devices, macs, addresses))
            return
    seen: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(entries):
        _add_fdb(desired, _of(entry, dev, f"{where}[{index}]"), f"{where}[{index}].", seen)


def _of(entry: Any, dev: str | None, where: str) -> dict[str, Any]:
    entry = values.mapping(where, entry)
    return entry if dev is None else {**entry, "dev": dev}


def _add_neighbour(desired: Desired, item: Mapping[str, Any], where: str) -> None:
    values.known(where, item, _NEIGHBOUR, "a neighbour entry")
    dev, dst = values.ifname(f"{where}dev", item.get("dev")), values.unicast(f"{where}dst", item.get("dst"))
    lladdr = values.mac(f"{where}lladdr", item.get("lladdr"))
    listed = desired.neighbours.setdefault(dev, {})
    if dst in listed:
        remedy = f"{dst} is listed twice on {dev}, with lladdr {listed[dst]} too: an address has one MAC, keep one"
        raise InvalidParameter(f"{where}lladdr", lladdr, remedy)
    listed[dst] = lladdr


def _add_fdb(desired: Desired, item: Mapping[str, Any], where: str, seen: dict[tuple[str, str], str]) -> None:
    values.known(where, item, _FDB, "an FDB entry")
    dev = values.ifname(f"{where}dev", item.get("dev"))
    lladdr = values.mac(f"{where}lladdr", item.get("lladdr"), zero=True)
    dst = values.unicast(f"{where}dst", item.get("dst"))
    port, vni = item.get("port"), item.get("vni")
    if port is not None:
        port = values.integer(f"{where}port", port, 1, 65535)
    if vni is not None:
        vni = values.integer(f"{where}vni", vni, 0, 2**24 - 1)
    entry = FdbEntry(dev, lladdr, dst, port, vni)
    if entry in desired.fdb:
        raise InvalidParameter(f"{where}lladdr", lladdr, f"the entry to {dst} is listed twice: keep one")
    if lladdr != values.ZERO_MAC:
        known = seen.setdefault((dev, lladdr), dst)
        if known is not dst:
            remedy = (
                f"{lladdr} is listed twice on {dev}, behind {known} and {dst}: a MAC address is behind one VTEP "
                "(cloned machines share MAC addresses)"
            )
            raise InvalidParameter(f"{where}lladdr", lladdr, remedy)
    desired.fdb[entry] = None
