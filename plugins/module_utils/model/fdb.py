# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a VXLAN's forwarding database (FDB). There may be ten thousand: tables hold them as plain tuples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all, on_device, plain_entries
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

FdbKey = tuple[
    str, str, Optional[str], Optional[int], Optional[int], Optional[int], Optional[str], Optional[int], Optional[str]
]
"""An FdbEntry, or a plain tuple that equals one: of ten thousand, plain ones take half the time to make."""

ROUTER, STATIC = "router", "static"  # the words of bridge(8)


class FdbEntry(NamedTuple):
    """A permanent entry of a VXLAN's own forwarding database: which VTEP a MAC address is behind.

    :ivar dst: the VTEP; None: those of a group of nexthops.
    :ivar port: None: the device's own, as with vni.
    :ivar src_vni: the VNI of the frames, on an external VXLAN.
    :ivar via: the interface that packets leave by; None: the kernel chooses.
    :ivar nhid: the number of the group of nexthops.
    :ivar state: what bridge(8) says of it besides: ``dynamic`` if it was learned, ``extern_learn`` or ``static`` if it
        is a control plane's or the VXLAN's own, ``router`` if the kernel routes what is sent there (vxlan_core.c:
        route_shortcircuit).
    """

    dev: str
    lladdr: str
    dst: str | None
    port: int | None = None
    vni: int | None = None
    src_vni: int | None = None
    via: str | None = None
    nhid: int | None = None
    state: str | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether a control plane has entered it, or the kernel has learned it."""
        return self.state not in (None, ROUTER)

    @property
    def list_name(self) -> str:
        """The name of the lists of such objects (objects.py)."""
        return "fdb"

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for."""
        return False

    def label(self, netns: str = "") -> str:
        """The entry in a message: ``FDB entry 02:00:00:00:00:01 dst 192.0.2.1 on vxlan0``."""
        return f"FDB entry {' '.join(self._words())} on {self.dev}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The entry as lines of a diff, in the words of bridge(8)."""
        return [f"{prefix_of(netns)}fdb {self.dev} {' '.join(self._words())}"]

    def _words(self) -> Iterator[str]:
        yield self.lladdr
        for name, value in zip(self._fields[2:-1], self[2:-1]):
            if value is not None:
                yield f"{name} {value}"
        if self.state:
            yield self.state

    def data(self) -> dict[str, Any]:
        """The entry as an item of topology's ``fdb``, without what is not set."""
        return {name: value for name, value in zip(_PARAMETERS, self) if value is not None}

    def on(self, link: Link) -> FdbEntry:
        """This entry as the kernel reports it of a VXLAN: without a port and a VNI that are the VXLAN's own."""
        if self.port is None and self.vni is None and self.src_vni is None:
            return self
        known = link.attributes
        return self._replace(
            port=None if self.port == known.get("port") else self.port,
            vni=None if self.vni == known.get("vni") else self.vni,
            src_vni=self.src_vni or None,
        )

    @property
    def key(self) -> tuple[str, str, int | None]:
        """What the kernel finds an entry by; that of the MAC address zero has any number of destinations."""
        return self.dev, self.lladdr, self.src_vni

    def found_in(self, table: Mapping[FdbKey, None], links: Mapping[str, Link]) -> FdbEntry | None:
        """The observed entry that this one names."""
        found = self.on(links[self.dev]) if self.dev in links else self
        return found if found in table else as_asked(table).get(found)

    def drop_from(self, table: dict[FdbKey, None]) -> None:
        """Take an observed entry out of its table."""
        del table[self]


def as_asked(table: Collection[FdbKey]) -> dict[FdbKey, FdbEntry]:
    """The entries that nobody asks for in full: without the state, and with or without the interface."""
    special = chain(filter(itemgetter(6), table), filter(itemgetter(8), table))
    found: dict[FdbKey, FdbEntry] = {}
    for entry in make_all(FdbEntry, special):
        found[entry._replace(state=None)] = found[entry._replace(via=None, state=None)] = entry
    return found


def fdb_keys(
    devices: Iterable[str],
    lladdrs: Iterable[str],
    addresses: Iterable[str | None],
    ports: Iterable[int | None] = repeat(None),
    vnis: Iterable[int | None] = repeat(None),
    source_vnis: Iterable[int | None] = repeat(None),
    ways: Iterable[str | None] = repeat(None),
    groups: Iterable[int | None] = repeat(None),
) -> Iterator[FdbKey]:
    """FDB entries from columns of their fields."""
    return zip(devices, lladdrs, addresses, ports, vnis, source_vnis, ways, groups, repeat(None))


_PARAMETERS = dict.fromkeys(FdbEntry._fields[:-1])
_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    "dst": values.unicast,
    "port": values.port,
    "vni": values.vni,
    "src_vni": values.vni,
    "via": values.link_name,
    "nhid": lambda where, value: values.integer(where, value, 1, 2**32 - 1),
}


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
    seen: dict[tuple[str, str, int | None], str] = {}
    for index, entry in enumerate(entries):
        _add_entry(table, on_device(entry, dev, f"{where}[{index}]"), f"{where}[{index}].", seen)


def _add_entry(
    table: dict[FdbKey, None], item: Mapping[str, Any], where: str, seen: dict[tuple[str, str, int | None], str]
) -> None:
    values.known(where, item, _PARAMETERS, "an FDB entry")
    dev = values.link_name(f"{where}dev", item.get("dev"))
    lladdr = values.mac(f"{where}lladdr", item.get("lladdr"), zero=True)
    item = values.given(item)
    if ("dst" in item) == ("nhid" in item):
        raise InvalidParameter(f"{where}dst", item.get("dst"), "give either the other VTEP's address, or nhid")
    found = {name: parse(f"{where}{name}", item[name]) for name, parse in _FIELDS.items() if name in item}
    entry = FdbEntry(dev, lladdr, **{"dst": None, **found})
    to = entry.dst or f"nexthop {entry.nhid}"
    if entry in table:
        raise InvalidParameter(f"{where}lladdr", lladdr, f"the entry to {to} is listed twice: keep one")
    if lladdr != values.ZERO_MAC:
        known = seen.setdefault(entry.key, to)
        if known is not to:
            remedy = (
                f"{lladdr} is listed twice on {dev}, behind {known} and {to}: a MAC address is behind one VTEP "
                "(cloned machines share MAC addresses)"
            )
            raise InvalidParameter(f"{where}lladdr", lladdr, remedy)
    table[entry] = None
