# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of a molecule scenario, in the namespaces that run.py made: tools/vm/machines.py up|down <PLATFORMS

PLATFORMS is the scenario's list in JSON. A platform has a name, a box, memory in MiB, cpus, and nics: each one's
address by the name of the bridge that it is connected to. The first is eth0. The host has the first address of each
bridge's network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
STATE = pathlib.Path.home() / "machines"
BOOT_SECONDS = 600
# What is no module, but part of the kernel, would make these whether anybody asks for them or not.
NO_LINKS = ("bonding.max_bonds=0", "dummy.numdummies=0", "ifb.numifbs=0", "fb_tunnels=none")


@dataclasses.dataclass(frozen=True)
class Nic:
    """A machine's interface.

    :ivar bridge: the name of the host's bridge that it is connected to.
    :ivar port: the name of that bridge's port, a tap.
    """

    bridge: str
    port: str
    address: ipaddress.IPv4Interface

    @property
    def mac(self) -> str:
        return "52:54:" + ":".join(f"{byte:02x}" for byte in self.address.ip.packed)

    def connect(self) -> None:
        """Make the port, and the bridge unless another machine has it already."""
        if not pathlib.Path("/sys/class/net", self.bridge).exists():
            ip("link", "add", self.bridge, "type", "bridge")
            ip("link", "set", self.bridge, "up")
            ip("address", "add", f"{self.address.network[1]}/{self.address.network.prefixlen}", "dev", self.bridge)
        ip("tuntap", "add", self.port, "mode", "tap")
        ip("link", "set", self.port, "master", self.bridge, "up")


@dataclasses.dataclass(frozen=True)
class Machine:
    """A platform of the scenario."""

    name: str
    box: pathlib.Path
    memory: int
    cpus: int
    nics: list[Nic]

    @property
    def directory(self) -> pathlib.Path:
        return STATE / self.name

    @property
    def address(self) -> str:
        return str(self.nics[0].address.ip)

    def boot_words(self) -> list[str]:
        """The kernel's command line: from it, systemd takes the name and the addresses."""
        addresses = [f"ip={nic.address.ip}:::{nic.address.netmask}::eth{n}:off" for n, nic in enumerate(self.nics)]
        return ["quiet", "net.ifnames=0", f"systemd.hostname={self.name}", *addresses, *NO_LINKS]

    def uml(self, kernel: str) -> list[str]:
        """The command that is the machine, until it is switched off or started again."""
        nics = enumerate(self.nics)
        return [
            kernel,
            f"mem={self.memory}M",
            f"ubd0={self.directory}/disk,{self.box}/disk",
            *("root=/dev/ubda", "rw"),
            f"uml_dir={self.directory}",
            # It would start itself again, while its taps are still in use.
            "noreboot",
            "seccomp=on",
            *("con=null", "con0=null,fd:1"),
            *(f"vec{n}:transport=tap,ifname={nic.port},depth=64,gro=1,mac={nic.mac}" for n, nic in nics),
            *self.boot_words(),
        ]

    def qemu(self, kvm: bool) -> list[str]:
        """The same with a virtual or an emulated processor."""
        disk = self.directory / "disk"
        backing = ["-F", "raw", "-b", str(self.box / "disk")]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(disk)], check=True)
        command = ["qemu-system-x86_64", "-accel", "kvm"] if kvm else [str(HERE / "qemu_tcg.sh"), "-accel", "tcg"]
        command += ["-cpu", "max", "-smp", str(self.cpus), "-m", str(self.memory)]
        command += ["-nodefaults", "-display", "none", "-serial", "stdio", "-drive", f"file={disk},if=virtio"]
        command += ["-kernel", str(self.box / "vmlinuz"), "-initrd", str(self.box / "initrd")]
        command += ["-append", " ".join(["root=/dev/vda", "console=ttyS0", *self.boot_words()])]
        for n, nic in enumerate(self.nics):
            command += ["-netdev", f"tap,id=nic{n},ifname={nic.port},script=no,downscript=no"]
            command += ["-device", f"virtio-net-pci,netdev=nic{n},mac={nic.mac}"]
        return command

    def boot(self) -> subprocess.Popen[bytes]:
        self.directory.mkdir(parents=True)
        for nic in self.nics:
            nic.connect()
        kernel = os.environ["WEFT_UML"]
        command = self.uml(kernel) if kernel else self.qemu(kvm=bool(os.environ["WEFT_KVM"]))
        # A namespace of processes ends with its first one, and so do all that the kernel is made of.
        until_it_fails = f"while {shlex.join(command)}; do :; done"
        alone = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", until_it_fails]
        with (self.directory / "console").open("wb") as console:
            process = subprocess.Popen(
                alone,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "TMPDIR": "/dev/shm"},
            )
        (self.directory / "pid").write_text(str(process.pid), encoding="ascii")
        return process

    def answers(self) -> bool:
        """Whether its SSH server does."""
        try:
            with socket.create_connection((self.address, 22), timeout=5) as connection:
                return connection.recv(3) == b"SSH"
        except OSError:
            return False

    def end(self) -> None:
        """End the machine if it runs, and remove all that was made for it."""
        if not self.directory.exists():
            return
        # It may have ended by itself, or never begun.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.directory / "pid").read_text(encoding="ascii")), signal.SIGKILL)
        for name in {name for nic in self.nics for name in (nic.port, nic.bridge)}:
            subprocess.run(["ip", "link", "delete", name], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.directory)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def machine(platform: dict[str, Any]) -> Machine:
    built = subprocess.run([HERE / "build_box.sh", platform["box"]], stdout=subprocess.PIPE, text=True, check=True)
    name = platform["name"]
    nics = [
        Nic(bridge, f"{name}.{number}", ipaddress.IPv4Interface(address))
        for number, (bridge, address) in enumerate(platform["nics"].items())
    ]
    return Machine(name, pathlib.Path(built.stdout.strip()), platform["memory"], platform["cpus"], nics)


def up(machines: list[Machine]) -> None:
    """Boot all, wait until they can be reached, and print what molecule needs to know for that.

    :raises SystemExit: one has ended, or does not answer for a long time; with the end of its console.
    """
    booted = [(machine.boot(), machine) for machine in machines]
    deadline = time.monotonic() + BOOT_SECONDS
    for process, machine in booted:
        while not machine.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                console = (machine.directory / "console").read_text(encoding="utf-8", errors="replace")
                sys.exit(f"{machine.name} cannot be reached; the end of its console:\n{console[-2000:]}")
            time.sleep(0.2)
    login = {"user": "vagrant", "port": "22"}
    reached = [
        {"instance": machine.name, "address": machine.address, "identity_file": str(machine.box / "key"), **login}
        for machine in machines
    ]
    print(json.dumps(reached))


def main() -> None:
    if sys.argv[1:] not in (["up"], ["down"]):
        sys.exit(__doc__.splitlines()[0])
    machines = [machine(platform) for platform in json.load(sys.stdin)]
    if sys.argv[1] == "up":
        up(machines)
    else:
        for each in machines:
            each.end()


if __name__ == "__main__":
    main()
