# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a plan, and repairs what the kernel changed beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from ansible_collections.weft.fabric.plugins.module_utils.engine import lifeline
from ansible_collections.weft.fabric.plugins.module_utils.engine.apply import apply
from ansible_collections.weft.fabric.plugins.module_utils.engine.keeper import Keeper
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel, require_admin
from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope, everything, scope_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import flattened
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan

ROUNDS = 4  # of carrying out a plan and planning again


def converge(
    kernel: Kernel,
    document: Document,
    scopes: Mapping[str, Scope],
    before: Mapping[str, Observed],
    first: Plan,
    check: bool,
) -> tuple[Plan, Plan]:
    """Carry out the first plan, and further ones until nothing is left to do.

    What the kernel deletes of others as a side effect is made again, as it was. If a run fails that moves interfaces of
    the host, or makes them again, they return to what they were. lifeline.py says what is special about moving them.

    :param scopes: the document's, by namespace.
    :param before: the observed state that the first plan starts from.
    :param check: change nothing.
    :returns: the first plan, with what it takes along, and the last one, whose view is the state of the host.
    :raises FabricError: as reconcile.reconcile().
    """
    moving = document.moves_interfaces
    returning = moving or _makes_again(document, first)
    connected = lifeline.session() if document.displaces_interfaces or lifeline.concerns(first) else None
    if (returning or connected) and not moving:  # what may have to be undone, and leads to the controller
        before = observe(kernel, {**scopes, "": everything(scopes[""].others, scopes[""].tables)})
    keeper = Keeper(kernel, first.takes_along | ({""} if document.displaces_interfaces else set()))
    if keeper or connected:
        first = plan(document, before, check, losses=keeper.losses())
    lifeline.check(before, first, connected)
    if check:
        return first, first
    require_admin()
    with lifeline.undisturbed() if moving else nullcontext():
        try:
            last = _converge(kernel, document, scopes, first, keeper)
        except FabricError as error:
            if returning:
                _take_back(kernel, document, before[""], keeper, error)
            raise
    first.warnings += keeper.warnings
    return first, last


def _makes_again(document: Document, todo: Plan) -> bool:
    """Whether a plan deletes links of the host that the document lists: they are made again, as others."""
    own = document.namespaces.get("", Desired()).links
    deleted = (item for item in todo.operations if isinstance(item.before, Link) and item.verb == "delete")
    return any(not item.netns and item.before.name in own for item in deleted)


def _converge(kernel: Kernel, document: Document, scopes: Mapping[str, Scope], todo: Plan, keeper: Keeper) -> Plan:
    """Carry out a plan, and further ones until nothing is left to do; the last plan."""
    missed: set[str] = set()
    for _round in range(ROUNDS):
        undone = apply(kernel, todo.operations)
        keeper.note(todo.operations, undone.not_restored)
        if not todo.disturbs and not undone.not_found:
            return todo
        todo = plan(document, observe(kernel, scopes), again=True, losses=keeper.losses_now())
        deletions = (operation for operation in todo.operations if operation.verb == "delete")
        still_there = {operation.before.label(operation.netns) for operation in deletions}
        # Once may be a program of the host that has deleted an object, and made it again, in between.
        answers = {operation.before.label(operation.netns): answer for operation, answer in undone.not_found}
        for label in sorted(answers.keys() & still_there & missed):
            raise answers[label]
        missed = {*answers}
        if not todo.operations:
            return todo
    left = todo.diff()["after"].splitlines() or todo.diff()["before"].splitlines()
    lines = "; ".join(left[:3])
    raise FabricError(f"the kernel took this and did not keep it: {lines}: does something else manage it?")


def _take_back(kernel: Kernel, document: Document, before: Observed, keeper: Keeper, error: FabricError) -> None:
    """Return the host's own interfaces to where they were, with everything that they had.

    :raises FabricError: always, with the error and the state of the interfaces.
    """
    keeper.start_again()
    try:
        old = lifeline.as_it_was(document, before)
        scopes = scope_of(old)
        scopes[""] = everything(scopes[""].others, {route.table for route in flattened(before.routes)})
        now = observe(kernel, scopes)
        apply(kernel, plan(lifeline.without_new(before, now[""]), now).operations)
        _converge(kernel, old, scopes, plan(old, observe(kernel, scopes), losses=keeper.losses_now()), keeper)
    except FabricError as another:
        raise FabricError(f"{error}; putting the interfaces back fails too: {another}") from error
    raise FabricError(f"{error}; the interfaces are as they were before") from error
