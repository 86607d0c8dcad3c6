#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reachability
short_description: Probe many addresses at once with ICMP, TCP and HTTP
version_added: 0.1.0
description:
  - Sends ICMP echo requests to all targets at once, and measures the path MTU to the targets that answer. On request it
    also connects by TCP and sends an HTTP request.
  - The module changes nothing. It does not fail if a target cannot be reached; RV(reachable) and RV(results[].error)
    report this, and the playbook decides what it means. The module fails on bad input, if O(netns) does not exist, and
    without the privilege to send ICMP (root).
  - Echo requests to one target are sent every 0.05 seconds. A run takes about O(count) times 0.05 seconds, however many
    targets there are. This includes the path MTU, unless a path has a black hole. Targets that do not answer add
    O(timeout).
  - The path MTU is measured with the "don't fragment" bit, from the MTU of the interface downwards, to the size that
    routers report (ICMP "fragmentation needed" or "packet too big"). If packets vanish without a report, the module
    searches for the largest size that passes, and sets RV(results[].pmtu_black_hole).
  - The HTTP request is a GET of some 3,000 bytes, because a path can pass small packets and still lose full ones.
  - RV(results[].http.source) requires a server that answers with a JSON object in which the key C(client) holds the
    client's address as the server sees it. The echo server of the role C(weft.fabric.pods) does this, for example
    C({"header":{"Host":"172.2.1.2:8000"},"body":"Echo response","client":"172.2.0.2"}).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
requirements:
  - Python 3.9 or newer on the host
  - CAP_NET_RAW and CAP_NET_ADMIN (root) on the host, CAP_SYS_ADMIN for O(netns)
options:
  targets:
    description: The targets to probe.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the result. It must be unique among the targets of a namespace.
        type: str
        required: true
      address:
        description: IPv4 or IPv6 address. Host names are not resolved.
        type: str
        required: true
      port:
        description: TCP port to connect to.
        type: int
      url:
        description: URL to GET, with the scheme C(http) and O(targets[].address) as its host.
        type: str
      netns:
        description:
          - Network namespace from which to probe this target. By default O(netns). One task can therefore cover a host
            and all its pods.
          - If the namespace does not exist, this target's RV(results[].error) reports it.
        type: str
        aliases: [namespace]
  netns:
    description:
      - Network namespace on the host from which to probe targets without O(targets[].netns).
      - By default the namespace that the module runs in.
    type: str
    aliases: [namespace]
  count:
    description: Number of echo requests to each target, from 1 to 1000.
    type: int
    default: 3
  pmtu:
    description: Whether to measure the path MTU to the targets that answer.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait for the reply to the last echo request, and for each TCP connection and HTTP exchange, from 0.1
        to 60.
      - The kernel takes about three seconds to find out that a neighbour does not answer. With a shorter time, a target
        behind such a neighbour is reported as a timeout.
    type: float
    default: 4
  plan:
    description:
      - RV(weft.fabric.host#module:plan) of the change that is proved. If the host waits for its confirmation
        (O(weft.fabric.host#module:confirm)), that time starts again.
    type: str
  proof:
    description:
      - What C(weft-fabric prove) needs to repeat and explain these probes on the host, as text that the role
        C(weft.fabric.verify) makes. It is stored with the host's generation if that has another one.
    type: str
  interfaces:
    description: Names of the interfaces whose packets are counted before the probes, and whose MTUs are read.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Probes in check mode as well, because probing changes nothing. O(proof) is not stored then.
  diff_mode:
    support: none
    description: There is no diff, because the module changes nothing.
"""

EXAMPLES = r"""
- name: Probe the other pod on every layer
  weft.fabric.reachability:
    netns: pod1
    targets:
      - name: pod2
        address: 172.2.1.2
        port: 8000
        url: http://172.2.1.2:8000/echo
  register: overlay

- name: Check that no address was translated on the way
  ansible.builtin.assert:
    that:
      - overlay.reachable
      - overlay.results[0].http.source == overlay.results[0].source
      - overlay.results[0].pmtu == 1450

- name: Send one quick echo request to each neighbour
  weft.fabric.reachability:
    targets:
      - {name: router, address: 192.168.1.213}
      - {name: router6, address: "2001:db8:1::213"}
    count: 1
    pmtu: false
    timeout: 0.5
"""

RETURN = r"""
counters:
  description: Packets of each of O(interfaces) that exists, from its creation to the first probe.
  returned: success
  type: dict
  sample: {vxlan0: {received: 120, sent: 131, dropped: 0}}
mtus:
  description: The MTU of each of O(interfaces) that exists, in bytes.
  returned: success
  type: dict
  sample: {vxlan0: 1450}
protections:
  description: The nftables tables of this collection that drop packets, each with its family, in O(netns).
  returned: success
  type: list
  elements: str
  sample: [bridge weft_sources, inet weft_admission]
reachable:
  description: Whether every target answered on every layer that was probed.
  returned: success
  type: bool
  sample: true
results:
  description: One result for each target, in the order of O(targets).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The target's name.
      type: str
      sample: pod2
    address:
      description: The address that was probed.
      type: str
      sample: 172.2.1.2
    netns:
      description: The target's O(targets[].netns); empty if it has none.
      type: str
      sample: pod1
    source:
      description: The local address that the kernel chose; null without a route.
      type: str
      sample: 172.2.0.2
    reachable:
      description: Whether the target replied to an echo request, and to TCP and HTTP if these were probed.
      type: bool
      sample: true
    error:
      description:
        - The first layer that failed, in words; null if none did.
        - It begins with C(namespace), C(no route), C(neighbour unresolved), C(icmp), C(tcp) or C(http). An ICMP error
          names its sender.
      type: str
      sample: "icmp: communication administratively prohibited from 192.168.1.213"
    sent:
      description: Number of echo requests; 0 without a route.
      type: int
      sample: 3
    received:
      description: Number of echo replies.
      type: int
      sample: 3
    loss:
      description: Percentage of echo requests without a reply.
      type: float
      sample: 0.0
    rtt:
      description: Round trip times in milliseconds; null without a reply.
      type: dict
      contains:
        min:
          description: The shortest.
          type: float
          sample: 0.071
        avg:
          description: The arithmetic mean.
          type: float
          sample: 0.093
        max:
          description: The longest.
          type: float
          sample: 0.128
    ttl:
      description: Time to live (hop limit in IPv6) of the last reply on arrival; null without a reply.
      type: int
      sample: 62
    pmtu:
      description:
        - The largest packet that reached the target unfragmented, in bytes including the IP header, at most 65535.
        - Null if it was not measured, or without an echo reply.
      type: int
      sample: 1450
    pmtu_black_hole:
      description: Whether larger packets vanished without an ICMP error; null if RV(results[].pmtu) is null.
      type: bool
      sample: false
    tcp:
      description:
        - V(open), V(refused), V(timeout), V(unreachable), or V(stalled) if the connection was made, and the request was
          not acknowledged.
        - It is the state of O(targets[].port), or without one of the connection for O(targets[].url). Null without
          either, or without a route.
      type: str
      sample: open
    http:
      description: The server's answer; null without O(targets[].url), or without a route.
      type: dict
      contains:
        status:
          description: HTTP status; null without an answer. 400 and above count as an error.
          type: int
          sample: 200
        source:
          description: The client's address as the server saw it; null if the server does not report it.
          type: str
          sample: 172.2.0.2
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.drops import protections
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside
from ansible_collections.weft.fabric.plugins.module_utils.probe.measure import measure
from ansible_collections.weft.fabric.plugins.module_utils.probe.targets import targets_of, timeout_of

ARGUMENT_SPEC = {
    "targets": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int"},
            "url": {"type": "str"},
            **NETNS,
        },
    },
    **NETNS,
    "count": {"type": "int", "default": 3},
    "pmtu": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 4},
    "plan": {"type": "str"},
    "proof": {"type": "str"},
    "interfaces": {"type": "list", "elements": "str", "default": []},
}


def reachability(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    netns = values.namespace("netns", params["netns"]) if params["netns"] else ""
    targets = targets_of(params["targets"])
    count = values.integer("count", params["count"], 1, 1000)
    timeout = timeout_of("timeout", params["timeout"])
    if params["plan"]:
        from ansible_collections.weft.fabric.plugins.module_utils.host import guard

        guard.contact(params["plan"])
    if params["proof"] and not module.check_mode:
        _store(module, params["proof"])
    with inside(netns):
        found = measure(targets, count, params["pmtu"], timeout, params["interfaces"])
        protecting = protections()
    # Ansible would return all parameters, for the controller to keep: each target is in its result.
    given = {**params, "targets": [target["name"] for target in params["targets"]], "proof": None}
    return {
        "changed": False,
        "reachable": all(result["reachable"] for result in found["results"]),
        **found,
        "protections": protecting,
        "invocation": {"module_args": given},
    }


def _store(module: AnsibleModule, rows: str) -> None:
    from ansible_collections.weft.fabric.plugins.module_utils.host import stored_rows

    try:
        stored_rows.store(rows)
    except FabricError as error:
        module.warn(str(error))  # the proof itself does not depend on it


def main() -> None:
    run(reachability, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
