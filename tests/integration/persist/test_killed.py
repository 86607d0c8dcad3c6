# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs, guards, confirmations and rollbacks that are killed at each of their steps: the old generation or the new one.

Each is killed in a process of its own, before each change that it makes. What follows runs in this process, because
starting Python a thousand times would take minutes.
"""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.host import (
    generation,
    guard,
    install,
    notes,
    repair,
    transaction,
    wayback,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    NEW,
    OLD,
    generation_of,
    killed_at,
    wipe,
)
from ansible_collections.weft.fabric.tests.integration.state import whole

RP_FILTER = 0  # the kernel's default (devinet.c: ipv4_devconf)


class Place(NamedTuple):
    """A generation's documents, with the state and the files of the host that has them."""

    wanted: Documents
    state: Any
    files: Any


def now() -> tuple[Any, Any]:
    """The state of the host and of its pods, and its files."""
    inside = {name: functools.partial(kernel.run, "ip", "netns", "exec", name) for name in kernel.namespaces()}
    state = {f"{name}: {line}" for name, run in {"": kernel.run, **inside}.items() for line in whole(run)}
    return state, files_of_ours()


def files_of_ours() -> dict[str, str]:
    """The files that follow from a generation: all of them say in their names whose they are."""
    command = "find /etc /usr/local/lib /usr/local/sbin -name *weft* -not -path /etc/weft*"
    paths = [pathlib.Path(line) for line in kernel.run(*command.split()).splitlines()]
    return {
        str(path): os.readlink(path) if path.is_symlink() else "" if path.is_dir() else path.read_text(errors="replace")
        for path in paths
    }


def run_to(wanted: Documents, confirm: int = 0) -> None:
    """What the module host does."""
    with files.alone():
        transaction.Transaction(generation.read(), wanted, confirm=confirm).run(check=False)


def replay() -> None:
    """What ``weft-fabric apply`` does: the timer, or with what a boot takes, the unit."""
    with files.alone():
        errors = [line.text for line in repair.repair((), check=False) if line.what == "error"]
    assert errors == []


def boot() -> None:
    """What a reboot takes, and the unit after it."""
    for note in (notes.GUARD, notes.ERROR, install.PENDING):
        pathlib.Path(note).unlink(missing_ok=True)
    wipe()
    kernel.run("sysctl", "-q", f"net.ipv4.conf.lo.rp_filter={RP_FILTER}")
    replay()


def settled() -> None:
    """Nothing is left to do."""
    with files.alone():
        assert [line.text for line in repair.repair((), check=True)] == []
    assert generation.read().is_confirmed and not generation.read().pending
    assert not guard.waiting() and not install.interrupted()


def small(document: Any) -> Any:
    """A bridge, a pod, a table, and kernel parameters: a step of each kind, and few of them."""
    namespaces = {name: dict(content) for name, content in document["topology"]["namespaces"].items()}
    namespaces[""] = {"links": namespaces[""]["links"][:2]}
    topology = {**document["topology"], "namespaces": namespaces}
    return {"topology": topology, "masquerade": document["masquerade"], "sysctl": document["sysctl"]}


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Place, Place]]:
    """Two generations that differ in everything; the host has the first one.

    Processes that guard are not started: the tests do what they do, when they want it.
    """
    monkeypatch.setattr(guard, "systemd_runs", lambda: True)
    monkeypatch.setattr(guard, "run", lambda *_words: None)
    places = []
    for document in (NEW, OLD):
        wanted = generation_of(pods=small(document)).documents
        run_to(wanted)
        places.append(Place(wanted, *now()))
    new, old = places
    assert not new.state <= old.state and not old.state <= new.state
    yield old, new
    run_to({})


def arrived(step: int, *places: Place) -> None:
    """The host is at one of these places."""
    state, found = now()
    differences = [(place.state ^ state, place.files.items() ^ found.items()) for place in places]
    assert (set(), set()) in differences, (step, min(differences, key=str))


def time_is_over() -> None:
    waiting = guard.waiting()
    if waiting:
        notes.write(notes.GUARD, **waiting._replace(until=0.0)._asdict())


def each_step(act: Callable[[], object]) -> Iterator[int]:
    """The act, killed before its first step, then before its second one, and so on, until it is over.

    Whoever iterates brings the host back to where the act starts.
    """
    step = 1
    while killed_at(step, act):
        yield step
        step += 1
    assert step > 5


def test_a_run(ends: tuple[Place, Place]) -> None:
    """A boot leads to the old generation or to the new one, and the next run to the new one."""
    here, there = ends
    for step in each_step(lambda: run_to(there.wanted)):
        if step % 2:
            boot()
            settled()
            arrived(step, here, there)
        else:
            run_to(there.wanted)
            settled()
            arrived(step, there)
        run_to(here.wanted)
    arrived(0, there)


def test_a_run_with_a_guard(ends: tuple[Place, Place]) -> None:
    """The guard alone brings the host back; if the run has not armed it yet, nothing has changed but files."""
    here, there = ends
    for step in each_step(lambda: run_to(there.wanted, confirm=300)):
        time_is_over()
        wayback.watch(generation.next_number() - 1)
        assert now()[0] == here.state, step
        replay()
        settled()
        arrived(step, here)
    assert now()[0] == there.state


def test_a_guard(ends: tuple[Place, Place]) -> None:
    """The timer or a boot takes its place."""
    here, there = ends

    def unconfirmed() -> None:
        run_to(there.wanted, confirm=300)
        time_is_over()

    unconfirmed()
    for step in each_step(lambda: wayback.watch(generation.next_number() - 1)):
        (replay if step % 2 else boot)()
        settled()
        arrived(step, here)
        unconfirmed()
    arrived(0, here)


def test_a_confirmation(ends: tuple[Place, Place]) -> None:
    """Another confirmation completes the first one; a boot leads to one of both generations."""
    here, there = ends
    run_to(there.wanted, confirm=300)
    for step in each_step(wayback.confirm):
        assert now()[0] == there.state, step
        (wayback.confirm if step % 2 else boot)()
        settled()
        arrived(step, *((there,) if step % 2 else (here, there)))
        run_to(here.wanted)
        run_to(there.wanted, confirm=300)
    arrived(0, there)


def test_a_rollback(ends: tuple[Place, Place]) -> None:
    """The timer or a boot leads to one of both generations."""
    here, there = ends
    run_to(there.wanted)
    for step in each_step(wayback.rollback):
        (replay if step % 2 else boot)()
        settled()
        arrived(step, here, there)
        run_to(here.wanted)
        run_to(there.wanted)
    arrived(0, here)
