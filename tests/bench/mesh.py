# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of any number of nodes in a full mesh, as an inventory."""

from __future__ import annotations

import json
import sys
from typing import Any

PODS = 2
"""Pods on each node."""

LARGEST = 1000
"""Nodes. A bridge has room for 1,023 ports (net/bridge/br_private.h: BR_MAX_PORTS)."""


def name(number: int) -> str:
    """What the node of a number is called."""
    return f"node-{number:04}"


def inventory(count: int, lab: str = "mesh") -> Any:
    """An inventory of so many nodes on one network, each with two pods.

    :param count: at most LARGEST.
    :param lab: the lab's name.
    """
    hosts = {}
    for number in range(count):
        address = f"192.168.{number // 250}.{number % 250 + 1}"
        subnet = f"10.{244 + number // 256}.{number % 256}"
        hosts[name(number)] = {
            "lab_interfaces": [{"name": "eth0", "switch": "lan1", "addresses": [f"{address}/16"]}],
            "overlay_node": {"number": number, "address": address, "dev": "eth0"},
            "pods_pods": [{"name": f"pod{pod}", "address": f"{subnet}.{pod + 1}"} for pod in range(1, PODS + 1)],
        }
    return {
        "all": {
            "children": {"nodes": {"hosts": hosts}},
            "vars": {
                "ansible_connection": "weft.fabric.node",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                "lab_name": lab,
                "lab_switches": ["lan1"],
                "overlay_cidr": "10.244.0.0/14",
            },
        }
    }


if __name__ == "__main__":
    json.dump(inventory(int(sys.argv[1])), sys.stdout, indent=1)
