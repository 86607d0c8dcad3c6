# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines with an SSH server each, and a controller that has the collection from its tarball and no checkout.

They are lab nodes on one network. All that the controller's user and root of the machines have at home is their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.plugins.module_utils.values import derived_mac
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
HOME = "/run/home"
_ENGINES = "plugins/module_utils/host/engines.py"
_PYTHON = pathlib.Path(sys.executable)

_PREPARE = r"""
set -e
mkdir -p /run/home /run/sshd
sed -i 's#^\(root:[^:]*:0:0:[^:]*\):[^:]*#\1:/run/home#' /etc/passwd
ssh-keygen -q -t ed25519 -N '' -f /run/host_key
"""

_SSHD = (
    *("/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-o", "HostKey=/run/host_key", "-o", "StrictModes=no"),
    *("-o", "UsePAM=no", "-o", "PermitRootLogin=prohibit-password", "-o", "Subsystem=sftp internal-sftp"),
)

_SSH_CONFIG = """
Host *
    IdentityFile /run/home/key
    StrictHostKeyChecking accept-new
    ServerAliveInterval 5
"""


class Machines:
    """A lab of machines.

    :ivar home: the home of the controller's user.
    :ivar addresses: by name, each machine's address on eth0 with its prefix length.
    """

    def __init__(self, name: str, directory: pathlib.Path, addresses: dict[str, str]) -> None:
        self.name = name
        self.home = directory / "home"
        self.home.mkdir()
        self._directory = directory
        self.addresses = addresses
        self._servers = contextlib.ExitStack()

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """The machines, for the length of the block."""
        try:
            self._make("controller", *self.addresses)
            yield
        finally:
            self._lab(())
            self._servers.close()

    def reinstall(self, name: str) -> None:
        """Take everything from a machine, and its SSH host key as well."""
        # The kernel removes a namespace's cables some time after the namespace.
        self.at(name, "ip", "link", "delete", "eth0")
        self._lab(["controller", *(machine for machine in self.addresses if machine != name)])
        self._make(name)

    def inside(self, name: str, *command: str) -> list[str]:
        """The words of a command that runs in a machine, at its console."""
        return [*lab.enter(self.name, name), *command]

    def at(self, name: str, *command: str) -> str:
        """Run a command at the console of a machine; its standard output."""
        done = subprocess.run(self.inside(name, *command), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}: {' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout

    def start(self, commands: str) -> subprocess.Popen[str]:
        """Start a user's commands on the controller, in the user's home."""
        environment = {
            **cli.environment(pathlib.Path(HOME)),
            "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
            "PATH": f"{_PYTHON.parent}:{os.environ['PATH']}",
        }
        words = self.inside("controller", "sh", "-ec", f"cd\n{commands}")
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, commands: str, fails: bool = False) -> str:
        """Run a user's commands on the controller; what they print.

        :param fails: they have to fail.
        """
        with self.start(commands) as process:
            said = process.communicate(timeout=300)[0]
        assert bool(process.returncode) == fails, f"{commands}: status {process.returncode}\n{said}"
        return said

    def _make(self, *names: str) -> None:
        """Make machines that are missing, and prepare these."""
        self._lab(("controller", *self.addresses))
        for name in names:
            self.at(name, "sh", "-c", _PREPARE)
            if name == "controller":
                self._prepare_controller()
            else:
                self._serve(name)

    def _prepare_controller(self) -> None:
        self.at("controller", "mount", "--no-mtab", "--bind", str(self.home), HOME)
        self.at("controller", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{HOME}/key")
        (self.home / "ssh_config").write_text(_SSH_CONFIG, encoding="utf-8")
        self.at("controller", "cp", f"{HOME}/ssh_config", "/etc/ssh/ssh_config")
        (self.home / "ansible.cfg").write_text(f"[defaults]\ninterpreter_python = {_PYTHON}\n", encoding="utf-8")

    def _serve(self, name: str) -> None:
        """Start the SSH server of a machine. It ends with the machine."""
        keys = ("-o", f"AuthorizedKeysFile={self.home}/key.pub")
        server = subprocess.Popen(self.inside(name, *_SSHD, *keys), stderr=subprocess.PIPE, text=True)
        self._servers.enter_context(server)
        assert server.stderr is not None
        assert "listening" in server.stderr.readline()

    def _lab(self, names: Iterable[str]) -> None:
        """Make the machines of these names, and take all others away; without names, the lab itself."""
        addresses = {"controller": "192.0.2.1/24", **self.addresses}
        eth0 = {"name": "eth0", "switch": "lan"}
        # A machine keeps its MAC address when it is installed again, and others may still know that.
        hosts = {
            name: {"lab_interfaces": [{**eth0, "addresses": [addresses[name]], "mac_address": derived_mac(name)}]}
            for name in names
        }
        variables = {"lab_name": self.name, "lab_switches": ["lan"]}
        inventory = self._directory / "lab.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}), encoding="utf-8")
        state = "present" if hosts else "absent"
        more = ("-e", f"lab_state={state}")
        cli.succeed(self._directory, "ansible-playbook", "-i", str(inventory), "weft.fabric.lab", *more)


class Ping:
    """Echo requests of a pod, one every 20 ms, from now on."""

    INTERVAL = 0.02

    def __init__(self, site: Machines, node: str, pod: str, address: str) -> None:
        self._log = site.home / f"{node}-{pod}-{address}.log"
        ping = ("ip", "netns", "exec", pod, "ping", "-n", "-D", "-i", str(self.INTERVAL), address)
        with self._log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(site.inside(node, *ping), stdout=output, stderr=subprocess.STDOUT)

    def stop(self) -> dict[int, float]:
        """End it; by the number of each request that was answered, the time of the answer in seconds."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        text = self._log.read_text(encoding="utf-8")
        answers = re.findall(r"^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+) ", text, re.MULTILINE)
        assert answers, text[-500:]
        return {int(number): float(time) for time, number in reversed(answers)}


def build(directory: pathlib.Path, version: str = "") -> None:
    """Build the collection, as a tarball in a directory.

    :param version: another one than that of galaxy.yml.
    """
    source = CHECKOUT
    if version:
        source = directory.parent / version
        shutil.copytree(CHECKOUT, source, ignore=shutil.ignore_patterns(".*", "build", "tests", "tools"))
        for name, line in (("galaxy.yml", "version: {}"), (_ENGINES, 'VERSION = "{}"')):
            text = (source / name).read_text(encoding="utf-8")
            begin = line.partition("{}")[0]
            changed = re.sub(f"^{begin}.*$", line.format(version), text, flags=re.MULTILINE)
            (source / name).write_text(changed, encoding="utf-8")
    galaxy = ("ansible-galaxy", "collection", "build", str(source), "--output-path", str(directory))
    cli.succeed(directory, *galaxy)
