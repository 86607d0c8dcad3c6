# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo servers in namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import (
    Outcome,
    Owned,
    Run,
    Section,
    parameters,
)

PORT = 8000  # by default


class Servers(NamedTuple):
    """The servers that a document lists."""

    namespaces: tuple[str, ...]
    port: int


def servers_of(where: str, given: Mapping[str, Any]) -> Servers:
    """Servers from their parameters.

    :param where: prefix of parameter names in messages.
    :raises InvalidParameter: for the first value that is wrong.
    """
    names = values.items(f"{where}namespaces", given.get("namespaces"))
    port = values.integer(f"{where}port", given.get("port", PORT), 1, 65535)
    return Servers(tuple(values.netns(f"{where}namespaces[{index}]", name) for index, name in enumerate(names)), port)


def _parse(where: str, given: Any, _absent: bool) -> Servers:
    return servers_of(f"{where}.", parameters(where, given, ("namespaces", "port")))


def _prepare(run: Run) -> None:
    """Clear the way for namespaces that somebody has deleted while their servers were running."""
    if run.check or run.absent or "echo_server" not in run.values:
        return
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import netns_status
    from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import clear_lost

    missing = [name for name in run.values["echo_server"].namespaces if netns_status(name) != "present"]
    if missing:
        clear_lost(missing)


def _converge(run: Run) -> Outcome | None:
    servers: Servers = run.values.get("echo_server", Servers((), 0))
    if not servers.namespaces and not run.replaced:
        return None
    from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import converge

    result = converge(servers.namespaces, servers.port, run.absent, run.check, run.replaced)
    return Outcome(result["changed"], [result["diff"]])


def _show(run: Run) -> list[dict[str, Any]]:
    from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import running

    names = run.values["echo_server"].namespaces
    return [
        {"netns": server.netns, "port": server.port, "pid": server.pid} for server in running() if server.netns in names
    ]


def _owns(_document: str, servers: Servers) -> Iterable[Owned]:
    return [Owned("server", f"port {servers.port}", netns) for netns in servers.namespaces]


SECTION = Section(_parse, _converge, _show, _owns, prepare=_prepare, noun="echo server ")
