#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Read whether a host is ready for the fabric
version_added: 0.1.0
description:
  - Returns everything that keeps a host from being part of the fabric, such as missing libraries, programs and features
    of the kernel, files that somebody else could write, and file systems without room, and what may become an
    obstacle later, such as other network managers and chains of firewalls that drop.
  - The host may be untouched. The module needs neither pyroute2 nor nftables, and changes nothing.
  - The role C(preflight) compares hosts with each other as well, and shows the findings of all of them.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
requirements:
  - Python 3.9 or newer on the host
options:
  documents:
    description:
      - The documents that the host is to have, by role, as M(weft.fabric.host) takes them. What they do not need is not
        looked for.
    type: dict
    default: {}
  interfaces:
    description: Names of interfaces whose MAC addresses are returned.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Reads in check mode as well, because reading changes nothing.
  diff_mode:
    support: none
    description: There is no diff, because the module changes nothing.
"""

EXAMPLES = r"""
- name: Look at the host
  weft.fabric.preflight_info:
    interfaces: [enp1s0]
  register: preflight

- name: Check that a bridge can be made on the host
  ansible.builtin.assert:
    that: preflight.findings | selectattr('refuses') | length == 0
"""

RETURN = r"""
findings:
  description: What was found, one in a line.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: The check that has found it.
      type: str
      sample: software
    text:
      description: What it is, and the remedy.
      type: str
      sample: "nft is missing: install the package nftables on this host"
    refuses:
      description: Whether M(weft.fabric.host) refuses to change the host because of it. Otherwise it is a warning.
      type: bool
      sample: true
packages:
  description:
    - The distribution's packages that have what is missing. Empty with other distributions than Debian, Fedora, SUSE,
      and those that are made of them.
  returned: success
  type: list
  elements: str
  sample: [nftables]
identity:
  description:
    - C(machine_id), C(boot_id), and C(macs), the MAC addresses of O(interfaces) by name. They must differ between
      hosts. Only hosts that share a kernel have the same C(boot_id).
  returned: success
  type: dict
  sample:
    machine_id: 8e3f9d1c2b4a45d6a7c8e9f001122334
    boot_id: 0c5a3f0e-7a0b-4e55-9d5e-0f6f1f2b3c4d
    macs: {enp1s0: "52:54:00:12:34:56"}
time:
  description: The host's clock, in seconds since 1970.
  returned: success
  type: float
  sample: 1796040000.25
system:
  description:
    - What the host is - its C(distribution), the versions of its C(kernel), C(python) and C(pyroute2), whether it has
      C(nft) and runs C(systemd), and other C(managers) of networks and firewalls that run.
  returned: success
  type: dict
  sample:
    distribution: Debian GNU/Linux 12 (bookworm)
    kernel: 6.1.0-39-amd64
    python: 3.11.2
    pyroute2: 0.7.2
    nft: true
    systemd: true
    managers: [systemd-networkd, Docker]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.preflight.report import report

SPEC = {
    "documents": {"type": "dict", "default": {}},
    "interfaces": {"type": "list", "elements": "str", "default": []},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    found = report(module.params["documents"], module.params["interfaces"])
    # Ansible would return all parameters, the documents too.
    return {"changed": False, **found, "invocation": {}}


def main() -> None:
    run(body, argument_spec=SPEC)


if __name__ == "__main__":
    main()
