#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: echo_server
short_description: Run HTTP echo servers in network namespaces
version_added: 0.1.0
description:
  - Runs a small HTTP server in each of the given network namespaces. It answers C(GET /echo) with the request's headers
    and the client's address as the server sees it, which shows whether anything on the way has translated the address.
  - The servers listen on IPv4 and IPv6, need only Python's standard library, and keep running after Ansible
    disconnects. Like the namespaces, they do not survive a reboot.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
options:
  namespaces:
    description:
      - Names of the network namespaces.
    type: list
    elements: str
    required: true
  port:
    description:
      - The TCP port.
    type: int
    default: 8000
  state:
    description:
      - V(present) starts missing servers. It restarts a server that runs another program, uses another port, or is in a
        namespace that has since been recreated.
      - V(absent) stops the servers.
    type: str
    choices: [present, absent]
    default: present
notes:
  - In check mode, a namespace that does not exist yet is not an error.
"""

EXAMPLES = r"""
- name: Serve /echo in two pods
  weft.fabric.echo_server:
    namespaces:
      - pod1
      - pod2

- name: Stop the server of one pod
  weft.fabric.echo_server:
    namespaces:
      - pod2
    state: absent
"""

RETURN = r"""
servers:
  description: The servers that are now running in O(namespaces). In check mode, the servers that would keep running.
  returned: success
  type: list
  elements: dict
  sample:
    - netns: pod1
      port: 8000
      pid: 4711
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.probe.echo_server import converge
from ansible_collections.weft.fabric.plugins.module_utils.sections.echo_server import PORT, servers_of

ARGUMENT_SPEC = {
    "namespaces": {"type": "list", "elements": "str", "required": True},
    "port": {"type": "int", "default": PORT},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    servers = servers_of("", module.params)
    return converge(servers.namespaces, servers.port, module.params["state"] == "absent", module.check_mode)


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
