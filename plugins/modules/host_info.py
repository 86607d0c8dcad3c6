#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Read which generation a host has, and how it differs from it
version_added: 0.1.0
description:
  - Returns the generation of M(weft.fabric.host) that the host has, whether it is confirmed, and how the host differs
    from it. C(weft-fabric status --json) on the host prints the same.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
attributes:
  check_mode:
    support: full
    description: Reads in check mode as well, because reading changes nothing.
  diff_mode:
    support: none
    description: There is no diff, because the module changes nothing.
options: {}
"""

EXAMPLES = r"""
- name: Read what the host has
  weft.fabric.host_info:
  register: host

- name: Check that nobody has changed anything
  ansible.builtin.assert:
    that: host.confirmed and not host.drift
"""

RETURN = r"""
generation:
  description: The number of the current generation; V(0) without documents.
  returned: success
  type: int
  sample: 7
revision:
  description: The revision of the current generation.
  returned: success
  type: str
  sample: 3f2a9c01d7be
time:
  description: When the generation was made, in seconds since 1970; V(0) without one.
  returned: success
  type: int
  sample: 1796040000
age:
  description: The seconds since then.
  returned: success
  type: int
  sample: 3600
controller:
  description: The address of the controller that made the generation; empty if the host itself made it.
  returned: success
  type: str
  sample: 192.0.2.7
roles:
  description: The roles of which the generation has documents.
  returned: success
  type: list
  elements: str
  sample: [overlay, pods]
peers:
  description:
    - The names of the hosts that the current, confirmed or pending generation has entries of. The playbook
      C(weft.fabric.status) names those that no inventory has.
  returned: success
  type: list
  elements: str
  sample: [network-2]
confirmed:
  description: Whether the host applies this generation when it starts.
  returned: success
  type: bool
  sample: true
seconds_left:
  description: The seconds until the host goes back to its confirmed generation; V(none) if it does not.
  returned: success
  type: int
  sample: 17
interrupted:
  description: Whether a run was killed. The next C(weft-fabric apply) goes back to the confirmed generation.
  returned: success
  type: bool
  sample: false
drift:
  description: The changes that C(weft-fabric apply) would make, one in a line.
  returned: success
  type: list
  elements: str
  sample: ["pods: + link br0 up"]
warnings:
  description:
    - Sentences on what C(weft-fabric apply) would not change, such as an interface that has another MTU than when the
      generation was made.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description: Why the host cannot be compared with its generation; empty if it can be.
  returned: success
  type: str
  sample: ""
orphans:
  description:
    - Objects that this collection has made, but that no generation of the host contains. They may be those of single
      modules, or be left over from a record that was lost.
  returned: success
  type: list
  elements: str
  sample: ["route 10.9.2.0/24 via 10.9.0.1 dev br0"]
hold:
  description: A sentence on the hold that C(weft-fabric hold) has put on the host; V(false) without one.
  returned: success
  type: raw
  sample: false
last_error:
  description: The error of the last run on the host; V(none) if it ended without one.
  returned: success
  type: dict
  contains:
    time:
      description: When it happened, in seconds since 1970.
      type: int
      sample: 1796040000
    by:
      description: What was tried.
      type: str
      sample: weft-fabric apply
    message:
      description: The error.
      type: str
      sample: "overlay: link eth1 does not exist: create it first"
versions:
  description:
    - The versions of the installed command (C(engine)), of the collection that made the generation (C(generation)), and
      of C(kernel) and C(python).
  returned: success
  type: dict
  sample: {engine: 0.1.0-3f2a9c01d7be, generation: 0.1.0-3f2a9c01d7be, kernel: 6.1.0-39-amd64, python: 3.11.2}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.host.status import status


def body(_module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, **status()}


def main() -> None:
    run(body, argument_spec={})


if __name__ == "__main__":
    main()
