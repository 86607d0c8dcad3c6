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
    Outcomes,
    Owned,
    Run,
    Section,
    differing,
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


def _parse(where: str, given: Any) -> Servers:
    return servers_of(f"{where}.", parameters(where, given, ("namespaces", "port")))


def _prepare(run: Run) -> None:
    """Clear the way for namespaces that somebody has deleted while their servers were running."""
    if run.check:
        return
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import netns_status
    from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import clear_lost

    names = [name for servers in run.of("echo_server").values() for name in servers.namespaces]
    missing = [name for name in names if netns_status(name) != "present"]
    if missing:
        clear_lost(missing)


def _converge(run: Run) -> Outcomes:
    from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import converge

    wanted = run.of("echo_server")
    kept = {netns for servers in wanted.values() for netns in servers.namespaces}
    former = run.before("echo_server")
    for role in dict.fromkeys([*wanted, *(role for role, _servers in former)]):
        servers = wanted.get(role, Servers((), 0))
        had = {netns for other, was in former if other == role for netns in was.namespaces}
        ended = (had - kept) | ({*had, *servers.namespaces} & {*run.replaced})
        if servers.namespaces or ended:
            result = converge(servers.namespaces, servers.port, False, run.check, sorted(ended))
            yield role, Outcome(result["changed"], [result["diff"]], objects=differing(result["diff"], ":"))


def _show(run: Run, role: str) -> list[dict[str, Any]]:
    from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import running

    names = run.documents[role]["echo_server"].namespaces
    return [
        {"netns": server.netns, "port": server.port, "pid": server.pid} for server in running() if server.netns in names
    ]


def _owns(_role: str, servers: Servers) -> Iterable[Owned]:
    return [Owned("server", f"port {servers.port}", netns) for netns in servers.namespaces]


def _orphans(run: Run) -> Iterable[str]:
    from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import running

    found = [(Owned("server", f"port {server.port}", server.netns), server.pid) for server in running()]
    return [f"echo server {own.netns}: {own.name}, PID {pid}" for own, pid in found if own not in run.owned]


SECTION = Section(_parse, _converge, _show, _owns, prepare=_prepare, noun="echo server ", orphans=_orphans)
