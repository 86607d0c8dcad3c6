#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sysctl
short_description: Manage kernel parameters, live and persistent
version_added: 0.1.0
description:
  - Sets kernel parameters live if they differ, and persists them in one file below C(/etc/sysctl.d).
  - The file records the previous values, and V(absent) restores them.
  - When C(net.ipv6.conf.all.forwarding) is switched on, Linux drops the addresses and routes that it has from router
    advertisements. To prevent this, interfaces with such routes first get C(accept_ra) V(2) if it was V(1).
  - The list is authoritative for the file. A parameter that is no longer in O(settings) gets its previous value back.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
options:
  name:
    description:
      - What the settings are for. The file is C(/etc/sysctl.d/99-weft-NAME.conf).
    type: str
    required: true
  settings:
    description:
      - The parameters and their values, set in this order. If the name of an interface has a dot, words are separated
        by slashes, such as C(net/ipv4/conf/eth0.100/rp_filter).
      - Values are compared as the kernel has them, so V(01) is V(1), and V(8080,8081) is V(8080-8081). A value that the
        kernel would refuse is refused before anything changes. Parameters of the network are tried in a network
        namespace of their own.
      - Required, and not empty, with O(state=present).
    type: dict
  state:
    description:
      - V(present) sets O(settings) live and writes the file.
      - V(absent) restores the previous values, except where somebody else has changed the value since, and removes the
        file.
    type: str
    choices: [present, absent]
    default: present
notes:
  - Parameters below C(net) belong to the network namespace that the module runs in.
  - In check mode, a parameter that does not exist yet causes a warning. It may belong to an interface that an earlier
    task is about to create.
"""

EXAMPLES = r"""
- name: Forward IPv4
  weft.fabric.sysctl:
    name: router
    settings:
      net.ipv4.ip_forward: 1

- name: Stop forwarding, if this host did not forward before
  weft.fabric.sysctl:
    name: router
    state: absent
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /etc/sysctl.d/99-weft-router.conf
settings:
  description: The parameters that the file now sets or, in check mode, would set.
  returned: success
  type: dict
  sample: {net.ipv4.ip_forward: "1"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.sections import sysctl

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "settings": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    settings = sysctl.settings_of(module.params["settings"] or {}) if module.params["state"] == "present" else {}
    warnings, result = sysctl.converge(module.params["name"], settings, module.check_mode)
    for warning in warnings:
        module.warn(warning)
    return result


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC, required_if=[("state", "present", ["settings"])])


if __name__ == "__main__":
    main()
