# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells this host from all others, and what clones of one machine have in common.

Hosts with the same boot id share a kernel, as containers and network namespaces do, and may share a machine id too.
Sources: machine-id(5), random(4).
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_mac
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel

_MACHINE_ID = "/etc/machine-id"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def machine() -> dict[str, str]:
    """The ids of this host, which are empty if it has none."""
    return {"machine_id": _text(_MACHINE_ID), "boot_id": _text(_BOOT_ID)}


def macs(interfaces: Iterable[str]) -> dict[str, str]:
    """The MAC addresses of interfaces, by name; without those that have none."""
    with Kernel() as kernel:
        found = {name: read_mac(kernel.socket(""), name) for name in interfaces}
    return {name: mac for name, mac in found.items() if mac}


def _text(path: str) -> str:
    """What is in a file; empty if it cannot be read."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
