# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP: connections to pods are made, and a request of several segments is acknowledged, where pings are answered."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, answered
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence, forwarders, hosts
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair

_HOOKS = ("forward", "prerouting", "postrouting")


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    if pair.result.tcp not in ("timeout", "stalled", "unreachable"):
        return
    for host in forwarders(pair) or hosts(pair):
        obstacles = evidence.obstacles.get(host)
        chains = obstacles.dropping(_HOOKS, pair.target.address) if obstacles else ()
        yield Cause(host, "TCP does not get through, though pings do", "; ".join(f"{chain}, drops" for chain in chains))


CHECK = Check(
    "TCP",
    about=answered,
    causes=_causes,
    remedy="look for firewalls that drop TCP; without one, checksums are broken by offloading: "
    "ethtool -K vxlan0 tx-checksum-ip-generic off on both hosts",
    elsewhere=True,
)
