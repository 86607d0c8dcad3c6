# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of inventories/lab.yml while it stands: what is in it, and what another run does."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.labs import INVENTORY, Lab, in_node, pings, taken_away

ADDRESSES = {
    ("network-1", "enp1s0"): ("192.168.1.138/24", "52:54:00:9e:19:22"),
    ("network-2", "enp1s0"): ("192.168.2.142/24", "52:54:00:ad:45:e2"),
    ("router", "enp1s0"): ("192.168.1.213/24", "52:54:00:46:f0:6a"),
    ("router", "enp2s0"): ("192.168.2.216/24", "52:54:00:9d:9b:c1"),
}


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for all tests, which leave it as they found it."""
    with taken_away(tmp_path_factory.mktemp("lab")) as made:
        assert made()["changed"] == 2
        yield made


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


def test_a_second_run_asks_the_kernel_for_nothing(play: Lab) -> None:
    with named("network-1", "network-2", "router", "switches") as names, kernel.Monitor("", *names) as monitor:
        assert play()["changed"] == 0
    assert monitor.changes == []


def test_half_a_lab_is_completed(play: Lab) -> None:
    kernel.run("umount", "--no-mtab", "/run/weft/weft/router/net")
    in_node("switches", "ip", "link", "delete", "lan2")
    assert play()["changed"] == 2
    assert pings("router", "192.168.1.138") and pings("router", "192.168.2.142")


def test_what_is_unplugged_is_plugged_in_again(play: Lab) -> None:
    in_node("network-1", "ip", "link", "delete", "enp1s0")
    assert not pings("network-1", "192.168.1.213")
    assert play()["changed"] == 1
    assert pings("network-1", "192.168.1.213")


def test_a_limit_leaves_the_lab_alone(play: Lab) -> None:
    limited = cli.run(play.home, "ansible-playbook", "-i", INVENTORY, "weft.fabric.lab", "--limit", "network-1")
    assert limited.returncode == 0, limited
    one = cli.succeed(
        play.home, "ansible", "-i", INVENTORY, "all", "--limit", "network-1", "-m", "ansible.builtin.ping"
    )
    assert one.count("pong") == 1
