#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: document
short_description: Make a part of a host's container networking as a document says, now and after a reboot
version_added: 0.1.0
description:
  - Takes what one role wants of a host together, that is links, addresses, routes and entries, kernel parameters,
    masquerading and echo servers, and makes one pass over it. Each section takes what its module takes.
  - Writes the document below C(/etc/weft), which the host itself replays when it starts. No controller takes part in
    that.
  - The first document brings along the command C(weft-fabric), which is this collection's own engine as a Python zip
    archive below C(/usr/local/lib/weft), and C(weft-fabric.service), which runs it. The last one that goes takes them
    away.
  - C(weft-fabric diff) on the host says what is not as the documents say, and C(weft-fabric apply) puts that right.
  - The host's own network managers are told that the links of the documents are not theirs. That is udev
    (C(MACAddressPolicy=none)), systemd-networkd (C(Unmanaged=yes), and foreign routes and rules kept), and
    NetworkManager (C(unmanaged-devices)), each where its directory below C(/etc) is there.
  - A manager that would still take away something that the document makes is named in a warning, with what helps; in
    check mode that is before anything changes. It is one that manages an interface to which the document gives routes,
    and dhcpcd where it is not told to leave the document's links.
  - All of it is checked before anything changes, and stored before anything of the network changes.
  - A document that moves interfaces of the host itself into a bond or a bridge, or out of one, is stored afterwards. If
    a step of it fails, the interfaces are put back to where they were. It is refused where it would take away the
    address by which the SSH session that runs it is connected, or the way back to whoever connected.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
notes:
  - Where systemd does not run, as in a container or a lab node, documents and the command are installed all the same
    and the units are left out. RV(unit) says so.
  - A document that is corrupt, or of another format version, is kept and is an error. The message says how to go on.
  - Kernel parameters are stored in C(/etc/sysctl.d), and C(weft-fabric) replays those files as well.
options:
  name:
    description:
      - What the document is for, such as the name of a role. The file is C(/etc/weft/NAME.json).
      - Those called V(underlay), V(mgmt_routing), V(masquerade), V(overlay) and V(pods) are replayed first, in this
        order, others after them by name.
    type: str
    required: true
  state:
    description:
      - V(present) makes it so.
      - V(absent) takes away what the document lists, and the stored document.
    type: str
    choices: [present, absent]
    default: present
  persist:
    description: Whether it is there again after a reboot. V(false) removes a stored document of this name.
    type: bool
    default: true
  document:
    description: The document.
    type: dict
    required: true
    suboptions:
      topology:
        description:
          - O(weft.fabric.topology#module:namespaces), O(weft.fabric.topology#module:purge) and
            O(weft.fabric.topology#module:route_protocol).
          - With C(purge_links), a link goes that the stored document of this name lists and this one does not. An
            interface that it took from elsewhere goes back, and so do addresses of CNI networks that nobody has any
            more. It is about namespaces that both list; a bridge stays while it has ports.
        type: dict
      cni:
        description:
          - O(weft.fabric.cni#module:attachments). What they consist of is made in one pass with the topology.
        type: list
        elements: dict
      sysctl:
        description: O(weft.fabric.sysctl#module:settings).
        type: dict
      masquerade:
        description:
          - O(weft.fabric.masquerade#module:table) and O(weft.fabric.masquerade#module:rules).
          - Without rules, the table goes.
        type: dict
      isolation:
        description:
          - Groups of networks. What comes from one of a group to one of another is dropped, in the nftables table
            C(weft_isolation).
          - With one group, the table goes.
        type: list
        elements: list
      echo_server:
        description: O(weft.fabric.echo_server#module:namespaces) and O(weft.fabric.echo_server#module:port).
        type: dict
      resync:
        description:
          - Seconds after which all documents are replayed again and again (C(weft-fabric.timer)). V(0) is only when the
            host starts. The longest of all documents counts.
        type: int
  absent:
    description:
      - With O(state=present), what has to be gone beside what O(document) has. It is not stored.
      - Namespaces go before anything is made, with their echo servers. The addresses in CNI networks that the stored
        document of this name has for them are given back.
      - Links of the host go when no route leads by them any more. A link of the same name but another kind stays, and
        so does a bridge with ports of others.
    type: dict
    suboptions:
      topology:
        description: O(weft.fabric.topology#module:namespaces), as with O(weft.fabric.topology#module:state=absent).
        type: dict
      cni:
        description: O(weft.fabric.cni#module:attachments).
        type: list
        elements: dict
"""

EXAMPLES = r"""
- name: Have a bridge and forward, also after a reboot
  weft.fabric.document:
    name: example
    document:
      topology:
        namespaces:
          "":
            links:
              - {name: br0, kind: bridge, addresses: [172.2.0.1/24]}
      sysctl:
        net.ipv4.ip_forward: 1

- name: Take it away
  weft.fabric.document:
    name: example
    state: absent
    document:
      topology:
        namespaces:
          "":
            links:
              - {name: br0, kind: bridge}
      sysctl: {}
"""

RETURN = r"""
namespaces:
  description:
    - Of the links that the document's topology lists, what the kernel now has, by namespace. The rest is for
      M(weft.fabric.topology_info).
  returned: where it has one
  type: dict
  sample:
    "":
      links: [{name: br0, kind: bridge, admin_state: up, mtu: 1500, addresses: [172.2.0.1/24]}]
cni:
  description: RV(weft.fabric.cni#module:cni).
  returned: where it has one
  type: list
  elements: dict
  sample: []
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

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import STATE
from ansible_collections.weft.fabric.plugins.module_utils.host import documents, install
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import carry_out

ARGUMENT_SPEC = {
    **STATE,
    "name": {"type": "str", "required": True},
    "persist": {"type": "bool", "default": True},
    "document": {
        "type": "dict",
        "required": True,
        "options": {
            "topology": {"type": "dict"},
            "cni": {"type": "list", "elements": "dict"},
            "sysctl": {"type": "dict"},
            "masquerade": {"type": "dict"},
            "isolation": {"type": "list", "elements": "list"},
            "echo_server": {"type": "dict"},
            "resync": {"type": "int"},
        },
    },
    "absent": {
        "type": "dict",
        "options": {
            "topology": {"type": "dict"},
            "cni": {"type": "list", "elements": "dict"},
        },
    },
}


def body(module: AnsibleModule) -> dict[str, Any]:
    absent = module.params["state"] == "absent"
    wanted = documents.parse(module.params["name"], module.params["document"], absent)
    gone = documents.parse_absent(wanted, module.params["absent"])
    stored = wanted if module.params["persist"] and not absent else None
    check = module.check_mode
    before = install.known(wanted.name, stored)
    last = next((document for document in before if document.name == wanted.name), None)
    if gone or (last and last.content != wanted.content):
        # Not before: Ansible compiles what is imported in each call, and most calls have nothing new.
        from ansible_collections.weft.fabric.plugins.module_utils.host.leftover import marked

        wanted = marked(wanted, last, gone)
    result = carry_out(wanted, check, module.warn, lambda: install.store(wanted.name, stored, before, check))
    # Ansible would return all parameters, the document too, for the controller to keep.
    return {**result, "invocation": {"module_args": {**module.params, "document": sorted(wanted.content)}}}


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
