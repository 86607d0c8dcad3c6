# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents below /etc/weft: what each role wants of this host, also after a reboot.

A section of a document has the name of a module, and that module's parameters.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import files, sections, values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import trusted
from ansible_collections.weft.fabric.plugins.module_utils.host.trusted import Untrusted
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Owned, Values

DIRECTORY = "/etc/weft"
FORMAT = 1
# The order of replay: links of the nodes and routes between them, the overlay, then what uses the overlay.
ORDER = ("underlay", "mgmt_routing", "masquerade", "overlay", "pods")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_SUFFIX = ".json"
_RESYNC = "resync"
_LONGEST_RESYNC = 86400
_REMEDY = "it stays as it is; remove it, and run the playbook weft.fabric.site again, which writes a new one"


class Unusable(FabricError):
    """A document that cannot be replayed, however often it is tried."""


class Stored(NamedTuple):
    """A document.

    :ivar content: the sections as they were given, without those that have files of their own.
    :ivar absent: everything that it lists is removed.
    :ivar values: the parsed sections.
    :ivar resync: the interval in seconds at which all documents are replayed; 0: only when the host starts.
    """

    name: str
    content: Mapping[str, Any]
    absent: bool
    values: Values
    resync: int = 0

    def __str__(self) -> str:
        """The file's text."""
        return json.dumps({"format": FORMAT, **self.content}, indent=1, sort_keys=True) + "\n"

    @property
    def owned(self) -> Iterator[Owned]:
        """The objects on the host that are the document's own."""
        for name, value in self.values.items():
            yield from sections.load(name).owns(self.name, value)


def path_of(name: str) -> str:
    """The path of a document.

    :raises InvalidParameter: the name is not allowed.
    """
    if not _NAME(name):
        raise InvalidParameter("name", name, "give a lower case letter, and up to 63 of letters, digits and '_'")
    return f"{DIRECTORY}/{name}{_SUFFIX}"


def parse_absent(wanted: Stored, content: Any) -> Stored | None:
    """What is removed besides; None: nothing.

    :raises InvalidParameter: for the first parameter that is wrong, or a namespace that the document lists as well.
    """
    besides = parse(wanted.name, content or {}, True, "absent")
    if not any(besides.owned):
        return None
    if wanted.absent:
        raise InvalidParameter("absent", content, "the document is absent: list it there")
    for name in besides.values.keys() & wanted.values.keys():
        section = sections.load(name)
        kept = set(section.owns(wanted.name, wanted.values[name]))
        for owned in section.owns(wanted.name, besides.values[name]):
            if owned.what == "namespace" and owned in kept:
                raise InvalidParameter(f"absent.{name}.namespaces", owned.name, "the document has it: list it once")
    return besides


def parse(name: str, content: Any, absent: bool = False, where: str = "document", option: str | None = None) -> Stored:
    """A document from its sections.

    :param absent: everything that it lists is removed.
    :param where: its name in messages.
    :param option: the name of its only section in messages, if a module takes that as an option.
    :raises InvalidParameter: for the first parameter that is wrong.
    """
    given = values.given(values.mapping(where, content))
    for section, value in given.items():
        if section not in (*sections.NAMES, _RESYNC):
            known = ", ".join((*sections.NAMES, _RESYNC))
            raise InvalidParameter(f"{where}.{section}", value, f"a document takes only {known}")
    found: dict[str, Any] = {}
    needed: dict[str, dict[str, Any]] = {}
    kept = dict(given)
    # From the last section to the first, because a section adds parameters to those before it.
    for section in reversed(sections.NAMES):
        if section not in given and section not in needed:
            continue
        record = sections.load(section)
        if record.files:
            kept.pop(section, None)
        own = given.get(section, {})
        if section in needed:
            own = {**needed[section], **values.mapping(f"{where}.{section}", own)}
        value = record.parse(option if option and section in given else f"{where}.{section}", own, absent)
        if value is None:
            continue
        found[section] = value
        for other, parameters in record.needs(value).items() if not absent else ():
            needed.setdefault(other, {}).update(parameters)
    resync = values.integer(f"{where}.{_RESYNC}", given.get(_RESYNC, 0), 0, _LONGEST_RESYNC, "seconds")
    return Stored(name, kept, absent, found, resync)


def names() -> list[str]:
    """The names of this host's documents.

    :raises KernelError: the directory cannot be read.
    """
    try:
        found = os.listdir(DIRECTORY)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.refused("read", DIRECTORY, error) from error
    stems = sorted(path[: -len(_SUFFIX)] for path in found if path.endswith(_SUFFIX))
    return [stem for stem in stems if _NAME(stem)]


def load(but: str = "") -> list[Stored]:
    """All documents of this host, in the order in which they are replayed.

    :param but: the name of a document to leave out.
    :raises Unusable: a document cannot be replayed.
    :raises KernelError: a file cannot be read.
    """
    return ordered(_read(name) for name in names() if name != but)


def ordered(stored: Iterable[Stored]) -> list[Stored]:
    """Documents in the order in which they are replayed."""
    return sorted(stored, key=lambda document: ((*ORDER, document.name).index(document.name), document.name))


def _read(name: str) -> Stored:
    path = path_of(name)
    try:
        trusted.check(path, "the document")
        content = json.loads(files.read(path) or b"")
        if not isinstance(content, dict) or not isinstance(content.get("format"), int):
            raise Unusable(f"{path} is not a document of weft.fabric (it has no format number): {_REMEDY}")
        if content["format"] != FORMAT:
            age = "an older" if content["format"] < FORMAT else "a newer"
            formats = f"format {content['format']}, this one reads {FORMAT}"
            raise Unusable(f"{path} was written by {age} weft.fabric ({formats}): {_REMEDY}")
        del content["format"]
        return parse(name, content)
    except Untrusted as error:
        raise Unusable(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{path} is not a document of weft.fabric ({error}): {_REMEDY}") from error
    except InvalidParameter as error:
        raise Unusable(f"{path} cannot be replayed ({error}): {_REMEDY}") from error
