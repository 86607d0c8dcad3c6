# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook lab as a user runs it, and what is in the nodes that it makes."""

from __future__ import annotations

import contextlib
import pathlib
import re
import subprocess
from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration import machine
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

ROOT = pathlib.Path(__file__).parents[3]
INVENTORY = str(ROOT / "inventories" / "lab.yml")


class Lab:
    """The playbook weft.fabric.lab, as a user runs it."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home

    def __call__(self, *more: str, inventory: str = INVENTORY) -> dict[str, int]:
        """Run it, and count what it says of localhost: ok, changed, ..."""
        said = cli.succeed(self.home, "ansible-playbook", "-i", inventory, "weft.fabric.lab", *more)
        recap = re.search(r"^localhost +: (.*)$", said, re.MULTILINE)
        assert recap, said
        return {key: int(value) for key, value in (word.split("=") for word in recap[1].split())}


@contextlib.contextmanager
def unchanged_machine() -> Iterator[None]:
    """The machine is the same at the end of the block as it was before."""
    before = machine.snapshot()
    yield
    after = machine.snapshot()
    assert after.keys() == before.keys()
    for part in before:
        assert after[part] == before[part], part


@contextlib.contextmanager
def taken_away(home: pathlib.Path) -> Iterator[Lab]:
    """The playbook, which takes away at the end of the block what it has made: all of it."""
    play = Lab(home)
    with unchanged_machine():
        try:
            yield play
        finally:
            play("-e", "lab_state=absent")


def in_node(node: str, *command: str, name: str = "weft") -> str:
    done = subprocess.run([*lab.enter(name, node), *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def pings(node: str, address: str, name: str = "weft") -> bool:
    command = [*lab.enter(name, node), "ping", "-c1", "-W2", address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
