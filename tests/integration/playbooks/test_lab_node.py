# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes: what is the node's own in one, how they come and go, and the connection into them."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration import machine
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

LAB = pathlib.Path("/run/weft/testlab")


def in_node(node: str, *command: str, name: str = "testlab") -> str:
    return subprocess.run([*lab.enter(name, node), *command], capture_output=True, text=True, check=True).stdout.strip()


def namespaces(node: str) -> dict[str, int]:
    return {kind: (LAB / node / kind).stat().st_ino for kind in ("net", "uts", "mnt")}


@pytest.fixture
def make(run_module: Any) -> Iterator[Any]:
    """The module on the lab ``testlab``, which is gone afterwards, as all of it is before."""
    before = machine.mounts()

    def make_lab(*nodes: str, **more: Any) -> Any:
        result = run_module("lab_node", **{"lab": "testlab", "nodes": list(nodes), **more})
        assert result.rc == 0, result
        return result

    yield make_lab
    gone = run_module("lab_node", lab="testlab", state="absent")
    assert gone.rc == 0, gone
    assert machine.mounts() == before
    assert not pathlib.Path("/run/weft").exists()


def test_a_node_has_its_own_view(make: Any) -> None:
    name = os.uname().nodename
    assert make("network-1", "router")["changed"]
    assert in_node("network-1", "uname", "-n") == "network-1"
    assert in_node("network-1", "ls", "/sys/class/net") == "lo"
    assert "UP" in in_node("network-1", "ip", "-br", "link", "show", "lo")
    assert in_node("network-1", "ls", "-A", "/run") == ""
    assert in_node("network-1", "cat", "/etc/hostname") == "network-1"
    assert in_node("network-1", "getent", "hosts", "network-1").split() == ["127.0.1.1", "network-1"]
    in_node("network-1", "sh", "-c", "ip netns add pod1; echo x > /etc/weft-test; sysctl -qw net.ipv4.ip_forward=1")
    assert in_node("network-1", "ip", "netns", "list") == "pod1"
    assert in_node("router", "ip", "netns", "list") == ""
    assert in_node("router", "cat", "/proc/sys/net/ipv4/ip_forward") == "0"
    assert not pathlib.Path("/etc/weft-test").exists()
    assert not pathlib.Path("/run/netns/pod1").exists()
    assert os.uname().nodename == name


def test_etc_is_a_faithful_copy(make: Any) -> None:
    make("network-1")
    listing = ["find", "/etc", "-mindepth", "1", "!", "-path", "/etc/hostname", "!", "-path", "/etc/hosts",
               "-printf", r"%p %M %U %G [%l]\n"]  # fmt: skip
    here = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    assert sorted(in_node("network-1", *listing).splitlines()) == sorted(here.strip().splitlines())


def test_a_second_run_changes_nothing(make: Any) -> None:
    make("network-1", "router")
    before = {node: namespaces(node) for node in ("network-1", "router", "switches")}
    again = make("router", "network-1")
    assert (again["changed"], again["nodes"]) == (False, ["network-1", "router"])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert {node: namespaces(node) for node in before} == before


def test_check_mode_says_the_same_and_does_nothing(make: Any) -> None:
    said = make("network-1", check=True)
    assert not LAB.exists()
    done = make("network-1")
    assert (said["changed"], said["diff"], said["nodes"]) == (True, done["diff"], done["nodes"])
    said = make(state="absent", check=True)
    assert lab.exists("testlab", "network-1")
    assert said["diff"]["after"]["nodes"] == [] and said["changed"]


def test_the_list_of_nodes_is_authoritative(make: Any) -> None:
    make("network-1", "router")
    kept = namespaces("router")
    assert make("router", "network-2")["nodes"] == ["network-2", "router"]
    assert sorted(path.name for path in LAB.iterdir()) == ["network-2", "router", "switches"]
    assert namespaces("router") == kept
    named = in_node("switches", "ip", "netns", "list").splitlines()
    assert sorted(line.split()[0] for line in named) == ["network-2", "router"]


def test_the_switches_see_each_nodes_namespace(make: Any) -> None:
    make("network-1")
    assert int(in_node("switches", "stat", "-L", "-c", "%i", "/run/netns/network-1")) == namespaces("network-1")["net"]


def test_two_labs_side_by_side(make: Any, run_module: Any) -> None:
    make("network-1")
    assert run_module("lab_node", lab="other", nodes=["network-1"])["changed"]
    in_node("network-1", "ip", "link", "add", "only-here", "type", "bridge")
    assert "only-here" not in in_node("network-1", "ls", "/sys/class/net", name="other")
    assert make(state="absent")["changed"]
    assert in_node("network-1", "uname", "-n", name="other") == "network-1"
    assert run_module("lab_node", lab="other", state="absent")["changed"]


def test_nothing_of_an_absent_node_is_kept_by_another_mount_namespace(make: Any) -> None:
    """Every mount namespace that is made while a lab is there has copies of its mounts."""
    make("network-1")
    gone = namespaces("network-1")["net"]
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", "echo; read x; cat /proc/self/mountinfo"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:  # fmt: skip
        assert other.stdout is not None
        other.stdout.readline()
        make(state="absent")
        seen, _errors = other.communicate("\n")
    assert f"net:[{gone}]" not in seen and str(LAB) not in seen


def test_in_a_chroot_the_node_is_the_chroots(tmp_path: pathlib.Path) -> None:
    """Entering a mount namespace leads to its root, which outside of the chroot is the machine's."""
    script = f"""
set -e
mount --rbind / {tmp_path}
mount -t tmpfs tmpfs {tmp_path}/run
cp -a /etc {tmp_path}/run/etc
mount --bind {tmp_path}/run/etc {tmp_path}/etc
touch {tmp_path}/etc/only-in-the-chroot
chroot {tmp_path} {sys.executable} -m ansible_collections.weft.fabric.plugins.modules.lab_node > /dev/null
chroot {tmp_path} {" ".join(lab.enter("testlab", "network-1"))} sh -c '
    cat /etc/hostname; ls /etc/only-in-the-chroot; touch /etc/weft-test; pwd; ls -A /run'
[ ! -e {tmp_path}/etc/weft-test ]
chroot {tmp_path} {" ".join(lab.enter("testlab", "switches"))} ip netns list
"""
    args = json.dumps({"ANSIBLE_MODULE_ARGS": {"lab": "testlab", "nodes": ["network-1"]}})
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], input=args, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done
    assert done.stdout.split() == ["network-1", "/etc/only-in-the-chroot", "/", "network-1"]
    assert not pathlib.Path("/etc/weft-test").exists()


def test_absent_on_nothing(make: Any) -> None:
    assert make(state="absent")["changed"] is False


@contextlib.contextmanager
def living_in(node: str, script: str) -> Iterator[int]:
    """The pidfd of a shell that runs in a node, and has said that it does."""
    with subprocess.Popen([*lab.enter("testlab", node), "sh", "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pidfd = os.pidfd_open(process.pid)
        try:
            yield pidfd
        finally:
            os.close(pidfd)
            process.kill()


def has_ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 0)[0])


def test_absent_ends_what_lives_in_the_node(make: Any) -> None:
    make("network-1", "router")
    in_node("network-1", "ip", "netns", "add", "pod1")
    in_pod = "exec ip netns exec pod1 sh -c 'echo; exec sleep 600'"
    deaf = "trap '' TERM; echo; sleep 600; sleep 600"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(living_in("network-1", in_pod))
        second = stack.enter_context(living_in("network-1", deaf))
        third = stack.enter_context(living_in("router", "echo; exec sleep 600"))
        make("router")
        assert has_ended(first) and has_ended(second) and not has_ended(third)
        make(state="absent")
        assert has_ended(third)


def interrupted(step: int, **params: Any) -> bool:
    """Run the module and kill it with SIGKILL before its step-th command; False if it ended before."""
    script = f"""
import os, signal, sys
from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.plugins.modules import lab_node
count = 0
def hook(event, arguments):
    global count
    if event in ("subprocess.Popen", "os.mkdir", "os.remove", "os.rmdir") and "pycache" not in str(arguments):
        count += 1
        if count == {step}:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
lab_node.main()
"""
    args = {"ANSIBLE_MODULE_ARGS": {"lab": "testlab", **params}}
    done = subprocess.run([sys.executable, "-c", script], input=json.dumps(args), capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done
    return done.returncode != 0


@pytest.mark.parametrize("to", ["present", "absent"])
def test_interrupted_anywhere_the_next_run_arrives(make: Any, to: str) -> None:
    step = 0
    while True:
        step += 1
        if to == "absent":
            make("network-1")
        stopped = interrupted(step, state=to, **({"nodes": ["network-1"]} if to == "present" else {}))
        if to == "absent":
            make(state="absent")
            assert not LAB.exists()
        else:
            make("network-1")
            assert in_node("network-1", "uname", "-n") == "network-1"
            assert in_node("switches", "ip", "netns", "list").split()[0] == "network-1"
            assert make("network-1")["changed"] is False
            make(state="absent")
        if not stopped:
            break
    assert step > 10


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"lab": "../x", "nodes": ["a"]}, ["lab", "../x", "letters"]),
        ({"lab": "", "nodes": ["a"]}, ["lab", "''", "letters"]),
        ({"lab": "x", "nodes": ["a", "b c"]}, ["nodes[1]", "b c", "letters"]),
        ({"lab": "x", "nodes": ["a" * 65]}, ["nodes[0]", "at most 64"]),
        ({"lab": "x", "nodes": ["switches"]}, ["nodes", "switches", "choose another"]),
        ({"lab": "x"}, ["state is present", "nodes"]),
    ],
)
def test_bad_input_is_refused(run_module: Any, params: dict[str, Any], words: list[str]) -> None:
    result = run_module("lab_node", **params)
    assert result["failed"]
    for word in words:
        assert word in result["msg"]
    assert not pathlib.Path("/run/weft").exists()


def test_the_proc_of_another_pid_namespace_is_refused() -> None:
    module = [sys.executable, "-m", "ansible_collections.weft.fabric.plugins.modules.lab_node"]
    args = json.dumps({"ANSIBLE_MODULE_ARGS": {"lab": "testlab", "nodes": ["network-1"]}})
    done = subprocess.run(["unshare", "--pid", "--fork", *module], input=args, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 1
    assert "/proc is that of another PID namespace: mount it afresh" in done.stdout
    assert not LAB.exists()


@pytest.fixture
def inventory(make: Any, tmp_path: pathlib.Path) -> str:
    make("network-1", "router")
    path = tmp_path / "inventory.yml"
    path.write_text(
        "all: {hosts: {network-1: , router: }, vars: {ansible_connection: weft.fabric.node, lab_name: testlab,"
        f" ansible_python_interpreter: {sys.executable}}}}}\n"
    )
    return str(path)


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_connection(inventory: str, tmp_path: pathlib.Path, pipelining: str) -> None:
    def ansible(*words: str) -> str:
        return cli.succeed(tmp_path, "ansible", "-i", inventory, *words, ANSIBLE_PIPELINING=pipelining)

    assert ansible("all", "-m", "ansible.builtin.ping").count("pong") == 2
    assert ansible("all", "-m", "ansible.builtin.ping", "--check").count("pong") == 2
    assert "router | SUCCESS | rc=0 >>\nrouter\n" in ansible(
        "router", "-m", "ansible.builtin.command", "-a", "uname -n"
    ).replace("CHANGED", "SUCCESS")
    assert "lo\nrouter" in ansible("router", "-m", "ansible.builtin.raw", "-a", "ls /sys/class/net; uname -n")


def test_a_module_goes_by_standard_input_to_a_python_of_the_nodes_own(inventory: str, tmp_path: pathlib.Path) -> None:
    words = ["-vvv", "-i", inventory, "router", "-m", "ansible.builtin.command", "-a", "env"]
    said = cli.succeed(tmp_path, "ansible", *words, PYTHONUNBUFFERED="1", PYTHONPATH="/nowhere")
    assert "EXEC" in said and "PUT" not in said
    assert "PYTHON" not in said.partition("rc=0 >>")[2]


def test_a_task_runs_in_the_node_that_it_is_delegated_to(inventory: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "play.yml").write_text(
        "- {hosts: network-1, gather_facts: false, tasks: [{ansible.builtin.command: uname -n, register: said,"
        " delegate_to: router}, {ansible.builtin.debug: {msg: 'it was {{ said.stdout }}'}}]}\n"
    )
    said = cli.succeed(tmp_path, "ansible-playbook", "-i", inventory, str(tmp_path / "play.yml"))
    assert "it was router" in said


def test_files_are_the_nodes(inventory: str, tmp_path: pathlib.Path) -> None:
    content = os.urandom(1 << 20)
    (tmp_path / "sent").write_bytes(content)
    cli.succeed(tmp_path, "ansible", "-i", inventory, "router", "-m", "ansible.builtin.copy", "-a",
                f"src={tmp_path}/sent dest=/etc/weft-test mode=0600")  # fmt: skip
    assert not pathlib.Path("/etc/weft-test").exists()
    assert in_node("router", "stat", "-c", "%a %s", "/etc/weft-test") == f"600 {1 << 20}"
    cli.succeed(tmp_path, "ansible", "-i", inventory, "router", "-m", "ansible.builtin.fetch", "-a",
                f"src=/etc/weft-test dest={tmp_path}/back flat=true")  # fmt: skip
    assert (tmp_path / "back").read_bytes() == content


def test_become_in_a_node(inventory: str, tmp_path: pathlib.Path) -> None:
    in_node("router", "ip", "netns", "add", "pod1")
    command = ["ansible", "-i", inventory, "router", "-m", "ansible.builtin.command", "-a", "ip netns identify",
               "--become", "--become-method", "weft.fabric.netns"]  # fmt: skip
    assert ">>\npod1\n" in cli.succeed(tmp_path, *command, "-e", "weft_netns=pod1")
    missing = cli.run(tmp_path, *command, "-e", "weft_netns=pod9")
    assert missing.returncode != 0
    assert "Task failed: network namespace pod9 does not exist on this host: make it first" in missing.stdout
    unprivileged = cli.succeed(tmp_path, "ansible", "-i", inventory, "router", "-m", "ansible.builtin.raw", "-a",
                               "id -un; uname -n", "--become", "--become-user", "nobody")  # fmt: skip
    assert "nobody\nrouter" in unprivileged


def test_a_missing_node_is_named(inventory: str, tmp_path: pathlib.Path) -> None:
    done = cli.run(tmp_path, "ansible", "-i", inventory, "router", "-m", "ansible.builtin.ping", "-e", "lab_name=nolab")
    assert done.returncode == 4
    assert "lab node router of lab nolab does not exist: run the playbook weft.fabric.lab first" in done.stdout
