# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's generation against the kernel: compared, replayed, and shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import sections
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import generation, wayback
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents, values_of
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Record
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import replay, show
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Run, Section


class Line(NamedTuple):
    """A line of the command's output.

    :ivar what: ``change``, ``warning`` or ``error``.
    """

    what: str
    text: str


def repair(names: Sequence[str], check: bool) -> Iterator[Line]:
    """Make the host as its generation says, each change when the iterator gets there.

    After a run that was killed, and after a restart of the host in the time for a confirmation, the host goes back to
    its confirmed generation first. If the documents cannot be carried out together, each is carried out alone, so that
    one does not stop the others.

    :param names: the documents; empty: all, with the files of sections.
    :param check: change nothing.
    :raises Unusable: the generation cannot be applied.
    """
    record = generation.read()
    stored = chosen(record, names)
    if not wayback.is_settled(record):
        back = list(_settle(record, check))
        yield from back
        if check and not any(line.what == "error" for line in back):
            return  # the rest follows from that
    yield from _together(stored, resolved_of(record), check)
    if not names:
        yield from _reasserted(check)


def chosen(record: Record, names: Sequence[str] = ()) -> Documents:
    """The documents that the host is kept at.

    :param names: of these roles; empty: all.
    :raises InvalidParameter: there is no such document.
    """
    found = wayback.in_force(record)
    stored = {name: one for name, one in (found.documents if found else {}).items() if one.persist}
    for name in names:
        if name not in stored:
            raise InvalidParameter("NAME", name, f"this host has {', '.join(stored) or 'no documents'}")
    return {name: document for name, document in stored.items() if not names or name in names}


def resolved_of(record: Record) -> Mapping[str, Any]:
    """By section, the values that only the host knows, as they were found when its generation was made."""
    found = wayback.in_force(record)
    return found.resolved if found else {}


def _settle(record: Record, check: bool) -> Iterator[Line]:
    try:
        result, _new = wayback.go_back(record, record.confirmed, check)
        for diff in result.diff:
            yield from (Line("change", f"rollback: {line}") for line in _file(diff) or _lines(diff))
    except FabricError as error:
        yield Line("error", f"rollback: {error}")


def _file(diff: Mapping[str, str]) -> list[str]:
    """The one line on a file, whose text follows from the documents."""
    path = diff.get("after_header", "")
    return [f"{'+' if diff['after'] else '-'} file {path}"] if path.startswith(("/etc/", "/usr/")) else []


def _together(stored: Documents, resolved: Mapping[str, Any], check: bool) -> Iterator[Line]:
    try:
        yield from _carry_out(stored, resolved, check)
    except FabricError as error:
        alone = list(_each(stored, resolved, check)) if len(stored) > 1 else []
        yield from alone
        if not any(line.what == "error" for line in alone):
            yield Line("error", str(error))


def _each(stored: Documents, resolved: Mapping[str, Any], check: bool) -> Iterator[Line]:
    for name, document in stored.items():
        try:
            yield from _carry_out({name: document}, resolved, check)
        except FabricError as error:
            yield Line("error", f"{name}: {error}")


def _carry_out(stored: Documents, resolved: Mapping[str, Any], check: bool) -> Iterator[Line]:
    owned = frozenset(owned for document in stored.values() for owned in document.owned)
    for step in replay(Run(values_of(stored), check=check, owned=owned, resolved=dict(resolved))):
        for diff in step.outcome.diffs:
            yield from (Line("change", f"{step.role}: {line}") for line in _lines(diff, step.section.noun))
        yield from (Line("warning", f"{step.role}: {warning}") for warning in step.outcome.warnings)


def _reasserted(check: bool) -> Iterator[Line]:
    """Last, because a link that has just been created has the kernel's defaults."""
    for name, record in records():
        try:
            lines = _lines(record.reassert(check)) if record.reassert else []
            yield from (Line("change", f"{name}: {line}") for line in lines)
        except FabricError as error:
            yield Line("error", f"{name}: {error}")


def records() -> list[tuple[str, Section]]:
    """The sections by name."""
    return [(name, sections.load(name)) for name in sections.NAMES]


def _lines(diff: Mapping[str, str], what: str = "") -> list[str]:
    """Ansible's diff as a line for each object that is removed or added."""
    before, after = (
        # A line of nft's that only closes a bracket means nothing on its own.
        dict.fromkeys(line.strip(" \t{") for line in diff[side].splitlines() if line.strip() != "}")
        for side in ("before", "after")
    )
    removed = [f"- {what}{line}" for line in before if line not in after]
    return removed + [f"+ {what}{line}" for line in after if line not in before]


def shown(names: Sequence[str]) -> tuple[dict[str, Any], list[Line]]:
    """Documents, each with the kernel's state of it, and the errors of those whose state cannot be read.

    :raises Unusable: the generation cannot be applied.
    """
    found: dict[str, Any] = {}
    errors = []
    for name, document in chosen(generation.read(), names).items():
        found[name] = {"document": document.content}
        try:
            run = Run(values_of({name: document}), check=True, owned=frozenset(document.owned))
            found[name]["state"] = show(run, name)
        except FabricError as error:
            errors.append(Line("error", f"{name}: {error}"))
    return found, errors
