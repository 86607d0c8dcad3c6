#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the nodes of a lab, or take the lab away."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_node
short_description: Manage the nodes of a lab on this machine
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - A lab node stands for one machine. It has its own network, mount and UTS namespace, and therefore its own
    interfaces, C(/run) (and so its own named network namespaces), C(/sys), host name, and writable copies of C(/etc)
    and C(/usr/local). The rest of the file system is shared with the machine.
  - The connection plugin P(weft.fabric.node#connection) reaches the nodes.
  - Every lab also has a node called C(switches), which is not in the inventory. Its network namespace holds the lab's
    bridges, and its C(/run/netns) names the network namespaces of all other nodes, so that M(weft.fabric.topology) can
    run there and connect cables to them.
  - A node needs no running process. Mounts below C(/run/weft/LAB) keep it alive.
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
requirements:
  - Linux 5.3 or newer
  - util-linux, iproute2
options:
  lab:
    description:
      - The lab's name. Labs with different names are independent.
    type: str
    required: true
  nodes:
    description:
      - The names of all nodes of the lab. Other nodes of the lab are removed.
      - Required with O(state=present).
    type: list
    elements: str
  state:
    description:
      - With V(present), the lab has exactly these nodes.
      - V(absent) removes the whole lab. Processes in its nodes get SIGTERM, and SIGKILL after five seconds.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Create two nodes
  weft.fabric.lab_node:
    lab: example
    nodes: [network-1, network-2]

- name: Remove the whole lab
  weft.fabric.lab_node:
    lab: example
    state: absent
"""

RETURN = r"""
nodes:
  description: The nodes that the lab has afterwards (in check mode, would have), without C(switches).
  returned: success
  type: list
  elements: str
  sample: [network-1, network-2]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import lab


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Bring the lab to the state that was asked for."""
    name, wanted = module.params["lab"], set(module.params["nodes"] or [])
    lab.check_name("lab", name)
    for index, node in enumerate(module.params["nodes"] or []):
        lab.check_name(f"nodes[{index}]", node)
    if lab.SWITCHES in wanted:
        raise InvalidParameter("nodes", lab.SWITCHES, "the lab itself has a node of this name, choose another")
    lab.check_machine()

    found = lab.nodes(name)
    before = [node for node, complete in found.items() if complete and node != lab.SWITCHES]
    if module.params["state"] == "present":
        after = sorted(wanted)
        to_remove, to_create = lab.plan(wanted, found)
        changed = bool(to_remove or to_create)
        if not module.check_mode:
            for node in to_remove:
                lab.remove(name, node)
            for node in to_create:
                lab.create(name, node)
    else:
        after = []
        changed = lab.is_there(name)
        if not module.check_mode:
            lab.remove_lab(name)
    return {
        "changed": changed,
        "nodes": after,
        "diff": {"before": {"lab": name, "nodes": before}, "after": {"lab": name, "nodes": after}},
    }


def main() -> None:
    """Run the module."""
    run(
        ensure,
        argument_spec={
            "lab": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["nodes"])],
    )


if __name__ == "__main__":
    main()
