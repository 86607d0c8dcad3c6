# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: observe, plan, and converge if there is anything to do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope, everything, scope_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan


class Outcome(NamedTuple):
    """The outcome of a run; in check mode, of the run as it would be.

    :ivar plan: everything that the run had to do.
    :ivar state: the state afterwards, by namespace.
    :ivar document: what was asked for, with the own names of links.
    """

    plan: Plan
    state: dict[str, Observed]
    document: Document

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
        """Sentences on assumptions, and on objects that do not work although they exist."""
        return self.plan.warnings


def reconcile(document: Document, check: bool = False, strict: bool = False) -> Outcome:
    """Make the host match a document, which stays as it is.

    A change of a link may remove other objects: its addresses, its neighbours, the routes through it. So the kernel is
    observed again after such a change, and lost objects are restored, until there is nothing left to do.

    :param check: change nothing, and return what would be changed. A missing object is a warning.
    :param strict: a missing object is an error in check mode too.
    :raises FabricError: nothing was changed if planning failed; a KernelError names what the kernel refused.
    """
    lenient = check and not strict
    warnings: list[str] = []
    if _leaves_to_the_host(document):
        from ansible_collections.weft.fabric.plugins.module_utils.engine.resolve import resolved

        document, warnings = resolved(document, lenient)
    scopes = scope_of(document)
    if document.displaces_interfaces:
        # Everything that may have to be undone.
        scopes[""] = everything(scopes[""].others, scopes[""].tables)
    with nullcontext() if check else alone(), Kernel() as kernel:
        before = observe(kernel, scopes)
        if _uses_other_names(document, scopes, before):
            from ansible_collections.weft.fabric.plugins.module_utils.engine.resolve import by_own_names

            document = by_own_names(document, before)
        first = plan(document, before, lenient)
        if not first.operations:
            first.warnings[:0] = warnings
            return Outcome(first, first.view, document)
        # Imported only here: Ansible compiles imports in each call, and most calls have nothing to do.
        from ansible_collections.weft.fabric.plugins.module_utils.engine.converge import converge

        first, last = converge(kernel, document, scopes, before, first, check)
        first.warnings[:0] = warnings
        return Outcome(first, last.view, document)


def _uses_other_names(document: Document, scopes: Mapping[str, Scope], before: Mapping[str, Observed]) -> bool:
    """Whether it names links by alternative names that they have."""
    for netns, scope in scopes.items():
        own = before[netns].own_names
        desired = document.namespaces.get(netns, Desired())
        if own and (own.keys() & {*scope.devices, *desired.names} or document.removals):
            return True
    return False


def _leaves_to_the_host(document: Document) -> bool:
    """Whether there are options that only the host knows; to remove a link takes none."""
    links = (link for desired in document.namespaces.values() for link in desired.links.values())
    return not document.absent and any(kind_of(link.kind).resolve for link in links)
