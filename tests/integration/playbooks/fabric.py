# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric in a lab: the playbooks as a user runs them, and the nodes as iproute2 sees them."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.plugins.module_utils.probe import echo_server
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.nodes import vtep_mac
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.state import whole

ROOT = pathlib.Path(__file__).parents[3]
ARTICLE = yaml.safe_load((ROOT / "inventories" / "lab.yml").read_text(encoding="utf-8"))
NODES = ("network-1", "network-2")
HOSTS = (*NODES, "router")
MAC = {name: vtep_mac(10, name) for name in NODES}
"""Of the article's VTEPs."""


def article(name: str = "alone") -> Any:
    """The inventory of the article's scenario, to change.

    :param name: the lab's. Labs that stand at the same time have different ones.
    """
    inventory = copy.deepcopy(ARTICLE)
    inventory["all"]["vars"]["lab_name"] = name
    return inventory


# All that site makes but files. The cable stays, since a lab node cannot plug itself in again.
_POWER_OFF = r"""
set -e
for namespace in $(ip netns list | cut -d' ' -f1); do
    ip netns pids "$namespace" | xargs -r kill
done
for link in vxlan0 veth0 br0; do
    [ ! -e "/sys/class/net/$link" ] || ip link delete "$link"
done
for namespace in $(ip netns list | cut -d' ' -f1); do
    ip netns delete "$namespace"
done
ip route flush proto 119
nft flush ruleset
sysctl -q net.ipv4.ip_forward=0 net.ipv4.conf.all.accept_redirects=1
"""


def host_vars(inventory: Any, host: str) -> Any:
    """A host's own variables in an inventory, to change."""
    return next(group["hosts"][host] for group in inventory["all"]["children"].values() if host in group["hosts"])


class Run:
    """What a playbook said.

    :ivar rc: exit status.
    :ivar text: all that was printed.
    :ivar hosts: by host its line of the recap: ok, changed, failed, ...
    """

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.rc = done.returncode
        self.text = done.stdout + done.stderr
        recaps = re.findall(r"^(\S+) +: (ok=.*?)\s*$", done.stdout, re.MULTILINE)
        self.hosts = {
            host: {key: int(value) for key, value in (word.split("=") for word in recap.split())}
            for host, recap in recaps
        }

    @property
    def changed(self) -> dict[str, int]:
        """By host, how many tasks changed something; hosts where none did are left out."""
        return {host: recap["changed"] for host, recap in self.hosts.items() if recap["changed"]}

    @property
    def plan(self) -> set[str]:
        """What is about to change, one line for each object: ``+ link br0 type bridge``."""
        return set(re.findall(r"^  ([+~-] .*)$", self.text, re.MULTILINE))


def table(text: str) -> dict[tuple[str, str], str]:
    """The result of each pair of the proof."""
    rows = [line.strip().strip('",') for line in text.splitlines() if line.rstrip('",').endswith(("ok", "isolated"))]
    return {(row.split()[0], " ".join(row.split()[1:3])): row.split()[-1] for row in rows}


def assert_proved(text: str, expected: dict[tuple[str, str], str]) -> None:
    """By source and how the target begins, what the proof says of each."""
    pairs = table(text)
    for (source, target), result in expected.items():
        found = [value for (one, other), value in pairs.items() if one == source and other.startswith(target)]
        assert found and set(found) == {result}, (source, target, pairs)


class Fabric:
    """A lab and what is run in it.

    :param home: a directory of its own.
    :param inventory: as YAML has it.
    :param limit: seconds that a playbook takes at most.
    """

    def __init__(self, home: pathlib.Path, inventory: Any, limit: float = 300) -> None:
        self.home = home
        self.limit = limit
        self.file = home / "inventory.json"
        self.inventory = inventory
        self.lab = inventory["all"]["vars"]["lab_name"]

    @property
    def inventory(self) -> Any:
        return json.loads(self.file.read_text(encoding="utf-8"))

    @inventory.setter
    def inventory(self, inventory: Any) -> None:
        self.file.write_text(json.dumps(inventory), encoding="utf-8")

    def play(self, playbook: str, *more: str) -> Run:
        """Run one of the collection's playbooks, however it ends."""
        command = ("ansible-playbook", "-i", str(self.file), f"weft.fabric.{playbook}", *more)
        return Run(cli.run(self.home, *command, limit=self.limit))

    def ok(self, playbook: str, *more: str) -> Run:
        """Run one that has to succeed."""
        run = self.play(playbook, *more)
        assert run.rc == 0, run.text
        return run

    def node(self, host: str, *command: str) -> str:
        """Run a command in a node; its standard output."""
        done = subprocess.run([*lab.enter(self.lab, host), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{host}: {' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout

    def power_off(self, host: str) -> None:
        """Take from a node what it loses without power."""
        self.node(host, "sh", "-c", _POWER_OFF)

    def prove(self, host: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Let a host prove its own rows, however that ends."""
        command = [*lab.enter(self.lab, host), "weft-fabric", "prove", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stderr == "", done
        return done

    def snapshot(self, host: str) -> Any:
        """Everything of a node that site could leave something behind in."""
        program = (
            "import json; from ansible_collections.weft.fabric.tests.integration import machine; "
            "print(json.dumps(machine.snapshot()))"
        )
        found = json.loads(self.node(host, sys.executable, "-c", program))
        # An empty /run/netns, mounted so that names propagate, is what ip-netns(8) leaves behind as well.
        found["run"] = {path: status for path, status in found["run"].items() if path not in ("/run", "/run/netns")}
        return found

    def state(self, host: str) -> set[str]:
        """All of the kernel's state of a node and of its pods, an object in a line."""
        pods = [line.split()[0] for line in self.node(host, "ip", "netns", "list").splitlines()]
        places = {"": [], **{pod: ["ip", "netns", "exec", pod] for pod in pods}}
        return {
            f"{name}: {line}"
            for name, before in places.items()
            for line in whole(functools.partial(self.node, host, *before))
        }

    @contextlib.contextmanager
    def told(self, hosts: Sequence[str], vtep: str = "") -> Iterator[dict[str, list[kernel.Event]]]:
        """By host, the notifications of its kernel that somebody asked for; filled in at the end of the block.

        :param vtep: an address. What is told of it as a neighbour counts too, since one that is deleted looks as if it
            had been learned.
        """
        said: dict[str, list[kernel.Event]] = {}
        with self._named({host: f"/run/weft/{self.lab}/{host}/net" for host in hosts}) as names:
            with kernel.Monitor(*names) as monitor:
                yield said
            for host in hosts:
                said[host] = [
                    event
                    for event in monitor.events
                    if event.namespace == host and (not event.learned or f" dst {vtep} " in event.text)
                ]

    @contextlib.contextmanager
    def names(self, *hosts: str) -> Iterator[list[str]]:
        """Names in this process's own /run/netns for the namespaces of nodes and of their pods, for kernel.Monitor."""
        namespaces = {}
        for host in hosts:
            namespaces[host] = f"/run/weft/{self.lab}/{host}/net"
            for pod in self.node(host, "ip", "netns", "list").split():
                if pod.startswith("pod"):
                    # In the host's own namespace, this lists itself as well.
                    pids = self.node(host, "ip", "netns", "pids", pod).split()
                    namespaces[f"{host}-{pod}"] = f"/proc/{next(filter(_serves, pids))}/ns/net"
        with self._named(namespaces) as names:
            yield names

    @contextlib.contextmanager
    def _named(self, namespaces: dict[str, str]) -> Iterator[list[str]]:
        with contextlib.ExitStack() as stack:
            for name, source in namespaces.items():
                path = pathlib.Path("/run/netns") / name
                path.touch()
                stack.callback(path.unlink)
                kernel.run("mount", "--no-mtab", "--bind", source, str(path))
                stack.callback(kernel.run, "umount", "--no-mtab", str(path))
            yield list(namespaces)


def _serves(pid: str) -> bool:
    """Whether a process is a pod's echo server."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return echo_server.MARK in pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    return False


CAME = ["NEWNEIGH", "NEWNEIGH", "NEWROUTE"]
"""What a host's kernel tells when another node comes: an FDB entry, a neighbour and a route."""

WENT = ["DELNEIGH", "DELNEIGH", "DELROUTE", "NEWNEIGH"]
"""And when it goes. Of a neighbour it tells that it has failed, and then that it is gone."""


@contextlib.contextmanager
def standing(home: pathlib.Path, inventory: Any, limit: float = 300) -> Iterator[Fabric]:
    """A lab of an inventory, for the length of the block.

    :param limit: seconds that a playbook takes at most.
    """
    fabric = Fabric(home, inventory, limit)
    try:
        fabric.ok("lab")
        yield fabric
    finally:
        fabric.ok("lab", "-e", "lab_state=absent")
