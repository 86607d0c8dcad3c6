# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a section, and the state that the sections of a host's documents share while they are carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
    from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed

Values = Mapping[str, Any]
"""The parsed value of each section."""


SIGNS = {"added": "+", "changed": "~", "recreated": "~", "removed": "-", "adopted": "="}
"""By how an object of a host differs, the sign that its line begins with."""


class Differing(NamedTuple):
    """An object of a host that differs.

    :ivar how: one of SIGNS.
    :ivar text: its line.
    """

    how: str
    text: str


class Outcome(NamedTuple):
    """The changes that a section has made for a role, or in check mode would make.

    :ivar diffs: Ansible's diffs.
    :ivar objects: the objects in them.
    :ivar returned: further keys of the role's part of the result.
    """

    changed: bool
    diffs: Sequence[Mapping[str, str]] = ()
    warnings: Sequence[str] = ()
    returned: Mapping[str, Any] = {}
    objects: Sequence[Differing] = ()


def differing(diff: Mapping[str, str], separator: str = "\n") -> list[Differing]:
    """The objects of a diff with a line for each.

    :param separator: ends the name of an object in its line.
    """
    before, after = (
        # A line of nft's that only closes a bracket means nothing on its own.
        {line.partition(separator)[0]: line.strip(" \t{") for line in diff[key].splitlines() if line.strip() != "}"}
        for key in ("before", "after")
    )
    return [
        *(Differing("removed", line) for name, line in before.items() if name not in after),
        *(Differing("added", line) for name, line in after.items() if name not in before),
        *(
            Differing("changed", changed(before[name], line))
            for name, line in after.items()
            if before.get(name, line) != line
        ),
    ]


def changed(before: str, after: str) -> str:
    """Two lines of an object as one: ``link br0 mtu 1450 (was 1500)``."""
    was, now = before.split(), after.split()
    same = next((index for index, (one, other) in enumerate(zip(was, now)) if one != other), min(len(was), len(now)))
    return f"{after} (was {' '.join(was[same:])})" if was[same:] else after


Outcomes = Iterator[tuple[str, Outcome]]
"""By role."""


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
    """The documents of a host while they are planned or carried out.

    :ivar documents: by role, the parsed sections. A section may add to those before it.
    :ivar former: the same of each earlier generation. What they have and ``documents`` have not is removed.
    :ivar check: nothing is changed.
    :ivar strict: a missing object is an error in check mode too. Otherwise an earlier task may be about to make it.
    :ivar owned: what the host's generations have made.
    :ivar known: the parsed sections of all generations that the host has, by role.
    :ivar used: objects of somebody else that the documents list and that are as they should be; they are not removed.
    :ivar adopt: the names of objects that are taken over although they are not in ``owned``; None: all.
    :ivar resolved: by section, the values that only the host knows: at first those that a generation has stored, and
        that hold; once the section has been carried out, all of them.
    :ivar single: a module's task, which removes the objects that it names and nothing around them.
    :ivar whole: the topologies of all roles as one, once it is prepared.
    :ivar left: by section, what is removed because an earlier generation has it.
    :ivar leaving: interfaces of earlier generations, each with its namespace, that are removed even if an equal one is
        listed.
    :ivar replaced: names of namespaces that are removed or replaced.
    :ivar held: by role, the sections of what stays of earlier generations because others use it, once the topology and
        the kernel parameters have been carried out.
    :ivar state: the kernel's state by namespace, once the topology has been carried out or shown.
    :ivar links_changed: links, addresses or routes have changed.
    """

    documents: dict[str, dict[str, Any]]
    former: Sequence[dict[str, dict[str, Any]]] = ()
    check: bool = False
    strict: bool = False
    owned: frozenset[Owned] = frozenset()
    known: Sequence[Mapping[str, Values]] = ()
    used: frozenset[tuple[str, ...]] = frozenset()
    adopt: frozenset[str] | None = frozenset()
    resolved: dict[str, Any] = field(default_factory=dict)
    single: bool = False
    whole: Document | None = None
    left: dict[str, Any] = field(default_factory=dict)
    leaving: set[tuple[str, str]] = field(default_factory=set)
    replaced: list[str] = field(default_factory=list)
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: Mapping[str, Observed] = field(default_factory=dict)
    links_changed: bool = False

    def of(self, section: str) -> dict[str, Any]:
        """A section's value in each role that has it."""
        return {role: found[section] for role, found in self.documents.items() if section in found}

    def before(self, section: str) -> list[tuple[str, Any]]:
        """A section's value in each role of each earlier generation, with the role."""
        return [(role, found[section]) for one in self.former for role, found in one.items() if section in found]


def _nothing(*_arguments: Any) -> None:
    return None


def _no_outcomes(_run: Run) -> Outcomes:
    return iter(())


def _no_needs(_value: Any) -> Mapping[str, Mapping[str, Any]]:
    return {}


def _no_orphans(_run: Run) -> Iterable[str]:
    return ()


class Section(NamedTuple):
    """A section of a document.

    Its functions are called for the documents of a host together, if one of them or of an earlier generation has the
    section. In check mode they change nothing and return the same outcomes, so that the diff shows exactly what a run
    does.

    :ivar parse: (place in the user's parameters, parameters) -> value; None: nothing is wanted.
    :ivar converge: makes the host as the documents say.
    :ivar show: (run, role) -> the host's state of a role's section, after the sections before it have been shown.
    :ivar owns: (role, value) -> the objects that belong to a document.
    :ivar needs: (value) -> parameters that it adds to sections before it, by section.
    :ivar prepare: decides what the run does before anything changes in the kernel, from the last section to the first.
    :ivar finish: follows when all sections have been carried out.
    :ivar links: it has links, addresses or routes of the host, which network managers have to leave alone.
    :ivar noun: begins each line of the command's output.
    :ivar files: the files that its values are stored in as well.
    :ivar reassert: (check) -> diff: makes the host as all of those files say.
    :ivar requires: asks for what the host has to have for the section; raises FabricError.
    :ivar packages: the distribution's packages that have this.
    :ivar orphans: (run, prepared) -> lines on objects that have a mark of this collection and belong to no generation.
    """

    parse: Callable[[str, Any], Any]
    converge: Callable[[Run], Outcomes]
    show: Callable[[Run, str], Any]
    owns: Callable[[str, Any], Iterable[Owned]]
    needs: Callable[[Any], Mapping[str, Mapping[str, Any]]] = _no_needs
    prepare: Callable[[Run], Outcomes | None] = _nothing
    finish: Callable[[Run], Outcomes] = _no_outcomes
    links: bool = False
    noun: str = ""
    files: str = ""
    reassert: Callable[[bool], Mapping[str, str]] | None = None
    requires: Callable[[], object] = _nothing
    packages: tuple[str, ...] = ()
    orphans: Callable[[Run], Iterable[str]] = _no_orphans


def parameters(where: str, given: Any, known: Sequence[str]) -> dict[str, Any]:
    """A section's parameters by name.

    :raises InvalidParameter: the section has no such parameter.
    """
    found = values.given(values.mapping(where, given))
    for name, value in found.items():
        if name not in known:
            raise InvalidParameter(f"{where}.{name}", value, f"it takes only {', '.join(known)}")
    return found


INET = ("inet",)


def table_section(
    name: str,
    parse: Callable[[str, Any], Any],
    rules: Callable[[Any], Any] | None = None,
    together: Callable[[Sequence[Any]], Any] | None = None,
    families: Sequence[str] = INET,
) -> Section:
    """The record of a section whose rules are one table of nftables, or one in each of several families.

    :param name: the section's name.
    :param parse: returns (the table's name, its content); None: no table is wanted.
    :param rules: (content) -> the rules; None: the content is the rules.
    :param together: (contents) -> what holds while a run changes one into another, for tables that have to let through
        what links have been made for, and will be. None: the new content does.
    :param families: those of the rules. A family without rules has no table.
    """
    tables = _Tables(name, rules, together, families)
    return Section(
        parse,
        tables.converge,
        tables.show,
        lambda _role, value: [Owned("table", value[0])],
        prepare=tables.prepare,
        finish=tables.finish,
        requires=tables.names,
        packages=("nftables",),
        orphans=tables.orphans,
    )


class _Tables(NamedTuple):
    """The tables of a section, with the parameters of table_section()."""

    section: str
    rules: Callable[[Any], Any] | None
    together: Callable[[Sequence[Any]], Any] | None
    families: Sequence[str]

    def prepare(self, run: Run) -> None:
        roles: dict[str, str] = {}
        for role, (called, _content) in run.of(self.section).items():
            other = roles.setdefault(called, role)
            if other != role:
                where = f"documents.{role}.{self.section}.table"
                raise InvalidParameter(where, called, f"the document {other} has it too: give each a table of its own")
        for called in roles:
            if _is_foreign(run, called) and not _is_adopted(run, called):
                from ansible_collections.weft.fabric.plugins.module_utils.nft import table

                for family in self.families:
                    table.refuse_foreign(called, family)

    def converge(self, run: Run) -> Outcomes:
        for role, (called, content) in run.of(self.section).items():
            wanted = self._meanwhile(run, called, content)
            for family in self.families:
                yield role, _table(called, wanted, run.check, family, adopt=_is_adopted(run, called))

    def finish(self, run: Run) -> Outcomes:
        wanted = run.of(self.section)
        for role, (called, content) in wanted.items():
            before = self._meanwhile(run, called, content) if self.together and run.former else ()
            for family in self.families if before else ():
                yield role, _table(called, self._rules_of(content), run.check, family, _of(before, family))
        kept = {called for called, _content in wanted.values()}
        for called, role in {found[0]: role for role, found in run.before(self.section)}.items():
            for family in self.families if called not in kept else ():
                yield role, _table(called, (), run.check, family)

    def show(self, run: Run, role: str) -> Any:
        from ansible_collections.weft.fabric.plugins.module_utils.nft import listing, table

        called, content = run.documents[role][self.section]
        wanted = self._rules_of(content)
        found = {family: listing.as_data(table.read(called, family), _of(wanted, family)) for family in self.families}
        return found if len(self.families) > 1 else found[self.families[0]]

    def names(self) -> list[tuple[str, str]]:
        """The tables that are there, each with its family.

        :raises FabricError: nft is missing or refuses.
        """
        from ansible_collections.weft.fabric.plugins.module_utils.nft import table

        return [(family, called) for family in self.families for called in table.names(family)]

    def orphans(self, run: Run) -> Iterable[str]:
        from ansible_collections.weft.fabric.plugins.module_utils.nft import table

        there = self.names() if table.program() else ()  # without nft, nobody has made one
        return [f"table {family} {called}" for family, called in there if Owned("table", called) not in run.owned]

    def _rules_of(self, content: Any) -> Any:
        return self.rules(content) if self.rules else content

    def _meanwhile(self, run: Run, called: str, content: Any) -> Any:
        """The rules that hold while a run changes a table."""
        former = [found for _role, (other, found) in run.before(self.section) if other == called]
        return self._rules_of(self.together([content, *former]) if self.together else content)


def _of(rules: Any, family: str) -> tuple[Any, ...]:
    return tuple(rule for rule in rules if rule.family == family)


def _is_foreign(run: Run, table: str) -> bool:
    """Whether no generation of the host has made a table."""
    return not run.single and Owned("table", table) not in run.owned


def _is_adopted(run: Run, table: str) -> bool:
    return _is_foreign(run, table) and (run.adopt is None or table in run.adopt)


def _table(
    called: str,
    rules: Any,
    check: bool,
    family: str,
    before: tuple[Any, ...] | None = None,
    adopt: bool = False,
) -> Outcome:
    """Make a table have the rules of its family; without such rules there is none.

    :param before: the rules that it has by now; None: read them.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.nft import table

    result = table.converge(called, _of(rules, family) or None, check, family, before, adopt)
    return Outcome(result["changed"], [result["diff"]], objects=differing(result["diff"]))
