# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: missing ones are added; others are removed from interfaces with an authoritative list."""

from __future__ import annotations

import socket

from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressState
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.plan.removal import delete_entries
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def add_addresses(view: View, netns: str, desired: Desired) -> None:
    """Add missing addresses."""
    now = view.at(netns)
    by_key = {address.key: address for address in now.addresses}
    for address, where in desired.addresses.items():
        view.require(netns, address.dev, where)
        known = now.addresses.get(address)
        if known is not None:
            if known.failed:
                view.warn(
                    f"{address.label(netns)} is not in use: another host answered for it (duplicate address detection)"
                )
            continue
        if address.key in by_key:
            delete_entries(view, netns, [by_key[address.key]])
        view.do("create", netns, None, address)
        now.addresses[address] = AddressState()


def purge_addresses(view: View, netns: str, desired: Desired) -> None:
    """Remove addresses that authoritative lists do not contain."""
    now = view.at(netns)
    # Wherever it came from, an address that has moved from one link to another is removed from the first.
    moved = {address.address.partition("/")[0] for address in desired.addresses}
    unwanted = {
        address: state
        for address, state in now.addresses.items()
        if address.dev in desired.purge_addresses
        and address not in desired.addresses
        and (not state.foreign or address.address.partition("/")[0] in moved)
    }
    delete_entries(view, netns, unwanted)
    # The kernel removes a subnet's secondary addresses with its first one, unless promote_secondaries is set.
    lost = {
        (address.dev, _subnet(address))
        for address, state in unwanted.items()
        if not state.secondary and ":" not in address.address
    }
    for kept, state in now.addresses.items():
        if (kept.dev, _subnet(kept)) in lost and not state.foreign:
            view.do("create", netns, None, kept, shown=False)


def _subnet(address: Address) -> tuple[int, int]:
    """(network, prefix length) of an IPv4 address; (-1, 0) of an IPv6 one, which has no secondary addresses."""
    head, _slash, tail = address.address.partition("/")
    if ":" in head:
        return -1, 0
    prefix = int(tail)
    return int.from_bytes(socket.inet_pton(socket.AF_INET, head), "big") >> (32 - prefix), prefix
