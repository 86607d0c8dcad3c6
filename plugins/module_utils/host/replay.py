# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents carried out, section by section: by a role's task, and by the host itself when it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import sections
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Stored
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Outcome, Run, Section


def carry_out(
    document: Stored,
    check: bool,
    warn: Callable[[str], None],
    store: Callable[[], dict[str, Any]] | None = None,
    last: Stored | None = None,
    besides: Stored | None = None,
) -> dict[str, Any]:
    """Carry out a document, and store it.

    :param check: change nothing.
    :param warn: gets each warning.
    :param store: writes the document, and returns its part of the result.
    :param last: the document's last version; None: unknown, or the same.
    :param besides: a document that lists what is removed besides.
    :returns: the module's result.
    :raises FabricError: the document is refused, or the host refuses a change. If a section refuses it before anything
        changes, it is not stored.
    """
    result: dict[str, Any] = {"changed": False, "diff": []}
    planned = run_of(document, True, last, besides)
    prepare(planned)
    if store and not planned.late:
        _add(result, store())
    for _section, outcome in replay(document, check, last, besides):
        _add(result, {"changed": outcome.changed, "diff": [*outcome.diffs], **outcome.returned})
        for warning in outcome.warnings:
            warn(warning)
    if store and planned.late:
        _add(result, store())
    return result


def _add(result: dict[str, Any], more: Mapping[str, Any]) -> None:
    changed, diff = result["changed"] or more["changed"], result["diff"] + more["diff"]
    result.update(more, changed=changed, diff=diff)


def replay(
    document: Stored, check: bool, last: Stored | None = None, besides: Stored | None = None
) -> Iterator[tuple[Section, Outcome]]:
    """Carry out a document section by section, each when the iterator gets there; in reverse order if it is absent.

    :param check: change nothing.
    :raises FabricError: a section cannot be carried out; the sections before it have been.
    """
    run = run_of(document, check, last, besides)
    yield from prepare(run)
    found = _sections(run)
    for section in reversed(found) if run.absent else found:
        run.links_changed = False
        outcome = section.converge(run)
        if outcome:
            yield section, _with_managers(run, outcome)
    for section in found:
        outcome = section.finish(run)
        if outcome:
            yield section, outcome


def run_of(document: Stored, check: bool, last: Stored | None = None, besides: Stored | None = None) -> Run:
    """A run of a document."""
    values, before, also = (dict(stored.values) if stored else {} for stored in (document, last, besides))
    return Run(document.name, document.absent, check, values, before, also)


def prepare(run: Run) -> list[tuple[Section, Outcome]]:
    """Prepare a run in each of its sections, from the last to the first.

    :returns: the sections that changed something, each with its outcome.
    """
    outcomes = []
    for name in reversed(sections.NAMES):
        # Asked each time, because a section may add others that come before it.
        if _concerns(run, name):
            section = sections.load(name)
            outcome = section.prepare(run)
            if outcome and outcome.changed:
                outcomes.append((section, outcome))
    return outcomes


def _sections(run: Run) -> list[Section]:
    return [sections.load(name) for name in sections.NAMES if _concerns(run, name)]


def _concerns(run: Run, name: str) -> bool:
    """Whether a section has something to do. If namespaces are removed or replaced, any section may have."""
    return bool(run.replaced) or name in run.values or name in run.last or name in run.besides


def _with_managers(run: Run, outcome: Outcome) -> Outcome:
    """An outcome that has changed links, with a warning for each manager that would remove some of it again."""
    if not run.links_changed or run.absent:
        return outcome
    from ansible_collections.weft.fabric.plugins.module_utils.host import managers

    return outcome._replace(warnings=[*outcome.warnings, *managers.warnings(run.topology.document)])


def show(document: Stored) -> dict[str, Any]:
    """What the host has of a document, by section."""
    run = run_of(document, check=True)
    prepare(run)
    return {name: sections.load(name).show(run) for name in sections.NAMES if name in run.values}
