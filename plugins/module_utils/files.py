# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of ours on the host, each replaced in one step, so that nobody ever reads half of one.

The new text is written beside the file under one fixed name, which is hidden and has a suffix that no reader of a
directory takes (*.conf, *.network, *.json). What a crash leaves behind is one such file, which the next run replaces.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError

_REMEDY = {
    errno.ELOOP: "a link or a special file is there: remove it",
    errno.ENXIO: "a socket is there: remove it",
    errno.EACCES: "run as root (become: true)",
    errno.EPERM: "run as root (become: true)",
    errno.EISDIR: "a directory is in its place: remove it",
    errno.ENOTDIR: "a file is in the place of a directory: remove it",
    errno.ENAMETOOLONG: "give shorter names",
    errno.EROFS: "make the file system writable",
    errno.ENOSPC: "make room; the file is as it was",
    errno.EDQUOT: "make room; the file is as it was",
}


LOCK = "/run/weft.lock"
LOCK_LIMIT = 30.0
"""Seconds to wait for another run on this host."""
_LOCK_PAUSE = 0.05


_held = False


@contextmanager
def alone(limit: float | None = None) -> Iterator[None]:
    """Let only one process of this collection at a time change the host: a controller, another one, the host's timer.

    The lock is a file in a directory in which root alone can create files (flock(2)). The holder's process number is in
    it. It is removed with the lock, so that nothing is left on the host. Within the block, it may be taken again.

    :param limit: seconds to wait; None: LOCK_LIMIT.
    :raises KernelError: another process has held the lock for so long.
    """
    global _held
    if _held:
        yield
        return
    try:
        descriptor = _locked(limit)
    except PermissionError:
        yield  # a user who must not lock the host must not change it either: require_admin()
        return
    except OSError as error:
        raise refused("lock", LOCK, error) from error
    _held = True
    try:
        yield
    finally:
        _held = False
        remove(LOCK)
        os.close(descriptor)


def _locked(limit: float | None) -> int:
    """The descriptor of the locked file, once no other process holds the lock."""
    while True:
        descriptor = locked(LOCK, 0o600, limit)
        if _is_at(descriptor, LOCK):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            return descriptor
        os.close(descriptor)  # the former holder has removed the file


def locked(path: str, mode: int, seconds: float | None = None) -> int:
    """The descriptor of a file that is locked (flock(2)) and made if it is missing.

    :param mode: its permissions if it is made.
    :param seconds: to wait; None: LOCK_LIMIT.
    :raises OSError: it cannot be opened, or is no regular file.
    :raises KernelError: another process has held the lock for so long.
    """
    seconds = LOCK_LIMIT if seconds is None else seconds
    limit = time.monotonic() + seconds
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT, mode)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > limit:
                words = os.pread(descriptor, 20, 0).decode(errors="replace")
                holder = f"process {words}" if words.isdecimal() else "another process"
                os.close(descriptor)
                remedy = f"{holder} changes this host for {seconds:.0f} s: wait for its end, or end it"
                raise KernelError("lock", path, errno.EWOULDBLOCK, remedy=remedy) from None
        time.sleep(_LOCK_PAUSE)


def _is_at(descriptor: int, path: str) -> bool:
    """Whether an open file is still the one at its path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def beside(path: str) -> str:
    """The name under which a file's new text is written."""
    directory, name = os.path.split(path)
    return f"{directory}/.{name}.weft-new"


def read(path: str) -> bytes | None:
    """What a file of ours holds; None if there is none.

    :raises KernelError: it cannot be read, or it is no regular file: a link, a FIFO, a device.
    """
    try:
        with open(open_regular(path, os.O_RDONLY), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused("read", path, error) from error


def open_regular(path: str, flags: int, mode: int = 0o600) -> int:
    """Open a regular file, and nothing else, in a directory in which others may make links and FIFOs.

    :returns: the descriptor.
    :raises OSError: it cannot be opened, or is something else (ELOOP).
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ELOOP, path)
    return descriptor


def replace(path: str, data: bytes, mode: int) -> None:
    """Replace or make a file in one step that outlives a power failure (rename(2), fsync(2)).

    :param mode: its permissions.
    :raises KernelError: the file system refuses; the file is as it was.
    """
    _put(path, data, mode, os.replace)


def create(path: str, data: bytes, mode: int) -> None:
    """Make a file that nobody has made yet, in one step that outlives a power failure (link(2)).

    :raises KernelError: it is there, or the file system refuses.
    """
    _put(path, data, mode, os.link)
    remove(beside(path))


def _put(path: str, data: bytes, mode: int, name: Callable[[str, str], None]) -> None:
    new = beside(path)
    try:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        try:
            # Not whatever a crash or somebody else left there: a file of our own.
            remove(new)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            name(new, path)
        except OSError:
            remove(new)
            raise
        sync_directory(path)
    except OSError as error:
        raise refused("write", path, error) from error


def link(path: str, target: str) -> None:
    """Make a symbolic link, or let it lead elsewhere, in one step.

    :raises KernelError: the file system refuses; the link is as it was.
    """
    new = beside(path)
    try:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        remove(new)
        os.symlink(target, new)
        os.replace(new, path)
        sync_directory(path)
    except OSError as error:
        raise refused("write", path, error) from error


def remove(path: str) -> None:
    """Remove a file or a link, if it is there.

    :raises KernelError: the file system refuses.
    """
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise refused("remove", path, error) from error


def remove_tree(path: str) -> None:
    """Remove a directory with everything in it, or a file.

    :raises KernelError: the file system refuses.
    """
    if os.path.isfile(path):
        remove(path)
        return
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise refused("remove", path, error) from error


def sync_directory(path: str) -> None:
    """Make a new name in a file's directory outlive a power failure."""
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def not_ours(path: str) -> str:
    """Why a file that somebody else has written is not replaced."""
    return f"file {path} exists and is not ours: move it away, or adopt it (adopt: [{path}])"


def refused(operation: str, path: str, error: OSError) -> KernelError:
    """A file system's refusal, with what helps."""
    code = error.errno or errno.EIO
    return KernelError(operation, path, code, remedy=_REMEDY.get(code, ""))
