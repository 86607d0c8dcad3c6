# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of pods in the subnets of their host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Own, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Subnet


def place(pods: Iterable[Pod], subnets: Sequence[Subnet]) -> dict[str, list[Own]]:
    """By pod name, its addresses, each with its subnet's prefix length and gateway.

    :raises InvalidParameter: an address is in no subnet, or somebody else has it.
    """
    taken = {address: name for subnet in subnets for address, name in subnet.reserved().items()}
    placed: dict[str, list[Own]] = {}
    for pod in pods:
        placed[pod.name] = []
        for where, text in pod.addresses:
            address = ipaddress.ip_address(text)
            home = next((subnet for subnet in subnets if address in subnet.network), None)
            if home is None:
                raise InvalidParameter(where, text, " and ".join(subnet.room() for subnet in subnets))
            other = taken.setdefault(address, pod.where)
            if other != pod.where:
                raise InvalidParameter(where, text, f"{other} has this address: give each pod one of its own")
            interface = ipaddress.ip_interface(f"{address}/{home.network.prefixlen}")
            placed[pod.name].append(Own(interface, str(home.gateway) if home.gateway else ""))
    return placed
