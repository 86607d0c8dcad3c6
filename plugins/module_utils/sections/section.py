# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a section of a document declares, and what the sections of one document share while it is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed

Values = Mapping[str, Any]
"""By section, what its parse() returned."""


class Outcome(NamedTuple):
    """What a section changed, or in check mode would change.

    :ivar diffs: Ansible's diffs.
    :ivar returned: further keys of a module's result.
    """

    changed: bool
    diffs: Sequence[Mapping[str, str]] = ()
    warnings: Sequence[str] = ()
    returned: Mapping[str, Any] = {}


class Owned(NamedTuple):
    """An object on the host that is a document's own.

    :ivar what: ``link``, ``port`` (an interface that the document puts into a bridge or a bond), ``namespace``,
        ``table`` (of nftables), ``file`` or ``server``.
    :ivar netns: the namespace that it is in; empty: the host's.
    """

    what: str
    name: str
    netns: str = ""


@dataclass
class Run:
    """A document that is carried out, or planned.

    :ivar name: the document's. A section names its files after it.
    :ivar absent: everything that the document lists is removed.
    :ivar check: nothing is changed.
    :ivar values: what the document lists.
    :ivar last: what its last version lists, as far as that is known and differs.
    :ivar besides: what is listed to be removed besides.
    :ivar left: by section, what is removed because of the last version, or besides.
    :ivar late: the document is stored once it has been carried out. What may cut the host off is then undone by a
        reboot; and where something of the last version is removed, that is the version by which the next run knows it,
        should this one be interrupted.
    :ivar leaving: the last version's interfaces of pods, each with its namespace, that are removed even where an equal
        one is listed.
    :ivar replaced: names of namespaces that are removed, or made anew.
    :ivar kept: by section, what stays when the document is removed, because others still need it.
    :ivar state: the kernel's state by namespace, once the topology has been carried out.
    :ivar links_changed: the section that was just carried out changed links, addresses or routes.
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
    def purges(self) -> bool:
        """Whether everything that the last version lists, and this one does not, is removed."""
        topology = self.values.get("topology")
        return topology is not None and bool(topology.purge_links)


def _nothing(*_arguments: Any) -> None:
    return None


def _no_needs(_value: Any) -> Mapping[str, Mapping[str, Any]]:
    return {}


class Section(NamedTuple):
    """A section of a document.

    A section is asked for by a document that lists it, or whose last version does. The functions that get a run find
    there what the document lists, and plan in check mode: the diff of a plan is that of its run.

    :ivar parse: (where, parameters, whether the document is to be absent) -> the value; None asks for nothing.
    :ivar needs: (value) -> parameters that it adds to sections before it.
    :ivar prepare: sees to what is decided before anything changes in the kernel, from the last section to the first.
    :ivar converge: brings the host to what the document lists, or removes it.
    :ivar finish: follows once all sections have been carried out.
    :ivar show: what the host has of it, after the sections before it have been shown.
    :ivar owns: (document's name, value) -> the objects that it makes.
    :ivar links: it has links, addresses or routes of the host's, which its network managers have to leave alone.
    :ivar noun: begins each line of the command's output.
    :ivar files: names the files that keep the section's values, which are then no part of the stored document.
    :ivar reassert: (check) -> the diff of bringing the host to what those files say.
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

    :raises InvalidParameter: it takes no such parameter.
    """
    found = values.given(values.mapping(where, given))
    for name, value in found.items():
        if name not in known:
            raise InvalidParameter(f"{where}.{name}", value, f"it takes only {', '.join(known)}")
    return found


def table_section(name: str, parse: Callable[[str, Any, bool], Any]) -> Section:
    """A section whose rules are a table of nftables.

    :param name: the section's.
    :param parse: its value is (the table's name, the rules); without rules, the table is removed.
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
