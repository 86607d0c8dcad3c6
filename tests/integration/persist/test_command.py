# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command weft-fabric: apply, diff and show, after a reboot and after drift."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    DOCUMENT,
    FORWARD,
    PEER,
    command,
    store,
    succeed,
    wipe,
)


def test_what_a_reboot_takes_comes_back(stored, run_module):
    pathlib.Path("/etc/sysctl.d").mkdir(exist_ok=True)
    assert run_module("sysctl", name="router", settings={FORWARD: 1}).rc == 0
    succeed("apply")
    wipe()
    with kernel.Monitor("") as monitor:
        drift = command("diff")
    assert (drift.returncode, monitor.changes) == (2, [])
    assert succeed("apply") == drift.stdout
    assert kernel.run("sysctl", "-n", FORWARD) == "1\n"
    (vxlan,) = kernel.ip_json("", "link", "show", "dev", "vxlan0")
    assert (vxlan["linkinfo"]["info_data"]["id"], vxlan["mtu"], vxlan["address"]) == (10, 1400, "02:00:00:00:00:01")
    assert "10.9.2.0/24 via 10.9.2.0 dev vxlan0 proto 119 onlink" in kernel.ip("", "route")
    assert kernel.ip_json("pod1", "route", "get", "192.0.2.1")[0]["gateway"] == "10.9.0.1"
    assert "saddr 10.9.0.0/24" in kernel.run("nft", "list", "table", "inet", "weft_pods")
    answer = json.loads(kernel.run("curl", "-s", "http://10.9.0.2:8000/echo"))
    assert answer["client"] == "10.9.0.1"
    with kernel.unchanged("", "pod1"):
        assert succeed("diff") == ""
        assert succeed("apply") == ""


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        ("ip link delete br0", "pods: + link br0 type bridge"),
        ("ip link delete veth0", "pods: + link veth0 type veth"),
        ("ip link set br0 down", "pods: + link br0 up"),
        ("ip link set vxlan0 mtu 1300", "pods: + link vxlan0 mtu 1400"),
        ("ip link set vxlan0 address 02:00:00:00:00:02", "pods: + link vxlan0 mac_address 02:00:00:00:00:01"),
        ("ip link set veth0 nomaster", "pods: + link veth0 controller br0"),
        ("ip address delete 10.9.0.1/24 dev br0", "pods: + address br0 10.9.0.1/24"),
        ("ip route delete 10.9.2.0/24", "pods: + route 10.9.2.0/24 via 10.9.2.0 dev vxlan0 onlink"),
        ("ip route add 10.9.3.0/24 via 10.9.2.0 dev vxlan0 onlink proto 119", "pods: - route 10.9.3.0/24 via"),
        ("ip -n pod1 route delete default", "pods: + netns pod1: route default via 10.9.0.1"),
        ("ip neighbour delete 10.9.2.0 dev vxlan0", f"pods: + neighbour vxlan0 10.9.2.0 lladdr {PEER}"),
        (f"bridge fdb delete {PEER} dev vxlan0 dst 10.9.0.9", f"pods: + fdb vxlan0 {PEER} dst 10.9.0.9"),
        ("bridge fdb append 02:00:00:00:00:08 dev vxlan0 dst 10.9.0.8", "pods: - fdb vxlan0 02:00:00:00:00:08"),
        ("nft flush ruleset", "pods: + ip saddr 10.9.0.0/24"),
        ("nft add rule inet weft_pods weft_postrouting accept", "pods: - accept"),
        ("kill $(ip netns pids pod1)", "pods: + echo server pod1: port 8000, new"),
        (
            # The end of a namespace takes the other ends of its veths along, only later.
            "kill $(ip netns pids pod1); ip netns delete pod1; while [ -e /sys/class/net/veth0 ]; do :; done",
            "pods: + namespace pod1",
        ),
        ("ip netns delete pod1", "pods: + namespace pod1"),  # while its server keeps it alive without a name
        (f"sysctl -q {FORWARD}=0", f"sysctl: + {FORWARD} = 1"),
    ],
)
def test_drift_is_told_and_put_right(stored, run_module, break_it, told):
    run_module("sysctl", name="router", settings={FORWARD: 1})
    succeed("apply")
    kernel.run("sh", "-c", break_it)
    drift = command("diff")
    assert drift.returncode == 2
    assert any(line.startswith(told) for line in drift.stdout.splitlines()), drift.stdout
    assert succeed("apply") == drift.stdout
    assert succeed("diff") == ""


def test_at_once(stored):
    """A controller and the host's timer do not get in each other's way: one makes it all, the other finds it."""
    for _round in range(5):
        wipe()
        both = [subprocess.Popen([COMMAND, "apply"], stdout=subprocess.PIPE, text=True) for _one in range(2)]
        said = [process.communicate()[0] for process in both]
        assert [process.returncode for process in both] == [0, 0]
        for line in ("pods: + link br0 type bridge", "pods: + echo server pod1: port 8000, new"):
            assert sum(line in one for one in said) == 1
        assert succeed("diff") == ""


def test_show(stored):
    succeed("apply")
    shown = json.loads(succeed("show"))
    assert shown["pods"]["document"] == DOCUMENT
    state = shown["pods"]["state"]
    assert {link["name"] for link in state["topology"][""]["links"]} == {"br0", "veth0", "vxlan0"}
    assert state["masquerade"] == [{"source": "10.9.0.0/24", "out_interface": None, "exempt": ["10.9.0.0/16"]}]
    assert [server["netns"] for server in state["echo_server"]] == ["pod1"]
    wipe()
    state = json.loads(succeed("show", "pods"))["pods"]["state"]
    assert (state["topology"][""]["links"], state["masquerade"], state["echo_server"]) == ([], [], [])


def test_one_document_alone(stored):
    bridge = {"namespaces": {"": {"links": [{"name": "br7", "kind": "bridge"}]}}}
    store(pods=DOCUMENT, overlay={"topology": bridge})
    assert succeed("apply", "overlay").startswith("overlay: + link br7 type bridge")
    assert [row["ifname"] for row in kernel.ip_json("", "link", "show", "type", "bridge")] == ["br7"]
    assert command("diff", "overlay").returncode == 0
    assert command("diff").returncode == 2


def test_an_interface_that_is_not_there_yet(stored):
    """What depends on it is told and fails, what does not is made; tried again, all is there."""
    route = {"dst": "10.8.0.0/16", "via": "10.7.0.2", "dev": "late0"}
    store(pods=DOCUMENT, mgmt_routing={"topology": {"namespaces": {"": {"routes": [route]}}}})
    done = command("apply")
    assert done.returncode == 1
    assert done.stderr.startswith("weft-fabric: mgmt_routing: ") and "late0" in done.stderr
    assert done.stderr.count("\n") == 1
    assert kernel.ip_json("", "link", "show", "dev", "vxlan0")
    for change in ("link add late0 type bridge", "address add 10.7.0.1/24 dev late0", "link set late0 up"):
        kernel.ip("", *change.split())
    assert succeed("apply") == "mgmt_routing: + route 10.8.0.0/16 via 10.7.0.2 dev late0\n"


def test_an_interface_is_waited_for_as_long_as_asked(stored):
    """Attempts are repeated, each told of, until the interface is there or the time is over."""
    bridge = {"namespaces": {"": {"links": [{"name": "late0", "controller": "br7"}]}}}
    store(pods=DOCUMENT, overlay={"topology": bridge})
    kernel.ip("", "link", "add", "br7", "type", "bridge")
    done = command("apply", "--wait", "3")
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if "late0" in line]) == 2

    waiting = subprocess.Popen(
        [COMMAND, "apply", "--wait", "50"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert waiting.stderr and "late0" in waiting.stderr.readline()
    kernel.ip("", "link", "add", "late0", "type", "vxlan", "id", "99", "dstport", "4799")
    said, _errors = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert said.endswith("overlay: + link late0 controller br7\n"), said
    assert kernel.ip_json("", "link", "show", "dev", "late0")[0]["master"] == "br7"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 64, "see weft-fabric --help"),
        (["destroy"], 64, "'destroy'"),
        (["apply", "--wait", "-1"], 64, "'-1' is refused: a whole number of seconds"),
        (["apply", "--wait", "1m"], 64, "'1m' is refused: a whole number of seconds"),
        (["diff", "--wait", "1"], 64, "--wait"),
        (["diff", "overlay"], 1, "NAME: 'overlay' is refused: this host has pods"),
    ],
)
def test_wrong_usage(stored, arguments, status, told):
    done = command(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)
    assert told in done.stderr


def test_help_tells_the_exit_status(stored):
    said = succeed("--help")
    assert "\n  2   only with diff and status: the host is not as its documents say\n" in said


def test_the_reader_of_a_pipe_may_leave(stored):
    kernel.run("bash", "-o", "pipefail", "-c", f"{COMMAND} show | head -c 1")


@pytest.mark.older_host
def test_nothing_of_ansible_is_needed(stored):
    program = (
        "import runpy, sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'ansible': raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"sys.argv = ['weft-fabric', 'apply']\nrunpy.run_path({COMMAND!r}, run_name='__main__')\n"
    )
    python = os.environ.get("WEFT_TEST_PYTHON", sys.executable)
    assert "pods: + namespace pod1" in kernel.run(python, "-I", "-c", program)
