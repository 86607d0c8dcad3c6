# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall: no chain of the nodes of pods drops the packets that the nodes forward."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence, forwarders
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair

_HOOKS = ("forward", "prerouting", "postrouting")


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    for host in forwarders(pair):
        if host in evidence.obstacles:
            for chain in evidence.obstacles[host].dropping(_HOOKS, pair.target.address):
                yield Cause(host, f"{chain}, drops")


CHECK = Check(
    "firewall",
    about=silent,
    causes=_causes,
    remedy="accept packets from and to the interfaces of the fabric in this chain",
)
