# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of interfaces."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}  # rtnetlink's RT_SCOPE_...
_NAMES = {number: name for name, number in SCOPES.items()}

AddressKey = tuple[str, str, str]


class AddressState(NamedTuple):
    """What the kernel reports of an address, besides what a parameter can ask for.

    :ivar foreign: it came by DHCP, by a router's advertisement, or by itself (link-local, loopback).
    :ivar lasting: it has no lifetime, and it is not deprecated.
    :ivar secondary: another address of its subnet comes first (net/ipv4/devinet.c).
    :ivar failed: another host has it (IPv6 duplicate address detection), so it is not in use.
    :ivar message: the kernel's own message, without its header. What no parameter asks for stays as it is in there.
    :ivar seen: when the kernel sent the message, in seconds of time.monotonic().
    """

    foreign: bool = False
    lasting: bool = True
    secondary: bool = False
    failed: bool = False
    message: bytes = b""
    seen: float = 0.0


class Address(NamedTuple):
    """An interface's own address, in CIDR notation. None is "not asked for".

    :ivar peer: the address of the other end, of the same prefix length.
    :ivar scope: RT_SCOPE_... of an IPv4 address; the kernel derives that of an IPv6 address.
    :ivar named: the label of an IPv4 address; without another one, it is the interface's name.
    :ivar metric: of the route to the address's subnet; 0: the kernel's default.
    :ivar noprefixroute: the kernel makes no route to the address's subnet.
    :ivar nodad: an IPv6 address is used without duplicate address detection.
    :ivar state: None: the address is wanted; otherwise it was observed.
    """

    dev: str
    address: str
    peer: str | None = None
    scope: int | None = None
    named: str | None = None
    metric: int | None = None
    noprefixroute: bool | None = None
    nodad: bool | None = None
    state: AddressState | None = None

    @property
    def key(self) -> AddressKey:
        """The kernel's: IPv6 knows an address once per interface, whatever its prefix length (net/ipv6/addrconf.c).

        IPv4 tells two addresses apart by the subnet of their other end, too (net/ipv4/devinet.c: find_matching_ifa).
        """
        if ":" in self.address:
            return self.dev, self.address.partition("/")[0], ""
        return self.dev, self.address, self._peers_subnet() if self.peer else ""

    def _peers_subnet(self) -> str:
        """The subnet of the other end, if that is not the subnet of the address itself."""
        own, other = self._replace(peer=None).subnet, self.subnet
        return "" if own == other else str(other[0])

    @property
    def subnet(self) -> tuple[int, int]:
        """The subnet of the other end, or else of an IPv4 address itself: its bits, and how many they are."""
        head, _slash, prefix = self.address.partition("/")
        return int.from_bytes(socket.inet_aton(self.peer or head), "big") >> (32 - int(prefix)), int(prefix)

    @property
    def list_name(self) -> str:
        """The name of the lists of such objects (objects.py)."""
        return "addresses"

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for: an address takes routes along."""
        return True

    def label(self, netns: str = "") -> str:
        """The address in a message: ``address 10.0.0.1/24 on eth0 in namespace pod1``."""
        return f"address {self.address} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The address as lines of a diff, in the words of ip-address(8)."""
        words = [f"{prefix_of(netns)}address {self.dev} {self.address}"]
        if self.peer:
            words.append(f"peer {self.peer}")
        if self.scope:
            words.append(f"scope {scope_name(self.scope)}")
        if self.named not in (None, self.dev):
            words.append(f"label {self.named}")
        if self.metric:
            words.append(f"metric {self.metric}")
        words += [name for name in ("noprefixroute", "nodad") if getattr(self, name)]
        if self.state and not self.state.lasting:
            words.append("dynamic")
        return [" ".join(words)]

    def data(self) -> dict[str, Any]:
        """The address as an item of topology's ``addresses``, without what is as usual."""
        data: dict[str, Any] = {"dev": self.dev, "address": self.address}
        if self.peer:
            data["peer"] = self.peer
        if self.scope:
            data["scope"] = scope_name(self.scope)
        if self.named not in (None, self.dev):
            data["label"] = self.named
        if self.metric:
            data["metric"] = self.metric
        data.update({name: True for name in ("noprefixroute", "nodad") if getattr(self, name)})
        return data

    def item(self) -> str | dict[str, Any]:
        """The address as an item of a link's ``addresses``."""
        data = self.data()
        del data["dev"]
        return self.address if data.keys() == {"address"} else data

    def found_in(self, table: Mapping[AddressKey, Address], _links: Mapping[str, Any]) -> Address | None:
        """The observed address that this one names: if it names no other end, one with any."""
        found = table.get(self.key)
        if found is None and self.peer is None and ":" not in self.address:
            found = next((item for item in table.values() if item[:2] == self[:2]), None)
        return found if found and found.address == self.address else None

    def drop_from(self, table: dict[AddressKey, Address]) -> None:
        """Take an observed address out of its table."""
        del table[self.key]

    def differs(self, found: Address) -> set[str]:
        """The names of what an observed address has otherwise: a declared address has no lifetime."""
        names = {
            name
            for name, wanted, known in zip(self._fields[1:-1], self[1:-1], found[1:-1])
            if wanted is not None and wanted != known
        }
        return names if found.state is None or found.state.lasting else names | {"lifetime"}

    def over(self, found: Address) -> Address:
        """This address, with everything that was not asked for as an observed one has it."""
        merged = Address._make(known if wanted is None else wanted for wanted, known in zip(self, found))
        return merged._replace(state=found.state and found.state._replace(lasting=True))


def scope_name(scope: int) -> str:
    """A scope as ip-address(8) prints it."""
    return _NAMES.get(scope, str(scope))


def _scope(where: str, value: Any) -> int:
    named = SCOPES.get(value) if isinstance(value, str) else None
    if named is None and isinstance(value, str) and not value.isdigit():
        raise InvalidParameter(where, value, f"give one of {', '.join(SCOPES)}, or a number from 0 to 255")
    return values.integer(where, value, 0, 255) if named is None else named


def _label(where: str, value: Any) -> str:
    """The kernel takes any text of 15 bytes (IFA_LABEL); programs that list labels expect no white space."""
    text = values.text(where, value)
    if len(text.encode(errors="replace")) > 15 or any(letter.isspace() or letter == "\0" for letter in text):
        raise InvalidParameter(where, value, "a label has at most 15 bytes, and no white space: eth0:1")
    return text


def _metric(where: str, value: Any) -> int:
    return values.integer(where, value, 0, 2**32 - 1)


# The parameters besides the address itself, each with its field.
_OPTIONS: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "peer": ("peer", values.unicast),
    "scope": ("scope", _scope),
    "label": ("named", _label),
    "metric": ("metric", _metric),
    "noprefixroute": ("noprefixroute", values.boolean),
    "nodad": ("nodad", values.boolean),
}
_IPV4_ONLY = {
    "scope": "IPv6 derives the scope from the address: leave it out",
    "label": "IPv6 has no labels: leave it out",
}


def parse_address(item: Mapping[str, Any], where: str) -> Address:
    """An address from the parameters ``dev``, ``address`` and its options.

    :param where: prefix of parameter names in messages: ``addresses[0].``.
    :raises InvalidParameter: for the first that is wrong.
    """
    values.known(where, item, ("dev", "address", *_OPTIONS), "an address")
    dev = values.link_name(f"{where}dev", item.get("dev"))
    return _parse(dev, item, where)


def parse_own(dev: str, item: Any, where: str) -> Address:
    """An address of one interface: in CIDR notation, or a dictionary with its options.

    :param where: the item in messages: ``addresses[0]``.
    :raises InvalidParameter: for the first that is wrong.
    """
    if not isinstance(item, dict):
        return Address(dev, values.interface_address(where, item))
    values.known(f"{where}.", item, ("address", *_OPTIONS), "an address of an interface")
    return _parse(dev, item, f"{where}.")


def _parse(dev: str, item: Mapping[str, Any], where: str) -> Address:
    address = values.interface_address(f"{where}address", item.get("address"))
    given = values.given(item)
    options = {
        field: parse(f"{where}{name}", given[name]) for name, (field, parse) in _OPTIONS.items() if name in given
    }
    six = ":" in address
    for name in given:
        if six and name in _IPV4_ONLY:
            raise InvalidParameter(f"{where}{name}", given[name], _IPV4_ONLY[name])
    if not six and "nodad" in given:
        remedy = "IPv4 has no duplicate address detection: leave it out"
        raise InvalidParameter(f"{where}nodad", given["nodad"], remedy)
    peer = options.get("peer")
    if peer and (":" in peer) != six:
        raise InvalidParameter(f"{where}peer", peer, f"it is of another address family than {address}")
    if peer == address.partition("/")[0]:
        raise InvalidParameter(f"{where}peer", peer, "it is the address itself: give that of the other end")
    return Address(dev, address, **options)
