# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations: the record of everything that this host has been asked for, and of what became of it.

Each is a directory that appears in one step, and three symbolic links say what it is::

    /etc/weft/generations/7/generation.json
    /etc/weft/generations/7/proof.json      what the host probes for the proof (stored_rows.py)
    /etc/weft/generations/7/engine -> /usr/local/lib/weft/weft-fabric-0.1.0-3f2a9c01d7be.pyz
    /etc/weft/pending    -> generations/8   its first request may have reached the kernel
    /etc/weft/current    -> generations/7   the kernel has it
    /etc/weft/confirmed  -> generations/7   the host applies it when it starts

Documents that are not to be persisted are in a file of their own, /run/weft/generations/7.json. A reboot takes it, as
it takes what they have made. If nothing is to outlive a reboot, everything is below /run/weft.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import documents, engines, places, stored_rows, trusted
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Document, Documents
from ansible_collections.weft.fabric.plugins.module_utils.host.places import (
    CURRENT,
    DIRECTORY,
    GENERATIONS,
    VOLATILE,
    numbers_of,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.systemd import COMMAND

PENDING, CONFIRMED = "pending", "confirmed"
STATES = (PENDING, CURRENT, CONFIRMED)
KEPT = 10
# Raised when an engine of the format before could misread a generation: with a new section, or another meaning. An
# engine reads its own format and all before it, and refuses those after it.
FORMAT = 1

_FILE = "generation.json"
_ENGINE = "engine"
_REMEDY = "it stays as it is; remove {place}, and run the playbook weft.fabric.site again, which makes a new record"


class Unusable(FabricError):
    """A generation that cannot be applied, however often it is tried."""


class Generation(NamedTuple):
    """What a host was asked for at a time.

    :ivar number: counts up from 1.
    :ivar revision: the hash of the documents of the fabric that it is part of.
    :ivar engine: the version of this collection that made it, as archive.version() has it.
    :ivar time: when it was made, in seconds since 1970.
    :ivar controller: the address that the controller was connected from; empty: this host itself.
    :ivar used: objects of somebody else that its documents list; they are not removed.
    :ivar left: by role, what is left of documents that it does not contain, because others still use it.
    :ivar place: the directory that it is stored below.
    :ivar resolved: by section, the values that only the host knows, as they were found when it was made.
    """

    number: int
    documents: Documents
    revision: str
    engine: str
    time: int
    controller: str
    used: frozenset[tuple[str, ...]] = frozenset()
    left: Documents = MappingProxyType({})
    place: str = DIRECTORY
    resolved: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        """The file's text."""
        content = {
            "format": FORMAT,
            "number": self.number,
            "revision": self.revision,
            "engine": self.engine,
            "time": self.time,
            "controller": self.controller,
            "used": sorted(self.used),
            "resolved": dict(self.resolved),
            **self._parts(volatile=False),
        }
        # Not sorted: kernel parameters are set in the order in which they are listed.
        return json.dumps(content, indent=1) + "\n"

    @property
    def volatile(self) -> str:
        """The text of the file of the documents that a reboot takes; empty: there are none, or it takes all."""
        parts = self._parts(volatile=True)
        return json.dumps(parts, indent=1) + "\n" if any(parts.values()) else ""

    def _parts(self, volatile: bool) -> dict[str, Any]:
        def chosen(of: Documents) -> Documents:
            lost = self.place != VOLATILE
            return {name: one for name, one in of.items() if (lost and not one.persist) == volatile}

        return {"left": _contents(chosen(self.left)), "documents": _contents(chosen(self.documents))}

    @property
    def path(self) -> str:
        """The path of its file."""
        return f"{self.place}/{GENERATIONS}/{self.number}/{_FILE}"

    @property
    def is_empty(self) -> bool:
        """Whether nothing on the host belongs to it."""
        return not self.documents and not self.left

    @property
    def whole(self) -> list[Document]:
        """All documents by which objects on the host belong to it."""
        return [*self.documents.values(), *self.left.values()]

    def asks_for(self, wanted: Documents) -> bool:
        """Whether it consists of these documents."""
        return _contents(self.documents) == _contents(wanted)

    def leaves(self, left: Documents) -> bool:
        """Whether that is what is left of other documents."""
        return _contents(self.left) == _contents(left)


class Record(NamedTuple):
    """The generations that a host has to know to go on from."""

    pending: Generation | None = None
    current: Generation | None = None
    confirmed: Generation | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether the current generation is the confirmed one."""
        return len({one.path if one else "" for one in (self.current, self.confirmed)}) == 1

    @property
    def known(self) -> list[Generation]:
        """All of them, each once."""
        return list({one.path: one for one in self if one is not None}.values())

    @property
    def peers(self) -> list[str]:
        """The hosts that at least one of them has entries for, by name."""
        found = (name for one in self.known for document in one.documents.values() for name in document.peers)
        return [*dict.fromkeys(found)]


def _contents(of: Documents) -> dict[str, Any]:
    return {name: {"persist": document.persist, "content": document.content} for name, document in of.items()}


def _volatile_path(number: int | str) -> str:
    return f"{VOLATILE}/{GENERATIONS}/{number}.json"


def place_of(whole: Iterable[Document]) -> str:
    """The directory that a generation of these documents is stored below."""
    return DIRECTORY if any(document.persist for document in whole) else VOLATILE


# -- read ------------------------------------------------------------------------------------------


def read() -> Record:
    """The record of this host.

    Two directories have a part of it while a generation is unconfirmed that moves it from one to the other, and after a
    run that was killed meanwhile. The newer part counts.

    :raises Unusable: a generation cannot be applied.
    :raises KernelError: a file cannot be read.
    """
    found = [[_of_state(place, state) for place in (DIRECTORY, VOLATILE)] for state in STATES]
    newest = [max(filter(None, both), key=lambda one: one.number, default=None) for both in found]
    return Record(*newest)


def _of_state(place: str, state: str) -> Generation | None:
    path = f"{place}/{state}"
    try:
        target = os.readlink(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise Unusable(f"{path} is no link of weft.fabric: {_REMEDY.format(place=place)}") from error
        raise files.refused("read", path, error) from error
    return load(place, target.rpartition("/")[2])


def load(place: str, number: str) -> Generation:
    """A stored generation.

    :raises Unusable: it cannot be applied.
    """
    path, remedy = f"{place}/{GENERATIONS}/{number}/{_FILE}", _REMEDY.format(place=place)
    try:
        for one in (path, _volatile_path(number)):
            trusted.check(one, "the generation")
        content = _content(place, number)
        if not isinstance(content, dict) or not isinstance(content.get("format"), int) or content["format"] < 1:
            raise Unusable(f"{path} is no generation of weft.fabric (it has no format number): {remedy}")
        if content["format"] > FORMAT:
            formats = f"format {content['format']}, this one reads up to {FORMAT}"
            raise Unusable(f"{path} was written by a newer weft.fabric ({formats}): run that version, or {remedy}")
        return _parsed(content, place)
    except trusted.Untrusted as error:
        raise Unusable(str(error)) from error
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} is no generation of weft.fabric ({error}): {remedy}") from error
    except InvalidParameter as error:
        raise Unusable(f"{path} cannot be applied ({error}): {remedy}") from error


def _content(place: str, number: int | str) -> Any:
    """What is stored of a generation, with the documents that a reboot takes."""
    content = json.loads(files.read(f"{place}/{GENERATIONS}/{number}/{_FILE}") or b"")
    more = files.read(_volatile_path(number)) if place != VOLATILE else None
    for name, part in json.loads(more or b"{}").items():
        content[name] = {**content[name], **part}
    return content


def _parsed(content: Mapping[str, Any], place: str) -> Generation:
    return Generation(
        number=int(content["number"]),
        documents=_documents(content["documents"]),
        revision=str(content["revision"]),
        engine=str(content["engine"]),
        time=int(content["time"]),
        controller=str(content["controller"]),
        used=frozenset(tuple(map(str, one)) for one in content["used"]),
        left=_documents(content.get("left", {})),
        place=place,
        resolved=content.get("resolved", {}),
    )


def _documents(parts: Mapping[str, Any]) -> Documents:
    return documents.ordered(
        documents.parse(name, part["content"], f"documents.{name}", bool(part["persist"]))
        for name, part in parts.items()
    )


def numbers(place: str) -> list[int]:
    """The numbers of the generations below a directory, the oldest first."""
    try:
        return sorted(int(name) for name in os.listdir(f"{place}/{GENERATIONS}") if name.isdecimal())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.refused("read", f"{place}/{GENERATIONS}", error) from error


class Outline(NamedTuple):
    """What a stored generation says of itself. Any format can be read, because the documents are not parsed.

    :ivar documents: the text of the documents by role.
    """

    format: int
    number: int
    revision: str
    engine: str
    time: int
    controller: str
    documents: Mapping[str, Any]
    place: str

    def has(self, wanted: Documents) -> bool:
        """Whether it consists of these documents."""
        return bool(self.documents == _contents(wanted))


def kept() -> list[Outline]:
    """All generations of this host that can be read, the oldest first.

    :raises KernelError: a file cannot be read.
    """
    return [outline for one in sorted(_stored(), key=lambda one: one[1]) for outline in _outline(*one)]


def _stored() -> list[tuple[str, int]]:
    """The directory and the number of each generation of this host."""
    return [(place, number) for place in (DIRECTORY, VOLATILE) for number in numbers(place)]


def engines_kept() -> set[str]:
    """The paths of the engines that made the generations of this host."""
    return {_engine(*one) for one in _stored()}


def _engine(place: str, number: int) -> str:
    try:
        return os.readlink(f"{place}/{GENERATIONS}/{number}/{_ENGINE}")
    except OSError:
        return ""  # it was written by a version that kept none


def _outline(place: str, number: int) -> Iterator[Outline]:
    try:
        content = _content(place, number)
        revision, engine, controller = (str(content[name]) for name in ("revision", "engine", "controller"))
        since, of_format = int(content["time"]), int(content["format"])
        yield Outline(of_format, number, revision, engine, since, controller, content["documents"], place)
    except (ValueError, RecursionError, KeyError, TypeError):
        return


def had_before(current: Generation, revision: str) -> bool:
    """Whether a host had a revision before its current one."""
    earlier = [outline for outline in kept() if outline.number < current.number]
    return revision != current.revision and any(outline.revision == revision for outline in earlier)


def next_number() -> int:
    """The number of the next generation."""
    return max((*numbers(DIRECTORY), *numbers(VOLATILE)), default=0) + 1


# -- written ---------------------------------------------------------------------------------------


def begin(generation: Generation, rows: str = "") -> None:
    """Store a generation as pending.

    :param rows: the host's own rows of the proof; empty: as before.
    :raises KernelError: the file system refuses; nothing is left.
    """
    directory = os.path.dirname(generation.path)
    parent, name = os.path.split(directory)
    new = f"{parent}/.{name}.weft-new"
    made = not os.path.isdir(parent)
    try:
        os.makedirs(parent, 0o700, exist_ok=True)
        os.chmod(generation.place, 0o700 if generation.place == DIRECTORY else 0o755)
        os.chmod(parent, 0o700)
        shutil.rmtree(new, ignore_errors=True)
        os.mkdir(new, 0o700)
        files.replace(f"{new}/{_FILE}", str(generation).encode(), 0o600)
        rows = rows or _rows_before(generation)
        if rows and not generation.is_empty:
            files.replace(f"{new}/{stored_rows.FILE}", rows.encode(), 0o600)
        os.symlink(engines.path(generation.engine), f"{new}/{_ENGINE}")
        _write_volatile(generation)
        os.rename(new, directory)
        files.sync_directory(directory)
        mark(generation, PENDING)
    except (FabricError, OSError) as error:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(FabricError):
            files.remove(_volatile_path(generation.number))
        _remove_empty(VOLATILE)
        if made:
            _remove_empty(generation.place)
        if isinstance(error, OSError):
            raise files.refused("write", generation.path, error) from error
        raise


def _write_volatile(generation: Generation) -> None:
    path = _volatile_path(generation.number)
    if generation.volatile:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        files.replace(path, generation.volatile.encode(), 0o600)
    else:
        files.remove(path)  # of a run that was killed


def resolve(generation: Generation, resolved: Mapping[str, Any]) -> Generation:
    """Store what has been found of the values that only the host knows, now that everything is there.

    :raises KernelError: the file system refuses; the generation is as it was.
    """
    if resolved == generation.resolved:
        return generation
    whole = generation._replace(resolved=resolved)
    files.replace(whole.path, str(whole).encode(), 0o600)
    return whole


def _rows_before(generation: Generation) -> str:
    """The rows of the last generation with the same documents, which a rollback repeats, or else of the current one."""
    same = [places.directory(one.place, one.number) for one in kept() if one.has(generation.documents)]
    found = map(stored_rows.of, filter(None, (*reversed(same), places.current())))
    return next(filter(None, found), "")


def mark(generation: Generation, state: str) -> None:
    """Say what a stored generation is.

    :raises KernelError: the file system refuses; the record is as it was.
    """
    files.link(f"{generation.place}/{state}", f"{GENERATIONS}/{generation.number}")


def become_current(generation: Generation) -> None:
    """Let a generation be the one that the kernel has.

    :raises KernelError: the file system refuses.
    """
    mark(generation, CURRENT)


def confirm(generation: Generation) -> None:
    """Let the current generation be the one that the host applies when it starts.

    :raises KernelError: the file system refuses.
    """
    if not generation.is_empty:
        mark(generation, CONFIRMED)
        return
    for place in (DIRECTORY, VOLATILE):
        for state in (CONFIRMED, CURRENT):
            files.remove(f"{place}/{state}")


def finish(generation: Generation, confirmed: bool) -> None:
    """Let no generation be pending any more, and forget all but the last ones.

    :param confirmed: the generation is the confirmed one.
    :raises KernelError: the file system refuses.
    """
    for place in (DIRECTORY, VOLATILE):
        files.remove(f"{place}/{PENDING}")
        if confirmed and (place != generation.place or generation.is_empty):
            _forget(place)
    _keep(generation.place, {*numbers(generation.place)[-KEPT:], *numbers_of(generation.place, CONFIRMED)})


def abandon(generation: Generation) -> None:
    """Forget a pending generation, of which nothing is left in the kernel.

    :raises KernelError: the file system refuses.
    """
    files.remove(f"{generation.place}/{PENDING}")
    _keep(generation.place, {*numbers(generation.place)} - {generation.number})
    _remove_empty(generation.place)


def _forget(place: str) -> None:
    """Remove the whole record below a directory."""
    for state in STATES:
        files.remove(f"{place}/{state}")
        files.remove(files.beside(f"{place}/{state}"))
    _keep(place, set())
    _remove_empty(place)


def _keep(place: str, kept: set[int]) -> None:
    """Remove all generations but these, with the engines that only they need, and what killed runs have left."""
    dropped = [number for number in numbers(place) if number not in kept]
    needed = {_engine(*one) for one in _stored() if one not in [(place, number) for number in dropped]}
    for engine in {_engine(place, number) for number in dropped} - needed - {os.path.realpath(COMMAND), ""}:
        files.remove(engine)
    for name in _names(place):
        if name.endswith(".weft-new") or (name.isdecimal() and int(name) not in kept):
            files.remove_tree(f"{place}/{GENERATIONS}/{name}")
    if place != VOLATILE:
        _keep_volatile(kept)
    _remove_empty(VOLATILE)


def _keep_volatile(kept: set[int]) -> None:
    """Remove what all generations but these have below /run/weft."""
    for number, dot, extension in (name.partition(".") for name in _names(VOLATILE)):
        if number.isdecimal() and extension and int(number) not in kept:
            files.remove(f"{VOLATILE}/{GENERATIONS}/{number}{dot}{extension}")


def _names(place: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return os.listdir(f"{place}/{GENERATIONS}")
    return []


def _remove_empty(place: str) -> None:
    for directory in (f"{place}/{GENERATIONS}", place):
        with contextlib.suppress(OSError):  # it is missing, has other files, or something is mounted there
            os.rmdir(directory)
