# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of containers on their host: their addresses, their masquerading, and their MAC addresses in results."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.cni import present
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment, masquerade_rules
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import PLUGINS, IpAddress, Ipam, Own
from ansible_collections.weft.fabric.plugins.module_utils.cni.hostlocal import Store, stores
from ansible_collections.weft.fabric.plugins.module_utils.cni.result import resolver, result
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import BRIDGE, Rule, Spoofed, masquerade_of
from ansible_collections.weft.fabric.plugins.module_utils.nft.table import converge, read

TABLE = "weft_cni"  # nftables


def reserve(
    items: Iterable[Attachment], check: bool, known: Collection[str] = ()
) -> tuple[tuple[Attachment, ...], list[str]]:
    """Reserve the addresses of interfaces.

    :param check: reserve nothing.
    :param known: namespaces of the document's last version: an interface there is ours, or is removed.
    :returns: the interfaces with their addresses, and a line for each new address.
    :raises FabricError: no address is left, a requested one belongs to another interface, or an interface exists and
        is not in its network.
    """
    found, lines = [], []
    with stores(_directories(items), check) as there:
        for item in items:
            _resolver(item)  # so that a missing file is refused before anything changes
            if item.network.ipam and item.network.ipam.sets:
                owns, new = there[item.network.ipam.directory].reserve(item, item.network.ipam.sets)
                found.append(replace(item, addresses=tuple(owns)))
                if new and item.netns not in known:
                    present.check_new(item)
                lines += _lines(item, new)
            else:
                found.append(_with_known_addresses(item, there))
                if found[-1].network.ipam and item.netns not in known and not PLUGINS[item.network.plugin].interface:
                    present.check_static(found[-1])
    return tuple(found), lines


def with_addresses(items: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """Interfaces with the addresses that they have."""
    with stores(_present(items), check=True) as there:
        return tuple(_with_known_addresses(item, there) for item in items)


def _with_known_addresses(item: Attachment, there: Mapping[str, Store]) -> Attachment:
    ipam = item.network.ipam or Ipam()
    if ipam.dhcp:
        from ansible_collections.weft.fabric.plugins.module_utils.cni.dhcp import Lease

        return Lease(item).applied()
    if not ipam.sets:
        return replace(item, addresses=ipam.addresses)
    known = there[ipam.directory].given(item) if ipam.directory in there else []
    return replace(item, addresses=tuple(Own(ipaddress.ip_interface(own), None) for own in known))


def check_absent(items: Iterable[Attachment]) -> None:
    """Check that interfaces to remove are in their networks, if they exist.

    :raises InvalidParameter: one is in another network, or somebody else's.
    """
    for item in with_addresses([*items]):
        other = "" if item.addresses else present.network_of(item)
        if other:
            remedy = f"{item.interface} of {item.container} is in network {other}: give that network's configuration"
            raise InvalidParameter(f"{item.where}.network", item.network.name, remedy)
        if not PLUGINS[item.network.plugin].interface:
            present.check_attached(item)


def release(removed: Iterable[Attachment], kept: Iterable[Attachment], check: bool) -> list[str]:
    """Release the addresses of interfaces that have been removed.

    :param kept: interfaces that stay, and keep their addresses.
    :returns: a line for each released address.
    """
    lines = []
    with stores(_present(removed), check) as there:
        for item in removed:
            if item.network.ipam and item.network.ipam.directory in there:
                directory = item.network.ipam.directory
                used = {
                    own.address.ip for other in kept if directory in _directories([other]) for own in other.addresses
                }
                lines += _lines(item, there[directory].release(item, used))
    return lines


def masquerade(items: Iterable[Attachment], known: Iterable[Attachment], check: bool) -> dict[str, Any]:
    """Masquerade packets that containers send to others than their own networks.

    All containers of the host share the table. Rules of other containers stay; a rule's owner is known by its source.

    :param items: the interfaces that have rules.
    :param known: the interfaces whose other rules are removed.
    :returns: the result of the module masquerade.
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


def spoof_check(
    items: Iterable[Attachment], known: Iterable[Attachment], state: Mapping[str, Observed], check: bool
) -> dict[str, Any]:
    """Drop frames that containers send with MAC addresses of others, where their network asks for it.

    :param items: the interfaces that have rules.
    :param known: the interfaces whose other rules are removed.
    :returns: the result of the module masquerade.
    """
    own = {item.host_interface for item in known}
    observed = read(TABLE, BRIDGE)
    rules = [rule for rule in (observed.rules.values() if observed else ()) if isinstance(rule, Spoofed)]
    macs = _macs(state)
    wanted = [
        Spoofed(item.host_interface, macs.get((item.netns, item.interface), ""))
        for item in items
        if item.network.options.get("macspoofchk")
    ]
    listed = sorted([*(rule for rule in rules if rule.port not in own), *wanted], key=lambda rule: rule.port)
    return converge(TABLE, tuple(listed) or None, check, BRIDGE)


def results(items: Iterable[Attachment], state: Mapping[str, Observed]) -> list[dict[str, Any]]:
    """CNI's result of each interface, with the MAC addresses that the kernel reports."""
    macs = _macs(state)
    return [result(item, macs, _resolver(item)) for item in items]


def _macs(state: Mapping[str, Observed]) -> dict[tuple[str, str], str]:
    """The MAC addresses of links by namespace and name, as far as they are known."""
    return {
        (netns, name): mac
        for netns, observed in state.items()
        for name, link in observed.links.items()
        if (mac := link.attributes.get("mac_address") or _parents_mac(link, state))
    }


def _resolver(item: Attachment) -> dict[str, Any] | None:
    """What the file says that a network's ipam names.

    :raises InvalidParameter: it cannot be read.
    """
    path = item.network.ipam.resolv_conf if item.network.ipam else ""
    if not path:
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return resolver(file.read())
    except OSError as error:
        remedy = f"{error.strerror}: name a file of the host in the format of resolv.conf"
        raise InvalidParameter(f"{item.where}.network.ipam.resolvConf", path, remedy) from error


def _parents_mac(link: Link, state: Mapping[str, Observed]) -> str | None:
    """The MAC address of an ipvlan, which has none of its own (ipvlan_main.c: ipvlan_init, ipvlan_device_event)."""
    place = state.get(link.attributes.get("parent_netns") or "", Observed())
    parent = place.links.get(link.attributes.get("parent") or "")
    return parent.attributes.get("mac_address") if parent else None


def _directories(items: Iterable[Attachment]) -> list[str]:
    return [item.network.ipam.directory for item in items if item.network.ipam and item.network.ipam.sets]


def _present(items: Iterable[Attachment]) -> list[str]:
    return [directory for directory in _directories(items) if os.path.isdir(directory)]


def _lines(item: Attachment, addresses: Iterable[IpAddress]) -> list[str]:
    owner = f"{item.interface} of {item.container}"
    return [f"address {address} of network {item.network.name} for {owner}" for address in addresses]
