# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose files are those of one test."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import DOCUMENT, end_guards, store, wipe


@pytest.fixture(autouse=True)
def _host(tmp_path: pathlib.Path) -> Iterator[None]:
    """A host with /etc and /usr/local of its own, the same afterwards as before but for what a test itself broke."""
    with contextlib.ExitStack() as stack:
        disk = tmp_path / "disk"
        disk.mkdir()
        kernel.run("mount", "-t", "tmpfs", "tmpfs", str(disk))
        stack.callback(kernel.run, "umount", str(disk))
        for number, target in enumerate(("/etc", "/usr/local")):
            upper, work = disk / f"upper{number}", disk / f"work{number}"
            upper.mkdir()
            work.mkdir()
            options = f"lowerdir={target},upperdir={upper},workdir={work}"
            kernel.run("mount", "-t", "overlay", "-o", options, "overlay", target)
            stack.callback(kernel.run, "umount", target)
        pathlib.Path("/etc/NetworkManager/conf.d").mkdir(parents=True, exist_ok=True)
        stack.callback(end_guards)
        stack.callback(wipe)
        yield


@pytest.fixture
def stored() -> None:
    """DOCUMENT is on the host, and nothing of it is in the kernel."""
    store(pods=DOCUMENT)
