# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that root obeys or runs: they and all directories above them belong to root, and root alone can write them."""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import re
import stat
import sys

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

_LONGEST = 120  # of a path after #!: execve(2) of older kernels takes 127 bytes with the options
_MOST_LINKS = 40  # path_resolution(7)


class Untrusted(FabricError):
    """Somebody else than root could change what root obeys or runs."""


def check(path: str, what: str) -> None:
    """Check a path, as far as it exists, with all directories and links on the way to it.

    :param what: a noun for the path, for the message.
    :raises Untrusted: somebody else than root could change what root finds there.
    """
    _check(path, f"{what} {path} is refused", _MOST_LINKS)


def _check(path: str, refusal: str, links: int) -> None:
    directory = os.path.dirname(path)
    if directory != path:
        _check(directory, refusal, links)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise files.refused("read", path, error) from error
    remedy = "everything on the way to it has to belong to root, and to be writable by root alone"
    if status.st_uid != 0:
        raise Untrusted(f"{refusal}: {path} belongs to {_user(status.st_uid)}; {remedy}")
    if stat.S_ISLNK(status.st_mode):
        if not links:
            raise Untrusted(f"{refusal}: it leads through too many symbolic links")
        _check(os.path.normpath(os.path.join(os.path.realpath(directory), os.readlink(path))), refusal, links - 1)
    elif _others_write(status):
        raise Untrusted(f"{refusal}: {path} has mode {stat.S_IMODE(status.st_mode):04o}; {remedy}")


def _others_write(status: os.stat_result) -> bool:
    """Whether others than root can write a file, or rename what is in a directory."""
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid != 0 and _has_members(status.st_gid)
    return bool(by_group or status.st_mode & stat.S_IWOTH) and not sticky


def _has_members(group: int) -> bool:
    """Whether there are users in a group: Debian's /usr/local may belong to the group staff, which has none."""
    try:
        members = grp.getgrgid(group).gr_mem
    except KeyError:
        members = []
    return bool(members) or any(user.pw_gid == group for user in pwd.getpwall())


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def interpreter() -> str:
    """The path of this process's Python by which the command is started, the same whichever of its names was called."""
    directory = os.path.dirname(sys.executable)
    plain = os.path.join(os.path.realpath(directory), "python3")
    return plain if os.path.exists(plain) and os.path.samefile(plain, sys.executable) else sys.executable


def check_presence() -> None:
    """Check that the command will find its interpreter.

    :raises FabricError: the interpreter is gone, or cannot be executed.
    """
    if not os.access(interpreter(), os.X_OK):
        remedy = "set ansible_python_interpreter to the distribution's, such as /usr/bin/python3"
        raise FabricError(f"the interpreter {interpreter()} is missing, or cannot be executed: {remedy}")


def check_interpreter() -> None:
    """Check the interpreter of the command, and the libraries that it imports.

    :raises Untrusted: it cannot stand after ``#!``, or somebody else than root could change it.
    """
    path = interpreter()
    remedy = "set ansible_python_interpreter to the distribution's, such as /usr/bin/python3"
    if re.search(r"\s", path) or len(path) > _LONGEST:
        raise Untrusted(f"the interpreter {path} is refused: its path has a space or is too long; {remedy}")
    library = importlib.util.find_spec("pyroute2")
    try:
        check(path, "the interpreter")
        if library and library.origin:
            check(library.origin, "the library")
    except Untrusted as error:
        raise Untrusted(f"{error}; {remedy}") from error
