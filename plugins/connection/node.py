# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection to a lab node: Ansible's local connection, but every command runs in the node's namespaces."""

from __future__ import annotations

DOCUMENTATION = r"""
name: node
short_description: Run tasks in a lab node on this machine
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Runs commands and copies files in the network, mount and UTS namespaces of a lab node on this machine, which
    M(weft.fabric.lab_node) has created. To a role, the node looks like a separate host.
  - This is Ansible's P(ansible.builtin.local#connection) with C(nsenter) before each command, and just as fast.
notes:
  - Commands run as root in the node. Entering a node requires root on this machine. If Ansible does not run as root,
    the plugin uses C(sudo), with the password of C(--ask-become-pass) if the task uses C(become).
options:
  lab:
    description: The lab's name.
    type: string
    default: weft
    vars:
      - name: lab_name
  node:
    description:
      - The node's name. By default the host's name in the inventory, or the name of the host to which the task is
        delegated.
    type: string
    vars:
      - name: inventory_hostname
      # With delegate_to, inventory_hostname names the delegating host, and this variable the other one.
      - name: ansible_host
      - name: lab_node
  become_success_timeout:
    description: Number of seconds to wait for become to succeed when enabled.
    type: int
    default: 10
    vars:
      - name: ansible_local_become_success_timeout
  become_strip_preamble:
    description: Strip internal become output preceding command execution. Disable for additional diagnostics.
    type: bool
    default: true
    vars:
      - name: ansible_local_become_strip_preamble
  pipelining:
    description:
      - Whether modules reach the node's Python through standard input, instead of as files that are copied and removed.
      - Other connections have the same option, but here it is on by default.
    type: bool
    default: true
    env:
      - name: ANSIBLE_PIPELINING
    ini:
      - section: defaults
        key: pipelining
      - section: connection
        key: pipelining
    vars:
      - name: ansible_pipelining
"""

EXAMPLES = r"""
all:
  hosts:
    network-1:
    network-2:
  vars:
    ansible_connection: weft.fabric.node
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    lab_name: weft
"""

import os
import shlex
import subprocess
from typing import IO

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection.local import Connection as LocalConnection

from ansible_collections.weft.fabric.plugins.module_utils.host import lab


class Connection(LocalConnection):
    """A lab node."""

    transport = "weft.fabric.node"

    def _connect(self) -> Connection:
        name, node = self.get_option("lab"), self.get_option("node")
        if not lab.exists(name, node):
            raise AnsibleConnectionFailure(
                f"lab node {node} of lab {name} does not exist: run the playbook weft.fabric.lab first"
            )
        if not self._connected:
            self.default_user = "root"
            self._authenticate()
        super()._connect()
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a shell command in the node."""
        self._connect()
        if self.become:
            # In the node this is root, which needs no password, so there is no prompt to wait for. With a terminal to
            # prompt on, the sudo that enters the node would have to authenticate again.
            self.become.set_option("become_pass", None)
        # With exec, sudo's parent is the process that _authenticate() has authenticated.
        done: tuple[int, bytes, bytes] = super().exec_command(
            "exec " + shlex.join(self._inside(cmd)), in_data=in_data, sudoable=sudoable
        )
        return done

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file of this machine to the node."""
        if not os.path.exists(in_path):
            raise AnsibleFileNotFound(f"file or module does not exist: {in_path}")
        with open(in_path, "rb") as source:
            self._transfer(f"cat > {shlex.quote(out_path)}", f"put {out_path}", stdin=source)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file of the node to this machine."""
        with open(out_path, "wb") as target:
            self._transfer(f"cat < {shlex.quote(in_path)}", f"fetch {in_path}", stdout=target)

    def _transfer(
        self, command: str, what: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> None:
        self._connect()
        done = subprocess.run(self._inside(command), stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise AnsibleError(f"cannot {what} ({self.get_option('node')}): {lab.one_line(done.stderr.decode())}")

    def _inside(self, command: str) -> list[str]:
        """The arguments that run a shell command in the node."""
        privilege = [] if os.geteuid() == 0 else ["sudo", "-n"]
        # A real host would not have this process's PYTHON... variables. With PYTHONUNBUFFERED, Python reads a module
        # from standard input byte by byte.
        own = [word for name in os.environ if name.startswith("PYTHON") for word in ("-u", name)]
        node = lab.enter(self.get_option("lab"), self.get_option("node"))
        return [*privilege, *node, *(["env", *own] if own else []), "/bin/sh", "-c", command]

    def _authenticate(self) -> None:
        """If entering a node requires sudo, authenticate once; sudo remembers this for the process."""
        if os.geteuid() == 0:
            return
        password = self.become.get_option("become_pass") if self.become else None
        check = ["sudo", "-S", "-p", "", "-v"] if password else ["sudo", "-n", "true"]
        try:
            done = subprocess.run(check, input=f"{password}\n", capture_output=True, text=True, check=False)
        except FileNotFoundError:
            reason = "sudo is not installed"
        else:
            if done.returncode == 0:
                return
            reason = lab.one_line(done.stderr)
        raise AnsibleConnectionFailure(
            "lab nodes need root on this machine: run ansible-playbook as root, or as a sudo user with --become "
            f"--ask-become-pass ({reason})"
        )
