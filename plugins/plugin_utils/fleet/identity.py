# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that must differ between hosts: machine ids and MAC addresses. Clones of one machine have the same ones.

Only the interfaces that the fabric uses are compared. The network cards of management controllers, for example, have a
MAC address that the manufacturer has chosen for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNSET = ("", "uninitialized")
"""The machine id of an image that has not been started yet: machine-id(5)."""


def duplicates(found: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """By host, a line for each fact that an earlier host has as well.

    :param found: by host, its ``machine_id``, its ``boot_id``, and the MAC addresses of its interfaces, ``macs``.
    """
    refused: dict[str, list[str]] = {}
    by_id: dict[str, str] = {}
    by_mac: dict[str, tuple[str, str]] = {}
    for host, own in found.items():
        other = by_id.setdefault(own["machine_id"], host)
        # Containers of one machine may share its id.
        if other != host and own["machine_id"] not in _UNSET and own["boot_id"] != found[other]["boot_id"]:
            refused.setdefault(host, []).append(
                f"/etc/machine-id is that of {other} (a cloned machine?): remove it, run systemd-machine-id-setup, "
                "and restart the host"
            )
        for name, mac in own["macs"].items():
            place, interface = by_mac.setdefault(mac, (host, name))
            if place != host:
                refused.setdefault(host, []).append(
                    f"{name} has the MAC address {mac} of {place}'s {interface} (a cloned machine, or one machine with "
                    "two names?): give each interface an address of its own"
                )
    return refused
