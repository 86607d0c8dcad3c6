# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a plan. The lists at the end of this file are all rules of order between them.

First come namespaces, then links (each after those it refers to), their attributes, ports before they are brought up,
addresses, FDB entries and neighbours, routes, and rules. What an operation takes along of others is made again as soon
as the kernel takes it. Objects are removed in the opposite order, and after their replacements work, so that traffic
never lacks both. Only objects that are in the way are removed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, BEFORE
from ansible_collections.weft.fabric.plugins.module_utils.plan.absent import listed
from ansible_collections.weft.fabric.plugins.module_utils.plan.addresses import add_addresses, purge_addresses
from ansible_collections.weft.fabric.plugins.module_utils.plan.fdb import set_fdb
from ansible_collections.weft.fabric.plugins.module_utils.plan.namespaces import join_namespace, make_namespace
from ansible_collections.weft.fabric.plugins.module_utils.plan.neighbours import set_neighbours
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.order import ordered
from ansible_collections.weft.fabric.plugins.module_utils.plan.removal import remove, remove_unwanted
from ansible_collections.weft.fabric.plugins.module_utils.plan.routes import note_unwanted, set_routes
from ansible_collections.weft.fabric.plugins.module_utils.plan.rules import note_unwanted_rules, set_rules
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.plan.losses import Losses

Phase = Callable[[View], None]


def plan(
    document: Document,
    observed: Mapping[str, Observed],
    check: bool = False,
    again: bool = False,
    losses: Mapping[str, Losses] | None = None,
) -> Plan:
    """Plan the way from the observed to the wanted state.

    :param check: nothing will be done. A missing object is only a warning then, because an earlier task may be about
        to create it.
    :param again: this is not the first round. Removals that come before everything else are done, and their names may
        be those of new objects now.
    :param losses: by namespace, objects that operations may take along; they are made again.
    :raises FabricError: there is no way, or only a forbidden one.
    """
    view = View(document, observed, check, losses)
    for phase in ABSENT if document.absent else PRESENT[1:] if again else PRESENT:
        phase(view)
    return view.plan


def _remove_before(view: View) -> None:
    remove(view, [removal for removal in view.document.removals if removal.phase == BEFORE])


def _remove_after(view: View) -> None:
    remove(view, [removal for removal in view.document.removals if removal.phase == AFTER])


def _remove_listed(view: View) -> None:
    remove(view, [*listed(view.document)])


def _make_namespaces(view: View) -> None:
    """Create namespaces, then their further names."""
    for netns, desired in sorted(view.document.namespaces.items(), key=lambda item: item[1].joins is not None):
        if desired.joins is None:
            make_namespace(view, netns, desired)
        else:
            join_namespace(view, netns, desired.joins)


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


# These are imported when there is a link. Modules of entries have none, and Ansible compiles in each call what is
# imported.


def _clear_way(view: View, netns: str, link: Link) -> None:
    from ansible_collections.weft.fabric.plugins.module_utils.plan.links import clear_way

    clear_way(view, netns, link)


def _make_or_change(view: View, netns: str, link: Link) -> None:
    from ansible_collections.weft.fabric.plugins.module_utils.plan.links import make_or_change

    make_or_change(view, netns, link)


def _restore(view: View) -> None:
    if view.losses:
        from ansible_collections.weft.fabric.plugins.module_utils.plan.restore import restore

        for netns in view.losses:
            restore(view, netns)


def _show_lost(view: View) -> None:
    if view.losses:
        from ansible_collections.weft.fabric.plugins.module_utils.plan.restore import show_lost

        show_lost(view)


def _release(view: View, netns: str, desired: Desired) -> None:
    if desired.purge_ports:
        from ansible_collections.weft.fabric.plugins.module_utils.plan.ports import release

        release(view, netns, desired)


def _attach_and_raise(view: View, netns: str, link: Link) -> None:
    from ansible_collections.weft.fabric.plugins.module_utils.plan.ports import attach_and_raise

    attach_and_raise(view, netns, link)


def _set_bridge_fdb(view: View, netns: str, desired: Desired) -> None:
    if desired.bridge_fdb or desired.purge_bridge_fdb:
        from ansible_collections.weft.fabric.plugins.module_utils.plan.bridge_fdb import set_bridge_fdb

        set_bridge_fdb(view, netns, desired)


PRESENT: tuple[Phase, ...] = (
    _remove_before,
    _make_namespaces,
    _each_link(_clear_way),
    _each_link(_make_or_change),
    _each_namespace(_release),
    _each_link(_attach_and_raise),
    _restore,
    _each_namespace(add_addresses),
    _restore,
    _each_namespace(set_fdb),
    _each_namespace(_set_bridge_fdb),
    _each_namespace(set_neighbours),
    _each_namespace(set_routes),
    _each_namespace(set_rules),
    _each_namespace(remove_unwanted),
    _each_namespace(purge_addresses),
    _remove_after,
    _restore,
    _show_lost,
)
ABSENT: tuple[Phase, ...] = (
    _each_namespace(note_unwanted),
    _each_namespace(note_unwanted_rules),
    _each_namespace(remove_unwanted),
    _remove_listed,
    _restore,
    _show_lost,
)
