#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netns
short_description: Manage named network namespaces
version_added: 0.1.0
description:
  - Makes a network namespace that C(ip netns) knows by name, and brings its loopback interface up.
  - What an interrupted C(ip netns add) left behind is made whole.
  - Deleting takes the name away. The namespace lives on while a process is in it; its interfaces that are tied to
    other namespaces (veths) are deleted first.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
options:
  name:
    description: Name of the namespace, a file name below C(/run/netns).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Make a namespace
  weft.fabric.netns:
    name: pod1

- name: Delete it
  weft.fabric.netns:
    name: pod1
    state: absent
"""

RETURN = r"""
netns:
  description: The namespace; none if it is gone.
  type: dict
  returned: success
  sample: {name: pod1}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.argspec import STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import apply_document
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document

SPEC = {**STATE, "name": {"type": "str", "required": True}}


def body(module: AnsibleModule) -> dict[str, Any]:
    name = values.netns("name", module.params["name"])
    document = Document(absent=module.params["state"] == "absent")
    document.at(name).create = True
    _outcome, result = apply_document(module, document)
    return {**result, "netns": None if document.absent else {"name": name}}


def main() -> None:
    run(body, argument_spec=SPEC)


if __name__ == "__main__":
    main()
