# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command that makes virtual machines with Vagrant: tools/vm/run.py -- COMMAND [ARGUMENT ...]

Where libvirt runs already, the command uses that. Elsewhere, as root, it gets a libvirt of its own, in network, mount
and process namespaces that end with the command, however it ends: nothing of it is left but the boxes, which are kept.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BOXES = ("debian12", "debian13")
KVM_SECONDS = 10


def libvirt_runs() -> bool:
    """Whether this user may use a libvirt that runs."""
    if not shutil.which("virsh"):
        return False
    ask = ["virsh", "--connect", "qemu:///system", "uri"]
    try:
        return subprocess.run(ask, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def box(name: str) -> pathlib.Path:
    """The directory of a box, which is built if it is not there."""
    built = subprocess.run([HERE / "build_box.sh", name], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(built.stdout.strip())


def kvm_works(kernel: pathlib.Path) -> bool:
    """Whether a kernel boots until it finds that it has no disk. /dev/kvm may be there and stop it for ever."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    machine = ["qemu-system-x86_64", "-accel", "kvm", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot"]
    boot = [*machine, "-kernel", str(kernel), "-append", "panic=-1"]
    try:
        return subprocess.run(boot, capture_output=True, timeout=KVM_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def environment() -> dict[str, str]:
    """What Vagrant and its molecule driver need to be told, wherever they run."""
    driver = importlib.util.find_spec("molecule_plugins.vagrant")
    if driver is None:
        sys.exit("no molecule-plugins beside this Python: make setup-dev, and run this with .venv/bin/python")
    return {
        "VAGRANT_DEFAULT_PROVIDER": "libvirt",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_BOX_UPDATE_CHECK_DISABLE": "1",
        # Debian's Vagrant comes with other versions of its libraries than it declares.
        "VAGRANT_DISABLE_STRICT_DEPENDENCY_ENFORCEMENT": "1",
        "MOLECULE_GLOB": "molecule/*/molecule.yml",
        **os.environ,
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin",
        "ANSIBLE_LIBRARY": str(pathlib.Path(driver.submodule_search_locations[0], "modules")),
    }


def add_boxes(boxes: list[pathlib.Path], variables: dict[str, str]) -> None:
    for path in boxes:
        (catalogue,) = path.glob("*.json")
        add = ["vagrant", "box", "add", "--force", "--provider", "libvirt", str(catalogue)]
        subprocess.run(add, env=variables, stdout=subprocess.DEVNULL, check=True)


def run_with_own_libvirt(command: list[str], boxes: list[pathlib.Path], variables: dict[str, str]) -> int:
    """In namespaces whose processes all end with the first one, and that one with this process."""
    accelerator = "kvm" if kvm_works(boxes[0] / "vmlinuz") else "tcg"
    print(f"virtual machines: in a libvirt of their own, by {accelerator.upper()}", flush=True)
    alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    with tempfile.TemporaryDirectory(prefix="weft-vm-", dir="/var/tmp") as state:
        variables = {**variables, "HOME": state}
        if accelerator == "tcg":
            settings = pathlib.Path(state, ".vagrant.d", "Vagrantfile")
            settings.parent.mkdir()
            settings.symlink_to(HERE / "tcg.rb")
        add_boxes(boxes, variables)
        inside = [*alone, "--mount-proc", str(HERE / "own_libvirt.sh"), *command]
        with subprocess.Popen(inside, env=variables) as unshare:
            try:
                return unshare.wait()
            finally:
                # unshare itself ends when none of the processes is left, and nobody writes to the directory any more.
                subprocess.run(["pkill", "--signal", "KILL", "--parent", str(unshare.pid)], check=False)
                unshare.wait()


def main() -> int:
    if sys.argv[1:2] != ["--"] or not sys.argv[2:]:
        sys.exit(__doc__.splitlines()[0])
    command = sys.argv[2:]
    # Like Ctrl-C: by an exception, on whose way out everything is undone.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    variables = environment()
    if os.environ.get("WEFT_BOX"):
        # A public box, for the provider that the user has running: only that one has a network to fetch it from.
        return subprocess.run(command, env=variables, check=False).returncode
    own = not libvirt_runs()
    if own and os.geteuid() != 0:
        sys.exit("no libvirt runs that this user may use: start libvirtd, or run this as root")
    subprocess.run([HERE.parent / "setup.sh", "vm"], check=True)
    boxes = [box(name) for name in BOXES]
    if own:
        return run_with_own_libvirt(command, boxes, variables)
    add_boxes(boxes, variables)
    return subprocess.run(command, env=variables, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
