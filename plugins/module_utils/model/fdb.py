# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a VXLAN's forwarding database (FDB). There may be ten thousand: tables hold them as plain tuples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, NamedTuple, Optional

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import on_device, plain_entries
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

FdbKey = tuple[str, str, str, Optional[int], Optional[int]]
"""An FdbEntry, or a plain tuple that equals one: of ten thousand, plain ones take half the time to make."""


class FdbEntry(NamedTuple):
    """A permanent entry of a VXLAN's own forwarding database: which VTEP a MAC address is behind.

    port and vni are None if they are the device's own.
    """

    dev: str
    lladdr: str
    dst: str
    port: int | None = None
    vni: int | None = None

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The entry in a message: ``FDB entry 02:00:00:00:00:01 dst 192.0.2.1 on vxlan0``."""
        return f"FDB entry {self.lladdr} dst {self.dst} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The entry as lines of a diff, in the words of bridge(8)."""
        line = f"{prefix_of(netns)}fdb {self.dev} {self.lladdr} dst {self.dst}"
        if self.port is not None:
            line += f" port {self.port}"
        if self.vni is not None:
            line += f" vni {self.vni}"
        return [line]

    def data(self) -> dict[str, Any]:
        """The entry as an item of topology's ``fdb``, without what is not set."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def on(self, link: Link) -> FdbEntry:
        """This entry as the kernel reports it of a VXLAN: without a port and a VNI that are the VXLAN's own."""
        if self.port is None and self.vni is None:
            return self
        known = link.attributes
        return self._replace(
            port=None if self.port == known.get("port") else self.port,
            vni=None if self.vni == known.get("vni") else self.vni,
        )

    def found_in(self, table: Mapping[FdbKey, None], links: Mapping[str, Link]) -> FdbEntry | None:
        """The observed entry that this one names."""
        found = self.on(links[self.dev]) if self.dev in links else self
        return found if found in table else None

    def drop_from(self, table: dict[FdbKey, None]) -> None:
        """Take an observed entry out of its table."""
        del table[self]


def fdb_keys(
    devices: Iterable[str],
    lladdrs: Iterable[str],
    addresses: Iterable[str],
    ports: Iterable[int | None] = repeat(None),
    vnis: Iterable[int | None] = repeat(None),
) -> Iterator[FdbKey]:
    """FDB entries from columns of their fields."""
    return zip(devices, lladdrs, addresses, ports, vnis)


_PARAMETERS = dict.fromkeys(FdbEntry._fields)


def add_fdb(table: dict[FdbKey, None], entries: list[Any], where: str, dev: str | None = None) -> None:
    """Add FDB entries to a table, from their parameters.

    :param where: the list's name in messages.
    :param dev: the device of all of them, if they do not name it themselves.
    :raises InvalidParameter: for the first that is wrong, and for a second destination of a MAC that can have but one.
    """
    plain = plain_entries(entries, _PARAMETERS, dev)
    if plain:
        devices, macs, addresses = plain
        distinct = len(set(macs)) == len(macs) or len(set(zip(devices, macs))) == len(macs)
        if distinct and not table:
            table.update(dict.fromkeys(fdb_keys(devices, macs, addresses)))
            return
    seen: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(entries):
        _add_entry(table, on_device(entry, dev, f"{where}[{index}]"), f"{where}[{index}].", seen)


def _add_entry(
    table: dict[FdbKey, None], item: Mapping[str, Any], where: str, seen: dict[tuple[str, str], str]
) -> None:
    values.known(where, item, _PARAMETERS, "an FDB entry")
    dev = values.ifname(f"{where}dev", item.get("dev"))
    lladdr = values.mac(f"{where}lladdr", item.get("lladdr"), zero=True)
    dst = values.unicast(f"{where}dst", item.get("dst"))
    port, vni = item.get("port"), item.get("vni")
    if port is not None:
        port = values.port(f"{where}port", port)
    if vni is not None:
        vni = values.vni(f"{where}vni", vni)
    entry = FdbEntry(dev, lladdr, dst, port, vni)
    if entry in table:
        raise InvalidParameter(f"{where}lladdr", lladdr, f"the entry to {dst} is listed twice: keep one")
    if lladdr != values.ZERO_MAC:
        known = seen.setdefault((dev, lladdr), dst)
        if known is not dst:
            remedy = (
                f"{lladdr} is listed twice on {dev}, behind {known} and {dst}: a MAC address is behind one VTEP "
                "(cloned machines share MAC addresses)"
            )
            raise InvalidParameter(f"{where}lladdr", lladdr, remedy)
    table[entry] = None
