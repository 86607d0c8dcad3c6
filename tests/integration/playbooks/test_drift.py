# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that site made is removed and altered, one thing at a time: the next run repairs that, and says just that.

What there is is read from the kernel. To be quick, what is run is not the playbook but the documents that its roles
gave to weft.fabric.topology and the rules that they gave to weft.fabric.masquerade, on the node, in their order;
test_site.py has some of these cases with the playbook.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOLS
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import HOSTS, NODES, Fabric, article, standing

OTHER_MAC = "02:00:5e:00:00:77"
OURS = {str(number) for number in ROUTE_PROTOCOLS}


# One process for all of a node's documents: as the modules do it, which takes as many times as long.
REPAIR = """
import json, sys
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
said = [], []
for item in json.load(sys.stdin):
    protocol = item.get("route_protocol", ROUTE_PROTOCOL)
    document = parse_topology(item["namespaces"], item["state"] == "absent", item["purge"], protocol)
    outcome = reconcile(document)
    assert outcome.changed == (outcome.diff["before"] != outcome.diff["after"])
    said[0].extend(outcome.diff["before"].splitlines())
    said[1].extend(outcome.diff["after"].splitlines())
json.dump(said, sys.stdout)
"""


ASK = "; ".join(
    f"{command}; echo --" for command in ("ip -j -d address", "ip -j -d route", "ip -j neigh", "bridge -j fdb")
)


class Change(NamedTuple):
    """A command in a namespace of a node that takes away or alters one thing."""

    netns: str
    command: str


class Node:
    """A node of the fabric: what its kernel has, and what the roles gave to the modules there."""

    def __init__(self, fabric: Fabric, name: str, documents: list[dict[str, Any]], before: set[str]) -> None:
        self.fabric = fabric
        self.name = name
        self.documents = [item for item in documents if "namespaces" in item]
        self.rules = [item for item in documents if "rules" in item]
        self.pods = fabric.node(name, "ip", "netns", "list").split()[::3]
        self.managed: dict[tuple[str, str], set[str]] = {}
        for item in self.documents:
            for netns, desired in parse_topology(item["namespaces"]).namespaces.items():
                for link in desired.links.values():
                    self.managed.setdefault((netns, link.name), set()).update(link.attributes)
        self.made = {link["ifname"] for link in self.ask("")[0]} - before

    def run(self, netns: str, command: str) -> str:
        inside = ["ip", "netns", "exec", netns] if netns else []
        return self.fabric.node(self.name, *inside, *command.split())

    def ask(self, netns: str) -> tuple[list[dict[str, Any]], ...]:
        """What ``ip address``, ``ip route``, ``ip neigh`` and ``bridge fdb`` tell, in one process."""
        said = self.fabric.node(self.name, *(["ip", "netns", "exec", netns] if netns else []), "sh", "-c", ASK)
        return tuple([row for row in json.loads(part or "[]") if row] for part in said.split("--")[:4])

    def python(self, given: Any, *arguments: str) -> Any:
        """Run Python on the node, with data as standard input and output."""
        command = [*lab.enter(self.fabric.lab, self.name), sys.executable, *arguments]
        done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def repair(self) -> tuple[set[str], set[str]]:
        """Run the documents; the lines of the diff, before and after."""
        before, after = self.python(self.documents, "-c", REPAIR)
        return set(before) - set(after), set(after) - set(before)

    def repair_rules(self) -> tuple[set[str], set[str]]:
        """Run masquerade; the lines of the diff, before and after."""
        (rules,) = self.rules
        module = "ansible_collections.weft.fabric.plugins.modules.masquerade"
        diff = self.python({"ANSIBLE_MODULE_ARGS": {**rules, "_ansible_diff": True}}, "-m", module)["diff"]
        before, after = ({line.strip() for line in diff[side].splitlines()} for side in ("before", "after"))
        return before - after, after - before

    # -- what there is, in the words of the diff -----------------------------------------------------

    def facts(self) -> set[str]:
        found: set[str] = set()
        for netns in ("", *self.pods):
            prefix = f"netns {netns}: " if netns else ""
            found |= {prefix + fact for fact in self._facts(netns)}
        return found

    def _facts(self, netns: str) -> Iterator[str]:
        links, routes, neighbours, fdb = self.ask(netns)
        for link in links:
            name = link["ifname"]
            managed = self.managed.get((netns, name), set())
            controller = f"controller {link['master']}" if "master" in link else "no controller"
            known = {
                "mtu": f"mtu {link['mtu']}",
                "mac_address": f"mac_address {link['address']}",
                "controller": controller,
            }
            yield from (f"link {name} {said}" for key, said in known.items() if key in managed)
            if "admin_state" in managed:
                yield f"link {name} {'up' if 'UP' in link['flags'] else 'down'}"
            if managed:
                yield from (
                    f"address {name} {row['local']}/{row['prefixlen']}"
                    for row in link["addr_info"]
                    if row["scope"] == "global"
                )
        for route in routes:
            if route["type"] == "blackhole":
                yield f"route blackhole {route['dst']} proto boot"
            elif route["protocol"] in OURS:
                words = [f"route {route['dst']}"]
                named = (("via", "gateway"), ("dev", "dev"), ("src", "prefsrc"))
                words += [f"{word} {route[key]}" for word, key in named if key in route]
                yield " ".join([*words, *(["onlink"] if "onlink" in route["flags"] else [])])
        for entry in neighbours:
            if "PERMANENT" in entry["state"]:
                yield f"neighbour {entry['dev']} {entry['dst']} lladdr {entry['lladdr']}"
        for entry in fdb:
            if "dst" in entry:
                yield f"fdb {entry['ifname']} {entry['mac']} dst {entry['dst']}"

    # -- what can happen to it -----------------------------------------------------------------------

    def changes(self) -> Iterator[Change]:
        for netns in ("", *self.pods):
            for item in self._changes(netns):
                yield Change(netns, item)

    def _changes(self, netns: str) -> Iterator[str]:
        links, routes, neighbours, fdb = self.ask(netns)
        for route in routes:
            if route["protocol"] in OURS:
                yield f"ip route delete {route['dst']}"
                yield f"ip route replace blackhole {route['dst']}"
        for entry in neighbours:
            if "PERMANENT" in entry["state"]:
                yield f"ip neigh delete {entry['dst']} dev {entry['dev']}"
                yield f"ip neigh replace {entry['dst']} lladdr {OTHER_MAC} dev {entry['dev']} nud permanent"
        for entry in fdb:
            if "dst" in entry:
                row = f"{entry['mac']} dev {entry['ifname']}"
                yield f"bridge fdb delete {row} dst {entry['dst']}"
                yield f"bridge fdb replace {row} dst 192.0.2.66"
                yield f"bridge fdb add {OTHER_MAC} dev {entry['ifname']} dst 192.0.2.66 self permanent"
        for link in links:
            name = link["ifname"]
            managed = self.managed.get((netns, name), set())
            if not managed or (not netns and name not in self.made):
                continue
            yield f"ip link delete {name}"
            yield f"ip link set {name} down"
            if "mtu" in managed:
                yield f"ip link set {name} mtu {link['mtu'] - 50}"
            if "mac_address" in managed:
                yield f"ip link set {name} address {OTHER_MAC}"
            if "controller" in managed and link.get("master"):
                yield f"ip link set {name} nomaster"
            for row in link["addr_info"]:
                if row["scope"] == "global":
                    yield f"ip address delete {row['local']}/{row['prefixlen']} dev {name}"
                    yield f"ip address add 10.66.0.1/24 dev {name}"


def stored(fabric: Fabric, host: str) -> list[dict[str, Any]]:
    """What topology and masquerade would be given of the documents that the roles stored on a host."""
    found = json.loads(fabric.node(host, "cat", "/etc/weft/confirmed/generation.json"))
    documents = [part["content"] for part in found["documents"].values()]
    sections = [document[name] for document in documents for name in ("topology", "masquerade") if document.get(name)]
    return [{**section, "state": "present"} for section in sections]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Node]]:
    home: pathlib.Path = tmp_path_factory.mktemp("drift")
    with standing(home, article("drift")) as fabric:
        links = {name: {row["ifname"] for row in json.loads(fabric.node(name, "ip", "-j", "link"))} for name in HOSTS}
        fabric.ok("site", "--skip-tags", "verify")
        yield {name: Node(fabric, name, stored(fabric, name), links[name]) for name in HOSTS}


def vanished(right: set[str], left: set[str]) -> set[str]:
    """The links that are gone, as their facts begin."""

    def names(facts: set[str]) -> set[str]:
        return {found[1] for fact in facts if (found := re.match(r"((?:netns \S+: )?link \S+ )", fact))}

    return names(right) - names(left)


@pytest.mark.parametrize("name", NODES)
def test_each_thing_is_repaired_and_named(nodes: dict[str, Node], name: str) -> None:
    node = nodes[name]
    right = node.facts()
    assert node.repair() == (set(), set())
    changes = list(node.changes())
    kinds = {" ".join(change.command.split()[:3]) for change in changes}
    assert {"ip route delete", "ip neigh delete", "bridge fdb delete", "ip address delete", "ip link delete"} <= kinds
    for change in changes:
        node.run(change.netns, change.command)
        left = node.facts()
        assert left != right, f"{change} changes nothing"
        before, after = node.repair()
        gone = vanished(right, left)

        def spoken(lines: set[str], gone: set[str] = gone) -> set[str]:
            """Without the attributes of links that are made again: those are said in one line for each."""
            return {line for line in lines if not line.startswith(tuple(gone))} if gone else lines

        assert spoken(before) == left - right, change
        assert spoken(after) == spoken(right - left), change
        made = {line.partition(" type ")[0] + " " for line in after if " type " in line}
        assert made <= gone, change
        assert all(any(line.startswith(link) for line in after) for link in gone), change
        assert node.facts() == right, change
    assert node.repair() == (set(), set())


def test_each_nft_rule_is_repaired_and_named(nodes: dict[str, Node]) -> None:
    router = nodes["router"]
    listed = router.run("", "nft list ruleset")
    chain = "inet weft weft_postrouting"
    lines = [line.strip() for line in listed.splitlines() if line.strip().startswith("ip ")]
    assert lines
    for position, line in enumerate(lines):
        said = json.loads(router.run("", f"nft -j list chain {chain}"))["nftables"]
        handles = [item["rule"]["handle"] for item in said if "rule" in item]
        router.run("", f"nft delete rule {chain} handle {handles[position]}")
        assert router.repair_rules() == (set(), {line})
        assert router.run("", "nft list ruleset") == listed
    router.run("", f"nft add rule {chain} ip saddr 10.66.0.0/16 masquerade")
    assert router.repair_rules() == ({"ip saddr 10.66.0.0/16 masquerade"}, set())
    router.run("", "nft delete table inet weft")
    assert set(lines) <= router.repair_rules()[1]
    assert router.run("", "nft list ruleset") == listed
