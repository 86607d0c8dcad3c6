# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbours: missing ones are set; others are removed from devices with an authoritative list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import compress, repeat
from operator import ne

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of, one
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def set_neighbours(view: View, netns: str, desired: Desired) -> None:
    """Set missing neighbours, and note the neighbours that authoritative lists do not contain."""
    for dev in sorted(desired.neighbour_devices):
        link = view.require(netns, dev, "neighbours: dev")
        _check_device(link)
        wanted, known = desired.neighbours.get(dev, {}), view.at(netns).neighbours.setdefault(dev, {})
        # Of tens of thousands of entries, those that differ are found in C.
        if known == wanted:
            continue
        missing = dict(compress(wanted.items(), map(ne, map(known.get, wanted), wanted.values())))
        noted = {item.dst: item for item in link.noted if isinstance(item, Neighbour)}
        replaced = [noted.get(dst) or (Neighbour(dev, dst, known[dst]) if dst in known else None) for dst in missing]
        entries = _neighbours(dev, missing, missing.values())
        view.do_all("set", netns, replaced, map(_with_marks, entries, replaced) if noted else entries)
        known.update(missing)
        # Everything that is wanted is known now; if both have the same length, nothing else is.
        if dev in desired.purge_neighbours and len(known) != len(wanted):
            view.unwanted[netns].append(_others(dev, known, wanted, noted))


def _check_device(link: Link) -> None:
    """Refuse a device that asks for no MAC addresses."""
    if link.name == "lo" or (link.kind and not kind_of(link.kind).ethernet):
        what = one(link.kind) if link.kind else "the loopback interface"
        raise InvalidParameter("neighbours: dev", link.name, f"it is {what}, which asks for no MAC addresses")


def _with_marks(entry: Neighbour, replaced: Neighbour | None) -> Neighbour:
    """An entry with what nobody asks for of the one that it replaces: the kernel keeps the program's number itself."""
    return entry._replace(router=replaced.router, protocol=replaced.protocol) if replaced else entry


def _others(
    dev: str, known: Mapping[str, str], wanted: Collection[str], noted: Mapping[str, Neighbour]
) -> list[Neighbour]:
    """The neighbours of a device that an authoritative list does not contain, and that are nobody else's."""
    foreign = {dst for dst, item in noted.items() if item.is_foreign}
    others = [dst for dst in known if dst not in wanted and dst not in foreign]
    unmarked = _neighbours(dev, others, map(known.__getitem__, others))
    return [noted.get(item.dst, item) for item in unmarked]


def _neighbours(dev: str, addresses: Iterable[str], lladdrs: Iterable[str]) -> Iterator[Neighbour]:
    return make_all(Neighbour, zip(repeat(dev), addresses, lladdrs, repeat(None), repeat(False), repeat(0)))
