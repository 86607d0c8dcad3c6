# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verify_report
short_description: Turn probes into a table, and name the layers that fail
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Turns the results of M(weft.fabric.reachability) for the targets of P(weft.fabric.verify_targets#filter), from all
    hosts, into one table, and says of each pair that fails which layer does. That is C(underlay), C(link), C(FDB),
    C(neighbour), C(route), C(forwarding), C(MTU), C(HTTP), C(NAT), C(isolation), or
    C(pod) for one that is in no overlay.
positional: _input, overlays, pods
options:
  _input:
    description: By host, the RV(weft.fabric.reachability#module:results) of its probes.
    type: dict
    required: true
  overlays:
    description: The result of P(weft.fabric.overlay_plans#filter), or that as JSON text.
    type: raw
    required: true
  pods:
    description:
      - Each node's list of pods, by the node's name, as P(weft.fabric.verify_targets#filter) was given it.
      - It may be JSON text.
    type: raw
    required: true
  mtus:
    description: By host, the MTU of its underlay interface in bytes. A host that is missing is not held to any.
    type: dict
    default: {}
  states:
    description: By host, the C(namespaces) that M(weft.fabric.topology_info) returned. A host may be missing.
    type: dict
    default: {}
  networks:
    description:
      - Each node's C(pods_network), by the node's name. The driver C(bridge), where it is missing.
      - It may be JSON text.
    type: raw
    default: {}
  scope:
    description: Which nodes a node probed, as P(weft.fabric.verify_targets#filter) was given it.
    type: str
    choices: [auto, sample, all]
    default: all
"""

EXAMPLES = r"""
- name: Show the proof
  ansible.builtin.debug:
    msg: "{{ (results | weft.fabric.verify_report(overlay_plans, {})).lines }}"
  vars:
    results: "{{ dict(hosts | zip(hosts | map('extract', hostvars, ['probes', 'results']))) }}"
    hosts: "{{ ansible_play_hosts }}"
"""

RETURN = r"""
_value:
  description:
    - C(lines) of the table. Of more than 200 pairs it has those that do not hold and the slowest, and percentiles.
    - C(failures), each a line that names the pair, the layer and the cause, and C(suspects), the nodes at the ends of
      pairs that do not hold.
    - C(matrix) for P(weft.fabric.verify_picture#filter), as JSON text, C(nodes) in the order of their numbers and
      C(cells), which has for each probing node and each probed one the longest round trip time of all pairs between the
      two in milliseconds, or what fails, or null where nothing was probed.
  type: dict
  sample:
    lines:
      - "from            to                         rtt ms  ttl  pmtu  http  source seen  result"
      - "network-1/pod1  network-2/pod2 172.2.1.2    0.131   62  1450   200  172.2.0.2    ok"
      - "1 of 1 pairs hold, 0 fail"
    failures: []
    suspects: []
    matrix: '{"nodes": ["network-1", "network-2"], "cells": [[0.041, 0.131], [0.128, 0.045]]}'
"""

import json


def verify_report(results, overlays, pods, mtus=None, states=None, networks=None, scope="all"):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import report
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    networks = loaded(networks or {})
    found = report.report(results, loaded(overlays), loaded(pods), mtus or {}, states or {}, networks, scope)
    return {**found, "matrix": json.dumps(found["matrix"])}


class FilterModule:
    def filters(self):
        return {"verify_report": verify_report}
