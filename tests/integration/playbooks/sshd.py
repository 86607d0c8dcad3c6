# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric behind real sshds: nodes of a lab, and a controller that has a namespace and an address of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric, standing

CONTROLLER = "controller"
NODES = ("alpha", "beta")
ADDRESSES = {CONTROLLER: "192.0.2.1", "alpha": "192.0.2.11", "beta": "192.0.2.12"}
MACS = {"alpha": "52:54:00:00:00:11", "beta": "52:54:00:00:00:12", CONTROLLER: "52:54:00:00:00:01"}

_SSHD = """
set -e
mkdir -p /run/sshd
cp "$1/user_key.pub" /etc/ssh/weft-test.pub
exec /usr/sbin/sshd -D -e -f "$1/sshd_config"
"""
_CONFIG = """
ListenAddress 0.0.0.0
HostKey {home}/host_key
AuthorizedKeysFile /etc/ssh/weft-test.pub
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""


def inventory(name: str) -> Any:
    """Two nodes with a pod each, and a controller that is no part of the fabric."""

    def interface(host: str) -> dict[str, Any]:
        nic = {"name": "nic0", "switch": "lan", "addresses": [f"{ADDRESSES[host]}/24"], "mac_address": MACS[host]}
        return {"lab_interfaces": [nic]}

    nodes = {
        host: {
            **interface(host),
            "overlay_node": {"number": number, "address": ADDRESSES[host], "dev": "nic0"},
            "pods_pods": [{"name": f"pod{number}", "address": f"10.50.{number}.2"}],
        }
        for number, host in enumerate(NODES)
    }
    variables = {
        "ansible_connection": "weft.fabric.node",
        "ansible_python_interpreter": sys.executable,
        "lab_name": name,
        "lab_switches": ["lan"],
        "overlay_cidr": "10.50.0.0/16",
    }
    children = {"nodes": {"hosts": nodes}, "others": {"hosts": {CONTROLLER: interface(CONTROLLER)}}}
    return {"all": {"children": children, "vars": variables}}


class Site:
    """The nodes, as a controller reaches them.

    :ivar fabric: the lab; its own inventory enters the nodes without SSH.
    """

    def __init__(self, fabric: Fabric, home: pathlib.Path) -> None:
        self.fabric = fabric
        self.home = home
        self.before = ["nsenter", f"--net=/run/weft/{fabric.lab}/{CONTROLLER}/net"]

    def file(self, name: str = "ssh", **pods: Sequence[dict[str, Any]]) -> str:
        """An inventory for the way by SSH.

        :param pods: by node, pods besides its own one.
        """
        found = inventory(self.fabric.lab)
        options = "-F none -o ControlMaster=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        found["all"]["vars"] |= {
            "ansible_connection": "ssh",
            "ansible_user": "root",
            "ansible_ssh_args": f"{options} -o LogLevel=ERROR -o ServerAliveInterval=5 -o ServerAliveCountMax=2",
            "ansible_ssh_private_key_file": str(self.home / "user_key"),
        }
        hosts = found["all"]["children"]["nodes"]["hosts"]
        for host in NODES:
            hosts[host]["ansible_host"] = ADDRESSES[host]
            hosts[host]["pods_pods"] += pods.get(host, ())
        path = self.home / f"{name}.json"
        path.write_text(json.dumps(found), encoding="utf-8")
        return str(path)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the controller, however it ends."""
        return cli.run(self.home, *command, before=self.before, ANSIBLE_REMOTE_TMP="~/.ansible/tmp")

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start one there."""
        program = str(pathlib.Path(sys.executable).parent / command[0])
        environment = {**cli.environment(self.home), "ANSIBLE_REMOTE_TMP": "~/.ansible/tmp"}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*self.before, program, *command[1:]], env=environment, text=True, **pipes)  # type: ignore[call-overload,no-any-return]

    def status(self, host: str) -> Any:
        """What a node says of its generation."""
        return json.loads(self.fabric.node(host, "sh", "-c", "weft-fabric status --json || [ $? = 2 ]"))

    def exists(self, host: str, path: str) -> bool:
        return self.fabric.node(host, "sh", "-c", f"test -e {path} && echo yes || :") == "yes\n"

    def reaches(self, host: str) -> bool:
        """Whether the controller reaches a node."""
        ping = [*self.before, "ping", "-c1", "-W1", ADDRESSES[host]]
        return subprocess.run(ping, capture_output=True, check=False).returncode == 0

    def is_settled(self, host: str) -> bool:
        """Whether a node has gone back, or has been confirmed."""
        return not self.exists(host, "/run/weft-fabric.guard") and bool(self.status(host)["confirmed"])


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process with everything that it has started: Ansible's workers have sessions of their own."""
    tree = [process.pid]
    for parent in tree:
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
        tree += map(int, found.stdout.split())
    for number in tree:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.communicate()


@contextlib.contextmanager
def reachable(home: pathlib.Path, name: str) -> Iterator[Site]:
    """The lab with its sshds, for the length of the block."""
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)], check=True)
    (home / "sshd_config").write_text(_CONFIG.format(home=home), encoding="utf-8")
    with standing(home, inventory(name)) as fabric, contextlib.ExitStack() as stack:
        for host in NODES:
            command = [*lab.enter(name, host), "sh", "-c", _SSHD, "sh", str(home)]
            sshd = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
            stack.callback(sshd.kill)
            assert sshd.stderr is not None and "listening" in sshd.stderr.readline()
        site = Site(fabric, home)
        kernel.eventually(lambda: all(map(site.reaches, NODES)))
        yield site
