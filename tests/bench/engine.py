# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconcile one list in the namespace that this process runs in, as the list's own module does.

The arguments are a section of topology's document (``fdb``, ``neighbours`` or ``routes``), a JSON file with the list,
and ``--purge``. The list is vxlan0's. Prints, as JSON, the CPU seconds that the engine took, whether it changed
anything, how many netlink messages of each kind it sent, and the most memory that the process had.
"""

from __future__ import annotations

import collections
import gc
import importlib
import json
import pathlib
import pkgutil
import re
import socket
import struct
import sys
import time
from typing import ClassVar

from ansible_collections.weft.fabric.plugins.module_utils import engine, kernel, kinds, model, plan
from ansible_collections.weft.fabric.plugins.module_utils.engine import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.kernel import netlink
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import add_fdb
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import add_neighbours
from ansible_collections.weft.fabric.plugins.module_utils.model.routes import add_routes

# The engine imports what it needs as it needs it. Here that is not measured.
for package in (engine, kernel, kinds, model, plan):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)

DEV = "vxlan0"
NLM_F_DUMP = 0x300  # include/uapi/linux/netlink.h
RTM_NAMES = {18: "RTM_GETLINK", 26: "RTM_GETROUTE", 30: "RTM_GETNEIGH"}  # rtnetlink.h


class WatchedSocket(socket.socket):
    """Keeps what is sent."""

    sent: ClassVar[list[bytes]] = []

    def send(self, data: bytes, flags: int = 0) -> int:
        self.sent.append(data)
        return super().send(data, flags)


def messages(sent: list[bytes]) -> dict[str, int]:
    """How often each message was sent; a dump is told apart from a request for one object."""
    found: collections.Counter[str] = collections.Counter()
    for data in sent:
        offset = 0
        while offset < len(data):
            length, kind, flags = struct.unpack_from("=IHH", data, offset)
            # The requests RTM_GET... are 2 modulo 4; in all others the bits of NLM_F_DUMP mean something else.
            dump = kind % 4 == 2 and flags & NLM_F_DUMP == NLM_F_DUMP
            found[RTM_NAMES.get(kind, str(kind)) + (" dump" if dump else "")] += 1
            offset += (length + 3) & ~3
    return dict(found)


def peak_memory() -> float:
    """MB that this process has had at most (proc_pid_status(5): VmHWM)."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024 / 1e6


def document(section: str, entries: list[dict[str, str]], purge: bool) -> Document:
    """What the module of that section makes of its parameters."""
    wanted = Document()
    desired = wanted.at("")
    if section == "fdb":
        add_fdb(desired.fdb, entries, "entries", DEV)
        desired.purge_fdb |= {DEV} if purge else set()
    elif section == "neighbours":
        add_neighbours(desired.neighbours, entries, "entries", DEV)
        desired.purge_neighbours |= {DEV} if purge else set()
    else:
        named = [entry if "nexthops" in entry else {"dev": DEV, **entry} for entry in entries]
        add_routes(desired.routes, named, "routes")
        desired.purge_routes |= {None} if purge else set()
    return wanted


def main() -> None:
    section, path, *options = sys.argv[1:]
    entries = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    netlink.socket.socket = WatchedSocket
    gc.disable()  # as module.run() does
    started = time.process_time()
    outcome = reconcile.reconcile(document(section, entries, "--purge" in options))
    seconds = time.process_time() - started
    found = {"seconds": seconds, "changed": outcome.changed, "operations": len(outcome.plan.operations)}
    print(json.dumps({**found, "messages": messages(WatchedSocket.sent), "memory": peak_memory()}))


if __name__ == "__main__":
    main()
