#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: document
short_description: Apply one part of a host's container networking, now and after each reboot
version_added: 0.1.0
description:
  - Takes everything that one role needs on a host (links, addresses, routes, entries, kernel parameters, masquerading,
    echo servers), and applies it in one pass. Each section has the options of its module.
  - Stores the document below C(/etc/weft). The host applies its documents again when it starts, without a controller.
  - With the first document, the module installs the command C(weft-fabric), which is this collection's own engine as a
    Python zip archive below C(/usr/local/lib/weft), and C(weft-fabric.service), which runs it. Both are removed with
    the last document.
  - C(weft-fabric diff) on the host shows how the host differs from its documents, and C(weft-fabric apply) repairs it.
  - The host's network managers learn that the documents' links are not theirs, through files for udev
    (C(MACAddressPolicy=none)), systemd-networkd (C(Unmanaged=yes), and foreign routes and rules are kept), and
    NetworkManager (C(unmanaged-devices)). Each file is written if the manager's directory below C(/etc) exists.
  - A warning names every manager that would still remove something, and a remedy. In check mode, it comes before
    anything changes. Such a manager is one that manages an interface on which the document has routes, or dhcpcd if its
    configuration does not exclude the document's links.
  - Everything is checked before anything changes, and the document is stored before the network changes.
  - A document that moves the host's own interfaces into or out of a bond or bridge is stored afterwards. If a step
    fails, the interfaces are restored. Such a document is refused if it would remove the address by which the current
    SSH session is connected, or the route back to its client.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
notes:
  - Without systemd, as in a container or a lab node, documents and the command are installed, but no units. RV(unit)
    reports this.
  - A document that is corrupt or has another format version is an error, and the file is kept. The message says how to
    continue.
  - Kernel parameters are stored in C(/etc/sysctl.d), and C(weft-fabric) applies these files as well.
options:
  name:
    description:
      - Name of the document, such as the name of a role. The file is C(/etc/weft/NAME.json).
      - The documents V(underlay), V(mgmt_routing), V(masquerade), V(overlay) and V(pods) are applied first, in this
        order, and others after them by name.
    type: str
    required: true
  state:
    description:
      - V(present) applies the document.
      - V(absent) removes the objects that the document lists, and the stored document.
    type: str
    choices: [present, absent]
    default: present
  persist:
    description: Whether to apply the document again after a reboot. V(false) removes a stored document of this name.
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
          - With C(purge_links), links are removed that are in the stored document of this name, but not in this one. An
            interface that was taken from another namespace returns there, and unused addresses of CNI networks are
            released. This applies to namespaces in both documents. A bridge is kept while it has ports.
        type: dict
      cni:
        description:
          - O(weft.fabric.cni#module:attachments). Their links, addresses and routes are created in one pass with the
            topology.
        type: list
        elements: dict
      sysctl:
        description: O(weft.fabric.sysctl#module:settings).
        type: dict
      masquerade:
        description:
          - O(weft.fabric.masquerade#module:table) and O(weft.fabric.masquerade#module:rules).
          - Without rules, the table is removed.
        type: dict
      isolation:
        description:
          - Groups of networks. Packets from a network of one group to a network of another group are dropped, in the
            nftables table C(weft_isolation).
          - With only one group, the table is removed.
        type: list
        elements: list
      echo_server:
        description: O(weft.fabric.echo_server#module:namespaces) and O(weft.fabric.echo_server#module:port).
        type: dict
      resync:
        description:
          - Interval in seconds at which all documents are applied again (C(weft-fabric.timer)). V(0) applies them only
            when the host starts. The longest interval of all documents counts.
        type: int
  absent:
    description:
      - Objects to remove, with O(state=present). They are not stored.
      - Namespaces and their echo servers are removed before anything is created. Their addresses in CNI networks,
        according to the stored document of this name, are released.
      - The host's links are removed when no route uses them any more. A link of the same name but another kind is kept,
        and so is a bridge with other ports.
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
- name: Create a bridge and forward, also after a reboot
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

- name: Remove both
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
    - The links in the document's topology as the kernel reports them afterwards, by namespace. For everything else, use
      M(weft.fabric.topology_info).
  returned: if the document has a topology
  type: dict
  sample:
    "":
      links: [{name: br0, kind: bridge, admin_state: up, mtu: 1500, addresses: [172.2.0.1/24]}]
cni:
  description: RV(weft.fabric.cni#module:cni).
  returned: if the document has CNI networks
  type: list
  elements: dict
  sample: []
file:
  description: The document's file.
  returned: success
  type: str
  sample: /etc/weft/overlay.json
unit:
  description: The unit that applies the documents, or the reason why there is none.
  returned: success
  type: str
  sample: weft-fabric.service
systemd:
  description: Whether the host runs systemd.
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
    besides = documents.parse_absent(wanted, module.params["absent"])
    stored = wanted if module.params["persist"] and not absent else None
    check = module.check_mode
    before = install.known(wanted.name, stored)
    # Of what has not changed, nothing is left behind.
    last = next((item for item in before if item.name == wanted.name and item.content != wanted.content), None)
    result = carry_out(
        wanted, check, module.warn, lambda: install.store(wanted.name, stored, before, check), last, besides
    )
    # Ansible would return all parameters, the document too, for the controller to keep.
    return {**result, "invocation": {"module_args": {**module.params, "document": sorted(wanted.content)}}}


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
