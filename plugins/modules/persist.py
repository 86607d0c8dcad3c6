#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: persist
short_description: Have a host's container networking again after a reboot
version_added: 0.1.0
description:
  - Writes what a host is to have into a document below C(/etc/weft), which the host itself replays when it starts. No
    controller takes part in that.
  - The first document brings along the command C(weft-fabric), which is this collection's own engine as a Python zip
    archive below C(/usr/local/lib/weft), and C(weft-fabric.service), which runs it. The last one that goes takes them
    away.
  - C(weft-fabric diff) on the host says what is not as the documents say, and C(weft-fabric apply) puts that right.
  - The host's own network managers are told that the links of the documents are not theirs. That is udev
    (C(MACAddressPolicy=none)), systemd-networkd (C(Unmanaged=yes), and foreign routes and rules kept), and
    NetworkManager (C(unmanaged-devices)), each where its directory below C(/etc) is there.
  - This module does not touch the kernel's state. Run it before the modules that do, so that what cannot be stored is
    refused before anything has changed.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
requirements:
  - Python 3.9 or newer on the host
  - root on the host
notes:
  - Where systemd does not run, as in a container or a lab node, documents and the command are installed all the same
    and the units are left out. RV(unit) says so.
  - A document that is corrupt, or of another format version, is kept and is an error. The message says how to go on.
  - Kernel parameters are not part of a document. C(weft-fabric) replays the files of M(weft.fabric.sysctl) as well.
options:
  name:
    description:
      - What the document is for, such as the name of a role. The file is C(/etc/weft/NAME.json).
      - Those called V(mgmt_routing), V(masquerade), V(overlay) and V(pods) are replayed first, in this order, others
        after them by name.
    type: str
    required: true
  document:
    description:
      - The document. Needed with O(state=present).
    type: dict
    suboptions:
      topology:
        description: O(weft.fabric.topology#module:namespaces) and O(weft.fabric.topology#module:purge).
        type: dict
      masquerade:
        description: O(weft.fabric.masquerade#module:table) and O(weft.fabric.masquerade#module:rules).
        type: dict
      echo_server:
        description: O(weft.fabric.echo_server#module:namespaces) and O(weft.fabric.echo_server#module:port).
        type: dict
      resync:
        description:
          - Seconds after which all documents are replayed again and again (C(weft-fabric.timer)). V(0) is only when the
            host starts. The longest of all documents counts.
        type: int
"""

EXAMPLES = r"""
- name: Have the bridge again after a reboot
  weft.fabric.persist:
    name: example
    document:
      topology:
        namespaces:
          "":
            links:
              - {name: br0, kind: bridge, addresses: [172.2.0.1/24]}

- name: Forget about it
  weft.fabric.persist:
    name: example
    state: absent
"""

RETURN = r"""
file:
  description: The document's file.
  returned: success
  type: str
  sample: /etc/weft/overlay.json
unit:
  description: The unit that replays the documents, or why there is none.
  returned: success
  type: str
  sample: weft-fabric.service
systemd:
  description: Whether systemd runs on the host.
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils import documents, install
from ansible_collections.weft.fabric.plugins.module_utils.argspec import STATE
from ansible_collections.weft.fabric.plugins.module_utils.module import run

ARGUMENT_SPEC = {
    **STATE,
    "name": {"type": "str", "required": True},
    "document": {
        "type": "dict",
        "options": {
            "topology": {"type": "dict"},
            "masquerade": {"type": "dict"},
            "echo_server": {"type": "dict"},
            "resync": {"type": "int"},
        },
    },
}

LEFT_OUT = "left out, since systemd does not run here: run 'weft-fabric apply' when the host starts"


def body(module: AnsibleModule) -> dict[str, Any]:
    name, present = module.params["name"], module.params["state"] == "present"
    path = documents.path_of(name)
    wanted = [documents.parse(name, module.params["document"])] if present else []
    # What is replaced has to be usable too: it may be newer than this module. What goes may be anything.
    others = [document for document in documents.load(but="" if present else name) if document.name != name]
    stored = documents.ordered([*others, *wanted])
    systemd = install.systemd_runs()
    changes = install.plan(stored, systemd)
    changed = bool(changes) or install.interrupted() or install.timer_stands_still(stored, systemd)
    if changed and not module.check_mode:
        install.apply(changes, systemd)
    return {
        "changed": changed,
        "file": path,
        "unit": install.SERVICE if systemd and stored else LEFT_OUT if stored else "not needed: there are no documents",
        "systemd": systemd,
        "diff": [change.diff() for change in changes],
    }


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC, required_if=[("state", "present", ["document"])])


if __name__ == "__main__":
    main()
