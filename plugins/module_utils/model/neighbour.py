# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbour entries (ARP, NDP). There may be ten thousand: tables hold them as plain strings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import on_device, plain_entries
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

Neighbours = dict[str, dict[str, str]]
"""A table of neighbours: by device, MAC addresses by IP address."""


class Neighbour(NamedTuple):
    """A permanent neighbour entry: which MAC address an IP address has on a device.

    :ivar lladdr: empty: of an observed one, nobody has answered yet.
    :ivar state: what ip-neighbour(8) says of an entry that nobody declared: ``nud stale``, ``extern_learn``.
    :ivar router: the neighbour is a router (RFC 4861).
    :ivar protocol: the number of the program that entered it; 0: it did not say.
    """

    dev: str
    dst: str
    lladdr: str
    state: str | None = None
    router: bool = False
    protocol: int = 0

    @property
    def is_foreign(self) -> bool:
        """Whether another program has entered it, which also removes it."""
        return bool(self.state) or self.protocol not in values.DECLARED_PROTOCOLS

    @property
    def list_name(self) -> str:
        """The name of the lists of such objects (objects.py)."""
        return "neighbours"

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The entry in a message: ``neighbour 10.0.0.1 on vxlan0``."""
        return f"neighbour {self.dst} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The entry as lines of a diff."""
        return [f"{prefix_of(netns)}neighbour {self.dev} {self.dst}{self.words()}"]

    def words(self) -> str:
        """What ip-neighbour(8) says of it after its address, each word after a blank."""
        words = [f"lladdr {self.lladdr}"] if self.lladdr else []
        words += [self.state] if self.state else []
        words += ["router"] if self.router else []
        if self.protocol not in (0, *values.ROUTE_PROTOCOLS):
            # Imported only here: Python compiles all imports in each call, and few entries say whose they are.
            from ansible_collections.weft.fabric.plugins.module_utils.model.route import PROTOCOLS, name_in

            words.append(f"proto {name_in(PROTOCOLS, self.protocol)}")
        return "".join(f" {word}" for word in words)

    def data(self) -> dict[str, Any]:
        """The entry as an item of topology's ``neighbours``."""
        return dict(zip(_PARAMETERS, self))

    def found_in(self, table: Mapping[str, Mapping[str, str]], links: Mapping[str, Link]) -> Neighbour | None:
        """The observed entry of the same IP address, whatever its MAC address is."""
        known = table.get(self.dev, {}).get(self.dst)
        noted = links[self.dev].noted if known and self.dev in links else ()
        found = next((item for item in noted if isinstance(item, Neighbour) and item.dst == self.dst), None)
        return found or (Neighbour(self.dev, self.dst, known) if known else None)

    def drop_from(self, table: Neighbours) -> None:
        """Take an observed entry out of its table."""
        del table[self.dev][self.dst]


_PARAMETERS = dict.fromkeys(("dev", "dst", "lladdr"))


def add_neighbours(table: Neighbours, entries: list[Any], where: str, dev: str | None = None) -> None:
    """Add neighbour entries to a table, from their parameters.

    :param where: the list's name in messages.
    :param dev: the device of all of them, if they do not name it themselves.
    :raises InvalidParameter: for the first that is wrong, and for a second MAC address of one IP address.
    """
    plain = plain_entries(entries, _PARAMETERS, dev)
    if plain:
        devices, macs, addresses = plain
        found: Neighbours = {}
        if len(set(devices)) == 1:
            found[devices[0]] = dict(zip(addresses, macs))
        else:
            for name, address, lladdr in zip(devices, addresses, macs):
                found.setdefault(name, {})[address] = lladdr
        if sum(map(len, found.values())) == len(entries) and not table:
            table.update(found)
            return
    for index, entry in enumerate(entries):
        _add_neighbour(table, on_device(entry, dev, f"{where}[{index}]"), f"{where}[{index}].")


def _add_neighbour(table: Neighbours, item: Mapping[str, Any], where: str) -> None:
    values.known(where, item, _PARAMETERS, "a neighbour entry")
    dev, dst = values.link_name(f"{where}dev", item.get("dev")), values.unicast(f"{where}dst", item.get("dst"))
    lladdr = values.mac(f"{where}lladdr", item.get("lladdr"))
    listed = table.setdefault(dev, {})
    if dst in listed:
        remedy = f"{dst} is listed twice on {dev}, with lladdr {listed[dst]} too: an address has one MAC, keep one"
        raise InvalidParameter(f"{where}lladdr", lladdr, remedy)
    listed[dst] = lladdr
