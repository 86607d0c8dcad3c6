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
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.host import generation, install
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents, values_of
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation, Record
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import Result, carry_out
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Owned, Run

NOTHING: Documents = {}


@dataclass
class Transaction:
    """The way from what a host has been asked for to something else.

    :ivar record: what it has been asked for.
    :ivar wanted: the documents of the new generation.
    :ivar beside: by role, parsed sections that are carried out along with it and belong to nobody afterwards.
    :ivar adopt: whether everything that the documents make is ours, whoever has made it.
    """

    record: Record
    wanted: Documents
    beside: dict[str, dict[str, Any]] = field(default_factory=dict)
    adopt: bool = False

    @property
    def former(self) -> list[Generation]:
        """The generations of which something may be left to remove."""
        return [one for one in self.record.known if not one.asks_for(self.wanted)]

    @property
    def is_recorded(self) -> bool:
        """Whether the record consists of the wanted documents alone."""
        known = self.record.known
        return len(known) == 1 and self.record.pending is None and not self.former if known else not self.wanted

    def run(self, check: bool) -> tuple[Result, Generation | None]:
        """Carry it out.

        :param check: change nothing.
        :returns: the result, and the generation that the host has afterwards; None: it has none.
        :raises FabricError: something refuses. The host is as it was.
        """
        with nullcontext() if check else alone():
            run = self._run(check=True, strict=not check)
            planned = carry_out(run)
            files = install.plan([self.wanted])
            new = None if self.is_recorded else self._generation(run.used)
            result = planned
            if planned.changed or new or files:
                install.check(self.wanted, files, len(str(new)) if new and new.documents else 0)
            if not check and (planned.changed or new):
                result = self._carry_out(new)
            result.diff += [change.diff() for change in files]
            result.changed = result.changed or bool(new or files) or install.is_unfinished(self.wanted)
            if not check and (files or result.changed):
                install.apply([self.wanted])
        return result, new or self.record.current

    def _run(self, check: bool, strict: bool = False) -> Run:
        values = {**values_of(self.wanted), **{role: dict(found) for role, found in self.beside.items()}}
        named = frozenset(name for document in self.wanted.values() for name in document.adopt)
        return Run(
            values,
            [values_of(one.documents) for one in self.former],
            check,
            strict,
            owned_by(self.record.known),
            known=[values_of(one.documents) for one in self.record.known],
            used=frozenset(key for one in self.record.known for key in one.used),
            adopt=None if self.adopt else named,
        )

    def _carry_out(self, new: Generation | None) -> Result:
        if new is None:
            return carry_out(self._run(check=False))
        try:
            # First, because network managers would take new links for theirs.
            install.apply([*self._confirmed(), self.wanted])
            generation.begin(new)
        except FabricError:
            install.apply(self._confirmed())
            raise
        try:
            result = carry_out(self._run(check=False))
        except FabricError as error:
            self._go_back(new, error)
            raise
        generation.settle(new)
        return result

    def _go_back(self, new: Generation, error: FabricError) -> None:
        """Undo what has been done.

        :raises FabricError: that fails too. The generation stays pending, so that the next run knows of it.
        """
        before = self.record.current.documents if self.record.current else NOTHING
        try:
            owned = owned_by([*self.record.known, new])
            carry_out(Run(values_of(before), [values_of(new.documents)], owned=owned, used=new.used))
            generation.abandon(new)
            install.apply(self._confirmed())
        except FabricError as another:
            raise FabricError(f"{error}; going back to what was before fails too: {another}") from error

    def _confirmed(self) -> Sequence[Documents]:
        return [self.record.confirmed.documents] if self.record.confirmed else []

    def _generation(self, used: frozenset[tuple[str, ...]]) -> Generation:
        # Not before: most calls make none.
        from ansible_collections.weft.fabric.plugins.module_utils.engine.lifeline import session

        connected = session()
        return Generation(
            number=generation.next_number(),
            documents=self.wanted,
            revision=revision_of(self.wanted),
            engine=install.VERSION,
            time=int(time.time()),
            controller=connected.client if connected else "",
            used=used,
            place=generation.place_of(self.wanted),
        )


def owned_by(generations: Sequence[Generation]) -> frozenset[Owned]:
    """What generations have made."""
    return frozenset(owned for one in generations for document in one.documents.values() for owned in document.owned)


def revision_of(wanted: Documents) -> str:
    """The hash of documents."""
    content = {name: document.content for name, document in wanted.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
