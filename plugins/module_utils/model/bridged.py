# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bridges hold of their ports, and bridges and VXLANs of MAC addresses, as the kernel reported it before a change.

The kernel deletes all of it with the port, or when the port leaves its bridge.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of
from ansible_collections.weft.fabric.plugins.module_utils.values import ZERO_MAC


class PortState(NamedTuple):
    """An option of a port, or its VLANs, that a new port does not have.

    :ivar attributes: (name, value) of each attribute of the link that it is, in the words of this collection, or of
        ip-link(8) where it has none.
    :ivar raw: the option as the kernel reported it; empty: these are the VLANs.
    """

    attributes: tuple[tuple[str, Any], ...]
    raw: bytes

    @property
    def name(self) -> str:
        """The attribute that says all of it: VLANs are changed one by one unless their list is given."""
        return self.attributes[0][0]


class Port(NamedTuple):
    """A port of a bridge."""

    dev: str
    controller: str
    states: tuple[PortState, ...]

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The port in a message."""
        return f"port {self.dev} of {self.controller}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The port as lines of a diff: one for each attribute."""
        return [f"{prefix_of(netns)}link {self.dev} {_words(name, value)}" for name, value in self.attributes]

    @property
    def attributes(self) -> list[tuple[str, Any]]:
        """The attributes of the link that its states are."""
        return [attribute for state in self.states for attribute in state.attributes]

    def without(self, names: Collection[str]) -> Port:
        """The port without the states of some attributes."""
        return self._replace(states=tuple(state for state in self.states if state.name not in names))


def _words(name: str, value: Any) -> str:
    if value in (None, ()):
        return f"no {name}"
    if isinstance(value, bool):
        return f"{name} {'on' if value else 'off'}"
    return f"{name} {','.join(value) if isinstance(value, tuple) else value}"


class Station(NamedTuple):
    """An FDB entry that somebody has made: behind which port of a bridge, or which VTEP, a MAC address is.

    :ivar bridged: a bridge has it; otherwise a VXLAN does, which is dev itself.
    :ivar area: the VLAN, or the source VNI on an external VXLAN; None: there is none.
    :ivar dst: the VTEP; empty: there is none, or it is a group of nexthops.
    :ivar way: the port, the VNI, the interface and the group of nexthops that frames take, as FdbEntry has them.
    :ivar controller: the bridge.
    :ivar declared: somebody entered it by hand, as this collection does; otherwise a control plane did.
    :ivar words: how it ends in a diff.
    :ivar raw: the kernel's message, from struct ndmsg on.
    """

    dev: str
    bridged: bool
    lladdr: str
    area: int | None = None
    dst: str = ""
    way: tuple[int | None, int | None, str | None, int | None] = (None, None, None, None)
    controller: str = ""
    declared: bool = True
    words: str = ""
    raw: bytes = b""

    @property
    def key(self) -> tuple[Any, ...]:
        """What it is found by: a VXLAN floods to any number of VTEPs (vxlan_core.c: vxlan_fdb_update)."""
        return *self[:4], (self.dst, self.way) if self.floods else None

    @property
    def floods(self) -> bool:
        """Whether a VXLAN sends copies to all destinations: those of a group address, and of unknown ones."""
        return not self.bridged and (self.lladdr == ZERO_MAC or bool(int(self.lladdr[:2], 16) & 1))

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The entry in a message."""
        return f"FDB entry {self._all_words()} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The entry as lines of a diff, in the words of bridge(8)."""
        return [f"{prefix_of(netns)}fdb {self.dev} {self._all_words()}"]

    def _all_words(self) -> str:
        port, vni, via, nhid = self.way
        values = {
            "dst": self.dst or None,
            "port": port,
            "vni": vni,
            "vlan" if self.bridged else "src_vni": self.area,
            "via": via,
            "nhid": nhid,
        }
        found = [f"{name} {value}" for name, value in values.items() if value is not None]
        return " ".join([self.lladdr, *found, *self.words.split()])


class Member(NamedTuple):
    """A multicast group that somebody has put behind a port, or VNIs that an external VXLAN receives.

    :ivar controller: the bridge; empty: these are VNIs.
    :ivar words: what it is, in the words of bridge(8).
    :ivar raw: the kernel's message, after the index of the bridge or the VXLAN.
    """

    dev: str
    controller: str
    words: str
    raw: bytes

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The member in a message."""
        return f"{self.words} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The member as lines of a diff."""
        return [f"{prefix_of(netns)}link {self.dev} {self.words}"]
