#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cni
short_description: Attach network namespaces to CNI networks
version_added: 0.1.0
description:
  - Takes unmodified network configurations of the Container Network Interface, and gives each namespace the interface,
    addresses, routes and masquerading that the reference plugin would give it. C(docs/cni.md) lists the differences.
  - The supported plugins are C(bridge), C(ptp), C(macvlan), C(ipvlan), C(host-device) and C(loopback). Addresses come
    from C(host-local) or C(static), or by the distribution's plugin C(dhcp). An unknown key is an error that names the
    key.
  - Further plugins of a configuration list, such as C(portmap), C(firewall), C(tuning) and C(bandwidth), are those of
    the distribution. They are called as the CNI specification says, once, and again when their configuration or the
    interface has changed, or when their C(CHECK) reports that something is lost.
  - The addresses of C(host-local) are kept in the plugin's own files below C(dataDir), under the plugin's own lock, so
    that this module and the reference plugin can assign addresses in the same network. An interface keeps its address
    until O(state=absent).
  - Forwarding is switched on where the host is the gateway, and stays on. O(state=absent) keeps the bridge.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
seealso:
  - name: CNI specification
    description: The format of a network configuration.
    link: https://www.cni.dev/docs/spec/
options:
  attachments:
    description: The containers' interfaces.
    type: list
    elements: dict
    required: true
    suboptions:
      netns:
        description: Name of the container's network namespace. A missing one is created.
        type: str
        required: true
      interface:
        description: Name of the interface in the namespace. For the plugin C(loopback), it is always C(lo).
        type: str
        default: eth0
      container:
        description: The container's ID, under which its addresses are reserved. By default the namespace's name.
        type: str
      network:
        description: The network configuration, as a dictionary or as JSON text.
        type: raw
        required: true
      addresses:
        description: Addresses to request from C(host-local), instead of the next free ones.
        type: list
        elements: str
      runtime_config:
        description:
          - Values for the capabilities that plugins of the network declare, such as C(portMappings) for C(portmap),
            C(bandwidth) for C(bandwidth), and C(mac) and C(ips) for C(bridge).
          - A plugin gets those that it declares. A value that no plugin declares is an error.
        type: dict
      recreate:
        description:
          - Whether a different interface of this name is deleted and created again if the kernel cannot change it in
            place. Otherwise this is an error.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Attach a container to a network
  weft.fabric.cni:
    attachments:
      - netns: pod1
        network:
          name: mynet
          type: bridge
          bridge: cni0
          isGateway: true
          ipMasq: true
          ipam:
            type: host-local
            subnet: 10.22.0.0/16
            routes:
              - dst: 0.0.0.0/0

- name: Attach a container to a network, and forward a port of the host to it
  weft.fabric.cni:
    attachments:
      - netns: pod2
        network:
          cniVersion: 1.0.0
          name: mynet
          plugins:
            - type: bridge
              bridge: cni0
              isGateway: true
              ipam:
                type: host-local
                subnet: 10.22.0.0/16
            - type: portmap
              capabilities:
                portMappings: true
        runtime_config:
          portMappings:
            - {hostPort: 8080, containerPort: 80, protocol: tcp}

- name: Detach the container, and release its address
  weft.fabric.cni:
    state: absent
    attachments:
      - netns: pod1
        network: "{{ lookup('ansible.builtin.file', '10-mynet.conf') }}"
"""

RETURN = r"""
cni:
  description: CNI's result for each attachment, in the format of its configuration's C(cniVersion).
  type: list
  elements: dict
  returned: O(state=present)
  sample:
    - cniVersion: 1.0.0
      interfaces:
        - {name: cni0, mac: "0a:58:0a:16:00:01"}
        - {name: veth1994b132, mac: "72:29:cb:1d:32:79"}
        - {name: eth0, mac: "02:cc:b4:99:3a:a6", sandbox: /run/netns/pod1}
      ips:
        - {interface: 2, address: 10.22.0.2/16, gateway: 10.22.0.1}
      routes:
        - {dst: 0.0.0.0/0}
      dns: {}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import STATE
from ansible_collections.weft.fabric.plugins.module_utils.host import documents
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import carry_out
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Run

ARGUMENT_SPEC = {
    **STATE,
    "attachments": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "netns": {"type": "str", "required": True},
            "interface": {"type": "str", "default": "eth0"},
            "container": {"type": "str"},
            "network": {"type": "raw", "required": True},
            "addresses": {"type": "list", "elements": "str"},
            "runtime_config": {"type": "dict"},
            "recreate": {"type": "bool", "default": False},
        },
    },
}


def body(module: AnsibleModule) -> dict[str, Any]:
    found = documents.parse("cni", {"cni": module.params["attachments"]}, option="attachments").values
    if module.params["state"] == "absent":
        run_of = Run({}, [{"cni": {"cni": found.get("cni", ())}}], module.check_mode, single=True)
    else:
        run_of = Run({"cni": dict(found)}, check=module.check_mode, single=True)
    result = carry_out(run_of)
    for warning in result.warnings:
        module.warn(warning)
    return {"changed": result.changed, "diff": result.diff, **result.returned.get("cni", {})}


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
