# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A filter in a template, where Ansible passes containers of its own, does what its function does with plain ones."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.filter._roles import FilterModule
from ansible_collections.weft.fabric.plugins.filter.overlay_plan import overlay_plan
from ansible_collections.weft.fabric.tests.overlays import overlays_of

FILTERS = {**FilterModule().filters(), "overlay_plan": overlay_plan}
NODES = {name: {"number": at, "address": f"192.168.1.{at + 1}/24", "dev": "eth0"} for at, name in enumerate("ab")}
OVERLAYS = overlays_of(NODES)
MACVLAN = {"driver": "macvlan", "parent": "eth0", "subnet": ["10.9.0.0/24"]}
CNI = {"driver": "cni", "config": {"name": "n", "type": "ptp", "ipam": {"type": "host-local", "subnet": "10.8.0.0/24"}}}
PODS = {
    "a": [
        {"name": "pod1", "address": ["172.2.0.2"]},
        {"name": "mac1", "address": "10.9.0.2", "network": MACVLAN},
        {"name": "cni1", "network": CNI},
    ],
    "b": [{"name": "pod2", "address": "172.2.1.2", "network": {"driver": "ptp"}}],
}
NETWORKS = {"a": {"driver": "bridge"}, "b": {"driver": "none"}}
LINK = {"name": "vxlan0", "admin_state": "up", "mac_address": OVERLAYS["default"]["nodes"]["a"]["mac_address"]}
# A pod's, which has all that other checks look for, and no default route.
STATE = {
    "links": [LINK],
    "addresses": [{"dev": "vxlan0", "address": f"172.2.0.{last}/24"} for last in (1, 2)],
    **overlay_plan(NODES, "172.2.0.0/16", 10)["b"]["peer"],
}
HOSTS = {node: {"namespaces": ["pod1", "pod2"], "lacks": []} for node in NODES}


def silent(probe: dict[str, Any]) -> dict[str, Any]:
    """What weft.fabric.reachability returns for a target that does not answer."""
    nothing = dict.fromkeys(("source", "rtt", "ttl", "pmtu", "tcp", "http"))
    return {**probe, **nothing, "reachable": False, "error": "icmp: no reply", "loss": 100.0, "received": 0}


RESULTS = {node: list(map(silent, FILTERS["_verify_targets"](OVERLAYS, node, PODS, 8000, NETWORKS))) for node in NODES}
REGISTERED = {
    node: {
        "verify_probe": {"results": RESULTS[node], "mtus": {"eth0": 1500}},
        "overlay_node": {"dev": "eth0"},
        "common_said": {"rc": 0, "stdout": '{"changed": true, "generation": 7, "revision": "3f2a9c01d7be"}'},
        "verify_state": {"namespaces": {"": STATE, "pod1": STATE}},
        "preflight_found": {"findings": [], "packages": [], "system": {}, "clock": 0.0},
        "common_fabric": {"groups": json.dumps({"nodes": list(NODES), "routers": []})},
        "common_planned": {
            "differs": True,
            "objects": ["+ link br0 type bridge"],
            "count": {"added": 1, "changed": 0, "recreated": 0, "removed": 0},
            "cni": [{"cniVersion": "1.0.0", "ips": [{"address": "10.8.0.2/24"}]}] if node == "a" else [],
        },
    }
    for node in NODES
}
PAIRS = [{"name": "mine", "from": "a/pod1", "to": "b"}]
PLAN = FILTERS["_bandwidth_plan"](OVERLAYS, PODS, NETWORKS, hosts=HOSTS, pairs=PAIRS)
TCP = (pathlib.Path(__file__).parent / "iperf3" / "tcp.json").read_text(encoding="utf-8")
RUNS = [
    {
        "pair": step["pair"]["name"],
        "round": step["round"],
        "runs": [[run, TCP] for run in step["runs"]],
        "latency": {"rtt": {"avg": 0.1}, "error": None},
    }
    for step in PLAN["order"]
]

CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "overlay_plan": ((NODES, ["10.0.0.0/8", "fd00::/48"], 10), {"mode": "cross_subnet"}),
    "_hosts": (("nodes", "a"), {}),
    "_plan_lines": ((REGISTERED, list(NODES)), {}),
    "_preflight_report": ((REGISTERED, list(NODES), [*NODES, "lost"]), {}),
    "_plan_refused": ((REGISTERED, list(NODES)), {}),
    "_unconfirmed": ((REGISTERED, list(NODES), 30), {}),
    "_batch": ((REGISTERED, list(NODES), ["a"]), {}),
    "_command_lines": ((REGISTERED, list(NODES), list(NODES)), {}),
    "_command_failed": (({"rc": 1, "stdout": ""},), {}),
    "_drained": (("a,c", list(NODES), "!"), {}),
    "_drain": ((REGISTERED, {"drained": ["b"], "groups": '{"nodes": ["a"], "routers": []}'}, list(NODES)), {}),
    "_pods_attachments": ((PODS["a"], OVERLAYS, NETWORKS["a"]), {}),
    "_verify_pods": ((PODS, NETWORKS, REGISTERED, list(NODES)), {}),
    "_verify_devices": ((OVERLAYS,), {}),
    "_verify_rows": ((OVERLAYS, "a", PODS, 8000, NETWORKS, "all", 3), {}),
    "_verify_targets": ((OVERLAYS, "a", PODS, 8000, NETWORKS), {}),
    "_verify_report": (
        (REGISTERED, list(NODES), [], OVERLAYS, PODS, NETWORKS),
        {},
    ),
    "_verify_files": ((REGISTERED, list(NODES), [], OVERLAYS, PODS, NETWORKS), {}),
    "_bandwidth_plan": ((OVERLAYS, PODS, NETWORKS), {"hosts": HOSTS, "pairs": PAIRS}),
    "_bandwidth_report": ((RUNS, PLAN["pairs"], ["tcp"], "How it was measured."), {}),
    "_lab_document": (({"a": [{"name": "e0", "switch": "lan", "addresses": ["10.0.0.1/24"]}]}, ["lan"]), {}),
}


# In a process of its own: Ansible's finder of collections has to come before any import from one.
TEMPLATES = """
import json, sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader()
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
found = {}
for name, (arguments, options) in json.load(sys.stdin).items():
    plain = {f"argument{at}": value for at, value in enumerate(arguments)} | options
    # Each argument is a template that leads to another variable, as in a role.
    variables = {key: trust_as_template("{{ plain.%s }}" % key) for key in plain}
    given = [f"argument{at}" for at in range(1, len(arguments))] + [f"{key}={key}" for key in options]
    text = "{{ argument0 | weft.fabric.%s(%s) }}" % (name, ", ".join(given))
    templar = Templar(loader=DataLoader(), variables={"plain": plain, **variables})
    try:
        found[name] = templar.template(trust_as_template(text))
    except Exception as error:
        found[name] = str(error)
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def templated() -> dict[str, Any]:
    """By filter, its result in a template."""
    command = [sys.executable, "-c", TEMPLATES]
    done = subprocess.run(command, input=json.dumps(CALLS), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", FILTERS)
def test_in_a_template(name: str, templated: dict[str, Any]) -> None:
    arguments, options = CALLS[name]
    expected = FILTERS[name](*arguments, **options)
    assert templated[name] == json.loads(json.dumps(expected))
