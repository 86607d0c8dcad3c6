# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses, routes and entries of a host's namespaces. Other sections may add to them.

The topologies of all roles are planned together, as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import AUTO, Link
from ansible_collections.weft.fabric.plugins.module_utils.model.merged import merged, role_of
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import flattened
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation, Plan
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import (
    Differing,
    Outcome,
    Outcomes,
    Owned,
    Run,
    Section,
    changed,
    parameters,
)
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL, ROUTE_PROTOCOLS


@dataclass(frozen=True)
class Topology:
    """The wanted state of a host's namespaces.

    :ivar namespaces: the parameter that the document was parsed from.
    """

    document: Document = field(default_factory=Document)
    namespaces: Mapping[str, Any] = field(default_factory=dict)

    def with_pieces(self, pieces: Mapping[str, Mapping[str, Any]]) -> Topology:
        """The topology with pieces of another section.

        :raises InvalidParameter: they contradict the topology.
        """
        namespaces = {netns: dict(content or {}) for netns, content in self.namespaces.items()}
        for netns, content in pieces.items():
            into = namespaces.setdefault(netns, {})
            for name, entries in content.items():
                into[name] = [*(into.get(name) or []), *entries]
        known = self.document
        return Topology(parse_topology(namespaces, False, known.purge, known.route_protocol), namespaces)


def _parse(where: str, given: Any) -> Topology:
    found = parameters(where, given, ("namespaces", "purge", "route_protocol"))
    purge = values.boolean(f"{where}.purge", found.get("purge", False))
    namespaces = found.get("namespaces")
    document = parse_topology(namespaces, False, purge, found.get("route_protocol", ROUTE_PROTOCOL))
    for netns, desired in document.namespaces.items():
        if values.is_process(netns) and not desired.create:
            raise InvalidParameter(f"{where}.namespaces", netns, "a document outlives a process: give a name or a path")
    return Topology(document, namespaces or {})


def _parts(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Document]:
    return {role: found["topology"].document for role, found in documents.items() if "topology" in found}


def _prepare(run: Run) -> None:
    whole = merged(_parts(run.documents))
    if not run.single:
        for desired in whole.namespaces.values():
            for link in desired.links.values():
                link.recreate = link.recreate or bool(link.kind)  # all are ours
        whole.owned, whole.adopt = run.owned, run.adopt
    for netns, mtus in run.resolved.get("topology", {}).items():
        for name, mtu in mtus.items():
            if name in whole.namespaces.get(netns, Desired()).links:
                whole.namespaces[netns].links[name].resolved_mtu = mtu
    if run.former:
        # Not before: Python compiles all imports in each call, and most documents have not changed.
        from ansible_collections.weft.fabric.plugins.module_utils.plan import leftover

        left = [leftover.between(merged(_parts(one)), whole, run.leaving) for one in run.former]
        removals = {
            (removal.netns, str(removal.item)): removal
            for found in left
            for removal in found.removals
            if _key(removal.netns, removal.item) not in run.used
        }
        whole.removals += removals.values()
        run.replaced += dict.fromkeys(name for found in left for name in found.replaced)
    run.whole = whole


def _converge(run: Run) -> Outcomes:
    if run.whole is None:
        return
    outcome = reconcile(run.whole, run.check, run.strict)
    run.state = outcome.state
    run.used = _used(run, outcome.plan.operations)
    run.held = _held(run)
    run.resolved["topology"] = _resolved(outcome.document, run.state)
    run.links_changed = outcome.changed
    parts = [_parts(run.documents), *map(_parts, run.former)]
    changes: dict[str, list[Operation]] = {role: [] for one in parts for role in one}
    for operation in outcome.plan.operations:
        changes.setdefault(_role_of(parts, operation), []).append(operation)
    warnings, adopted = outcome.warnings, outcome.plan.adopted
    for role, operations in changes.items():
        taken = [f"{item.label(netns)} (adopted)" for netns, item in adopted if role_of(parts[0], netns, item) == role]
        diffs = [{"before": "", "after": "".join(f"{line}\n" for line in taken)}] if taken else []
        diffs += [Plan(operations).diff()] if operations else []
        objects = [*(Differing("adopted", line) for line in taken), *_objects(operations)]
        yield role, Outcome(bool(operations), diffs, warnings, _found(run, role), objects)
        warnings = []


def _resolved(document: Document, state: Mapping[str, Observed]) -> dict[str, dict[str, int]]:
    """By namespace and link, the MTUs that ``auto`` stands for."""
    found: dict[str, dict[str, int]] = {}
    for netns, desired in document.namespaces.items():
        there = state[netns].links if netns in state else {}
        for name, link in desired.links.items():
            if link.attributes.get("mtu") == AUTO and name in there and there[name].attributes.get("mtu"):
                found.setdefault(netns, {})[name] = there[name].attributes["mtu"]
    return found


def _held(run: Run) -> dict[str, dict[str, Any]]:
    """By role, a topology of the host's links that no document lists any more, and that stay with ports of others."""
    there = run.state[""].links if "" in run.state else {}
    wanted = run.whole.namespaces.get("", Desired()).links if run.whole else {}
    found: dict[str, dict[str, Link]] = {}
    for role, topology in run.before("topology"):
        for link in topology.document.namespaces.get("", Desired()).links.values():
            if link.kind and link.name not in wanted and link.name in there and there[link.name].kind == link.kind:
                found.setdefault(role, {})[link.name] = link
    return {
        role: {"topology": {"namespaces": {"": {"links": [*map(_named, links.values())]}}}}
        for role, links in found.items()
    }


def _named(link: Link) -> dict[str, Any]:
    """A link as a document's item, with no more than a document has to say of it."""
    needed = ("name", "kind", *kind_of(link.kind).required)
    return {key: value for key, value in link.data().items() if key in needed}


def _key(netns: str, item: Any) -> tuple[str, ...]:
    return (netns, item.dev, item.address) if getattr(item, "list_name", "") == "addresses" else ()


def _used(run: Run, operations: list[Operation]) -> frozenset[tuple[str, ...]]:
    """Addresses of interfaces that we do not make, which were there before a document listed them."""
    made = {_key(operation.netns, operation.after) for operation in operations}
    listed = {key for one in run.known for part in _parts(one).values() for key in _on_interfaces(part)}
    wanted = {key for part in _parts(run.documents).values() for key in _on_interfaces(part)}
    return frozenset((wanted & run.used) | (wanted - listed - made))


def _on_interfaces(document: Document) -> Iterator[tuple[str, ...]]:
    """The addresses that a document lists on interfaces that it does not make."""
    for netns, desired in document.namespaces.items():
        made = {link.name for link in desired.links.values() if link.kind}
        for address in desired.addresses:
            if address.dev not in made:
                yield _key(netns, address)


def _objects(operations: list[Operation]) -> Iterator[Differing]:
    """The objects of operations, each with all of its own."""
    found: dict[tuple[str, str], list[Operation]] = {}
    for operation in operations:
        if operation.shown:
            found.setdefault((operation.netns, (operation.after or operation.before).label()), []).append(operation)
    for own in found.values():
        made = any(operation.makes for operation in own)
        gone = any(operation.verb == "delete" for operation in own)
        how = ("recreated" if gone else "added") if made else "removed" if gone else "changed"
        diff = Plan(own).diff()
        before, after = diff["before"].splitlines(), diff["after"].splitlines()
        if how == "changed" and len(before) == len(after):
            yield Differing(how, ", ".join(map(changed, before, after)))
        else:
            yield Differing(how, (after or before)[0])


def _role_of(parts: list[dict[str, Document]], operation: Operation) -> str:
    """The role that wants an operation, or once wanted what it removes."""
    item = operation.before if operation.verb == "delete" else operation.after
    places = dict.fromkeys([operation.netns, operation.to])
    roles = (role_of(one, netns, item) for one in parts for netns in places)
    return next(filter(None, roles), next(iter(parts[0]), ""))


def _found(run: Run, role: str) -> dict[str, Any]:
    """A role's links as the kernel has them.

    Without the entries: the controller keeps the results of all N hosts, and each host has N entries.
    """
    if "topology" not in run.documents.get(role, {}):
        return {}
    document = run.documents[role]["topology"].document
    if any(state.own_names for state in run.state.values()):
        from ansible_collections.weft.fabric.plugins.module_utils.engine.resolve import by_own_names

        document = by_own_names(document, run.state)
    found = {
        netns: {"links": facts.wanted_links(desired, run.state[netns])}
        for netns, desired in document.namespaces.items()
    }
    return {"namespaces": found}


def _show(run: Run, role: str) -> dict[str, Any]:
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import scope_of

    document = run.documents[role]["topology"].document
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


def _requires() -> None:
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.links import pyroute2_ifinfmsg

    pyroute2_ifinfmsg()


def _orphans(run: Run) -> Iterator[str]:
    """Routes and rules with our protocol numbers. Links and namespaces have no mark."""
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import netns_names
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope

    with Kernel() as kernel:
        scope = Scope(links=True, protocols={*ROUTE_PROTOCOLS}, rules=True)
        observed = observe(kernel, dict.fromkeys(["", *netns_names()], scope))
    for netns, state in observed.items():
        wanted = run.whole.namespaces.get(netns, Desired()) if run.whole else Desired()
        routes = [route for route in flattened(state.routes) if route.protocol in ROUTE_PROTOCOLS]
        for route in routes:
            listed = wanted.routes.get(route.key)
            if listed is None or not listed.met_by(route):
                yield route.label(netns)
        for rule in state.rules:
            if rule.protocol in ROUTE_PROTOCOLS and rule.key not in wanted.rules:
                yield rule.label(netns)


SECTION = Section(
    _parse,
    _converge,
    _show,
    _owns,
    prepare=_prepare,
    links=True,
    requires=_requires,
    packages=("python3-pyroute2",),
    orphans=_orphans,
)
