# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters below /proc/sys, as they are now (Documentation/admin-guide/sysctl)."""

from __future__ import annotations

import errno

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError

PROC = "/proc/sys"
ROUTES = "/proc/net/ipv6_route"

FORWARDING = IPV4_FORWARDING, IPV6_FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")

_RTF_ADDRCONF = 0x00040000  # linux/ipv6_route.h: learned from a router's advertisement


def read_live(key: str) -> str | None:
    """The value of a parameter.

    :returns: None: the kernel has no such parameter now. An interface's parameters come and go with the interface.
    :raises KernelError: the parameter cannot be read.
    """
    try:
        with open(_path(key), encoding="utf-8") as parameter:
            return normalised(parameter.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KernelError("read", f"sysctl {key}", error.errno or errno.EIO) from error


def write_live(key: str, value: str) -> None:
    """Set a parameter that exists and has another value.

    :raises KernelError: the kernel refuses the value, or its caller.
    """
    if read_live(key) in (value, None):
        return
    try:
        with open(_path(key), "w", encoding="utf-8") as parameter:
            parameter.write(value)
    except OSError as error:
        remedy = "check the value, and run with become: true"
        raise KernelError("set", f"sysctl {key} to {value}", error.errno or errno.EIO, remedy=remedy) from error


def interfaces_with_advertised_routes() -> list[str]:
    """The interfaces that have routes from routers' advertisements."""
    try:
        with open(ROUTES, encoding="utf-8") as routes:
            rows = [line.split() for line in routes]
    except FileNotFoundError:  # a kernel without IPv6
        return []
    return sorted({row[-1] for row in rows if int(row[-2], 16) & _RTF_ADDRCONF})


def normalised(value: str) -> str:
    """A value in the form in which values compare equal: the kernel separates words by tabs."""
    return " ".join(value.split())


def _path(key: str) -> str:
    # sysctl.d(5): if the first separator is a slash, dots belong to names (net/ipv4/conf/eth0.100/rp_filter).
    slash, dot = key.find("/"), key.find(".")
    if dot != -1 and (slash == -1 or dot < slash):
        key = key.translate(str.maketrans("./", "/."))
    return f"{PROC}/{key}"
