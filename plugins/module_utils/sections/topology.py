# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses, routes and entries of a host's namespaces. Other sections may add pieces to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal
from ansible_collections.weft.fabric.plugins.module_utils.model.route import ROUTE_PROTOCOL
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import (
    Outcome,
    Owned,
    Run,
    Section,
    parameters,
)


@dataclass(frozen=True)
class Topology:
    """What is wanted of a host's namespaces.

    :ivar namespaces: as they were given.
    :ivar purge_links: whether links that the last version lists, and this one does not, are removed.
    """

    document: Document = field(default_factory=Document)
    namespaces: Mapping[str, Any] = field(default_factory=dict)
    purge_links: bool = False

    def with_pieces(self, pieces: Mapping[str, Mapping[str, Any]]) -> Topology:
        """The topology with pieces that another section adds.

        :raises InvalidParameter: they contradict each other.
        """
        namespaces = {netns: dict(content or {}) for netns, content in self.namespaces.items()}
        for netns, content in pieces.items():
            into = namespaces.setdefault(netns, {})
            for name, entries in content.items():
                into[name] = [*(into.get(name) or []), *entries]
        return self.of(namespaces)

    def and_removes(self, removals: Iterable[Removal]) -> Topology:
        """The topology with removals besides those that it lists."""
        return replace(self, document=replace(self.document, removals=[*self.document.removals, *removals]))

    def of(self, namespaces: Mapping[str, Any]) -> Topology:
        """The same of other namespaces, or parsed anew."""
        known = self.document
        document = parse_topology(namespaces, known.absent, known.purge, known.route_protocol)
        return Topology(document, namespaces, self.purge_links)


def _parse(where: str, given: Any, absent: bool) -> Topology:
    found = parameters(where, given, ("namespaces", "purge", "purge_links", "route_protocol"))
    purge_links = values.boolean(f"{where}.purge_links", found.get("purge_links", False))
    purge = values.boolean(f"{where}.purge", found.get("purge", False))
    protocol = found.get("route_protocol", ROUTE_PROTOCOL)
    namespaces = found.get("namespaces")
    return Topology(parse_topology(namespaces, absent, purge, protocol), namespaces or {}, purge_links)


def _prepare(run: Run) -> None:
    topology: Topology | None = run.values.get("topology")
    if topology is None:
        return
    if not run.absent and (run.besides or (run.last and run.purges)):
        # Not before: most calls have nothing new.
        from ansible_collections.weft.fabric.plugins.module_utils.plan import leftover

        found = []
        if run.purges and "topology" in run.last:
            found.append(leftover.between(run.last["topology"].document, topology.document, run.leaving))
        if "topology" in run.besides:
            found.append(leftover.listed(run.besides["topology"].document))
        removals = [removal for left in found for removal in left.removals]
        run.replaced += [name for left in found for name in left.replaced]
        run.late = run.late or bool(removals or run.replaced)
        topology = run.values["topology"] = topology.and_removes(removals)
    run.late = run.late or topology.document.moves_interfaces


def _converge(run: Run) -> Outcome | None:
    topology: Topology | None = run.values.get("topology")
    if topology is None:
        return None
    outcome = reconcile(topology.document, run.check)
    run.state = outcome.state
    run.links_changed = outcome.changed
    # Not the entries: a controller keeps what N hosts return, and each of them has N entries.
    found = {
        netns: {"links": facts.wanted_links(desired, outcome.state[netns])}
        for netns, desired in topology.document.namespaces.items()
    }
    return Outcome(outcome.changed, [outcome.diff], outcome.warnings, {"namespaces": found})


def _show(run: Run) -> dict[str, Any]:
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import scope_of

    document = run.values["topology"].document
    with Kernel() as kernel:
        run.state = observe(kernel, scope_of(document))
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
