# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnets that pods have addresses in."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclass(frozen=True)
class Subnet:
    """A subnet that pods have addresses in.

    :ivar gateway: None: there is none.
    :ivar taken: by address, who has it.
    """

    network: Network
    gateway: Address | None
    taken: Mapping[Address, str]

    def reserved(self) -> dict[Address, str]:
        """By address, who has it, including the addresses that no pod can have."""
        if self.network.version == 6:
            return dict(self.taken)
        first, last = self.network.network_address, self.network.broadcast_address
        return {first: "the subnet", last: "the subnet's broadcast", **self.taken}

    def room(self) -> str:
        """The addresses of its pods, for the error about a pod that is outside."""
        reserved = self.reserved()
        first = next((address for address in self.network if address not in reserved), None)
        room = self.network.num_addresses - len(reserved)
        return f"this node's pods are in {self.network}, from {first} on, which has room for {room} of them"
