# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TUN and TAP devices: netlink reports them, and only /dev/net/tun makes them (drivers/net/tun.c: tun_set_iff)."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    Access,
    Attributes,
    Control,
    Fault,
    Kind,
    Option,
    boolean,
    named,
)

DEVICE = "/dev/net/tun"
# include/uapi/linux/if_tun.h
MODES = {"tun": 1, "tap": 2}  # IFF_TUN, IFF_TAP
IFF_MULTI_QUEUE, IFF_NO_PI, IFF_VNET_HDR, IFF_TUN_EXCL = 0x0100, 0x1000, 0x4000, 0x8000
TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE

_SETTINGS = (("owner", TUNSETOWNER), ("group", TUNSETGROUP), ("persist", TUNSETPERSIST))


def _check_all(wanted: Attributes, known: Attributes | None) -> Iterator[Fault]:
    """A device that is not persistent is deleted with the last program that holds it."""
    if wanted.get("persist") is False and (known is None or known.get("persist")):
        yield "persist", "no program holds it, so the kernel would delete it: leave it true, or say 'state: absent'"


def _header(attribute: str) -> Option:
    """A header before each packet, which is a matter of the program that uses the device."""
    return boolean(attribute, usual=(False,))._replace(spec=None)


def _write(namespace: Access, name: str, known: Attributes | None, wanted: Attributes) -> None:
    """Make a device, or attach to one that is there and change it (Documentation/networking/tuntap.rst).

    :param wanted: all options: ``mode`` and ``multi_queue`` are needed to attach, and attaching sets the headers anew.
    :raises OSError: EBUSY: a program holds it, and it has one queue.
    """
    flags = MODES[wanted["mode"]] | (0 if wanted.get("pi") else IFF_NO_PI)
    flags |= IFF_VNET_HDR if wanted.get("vnet_hdr") else 0
    flags |= IFF_MULTI_QUEUE if wanted.get("multi_queue") else 0
    flags |= IFF_TUN_EXCL if known is None else 0
    with namespace.inside():  # the device is in the namespace in which the file was opened
        fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(), flags))
        for option, request in _SETTINGS:
            if wanted.get(option) is not None:
                fcntl.ioctl(fd, request, int(wanted[option]))
    finally:
        os.close(fd)


KIND = Kind(
    "tuntap",
    options={  # netlink only reads them
        "mode": named("IFLA_TUN_TYPE", MODES, fixed=True),
        "owner": Option("IFLA_TUN_OWNER", values.user),
        "group": Option("IFLA_TUN_GROUP", values.group),
        "persist": boolean("IFLA_TUN_PERSIST"),
        "multi_queue": boolean("IFLA_TUN_MULTI_QUEUE", fixed=True),
        "pi": _header("IFLA_TUN_PI"),
        "vnet_hdr": _header("IFLA_TUN_VNET_HDR"),
    },
    defaults={"persist": True},
    required=("mode",),
    ip_modes=("tun",),
    whole=True,
    kernel_name="tun",
    check_all=_check_all,
    # What opening the file says where the kernel has no such devices.
    control=Control(_write, makes=True, missing=(errno.ENOENT, errno.ENODEV, errno.ENXIO)),
    remedies={errno.EBUSY: "a program holds it: end that first"},
)
