# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other network managers of this host, and the parts of a document that they would remove.

The files of install.py make them leave our links alone. They still manage the underlay's interfaces, and remove routes
of ours there. Sources: networkctl(1), systemd.network(5), nmcli(1), dhcpcd.conf(5).
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import subprocess

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.host import systemd
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document

DHCPCD = "/etc/dhcpcd.conf"

_COST = "and removes our routes there when it configures it again"
_REMEDY = "overlay_resync restores them"


_KNOWN = {
    "systemd-networkd": "systemd-networkd.service",
    "NetworkManager": "NetworkManager.service",
    "firewalld": "firewalld.service",
    "Docker": "docker.service",
}


def running() -> list[str]:
    """The names of other managers of networks and firewalls that run."""
    found = [name for name, unit in _KNOWN.items() if systemd.systemd_runs() and systemd.active(unit)]
    return [*found, *(["dhcpcd"] if _dhcpcd_runs() else [])]


def warnings(topology: Document) -> list[str]:
    """A line for each manager that would remove a part of the host's own namespace, with the host and a remedy.

    :raises KernelError: a manager's configuration cannot be read.
    """
    host = os.uname().nodename
    return [f"{host}: {line}" for line in obstacles(topology)]


def obstacles(topology: Document) -> list[str]:
    """A line for each manager that would remove a part of the host's own namespace, with a remedy.

    :raises KernelError: a manager's configuration cannot be read.
    """
    if "" not in topology.namespaces:
        return []
    wanted = topology.namespaces[""]
    made = sorted(link.name for link in wanted.links.values() if link.kind)
    routed = sorted(wanted.route_devices - set(made))
    found = [_dhcpcd(made)]
    if systemd.systemd_runs() and not systemd.active(systemd.TIMER):
        found += [manager(device) for manager in (_networkd, _network_manager) for device in routed]
    return [line for line in found if line]


def _networkd(device: str) -> str:
    if not systemd.active("systemd-networkd.service"):
        return ""
    status = _ask("networkctl", "--no-pager", "--lines=0", "status", device)
    file = re.search(r"^ *Network File: (/.+)$", status, re.MULTILINE)
    if not file or re.search(r"^ *State: .*\(unmanaged\)$", status, re.MULTILINE):
        return ""
    drop_ins = f"/etc/systemd/network/{os.path.basename(file[1])}.d/*.conf"
    for path in (file[1], *glob.glob(drop_ins)):
        if re.search(rb"^KeepConfiguration=(static|yes)$", _text(path), re.MULTILINE):
            return ""
    return f"systemd-networkd manages {device} {_COST}: KeepConfiguration=static in {file[1]} keeps them, {_REMEDY}"


def _text(path: str) -> bytes:
    """What a file of the host's holds, which may be a link; empty if there is none.

    :raises KernelError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise files.refused("read", path, error) from error


def _network_manager(device: str) -> str:
    if not systemd.active("NetworkManager.service"):
        return ""
    state = _ask("nmcli", "--get-values", "GENERAL.STATE", "device", "show", device)
    if not state or "unmanaged" in state or "externally" in state:
        return ""
    return f"NetworkManager manages {device} {_COST}: {_REMEDY}"


def _dhcpcd_runs() -> bool:
    return bool(glob.glob("/run/dhcpcd/*pid") or glob.glob("/run/dhcpcd*.pid"))  # since version 9, and before


def _dhcpcd(made: list[str]) -> str:
    if not _dhcpcd_runs():
        return ""
    configuration = _text(DHCPCD).decode(errors="replace")
    denied = " ".join(re.findall(r"^\s*denyinterfaces\s+(.+)$", configuration, re.MULTILINE)).split()
    left = [name for name in made if not any(fnmatch.fnmatchcase(name, pattern) for pattern in denied)]
    if not left:
        return ""
    return (
        "dhcpcd runs and configures every interface that it does not have to ignore: "
        f"'denyinterfaces {' '.join(left)}' in {DHCPCD} keeps it off ours"
    )


def _ask(*words: str) -> str:
    """The output of a manager's own command; empty if it does not know the interface or is not installed."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(words, capture_output=True, text=True, env=environment, check=False).stdout
    except FileNotFoundError:
        return ""
