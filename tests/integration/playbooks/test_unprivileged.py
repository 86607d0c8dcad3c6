# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab for users who are not root: with sudo, with sudo that asks, and without.

The users and their /etc are a lab node's; the lab that they make is one inside that node.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

MACHINE = lab.enter("testuser", "machine")
USERS = {"free": "42001", "asked": "42002", "none": "42003"}
PASSWORD = "horse battery"

ACCOUNTS = """
set -e
for user in free:42001 asked:42002 none:42003; do
    name=${user%:*} id=${user#*:}
    echo "$name:x:$id:$id::/run/$name:/bin/sh" >> /etc/passwd
    echo "$name:x:$id:" >> /etc/group
    echo "$name:$(openssl passwd -6 "$1"):19000::::::" >> /etc/shadow
    mkdir "/run/$name"
    chown "$id:$id" "/run/$name"
done
printf '%s\\n' 'free ALL=(ALL) NOPASSWD: ALL' 'asked ALL=(ALL) ALL' > /etc/sudoers.d/weft-test
printf %s "$1" > /run/asked/password
chown asked: /run/asked/password
cat > /run/inventory.yml
"""

LAB_INVENTORY = str(pathlib.Path(__file__).parents[3] / "inventories" / "lab.yml")
INVENTORY = f"""
all:
  hosts: {{network-1: }}
  vars: {{ansible_connection: weft.fabric.node, ansible_python_interpreter: {sys.executable}, lab_name: inner}}
"""


@pytest.fixture(scope="module", autouse=True)
def _machine(run_module: Any) -> Iterator[None]:
    made = run_module("lab_node", lab="testuser", nodes=["machine"])
    assert made.rc == 0, made
    try:
        subprocess.run([*MACHINE, "sh", "-c", ACCOUNTS, "sh", PASSWORD], input=INVENTORY, text=True, check=True)
        yield
    finally:
        run_module("lab_node", lab="testuser", state="absent")


def command(user: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's commands as one of the users.

    They may besides read what is root's: the interpreter may be in root's home.
    """
    become = ["setpriv", f"--reuid={USERS[user]}", f"--regid={USERS[user]}", "--clear-groups",
              "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # fmt: skip
    return cli.run(pathlib.Path(f"/run/{user}"), *words, before=[*MACHINE, *become])


def ansible(user: str, *words: str) -> subprocess.CompletedProcess[str]:
    return command(user, "ansible", *words)


def make(user: str, *more: str) -> subprocess.CompletedProcess[str]:
    return ansible(user, "localhost", "-m", "weft.fabric.lab_node", "-a", "lab=inner nodes=network-1", *more)


def ping(user: str, *more: str) -> subprocess.CompletedProcess[str]:
    return ansible(user, "-i", "/run/inventory.yml", "network-1", "-m", "ansible.builtin.ping", *more)


@pytest.mark.parametrize("user", ["free", "asked"])
def test_a_user_with_sudo(user: str) -> None:
    more = ["--become"] + (["--become-password-file", "/run/asked/password"] if user == "asked" else [])
    made = make(user, *more)
    assert made.returncode == 0, made
    assert ping(user, *more).returncode == 0
    inside = ansible(user, "-i", "/run/inventory.yml", "network-1", "-m", "ansible.builtin.raw", "-a",
                     "id -un; uname -n", *more)  # fmt: skip
    assert ">>\nroot\nnetwork-1\n" in inside.stdout, inside


@pytest.mark.parametrize("user", ["free", "asked"])
def test_the_playbook(user: str) -> None:
    more = ["--become-password-file", "/run/asked/password"] if user == "asked" else []
    for state in ("present", "absent"):
        done = command(
            user, "ansible-playbook", "-i", LAB_INVENTORY, "weft.fabric.lab", "-e", f"lab_state={state}", *more
        )
        assert done.returncode == 0, done


def test_sudo_that_does_not_ask_needs_no_word() -> None:
    assert make("free", "--become").returncode == 0
    assert ping("free").returncode == 0


@pytest.mark.parametrize("user", ["asked", "none"])
def test_a_user_without_root_is_told_in_one_line(user: str) -> None:
    assert make("free", "--become").returncode == 0
    making, entering = make(user), ping(user)
    assert making.returncode == 2
    assert (
        "Task failed: Module failed: a lab needs root on this machine: run ansible-playbook as root, or as a user with "
        "sudo add --become --ask-become-pass\n" in making.stdout
    )
    assert entering.returncode == 4
    assert (
        "Task failed: lab nodes need root on this machine: run ansible-playbook as root, or as a sudo user with "
        "--become --ask-become-pass (sudo: a password is required)\n" in entering.stdout
    )


def test_a_wrong_password_is_told_in_one_line() -> None:
    assert make("free", "--become").returncode == 0
    done = ping("asked", "--become", "-e", "ansible_become_password=guess")
    assert done.returncode == 4
    assert "--ask-become-pass (Sorry, try again.; sudo: no password was provided; sudo: 1 incorrect" in done.stdout
