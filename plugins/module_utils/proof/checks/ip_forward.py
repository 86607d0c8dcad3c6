# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP forwarding: the nodes of pods forward their packets."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence, forwarders
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair

_KEYS = {"ipv4": "net.ipv4.ip_forward", "ipv6": "net.ipv6.conf.all.forwarding"}


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    family = "ipv6" if ":" in pair.target.address else "ipv4"
    for host in forwarders(pair):
        if host in evidence.obstacles and not evidence.obstacles[host].forwarding[family]:
            yield Cause(host, f"{_KEYS[family]} is 0")


CHECK = Check(
    "forwarding",
    about=silent,
    causes=_causes,
    remedy="run weft.fabric.site on the host; if the fault comes back, look for a program that switches it off",
)
