# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Vagrant and its molecule driver need, with a libvirt that runs or with one that run.py starts."""

from __future__ import annotations

import importlib.util
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
OWN_LIBVIRT = str(HERE / "own_libvirt.sh")


def libvirt_runs() -> bool:
    """Whether this user may use a libvirt that runs."""
    if not shutil.which("virsh"):
        return False
    ask = ["virsh", "--connect", "qemu:///system", "uri"]
    try:
        return subprocess.run(ask, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def environment() -> dict[str, str]:
    driver = importlib.util.find_spec("molecule_plugins.vagrant")
    if driver is None or not driver.submodule_search_locations:
        sys.exit("no molecule-plugins beside this Python: make setup-dev, and run this with .venv/bin/python")
    return {
        "VAGRANT_DEFAULT_PROVIDER": "libvirt",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_BOX_UPDATE_CHECK_DISABLE": "1",
        # Debian's Vagrant comes with other versions of its libraries than it declares.
        "VAGRANT_DISABLE_STRICT_DEPENDENCY_ENFORCEMENT": "1",
        "ANSIBLE_LIBRARY": str(pathlib.Path(driver.submodule_search_locations[0], "modules")),
    }


def add_boxes(boxes: list[pathlib.Path], variables: dict[str, str]) -> None:
    for path in boxes:
        (catalogue,) = path.glob("*.json")
        add = ["vagrant", "box", "add", "--force", "--provider", "libvirt", str(catalogue)]
        subprocess.run(add, env=variables, stdout=subprocess.DEVNULL, check=True)


def emulate(home: pathlib.Path) -> None:
    """Have Vagrant emulate the machines of the user whose home directory this is."""
    settings = home / ".vagrant.d" / "Vagrantfile"
    settings.parent.mkdir()
    settings.symlink_to(HERE / "tcg.rb")
