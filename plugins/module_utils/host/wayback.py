# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways from a generation that has been applied: to its confirmation, or back to an earlier one.

A rollback is a new generation with the documents of an older one, and a transaction like any other.
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.host import (
    documents,
    engines,
    generation,
    guard,
    install,
    notes,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation, Outline, Record
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import Result
from ansible_collections.weft.fabric.plugins.module_utils.host.transaction import Transaction


class Arrival(NamedTuple):
    """Where a host has arrived.

    :ivar generation: the current one; None: there is none any more.
    """

    changed: bool
    generation: Generation | None

    def as_dict(self) -> dict[str, object]:
        """The command's JSON."""
        found = self.generation if self.generation and self.generation.documents else None
        number, revision = (found.number, found.revision) if found else (0, "")
        return {"changed": self.changed, "generation": number, "revision": revision}


class ByAnother(FabricError):
    """A generation that only the engine can read that made it.

    :ivar engine: the path of that engine.
    """

    def __init__(self, outline: Outline) -> None:
        self.engine = engines.path(outline.engine)
        super().__init__(f"generation {outline.number} needs {self.engine}, which is missing: install that version")


def confirm(which: str = "") -> Arrival:
    """Let the current generation be the one that the host applies when it starts.

    :param which: the number or the revision that it has to have; empty: any.
    :raises FabricError: it has another one, or there is none.
    """
    with alone():
        record = generation.read()
        current = record.current
        if current is None or (record.pending and record.pending.path != current.path):
            raise FabricError(
                "there is nothing to confirm: the host has no generation, or its last run was interrupted"
            )
        if which and which not in (str(current.number), current.revision):
            remedy = f"the host has generation {current.number}, revision {current.revision}: it may have gone back"
            raise InvalidParameter("GENERATION", which, remedy)
        generation.mark(current, generation.PENDING)  # until files and guard are right as well
        generation.confirm(current)
        guard.disarm()
        install.apply([current.documents])
        generation.finish(current, confirmed=True)
        return Arrival(not record.is_confirmed, current)


def rollback(which: str = "") -> Arrival:
    """Go back to an earlier generation.

    :param which: its number or its revision; empty: the confirmed one if the current one is not confirmed, otherwise
        the previous one.
    :raises ByAnother: this engine cannot read it.
    :raises FabricError: there is no such generation, or the host refuses a change.
    """
    with alone():
        record = generation.read()
        if not which and not record.is_confirmed:
            result, new = go_back(record, record.confirmed)
        else:
            result, new = go_back(record, _chosen(record, which))
        return Arrival(result.changed, new)


def _chosen(record: Record, which: str) -> Generation:
    """An earlier generation.

    :raises FabricError: there is no such generation.
    """
    now = record.current.number if record.current else 0
    earlier = [outline for outline in generation.kept() if outline.number < now]
    if which:
        found = [one for one in earlier if which in (str(one.number), one.revision)]
    else:
        found = [one for one in earlier if record.current and not one.has(record.current.documents)]
    if not found:
        known = ", ".join(str(one.number) for one in earlier) or "none"
        raise InvalidParameter("GENERATION", which or "the previous one", f"the earlier generations are: {known}")
    outline = found[-1]
    if outline.format > generation.FORMAT:
        raise ByAnother(outline)
    return generation.load(outline.place, str(outline.number))


def go_back(record: Record, target: Generation | None, check: bool = False) -> tuple[Result, Generation | None]:
    """Make a host as an earlier generation says.

    :param target: None: everything is removed.
    :param check: change nothing.
    :raises FabricError: the host refuses a change. It is as it was.
    """
    wanted: Documents = target.documents if target else {}
    now: Documents = record.current.documents if record.current else {}
    gone = {role: document for role, document in now.items() if role not in wanted}
    revision, resolved = (target.revision, target.resolved) if target else (None, {})
    beside = documents.afterwards(gone, now)
    return Transaction(record, wanted, beside, revision=revision, unheld=True, resolved=resolved).run(check)


def is_settled(record: Record) -> bool:
    """Whether nothing is left of a run that was killed, or that nobody confirmed before the host restarted."""
    waiting = guard.waiting()
    return record.pending is None and (record.is_confirmed or (waiting is not None and waiting.left > 0))


def in_force(record: Record) -> Generation | None:
    """The generation that the host is kept at: the current one, as long as it is confirmed or may still be."""
    return record.current if is_settled(record) else record.confirmed


def watch(number: int) -> None:
    """Guard an unconfirmed generation; return when it is confirmed, or the host has gone back.

    :raises FabricError: the host refuses.
    """
    while guard.wait(number):
        with notes.reported("guard"), guard.alone():
            # It may have been confirmed or contacted while another run had the lock.
            if guard.is_over(number):
                record = generation.read()
                go_back(record, record.confirmed)
                guard.disarm()
