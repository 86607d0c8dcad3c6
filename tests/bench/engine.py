# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconcile one document in the namespace that this process runs in.

The argument is a JSON file with topology's ``namespaces``. Prints, as JSON, the seconds that the engine took, whether
it changed anything, and how many netlink messages of each kind it sent, as their headers say.
"""

from __future__ import annotations

import collections
import gc
import json
import pathlib
import socket
import struct
import sys
import time
from typing import ClassVar

from ansible_collections.weft.fabric.plugins.module_utils import model, netlink, reconcile

NLM_F_DUMP = 0x300  # include/uapi/linux/netlink.h
RTM_NAMES = {18: "RTM_GETLINK", 28: "RTM_NEWNEIGH", 29: "RTM_DELNEIGH", 30: "RTM_GETNEIGH"}  # rtnetlink.h


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


def main() -> None:
    namespaces = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    netlink.socket.socket = WatchedSocket
    gc.disable()  # as module.run() does
    started = time.perf_counter()
    outcome = reconcile.reconcile(model.parse(namespaces))
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "changed": outcome.changed, "messages": messages(WatchedSocket.sent)}))


if __name__ == "__main__":
    main()
