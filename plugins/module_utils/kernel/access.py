# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace as kinds.kind.Access describes it: entered, and asked over generic netlink.

Sources: Documentation/userspace-api/netlink/intro.rst, include/uapi/linux/genetlink.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    CTRL_ATTR_FAMILY_ID,
    CTRL_ATTR_FAMILY_NAME,
    CTRL_CMD_GETFAMILY,
    GENL_ID_CTRL,
    NETLINK_GENERIC,
)

_HEADER = struct.Struct("=BBH")  # struct genlmsghdr: command, version
VERSION = 1


class NamespaceAccess:
    """One namespace.

    :param netns: its name.
    """

    def __init__(self, netns: str) -> None:
        self._netns = netns

    def inside(self) -> AbstractContextManager[None]:
        """The block runs in the namespace."""
        return inside(self._netns)

    def ask(self, family: str, command: int, payload: bytes) -> list[bytes]:
        """Dump what a family of generic netlink has: the attributes of each answer."""
        try:
            with self._open(family) as (kernel, number):
                answers = kernel.dump(number, _HEADER.pack(command, VERSION, 0) + payload)
        except KernelError as error:
            raise KernelError("read", f"generic netlink's {family}", error.code) from error
        return [answer[20:] for answer in answers]

    def tell(self, family: str, command: int, payloads: Iterable[bytes]) -> None:
        """Send requests to a family of generic netlink, in order.

        :raises OSError: the kernel refused one of them.
        """
        header = _HEADER.pack(command, VERSION, 0)
        with self._open(family) as (kernel, number):
            for payload in payloads:  # each in a send of its own: they can be long
                for failure in kernel.execute([Request(number, 0, header + payload)]):
                    raise OSError(failure.code, failure.detail)

    @contextmanager
    def _open(self, family: str) -> Iterator[tuple[Socket, int]]:
        """A socket, and the number of a family."""
        with closing(Socket(self._netns, NETLINK_GENERIC)) as kernel:
            label = family.encode() + b"\0"
            name = struct.pack("=HH", 4 + len(label), CTRL_ATTR_FAMILY_NAME) + label + bytes(-len(label) % 4)
            answer = kernel.get(Request(GENL_ID_CTRL, 0, _HEADER.pack(CTRL_CMD_GETFAMILY, VERSION, 0) + name))
            yield kernel, struct.unpack("=H", attributes(answer, 20)[CTRL_ATTR_FAMILY_ID])[0]
