# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses, routes and entries of a host's namespaces. Other sections may add to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import (
    Outcome,
    Owned,
    Run,
    Section,
    parameters,
)
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL


@dataclass(frozen=True)
class Topology:
    """The wanted state of a host's namespaces.

    :ivar namespaces: the parameter that the document was parsed from.
    :ivar purge_links: objects of the document's last version that this one does not list are removed.
    """

    document: Document = field(default_factory=Document)
    namespaces: Mapping[str, Any] = field(default_factory=dict)
    purge_links: bool = False

    def with_pieces(self, pieces: Mapping[str, Mapping[str, Any]]) -> Topology:
        """The topology with pieces of another section.

        :raises InvalidParameter: they contradict the topology.
        """
        namespaces = {netns: dict(content or {}) for netns, content in self.namespaces.items()}
        for netns, content in pieces.items():
            into = namespaces.setdefault(netns, {})
            for name, entries in content.items():
                into[name] = [*(into.get(name) or []), *entries]
        return self.of(namespaces)

    def of(self, namespaces: Mapping[str, Any]) -> Topology:
        """A topology of other namespaces, with the same options."""
        known = self.document
        document = parse_topology(namespaces, known.absent, known.purge, known.route_protocol)
        return Topology(document, namespaces, self.purge_links)


def _parse(where: str, given: Any, absent: bool) -> Topology:
    found = parameters(where, given, ("namespaces", "purge", "purge_links", "route_protocol"))
    purge_links = values.boolean(f"{where}.purge_links", found.get("purge_links", False))
    purge = values.boolean(f"{where}.purge", found.get("purge", False))
    protocol = found.get("route_protocol", ROUTE_PROTOCOL)
    namespaces = found.get("namespaces")
    document = parse_topology(namespaces, absent, purge, protocol)
    for netns, desired in document.namespaces.items():
        if values.is_process(netns) and not desired.create:
            raise InvalidParameter(f"{where}.namespaces", netns, "a document outlives a process: give a name or a path")
    return Topology(document, namespaces or {}, purge_links)


def _prepare(run: Run) -> None:
    topology: Topology | None = run.topology
    if topology is None:
        return
    if not run.absent and (run.last or run.besides):
        topology = run.values["topology"] = _with_removals(run, topology)
    run.late = run.late or topology.document.moves_interfaces


def _with_removals(run: Run, topology: Topology) -> Topology:
    """The topology with removals of what the last version lists, and of what is listed besides."""
    # Not before: Python compiles all imports in each call, and most documents have not changed.
    from ansible_collections.weft.fabric.plugins.module_utils.plan import leftover

    was, absent = (values.get("topology") for values in (run.last if run.purges else {}, run.besides))
    left = [leftover.between(was.document, topology.document, run.leaving)] if was else []
    left += [leftover.listed(absent.document)] if absent else []
    removals = [removal for part in left for removal in part.removals]
    run.replaced += [name for part in left for name in part.replaced]
    run.late = run.late or bool(removals or run.replaced)
    return replace(topology, document=replace(topology.document, removals=[*topology.document.removals, *removals]))


def _converge(run: Run) -> Outcome | None:
    topology: Topology | None = run.topology
    if topology is None:
        return None
    outcome = reconcile(topology.document, run.check)
    run.state = outcome.state
    run.links_changed = outcome.changed
    # Without the entries: the controller keeps the results of all N hosts, and each host has N entries.
    found = {
        netns: {"links": facts.wanted_links(desired, outcome.state[netns])}
        for netns, desired in outcome.document.namespaces.items()
    }
    return Outcome(outcome.changed, [outcome.diff], outcome.warnings, {"namespaces": found})


def _show(run: Run) -> dict[str, Any]:
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import scope_of

    document = run.topology.document
    with Kernel() as kernel:
        run.state = observe(kernel, scope_of(document))
    if any(state.own_names for state in run.state.values()):
        from ansible_collections.weft.fabric.plugins.module_utils.engine.resolve import by_own_names

        document = by_own_names(document, run.state)
    return {netns: facts.wanted(desired, run.state[netns]) for netns, desired in document.namespaces.items()}


def _owns(_name: str, topology: Topology) -> Iterator[Owned]:
    for netns, desired in topology.document.namespaces.items():
        if desired.create:
            yield Owned("namespace", netns)
        for link in desired.links.values():
            if link.kind:
                yield Owned("link", link.name, netns)
            elif link.attributes.get("controller"):
                yield Owned("port", link.name, netns)


SECTION = Section(_parse, _converge, _show, _owns, prepare=_prepare, links=True)
