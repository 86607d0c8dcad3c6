# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback that says how many hosts are done, beside Ansible's default output."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from ansible_collections.weft.fabric.tests.integration.playbooks import cli

PLAY = """\
- name: Work
  hosts: all
  gather_facts: false
  tasks:
    - name: Done by each
      ansible.builtin.set_fact:
        one: 1
    - name: Skipped by one
      ansible.builtin.set_fact:
        two: 2
      when: inventory_hostname != 'b'
    - name: Done once
      ansible.builtin.set_fact:
        three: 3
      run_once: true
"""


@pytest.fixture
def play(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "play.yml"
    path.write_text(PLAY, encoding="utf-8")
    return path


def run(play: pathlib.Path, **more: str) -> subprocess.CompletedProcess[str]:
    # One fork, so that hosts are done in their order and both runs print the same.
    done = cli.run(play.parent, "ansible-playbook", "-i", "a,b,c,", "-f", "1", str(play), **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_each_host_that_is_done_is_counted(play: pathlib.Path) -> None:
    plain = run(play)
    told = run(
        play,
        ANSIBLE_CALLBACKS_ENABLED="weft.fabric.progress",
        WEFT_PROGRESS_INTERVAL="0",
        WEFT_PROGRESS_HOSTS="3",
    )
    assert told.stdout == plain.stdout, "Ansible's own output is as without it"
    assert re.sub(r"\d+ s$", "0 s", told.stderr, flags=re.MULTILINE).splitlines() == [
        *plain.stderr.splitlines(),
        *(f"{task}: {count} of 3 hosts, 0 s" for task in ("Done by each", "Skipped by one") for count in (1, 2, 3)),
    ]


def test_it_is_silent_in_small_plays_and_on_tasks_that_are_done_soon(play: pathlib.Path) -> None:
    enabled = {"ANSIBLE_CALLBACKS_ENABLED": "weft.fabric.progress"}
    assert "of 3 hosts" not in run(play, **enabled, WEFT_PROGRESS_INTERVAL="0").stderr
    assert "of 3 hosts" not in run(play, **enabled, WEFT_PROGRESS_HOSTS="3", WEFT_PROGRESS_INTERVAL="1000").stderr
