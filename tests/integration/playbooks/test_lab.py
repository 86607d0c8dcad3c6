# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of inventories/lab.yml as a user makes it and takes it away."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.labs import (
    INVENTORY,
    Lab,
    in_node,
    pings,
    taken_away,
    unchanged_machine,
)


@pytest.fixture
def play(tmp_path: pathlib.Path) -> Iterator[Lab]:
    """The playbook, on a machine without a lab; afterwards the machine is as it was."""
    with taken_away(tmp_path) as made:
        yield made


def living_in(hosts: set[str]) -> list[str]:
    """The processes in any of these UTS namespaces."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/ns/uts"):
        with contextlib.suppress(OSError):  # has ended, or is not ours to look at
            if os.readlink(path) in hosts:
                found.append(path.parts[2])
    return found


def test_the_whole_scenario_leaves_no_trace(play: Lab) -> None:
    """What site starts in the lab, the pods' servers among it, goes with the lab."""
    play()
    cli.succeed(play.home, "ansible-playbook", "-i", INVENTORY, "weft.fabric.site")
    nodes = [path for path in pathlib.Path("/run/weft/weft").iterdir() if path.is_dir()]
    hosts = {f"uts:[{(node / 'uts').stat().st_ino}]" for node in nodes}
    assert living_in(hosts), "the pods' servers run in the nodes"
    assert play("-e", "lab_state=absent")["changed"] == 1
    assert not living_in(hosts)


def test_check_mode_makes_nothing(play: Lab) -> None:
    assert play("--check", "--diff")["changed"] == 1
    assert not pathlib.Path("/run/weft").exists()
    play()
    assert play("--check", "--diff")["changed"] == 0
    assert play("--check", "-e", "lab_state=absent")["changed"] == 1
    assert pings("network-1", "192.168.1.213")


def test_absent_on_nothing(play: Lab) -> None:
    assert play("-e", "lab_state=absent")["changed"] == 0


@pytest.mark.parametrize("what", ["net", "uts", "mnt"])
def test_half_a_lab_is_taken_away(play: Lab, what: str) -> None:
    play()
    kernel.run("umount", "--no-mtab", f"/run/weft/weft/network-1/{what}")
    assert play("-e", "lab_state=absent")["changed"] == 1


def test_two_labs_side_by_side(play: Lab) -> None:
    play()
    assert play("-e", "lab_name=second")["changed"] == 2
    try:
        in_node("network-1", "ip", "link", "set", "enp1s0", "down", name="second")
        assert pings("network-1", "192.168.1.213") and not pings("network-1", "192.168.1.213", name="second")
        assert play("-e", "lab_state=absent")["changed"] == 1
        assert pings("network-2", "192.168.2.216", name="second")
    finally:
        play("-e", "lab_name=second", "-e", "lab_state=absent")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"switch": "lan9"}, "network-1: lab_interfaces[0].switch: 'lan9' is refused: give one of lab_switches (lan1)"),
        ({"name": "a-name-that-is-long"}, "lab_interfaces[0].name: 'a-name-that-is-long' is refused"),
        ({"addresses": ["10.0.0.0.1/8"]}, "lab_interfaces[0].addresses[0]: '10.0.0.0.1/8' is refused"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(
    tmp_path: pathlib.Path, changes: dict[str, Any], words: str
) -> None:
    interface = {"name": "enp1s0", "switch": "lan1", **changes}
    inventory = tmp_path / "bad.json"
    inventory.write_text(
        json.dumps(
            {"all": {"hosts": {"network-1": {"lab_interfaces": [interface]}},
                     "vars": {"lab_name": "weft", "lab_switches": ["lan1"]}}}
        )
    )  # fmt: skip
    with unchanged_machine():
        done = cli.run(tmp_path, "ansible-playbook", "-i", str(inventory), "weft.fabric.lab")
    assert done.returncode == 2
    assert words in done.stdout + done.stderr
    assert not pathlib.Path("/run/weft").exists()
