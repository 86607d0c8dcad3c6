# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of links without pyroute2: names, and what entries need to know of their device."""

from __future__ import annotations

import errno
import struct
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFLA_ADDRESS,
    IFLA_ALT_IFNAME,
    IFLA_EXT_MASK,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MTU,
    RTEXT_FILTER_SKIP_STATS,
    RTM_GETLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.values import LONGEST_IFNAME

SKIP_STATISTICS = struct.pack("=HHI", 8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)


def read_names(kernel: Socket) -> dict[int, str]:
    """The names of all interfaces, by index."""
    names = {}
    for message in kernel.dump(RTM_GETLINK, bytes(16) + SKIP_STATISTICS):
        index = struct.unpack_from("=i", message, 20)[0]
        names[index] = attributes(message, 32)[IFLA_IFNAME].rstrip(b"\0").decode()
    return names


def _ask(kernel: Socket, name: str) -> bytes | None:
    """The kernel's message on a link; None: there is no such link.

    :param name: its own, or an alternative one.
    """
    label = name.encode() + b"\0"
    kind_of_name = IFLA_IFNAME if len(label) <= LONGEST_IFNAME + 1 else IFLA_ALT_IFNAME
    body = bytes(16) + struct.pack("=HH", 4 + len(label), kind_of_name) + label + bytes(-len(label) % 4)
    try:
        return kernel.get(Request(RTM_GETLINK, 0, body + SKIP_STATISTICS))
    except KernelError as error:
        # EINVAL, ERANGE: a name that no device can have, in this kernel
        if error.code in (errno.ENODEV, errno.EINVAL, errno.ERANGE):
            return None
        raise


def read_mac(kernel: Socket, name: str) -> str:
    """The MAC address of an interface; empty: there is no such interface, or it has none.

    :param name: its own, or an alternative one.
    """
    message = _ask(kernel, name)
    address = attributes(message, 32).get(IFLA_ADDRESS, b"") if message else b""
    return address.hex(":") if any(address) else ""


def read_device(kernel: Socket, name: str) -> Link | None:
    """What entries need to know of their device: its index, kind, whether it is up, and what the kind says besides.

    One request, and nothing of pyroute2. None: there is no such device.

    :param name: its own, or an alternative one.
    """
    message = _ask(kernel, name)
    if message is None:
        return None
    index, flags = struct.unpack_from("=iI", message, 20)
    found = attributes(message, 32)
    own, info = found[IFLA_IFNAME].rstrip(b"\0").decode(), attributes(found.get(IFLA_LINKINFO, b""), 0)
    state = ATTRIBUTES["admin_state"]
    known: dict[str, Any] = {
        "admin_state": state.decode(flags & state.bit),
        "mtu": struct.unpack("=I", found[IFLA_MTU])[0],
    }
    if own != name:
        known["altnames"] = [name]
    kind = info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
    read = kind_of(kind).entries
    if read:
        known.update(read(attributes(info[IFLA_INFO_DATA], 0)))
    return Link(own, kind, known, index=index)
