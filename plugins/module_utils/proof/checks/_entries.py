# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of FDB entries, neighbours and routes have in common."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.proof import evidence as found
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair

REMEDY = "run weft.fabric.site on the host; if the fault comes back, look for a program that removes such entries"


def missing(evidence: Evidence, pair: Pair, section: str, layer: str) -> Iterator[Cause]:
    """The entries that the nodes of a pair lack to reach each other, in the family of the target."""
    for near, far in found.both_ways(pair):
        state = evidence.state(near)
        for entry in evidence.overlay(pair.target).entries(near, far)[section] if state else ():
            # An FDB entry is of Ethernet, and serves both families.
            if section != "fdb" and values.family(str(entry["dst"])) != values.family(pair.target.address):
                continue
            wanted = {key: value for key, value in entry.items() if key != "onlink"}
            if state and not state.has(section, wanted):
                told = " ".join(f"{key} {value}" for key, value in wanted.items())
                yield Cause(near, f"{layer} entries are missing", f"to {far}: {told}")
