# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces: found by name, path or process, entered, created and removed (ip-netns(8))."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    CLONE_NEWNET,
    MNT_DETACH,
    MS_BIND,
    MS_REC,
    MS_SHARED,
    NS_GET_NSTYPE,
    UMOUNT_NOFOLLOW,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import unusable

NETNS_DIR = "/run/netns"
_NOWHERE = (FileNotFoundError, NotADirectoryError, ProcessLookupError)
_NO_NAMESPACE = (errno.ELOOP, errno.ENXIO)  # open(2): symbolic links in a circle, a socket
# The mode of a file of ours until a namespace is mounted on it. iproute2 makes files of mode 0.
_UNFINISHED = 0o200
_FINISHED = 0o444


def named_path(name: str) -> str:
    """The path of a named namespace's file; the empty name is that of this process's namespace."""
    return f"{NETNS_DIR}/{name}" if name else "/proc/self/ns/net"


def netns_path(netns: str) -> str:
    """The path of a namespace's file.

    :param netns: its name, its path, or the number of a process if there is no namespace of that name, as ip(8) has it.
    """
    if netns.startswith("/"):
        return netns
    path = named_path(netns)
    return f"/proc/{netns}/ns/net" if netns.isdecimal() and not os.path.lexists(path) else path


def netns_status(name: str, named: bool = True) -> str:
    """One of ``present``, ``absent``, ``unfinished``, ``another type``, ``directory`` or ``broken``.

    Unfinished is a file of ours on which an interrupted run has not mounted a namespace yet. Of another type is one
    that is not of networks, such as /proc/1/ns/uts. Broken is any other file without a namespace, and a symbolic link
    that leads nowhere. A broken one may be a namespace of another mount namespace, which the kernel would end with the
    file.

    :param named: it is given by its name, and not by its path or a process.
    :raises FabricError: the file cannot be read by this user.
    """
    path = named_path(name) if named else netns_path(name)
    try:
        # Without waiting for the other end of a FIFO.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except _NOWHERE:
        return "broken" if os.path.islink(path) else "absent"
    except PermissionError as error:
        raise FabricError(f"namespace {name} cannot be opened without root: set 'become: true'") from error
    except OSError as error:
        if error.errno in _NO_NAMESPACE:
            return "broken"
        raise KernelError("open", f"namespace {name}", error.errno or errno.EIO) from error
    try:
        return "present" if fcntl.ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET else "another type"
    except OSError:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            return "directory"
        return "unfinished" if mode == stat.S_IFREG | _UNFINISHED else "broken"
    finally:
        os.close(fd)


def netns_names() -> list[str]:
    """Names of the named namespaces, sorted."""
    try:
        names = sorted(os.listdir(NETNS_DIR))
    except FileNotFoundError:
        return []
    return [name for name in names if netns_status(name) == "present"]


def netns_aliases() -> dict[str, frozenset[str]]:
    """By name, the other names of the same namespace; the empty name is that of this process's namespace.

    If a name is a symbolic link, the path that it leads to is another name.
    """
    found: dict[tuple[int, int], set[str]] = {}
    targets: dict[str, set[str]] = {}
    for name in ("", *netns_names()):
        path = named_path(name)
        with suppress(FileNotFoundError):
            status = os.stat(path)
            found.setdefault((status.st_dev, status.st_ino), set()).add(name)
            if name and os.path.islink(path):
                targets[name] = {os.path.realpath(path)}
    return {name: frozenset(names - {name} | targets.get(name, set())) for names in found.values() for name in names}


def _call(function: str, *arguments: Any) -> None:
    """Call a C library function that returns -1 and errno on failure."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextmanager
def inside(netns: str) -> Iterator[None]:
    """Run a block inside a namespace (setns(2)), then come back.

    :raises FabricError: the namespace does not exist, or entering it is not allowed.
    """
    if not netns:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with netns_fd(netns) as fd:
            try:
                _call("setns", fd, CLONE_NEWNET)
            except PermissionError as error:
                raise FabricError(f"namespace {netns} cannot be entered without root: set 'become: true'") from error
            except OSError as error:
                raise FabricError(unusable(netns, netns_status(netns, named=False))) from error
        try:
            yield
        finally:
            _call("setns", home, CLONE_NEWNET)
    finally:
        os.close(home)


@contextmanager
def netns_fd(netns: str) -> Iterator[int]:
    """An open descriptor of a namespace, for setns(2) and IFLA_NET_NS_FD.

    :raises FabricError: the namespace does not exist.
    """
    try:
        fd = os.open(netns_path(netns), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except _NOWHERE as error:
        raise FabricError(unusable(netns, "absent")) from error
    except OSError as error:
        if error.errno in _NO_NAMESPACE:
            raise FabricError(unusable(netns, "broken")) from error
        raise KernelError("open", f"namespace {netns}", error.errno or errno.EIO) from error
    try:
        yield fd
    finally:
        os.close(fd)


def create_netns(name: str, joins: str | None = None) -> None:
    """Create a named namespace, as ``ip netns add`` does.

    :param joins: add a name to this namespace instead, as ``ip netns attach`` does.
    :raises KernelError: naming the namespace.
    """
    path = named_path(name)
    try:
        os.makedirs(NETNS_DIR, 0o755, exist_ok=True)
        _share_directory()
        file = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _UNFINISHED)
        try:
            _mount_namespace(path, joins)
            os.fchmod(file, _FINISHED)
        finally:
            os.close(file)
    except OSError as error:
        raise KernelError("create", f"namespace {name}", error.errno or errno.EIO) from error


def _mount_namespace(path: str, joins: str | None) -> None:
    """Mount a namespace on a file: the one of a name, or a new one."""
    if joins is not None:
        _call("mount", netns_path(joins).encode(), path.encode(), b"none", MS_BIND, None)
        return
    with fresh_namespace():
        _call("mount", b"/proc/thread-self/ns/net", path.encode(), b"none", MS_BIND, None)


@contextmanager
def fresh_namespace() -> Iterator[None]:
    """Run a block inside a new namespace (unshare(2)), then come back; without a name, it ends with the block.

    :raises OSError: this user may not make one.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", home, CLONE_NEWNET)
    finally:
        os.close(home)


def remove_netns(name: str) -> None:
    """Remove a namespace's name, as ``ip netns delete`` does; also the file of a broken one.

    Of a symbolic link the link alone is removed: what it leads to is somebody else's.

    :raises KernelError: naming the namespace.
    """
    path = named_path(name).encode()
    try:
        try:
            _call("umount2", path, MNT_DETACH | UMOUNT_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: nothing is mounted there, there is only the file or a link
                raise
        os.unlink(path)
        if not os.listdir(NETNS_DIR):
            _unshare_directory()
    except OSError as error:
        raise KernelError("delete", f"namespace {name}", error.errno or errno.EIO) from error


def _share_directory() -> None:
    """Make the directory of namespaces a shared mount, as iproute2 does (ip/ipnetns.c: netns_add).

    If ip(8) did it later, our namespaces would be mounted twice, and nobody could delete them any more.
    """
    path = NETNS_DIR.encode()
    try:
        _call("mount", b"", path, b"none", MS_SHARED | MS_REC, None)
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: it is not a mount yet
            raise
        _call("mount", path, path, b"none", MS_BIND | MS_REC, None)
        _call("mount", b"", path, b"none", MS_SHARED | MS_REC, None)


def _unshare_directory() -> None:
    """Undo _share_directory() with the last namespace: the machine then has the mounts that it had before the first."""
    with open("/proc/thread-self/mountinfo", encoding="utf-8") as mounts:
        fields = [line.split() for line in mounts]
    # A directory mounted on itself; a file system of its own would have / there (proc_pid_mountinfo(5)).
    if any(mount[4] == NETNS_DIR and mount[3] != "/" for mount in fields):
        with suppress(OSError):  # EBUSY: another process creates a namespace at this moment
            _call("umount2", NETNS_DIR.encode(), 0)
