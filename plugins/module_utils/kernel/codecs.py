# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernel is asked about each type of object: one file each, and one line each here.

A file's put() and delete() make requests from objects, of the same type and in one namespace. They get the index of
each device by its name. Its read() returns the objects that a scope is about, as Observed holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.kernel import (
    addresses,
    bridge_fdb,
    fdb,
    neighbours,
    routes,
    rules,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule


def _never_waits(_kernel: Socket, _items: Iterable[Any]) -> None:
    """The kernel takes these objects at once."""


def _no_remedy(_item: Any, _code: int) -> str:
    """The error itself says all there is to say."""
    return ""


def _alone(
    _kernel: Socket, _indexes: Mapping[str, int], _items: Iterable[Any]
) -> tuple[Sequence[Request], Sequence[Request]]:
    """The deletion of these objects takes nothing along that could be kept."""
    return (), ()


class Codec(NamedTuple):
    """The functions of one type.

    :ivar add: makes them beside others that have their keys; None: as put() does.
    :ivar around: requests before and after those of delete(), in the same send, that keep what the kernel would delete
        besides.
    :ivar wait: returns when the kernel is ready for put().
    :ivar remedy: what a user can do about an errno; empty: nothing more than the error says.
    """

    put: Callable[[Mapping[str, int], Sequence[Any]], Iterable[Request]]
    delete: Callable[[Mapping[str, int], Sequence[Any]], Iterable[Request]]
    read: Callable[[Socket, Scope, Mapping[str, Link], Mapping[int, str]], Any]
    add: Callable[[Mapping[str, int], Sequence[Any]], Iterable[Request]] | None = None
    around: Callable[[Socket, Mapping[str, int], Sequence[Any]], tuple[Sequence[Request], Sequence[Request]]] = _alone
    wait: Callable[[Socket, Iterable[Any]], None] = _never_waits
    remedy: Callable[[Any, int], str] = _no_remedy


CODECS: dict[type[Any], Codec] = {
    Address: Codec(
        addresses.put, addresses.delete, addresses.read, around=addresses.promoting, remedy=addresses.remedy
    ),
    Route: Codec(routes.put, routes.delete, routes.read, routes.add, wait=routes.wait, remedy=routes.remedy),
    Rule: Codec(rules.put, rules.delete, rules.read, remedy=rules.remedy),
    Neighbour: Codec(neighbours.put, neighbours.delete, neighbours.read),
    FdbEntry: Codec(fdb.put, fdb.delete, fdb.read),
    BridgeEntry: Codec(bridge_fdb.put, bridge_fdb.delete, bridge_fdb.read, remedy=bridge_fdb.remedy),
}
