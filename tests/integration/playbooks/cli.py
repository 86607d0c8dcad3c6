# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's commands as a user runs them, with a home of their own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence


def environment(home: pathlib.Path) -> dict[str, str]:
    """The environment of a user who has nothing configured."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON", "WEFT_"))}
    return {
        **kept,
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_REMOTE_TMP": str(home / "remote"),
        "ANSIBLE_NOCOLOR": "1",
    }


def run(
    home: pathlib.Path, *command: str, before: Sequence[str] = (), limit: float = 300, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the interpreter's own environment: ``run(tmp_path, "ansible-playbook", ...)``.

    :param before: words before the command, such as nsenter's.
    :param limit: seconds after which it hangs.
    :param more: environment variables.
    """
    program = str(pathlib.Path(sys.executable).parent / command[0])
    return subprocess.run(
        [*before, program, *command[1:]],
        env=environment(home) | more,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def succeed(home: pathlib.Path, *command: str, before: Sequence[str] = (), **more: str) -> str:
    """run() for what must succeed; its standard output."""
    done = run(home, *command, before=before, **more)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
