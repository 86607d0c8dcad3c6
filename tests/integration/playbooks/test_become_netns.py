# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Become into a pod of a host behind a real sshd, as users that have to ask sudo."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

HOST = lab.enter("testssh", "host")
PASSWORD = "horse battery"

SSHD_CONFIG = """
ListenAddress 127.0.0.1
HostKey {directory}/host_key
AuthorizedKeysFile /etc/ssh/weft-test.pub
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""

USERS = """
set -e
mkdir -p /run/sshd /run/free /run/asked
printf '%s\\n' free:x:42001:42001::/run/free:/bin/sh asked:x:42002:42002::/run/asked:/bin/sh >> /etc/passwd
printf '%s\\n' free:x:42001: asked:x:42002: >> /etc/group
printf '%s\\n' 'free:*:19000::::::' "asked:$(openssl passwd -6 "$1"):19000::::::" >> /etc/shadow
printf '%s\\n' 'free ALL=(ALL) NOPASSWD: ALL' 'asked ALL=(ALL) ALL' > /etc/sudoers.d/weft-test
chown free: /run/free
chown asked: /run/asked
cp "$2" /etc/ssh/weft-test.pub
ip netns add pod1
ip -n pod1 link set lo up
"""

PAGE = """
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from the pod")
server = http.server.HTTPServer(("127.0.0.1", 8000), Page)
print("ready", flush=True)
server.serve_forever()
"""


def generate_key(path: pathlib.Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


@pytest.fixture(scope="module")
def host(run_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """A lab node with sshd, two users, and a pod that serves HTTP. Its directory, with the keys and an inventory."""
    directory = tmp_path_factory.mktemp("ssh")
    made = run_module("lab_node", lab="testssh", nodes=["host"])
    assert made.rc == 0, made
    try:
        generate_key(directory / "host_key")
        generate_key(directory / "user_key")
        subprocess.run([*HOST, "sh", "-c", USERS, "sh", PASSWORD, str(directory / "user_key.pub")], check=True)
        host_key = (directory / "host_key.pub").read_text()
        (directory / "known_hosts").write_text(f"127.0.0.1 {host_key}")
        (directory / "sshd_config").write_text(SSHD_CONFIG.format(directory=directory))
        known_hosts = f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={directory}/known_hosts"
        options = f"-F none -o ControlMaster=no {known_hosts}"
        (directory / "inventory").write_text(
            f"server ansible_host=127.0.0.1 ansible_ssh_args='{options}' ansible_python_interpreter={sys.executable}"
            f" ansible_ssh_private_key_file={directory}/user_key ansible_become_method=weft.fabric.netns\n"
        )
        sshd = subprocess.Popen([*HOST, "/usr/sbin/sshd", "-D", "-e", "-f", str(directory / "sshd_config")],
                                stderr=subprocess.PIPE, text=True)  # fmt: skip
        page = subprocess.Popen([*HOST, "ip", "netns", "exec", "pod1", sys.executable, "-c", PAGE],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        with sshd, page:
            assert sshd.stderr is not None and page.stdout is not None
            assert "listening" in sshd.stderr.readline()
            assert page.stdout.readline() == "ready\n"
            try:
                yield directory
            finally:
                gone = run_module("lab_node", lab="testssh", state="absent")
        assert gone.rc == 0, gone
    finally:
        run_module("lab_node", lab="testssh", state="absent")


@pytest.fixture
def ansible(host: pathlib.Path, tmp_path: pathlib.Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a module on the server, as the user that is named first."""

    def run(user: str, module: str, arguments: str, *more: str, **environment: str) -> Any:
        return cli.run(
            tmp_path, "ansible", "-i", str(host / "inventory"), "server", "-u", user, "-m", f"ansible.builtin.{module}",
            "-a", arguments, *more, before=["nsenter", "--net=/run/weft/testssh/host/net"],
            ANSIBLE_REMOTE_TMP="~/.ansible/tmp", **environment,
        )  # fmt: skip

    return run


IN_POD = ["--become", "-e", "weft_netns=pod1"]
URI = "url=http://127.0.0.1:8000/echo return_content=true"


def test_the_machine_is_not_what_is_connected_to(host: pathlib.Path) -> None:
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 22)) != 0
    assert "free:x:42001" not in pathlib.Path("/etc/passwd").read_text()


def test_only_the_pod_has_the_server(ansible: Any) -> None:
    outside = ansible("root", "uri", URI)
    assert outside.returncode == 2 and "Connection refused" in outside.stdout


@pytest.mark.parametrize("pipelining", ["true", "false"])
@pytest.mark.parametrize("user", ["free", "root"])
def test_a_stock_module_in_a_pod(ansible: Any, user: str, pipelining: str) -> None:
    inside = ansible(user, "uri", URI, *IN_POD, ANSIBLE_PIPELINING=pipelining)
    assert inside.returncode == 0 and '"content": "from the pod"' in inside.stdout, inside


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_with_a_password(ansible: Any, pipelining: str) -> None:
    secret = ["-e", f"{{'ansible_become_password': '{PASSWORD}'}}"]
    inside = ansible("asked", "uri", URI, *IN_POD, *secret, ANSIBLE_PIPELINING=pipelining)
    assert inside.returncode == 0 and '"content": "from the pod"' in inside.stdout, inside


def test_a_wrong_and_a_missing_password(ansible: Any) -> None:
    wrong = ansible("asked", "command", "id", *IN_POD, "-e", "ansible_become_password=guess")
    assert "Task failed: Incorrect sudo password" in wrong.stdout
    missing = ansible("asked", "command", "id", *IN_POD)
    assert "Task failed: Missing sudo password" in missing.stdout


def test_sys_is_the_pods(ansible: Any) -> None:
    assert ">>\nlo\n" in ansible("free", "command", "ls /sys/class/net", *IN_POD).stdout
    assert ">>\npod1\n" in ansible("free", "command", "ip netns identify", *IN_POD).stdout


@pytest.mark.parametrize(
    ("user", "become_user", "effective"),
    [("free", "root", "root"), ("root", "root", "root"), ("free", "nobody", "nobody"), ("root", "nobody", "nobody")],
)
def test_become_user(ansible: Any, user: str, become_user: str, effective: str) -> None:
    done = ansible(user, "raw", "id -un; ip netns identify", *IN_POD, "--become-user", become_user)
    assert f">>\n{effective}\npod1\n" in done.stdout, done


@pytest.mark.parametrize("pipelining", ["true", "false"])
@pytest.mark.parametrize("user", ["free", "root"])
def test_a_missing_namespace_is_named(ansible: Any, user: str, pipelining: str) -> None:
    done = ansible(user, "command", "id", "--become", "-e", "weft_netns=pod9", ANSIBLE_PIPELINING=pipelining)
    assert done.returncode == 2
    assert (
        "Task failed: network namespace pod9 does not exist on this host: make it first, for example with "
        "weft.fabric.netns or the role weft.fabric.pods, or correct weft_netns" in done.stdout
    )


@pytest.mark.parametrize("name", ["../etc/passwd", "a b", ".."])
def test_a_name_that_cannot_be_one_is_refused(ansible: Any, name: str) -> None:
    done = ansible("free", "command", "id", "--become", "-e", f"{{'weft_netns': '{name}'}}")
    assert done.returncode == 2
    assert f"Task failed: weft_netns: '{name}' is refused" in done.stdout


def test_no_name_at_all(ansible: Any) -> None:
    done = ansible("free", "command", "id", "--become")
    assert done.returncode == 2
    assert "Required config 'netns'" in done.stdout
