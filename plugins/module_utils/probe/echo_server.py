# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo servers in network namespaces: listed, started and stopped.

A server's command line contains everything about it, its program and its namespace included. So there is no file to
install, and no PID file that could be out of date. A server of an older program, of another port, or in a namespace
that has been replaced differs from the wanted one.
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
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import (
    inside,
    netns_names,
    netns_path,
    netns_status,
)

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. The program is run and not imported: http.server is slow to import.
    from ansible_collections.weft.fabric.plugins.module_utils.probe import echo_program  # noqa: F401

MARK = "weft.fabric-echo-server"
_MARK = MARK.encode()
STOP_SECONDS = 5

_OPTIONS = ["-I", "-S", "-c"]


class Server(NamedTuple):
    """A running echo server of this host.

    :ivar current: it runs this program, in the namespace that has the name now.
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
    """The echo servers of this mount namespace. Each host of a lab has its own, and finds only its own servers."""
    return [server for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) for server in _server(pid)]


def converge(
    names: Sequence[str], port: int, absent: bool, check: bool, replaced: Sequence[str] = ()
) -> dict[str, Any]:
    """Make exactly one current server run in each namespace, or with ``absent`` none.

    :param check: change nothing; a namespace may be missing.
    :param replaced: names of namespaces that have been replaced or removed, or with ``check`` will be. Servers that are
        left in the old namespaces are stopped.
    :returns: the result of the module echo_server.
    :raises FabricError: a namespace is missing, or the port is taken.
    """
    wanted = () if absent else tuple(dict.fromkeys(names))
    for name in wanted:
        if netns_status(name) != "present" and not check:
            raise InvalidParameter("namespaces", name, "there is no such namespace: make it with weft.fabric.netns")
    with nullcontext() if check else alone():
        before = [server for server in running() if server.netns in (*names, *replaced)]
        # In check mode, a name that will be replaced is still that of the old namespace.
        stopped, started, pids = _plan(before, wanted, port, replaced if check else ())
        diff = _diff(before, wanted, port, pids)
        if not check:
            for server in stopped:
                stop(server)
            pids.update((name, start(name, port)) for name in started)
    servers = [{"netns": name, "port": port, "pid": pids[name]} for name in wanted if name in pids]
    return {"changed": bool(stopped or started), "servers": servers, "diff": diff}


def clear_lost(names: Sequence[str]) -> None:
    """Delete the links on links of others in namespaces that have lost their names while servers run in them.

    Nobody can reach such a namespace any more, and a macvlan in it keeps its MAC address from the one that takes its
    place. Veths are found by their other ends.

    :param names: names that are missing.
    :raises KernelError: the kernel refuses.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.kernel import links
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of

    known = [os.stat(netns_path(name)) for name in ("", *netns_names())]
    with suppress(PermissionError):  # in a container, the first process may be somebody else's
        known.append(os.stat("/proc/1/ns/net"))
    for server in running():
        path = f"/proc/{server.pid}/ns/net"
        with suppress(FileNotFoundError), Kernel() as kernel:  # it has just ended
            if server.netns not in names or any(os.path.samestat(os.stat(path), one) for one in known):
                continue
            there = links.read_links(kernel.socket(path))
            found = [link.name for link in there.values() if kind_of(link.kind).parent and link.nsid is not None]
            for failure in kernel.socket(path).execute(links.delete(found)) if found else ():
                former = f"the former namespace {server.netns}"
                raise KernelError("delete links of", former, failure.code, failure.detail)


def _plan(
    before: Sequence[Server], wanted: Sequence[str], port: int, replaced: Container[str]
) -> tuple[list[Server], list[str], dict[str, int]]:
    """The servers to stop, the namespaces to start one in, and the process IDs of the others by namespace. Pure."""
    right = [server for server in before if server.current and server.port == port and server.netns in wanted]
    pids = {server.netns: server.pid for server in right if server.netns not in replaced}
    stopped = [server for server in before if server.pid not in pids.values()]
    return stopped, [name for name in wanted if name not in pids], pids


def _diff(before: Sequence[Server], names: Sequence[str], port: int, pids: Mapping[str, int]) -> dict[str, str]:
    after = {name: f"PID {pids[name]}" if name in pids else "new" for name in names}
    return {
        "before": "".join(f"{server.netns}: port {server.port}, PID {server.pid}\n" for server in before),
        "after": "".join(f"{name}: port {port}, {process}\n" for name, process in after.items()),
    }


def start(netns: str, port: int) -> int:
    """Start a server in a namespace. It survives its parent and its session.

    When this returns, the server listens, and running() finds it.

    :returns: its process ID.
    :raises KernelError: the port is taken.
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
    # Popen returns a moment before the kernel shows the new command line, by which a server is recognised.
    while server.poll() is None and not any(_server(server.pid)):
        os.sched_yield()
    return server.pid


def stop(server: Server) -> None:
    """Stop a server, and wait for its end."""
    try:
        descriptor = os.pidfd_open(server.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor refers to this process, and not to a later one with its ID. It must still be a server.
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
        remedy = f"find out who has it: ip netns exec {netns} ss -ltnp"
        raise KernelError("listen on", where, error.errno or errno.EIO, remedy=remedy) from error


def _server(pid: int) -> Iterator[Server]:
    """A process as a server, if it is one."""
    try:
        # This reads the command line of every process: a text file would take twice as long.
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            line = file.read()
        # Any user can start a process with a server's command line. Servers run as root.
        if _MARK not in line or os.stat(f"/proc/{pid}").st_uid != 0:
            return
        words = line.decode(errors="replace").split("\0")[1:-1]
        if len(words) != 8 or words[5] != MARK or not _same(f"/proc/{pid}/ns/mnt", "/proc/self/ns/mnt"):
            return
        netns = values.netns("namespace", words[6])
        port = values.port("port", words[7])
        current = words[:4] == [*_OPTIONS, _program()] and (
            netns_status(netns) == "present" and _same(f"/proc/{pid}/ns/net", netns_path(netns))
        )
        yield Server(pid, netns, port, current)
    except InvalidParameter:
        return  # a program of somebody else's with such a command line
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return  # it has ended, or belongs to somebody else


def _same(one: str, other: str) -> bool:
    return os.path.samestat(os.stat(one), os.stat(other))
