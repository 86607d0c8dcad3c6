# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document's sections carried out: by a role's task, and by the host itself when it starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Stored
from ansible_collections.weft.fabric.plugins.module_utils.kernel.sysctl import FORWARDING
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.sections import sysctl

if TYPE_CHECKING:
    # What a section needs is imported where there is one: a module compiles what it imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import AnyRule


class Done(NamedTuple):
    """What became of a section.

    :ivar diffs: Ansible's diffs.
    :ivar returned: what the section's module returns besides.
    """

    section: str
    changed: bool
    diffs: list[dict[str, str]]
    warnings: list[str]
    returned: dict[str, Any]


def carry_out(
    document: Stored, check: bool, warn: Callable[[str], None], store: Callable[[], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Make the host as a document says: what a module returns of it.

    :param check: change nothing.
    :param warn: is told of what is taken for granted, or is not as it seems.
    :param store: writes the document, and returns what of the result that is.
    :raises FabricError: nothing was stored where a CNI network or the topology as a whole was refused.
    """
    result: dict[str, Any] = {"changed": False, "diff": []}
    planned, _reserved = resolved(document, check=True)

    # What may cut a host off is stored once it has been seen to work: a reboot then helps. Where something of the last
    # version goes, that version is what the next run knows it by, should this one be interrupted.
    late = document.left is not None or (planned.topology is not None and planned.topology.moves_interfaces)
    if store and not late:
        _add(result, store())
    for done in replay(document, check):
        _add(result, {"changed": done.changed, "diff": done.diffs, **done.returned})
        for warning in done.warnings:
            warn(warning)
    if store and late:
        _add(result, store())
    return result


def _add(result: dict[str, Any], more: dict[str, Any]) -> None:
    changed, diff = result["changed"] or more["changed"], result["diff"] + more["diff"]
    result.update(more, changed=changed, diff=diff)


def replay(document: Stored, check: bool) -> Iterator[Done]:
    """Carry out a document section by section, each when it is asked for.

    What is made: what keeps networks apart before there is a way between them, links before the parameters that are
    theirs, and servers in namespaces that are there. What goes, goes the other way round.

    :param check: change nothing.
    :raises FabricError: a section could not be carried out; those before it are.
    """
    document, reserved = resolved(document, check)
    if reserved["changed"]:
        yield Done("cni", True, [reserved["diff"]], [], {})
    steps = [_isolation, _topology, _sysctl, _masquerade, _cni_masquerade, _echo_server]
    for step in reversed(steps) if document.absent else steps:
        yield from step(document, check)
    yield from _released(document, check)


def resolved(document: Stored, check: bool) -> tuple[Stored, dict[str, Any]]:
    """attach.resolve(), of a document that has something for it."""
    if not document.cni and not document.left:
        return document, {"changed": False}
    from ansible_collections.weft.fabric.plugins.module_utils.host import attach

    return attach.resolve(document, check)


def _released(document: Stored, check: bool) -> Iterator[Done]:
    """Addresses go once no link has them any more."""
    if document.left or (document.cni and document.absent):
        from ansible_collections.weft.fabric.plugins.module_utils.host import attach

        result = attach.release(document, check)
        yield Done("cni", result["changed"], [result["diff"]], [], {})


def _isolation(document: Stored, check: bool) -> Iterator[Done]:
    return _table("isolation", document.isolation, check)


def _topology(document: Stored, check: bool) -> Iterator[Done]:
    if document.topology:
        outcome = reconcile(document.topology, check)
        # Not the entries: a controller keeps what N hosts return, and each of them has N entries.
        found = {
            netns: {"links": facts.wanted_links(desired, outcome.state[netns])}
            for netns, desired in document.topology.namespaces.items()
        }
        warnings = outcome.warnings
        if outcome.changed and not document.absent:
            from ansible_collections.weft.fabric.plugins.module_utils.host import managers

            warnings += managers.warnings(document.topology)
        returned: dict[str, Any] = {"namespaces": found}
        if document.cni and not document.absent:
            from ansible_collections.weft.fabric.plugins.module_utils.host import attach

            returned["cni"] = attach.results(document.cni, outcome.state)
        yield Done("topology", outcome.changed, [outcome.diff], warnings, returned)


def _sysctl(document: Stored, check: bool) -> Iterator[Done]:
    if document.sysctl is not None:
        settings = _kept(document) if document.absent else document.sysctl
        warnings, result = sysctl.converge(document.name, settings, check)
        if result["changed"] and any(settings.get(key) == "1" for key in FORWARDING):
            from ansible_collections.weft.fabric.plugins.module_utils.kernel import firewall

            warnings += firewall.obstacles()
        yield Done("sysctl", result["changed"], result["diff"], warnings, {})


def _kept(document: Stored) -> sysctl.Values:
    """What stays of a document: forwarding, as long as a bridge of it stays because of ports of others."""
    own = document.topology.namespaces.get("") if document.topology else None
    shared = [link.name for link in own.links.values() if link.shared] if own else []
    if not document.topology or not shared:
        return {}
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import sysctls

    after = reconcile(document.topology, check=True).state[""].links
    stored = sysctl.stored(document.name) if any(name in after for name in shared) else {}
    return {key: value for key, value in sysctls(document.cni).items() if key in stored}


def _masquerade(document: Stored, check: bool) -> Iterator[Done]:
    return _table("masquerade", document.masquerade, check)


def _table(section: str, wanted: tuple[str, tuple[AnyRule, ...] | None] | None, check: bool) -> Iterator[Done]:
    if wanted:
        from ansible_collections.weft.fabric.plugins.module_utils.nft.table import converge

        result = converge(*wanted, check)
        yield Done(section, result["changed"], [result["diff"]], [], {})


def _cni_masquerade(document: Stored, check: bool) -> Iterator[Done]:
    if document.cni or (document.left and document.left.cni):
        from ansible_collections.weft.fabric.plugins.module_utils.host import attach

        result = attach.masquerade(document, check)
        yield Done("masquerade", result["changed"], [result["diff"]], [], {})


def _echo_server(document: Stored, check: bool) -> Iterator[Done]:
    names, port = document.echo_server or ((), 0)
    replaced = document.left.replaced if document.left else ()
    if names or replaced:
        from ansible_collections.weft.fabric.plugins.module_utils.probe import echo_server

        result = echo_server.converge(names, port, document.absent, check, replaced)
        yield Done("echo_server", result["changed"], [result["diff"]], [], {})
