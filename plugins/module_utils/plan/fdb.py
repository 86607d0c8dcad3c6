# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FDB entries: missing ones are set; others are removed from VXLANs with an authoritative list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, compress, filterfalse, repeat
from operator import itemgetter

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of, one
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import ROUTER, FdbEntry, FdbKey, as_asked
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View

_LLADDR = itemgetter(FdbEntry._fields.index("lladdr"))
_NUMBERS = itemgetter(*map(FdbEntry._fields.index, ("port", "vni", "src_vni")))


def set_fdb(view: View, netns: str, desired: Desired) -> None:
    """Set missing FDB entries, and note the entries that authoritative lists do not contain."""
    now = view.at(netns)
    if not desired.fdb and not desired.purge_fdb:
        return
    links = _devices(view, netns, desired)
    # Of tens of thousands of entries, those that differ are found in C.
    if now.fdb == desired.fdb:
        return
    unlike = [*make_all(FdbEntry, filterfalse(now.fdb.__contains__, desired.fdb))]
    known = as_asked(now.fdb)
    reported = _as_reported(unlike, links)
    if known:
        reported = [entry if entry in now.fdb else known.get(entry, entry) for entry in reported]
    missing = [*filterfalse(now.fdb.__contains__, reported)]
    if missing:
        _set_missing(view, netns, links, _with_states(missing, known))
    if desired.purge_fdb:
        others = filterfalse({*reported}.__contains__, filterfalse(desired.fdb.__contains__, now.fdb))
        mine = [
            entry for entry in make_all(FdbEntry, others) if entry.dev in desired.purge_fdb and not entry.is_foreign
        ]
        view.unwanted[netns].append(mine)


def _devices(view: View, netns: str, desired: Desired) -> dict[str, Link]:
    """The devices with a list of entries, by name.

    :raises FabricError: a device is missing.
    :raises InvalidParameter: a device has no such entries.
    """
    links = {name: view.require(netns, name, "fdb: dev") for name in sorted(desired.fdb_devices)}
    for link in links.values():
        if not kind_of(link.kind).entries and link.index:
            remedy = f"it is {one(link.kind or 'NIC')}: only a VXLAN has entries with a destination"
            raise InvalidParameter("fdb: dev", link.name, remedy)
    return links


def _as_reported(entries: list[FdbEntry], links: Mapping[str, Link]) -> list[FdbEntry]:
    """Wanted entries as the kernel reports them."""
    # The entries by which a VXLAN floods itself, because of its remote or group, are not reported.
    floods = {name: link.attributes.get("remote") or link.attributes.get("group") for name, link in links.items()}
    own = {(name, values.ZERO_MAC, address, None, None) for name, address in floods.items() if address}
    if own or any(chain.from_iterable(map(_NUMBERS, entries))):
        return [entry for entry in (entry.on(links[entry.dev]) for entry in entries) if entry[:5] not in own]
    return entries


def _with_states(missing: list[FdbEntry], known: Mapping[FdbKey, FdbEntry]) -> list[FdbEntry]:
    """Missing entries with the state of those of their key: all destinations of the MAC address zero have one.

    :param known: observed entries that nobody asks for in full.
    """
    states = {entry.key: entry.state for entry in known.values() if entry.state}
    if not states:
        return missing
    return [entry._replace(state=states[entry.key]) if entry.key in states else entry for entry in missing]


def _set_missing(view: View, netns: str, links: Mapping[str, Link], missing: list[FdbEntry]) -> None:
    """Set missing entries in place of those that they replace."""
    table = view.at(netns).fdb
    replaced = _take_replaced(table, links, missing)
    if any(old and old.state for old in replaced):  # what nobody asks for of an entry stays
        missing = [
            new._replace(state=ROUTER) if old and ROUTER in (old.state or "") and not new.state else new
            for old, new in zip(replaced, missing)
        ]
    # The kernel replaces no destination by nexthops, and takes the opposite and does nothing (vxlan_fdb_nh_update,
    # vxlan_fdb_replace).
    stuck = {old for old, new in zip(replaced, missing) if old and (old.nhid is None) != (new.nhid is None)}
    view.do_all("delete", netns, stuck, repeat(None))
    view.do_all("set", netns, (None if old in stuck else old for old in replaced), missing)
    table.update(dict.fromkeys(missing))


def _take_replaced(
    table: dict[FdbKey, None], links: Mapping[str, Link], missing: Sequence[FdbEntry]
) -> list[FdbEntry | None]:
    """Take the entries that missing ones replace out of a table; None for a missing entry that replaces none."""
    learned = (item for link in links.values() for item in link.noted if isinstance(item, FdbEntry))
    lladdrs = {*map(_LLADDR, missing)} - {values.ZERO_MAC}
    there = make_all(FdbEntry, compress(table, map(lladdrs.__contains__, map(_LLADDR, table))))
    behind = {item.key: item for item in chain(learned, there)}
    if not behind:
        return [None] * len(missing)
    replaced = [behind.get(item.key) for item in missing]
    for entry in filter(None, replaced):
        table.pop(entry, None)
    return replaced
