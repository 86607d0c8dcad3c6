# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one namespace, as it was observed or as it is planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Python compiles all imports in each call, and few documents have objects of every type.
    from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressKey
    from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeTable
    from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbKey
    from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
    from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbours
    from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route, RoutePlace
    from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule


@dataclass
class Observed:
    """The objects of one namespace, as far as they were read.

    :ivar status: ``present``, or what is there instead of the namespace (netns.netns_status).
    :ivar aliases: the other names of the same namespace; the empty one is that of the process.
    """

    status: str = "present"
    links: dict[str, Link] = field(default_factory=dict)
    addresses: dict[AddressKey, Address] = field(default_factory=dict)
    routes: dict[RoutePlace, tuple[Route, ...]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    neighbours: Neighbours = field(default_factory=dict)
    fdb: dict[FdbKey, None] = field(default_factory=dict)
    bridge_fdb: BridgeTable = field(default_factory=dict)
    aliases: frozenset[str] = frozenset()

    def copy(self) -> Observed:
        """A state with tables of its own, to plan with. It shares the links, which are replaced and never changed."""
        return Observed(
            self.status,
            dict(self.links),
            dict(self.addresses),
            dict(self.routes),
            list(self.rules),
            {dev: dict(entries) for dev, entries in self.neighbours.items()},
            dict(self.fdb),
            dict(self.bridge_fdb),
            self.aliases,
        )

    @property
    def own_names(self) -> dict[str, str]:
        """The own name of each link that has alternative names, by each of these (ip-link(8), ``altname``)."""
        return {name: link.name for link in self.links.values() for name in link.attributes.get("altnames") or ()}

    def forget_entries(self, dev: str) -> None:
        """Take out everything that the kernel removes with a link: its addresses, routes, neighbours and FDB."""
        self.addresses = {key: item for key, item in self.addresses.items() if item.dev != dev}
        if self.routes:
            from ansible_collections.weft.fabric.plugins.module_utils.model.route import by_place, flattened

            self.routes = by_place(route for route in flattened(self.routes) if dev not in route.devices)
        self.neighbours.pop(dev, None)
        self.fdb = {item: None for item in self.fdb if item[0] != dev}
        self.bridge_fdb = {key: entry for key, entry in self.bridge_fdb.items() if entry.dev != dev}
