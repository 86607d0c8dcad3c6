# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Become plugin that enters a named network namespace, so that any module can run in a pod."""

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
short_description: Run tasks in a network namespace of the host
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Runs a task's module in a named network namespace of the host, over any connection. In this way, modules that know
    nothing about namespaces, such as M(ansible.builtin.uri), run in a pod.
  - Becomes root with C(sudo), unless the remote user is root, and then uses C(ip netns exec). The module therefore also
    sees the namespace's own C(/sys) and the files of C(/etc/netns/NAME).
notes:
  - If O(become_user) is not root, the host needs C(sudo) even if the remote user is root.
  - Ansible skips become plugins if O(become_user) is the remote user and not root. In this case, set
    C(ANSIBLE_BECOME_ALLOW_SAME_USER).
options:
  netns:
    description: The name of the namespace, as in C(ip netns list).
    type: string
    required: true
    ini:
      - section: netns_become_plugin
        key: netns
    env:
      - name: WEFT_NETNS
    vars:
      - name: weft_netns
      - name: ansible_become_netns
  become_user:
    description: The user that runs the task in the namespace.
    type: string
    default: root
    ini:
      - section: privilege_escalation
        key: become_user
      - section: netns_become_plugin
        key: user
    env:
      - name: ANSIBLE_BECOME_USER
    vars:
      - name: ansible_become_user
    keyword:
      - name: become_user
  become_exe:
    description: The sudo executable.
    type: string
    default: sudo
    ini:
      - section: privilege_escalation
        key: become_exe
      - section: netns_become_plugin
        key: executable
    env:
      - name: ANSIBLE_BECOME_EXE
    vars:
      - name: ansible_become_exe
    keyword:
      - name: become_exe
  become_flags:
    description: Options for sudo.
    type: string
    default: -H -S -n
    ini:
      - section: privilege_escalation
        key: become_flags
      - section: netns_become_plugin
        key: flags
    env:
      - name: ANSIBLE_BECOME_FLAGS
    vars:
      - name: ansible_become_flags
    keyword:
      - name: become_flags
  become_pass:
    description: The password for sudo.
    type: string
    ini:
      - section: netns_become_plugin
        key: password
    env:
      - name: ANSIBLE_BECOME_PASS
    vars:
      - name: ansible_become_password
      - name: ansible_become_pass
"""

EXAMPLES = r"""
- name: From one pod, send a request to a pod on another host
  ansible.builtin.uri:
    url: http://172.2.1.2:8000/echo
  become: true
  become_method: weft.fabric.netns
  vars:
    weft_netns: pod1
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.become import BecomeBase
from ansible.plugins.become.sudo import BecomeModule as Sudo
from ansible.plugins.shell import ShellBase

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


class BecomeModule(BecomeBase):
    """sudo and ip netns exec."""

    # Ansible's messages about passwords refer to sudo's.
    name = Sudo.name
    fail = Sudo.fail
    missing = Sudo.missing

    def get_option(self, option: str, hostvars: Mapping[str, Any] | None = None, playcontext: Any = None) -> Any:
        value = super().get_option(option, hostvars=hostvars, playcontext=playcontext)
        # If this is the remote user, Ansible skips become, and the task would run outside the namespace.
        return None if option == "become_user" and value == "root" else value

    def build_become_command(self, cmd: str, shell: ShellBase) -> str:
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        try:
            netns = shlex.quote(values.netns("weft_netns", self.get_option("netns")))
        except FabricError as error:
            raise AnsibleError(str(error)) from error

        sudo = [self.get_option("become_exe"), *shlex.split(self.get_option("become_flags") or "")]
        command = self._build_success_command(cmd, shell)
        user = self.get_option("become_user")
        if user:
            command = f"{shlex.join([*sudo, '-u', user])} {command}"
        if self.get_option("become_pass"):
            self.prompt = f"[sudo via ansible, key={self._id}] password:"
            # With -n, also within -Hn, sudo refuses to prompt.
            sudo = [re.sub(r"^(-\w*)n", r"\1", word) for word in sudo if word not in ("-n", "--non-interactive")]
            sudo += ["-p", self.prompt]
        enter = (
            f"if [ -e /run/netns/{netns} ]; then exec ip netns exec {netns} {command}; fi; "
            f"echo {self._missing_netns}; echo no network namespace {netns} >&2; exit 1"
        )
        return (
            f'root() {{ if [ "$(id -u)" = 0 ]; then "$@"; else {shlex.join(sudo)} "$@"; fi; }}; '
            f"root {shell.executable} -c {shlex.quote(enter)}"
        )

    def check_success(self, b_output: bytes) -> bool:
        # Every connection waits for this output only. Without this error, it would blame the connection.
        if self._missing_netns.encode() in b_output:
            raise AnsibleError(
                f"network namespace {self.get_option('netns')} does not exist on this host: make it first, for example "
                "with weft.fabric.netns or the role weft.fabric.pods, or correct weft_netns"
            )
        return bool(super().check_success(b_output))

    @property
    def _missing_netns(self) -> str:
        return f"NETNS-MISSING-{self._id}"
