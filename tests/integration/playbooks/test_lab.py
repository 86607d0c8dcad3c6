# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of inventories/lab.yml as a user makes it and takes it away."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration import kernel, machine
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

ROOT = pathlib.Path(__file__).parents[3]
INVENTORY = str(ROOT / "inventories" / "lab.yml")
ADDRESSES = {
    ("network-1", "enp1s0"): ("192.168.1.138/24", "52:54:00:9e:19:22"),
    ("network-2", "enp1s0"): ("192.168.2.142/24", "52:54:00:ad:45:e2"),
    ("router", "enp1s0"): ("192.168.1.213/24", "52:54:00:46:f0:6a"),
    ("router", "enp2s0"): ("192.168.2.216/24", "52:54:00:9d:9b:c1"),
}


class Lab:
    """The playbook weft.fabric.lab, as a user runs it."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home

    def __call__(self, *more: str, inventory: str = INVENTORY) -> dict[str, int]:
        """Run it, and count what it says of localhost: ok, changed, ..."""
        said = cli.succeed(self.home, "ansible-playbook", "-i", inventory, "weft.fabric.lab", *more)
        recap = re.search(r"^localhost +: (.*)$", said, re.MULTILINE)
        assert recap, said
        return {key: int(value) for key, value in (word.split("=") for word in recap[1].split())}


@pytest.fixture
def play(tmp_path: pathlib.Path) -> Iterator[Lab]:
    """The machine is the same afterwards as it was before, or the test fails."""
    before = machine.snapshot()
    lab_play = Lab(tmp_path)
    try:
        yield lab_play
    finally:
        lab_play("-e", "lab_state=absent")
    after = machine.snapshot()
    assert after.keys() == before.keys()
    for part in before:
        assert after[part] == before[part], part


def in_node(node: str, *command: str, name: str = "weft") -> str:
    done = subprocess.run([*lab.enter(name, node), *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def pings(node: str, address: str, name: str = "weft") -> bool:
    command = [*lab.enter(name, node), "ping", "-c1", "-W2", address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def living_in(hosts: set[str]) -> list[str]:
    """The processes in any of these UTS namespaces."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/ns/uts"):
        with contextlib.suppress(OSError):  # has ended, or is not ours to look at
            if os.readlink(path) in hosts:
                found.append(path.parts[2])
    return found


@contextlib.contextmanager
def named(*nodes: str) -> Iterator[list[str]]:
    """Names in this process's own /run/netns for nodes' namespaces, for kernel.Monitor."""
    with contextlib.ExitStack() as stack:
        for node in nodes:
            path = pathlib.Path("/run/netns") / node
            path.touch()
            stack.callback(path.unlink)
            kernel.run("mount", "--no-mtab", "--bind", f"/run/weft/weft/{node}/net", str(path))
            stack.callback(kernel.run, "umount", "--no-mtab", str(path))
        yield list(nodes)


def test_the_articles_three_machines(play: Lab) -> None:
    assert play()["changed"] == 2
    found = {}
    for node in ("network-1", "network-2", "router"):
        for link in json.loads(in_node(node, "ip", "-json", "address", "show")):
            ipv4 = [row for row in link["addr_info"] if row["family"] == "inet"]
            if link["ifname"] != "lo":
                assert (link["operstate"], link["mtu"]) == ("UP", 1500)
                found[node, link["ifname"]] = (f"{ipv4[0]['local']}/{ipv4[0]['prefixlen']}", link["address"])
    assert found == ADDRESSES
    assert pings("network-1", "192.168.1.213") and pings("network-2", "192.168.2.216")
    assert not pings("network-1", "192.168.2.142"), "the other network needs the routes that site makes"
    assert in_node("router", "cat", "/proc/sys/net/ipv4/ip_forward") == "0\n"


def test_the_whole_scenario_leaves_no_trace(play: Lab) -> None:
    """What site starts in the lab, the pods' servers among it, goes with the lab."""
    play()
    cli.succeed(play.home, "ansible-playbook", "-i", INVENTORY, "weft.fabric.site")
    nodes = [path for path in pathlib.Path("/run/weft/weft").iterdir() if path.is_dir()]
    hosts = {f"uts:[{(node / 'uts').stat().st_ino}]" for node in nodes}
    assert living_in(hosts), "the pods' servers run in the nodes"
    assert play("-e", "lab_state=absent")["changed"] == 1
    assert not living_in(hosts)


def test_a_second_run_asks_the_kernel_for_nothing(play: Lab) -> None:
    play()
    with named("network-1", "network-2", "router", "switches") as names, kernel.Monitor("", *names) as monitor:
        assert play()["changed"] == 0
    assert monitor.changes == []


def test_check_mode_makes_nothing(play: Lab) -> None:
    assert play("--check", "--diff")["changed"] == 1
    assert not pathlib.Path("/run/weft").exists()
    play()
    assert play("--check", "--diff")["changed"] == 0
    assert play("--check", "-e", "lab_state=absent")["changed"] == 1
    assert pings("network-1", "192.168.1.213")


def test_absent_on_nothing(play: Lab) -> None:
    assert play("-e", "lab_state=absent")["changed"] == 0


def test_half_a_lab_is_completed(play: Lab) -> None:
    play()
    kernel.run("umount", "--no-mtab", "/run/weft/weft/router/net")
    in_node("switches", "ip", "link", "delete", "lan2")
    assert play()["changed"] == 2
    assert pings("router", "192.168.1.138") and pings("router", "192.168.2.142")


@pytest.mark.parametrize("what", ["net", "uts", "mnt"])
def test_half_a_lab_is_taken_away(play: Lab, what: str) -> None:
    play()
    kernel.run("umount", "--no-mtab", f"/run/weft/weft/network-1/{what}")
    assert play("-e", "lab_state=absent")["changed"] == 1


def test_what_is_unplugged_is_plugged_in_again(play: Lab) -> None:
    play()
    in_node("network-1", "ip", "link", "delete", "enp1s0")
    assert not pings("network-1", "192.168.1.213")
    assert play()["changed"] == 1
    assert pings("network-1", "192.168.1.213")


def test_two_labs_side_by_side(play: Lab) -> None:
    play()
    assert play("-e", "lab_name=second")["changed"] == 2
    try:
        in_node("network-1", "ip", "link", "set", "enp1s0", "down", name="second")
        assert pings("network-1", "192.168.1.213") and not pings("network-1", "192.168.1.213", name="second")
        assert play("-e", "lab_state=absent")["changed"] == 1
        assert pings("network-2", "192.168.2.216", name="second")
    finally:
        play("-e", "lab_name=second", "-e", "lab_state=absent")


def test_a_limit_leaves_the_lab_alone(play: Lab) -> None:
    play()
    limited = cli.run(play.home, "ansible-playbook", "-i", INVENTORY, "weft.fabric.lab", "--limit", "network-1")
    assert limited.returncode == 0, limited
    one = cli.succeed(
        play.home, "ansible", "-i", INVENTORY, "all", "--limit", "network-1", "-m", "ansible.builtin.ping"
    )
    assert one.count("pong") == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"switch": "lan9"}, "network-1: lab_interfaces[0].switch: 'lan9' is refused: give one of lab_switches (lan1)"),
        ({"name": "a-name-that-is-long"}, "lab_interfaces[0].name: 'a-name-that-is-long' is refused"),
        ({"addresses": ["10.0.0.0.1/8"]}, "lab_interfaces[0].addresses[0]: '10.0.0.0.1/8' is refused"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(play: Lab, changes: dict[str, Any], words: str) -> None:
    interface = {"name": "enp1s0", "switch": "lan1", **changes}
    inventory = play.home / "bad.json"
    inventory.write_text(
        json.dumps(
            {"all": {"hosts": {"network-1": {"lab_interfaces": [interface]}},
                     "vars": {"lab_name": "weft", "lab_switches": ["lan1"]}}}
        )
    )  # fmt: skip
    done = cli.run(play.home, "ansible-playbook", "-i", str(inventory), "weft.fabric.lab")
    assert done.returncode == 2
    assert words in done.stdout + done.stderr
    assert not pathlib.Path("/run/weft").exists()
