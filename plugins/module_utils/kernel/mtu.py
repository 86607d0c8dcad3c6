# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTU of interfaces (netdevice(7)), which takes no more than a system call for each."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
from collections.abc import Iterable

_SIOCGIFMTU = 0x8921


def mtus(names: Iterable[str]) -> dict[str, int]:
    """The MTU in bytes of interfaces in the network namespace of this thread; those that do not exist are left out."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for name in names:
            with contextlib.suppress(OSError):  # there is no such interface
                answer = fcntl.ioctl(asked, _SIOCGIFMTU, struct.pack("=16s16x", name.encode()))
                found[name] = struct.unpack_from("=i", answer, 16)[0]
    return found
