# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command weft-fabric has said on each host, in one line for each."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_DRIFT = 2
"""The exit status of ``weft-fabric status`` on a host that is not as its documents say."""


def lines(said: Mapping[str, Mapping[str, Any]], everywhere: Collection[str]) -> list[str]:
    """A line for each host, and then one for each host that others have entries of, and that the inventory has not.

    :param said: by host, what ansible.builtin.command has returned for the command with ``--json``.
    :param everywhere: all hosts of the inventory.
    """
    return [*(f"{host}: {', '.join(_words(own))}" for host, own in said.items()), *_ghosts(said, everywhere)]


def failed(own: Mapping[str, Any]) -> bool:
    """Whether the command has failed on a host."""
    return own.get("rc") not in (0, _DRIFT) or not own.get("stdout")


def _ghosts(said: Mapping[str, Mapping[str, Any]], everywhere: Collection[str]) -> Iterator[str]:
    there: dict[str, list[str]] = {}
    for host, own in said.items():
        for peer in () if failed(own) else json.loads(own["stdout"]).get("peers", ()):
            if peer not in everywhere:
                there.setdefault(peer, []).append(host)
    for peer, hosts in there.items():
        several = f"{len(hosts)} hosts have" if len(hosts) > 1 else f"{hosts[0]} has"
        remedy = f"ansible-playbook weft.fabric.drain -e drain_nodes={peer} removes them"
        yield f"{peer} is not in the inventory, and {several} entries of it: {remedy}"


def _words(own: Mapping[str, Any]) -> Iterator[str]:
    if failed(own):
        yield " ".join((own.get("stderr") or "weft-fabric is not installed here: run site first").split())
        return
    found = json.loads(own["stdout"])
    yield f"generation {found['generation']}, revision {found['revision']}" if found["generation"] else "no documents"
    if found.get("changed"):
        yield "changed"
    if not found.get("confirmed", True):
        left = found.get("seconds_left")
        yield "not confirmed" + ("" if left is None else f" (goes back in {left} s)")
    for name in ("drift", "warnings", "orphans"):
        if found.get(name):
            yield f"{name}: {len(found[name])}"
    for name in ("hold", "error"):
        if found.get(name):
            yield str(found[name])
    if found.get("last_error"):
        yield f"last error: {found['last_error']['message']}"
