# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Being inside a named network namespace for a while, with the standard library alone."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Iterator, Optional

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter, KernelError

DIRECTORY = "/run/netns"

_CLONE_NEWNET = 0x40000000  # linux/sched.h


@contextlib.contextmanager
def entered(netns: Optional[str]) -> Iterator[None]:
    """Run the body inside a network namespace: its sockets and its child processes belong there.

    The calling thread moves and comes back, other threads stay where they are.

    :param netns: name under /run/netns, as iproute2 keeps them (ip-netns(8)); None stays here.
    :raises InvalidParameter: there is no such namespace.
    :raises KernelError: the kernel does not let us in (setns(2)).
    """
    if not netns:
        yield
        return
    try:
        there = os.open(os.path.join(DIRECTORY, netns), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise InvalidParameter(
            "netns", netns, "there is no such namespace; make it with weft.fabric.netns or correct the name"
        ) from error
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(there, netns)
        try:
            yield
        finally:
            _setns(here, netns)
    finally:
        os.close(here)
        os.close(there)


def _setns(descriptor: int, netns: str) -> None:
    # os.setns came with Python 3.12.
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        raise KernelError("enter", f"namespace {netns}", ctypes.get_errno(), remedy="run with become: true")
