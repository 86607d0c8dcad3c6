# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of pods in the subnets of their host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Network, Own, Place, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import STOP, Faults
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Subnet

Group = tuple[Sequence[Pod], Sequence[Network], Place]


def groups(pods: Sequence[Pod], default: Network | None, place: Place, overlays: Iterable[Overlay]) -> Iterator[Group]:
    """Pods whose addresses are of the same subnets, their networks, and where they are."""
    for overlay in overlays:
        inside = [pod for pod in pods if pod.overlay is overlay]
        there = [item for item in networks(inside, default) if item.driver.in_overlay]
        yield inside, there, replace(place, overlay=overlay)
    for item in networks(pods, default):
        if not item.driver.in_overlay:
            yield [pod for pod in pods if pod.network == item], [item], place


def networks(listed: Iterable[Pod], default: Network | None) -> list[Network]:
    """Each network once. The host's default is there without pods too, unless it has faults."""
    found = dict.fromkeys([default, *(pod.network for pod in listed)])
    return [network for network in found if network is not None]


def placed(
    inside: Sequence[Pod], there: Sequence[Network], where: Place, faults: Faults = STOP
) -> dict[str, list[Own]]:
    """By name of the pods of a group, their addresses."""
    subnets = next((faults.check(item.driver.subnets, item, where) for item in there), ())
    return place(inside, subnets, faults) if subnets else {pod.name: [] for pod in inside}


def place(pods: Iterable[Pod], subnets: Sequence[Subnet], faults: Faults = STOP) -> dict[str, list[Own]]:
    """By pod name, its addresses, each with its subnet's prefix length and gateway, without those with faults."""
    taken = {address: name for subnet in subnets for address, name in subnet.reserved().items()}
    placed: dict[str, list[Own]] = {}
    for pod in pods:
        placed[pod.name] = []
        for where, text in pod.addresses:
            address = ipaddress.ip_address(text)
            home = next((subnet for subnet in subnets if address in subnet.network), None)
            if home is None:
                faults.add(InvalidParameter(where, text, " and ".join(subnet.room() for subnet in subnets)))
                continue
            other = taken.setdefault(address, pod.where)
            if other != pod.where:
                faults.add(InvalidParameter(where, text, f"{other} has this address: give each pod one of its own"))
            interface = ipaddress.ip_interface(f"{address}/{home.network.prefixlen}")
            placed[pod.name].append(Own(interface, str(home.gateway) if home.gateway else ""))
    return placed
