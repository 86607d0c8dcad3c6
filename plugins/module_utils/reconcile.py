# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: observe, plan, apply, and look again where the kernel may have changed more than it was asked to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import lifeline
from ansible_collections.weft.fabric.plugins.module_utils.apply import apply
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.model import Document, Observed
from ansible_collections.weft.fabric.plugins.module_utils.netlink import Kernel, require_admin
from ansible_collections.weft.fabric.plugins.module_utils.observe import Scope, everything, observe, scope_of
from ansible_collections.weft.fabric.plugins.module_utils.plan import Plan, plan

ROUNDS = 4


class Outcome(NamedTuple):
    """What a run did, or in check mode would do.

    :ivar plan: all that it had to do.
    :ivar state: what is there now (in check mode: what would be), by namespace.
    """

    plan: Plan
    state: dict[str, Observed]

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.plan.operations)

    @property
    def diff(self) -> dict[str, str]:
        """Ansible's diff."""
        return self.plan.diff()

    @property
    def warnings(self) -> list[str]:
        """What was taken for granted, or is not as it seems."""
        return self.plan.warnings


def reconcile(document: Document, check: bool = False) -> Outcome:
    """Make the host as a document says.

    A link that changes takes others along: its addresses, its neighbours, routes by way of it. So after such a change
    the kernel is observed again and what it lost is put back, until there is nothing left to do.

    :param check: change nothing, and tell what would be changed.
    :raises FabricError: nothing was changed if planning failed; a KernelError names what the kernel refused.
    """
    scopes = scope_of(document)
    moving, taking = document.moves_interfaces, document.takes_interfaces
    if moving or taking:
        # With all that may have to be taken back.
        scopes[""] = everything(scopes[""].others, scopes[""].tables)
    with nullcontext() if check else alone(), Kernel() as kernel:
        before = observe(kernel, scopes)
        first = plan(document, before, check)
        last = first
        if (moving or taking) and first.operations:
            lifeline.check(before[""], first, document.namespaces[""], lifeline.session())
        if first.operations and not check:
            require_admin()
            with lifeline.undisturbed() if moving else nullcontext():
                try:
                    last = _converge(kernel, document, scopes, first)
                except FabricError as error:
                    if moving:
                        _take_back(kernel, document, before[""], error)
                    raise
        return Outcome(first, last.view)


def _converge(kernel: Kernel, document: Document, scopes: Mapping[str, Scope], todo: Plan) -> Plan:
    """Carry out a plan, and what turns out to be left; the last plan."""
    for _round in range(ROUNDS):
        apply(kernel, todo.operations)
        if not todo.disturbs:
            return todo
        todo = plan(document, observe(kernel, scopes))
        if not todo.operations:
            return todo
    left = todo.diff()["after"].splitlines() or todo.diff()["before"].splitlines()
    told = "; ".join(left[:3])
    raise FabricError(f"the kernel took this and did not keep it: {told}: does something else manage it?")


def _take_back(kernel: Kernel, document: Document, before: Observed, error: FabricError) -> None:
    """Put the host's own interfaces back to where they were.

    :raises FabricError: always, with what failed, and what has become of the interfaces.
    """
    old = lifeline.as_it_was(document, before)
    scopes = scope_of(old)
    try:
        _converge(kernel, old, scopes, plan(old, observe(kernel, scopes)))
    except FabricError as another:
        raise FabricError(f"{error}; putting the interfaces back fails too: {another}") from error
    raise FabricError(f"{error}; the interfaces are as they were before") from error
