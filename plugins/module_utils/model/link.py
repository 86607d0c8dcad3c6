# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links (network interfaces), wanted and observed alike. links.py reads them from parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kinds import NAMES, PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Compound
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

AUTO = "auto"  # an MTU: as many bytes as the link below leaves, or as another link has


@dataclass
class Link:
    """A network interface.

    :ivar kind: empty for one that this collection does not make (a NIC, or "whatever is there").
    :ivar attributes: wanted: what the user asks for; observed: everything that is known. By parameter name, normalised.
    :ivar peer: (namespace, name) of a veth's other end.
    :ivar is_peer: wanted: it is listed as another link's peer. The name of that link says which pair is meant.
    :ivar origin: (namespace, name) that an interface is taken from, and returned to.
    :ivar recreate: whether it may be deleted and created again if the kernel cannot change it.
    :ivar shared: it is removed only while it has no ports of others.
    :ivar mtu_of: wanted: the host's own link whose MTU ``auto`` stands for; empty: the link below.
    :ivar resolved_mtu: wanted: the bytes that ``auto`` has stood for since the host was asked for it; 0: to be found.
    :ivar where: the place in the user's document, for messages.
    :ivar index: observed: the kernel's ifindex.
    :ivar below: observed: the ifindex of the link that it sits on, or of a veth's other end (IFLA_LINK).
    :ivar noted: observed: neighbours and FDB entries on it that nobody declared, and one of ours may replace; and of
        those that tables hold, neighbours of which there is more to say.
    :ivar nsid: observed: the id of the namespace of ``below``, if that is another one (IFLA_LINK_NETNSID).
    """

    name: str
    kind: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    peer: tuple[str, str] | None = None
    origin: tuple[str, str] | None = None
    recreate: bool = False
    shared: bool = False
    mtu_of: str = ""
    resolved_mtu: int = 0
    where: str = ""
    index: int = 0
    below: int = 0
    nsid: int | None = None
    is_peer: bool = False
    noted: list[Any] = field(default_factory=list)

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for: a link takes addresses and routes along."""
        return True

    def label(self, netns: str = "") -> str:
        """The link in a message: ``link eth0 in namespace pod1``."""
        return f"link {self.name}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The link as lines of a diff, in the words of ip(8): one for each attribute."""
        return [f"{prefix_of(netns)}link {self.name} {words}" for words in self._attribute_words()]

    def _attribute_words(self) -> Iterable[str]:
        for key, value in self.attributes.items():
            if key == "admin_state":
                yield value
            elif value == "" or value == []:
                yield f"no {key}"
            elif isinstance(value, Compound):
                yield from value.lines()
            elif value is not None:
                yield f"{key} {_word(value)}"

    def summary(self, netns: str = "") -> str:
        """The whole link as one line of a diff: a link that is created or deleted."""
        words = [f"{prefix_of(netns)}link {self.name} type {self.kind}"]
        options = {**ATTRIBUTES, **kind_of(self.kind).options, **PORT_OPTIONS}
        words += [
            f"{key} {_word(value)}"
            for key, value in self.attributes.items()
            if value not in (None, "", []) and (key not in options or value not in options[key].usual)
        ]
        if self.peer:
            place = f" netns {self.peer[0]}" if self.peer[0] else ""
            words.append(f"peer {self.peer[1]}{place}")
        return " ".join(words)

    def data(self, whole: bool = False) -> dict[str, Any]:
        """The link as an item of topology's ``links``.

        :param whole: with what is so on most links.
        """
        data: dict[str, Any] = {"name": self.name}
        if self.kind in NAMES:
            data["kind"] = self.kind
        mode = self.attributes.get("mode")
        for name, option in {**ATTRIBUTES, **kind_of(self.kind).options, **PORT_OPTIONS}.items():
            value = self.attributes.get(name)
            absent = value is None or (value in option.usual and not whole)
            if option.spec is not None and not absent and mode in (option.modes or (mode,)):
                data[name] = value.data() if isinstance(value, Compound) else value
        if self.peer:
            data["peer"] = {"name": self.peer[1], "netns": self.peer[0]}
        return data


def _word(value: Any) -> str:
    if isinstance(value, Compound):
        return "; ".join(value.lines())
    if isinstance(value, list):
        return ",".join(value)
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
