# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in place of namespaces, processes in place of servers, and limits: one line of error, or the right answer."""

from __future__ import annotations

import fcntl
import os
import pathlib
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.probe import echo_server
from ansible_collections.weft.fabric.tests.integration import kernel

NETNS = pathlib.Path("/run/netns")


def empty(path: pathlib.Path) -> None:
    path.write_text("", encoding="utf-8")


def unix_socket(path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def circle(path: pathlib.Path) -> None:
    path.symlink_to(path)


def dangling(path: pathlib.Path) -> None:
    path.symlink_to("/nowhere")


FILES = {
    "empty": empty,
    "socket": unix_socket,
    "circle": circle,
    "fifo": os.mkfifo,
    "directory": os.mkdir,
    "dangling": dangling,
}


@pytest.fixture(params=FILES)
def odd(request: pytest.FixtureRequest) -> str:
    """The name of a file in the directory of namespaces that is none."""
    NETNS.mkdir(exist_ok=True)
    path = NETNS / f"odd-{request.param}"
    FILES[request.param](path)
    request.addfinalizer(path.rmdir if request.param == "directory" else path.unlink)
    return path.name


def test_a_file_that_is_no_namespace(run_module, ns, odd: str) -> None:
    other = ns()
    found = run_module("topology_info")["namespaces"]
    assert other in found and odd not in found
    for module, arguments in (
        ("topology_info", {"namespaces": [odd]}),
        ("reachability", {"netns": odd, "targets": [{"name": "lo", "address": "127.0.0.1"}]}),
        ("masquerade", {"netns": odd, "rules": [{"source": "10.0.0.0/8"}]}),
        ("bridge", {"netns": odd, "name": "br0"}),
        ("route", {"netns": odd, "routes": [{"dst": "10.0.0.0/8", "dev": "lo"}]}),
    ):
        result = run_module(module, **arguments)
        assert result.rc == 1 and odd in result["msg"] and "\n" not in result["msg"], (module, result)


def test_namespaces_come_and_go_meanwhile(run_module) -> None:
    end = threading.Event()

    def churn() -> None:
        while not end.is_set():
            for number in range(4):
                kernel.run("ip", "netns", "add", f"churn{number}")
            for number in range(4):
                kernel.run("ip", "netns", "delete", f"churn{number}")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        limit = time.monotonic() + 5
        while time.monotonic() < limit:
            result = run_module("topology_info")
            assert result.rc == 0 or "churn" in result["msg"], result
    finally:
        end.set()
        thread.join()


def test_more_namespaces_than_open_files(run_module, ns) -> None:
    names = [ns() for _number in range(100)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        wanted = {
            "": {
                "links": [
                    {"name": f"host{number}", "kind": "veth", "peer": {"name": "eth0", "netns": name}}
                    for number, name in enumerate(names)
                ]
            },
            **{name: {"addresses": [{"dev": "eth0", "address": "10.0.0.1/32"}]} for name in names},
        }
        assert run_module("topology", namespaces=wanted)["changed"]
        assert not run_module("topology", namespaces=wanted)["changed"]
        found = run_module("topology_info")["namespaces"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for number, name in enumerate(names):
        (link,) = [link for link in found[""]["links"] if link["name"] == f"host{number}"]
        assert link["peer"] == {"name": "eth0", "netns": name}
    assert run_module("topology", namespaces=wanted, state="absent")["changed"]


@pytest.mark.parametrize(
    ("netns", "port"), [("pod1", "word"), ("../../tmp/fifo", "8000"), ("pod1", "70000"), ("", "8000"), ("a b", "1")]
)
@pytest.mark.parametrize("user", [0, 65534])
def test_a_process_with_the_command_line_of_a_server(netns: str, port: str, user: int) -> None:
    words = [sys.executable, "-I", "-S", "-c", "import sys; print('up', flush=True); sys.stdin.read()", "3"]
    command = [*words, echo_server.MARK, netns, port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=user, group=user) as process:
        assert process.stdout and process.stdin and process.stdout.readline() == b"up\n"
        assert process.pid not in [server.pid for server in echo_server.running()]
        process.stdin.close()


def test_a_users_process_is_no_server(ns) -> None:
    """Even if its command line is one of a server's in every word."""
    name = ns()
    words = [sys.executable, "-I", "-S", "-c", "import sys; print('up', flush=True); sys.stdin.read()", "3"]
    command = [*words, echo_server.MARK, name, "8000"]
    for user, known in ((0, True), (65534, False)):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=user, group=user) as process:
            assert process.stdout and process.stdin and process.stdout.readline() == b"up\n"
            assert (process.pid in [server.pid for server in echo_server.running()]) is known
            process.stdin.close()


def test_brackets_without_end(run_module, ns) -> None:
    result = run_module("cni", attachments=[{"netns": ns(), "network": "[" * 100_000}])
    assert result.rc == 1 and "[0].network: '[[[" in result["msg"] and len(result["msg"]) < 400


ADDRESSES = "networks/mynet"


def at_the_address(kind: str, directory: pathlib.Path, secret: pathlib.Path) -> None:
    FILES[kind](directory / "10.9.0.2") if kind != "dangling" else (directory / "10.9.0.2").symlink_to(secret)


def in_place_of_the_lock(kind: str, directory: pathlib.Path, secret: pathlib.Path) -> None:
    FILES[kind](directory / "lock") if kind != "dangling" else (directory / "lock").symlink_to(secret)


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("place", [at_the_address, in_place_of_the_lock])
@pytest.mark.parametrize("kind", ["fifo", "dangling", "circle", "socket"])
def test_addresses_in_a_directory_of_somebody_else(run_module, ns, tmp_path, place, kind: str) -> None:
    """Nobody waits for a FIFO's other end, and no link is followed."""
    pod, secret = ns(), tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    directory = tmp_path / ADDRESSES
    directory.mkdir(parents=True)
    place(kind, directory, secret)
    ipam = {"type": "host-local", "subnet": "10.9.0.0/24", "dataDir": str(tmp_path / "networks")}
    network = {"name": "mynet", "type": "bridge", "ipam": ipam}
    result = run_module("cni", attachments=[{"netns": pod, "network": network}])
    assert f"{directory}/" in result["msg"] and "there: remove it" in result["msg"] and "\n" not in result["msg"]
    assert secret.read_text(encoding="utf-8") == "secret"
    assert [link["ifname"] for link in kernel.ip_json(pod, "link")] == ["lo"]


@pytest.mark.usefixtures("disk")
def test_a_directory_of_addresses_that_is_a_link(run_module, ns, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "networks").mkdir()
    (tmp_path / ADDRESSES).symlink_to(tmp_path / "elsewhere")
    ipam = {"type": "host-local", "subnet": "10.9.0.0/24", "dataDir": str(tmp_path / "networks")}
    network = {"name": "mynet", "type": "bridge", "ipam": ipam}
    for check in (True, False):
        result = run_module("cni", check=check, attachments=[{"netns": ns(), "network": network}])
        assert f"cannot read {tmp_path / ADDRESSES}" in result["msg"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.usefixtures("disk")
def test_a_lock_that_is_held_for_ever(run_module, ns, tmp_path, monkeypatch) -> None:
    directory = tmp_path / ADDRESSES
    directory.mkdir(parents=True)
    monkeypatch.setattr(files, "LOCK_LIMIT", 0.2)
    with open(directory / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(KernelError, match="another process changes this host"):
            files.locked(str(directory / "lock"), 0o640)
