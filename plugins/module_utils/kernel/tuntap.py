# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TUN and TAP devices: netlink tells of them, and only /dev/net/tun makes them.

Sources: Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h, drivers/net/tun.c.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside
from ansible_collections.weft.fabric.plugins.module_utils.kinds import TUN_MODES

DEVICE = "/dev/net/tun"
TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TUN_EXCL = 0x0100, 0x1000, 0x8000

# What opening the file says where the kernel has no such devices.
MISSING = (errno.ENOENT, errno.ENODEV, errno.ENXIO)

_SETTINGS = (("owner", TUNSETOWNER), ("group", TUNSETGROUP), ("persist", TUNSETPERSIST))


def configure(netns: str, name: str, options: Mapping[str, Any], create: bool) -> None:
    """Make a device, or attach to one that is there and change it.

    :param options: all that the device has or shall have; ``mode`` and ``multi_queue`` tell how to attach.
    :raises OSError: EBUSY: a program holds it, and it has one queue.
    :raises FabricError: the namespace cannot be entered.
    """
    flags = TUN_MODES[options["mode"]] | IFF_NO_PI
    flags |= IFF_MULTI_QUEUE if options.get("multi_queue") else 0
    flags |= IFF_TUN_EXCL if create else 0
    with inside(netns):  # the device is in the namespace in which the file was opened
        fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(), flags))
        for option, request in _SETTINGS:
            if options.get(option) is not None:
                fcntl.ioctl(fd, request, int(options[option]))
    finally:
        os.close(fd)
