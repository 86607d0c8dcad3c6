# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects by the ten thousand: made and checked by columns of their fields instead of one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeVar

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

Named = TypeVar("Named", bound=NamedTuple)


def make_all(kind: type[Named], tuples: Iterable[tuple[Any, ...]]) -> Iterator[Named]:
    """Named tuples of plain ones that have all their fields, in a third of the time that calling the class takes."""
    return map(tuple.__new__, repeat(kind), tuples)


def plain_entries(
    entries: list[Any], known: Mapping[str, None], dev: str | None
) -> tuple[list[str], list[str], list[str]] | None:
    """Check neighbour or FDB entries all at once, in a few milliseconds for ten thousand.

    :param known: the parameters that an entry takes.
    :param dev: the device of all of them, if they do not name it themselves.
    :returns: devices, MAC addresses and IPv4 addresses; None: an entry is wrong, or not of the simplest form. The
        caller then looks at them one by one.
    """
    try:
        keys = set(chain.from_iterable(entries))
        special = keys - {"dev", "lladdr", "dst"}
        if not keys <= known.keys() or any(entry[name] is not None for name in special for entry in entries):
            return None
        devices: list[Any] = [entry.get("dev", dev) for entry in entries] if "dev" in keys else [dev] * len(entries)
        macs = [entry["lladdr"] for entry in entries]
        addresses = [entry["dst"] for entry in entries]
        if values.are_plain_macs(macs) and values.are_plain_hosts(addresses):
            for name in set(devices):
                values.link_name("dev", name)
            return devices, macs, addresses
    except (AttributeError, KeyError, TypeError, InvalidParameter):
        pass  # an entry is wrong; the caller names it
    return None


def on_device(entry: Any, dev: str | None, where: str) -> dict[str, Any]:
    """The parameters of an entry, with the device of all entries of its list."""
    entry = values.mapping(where, entry)
    return entry if dev is None else {**entry, "dev": dev}
