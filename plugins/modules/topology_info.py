#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: topology_info
short_description: Read a host's container networking as a document
version_added: 0.1.0
description:
  - Returns the host's current state as a document for M(weft.fabric.topology). Applying this document changes nothing.
  - The document contains only what was configured. It leaves out loopback, link-local addresses, and everything from
    DHCP, router advertisements, routing daemons and the kernel itself.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
options:
  namespaces:
    description:
      - Names or paths of the network namespaces to read. An empty name is the namespace that the module runs in.
      - By default this namespace and all named ones.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Read everything
  weft.fabric.topology_info:
  register: fabric

- name: Read one pod
  weft.fabric.topology_info:
    namespaces: [pod1]
"""

RETURN = r"""
namespaces:
  description: The state of each namespace, in the format of O(weft.fabric.topology#module:namespaces).
  type: dict
  returned: success
  sample:
    pod1:
      links: [{name: vceth0, kind: veth, admin_state: up, mtu: 1450, mac_address: "06:dc:4a:f1:b8:93"}]
      addresses: [{dev: vceth0, address: 172.2.0.2/24}]
      routes: [{dst: 0.0.0.0/0, via: 172.2.0.1, dev: vceth0}]
      neighbours: []
      fdb: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside, netns_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.states import states

SPEC = {"namespaces": {"type": "list", "elements": "str"}}


def body(module: AnsibleModule) -> dict[str, Any]:
    listed = module.params["namespaces"]
    names = ["", *netns_names()] if listed is None else listed
    for index, name in enumerate(listed or ()):
        if name:
            # Entered, because a file without a namespace can be opened.
            with inside(values.namespace(f"namespaces[{index}]", name)):
                pass
    return {"changed": False, "namespaces": states(names)}


def main() -> None:
    run(body, argument_spec=SPEC)


if __name__ == "__main__":
    main()
