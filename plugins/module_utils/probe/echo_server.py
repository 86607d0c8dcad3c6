# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo servers in network namespaces: which run, starting and stopping them.

A server's command line says all of it, its program and its namespace included. So there is no file to install, no PID
file to go stale, and a server of an older program, another port or a namespace made anew is told from the wanted one.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside, netns_path, netns_status

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. It is run and not imported: http.server takes its time.
    from ansible_collections.weft.fabric.plugins.module_utils.probe import echo_program  # noqa: F401

MARK = "weft.fabric-echo-server"
_MARK = MARK.encode()
STOP_SECONDS = 5

_OPTIONS = ["-I", "-S", "-c"]


class Server(NamedTuple):
    """A running echo server of this host.

    :param current: it is of this program, and in the namespace that now has the name.
    """

    pid: int
    netns: str
    port: int
    current: bool


def _program() -> str:
    name = f"{__name__.rpartition('.')[0]}.echo_program"
    spec: Any = importlib.util.find_spec(name)
    return str(spec.loader.get_source(name))


def running() -> list[Server]:
    """The echo servers that were started in this mount namespace, so that hosts of one lab do not see each other's."""
    return [server for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) for server in _server(pid)]


def converge(
    names: Sequence[str], port: int, absent: bool, check: bool, replaced: Sequence[str] = ()
) -> dict[str, Any]:
    """Let exactly one current server run in each of the namespaces, or with ``absent`` none.

    :param check: change nothing; a namespace that does not exist yet is no error.
    :param replaced: names that are not, or with ``check`` will not be, the namespaces that they were. What is left in
        those goes.
    :returns: what the module echo_server returns.
    :raises FabricError: a namespace is missing, or a port cannot be had.
    """
    wanted = {} if absent else dict.fromkeys(names)
    for name in wanted:
        if netns_status(name) != "present" and not check:
            raise InvalidParameter("namespaces", name, "there is no such namespace: make it with weft.fabric.netns")

    with nullcontext() if check else alone():
        return _converge(names, wanted, port, check, replaced)


def _converge(
    names: Sequence[str], wanted: Mapping[str, None], port: int, check: bool, replaced: Sequence[str]
) -> dict[str, Any]:
    before = [server for server in running() if server.netns in (*names, *replaced)]
    # A name that check mode has not replaced is still that of the old namespace.
    kept = wanted.keys() - set(replaced if check else ())
    usable = [server for server in before if server.current and server.port == port and server.netns in kept]
    pids = {server.netns: server.pid for server in usable}
    stopped = [server for server in before if server.pid not in pids.values()]
    started = [name for name in wanted if name not in pids]
    after = {name: f"PID {pids[name]}" if name in pids else "new" for name in wanted}
    if not check:
        for server in stopped:
            stop(server)
        pids.update((name, start(name, port)) for name in started)
    return {
        "changed": bool(stopped or started),
        "servers": [{"netns": name, "port": port, "pid": pids[name]} for name in wanted if name in pids],
        "diff": {
            "before": "".join(f"{server.netns}: port {server.port}, PID {server.pid}\n" for server in before),
            "after": "".join(f"{name}: port {port}, {process}\n" for name, process in after.items()),
        },
    }


def start(netns: str, port: int) -> int:
    """Start a server in a namespace, which outlives its parent and its session.

    When this returns, it listens, and running() finds it.

    :returns: its process ID.
    :raises KernelError: the port cannot be had.
    """
    with inside(netns), _listener(netns, port) as listener:
        descriptor = listener.fileno()
        program = _program()
        server = subprocess.Popen(
            [sys.executable, *_OPTIONS, program, str(descriptor), MARK, netns, str(port)],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    # Popen returns a moment before the kernel shows the new command line, which is what others know a server by.
    while server.poll() is None and not any(_server(server.pid)):
        os.sched_yield()
    return server.pid


def stop(server: Server) -> None:
    """End a server, and return when it is gone."""
    try:
        descriptor = os.pidfd_open(server.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor is the process's own: if it is still a server now, no other one can be hit by the signals.
        if not any(_server(server.pid)):
            return
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if not select.select([descriptor], [], [], STOP_SECONDS)[0]:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], STOP_SECONDS)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _listener(netns: str, port: int) -> socket.socket:
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        where = f"port {port} of namespace {netns}"
        remedy = f"see who has it: ip netns exec {netns} ss -ltnp"
        raise KernelError("listen on", where, error.errno or errno.EIO, remedy=remedy) from error


def _server(pid: int) -> Iterator[Server]:
    """The server that a process is, if it is one."""
    try:
        # Each process of the machine is asked: a text file would take twice as long.
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            line = file.read()
        if _MARK not in line:
            return
        words = line.decode(errors="replace").split("\0")[1:-1]
        if len(words) != 8 or words[5] != MARK or not _same(f"/proc/{pid}/ns/mnt", "/proc/self/ns/mnt"):
            return
        netns, port = words[6:]
        current = words[:4] == [*_OPTIONS, _program()] and (
            netns_status(netns) == "present" and _same(f"/proc/{pid}/ns/net", netns_path(netns))
        )
        yield Server(pid, netns, int(port), current)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return  # it has ended meanwhile, or is none of ours


def _same(one: str, other: str) -> bool:
    return os.path.samestat(os.stat(one), os.stat(other))
