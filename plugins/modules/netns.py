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
  - Creates a network namespace with a name that C(ip netns) knows, and brings its loopback interface up.
  - Finishes a namespace that an interrupted run of this collection left unfinished. Any other file of this name on
    which no namespace is mounted is refused, because it may be a namespace of another mount namespace.
  - Deleting removes the name. The namespace itself exists until its last process ends. Its interfaces that are
    connected to other namespaces (veths) are deleted first, unless it has another name. Of a symbolic link, the link
    alone is removed.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
options:
  name:
    description: Name of the namespace, which is a file name below C(/run/netns).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Create a namespace
  weft.fabric.netns:
    name: pod1

- name: Delete the namespace
  weft.fabric.netns:
    name: pod1
    state: absent
"""

RETURN = r"""
netns:
  description: The namespace; null if it was removed.
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
