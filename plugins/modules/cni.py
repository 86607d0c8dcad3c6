#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cni
short_description: Attach network namespaces to CNI networks
version_added: 0.1.0
description:
  - Takes network configurations of the Container Network Interface as they are, and gives each namespace the interface,
    the addresses, the routes and the masquerading that the reference plugin would. C(docs/cni.md) says what differs.
  - The plugins are C(bridge), C(ptp), C(macvlan), C(ipvlan), C(host-device) and C(loopback); addresses come from
    C(host-local) or C(static). A key that nothing here knows is an error that names it.
  - Addresses of C(host-local) are kept in its own files below C(dataDir), under its own lock, so that this module and
    the reference plugin can give addresses of one network. An interface keeps its address until O(state=absent).
  - Forwarding is switched on where the host is the gateway, and stays on. O(state=absent) leaves a bridge where it is.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
seealso:
  - name: CNI specification
    description: What a network configuration is.
    link: https://www.cni.dev/docs/spec/
options:
  attachments:
    description: The interfaces of containers.
    type: list
    elements: dict
    required: true
    suboptions:
      netns:
        description: Name of the container's network namespace. It is made where it is missing.
        type: str
        required: true
      interface:
        description: Name of the interface in it. That of the plugin C(loopback) is always C(lo).
        type: str
        default: eth0
      container:
        description: The container's id, by which its addresses are known. The namespace's name by default.
        type: str
      network:
        description: The network configuration, as a dictionary or as JSON text.
        type: raw
        required: true
      addresses:
        description: Addresses that C(host-local) is asked for, in place of the next free ones.
        type: list
        elements: str
      recreate:
        description:
          - Whether another interface of this name, which the kernel cannot make this one of, is deleted and this one is
            made. Otherwise that is an error.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Attach a container to a network
  weft.fabric.cni:
    attachments:
      - netns: pod1
        network:
          name: mynet
          type: bridge
          bridge: cni0
          isGateway: true
          ipMasq: true
          ipam:
            type: host-local
            subnet: 10.22.0.0/16
            routes:
              - dst: 0.0.0.0/0

- name: Take it away again, and give its address back
  weft.fabric.cni:
    state: absent
    attachments:
      - netns: pod1
        network: "{{ lookup('ansible.builtin.file', '10-mynet.conf') }}"
"""

RETURN = r"""
cni:
  description: CNI's result of each attachment, in the format of its configuration's C(cniVersion).
  type: list
  elements: dict
  returned: O(state=present)
  sample:
    - cniVersion: 1.0.0
      interfaces:
        - {name: cni0, mac: "0a:58:0a:16:00:01"}
        - {name: veth1994b132, mac: "72:29:cb:1d:32:79"}
        - {name: eth0, mac: "02:cc:b4:99:3a:a6", sandbox: /run/netns/pod1}
      ips:
        - {interface: 2, address: 10.22.0.2/16, gateway: 10.22.0.1}
      routes:
        - {dst: 0.0.0.0/0}
      dns: {}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import STATE
from ansible_collections.weft.fabric.plugins.module_utils.host import documents
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import carry_out

ARGUMENT_SPEC = {
    **STATE,
    "attachments": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "netns": {"type": "str", "required": True},
            "interface": {"type": "str", "default": "eth0"},
            "container": {"type": "str"},
            "network": {"type": "raw", "required": True},
            "addresses": {"type": "list", "elements": "str"},
            "recreate": {"type": "bool", "default": False},
        },
    },
}


def body(module: AnsibleModule) -> dict[str, Any]:
    absent = module.params["state"] == "absent"
    wanted = documents.parse("cni", {"cni": module.params["attachments"]}, absent)
    return carry_out(wanted, module.check_mode, module.warn)


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
