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

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, BEFORE
from ansible_collections.weft.fabric.plugins.module_utils.plan.namespaces import join_namespace, make_namespace
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.order import ordered
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. A file is only imported where a document has something for it, because
    # Python compiles all imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.plan import (  # noqa: F401
        absent,
        addresses,
        bridge_fdb,
        fdb,
        links,
        neighbours,
        ownership,
        ports,
        removal,
        restore,
        routes,
        rules,
    )
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
    if not again and _may_be_foreign(view):
        _call("ownership", "refuse_foreign", view)
    for phase in ABSENT if document.absent else PRESENT[1:] if again else PRESENT:
        phase(view)
    return view.plan


def _may_be_foreign(view: View) -> bool:
    """Whether something that the document makes may be somebody else's; ownership.py decides."""
    owned = view.document.owned
    return owned is not None and any(
        (desired.create and ("namespace", netns, "") not in owned)
        or any(link.kind and ("link", link.name, netns) not in owned for link in desired.links.values())
        or (desired.routes and _lacks_routes(desired, view.observed[netns]))
        for netns, desired in view.document.namespaces.items()
    )


def _lacks_routes(desired: Desired, observed: Observed) -> bool:
    missing: Iterable[Any] = _call("routes", "missing_routes", desired.routes.values(), observed.routes)
    return any(True for _route in missing)


_PACKAGE = __name__.rpartition(".")[0]


def _call(file: str, name: str, *arguments: Any) -> Any:
    """Call a function of a file of this package, which is imported only now."""
    return getattr(import_module(f"{_PACKAGE}.{file}"), name)(*arguments)


def _remove(view: View, phase: str) -> None:
    removals = [removal for removal in view.document.removals if removal.phase == phase]
    if removals:
        _call("removal", "remove", view, removals)


def _remove_before(view: View) -> None:
    _remove(view, BEFORE)


def _remove_after(view: View) -> None:
    _remove(view, AFTER)


def _remove_listed(view: View) -> None:
    _call("removal", "remove", view, [*_call("absent", "listed", view.document)])


def _remove_unwanted(view: View) -> None:
    for netns in view.document.namespaces:
        if view.unwanted[netns]:
            _call("removal", "remove_unwanted", view, netns)


def _make_namespaces(view: View) -> None:
    """Create namespaces, then their further names."""
    for netns, desired in sorted(view.document.namespaces.items(), key=lambda item: item[1].joins is not None):
        if desired.joins is None:
            make_namespace(view, netns, desired)
        else:
            join_namespace(view, netns, desired.joins)


def _each_link(file: str, step: str) -> Phase:
    def phase(view: View) -> None:
        for netns, link in ordered(view.document):
            _call(file, step, view, netns, link)

    return phase


def _each(file: str, step: str, *lists: str) -> Phase:
    """A phase of each namespace for which the document has one of these lists."""

    def phase(view: View) -> None:
        for netns, desired in view.document.namespaces.items():
            if any(getattr(desired, name) for name in lists):
                _call(file, step, view, netns, desired)

    return phase


def _restore(view: View) -> None:
    for netns in view.losses:
        _call("restore", "restore", view, netns)


def _show_lost(view: View) -> None:
    if view.losses:
        _call("restore", "show_lost", view)


PRESENT: tuple[Phase, ...] = (
    _remove_before,
    _make_namespaces,
    _each_link("links", "clear_way"),
    _each_link("links", "make_or_change"),
    _each("ports", "release", "purge_ports"),
    _each_link("ports", "attach_and_raise"),
    _restore,
    _each("addresses", "add_addresses", "addresses"),
    _restore,
    _each("fdb", "set_fdb", "fdb", "purge_fdb"),
    _each("bridge_fdb", "set_bridge_fdb", "bridge_fdb", "purge_bridge_fdb"),
    _each("neighbours", "set_neighbours", "neighbours", "purge_neighbours"),
    _each("routes", "set_routes", "routes", "purge_routes", "purged_protocols"),
    _each("rules", "set_rules", "rules", "purge_rules"),
    _remove_unwanted,
    _each("addresses", "purge_addresses", "purge_addresses"),
    _each("addresses", "require_addresses", "expected"),
    _remove_after,
    _restore,
    _show_lost,
)
ABSENT: tuple[Phase, ...] = (
    _each("routes", "note_unwanted", "purge_routes"),
    _each("rules", "note_unwanted_rules", "purge_rules"),
    _remove_unwanted,
    _remove_listed,
    _restore,
    _show_lost,
)
