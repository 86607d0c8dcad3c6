# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules, each in a process of its own, without a new Python for each.

Starting Python and importing Ansible's share of a module takes most of a module's time, in an emulated machine seconds.
This program, which the managed host's interpreter runs, has imported it, and forks for each module.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.links import pyroute2_ifinfmsg
from ansible_collections.weft.fabric.tests.integration import kernel

TIMEOUT = 300
_SHARED = "ansible_collections.weft.fabric.plugins.module_utils"
_MODULES = "ansible_collections.weft.fabric.plugins.modules"
_STATUS = struct.Struct("=i")


class Finished(NamedTuple):
    """How a module ended."""

    returncode: int
    stdout: str
    stderr: str


class Server:
    """The tests' side.

    :param python: the interpreter.
    :param path: its PYTHONPATH.
    """

    def __init__(self, python: str, path: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # It ends when this socket is closed, with the tests' process at the latest.
            self._process = subprocess.Popen(
                [python, "-m", __name__, str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": path},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def run(self, name: str, arguments: str) -> Finished:
        """Run a module with its arguments, as JSON, in its standard input, in the network namespace of this thread."""
        with contextlib.ExitStack() as stack:
            namespace = stack.enter_context(open("/proc/thread-self/ns/net", "rb"))
            streams = [stack.enter_context(tempfile.TemporaryFile()) for _stream in range(3)]
            streams[0].write(arguments.encode())
            streams[0].seek(0)
            done, theirs = (stack.enter_context(end) for end in socket.socketpair())
            done.settimeout(TIMEOUT)
            files = [*(stream.fileno() for stream in streams), namespace.fileno(), theirs.fileno()]
            socket.send_fds(self._control, [name.encode()], files)
            theirs.close()
            status = done.recv(_STATUS.size)
            assert status, f"the process that waits for module {name} has died"
            texts = []
            for stream in streams[1:]:
                stream.seek(0)
                texts.append(stream.read().decode())
        return Finished(_STATUS.unpack(status)[0], *texts)


@functools.cache
def server(python: str, path: str) -> Server:
    """The one for an interpreter and its PYTHONPATH, started when it is first asked for."""
    return Server(python, path)


def _next(control: socket.socket) -> tuple[str, list[int]] | None:
    """The next module and its descriptors, in a process that waits for it alone; None: there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        name, descriptors, _flags, _address = socket.recv_fds(control, 4096, 5)
        if not name:
            return None
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            return name.decode(), descriptors
        for descriptor in descriptors:
            os.close(descriptor)


def main() -> None:
    """The server's side."""
    # And what "host" imports, which the slowest tests call over and over.
    host = ("host.transaction", "plan.leftover", "cni.attach", "probe.echo_server")
    used = (*host, "sections.cni", "sections.topology")
    for shared in ("module", "engine.reconcile", *used):
        importlib.import_module(f"{_SHARED}.{shared}")
    with contextlib.suppress(FabricError):  # the modules tell that it is missing
        pyroute2_ifinfmsg()
    asked = _next(socket.socket(fileno=int(sys.argv[1])))
    if asked is None:
        return
    name, (*streams, namespace, done) = asked
    kernel.enter(namespace)
    os.close(namespace)
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(done, _STATUS.pack(status))
        os._exit(0)
    os.close(done)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = [name]
    runpy.run_module(f"{_MODULES}.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
