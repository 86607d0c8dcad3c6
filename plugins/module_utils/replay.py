# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document's sections carried out: by a role's task, and by the host itself when it starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import echo_server, facts, firewall, managers, nft, sysctl
from ansible_collections.weft.fabric.plugins.module_utils.documents import Stored
from ansible_collections.weft.fabric.plugins.module_utils.reconcile import reconcile


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


def replay(document: Stored, check: bool) -> Iterator[Done]:
    """Carry out a document section by section, each when it is asked for.

    What is made: what keeps networks apart before there is a way between them, links before the parameters that are
    theirs, and servers in namespaces that are there. What goes, goes the other way round.

    :param check: change nothing.
    :raises FabricError: a section could not be carried out; those before it are.
    """
    steps = [_isolation, _topology, _sysctl, _masquerade, _echo_server]
    for step in reversed(steps) if document.absent else steps:
        yield from step(document, check)


def _isolation(document: Stored, check: bool) -> Iterator[Done]:
    return _table("isolation", document.isolation, check)


def _topology(document: Stored, check: bool) -> Iterator[Done]:
    if document.topology:
        outcome = reconcile(document.topology, check)
        found = {
            netns: facts.wanted(desired, outcome.state[netns])
            for netns, desired in document.topology.namespaces.items()
        }
        warnings = outcome.warnings
        if outcome.changed and not document.absent:
            warnings += managers.warnings(document.topology)
        yield Done("topology", outcome.changed, [outcome.diff], warnings, {"namespaces": found})


def _sysctl(document: Stored, check: bool) -> Iterator[Done]:
    if document.sysctl is not None:
        settings = {} if document.absent else document.sysctl
        warnings, result = sysctl.converge(document.name, settings, check)
        if result["changed"] and any(settings.get(key) == "1" for key in sysctl.FORWARDING):
            warnings += firewall.obstacles()
        yield Done("sysctl", result["changed"], result["diff"], warnings, {})


def _masquerade(document: Stored, check: bool) -> Iterator[Done]:
    return _table("masquerade", document.masquerade, check)


def _table(section: str, wanted: tuple[str, tuple[nft.AnyRule, ...] | None] | None, check: bool) -> Iterator[Done]:
    if wanted:
        result = nft.converge(*wanted, check)
        yield Done(section, result["changed"], [result["diff"]], [], {})


def _echo_server(document: Stored, check: bool) -> Iterator[Done]:
    if document.echo_server:
        names, port = document.echo_server
        result = echo_server.converge(names, port, document.absent, check)
        yield Done("echo_server", result["changed"], [result["diff"]], [], {})
