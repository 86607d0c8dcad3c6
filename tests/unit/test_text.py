# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each filter that reads facts about all nodes takes them as the JSON text that the roles keep them as."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.filter import _roles as filters
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import DRIVERS
from ansible_collections.weft.fabric.tests.overlays import overlays_of

NODES = {
    "a": {"number": 0, "address": "192.168.1.1/24", "dev": "eth0"},
    "b": {"number": 1, "address": "192.168.2.1/24", "dev": "eth0"},
}
PODS = {
    "a": [{"name": "pod1", "address": "172.2.0.2"}],
    "b": [{"name": "pod2", "address": "172.2.1.2", "network": {"driver": "ptp"}}],
}
NETWORKS = {"a": {"driver": "bridge"}, "b": {"driver": "none"}}
IPAM = {"type": "host-local", "subnet": "10.8.0.0/24"}
CNI = [{"name": "p", "network": {"driver": "cni", "config": {"name": "n", "type": "bridge", "ipam": IPAM}}}]
HOSTS = {node: {"namespaces": ["pod1", "pod2"], "lacks": []} for node in PODS}


@pytest.mark.parametrize(
    "call",
    [
        lambda kept: filters.pods_attachments(CNI, kept(overlays_of(NODES)), NETWORKS["a"]),
        lambda kept: filters.verify_pods(kept(PODS), kept(NETWORKS), {}, []),
        lambda kept: filters.verify_targets(
            kept(overlays_of(NODES)), "a", kept(PODS), 8000, kept(NETWORKS), "all"
        ),
        lambda kept: filters.verify_report(
            {"a": {}, "b": {}}, [], ["a", "b"], kept(overlays_of(NODES)), kept(PODS), networks=kept(NETWORKS)
        ),
        lambda kept: filters.bandwidth_plan(
            kept(overlays_of(NODES)), kept(PODS), kept(NETWORKS), hosts=HOSTS
        ),
    ],
)  # fmt: skip
def test_text_says_what_a_structure_does(call: Callable[[Callable[[Any], Any]], Any]) -> None:
    found = call(json.dumps)
    assert found
    assert found == call(lambda fact: fact)
    assert found == call(json.dumps), "what is kept of a text was changed"


PRELOADED = """
import json, sys
from ansible_collections.weft.fabric.plugins.filter import _roles as filters
assert filters.hosts("nodes", "all") == "nodes:&all"
known = set(sys.modules)
overlays, pods = json.loads(sys.stdin.read())
variables = {"pods_pods": pods["a"], "pods_network": {"driver": "bridge"}, "pods_port": 8000, "pods_masquerade": True}
variables |= {"overlay_admission": True, "overlay_admission_from": []}
variables |= {"overlay_resync": 0, "underlay_bonds": [], "underlay_vlans": [], "masquerade_rules": []}
variables |= {"underlay_interfaces": [], "underlay_interface_routes": [], "mgmt_routing_routes": []}
variables |= {"mgmt_routing_forward": []}
from ansible_collections.weft.fabric.plugins.plugin_utils import documents
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Host
documents.of_host(Host("a", variables, filters._overlays(overlays)), dict.fromkeys(documents.ROLES, True))
filters.verify_targets(overlays, "a", pods, 8000)
print(json.dumps(sorted(name for name in set(sys.modules) - known if name.startswith("ansible_collections"))))
"""

SEGMENT = {"parent": "eth0", "subnet": "10.9.0.0/24"}
EVERY_DRIVER: dict[str, tuple[str | None, dict[str, Any]]] = {
    "bridge": ("172.2.0.2", {}),
    "ptp": ("172.2.0.3", {}),
    "macvlan": ("10.9.0.2", SEGMENT),
    "ipvlan": ("10.9.0.3", SEGMENT),
    "fan": ("10.1.1.2", {"underlay": "192.168.0.0/16", "overlay": "10.0.0.0/8"}),
    "cni": (None, {"config": {"name": "n", "type": "bridge", "ipam": IPAM}}),
    "host": (None, {}),
    "none": (None, {}),
    "container": (None, {"container": "none"}),
}


def test_a_plays_header_imports_what_its_workers_need() -> None:
    assert EVERY_DRIVER.keys() == DRIVERS.keys()
    pods = [
        {"name": name, "network": {"driver": name, **network}, **({"address": address} if address else {})}
        for name, (address, network) in EVERY_DRIVER.items()
    ]
    given = json.dumps([overlays_of({"a": {"number": 0, "address": "192.168.1.1", "dev": "eth0"}}), {"a": pods}])
    done = subprocess.run([sys.executable, "-c", PRELOADED], input=given, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
