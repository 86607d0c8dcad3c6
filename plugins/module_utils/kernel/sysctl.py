# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters below /proc/sys, as they are now (Documentation/admin-guide/sysctl)."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from contextlib import suppress

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import fresh_namespace

PROC = "/proc/sys"
ROUTES = "/proc/net/ipv6_route"

FORWARDING = IPV4_FORWARDING, IPV6_FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")

_RTF_ADDRCONF = 0x00040000  # linux/ipv6_route.h: learned from a router's advertisement

_NUMBER = re.compile(r"-?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)").fullmatch
_RANGES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*").fullmatch
# Of each interface; a namespace of its own has the same for ``default``.
_OF_INTERFACE = re.compile(r"net/(ipv4|ipv6)/(conf|neigh)/(?P<name>[^/]+)/").match
# Each of them is checked against the other's value.
_MUTUAL = {"net/ipv4/ip_local_port_range", "net/ipv4/ip_unprivileged_port_start"}


def read_live(key: str) -> str | None:
    """The value of a parameter.

    :returns: None: the kernel has no such parameter now. An interface's parameters come and go with the interface.
    :raises KernelError: the parameter cannot be read.
    """
    try:
        with open(f"{PROC}/{_name(key)}", encoding="utf-8") as parameter:
            return normalised(parameter.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KernelError("read", f"sysctl {key}", error.errno or errno.EIO) from error


def write_live(key: str, value: str) -> None:
    """Set a parameter that exists and has another value.

    :raises KernelError: the kernel refuses the value, or its caller.
    """
    live = read_live(key)
    if live is None or matches(live, value):
        return
    try:
        _write(_name(key), value)
    except PermissionError as error:
        remedy = "run with become: true; a container may not set everything"
        raise KernelError("set", f"sysctl {key} to {value}", error.errno or errno.EIO, remedy=remedy) from error
    except OSError as error:
        remedy = f"check the value; it has {live} now"
        raise KernelError("set", f"sysctl {key} to {value}", error.errno or errno.EIO, remedy=remedy) from error


def matches(live: str, wanted: str) -> bool:
    """Whether a parameter has a value, however the kernel prints it: of numbers, the first ones that are given. Pure.

    Sources: kernel/sysctl.c (proc_get_long: numbers are decimal, octal or hexadecimal; proc_do_large_bitmap: ranges).
    """
    ours, theirs = wanted.split(), live.split()
    if ours == theirs:
        return True
    numbers = [_number(word) for word in ours], [_number(word) for word in theirs[: len(ours)]]
    if ours and None not in numbers[0] and numbers[0] == numbers[1]:
        return True
    return bool(_RANGES(wanted) and _RANGES(live)) and _merged(wanted) == _merged(live)


def _number(word: str) -> int | None:
    """A number as the kernel reads one; None: it is none."""
    if not _NUMBER(word):
        return None
    sign, digits = (-1, word[1:]) if word.startswith("-") else (1, word)
    return sign * int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10)


def _merged(text: str) -> list[list[int]]:
    """Ranges such as ``8080,8082-8090`` in order, those that adjoin made one."""
    found: list[list[int]] = []
    for first, last in sorted((int(item.split("-")[0]), int(item.split("-")[-1])) for item in text.split(",")):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found


def refused(values: Mapping[str, str], live: Mapping[str, str | None]) -> dict[str, str]:
    """The values that the kernel would refuse, each with the reason; nothing of the host changes.

    Parameters of the network are tried in a namespace of their own, as far as it has them. Of others it is only known
    whether they are numbers.

    :param live: the parameters as they are.
    """
    found = {
        key: f"it is a number, {live[key]} now"
        for key, value in values.items()
        if _all_numbers(live[key] or "") and not _all_numbers(value)
    }
    with suppress(OSError), fresh_namespace():  # a user who may not make one may not set the parameter either
        for key, value in values.items():
            code = _tried(key, value)
            if code:
                found.setdefault(
                    key, f"{os.strerror(code)} ({errno.errorcode.get(code, code)}); it has {live[key]} now"
                )
    return found


def _all_numbers(text: str) -> bool:
    return bool(text) and None not in map(_number, text.split())


def _tried(key: str, value: str) -> int:
    """The kernel's answer to a value in this namespace, which is nobody's: its errno; 0: it takes the value."""
    name = _name(key)
    of_interface = _OF_INTERFACE(name)
    if of_interface and of_interface["name"] != "all":
        name = f"{name[: of_interface.start('name')]}default{name[of_interface.end('name') :]}"
    if not name.startswith("net/") or name in _MUTUAL or not os.path.exists(f"{PROC}/{name}"):
        return 0
    try:
        _write(name, value)
    except PermissionError:
        return 0  # this one is of the whole machine
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _write(name: str, value: str) -> None:
    with open(f"{PROC}/{name}", "w", encoding="utf-8") as parameter:
        parameter.write(f"{value}\n")  # without the line's end, an empty value would not be written at all


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


def _name(key: str) -> str:
    """The path of a parameter below /proc/sys."""
    # sysctl.d(5): if the first separator is a slash, dots belong to names (net/ipv4/conf/eth0.100/rp_filter).
    slash, dot = key.find("/"), key.find(".")
    if dot != -1 and (slash == -1 or dot < slash):
        key = key.translate(str.maketrans("./", "/."))
    return key
