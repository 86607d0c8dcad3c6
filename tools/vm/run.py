# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command that makes machines: tools/vm/run.py [--vagrant] -- COMMAND [ARGUMENT ...]

As root, in network, mount and process namespaces that end with the command, however it ends: nothing is left but the
boxes and the kernel, which are kept. machines.py makes machines there, by User-mode Linux if it can be had, else by
QEMU, which boots the box's own kernel; with WEFT_KERNEL=debian always by QEMU. With --vagrant, Vagrant makes them, with
a libvirt of its own; where one runs already, with that, as any user and in no namespaces.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import vagrant

HERE = pathlib.Path(__file__).resolve().parent
BOXES = ("debian12", "debian13")
PROBE_SECONDS = 10


def box(name: str) -> pathlib.Path:
    """The directory of a box, which is built if it is not there."""
    built = subprocess.run([HERE / "build_box.sh", name], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(built.stdout.strip())


def uml() -> str:
    """The path of a kernel that runs as a process, which is built if it is not there; empty where there is none."""
    if os.environ.get("WEFT_KERNEL") == "debian":
        return ""
    built = subprocess.run([HERE / "build_kernel.sh"], stdout=subprocess.PIPE, text=True, check=False)
    kernel = built.stdout.strip()
    return kernel if built.returncode == 0 and uml_works(kernel) else ""


def probe(machine: list[str]) -> subprocess.CompletedProcess[str] | None:
    """How a machine ended, unless it has stopped for ever."""
    # User-mode Linux would make this process's standard input one that does not block.
    nothing = subprocess.DEVNULL
    try:
        return subprocess.run(
            machine, stdin=nothing, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None


def uml_works(kernel: str) -> bool:
    """Whether the kernel runs a program of this machine. On some processors, some versions do not."""
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]
    # A namespace's first process cannot abort itself, as this kernel does in the end.
    with_memory = [*alone, 'mount -t tmpfs tmpfs /dev/shm && "$@"; exit', "sh", kernel, "mem=64M", "uml_dir=/dev/shm"]
    root = ["root=/dev/root", "rootfstype=hostfs", "init=/bin/echo", "--", "it", "works"]
    ended = probe([*with_memory, "seccomp=on", *root])
    return ended is not None and "it works" in ended.stdout


def kvm_works(kernel: pathlib.Path) -> bool:
    """Whether a kernel boots until it finds that it has no disk. /dev/kvm may be there and stop it for ever."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    machine = ["qemu-system-x86_64", "-accel", "kvm", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot"]
    ended = probe([*machine, "-kernel", str(kernel), "-append", "panic=-1"])
    return ended is not None and ended.returncode == 0


def run_alone(command: list[str], variables: dict[str, str]) -> int:
    """In namespaces whose processes all end with the first one, and that one with this process."""
    alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen([*alone, "--mount-proc", str(HERE / "alone.sh"), *command], env=variables) as unshare:
        try:
            return unshare.wait()
        finally:
            # unshare itself ends when none of the processes is left, and nobody writes to the home directory any more.
            subprocess.run(["pkill", "--signal", "KILL", "--parent", str(unshare.pid)], check=False)
            unshare.wait()


def run_on_machines(command: list[str], variables: dict[str, str]) -> int:
    boxes = [box(name) for name in BOXES]
    kernel = uml()
    kvm = "" if kernel or not kvm_works(boxes[0] / "vmlinuz") else "1"
    print(f"machines: {f'User-mode Linux, {kernel}' if kernel else 'by KVM' if kvm else 'emulated'}", flush=True)
    with tempfile.TemporaryDirectory(prefix="weft-vm-", dir="/var/tmp") as home:
        return run_alone(command, {**variables, "HOME": home, "WEFT_BOX": "", "WEFT_UML": kernel, "WEFT_KVM": kvm})


def run_with_vagrant(command: list[str], variables: dict[str, str]) -> int:
    variables = {**vagrant.environment(), **variables}
    if os.environ.get("WEFT_BOX"):
        # A public box, for the provider that the user has running: only that one has a network to fetch it from.
        return subprocess.run(command, env=variables, check=False).returncode
    boxes = [box(name) for name in BOXES]
    if vagrant.libvirt_runs():
        vagrant.add_boxes(boxes, variables)
        return subprocess.run(command, env=variables, check=False).returncode
    kvm = kvm_works(boxes[0] / "vmlinuz")
    print(f"machines: in a libvirt of their own, {'by KVM' if kvm else 'emulated'}", flush=True)
    with tempfile.TemporaryDirectory(prefix="weft-vm-", dir="/var/tmp") as home:
        variables["HOME"] = home
        if not kvm:
            vagrant.emulate(pathlib.Path(home))
        vagrant.add_boxes(boxes, variables)
        return run_alone([vagrant.OWN_LIBVIRT, *command], variables)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vagrant", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    # Like Ctrl-C: by an exception, on whose way out everything is undone.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    public_box = options.vagrant and bool(os.environ.get("WEFT_BOX"))
    if os.geteuid() != 0 and not (public_box or (options.vagrant and vagrant.libvirt_runs())):
        sys.exit("namespaces for the machines need root" + (", or a libvirt that runs" if options.vagrant else ""))
    if not public_box:
        subprocess.run([HERE.parent / "setup.sh", "vm"], check=True)
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    variables = {"MOLECULE_GLOB": "molecule/*/molecule.yml", **os.environ, "PATH": path}
    return (run_with_vagrant if options.vagrant else run_on_machines)(options.command, variables)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
