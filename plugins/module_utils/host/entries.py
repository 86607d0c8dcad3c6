# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, links and directories that are compared before they are written."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import files

NOTE = "# Written by weft.fabric.host, which also removes it.\n"


class Entry(NamedTuple):
    """The contents of a path.

    :ivar data: of a symbolic link, the target.
    :ivar kind: ``file``, ``link`` or ``directory``.
    """

    data: bytes
    mode: int = 0o644
    kind: str = "file"

    def __str__(self) -> str:
        """The text for a diff."""
        if self.kind == "link":
            return f"-> {self.data.decode()}\n"
        if self.kind == "directory":
            return f"directory, mode {self.mode:04o}\n"
        if self.data.startswith(b"#!"):
            return f"the engine, SHA-256 {hashlib.sha256(self.data).hexdigest()}\n"
        return self.data.decode(errors="replace") + (f"mode {self.mode:04o}\n" if self.mode != 0o644 else "")

    @property
    def is_ours(self) -> bool:
        """Whether it says that this collection has written it."""
        if self.kind == "link":
            return "weft" in self.data.decode(errors="replace").rpartition("/")[2]
        return self.data.startswith((NOTE.encode(), b"#!"))


class Change(NamedTuple):
    """A change of a path.

    :ivar before: None: it does not exist.
    :ivar after: None: it is removed.
    """

    path: str
    before: Entry | None
    after: Entry | None

    def diff(self) -> dict[str, str]:
        """Ansible's diff."""
        before, after = ("" if entry is None else str(entry) for entry in (self.before, self.after))
        return {"before_header": self.path, "after_header": self.path, "before": before, "after": after}

    def apply(self) -> None:
        """Make the change in one step, which survives a power failure.

        :raises KernelError: the file system refuses.
        """
        if self.after is None:
            files.remove(self.path)
        elif self.after.kind == "link":
            files.link(self.path, self.after.data.decode())
        elif self.after.kind == "directory":
            _make_directory(self.path, self.after.mode)
        else:
            files.replace(self.path, self.after.data, self.after.mode)


def present(path: str) -> Entry | None:
    """The contents of a path; None: it does not exist.

    :raises KernelError: it cannot be read.
    """
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return Entry(os.readlink(path).encode(), kind="link")
        if stat.S_ISDIR(mode):
            return Entry(b"", stat.S_IMODE(mode), "directory")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.refused("read", path, error) from error
    return Entry(files.read(path) or b"", stat.S_IMODE(mode))


def _make_directory(path: str, mode: int) -> None:
    try:
        os.makedirs(path, mode, exist_ok=True)
        os.chmod(path, mode)
    except OSError as error:
        raise files.refused("write", path, error) from error


def remove_if_empty(directory: str) -> None:
    """Remove a directory that is empty.

    :raises KernelError: the file system refuses.
    """
    try:
        os.rmdir(directory)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EBUSY):  # EBUSY: something is mounted there
            raise files.refused("remove", directory, error) from error
