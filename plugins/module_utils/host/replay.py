# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of a host carried out together, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import sections
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import SIGNS, Outcome, Run, Section

# What is only adopted stays as it is.
_COUNTED = ("added", "changed", "recreated", "removed")


class Step(NamedTuple):
    """What a section has done for a role, or in check mode would do."""

    role: str
    section: Section
    outcome: Outcome


@dataclass
class Result:
    """What a run has done, or in check mode would do.

    :ivar changed_roles: the roles of which something has changed.
    :ivar returned: by role, what its sections return.
    :ivar plan: identifies the changes, and the generation that they start from.
    """

    changed: bool = False
    diff: list[Mapping[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    changed_roles: dict[str, None] = field(default_factory=dict)
    returned: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    plan: str = ""

    def add(self, step: Step) -> None:
        """Add what a section has done for a role."""
        outcome = step.outcome
        self.changed = self.changed or outcome.changed
        self.diff += [diff for diff in outcome.diffs if diff["before"] != diff["after"]]
        self.warnings += [warning for warning in outcome.warnings if warning not in self.warnings]
        self.returned.setdefault(step.role, {}).update(outcome.returned)
        if outcome.changed:
            self.changed_roles[step.role] = None
        for how, text in outcome.objects:
            self.objects.append(f"{SIGNS[how]} {step.section.noun}{text}")
            if how in _COUNTED:
                self.count[how] += 1


def carry_out(run: Run) -> Result:
    """Carry out documents.

    :raises FabricError: a document is refused, or the host refuses a change.
    """
    result = Result()
    for step in replay(run):
        result.add(step)
    return result


def replay(run: Run) -> Iterator[Step]:
    """Carry out documents section by section, each when the iterator gets there.

    :raises FabricError: a section cannot be carried out; the sections before it have been.
    """
    yield from prepare(run)
    found = [sections.load(name) for name in sections.NAMES if run.of(name) or run.before(name)]
    warned = False
    for section in found:
        for role, outcome in section.converge(run):
            if run.links_changed and not warned and run.documents:
                warned = True
                outcome = outcome._replace(warnings=[*outcome.warnings, *_managers(run)])
            yield Step(role, section, outcome)
    for section in found:
        for role, outcome in section.finish(run):
            yield Step(role, section, outcome)


def prepare(run: Run) -> list[Step]:
    """Decide what is done, from the last section to the first.

    :returns: the sections that changed something.
    """
    steps = []
    for name in reversed(sections.NAMES):
        # Asked each time, because a section may add others that come before it.
        if run.of(name) or run.before(name):
            section = sections.load(name)
            for role, outcome in section.prepare(run) or ():
                if outcome.changed:
                    steps.append(Step(role, section, outcome))
    return steps


def _managers(run: Run) -> list[str]:
    """A warning for each network manager that would remove some of what was changed."""
    if run.whole is None:
        return []
    from ansible_collections.weft.fabric.plugins.module_utils.host import managers

    return managers.warnings(run.whole)


def show(run: Run, role: str) -> dict[str, Any]:
    """What the host has of a role's document, by section. The run is of this document alone."""
    prepare(run)
    return {name: sections.load(name).show(run, role) for name in sections.NAMES if name in run.documents[role]}
