# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces that tests run in."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pathlib
import subprocess
from collections.abc import Iterator

from ansible_collections.weft.fabric.tests.integration.kernel.commands import ip, run

CLONE_NEWNS = 0x00020000  # include/uapi/linux/sched.h
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000  # include/uapi/linux/mount.h
MS_PRIVATE = 0x40000

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str | None, flags: int = 0) -> None:
    """mount(2)."""
    _checked(
        _libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, None), f"mount {target}"
    )


def leave_the_machine() -> None:
    """Move this thread, and all it starts, to network and mount namespaces of its own.

    Whatever a test makes there vanishes with the process, also after SIGKILL. All of /run is fresh: not only
    /run/netns, also the run-time directories of the daemons that tests start.
    """
    _checked(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", "/run", "tmpfs")
    os.chmod("/run", 0o755)  # root alone creates files there, as on every host
    mount("sysfs", "/sys", "sysfs")
    os.mkdir("/run/netns", 0o755)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def enter(descriptor: int) -> None:
    """Move this thread to the network namespace that the file descriptor is of (setns(2))."""
    _checked(_libc.setns(descriptor, CLONE_NEWNET), "setns")


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """The calling thread is in the network namespace for the length of the block."""
    if not namespace:
        yield
        return
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:
        enter(there.fileno())
        try:
            yield
        finally:
            enter(home.fileno())


def namespaces() -> set[str]:
    """The names of the namespaces that exist."""
    return {entry.name for entry in pathlib.Path("/run/netns").iterdir()}


@contextlib.contextmanager
def new_namespace() -> Iterator[str]:
    """A namespace with a name of its own, loopback up, removed afterwards if the test did not.

    Duplicate address detection and router solicitations are off in it: both make the kernel notify a second
    or more after the request that they belong to.
    """
    name = f"test{next(_numbers)}"
    run("ip", "netns", "add", name)
    try:
        ip(name, "link", "set", "lo", "up")
        with inside(name):
            for scope in ("all", "default"):
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{scope}/accept_dad").write_text("0", encoding="ascii")
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{scope}/router_solicitations").write_text("0", encoding="ascii")
        yield name
    finally:
        if name in namespaces():
            run("ip", "netns", "delete", name)
