# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that configure themselves: ansible-pull on each lab node, from a git repository with the inventory of all."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

PROGRAM = pathlib.Path(sys.executable).parent / "ansible-pull"
PLAYBOOK = "- name: Fabric\n  ansible.builtin.import_playbook: weft.fabric.site\n"


def repository(directory: pathlib.Path, inventory: Any) -> str:
    """Make a git repository of an inventory and a playbook; its URL.

    :param directory: a new one for it.
    """
    # Each host is its own controller.
    variables = {**inventory["all"]["vars"], "ansible_connection": "local"}
    directory.mkdir()
    (directory / "hosts.json").write_text(
        json.dumps({"all": {**inventory["all"], "vars": variables}}), encoding="utf-8"
    )
    (directory / "site.yml").write_text(PLAYBOOK, encoding="utf-8")
    git = ("git", "-C", str(directory), "-c", "user.name=weft", "-c", "user.email=weft@localhost")
    kernel.run(*git, "init", "--quiet")
    kernel.run(*git, "add", ".")
    kernel.run(*git, "commit", "--quiet", "--message", "The fabric")
    return f"file://{directory}"


def pull(home: pathlib.Path, laboratory: str, hosts: Iterable[str], url: str) -> dict[str, tuple[int, str]]:
    """Let all of the lab's hosts pull at once; by host, the exit status, and what was printed.

    :param home: that of the user who runs it.
    """
    started = {
        # Without a limit it takes the host's own name.
        host: subprocess.Popen(
            [*lab.enter(laboratory, host), str(PROGRAM), "--url", url, "--inventory", "hosts.json", "site.yml"],
            env=cli.environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for host in hosts
    }
    said = {host: process.communicate()[0] for host, process in started.items()}
    return {host: (started[host].returncode, said[host]) for host in started}
