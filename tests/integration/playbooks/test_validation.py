# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole fabric is validated before any host is contacted, and all faults are reported at once.

The hosts are nodes of a lab that does not stand, so that a host which is contacted counts as unreachable or failed.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Run, article, host_vars

CHANGES: dict[str, dict[str, Any]] = {
    "network-1": {
        "overlay_node": {"number": 1, "address": "192.168.1.138", "dev": "enp1s0"},
        "pods_pods": [{"name": "pod1", "address": "172.2.1.2"}, {"name": "a b", "address": "172.2.1.0"}],
        "pod_pods": [],
    },
    "network-2": {
        "overlay_node": {"number": 1, "address": "{{ nosuch }}", "dev": "enp1s0"},
        "mgmt_routing_routes": [{"dst": "192.168.1.0/24", "via": "192.168.2.300", "dev": "enp1s0"}],
    },
    "router": {"masquerade_rules": [{"source": "192.168.1.1/24"}, {"sorce": "192.168.2.0/24"}]},
}
LINES = {
    "network-1: pods_pods[1].name: 'a b' is refused: "
    "a namespace's name holds no '/' and no white space, and has 1 to 255 bytes",
    "network-2: mgmt_routing_routes[0].via: '192.168.2.300' is refused: "
    "give an IPv4 or IPv6 address, like 192.168.1.138 or 2001:db8::1",
    "network-2: overlay_node: {'number': 1, 'address': '{{ nosuch }}', 'dev': 'enp1s0'} is refused: "
    "'nosuch' is undefined",
    "router: masquerade_rules[1].sorce: '192.168.2.0/24' is refused: it takes only source, out_interface, exempt",
    "router: masquerade_rules[1].source: None is refused: it is required",
}
"""Each of them is a fault of CHANGES, and there is no other."""

OLD_SUBNET = "is refused: this node's pods are in 10.9.{0}.0/24, from 10.9.{0}.2 on, which has room for 253 of them"


def changed(changes: dict[str, dict[str, Any]], **everywhere: Any) -> Any:
    """The article's inventory with other variables of hosts, and of all hosts."""
    inventory = article("nowhere")
    for host, variables in changes.items():
        host_vars(inventory, host).update(variables)
    inventory["all"]["vars"].update(everywhere)
    return inventory


def play(home: pathlib.Path, playbook: str, inventory: Any, *more: str, **environment: str) -> Run:
    file = home / "inventory.json"
    file.write_text(json.dumps(inventory), encoding="utf-8")
    return Run(cli.run(home, "ansible-playbook", "-i", str(file), playbook, *more, **environment))


def faults(run: Run) -> list[str]:
    """The lines about faults, in alphabetical order."""
    return sorted(re.findall(r"^\S+: \S+: .* is refused: .*$", run.text, re.MULTILINE))


def assert_refused(run: Run, lines: set[str], failed: set[str]) -> None:
    """Each line is there once, the fault is booked on these hosts, and nothing was contacted or changed."""
    assert faults(run) == sorted(lines), run.text
    assert run.rc == 2
    assert {host for host, recap in run.hosts.items() if recap["failed"]} == failed, run.text
    assert {recap["unreachable"] + recap["changed"] for recap in run.hosts.values()} == {0}
    assert "Traceback" not in run.text
    assert {run.text.count(line) for line in lines} == {1}, "a text is repeated"


def test_a_host_is_contacted_if_nothing_is_refused(tmp_path: pathlib.Path) -> None:
    run = play(tmp_path, "weft.fabric.site", changed({}))
    assert faults(run) == []
    assert {host for host, recap in run.hosts.items() if recap["failed"] + recap["unreachable"]} == {
        "network-1",
        "network-2",
        "router",
    }


@pytest.mark.parametrize("more", [("--forks", "1"), ("--check", "--diff", "--tags", "pods")])
def test_all_faults_of_all_hosts_are_reported_at_once(tmp_path: pathlib.Path, more: tuple[str, ...]) -> None:
    run = play(tmp_path, "weft.fabric.site", changed(CHANGES), "-e", "site_bacth=1", *more)
    assert_refused(run, LINES, {"network-1", "network-2", "router"})
    said = " ".join(run.text.split())
    assert said.count("network-1: pod_pods: no role has this variable. Is pods_pods meant?") == 1
    assert said.count("-e site_bacth: nothing has this variable. Is site_batch meant?") == 1


def test_hosts_outside_the_limit_are_validated(tmp_path: pathlib.Path) -> None:
    inventory = changed({"network-2": {"mgmt_routing_routes": [{"dst": "192.168.1.0/24", "via": "x", "dev": "e0"}]}})
    run = play(tmp_path, "weft.fabric.site", inventory, "--limit", "router")
    line = "network-2: mgmt_routing_routes[0].via: 'x' is refused: give an IPv4 or IPv6 address, like {}"
    assert_refused(run, {line.format("192.168.1.138 or 2001:db8::1")}, {"router"})
    assert "The inventory has faults, listed above. No host is changed" in run.text


def test_a_network_of_the_overlay_that_the_pods_are_not_in(tmp_path: pathlib.Path) -> None:
    run = play(tmp_path, "weft.fabric.site", changed({}, overlay_cidr="10.9.0.0/16"))
    lines = {
        f"network-{number + 1}: pods_pods[0].address: '172.2.{number}.2' {OLD_SUBNET.format(number)}"
        for number in (0, 1)
    }
    assert_refused(run, lines, {"network-1", "network-2"})


def test_facts_of_the_roles_are_no_misspelt_variables(tmp_path: pathlib.Path) -> None:
    playbook = tmp_path / "play.yml"
    facts = {"ansible.builtin.set_fact": {"overlay_pods": "", "overlay_plans": ""}}
    play_of = {"hosts": "all", "gather_facts": False, "roles": [{"role": "weft.fabric.common"}]}
    playbook.write_text(json.dumps([{**play_of, "tasks": [facts]}, play_of]), encoding="utf-8")
    run = play(tmp_path, str(playbook), changed({"router": {"overlay_ndoe": 1}}))
    assert re.findall(r"no role has this variable\. Is (\w+) meant", run.text) == ["overlay_node"]
    assert run.rc == 0


def renamed() -> Any:
    """An inventory whose groups have other names, with one fault."""
    inventory = changed({"network-2": {"pods_persist": "maybe"}})
    groups = inventory["all"]["children"]
    groups["leaves"], groups["gateways"] = groups.pop("nodes"), groups.pop("routers")
    return inventory


def test_groups_of_other_names_are_asked_for(tmp_path: pathlib.Path) -> None:
    run = play(tmp_path, "weft.fabric.site", renamed(), "--limit", "network-1")
    assert run.rc == 2
    assert (
        "fabric_nodes: 'nodes' is refused: the inventory has no host in such a group: "
        "give -e fabric_nodes=GROUP and -e fabric_routers=GROUP"
    ) in run.text.splitlines()


@pytest.mark.parametrize("playbook", ["site", "verify", "bandwidth", "teardown"])
def test_each_playbook_begins_with_the_validation(tmp_path: pathlib.Path, playbook: str) -> None:
    named = ("-e", "fabric_nodes=leaves", "-e", "fabric_routers=gateways")
    run = play(tmp_path, f"weft.fabric.{playbook}", renamed(), *named)
    assert_refused(run, {"network-2: pods_persist: 'maybe' is refused: give true or false"}, {"network-2"})


@pytest.mark.parametrize(
    ("role", "strategy"),
    [("masquerade", "linear"), ("overlay", "free"), ("verify", "linear")],
)
def test_a_role_alone_begins_with_the_validation(tmp_path: pathlib.Path, role: str, strategy: str) -> None:
    playbook = tmp_path / "play.yml"
    content = [{"hosts": "all", "gather_facts": False, "roles": [{"role": f"weft.fabric.{role}"}]}]
    playbook.write_text(json.dumps(content), encoding="utf-8")
    inventory = changed({"router": {"mgmt_routing_forward": ["ipx"]}})
    run = play(tmp_path, str(playbook), inventory, ANSIBLE_STRATEGY=strategy)
    # The strategy free knows no task that runs once.
    assert set(faults(run)) == {"router: mgmt_routing_forward[0]: 'ipx' is refused: give one of ipv4, ipv6"}
    assert len(faults(run)) == (1 if strategy == "linear" else 3)
    # Nor does it know how to stop the play for all hosts after a failure.
    failed = {"router"} if strategy == "linear" else {"network-1", "network-2", "router"}
    assert {host for host, recap in run.hosts.items() if recap["failed"]} == failed
    assert {recap["unreachable"] + recap["changed"] for recap in run.hosts.values()} == {0}
    assert run.rc == 2
    assert "This host has faults, listed above. No host is changed" in run.text
