# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static entries of bridges' forwarding databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import on_device
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

BridgeKey = tuple[str, str, Optional[int]]
BridgeTable = dict[BridgeKey, "BridgeEntry"]


class BridgeEntry(NamedTuple):
    """A static entry: which port of a bridge a MAC address is behind.

    :ivar dev: the port.
    :ivar vlan: None: every VLAN of the port.
    :ivar sticky: the address stays there even if frames from it arrive on another port.
    :ivar state: what bridge(8) says of an entry that nobody declared: ``dynamic``, ``extern_learn``, ``permanent``.
    """

    dev: str
    lladdr: str
    vlan: int | None = None
    sticky: bool = False
    state: str | None = None

    @property
    def key(self) -> BridgeKey:
        """What a bridge finds an entry by."""
        return self[:3]

    @property
    def is_marked(self) -> bool:
        """Whether it bears a control plane's mark."""
        return "extern_learn" in (self.state or "")

    @property
    def list_name(self) -> str:
        """The name of the lists of such objects (objects.py)."""
        return "bridge_fdb"

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The entry in a message: ``FDB entry 02:00:00:00:00:01 vlan 10 on port veth0``."""
        return f"FDB entry {self._words()} on port {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The entry as lines of a diff, in the words of bridge(8)."""
        sticky = " sticky" if self.sticky else ""
        return [f"{prefix_of(netns)}fdb {self.dev} {self._words()} master {self.state or 'static'}{sticky}"]

    def _words(self) -> str:
        return self.lladdr if self.vlan is None else f"{self.lladdr} vlan {self.vlan}"

    def data(self) -> dict[str, Any]:
        """The entry as an item of topology's ``bridge_fdb``, without what is not set."""
        return {name: value for name, value in self._asdict().items() if value not in (None, False)}

    def found_in(self, table: Mapping[BridgeKey, BridgeEntry], _links: Mapping[str, Any]) -> BridgeEntry | None:
        """The observed entry that this one names."""
        return table.get(self.key)

    def drop_from(self, table: BridgeTable) -> None:
        """Take an observed entry out of its table."""
        del table[self.key]


def add_bridge_fdb(table: BridgeTable, entries: Iterable[Any], where: str, dev: str | None = None) -> None:
    """Add entries to a table, from their parameters.

    :param where: the list's name in messages.
    :param dev: the port of all of them, if they do not name it themselves.
    :raises InvalidParameter: for the first that is wrong or listed twice.
    """
    for index, entry in enumerate(entries):
        here = f"{where}[{index}]."
        item = values.given(on_device(entry, dev, here[:-1]))
        values.known(here, item, BridgeEntry._fields[:-1], "an entry of a bridge's port")
        found = BridgeEntry(
            values.link_name(f"{here}dev", item.get("dev")),
            values.mac(f"{here}lladdr", item.get("lladdr")),
            values.vlan_id(f"{here}vlan", item["vlan"]) if "vlan" in item else None,
            values.boolean(f"{here}sticky", item.get("sticky", False)),
        )
        if found.key in table:
            raise InvalidParameter(f"{here}lladdr", found.lladdr, "it is listed twice on this port: keep one")
        table[found.key] = found
