# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

AddressKey = tuple[str, str]


class Address(NamedTuple):
    """An interface's own address, in CIDR notation."""

    dev: str
    address: str

    @property
    def key(self) -> AddressKey:
        """The kernel's: IPv6 knows an address once per interface, whatever its prefix length (net/ipv6/addrconf.c)."""
        return self.dev, self.address.partition("/")[0] if ":" in self.address else self.address

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for: an address takes routes along."""
        return True

    def label(self, netns: str = "") -> str:
        """The address in a message: ``address 10.0.0.1/24 on eth0 in namespace pod1``."""
        return f"address {self.address} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The address as lines of a diff."""
        return [f"{prefix_of(netns)}address {self.dev} {self.address}"]

    def data(self) -> dict[str, Any]:
        """The address as an item of topology's ``addresses``."""
        return self._asdict()

    def found_in(self, table: Mapping[Address, AddressState], _links: Mapping[str, Any]) -> Address | None:
        """The observed address that this one names."""
        return self if self in table else None

    def drop_from(self, table: dict[Address, AddressState]) -> None:
        """Take an observed address out of its table."""
        del table[self]


@dataclass(frozen=True)
class AddressState:
    """What the kernel knows of an address besides the address itself.

    :ivar foreign: it came by DHCP, by a router's advertisement, or by itself (link-local, loopback).
    :ivar secondary: it is removed with its subnet's first address (net/ipv4/devinet.c).
    :ivar failed: another host has it (IPv6 duplicate address detection), so it is not in use.
    """

    foreign: bool = False
    secondary: bool = False
    failed: bool = False


def parse_address(item: Mapping[str, Any], where: str) -> Address:
    """An address from the parameters ``dev`` and ``address``.

    :param where: prefix of parameter names in messages: ``addresses[0].``.
    :raises InvalidParameter: for the first that is wrong.
    """
    values.known(where, item, Address._fields, "an address")
    dev = values.ifname(f"{where}dev", item.get("dev"))
    return Address(dev, values.interface_address(f"{where}address", item.get("address")))
