# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host, one transaction: all documents are planned together, stored, carried out, and confirmed.

Everything that can refuse is asked first, by planning the whole run in check mode. Then the generation is stored as
pending. If a step fails, the host goes back to the generation before. If the run is killed, the next one knows both.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.host import archive, generation, guard, hold, install
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents, ordered, parse, values_of
from ansible_collections.weft.fabric.plugins.module_utils.host.entries import Change
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation, Record
from ansible_collections.weft.fabric.plugins.module_utils.host.guard import Guard
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import Result, carry_out
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Owned, Run

NOTHING: Documents = {}


class Refused(FabricError):
    """A run that would change something, and is not what its user expects.

    :ivar result: what it would do.
    """

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


@dataclass
class Transaction:
    """The way from what a host has been asked for to something else.

    :ivar record: what it has been asked for.
    :ivar wanted: the documents of the new generation.
    :ivar beside: by role, parsed sections that are carried out along with it and belong to nobody afterwards.
    :ivar adopt: whether everything that the documents make is ours, whoever has made it.
    :ivar strict: a missing object is an error in check mode too.
    :ivar revision: the revision of the fabric that the documents are part of; None: the hash of these documents.
    :ivar plan: the token of the plan that has been shown, and that alone may be carried out; None: any.
    :ivar confirm: the seconds after which the host goes back to its confirmed generation by itself; 0: the new one is
        confirmed when it has been applied.
    :ivar rows: the host's own rows of the proof, stored with a new generation; empty: as before.
    :ivar unheld: it is carried out although the host is on hold.
    :ivar resolved: by section, values that only the host knows, as an earlier generation has them; others are found.
    """

    record: Record
    wanted: Documents
    beside: dict[str, dict[str, Any]] = field(default_factory=dict)
    adopt: bool = False
    strict: bool = False
    revision: str | None = None
    plan: str | None = None
    confirm: int = 0
    rows: str = ""
    unheld: bool = False
    resolved: Mapping[str, Any] = field(default_factory=dict)

    @property
    def former(self) -> list[Documents]:
        """The documents of which something may be left to remove."""
        changed = [one.documents for one in self.record.known if not one.asks_for(self.wanted)]
        return [*changed, *(one.left for one in self.record.known if one.left)]

    def is_recorded(self, left: Documents, resolved: Mapping[str, Any]) -> bool:
        """Whether the record needs no further generation."""
        pending, current, confirmed = self.record
        if current is None or pending or not current.asks_for(self.wanted) or not current.leaves(left):
            return not self.record.known and not self.wanted
        if current.resolved != resolved:
            return False
        return bool(self.confirm) or (confirmed is not None and confirmed.path == current.path)

    def run(self, check: bool) -> tuple[Result, Generation | None]:
        """Carry it out.

        :param check: change nothing.
        :returns: the result, and the generation that the host has afterwards; None: it has none.
        :raises FabricError: something refuses. The host is as it was.
        """
        with nullcontext() if check else alone():
            run = self._run(self.resolved, check=True, strict=self.strict or not check)
            result = carry_out(run)
            files = install.plan(self._in_force)
            left = self._left(run)
            recorded = self.is_recorded(left, found_by(run))
            new = None if recorded else self._generation(run.used, left, found_by(run))
            self._check_files(files, new, result.changed)
            in_kernel = result.changed
            self._add_rest(result, files, new)
            self._refuse_surprises(result)
            if not check and (in_kernel or new):
                result, new = self._carry_out(new, run, result.plan)
                self._add_rest(result, files, new)
            if not check and result.changed:
                install.apply(self._in_force)
            if not check and new:
                # Until here, the host finds by the pending one that something is left to do.
                generation.finish(new, confirmed=not self.confirm)
        return result, new or self.record.current

    def _check_files(self, files: Sequence[Change], new: Generation | None, changed: bool) -> None:
        """Ask everything that could refuse the files of this run.

        :param changed: something changes in the kernel.
        """
        known = [one.documents for one in self.record.known]
        install.refuse_foreign(files, known, self._adopted)
        if changed or new or files:
            size = len(str(new)) + len(self.rows)
            room = {os.path.dirname(os.path.dirname(new.path)): size} if new and not new.is_empty else {}
            install.check(self.wanted, files, room, unattended=bool(self.confirm))

    def _add_rest(self, result: Result, files: Sequence[Change], new: Generation | None) -> None:
        """Add to a result what is not in the kernel."""
        result.diff += [change.diff() for change in files]
        result.changed = result.changed or bool(new or files) or install.is_unfinished(self.wanted)
        current = self.record.current
        shown = json.dumps([current.number if current else 0, result.diff])
        result.plan = hashlib.sha256(shown.encode()).hexdigest()[:12]

    def _refuse_surprises(self, result: Result) -> None:
        """Refuse changes that nobody has seen, or that an operator does not want now."""
        if result.changed and self.plan and self.plan != result.plan:
            message = "this host has changed since its plan was shown: look at the new plan, and run again"
            raise Refused(message, result)
        held = "" if self.unheld or not result.changed else hold.text()
        if held:
            raise Refused(held, result)

    @property
    def _in_force(self) -> list[Documents]:
        """The documents that files follow from: also those to which the host may go back."""
        return [*(self._confirmed if self.confirm else ()), self.wanted]

    def _run(self, resolved: Mapping[str, Any], check: bool, strict: bool = False) -> Run:
        values = {**values_of(self.wanted), **{role: dict(found) for role, found in self.beside.items()}}
        return Run(
            values,
            [*map(values_of, self.former)],
            check,
            strict,
            owned_by(self.record.known),
            known=[values_of(one.documents) for one in self.record.known],
            used=frozenset(key for one in self.record.known for key in one.used),
            adopt=self._adopted,
            resolved=dict(resolved),
        )

    @property
    def _adopted(self) -> frozenset[str] | None:
        """The names of objects that are taken over; None: all."""
        return None if self.adopt else frozenset(name for one in self.wanted.values() for name in one.adopt)

    def _carry_out(self, new: Generation | None, planned: Run, plan: str) -> tuple[Result, Generation | None]:
        run = self._run(found_by(planned), check=False)
        if new is None:
            return carry_out(run), None
        former = guard.waiting()
        generation.begin(new, self.rows)
        try:
            # First, because network managers would take new links for theirs.
            install.apply([*self._before, self.wanted])
            if self.confirm:
                guard.arm(new.number, self.confirm, plan)
            result = carry_out(run)
            new = generation.resolve(new, found_by(run))
        except FabricError as error:
            self._go_back(new, error, former)
            raise
        generation.become_current(new)
        if self.confirm:
            guard.contact()
        else:
            generation.confirm(new)
            guard.disarm()
        return result, new

    def _go_back(self, new: Generation, error: FabricError, former: Guard | None) -> None:
        """Undo what has been done.

        :raises FabricError: that fails too. The generation stays pending, so that the next run knows of it.
        """
        current = self.record.current
        before, resolved = (current.documents, dict(current.resolved)) if current else (NOTHING, {})
        try:
            owned = owned_by([*self.record.known, new])
            run = Run(values_of(before), [values_of(new.documents)], owned=owned, used=new.used, resolved=resolved)
            carry_out(run)
            install.apply(self._before)
            generation.abandon(new)
            if self.confirm and former:
                guard.arm(former.generation, former.seconds, former.plan)
            elif self.confirm:
                guard.disarm()
        except FabricError as another:
            raise FabricError(f"{error}; going back to what was before fails too: {another}") from error

    @property
    def _confirmed(self) -> list[Documents]:
        return [self.record.confirmed.documents] if self.record.confirmed else []

    @property
    def _before(self) -> list[Documents]:
        """The documents that files have followed from."""
        current = self.record.current
        return [*self._confirmed, *([current.documents] if current and not self.record.is_confirmed else [])]

    def _left(self, run: Run) -> Documents:
        """What is left of documents that are not wanted any more."""
        lasting = {document.name for one in self.record.known for document in one.whole if document.persist}
        return ordered(parse(role, content, persist=role in lasting) for role, content in run.held.items())

    def _generation(self, used: frozenset[tuple[str, ...]], left: Documents, resolved: Mapping[str, Any]) -> Generation:
        # Not before: most calls make none.
        from ansible_collections.weft.fabric.plugins.module_utils.engine.lifeline import session

        connected = session()
        return Generation(
            number=generation.next_number(),
            documents=self.wanted,
            revision=self.revision or revision_of(self.wanted),
            engine=archive.version(),
            time=int(time.time()),
            controller=connected.client if connected else "",
            used=used,
            left=left,
            place=generation.place_of([*self.wanted.values(), *left.values()]),
            resolved=resolved,
        )


def found_by(run: Run) -> dict[str, Any]:
    """By section, the values that only the host knows and that a run has found."""
    return {name: found for name, found in run.resolved.items() if found}


def owned_by(generations: Sequence[Generation]) -> frozenset[Owned]:
    """What generations have made."""
    return frozenset(owned for one in generations for document in one.whole for owned in document.owned)


def revision_of(wanted: Documents) -> str:
    """The hash of documents."""
    content = {name: document.content for name, document in wanted.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
