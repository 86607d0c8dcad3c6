# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents: what each role wants of this host. A section has the name of a module, and that module's parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import sections, values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Owned, Values

# The order of roles in results and messages.
ORDER = ("underlay", "mgmt_routing", "masquerade", "overlay", "pods")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_STATE = "state"
_PERSIST = "persist"
_RESYNC = "resync"
_AFTERWARDS = "afterwards"
_ADOPT = "adopt"
_PEERS = "peers"
_KNOWN = (*sections.NAMES, _RESYNC, _ADOPT, _AFTERWARDS, _PEERS)
_LONGEST_RESYNC = 86400


class Document(NamedTuple):
    """A role's document.

    :ivar content: the sections as they were given.
    :ivar values: the parsed sections.
    :ivar resync: the interval in seconds at which the host applies its documents again; 0: only when it starts.
    :ivar persist: whether the host applies the document again after a reboot.
    :ivar absent: it is taken out of the generation.
    :ivar adopt: the names of objects that it makes and that are taken over if somebody else has made them.
    :ivar afterwards: the parsed sections that are set up once when the document is removed, and belong to nobody then.
    :ivar peers: the names of the hosts that it has entries of.
    """

    name: str
    content: Mapping[str, Any]
    values: Values
    resync: int
    persist: bool
    absent: bool
    adopt: frozenset[str]
    afterwards: Values
    peers: tuple[str, ...]

    @property
    def owned(self) -> Iterator[Owned]:
        """The objects on the host that are the document's own."""
        for name, value in self.values.items():
            yield from sections.load(name).owns(self.name, value)


Documents = Mapping[str, Document]
"""By role."""


def parse(
    name: str,
    content: Any,
    where: str = "documents",
    persist: bool = True,
    option: str | None = None,
    state: str = "present",
) -> Document:
    """A document from its sections.

    :param where: its place in the user's parameters.
    :param persist: of a document that does not say it itself; ``state`` likewise.
    :param option: the name of its only section in messages, if a module takes that as an option.
    :raises InvalidParameter: for the first parameter that is wrong.
    """
    if not _NAME(name):
        raise InvalidParameter(where, name, "give a lower case letter, and up to 63 of letters, digits and '_'")
    given = values.given(values.mapping(where, content))
    persist = values.boolean(f"{where}.{_PERSIST}", given.pop(_PERSIST, persist))
    state = values.choice(f"{where}.{_STATE}", given.pop(_STATE, state), ("present", "absent"))
    for section, value in given.items():
        if section not in _KNOWN:
            known = ", ".join((*_KNOWN, _STATE, _PERSIST))
            raise InvalidParameter(f"{where}.{section}", value, f"a document takes only {known}")
    found = _parse_sections(given, where, option)
    resync = values.integer(f"{where}.{_RESYNC}", given.get(_RESYNC, 0), 0, _LONGEST_RESYNC, "seconds")
    later = given.get(_AFTERWARDS)
    afterwards = parse(name, later, f"{where}.{_AFTERWARDS}").values if later else {}
    adopt, peers = (_names(f"{where}.{key}", given.get(key)) for key in (_ADOPT, _PEERS))
    return Document(name, given, found, resync, persist, state == "absent", frozenset(adopt), afterwards, peers)


def _parse_sections(given: Mapping[str, Any], where: str, option: str | None) -> dict[str, Any]:
    """The parsed values of a document's sections, and of those that its sections add parameters to."""
    found: dict[str, Any] = {}
    needed: dict[str, dict[str, Any]] = {}
    # From the last section to the first, because a section adds parameters to those before it.
    for section in reversed(sections.NAMES):
        if section not in given and section not in needed:
            continue
        record = sections.load(section)
        own = given.get(section, {})
        if section in needed:
            own = {**needed[section], **values.mapping(f"{where}.{section}", own)}
        value = record.parse(option if option and section in given else f"{where}.{section}", own)
        if value is None:
            continue
        found[section] = value
        for other, parameters in record.needs(value).items():
            needed.setdefault(other, {}).update(parameters)
    return found


def _names(where: str, given: Any) -> tuple[str, ...]:
    return tuple(values.text(f"{where}[{index}]", item) for index, item in enumerate(values.items(where, given)))


def asked_for(given: Mapping[str, Any], known: Documents, persist: bool, state: str) -> dict[str, Document]:
    """The documents of a call by role; those that the host has already are not parsed again.

    :param persist: of documents that do not say it themselves; ``state`` likewise.
    :raises InvalidParameter: for the first parameter that is wrong.
    """
    found = {}
    defaults = {_PERSIST: persist, _STATE: state}
    for name, content in given.items():
        same = known.get(name)
        stored = {**same.content, _PERSIST: same.persist, _STATE: "present"} if same else None
        if same and isinstance(content, dict) and {**defaults, **values.given(content)} == stored:
            found[name] = same
        else:
            found[name] = parse(name, content, f"documents.{name}", persist, state=state)
    return found


def ordered(documents: Iterable[Document]) -> dict[str, Document]:
    """Documents by role, in the order of roles."""
    found = sorted(documents, key=lambda document: ((*ORDER, document.name).index(document.name), document.name))
    return {document.name: document for document in found}


def afterwards(removed: Documents, known: Documents) -> dict[str, dict[str, Any]]:
    """By role, the sections that are set up when documents are removed: their own ones, or those that are stored."""
    found = {name: document.afterwards or known[name].afterwards for name, document in removed.items() if name in known}
    return {name: dict(values) for name, values in found.items() if values}


def values_of(documents: Documents) -> dict[str, dict[str, Any]]:
    """The parsed sections of documents by role, to be changed by a run."""
    return {name: dict(document.values) for name, document in documents.items()}
