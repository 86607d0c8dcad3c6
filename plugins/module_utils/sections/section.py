# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a section, and the state that the sections of one document share while it is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed

Values = Mapping[str, Any]
"""The parsed value of each section."""


class Outcome(NamedTuple):
    """The changes that a section has made, or in check mode would make.

    :ivar diffs: Ansible's diffs.
    :ivar returned: further keys of a module's result.
    """

    changed: bool
    diffs: Sequence[Mapping[str, str]] = ()
    warnings: Sequence[str] = ()
    returned: Mapping[str, Any] = {}


class Owned(NamedTuple):
    """An object on the host that belongs to a document.

    :ivar what: ``link``, ``port`` (an interface that the document puts into a bridge or a bond), ``namespace``,
        ``table`` (of nftables), ``file`` or ``server``.
    :ivar netns: the namespace that it is in; empty: the host's.
    """

    what: str
    name: str
    netns: str = ""


@dataclass
class Run:
    """One document that is planned or carried out.

    :ivar name: the document's name, which a section's own files have too.
    :ivar absent: everything that the document lists is removed.
    :ivar check: nothing is changed.
    :ivar values: the document's sections. A section may add to those before it.
    :ivar last: the sections of the document's last version, if that is known and differs.
    :ivar besides: the sections of a document that lists what is removed besides.
    :ivar left: by section, what is removed because the last version or ``besides`` lists it.
    :ivar late: the document is stored after it has been carried out, and not before. If a change cuts the host off, a
        reboot then restores the last version. If this run is interrupted, the next one still knows the last version.
    :ivar leaving: interfaces of the last version, each with its namespace, that are removed even if an equal one is
        listed.
    :ivar replaced: names of namespaces that are removed or replaced.
    :ivar kept: by section, settings that stay although the document is removed, because others still need them.
    :ivar state: the kernel's state by namespace, once the topology has been carried out or shown.
    :ivar links_changed: the last section that was carried out has changed links, addresses or routes.
    """

    name: str
    absent: bool
    check: bool
    values: dict[str, Any]
    last: dict[str, Any] = field(default_factory=dict)
    besides: dict[str, Any] = field(default_factory=dict)
    left: dict[str, Any] = field(default_factory=dict)
    late: bool = False
    leaving: set[tuple[str, str]] = field(default_factory=set)
    replaced: list[str] = field(default_factory=list)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    state: Mapping[str, Observed] = field(default_factory=dict)
    links_changed: bool = False

    @property
    def topology(self) -> Any:
        """The topology (topology.py) with everything that other sections have added to it; None: there is none."""
        return self.values.get("topology")

    @property
    def purges(self) -> bool:
        """Whether objects of the last version that this one does not list are removed."""
        return self.topology is not None and bool(self.topology.purge_links)


def _nothing(*_arguments: Any) -> None:
    return None


def _no_needs(_value: Any) -> Mapping[str, Mapping[str, Any]]:
    return {}


class Section(NamedTuple):
    """A section of a document.

    Its functions are called for a document that lists the section, or whose last version does. In check mode they
    change nothing and return the same outcome, so that the diff shows exactly what a run does.

    :ivar parse: (place in the user's parameters, parameters, document is absent) -> value; None: nothing is wanted.
    :ivar converge: makes the host as the document says, or removes what it lists.
    :ivar show: the host's state of the section, after the sections before it have been shown.
    :ivar owns: (document's name, value) -> the objects that belong to the document.
    :ivar needs: (value) -> parameters that it adds to sections before it, by section.
    :ivar prepare: decides what the run does before anything changes in the kernel, from the last section to the first.
    :ivar finish: follows when all sections have been carried out.
    :ivar links: it has links, addresses or routes of the host, which network managers have to leave alone.
    :ivar noun: begins each line of the command's output.
    :ivar files: the files that store the section's values; they are not part of the stored document then.
    :ivar reassert: (check) -> diff: makes the host as all of those files say.
    """

    parse: Callable[[str, Any, bool], Any]
    converge: Callable[[Run], Outcome | None]
    show: Callable[[Run], Any]
    owns: Callable[[str, Any], Iterable[Owned]]
    needs: Callable[[Any], Mapping[str, Mapping[str, Any]]] = _no_needs
    prepare: Callable[[Run], Outcome | None] = _nothing
    finish: Callable[[Run], Outcome | None] = _nothing
    links: bool = False
    noun: str = ""
    files: str = ""
    reassert: Callable[[bool], Mapping[str, str]] | None = None


def parameters(where: str, given: Any, known: Sequence[str]) -> dict[str, Any]:
    """A section's parameters by name.

    :raises InvalidParameter: the section has no such parameter.
    """
    found = values.given(values.mapping(where, given))
    for name, value in found.items():
        if name not in known:
            raise InvalidParameter(f"{where}.{name}", value, f"it takes only {', '.join(known)}")
    return found


def table_section(name: str, parse: Callable[[str, Any, bool], Any]) -> Section:
    """The record of a section whose rules are one table of nftables.

    :param name: the section's name.
    :param parse: returns (the table's name, its rules); None instead of rules removes the table.
    """

    def prepare(run: Run) -> None:
        if run.purges and name not in run.values and name in run.last:
            run.values[name] = (run.last[name][0], None)
            run.late = True

    def converge(run: Run) -> Outcome | None:
        if name not in run.values:
            return None
        from ansible_collections.weft.fabric.plugins.module_utils.nft import table

        called, rules = run.values[name]
        result = table.converge(called, rules, run.check)
        return Outcome(result["changed"], [result["diff"]])

    def show(run: Run) -> list[dict[str, Any]]:
        from ansible_collections.weft.fabric.plugins.module_utils.nft import table

        observed = table.read(run.values[name][0])
        return [rule.as_dict() for rule in observed.rules.values()] if observed else []

    def owns(_document: str, value: Any) -> Iterable[Owned]:
        return [Owned("table", value[0])] if value[1] else []

    return Section(parse, converge, show, owns, prepare=prepare)
