# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a plan, in their order. Every rule of order is in this list.

What is created: namespaces, links (each after those it refers to), their attributes, ports before they are brought up,
addresses, FDB entries and neighbours, routes. What is removed is removed in the opposite order, and after its
replacement, so that traffic never lacks both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import Link, Observed
from ansible_collections.weft.fabric.plugins.module_utils.plan.absent import remove_listed
from ansible_collections.weft.fabric.plugins.module_utils.plan.entries import (
    add_addresses,
    purge_addresses,
    remove_stale,
    set_fdb,
    set_neighbours,
    set_routes,
)
from ansible_collections.weft.fabric.plugins.module_utils.plan.links import clear_way, make_or_change
from ansible_collections.weft.fabric.plugins.module_utils.plan.moves import give_back
from ansible_collections.weft.fabric.plugins.module_utils.plan.namespaces import (
    join_namespace,
    make_namespace,
    remove_namespaces,
)
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.order import ordered
from ansible_collections.weft.fabric.plugins.module_utils.plan.ports import attach_and_raise, release
from ansible_collections.weft.fabric.plugins.module_utils.plan.removal import delete_link, drop
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View

Phase = Callable[[View], None]


def plan(document: Document, observed: Mapping[str, Observed], check: bool = False) -> Plan:
    """Plan the way from the observed to the wanted state.

    :param check: nothing will be done. A missing object is then a warning, because an earlier task may be about to
        create it.
    :raises FabricError: there is no way, or it needs something that was not allowed.
    """
    view = View(document, observed, check)
    for phase in ABSENT if document.absent else PRESENT:
        phase(view)
    return view.plan


def _remove_former_links(view: View) -> None:
    for netns, desired in view.document.namespaces.items():
        for link in desired.former:
            if link.origin:
                give_back(view, netns, link, link.origin)
            else:
                drop(view, netns, link)


def _remove_ending_namespaces(view: View) -> None:
    remove_namespaces(view, [netns for netns, desired in view.document.namespaces.items() if desired.ends])


def _make_namespaces(view: View) -> None:
    def turn(item: tuple[str, Desired]) -> tuple[bool, bool]:
        """Names that were aliases come first, names that become aliases last."""
        return item[1].joins is not None, not item[1].parted

    for netns, desired in sorted(view.document.namespaces.items(), key=turn):
        if desired.ends:
            continue
        if desired.joins is None:
            make_namespace(view, netns, desired)
        else:
            join_namespace(view, netns, desired.joins)


def _delete_listed_links(view: View) -> None:
    for netns, desired in view.document.namespaces.items():
        for link in reversed(desired.gone.values()):
            delete_link(view, netns, link)


def _drop_stale_links(view: View) -> None:
    for netns, desired in view.document.namespaces.items():
        for link in desired.stale:
            drop(view, netns, link)


def _each_link(step: Callable[[View, str, Link], None]) -> Phase:
    def phase(view: View) -> None:
        for netns, link in ordered(view.document):
            step(view, netns, link)

    return phase


def _each_namespace(step: Callable[[View, str, Desired], None]) -> Phase:
    def phase(view: View) -> None:
        for netns, desired in view.document.namespaces.items():
            step(view, netns, desired)

    return phase


PRESENT: tuple[Phase, ...] = (
    _remove_former_links,
    _remove_ending_namespaces,
    _make_namespaces,
    _delete_listed_links,
    _each_link(clear_way),
    _each_link(make_or_change),
    _each_namespace(release),
    _each_link(attach_and_raise),
    _each_namespace(add_addresses),
    _each_namespace(set_fdb),
    _each_namespace(set_neighbours),
    _each_namespace(set_routes),
    _each_namespace(remove_stale),
    _each_namespace(purge_addresses),
    _drop_stale_links,
)
ABSENT: tuple[Phase, ...] = (remove_listed,)
