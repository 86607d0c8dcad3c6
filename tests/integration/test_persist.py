# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What document stores and the command that it installs: files on a real file system, and what the kernel has then."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import documents, install
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.tests.integration import kernel

COMMAND = "/usr/local/sbin/weft-fabric"
LINK = "/usr/local/sbin/.weft-fabric"
WEFT = pathlib.Path("/etc/weft")
PODS = WEFT / "pods.json"
FORWARD = "net.ipv4.ip_forward"
PEER = "02:00:00:00:00:07"

DOCUMENT = {
    "topology": {
        "purge": True,
        "namespaces": {
            "": {
                "links": [
                    {"name": "br0", "kind": "bridge", "addresses": ["10.9.0.1/24"]},
                    {"name": "veth0", "kind": "veth", "controller": "br0",
                     "peer": {"name": "eth0", "netns": "pod1", "addresses": ["10.9.0.2/24"]}},
                    {"name": "vxlan0", "kind": "vxlan", "vni": 10, "local": "10.9.0.1", "mtu": 1400,
                     "mac_address": "02:00:00:00:00:01", "addresses": ["10.9.1.0/32"]},
                ],
                "fdb": [{"dev": "vxlan0", "lladdr": PEER, "dst": "10.9.0.9"}],
                "neighbours": [{"dev": "vxlan0", "dst": "10.9.2.0", "lladdr": PEER}],
                "routes": [{"dst": "10.9.2.0/24", "via": "10.9.2.0", "dev": "vxlan0", "onlink": True}],
            },
            "pod1": {"routes": [{"dst": "default", "via": "10.9.0.1"}]},
        },
    },
    "masquerade": {"table": "weft_pods", "rules": [{"source": "10.9.0.0/24", "exempt": ["10.9.0.0/16"]}]},
    "echo_server": {"namespaces": ["pod1"], "port": 8000},
}  # fmt: skip


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """weft-fabric as an operator runs it."""
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert "Traceback" not in done.stderr, done.stderr
    return done


def succeed(*arguments: str) -> str:
    done = command(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def wipe() -> None:
    """What a reboot does to DOCUMENT."""
    # First, because the end of a namespace takes the other ends of its veths along, only later.
    for link in kernel.ip_json("", "link", "show"):
        if link.get("linkinfo", {}).get("info_kind") in ("bridge", "veth", "vxlan"):
            kernel.ip("", "link", "delete", link["ifname"])
    for name in kernel.namespaces():
        for pid in kernel.ip("", "netns", "pids", name).split():
            kernel.run("kill", pid)
        kernel.ip("", "netns", "delete", name)
    kernel.run("nft", "flush", "ruleset")
    kernel.run("sysctl", "-q", f"{FORWARD}=0", "net.ipv4.conf.all.accept_redirects=1")


def tree() -> dict[str, tuple[str, bytes]]:
    """The files of /etc and /usr/local."""
    found = {}
    for root in ("/etc", "/usr/local/lib", "/usr/local/sbin"):
        for path in [pathlib.Path(root), *pathlib.Path(root).rglob("*")]:
            status = path.lstat()
            data = os.readlink(path).encode() if path.is_symlink() else b""
            if stat.S_ISREG(status.st_mode):
                data = path.read_bytes()
            found[str(path)] = (f"{status.st_mode:o} {status.st_uid}:{status.st_gid}", data)
    return found


@pytest.fixture(autouse=True)
def _host(tmp_path: pathlib.Path) -> Iterator[None]:
    """A host with /etc and /usr/local of its own, the same afterwards as before but for what a test itself broke."""
    with contextlib.ExitStack() as stack:
        disk = tmp_path / "disk"
        disk.mkdir()
        kernel.run("mount", "-t", "tmpfs", "tmpfs", str(disk))
        stack.callback(kernel.run, "umount", str(disk))
        for number, target in enumerate(("/etc", "/usr/local")):
            upper, work = disk / f"upper{number}", disk / f"work{number}"
            upper.mkdir()
            work.mkdir()
            options = f"lowerdir={target},upperdir={upper},workdir={work}"
            kernel.run("mount", "-t", "overlay", "-o", options, "overlay", target)
            stack.callback(kernel.run, "umount", target)
        pathlib.Path("/etc/NetworkManager/conf.d").mkdir(parents=True, exist_ok=True)
        stack.callback(wipe)
        yield


def store(name: str, document: Any = None, state: str = "present", check: bool = False) -> dict[str, Any]:
    """What the module document does before it turns to the kernel; a refusal is the result's ``msg``."""
    try:
        wanted = documents.parse(name, document) if state == "present" else None
        return install.store(name, wanted, install.known(name, wanted), check)
    except FabricError as error:
        return {"msg": str(error)}


@pytest.fixture
def stored() -> dict[str, Any]:
    """DOCUMENT is on the host, and nothing of it is in the kernel."""
    done = store(name="pods", document=DOCUMENT)
    assert done["changed"], done
    return done


# -- the module ------------------------------------------------------------------------------------


def test_missing_arguments(run_module):
    assert "name" in run_module("document", document={})["msg"]
    assert "document" in run_module("document", name="pods")["msg"]


def test_life(run_module):
    """The module: all sections carried out and stored, by the kernel's own word."""
    document = {**DOCUMENT, "sysctl": {FORWARD: 1, "net.ipv4.conf.all.accept_redirects": 0}}
    files = tree()
    with kernel.Monitor("") as monitor:
        check = run_module("document", check=True, name="pods", document=document)
    assert (check["changed"], monitor.changes, tree()) == (True, [], files)

    made = run_module("document", name="pods", document=document)
    assert made["changed"]
    assert made["invocation"]["module_args"]["document"] == sorted(DOCUMENT), "the controller has it already"
    shown = [[diff for diff in done["diff"] if "before_header" not in diff] for done in (check, made)]
    assert shown[0][0] == shown[1][0]
    assert json.loads(PODS.read_text()) == {"format": 1, **DOCUMENT}, "kernel parameters have a file of their own"
    assert kernel.run("sysctl", "-n", FORWARD) == "1\n"
    assert succeed("diff") == ""
    assert json.loads(kernel.run("curl", "-s", "http://10.9.0.2:8000/echo"))["client"] == "10.9.0.1"

    with kernel.Monitor("", "pod1") as monitor:
        again = run_module("document", name="pods", document=document)
    assert (again["changed"], monitor.changes) == (False, [])

    kernel.ip("", "link", "set", "vxlan0", "mtu", "1300")
    repaired = run_module("document", name="pods", document=document)
    assert [diff["after"] for diff in repaired["diff"] if diff["before"] != diff["after"]] == ["link vxlan0 mtu 1400\n"]

    assert run_module("document", name="pods", document=document, persist=False)["changed"]
    assert not WEFT.exists() and kernel.ip_json("", "link", "show", "dev", "vxlan0")

    gone = run_module("document", name="pods", document=document, state="absent")
    assert gone["changed"] and gone.rc == 0, gone
    assert {row["ifname"] for row in kernel.ip_json("", "link", "show")} & {"br0", "veth0", "vxlan0"} == set()
    assert "pod1" not in kernel.namespaces()
    assert (kernel.run("nft", "list", "ruleset"), kernel.run("sysctl", "-n", FORWARD)) == ("", "0\n")
    with kernel.Monitor("") as monitor:
        assert not run_module("document", name="pods", document=document, state="absent")["changed"]
    assert monitor.changes == []


@pytest.mark.parametrize(
    ("name", "document", "named"),
    [
        ("../pods", {}, ["name", "'../pods' is refused"]),
        ("pods", {"topology": {"namespaces": {"a/b": {}}}}, ["namespaces", "a/b"]),
        ("pods", {"resync": 100000}, ["document.resync", "86400"]),
        ("pods", {"masquerade": {"rules": [{"source": "10.9.0.1/24"}]}}, ["source", "10.9.0.0/24"]),
        ("pods", {"sysctl": {"ip_forward": 1}}, ["ip_forward", "net.ipv4.ip_forward"]),
    ],
)
def test_refused(name, document, named):
    before = tree()
    message = store(name=name, document=document)["msg"]
    assert [part for part in named if part not in message] == []
    assert "\n" not in message
    assert tree() == before


def test_there_and_back():
    before = tree()
    check = store(check=True, name="pods", document=DOCUMENT)
    assert check["changed"] and tree() == before

    made = store(name="pods", document=DOCUMENT)
    assert made["changed"] and made["diff"] == check["diff"]
    assert (made["file"], made["systemd"]) == (str(PODS), False)
    assert made["unit"].startswith("left out, since systemd does not run here")
    assert stat.S_IMODE(WEFT.stat().st_mode) == 0o700
    assert stat.S_IMODE(PODS.stat().st_mode) == 0o600
    assert json.loads(PODS.read_text()) == {"format": 1, **DOCUMENT}
    assert not pathlib.Path("/etc/systemd/system/weft-fabric.service").exists()
    target = os.readlink(COMMAND)
    assert [str(path) for path in pathlib.Path("/usr/local/lib/weft").iterdir()] == [target]
    assert pathlib.Path(target).name.startswith("weft-fabric-0.1.0-")

    again = store(name="pods", document=DOCUMENT)
    assert (again["changed"], again["diff"]) == (False, [])

    check = store(check=True, name="pods", state="absent")
    gone = store(name="pods", state="absent")
    assert check["changed"] and gone["changed"] and gone["diff"] == check["diff"]
    after = tree()
    assert {path: after[path] for path in after if after[path] != before.get(path)} == {}
    assert before.keys() - after.keys() <= {"/etc/systemd/networkd.conf.d"}
    assert not store(name="pods", state="absent")["changed"]


def test_the_last_document_takes_the_command_along(stored):
    assert store(name="overlay", document={"topology": {"namespaces": {}}})["changed"]
    assert store(name="pods", state="absent")["changed"]
    assert (os.path.exists(COMMAND), [path.name for path in WEFT.iterdir()]) == (True, ["overlay.json"])
    assert store(name="overlay", state="absent")["changed"]
    assert not os.path.lexists(COMMAND) and not WEFT.exists()


def test_network_managers_are_told(stored):
    network = pathlib.Path("/etc/systemd/network/10-weft-pods.network").read_text()
    assert "[Match]\nName=br0 veth0 vxlan0\n\n[Link]\nUnmanaged=yes\n" in network
    link = pathlib.Path("/etc/systemd/network/10-weft-pods.link").read_text()
    assert "[Match]\nOriginalName=br0 veth0 vxlan0\n\n[Link]\nMACAddressPolicy=none\n" in link
    manager = pathlib.Path("/etc/NetworkManager/conf.d/10-weft-pods.conf").read_text()
    assert "unmanaged-devices+=interface-name:br0;interface-name:veth0;interface-name:vxlan0\n" in manager
    networkd = pathlib.Path("/etc/systemd/networkd.conf.d/10-weft-fabric.conf").read_text()
    assert "ManageForeignRoutes=no\n" in networkd
    document = copy.deepcopy(DOCUMENT)
    document["topology"]["namespaces"][""] = {"links": [{"name": "br1", "kind": "bridge"}, {"name": "enp1s0"}]}
    assert store(name="pods", document=document)["changed"]
    assert "Name=br1\n" in pathlib.Path("/etc/systemd/network/10-weft-pods.network").read_text()


def test_no_manager_no_files():
    shutil.rmtree("/etc/NetworkManager")
    shutil.rmtree("/etc/systemd")
    assert store(name="pods", document=DOCUMENT)["changed"]
    assert not os.path.exists("/etc/NetworkManager") and not os.path.exists("/etc/systemd")


def test_dhcpcd_is_named(run_module):
    """It takes every interface that it is not told to leave: a line says so before ours are made, until it is told."""
    route = {"topology": {"namespaces": {"": {"routes": [{"dst": "10.8.0.0/16", "dev": "lo"}]}}}}

    def warnings(document):
        done = run_module("document", check=True, name="pods", document=document)
        return [warning["event"]["msg"] for warning in done.get("warnings", [])]

    assert warnings(DOCUMENT) == []
    kernel.run("mount", "-t", "tmpfs", "tmpfs", "/var/lib/dhcpcd")
    kernel.run("dhcpcd", "--background")
    try:
        (told,) = warnings(DOCUMENT)
        assert (
            ": dhcpcd runs and configures " in told and "'denyinterfaces br0 veth0 vxlan0' in /etc/dhcpcd.conf" in told
        )
        with open("/etc/dhcpcd.conf", "a", encoding="utf-8") as configuration:
            configuration.write("denyinterfaces veth* br0\n")
        (told,) = warnings(DOCUMENT)
        assert "'denyinterfaces vxlan0'" in told
        assert warnings(route) == []
    finally:
        kernel.run("dhcpcd", "--exit")
        kernel.run("umount", "/var/lib/dhcpcd")
    assert warnings(DOCUMENT) == []


def test_systemd_takes_the_units(tmp_path):
    """The units as systemd's own reader sees them. What systemd does with them is tested where it runs: in a VM."""
    with_timer = documents.parse("overlay", {"resync": 90})
    wanted = {change.path: change.after for change in install.plan([with_timer], systemd=True)}
    names = ["weft-fabric.service", "weft-fabric-resync.service", "weft-fabric.timer"]
    for name in names:
        text = wanted[f"/etc/systemd/system/{name}"].data.decode()
        (tmp_path / name).write_text(text.replace(COMMAND, "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in names)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert wanted["/etc/systemd/system/multi-user.target.wants/weft-fabric.service"].kind == "link"
    without = {change.path for change in install.plan([documents.parse("overlay", {})], systemd=True)}
    assert "/etc/systemd/system/weft-fabric.service" in without
    assert not any("timer" in path for path in without)


def test_units_stop_one_by_one_and_what_starts_the_others_first(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd cancels the job that stops a unit, and systemctl fails, when the timer starts that unit meanwhile."""
    asked = tmp_path / "asked"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$*" >>{asked}\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with_timer = documents.parse("overlay", {"resync": 90})
    install.apply(install.plan([with_timer], systemd=True), systemd=True)
    asked.unlink()
    install.apply(install.plan([], systemd=True), systemd=True)
    assert asked.read_text().splitlines() == [
        "stop weft-fabric.timer",
        "stop weft-fabric-resync.service",
        "stop weft-fabric.service",
        "daemon-reload",
    ]


@pytest.mark.parametrize(
    "chain, definition, stops",
    [
        ("ip filter FORWARD", "{ type filter hook forward priority 0; policy drop; }", True),
        ("inet own forwarded", "{ type filter hook forward priority 5; policy drop; }", True),
        ("inet firewalld filter_FORWARD", "{ type filter hook forward priority 10; policy accept; }", True),
        ("ip filter FORWARD", "{ type filter hook forward priority 0; policy accept; }", False),
        ("ip filter INPUT", "{ type filter hook input priority 0; policy drop; }", False),
        ("ip filter jumped", "", False),
    ],
)
def test_a_firewall_that_stops_what_is_forwarded_is_named(chain: str, definition: str, stops: bool, run_module) -> None:
    kernel.run("nft", f"add table {chain.rpartition(' ')[0]}; add chain {chain} {definition}")
    for check in (True, False):
        result = run_module("document", check=check, name="pods", document={"sysctl": {FORWARD: 1}})
        warnings = [warning["event"]["msg"] for warning in result.get("warnings", ())]
        assert bool(warnings) == stops
        for warning in warnings:
            assert warning.startswith(f"{os.uname().nodename}: the chain {chain} drops") and "\n" not in warning
    again = run_module("document", name="pods", document={"sysctl": {FORWARD: 1}})
    assert (again["changed"], again.get("warnings")) == (False, None), "said once, when it is made"


# -- the command -----------------------------------------------------------------------------------


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
    with kernel.Monitor("", "pod1") as monitor:
        assert succeed("diff") == ""
        assert succeed("apply") == ""
    assert monitor.changes == []


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
        ("nft add rule inet weft_pods postrouting accept", "pods: - accept"),
        ("kill $(ip netns pids pod1)", "pods: + echo server pod1: port 8000, new"),
        (
            # The end of a namespace takes the other ends of its veths along, only later.
            "kill $(ip netns pids pod1); ip netns delete pod1; while [ -e /sys/class/net/veth0 ]; do :; done",
            "pods: + namespace pod1",
        ),
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
    store(name="overlay", document={"topology": bridge})
    assert succeed("apply", "overlay").startswith("overlay: + link br7 type bridge")
    assert [row["ifname"] for row in kernel.ip_json("", "link", "show", "type", "bridge")] == ["br7"]
    assert command("diff", "overlay").returncode == 0
    assert command("diff").returncode == 2


def test_an_interface_that_is_not_there_yet(stored):
    """What depends on it is told and fails, what does not is made; tried again, all is there."""
    route = {"dst": "10.8.0.0/16", "via": "10.7.0.2", "dev": "late0"}
    store(name="mgmt_routing", document={"topology": {"namespaces": {"": {"routes": [route]}}}})
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
    store(name="overlay", document={"topology": bridge})
    kernel.ip("", "link", "add", "br7", "type", "bridge")
    done = command("apply", "--wait", "1")
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
    assert "\n  2   only with diff: the host is not as its documents say\n" in said


def test_the_reader_of_a_pipe_may_leave(stored):
    kernel.run("bash", "-o", "pipefail", "-c", f"{COMMAND} show | head -c 1")


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


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no document of weft.fabric"),
        ('{"format": 1, "topology": {"names', "is no document of weft.fabric"),
        ("\0" * 4096, "is no document of weft.fabric"),
        ("\xff\xfe", "is no document of weft.fabric"),
        ("[" * 100000, "is no document of weft.fabric"),
        ("[]", "it has no format number"),
        ('{"topology": {}}', "it has no format number"),
        ('{"format": 0}', "was written by an older weft.fabric (format 0, this one reads 1)"),
        ('{"format": 2}', "was written by a newer weft.fabric (format 2, this one reads 1)"),
        ('{"format": 1, "topology": {"namespaces": {"a/b": {}}}}', "cannot be replayed (namespaces: 'a/b' is refused"),
        ('{"format": 1, "topologie": {}}', "cannot be replayed (document.topologie: {} is refused"),
    ],
)
def test_a_document_that_cannot_be_used(stored, text, told):
    """An error in the journal and in the task; the network stays as it is, and so does the document."""
    succeed("apply")
    kernel.ip("", "link", "set", "br0", "down")
    PODS.write_bytes(text.encode("latin-1"))
    before = tree()
    with kernel.Monitor("", "pod1") as monitor:
        for arguments in (["apply"], ["diff"], ["show"]):
            done = command(*arguments)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
            assert f"weft-fabric: {PODS} " in done.stderr and told in done.stderr
        for name in ("pods", "overlay"):
            message = store(name=name, document=DOCUMENT)["msg"]
            assert told in message and "remove it, and run the playbook weft.fabric.site again" in message
    assert monitor.changes == []
    assert tree() == before
    # teardown takes it away, whatever it is.
    assert store(name="pods", state="absent")["changed"]
    assert not WEFT.exists()


def test_a_full_disk(run_module):
    """An error; the network stays as it is, the old document is kept, and nothing is left beside it."""
    WEFT.mkdir()
    kernel.run("mount", "-t", "tmpfs", "-o", "size=8k,mode=0700", "tmpfs", str(WEFT))
    try:
        assert store(name="pods", document=DOCUMENT)["changed"]
        old = PODS.read_bytes()
        larger = copy.deepcopy(DOCUMENT)
        larger["echo_server"]["namespaces"] += [f"pod{number}" for number in range(2, 2000)]
        message = store(name="pods", document=larger)["msg"]
        assert message == (f"cannot write {PODS}: No space left on device (ENOSPC); make room; the file is as it was")
        with kernel.Monitor("") as monitor:
            assert run_module("document", name="pods", document=larger)["msg"] == message
        assert monitor.changes == []
        assert ([path.name for path in WEFT.iterdir()], PODS.read_bytes()) == (["pods.json"], old)
        assert command("diff").returncode == 2
        kernel.run("mount", "-o", "remount,size=1m", str(WEFT))
        assert store(name="pods", document=larger)["changed"]
        assert store(name="pods", state="absent")["changed"]
        assert list(WEFT.iterdir()) == []
    finally:
        kernel.run("umount", str(WEFT))


_MUTATIONS = {"os.mkdir", "os.rmdir", "os.rename", "os.remove", "os.symlink", "os.chmod"}


def _killed_at(step: int, act: Callable[[], None]) -> bool:
    """Do it in a process of its own that ends without a word before its step-th change of the file system.

    :returns: whether it got that far; if not, all is done.
    """
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if event in _MUTATIONS or writes:
                left -= 1
                if not left:
                    os._exit(9)

        sys.addaudithook(hook)
        try:
            act()
        finally:
            os._exit(0 if left > 0 else 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _converge(*stored: documents.Stored) -> None:
    changes = install.plan(stored, systemd=False)
    if changes or install.interrupted():
        install.apply(changes, systemd=False)


def test_killed_between_any_two_steps(tmp_path):
    """From nothing to a document, to another one, and to nothing: each killed before each of its steps."""
    first = documents.parse("pods", DOCUMENT)
    other = copy.deepcopy(DOCUMENT)
    other["topology"]["namespaces"][""]["links"][0]["name"] = "br1"
    other["topology"]["namespaces"][""]["links"][1]["controller"] = "br1"
    second = documents.parse("pods", other)
    stages: list[list[documents.Stored]] = [[], [first], [second], []]
    for before, after in zip(stages, stages[1:]):
        _converge(*after)
        wanted = tree()
        step = 1
        while True:
            _converge(*before)
            if not _killed_at(step, lambda after=after: _converge(*after)):
                break
            if PODS.exists():
                assert PODS.read_text() in (str(first), str(second)), "a document is whole or not there"
            _converge(*after)
            assert tree() == wanted, f"step {step}"
            assert not install.interrupted()
            step += 1
        assert tree() == wanted
        assert step > 10


def test_teardown_takes_what_a_killed_run_left(stored):
    left = [
        WEFT / ".pods.json.weft-new",
        WEFT / ".overlay.json.weft-new",
        pathlib.Path("/usr/local/sbin/.weft-fabric.weft-new"),
    ]
    for path in left:
        path.write_text("half")
    assert store(name="pods", state="absent")["changed"]
    assert [path for path in left if path.exists()] == []
    assert not WEFT.exists()


def test_what_somebody_else_has_below_etc_weft_stays(stored):
    (WEFT / "Notes.json").write_text("mine")
    assert store(name="pods", state="absent")["changed"]
    assert [path.name for path in WEFT.iterdir()] == ["Notes.json"]
