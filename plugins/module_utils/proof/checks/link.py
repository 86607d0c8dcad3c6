# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Link: the VXLAN interfaces of nodes exist, are up, and have the planned MAC address, VNI and port."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof import evidence as found
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    overlay = evidence.overlay(pair.target)
    for near, far in found.both_ways(pair):
        state = evidence.state(near)
        if not state or not overlay.entries(near, far)["fdb"]:
            continue
        link, mac = state.link(overlay.device), overlay.nodes[near].mac_address
        if not link or link["admin_state"] != "up":
            yield Cause(near, f"there is no {overlay.device} that is up")
        elif link["mac_address"] != mac:
            yield Cause(near, f"{overlay.device} has MAC {link['mac_address']}, not {mac}")
        for option, value in (("VNI", overlay.vni), ("port", overlay.port)):
            if link and link.get(option.lower(), value) != value:
                yield Cause(near, f"{overlay.device} has {option} {link[option.lower()]}, not {value}")


CHECK = Check(
    "link",
    about=silent,
    causes=_causes,
    remedy="run weft.fabric.site on the host; if the fault comes back, look for a program that changes the interface",
)
