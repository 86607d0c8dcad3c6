# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own rows of the proof, stored beside the documents of its generation.

They are not a part of the documents: they change with the pods of other hosts, and a host whose own documents stay as
they are is not changed. A controller stores them with each new generation, and whenever it proves the host.
"""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host import places, trusted

FILE = "proof.json"


def of(directory: str) -> str:
    """The rows in the directory of a generation. Empty: there are none.

    :raises KernelError: the file cannot be read.
    """
    return (files.read(f"{directory}/{FILE}") or b"").decode(errors="replace")


def store(text: str) -> None:
    """Store rows with the current generation, if it has others. Without a generation, nothing is stored.

    :raises KernelError: the file system refuses.
    """
    directory = places.current()
    if directory and of(directory) != text:
        files.replace(f"{directory}/{FILE}", text.encode(), 0o600)


def current() -> str:
    """The rows of the current generation.

    :raises FabricError: it has none, or others could have written them.
    """
    directory = places.current()
    text = of(directory) if directory else ""
    if text:
        trusted.check(f"{directory}/{FILE}", "the file")
    else:
        what = f"{directory} has no targets" if directory else "this host has no documents"
        raise FabricError(f"{what}: the playbooks weft.fabric.site and weft.fabric.verify store what a host proves")
    return text
