# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: missing ones are added; others are removed from interfaces with an authoritative list."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, scope_name
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV6_MTU


def add_addresses(view: View, netns: str, desired: Desired) -> None:
    """Add missing addresses, and change those that differ."""
    for address in _in_order(desired):
        _check_mtu(view, netns, address, desired.addresses[address])
        _check_scope(view, netns, address, desired.addresses[address])
        _set_address(view, netns, address)
    _show_order(view, netns, desired)


def _in_order(desired: Desired) -> Iterator[Address]:
    """IPv6 addresses last first, because of an interface's addresses the kernel prefers the newest (addrconf.c)."""
    for address in desired.addresses:
        if ":" not in address.address:
            yield address
    for address in reversed(desired.addresses):
        if ":" in address.address:
            yield address


def _check_mtu(view: View, netns: str, address: Address, where: str) -> None:
    """An interface has IPv6 only from 1280 bytes (RFC 8200)."""
    mtu = view.require(netns, address.dev, where).attributes.get("mtu")
    if ":" in address.address and mtu is not None and mtu < IPV6_MTU:
        remedy = f"{address.dev} has an MTU of {mtu} bytes, and IPv6 needs at least {IPV6_MTU}: raise that first"
        raise InvalidParameter(where, address.address, remedy)


def _check_scope(view: View, netns: str, address: Address, where: str) -> None:
    """IPv4 addresses of one subnet have one scope (net/ipv4/devinet.c: __inet_insert_ifa)."""
    if address.scope is None:
        return
    for other in view.at(netns).addresses.values():
        if other.scope in (None, address.scope) or (other.dev, other.subnet) != (address.dev, address.subnet):
            continue
        if other.address != address.address:
            remedy = f"addresses of one subnet have one scope, and {other.address} is there: remove that first"
            raise InvalidParameter(where, f"{address.address} scope {scope_name(address.scope)}", remedy)


def _set_address(view: View, netns: str, address: Address) -> None:
    now = view.at(netns)
    known = address.found_in(now.addresses, now.links)
    if known and known.state and known.state.failed:
        view.warn(f"{known.label(netns)} is not in use: another host answered for it (duplicate address detection)")
    known = known or now.addresses.get(address.key)
    if known is None:
        view.do("create", netns, None, address)
        now.addresses[address.key] = address
        return
    differs = address.differs(known)
    if not differs:
        return
    wanted = address.over(known)
    if _can_change(address, differs):
        view.do("set", netns, known, wanted)
        known.drop_from(now.addresses)
    else:
        view.delete_entries(netns, [known])
        view.do("create", netns, None, wanted)
    now.addresses[wanted.key] = wanted


def _can_change(address: Address, differs: set[str]) -> bool:
    """Whether the kernel changes this of an address that exists (inet_rtm_newaddr, inet6_addr_modify)."""
    if ":" not in address.address:
        return differs <= {"metric", "lifetime"}
    return "address" not in differs and not ("metric" in differs and address.metric == 0)


def _show_order(view: View, netns: str, desired: Desired) -> None:
    """Warn of IPv6 addresses that exist in another order than that of the list, which decides on sources of packets."""
    before = {key: place for place, key in enumerate(view.observed[netns].addresses)}
    listed: dict[str, list[Address]] = {}
    for address in desired.addresses:
        if ":" in address.address and not address.address.startswith("fe80:"):
            listed.setdefault(address.dev, []).append(address)
    for dev, wanted in listed.items():
        found = sorted(wanted, key=lambda address: before.get(address.key, -1))
        if found != wanted:
            order = ", ".join(address.address for address in found)
            view.warn(
                f"the IPv6 addresses of {dev}{place_of(netns)} are not in the order of the list, and the kernel "
                f"prefers the first as a source: {order}"
            )


def require_addresses(view: View, netns: str, desired: Desired) -> None:
    """Refuse an interface that lacks an address which it must have.

    :raises FabricError: it lacks one.
    """
    for dev, wanted in sorted(desired.expected):
        there = [address.address for address in view.at(netns).addresses.values() if address.dev == dev]
        if wanted not in (address.partition("/")[0] for address in there):
            view.missing(f"{wanted} is not on {dev}{place_of(netns)}, which has {', '.join(there) or 'no address'}")


def purge_addresses(view: View, netns: str, desired: Desired) -> None:
    """Remove addresses that authoritative lists do not contain."""
    if not desired.purge_addresses:
        return
    now = view.at(netns)
    found = (address.found_in(now.addresses, now.links) for address in desired.addresses)
    kept = {address.key for address in found if address is not None}
    # Wherever it came from, an address that has moved from one link to another is removed from the first.
    moved = {address.address.partition("/")[0] for address in desired.addresses}
    unwanted = [
        address
        for key, address in now.addresses.items()
        if address.dev in desired.purge_addresses
        and key not in kept
        and (not (address.state and address.state.foreign) or address.address.partition("/")[0] in moved)
    ]
    view.delete_entries(netns, unwanted)
