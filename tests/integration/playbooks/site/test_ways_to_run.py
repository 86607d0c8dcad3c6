# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run in the ways that Ansible offers: they work, or one line says why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric, Run, article, host_vars

SERIAL = """
- hosts: nodes
  gather_facts: false
  become: true
  serial: 1
  roles: [weft.fabric.verify]
"""


@pytest.fixture
def changed(shared: Fabric) -> Iterator[Any]:
    """Change a variable of a host for one test."""

    def change(host: str, **variables: Any) -> None:
        inventory = article("shared")
        host_vars(inventory, host).update(variables)
        shared.inventory = inventory

    yield change
    shared.inventory = article("shared")


def test_check_mode_without_the_underlays_interface(shared: Fabric, changed: Any) -> None:
    changed("network-1", overlay_node={"number": 0, "address": "192.168.1.138", "dev": "enp9s0"})
    done = shared.play("site", "--check", "--limit", "network-1")
    assert done.rc == 2
    assert "link enp9s0 does not exist: create it first" in done.text
    assert "has no attribute" not in done.text and "Traceback" not in done.text


# Of each playbook, tasks that need what others have found before.
MIDDLE = [
    ("plan", "Show the plan of all hosts"),
    ("site", "Apply what was planned"),
    ("site", "Connect again"),
    ("teardown", "Apply what was planned"),
    ("drain", "Apply what was planned"),
    ("drain", "Show what has become of the nodes"),
    ("verify", "Probe all targets"),
    ("verify", "Read the state of both hosts of each failed pair"),
    *((playbook, "Show what it says") for playbook in ("confirm", "rollback", "status", "hold")),
    ("preflight", "Look at the host again"),
    ("preflight", "Show what was found"),
]


@pytest.mark.parametrize(("playbook", "task"), MIDDLE)
def test_a_start_in_the_middle(shared: Fabric, playbook: str, task: str) -> None:
    done = shared.play(playbook, "--start-at-task", task, "-e", "site_confirm=100", "-e", "drain_nodes=network-2")
    assert (done.rc, done.changed) == (2, {}), done.text
    assert "leave --start-at-task out, and use tags instead" in done.text
    assert "is undefined" not in done.text and "Traceback" not in done.text


def test_another_strategy(shared: Fabric) -> None:
    command = ("ansible-playbook", "-i", str(shared.file), "weft.fabric.verify")
    done = Run(cli.run(shared.home, *command, ANSIBLE_STRATEGY="free"))
    assert (done.rc, "14 of 14 pairs hold, 0 fail" in done.text) == (0, True), done.text


ALONE = """
- hosts: nodes
  gather_facts: false
  become: true
  roles: [weft.fabric.mgmt_routing, weft.fabric.overlay, weft.fabric.pods, weft.fabric.verify]
"""


def test_roles_alone_have_the_same_documents(shared: Fabric) -> None:
    playbook = shared.home / "alone.yml"
    playbook.write_text(ALONE, encoding="utf-8")
    shared.node("network-1", "ip", "route", "delete", "172.2.1.0/24")
    done = Run(cli.run(shared.home, "ansible-playbook", "-i", str(shared.file), str(playbook)))
    assert (done.rc, done.changed) == (0, {"network-1": 1}), done.text
    assert "14 of 14 pairs hold, 0 fail" in done.text
    assert shared.ok("site", "--check").changed == {}


def test_in_batches(shared: Fabric) -> None:
    playbook = shared.home / "serial.yml"
    playbook.write_text(SERIAL, encoding="utf-8")
    done = Run(cli.run(shared.home, "ansible-playbook", "-i", str(shared.file), str(playbook)))
    assert (done.rc, done.text.count("7 of 7 pairs hold, 0 fail")) == (0, 2), done.text
