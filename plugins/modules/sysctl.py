#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sysctl
short_description: Kernel parameters, live and persisted
version_added: 0.1.0
description:
  - Sets kernel parameters live, where they differ, and persists them in one file below C(/etc/sysctl.d).
  - The file records the values as they were before, and V(absent) puts those back.
  - The list is authoritative for the file, so a parameter that is no longer in O(settings) gets its old value back.
author:
  - The weft.fabric authors (@weft-fabric)
options:
  name:
    description:
      - What the settings are for. The file is C(/etc/sysctl.d/99-weft-NAME.conf).
    type: str
    required: true
  settings:
    description:
      - The parameters and their values, set in this order.
      - Needed, and not empty, with O(state=present).
    type: dict
  state:
    description:
      - V(present) sets O(settings) live and writes the file.
      - V(absent) puts the old values back, save where somebody else has set another one since, and removes the file.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Can run in check mode and say what it would change, without changing anything.
    support: full
  diff_mode:
    description: Returns the live values and the file before and after.
    support: full
notes:
  - Parameters below C(net) belong to the network namespace that the module runs in.
  - In check mode a parameter that does not exist yet, such as one of an interface to come, is a warning.
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
  description: The parameters that the file sets now, in check mode would set.
  returned: success
  type: dict
  sample: {net.ipv4.ip_forward: "1"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils import sysctl
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.module import run

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "settings": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    path = sysctl.path_of_file(module.params["name"])
    settings = sysctl.wanted(module.params["settings"] or {}) if module.params["state"] == "present" else {}
    text = sysctl.read_file(path)
    file = sysctl.parse(text)
    live = {key: sysctl.read_live(key) for key in (*settings, *file.before)}
    for key in settings:
        if live[key] is None and not module.check_mode:
            raise InvalidParameter(
                "settings", key, "no such parameter: correct it, or make the interface it is of first"
            )
        if live[key] is None:
            module.warn(f"{key} does not exist yet, so its change cannot be shown")

    new, targets = sysctl.plan(settings, file, live)
    changes = {key: value for key, value in targets.items() if live[key] not in (value, None)}
    if not module.check_mode:
        if settings and str(new) != text:
            sysctl.write_file(path, str(new))
        # All and not the changes alone: setting one can change another (ip_forward does accept_redirects).
        for key, value in targets.items() if changes else ():
            sysctl.write_live(key, value)
        if text and not settings:
            sysctl.write_file(path, "")
    return {
        "changed": str(new) != text or bool(changes),
        "path": path,
        "settings": new.settings,
        "diff": [
            {
                "before_header": "/proc/sys",
                "after_header": "/proc/sys",
                "before": "".join(f"{key} = {live[key]}\n" for key in changes),
                "after": "".join(f"{key} = {value}\n" for key, value in changes.items()),
            },
            {"before_header": path, "after_header": path, "before": text, "after": str(new)},
        ],
    }


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC, required_if=[("state", "present", ["settings"])])


if __name__ == "__main__":
    main()
