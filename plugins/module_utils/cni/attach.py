# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of containers on their host: their addresses, their masquerading, and their MAC addresses in results."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment, masquerade_rules
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import IpAddress, Ipam, Own
from ansible_collections.weft.fabric.plugins.module_utils.cni.hostlocal import Store, stores
from ansible_collections.weft.fabric.plugins.module_utils.cni.result import result
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Rule, masquerade_of
from ansible_collections.weft.fabric.plugins.module_utils.nft.table import converge, read

TABLE = "weft_cni"  # nftables


def reserve(items: Iterable[Attachment], check: bool) -> tuple[tuple[Attachment, ...], list[str]]:
    """Interfaces with their addresses, and a line for each that is new.

    :raises FabricError: there is no address left, or one that is asked for is another's.
    """
    found, lines = [], []
    with stores(_directories(items), check) as there:
        for item in items:
            if item.network.ipam and item.network.ipam.sets:
                owns, new = there[item.network.ipam.directory].reserve(item, item.network.ipam.sets)
                found.append(replace(item, addresses=tuple(owns)))
                lines += _lines(item, new)
            else:
                found.append(_with_known_addresses(item, there))
    return tuple(found), lines


def with_addresses(items: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """Interfaces with the addresses that they have."""
    with stores(_present(items), check=True) as there:
        return tuple(_with_known_addresses(item, there) for item in items)


def _with_known_addresses(item: Attachment, there: Mapping[str, Store]) -> Attachment:
    ipam = item.network.ipam or Ipam()
    if not ipam.sets:
        return replace(item, addresses=ipam.addresses)
    known = there[ipam.directory].given(item) if ipam.directory in there else []
    return replace(item, addresses=tuple(Own(ipaddress.ip_interface(own), None) for own in known))


def release(going: Iterable[Attachment], kept: Iterable[Attachment], check: bool) -> list[str]:
    """Release the addresses of interfaces that have been removed: a line for each.

    :param kept: interfaces that stay; an address of theirs is not released.
    """
    lines = []
    with stores(_present(going), check) as there:
        for item in going:
            if item.network.ipam and item.network.ipam.directory in there:
                directory = item.network.ipam.directory
                used = {
                    own.address.ip for other in kept if directory in _directories([other]) for own in other.addresses
                }
                lines += _lines(item, there[directory].release(item, used))
    return lines


def masquerade(items: Iterable[Attachment], known: Iterable[Attachment], check: bool) -> dict[str, Any]:
    """Masquerade what containers send out of their networks.

    The table is that of all containers of the host: the rules of others stay. Each is known by its source.

    :param known: the containers whose rules are ours to remove.
    """
    own = {f"{address.ip}/{address.max_prefixlen}" for item in known for address, _gateway in item.addresses}
    observed = read(TABLE)
    rules = [rule for rule in (observed.rules.values() if observed else ()) if isinstance(rule, Rule)]
    kept = [rule for rule in rules if str(rule.source) not in own]
    wanted = [rule for item in items for rule in masquerade_rules(item)]
    listed = sorted(
        {*kept, *(masquerade_of(wanted) if wanted else ())},
        key=lambda rule: (rule.source.version, rule.source, rule.out_interface or ""),
    )
    return converge(TABLE, tuple(listed) or None, check)


def results(items: Iterable[Attachment], state: Mapping[str, Observed]) -> list[dict[str, Any]]:
    """CNI's result of each interface, with the MAC addresses that the kernel has."""
    macs = {
        (netns, name): mac
        for netns, observed in state.items()
        for name, link in observed.links.items()
        if (mac := link.attributes.get("mac_address") or _parents_mac(link, state))
    }
    return [result(item, macs) for item in items]


def _parents_mac(link: Link, state: Mapping[str, Observed]) -> str | None:
    """That of an ipvlan, which has none of its own (ipvlan_main.c: ipvlan_init, ipvlan_device_event)."""
    place = state.get(link.attributes.get("parent_netns") or "", Observed())
    parent = place.links.get(link.attributes.get("parent") or "")
    return parent.attributes.get("mac_address") if parent else None


def _directories(items: Iterable[Attachment]) -> list[str]:
    return [item.network.ipam.directory for item in items if item.network.ipam and item.network.ipam.sets]


def _present(items: Iterable[Attachment]) -> list[str]:
    return [directory for directory in _directories(items) if os.path.isdir(directory)]


def _lines(item: Attachment, addresses: Iterable[IpAddress]) -> list[str]:
    told = f"of network {item.network.name} for {item.interface} of {item.container}"
    return [f"address {address} {told}" for address in addresses]
