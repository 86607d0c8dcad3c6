# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods' links: interfaces with the addresses of pods and of their gateways exist and are up."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.proof import evidence as found
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    for host, name in found.pods(pair):
        if host in evidence.states:
            yield from _lacks(evidence, pair, host, name)


def _lacks(evidence: Evidence, pair: Pair, host: str, name: str) -> Iterator[Cause]:
    """What a pod lacks, in the family of the target."""
    state, root = evidence.state(host, name), evidence.state(host)
    if state is None:
        yield Cause(host, f"there is no namespace {name}")
        return
    family = values.family(pair.target.address)
    for own in next((end.addresses for end in evidence.ends[host] if end.pod == name), ()):
        if values.family(own) == family and not state.holds(own):
            yield Cause(host, f"{name} has no interface with {own} that is up")
    for gateway in evidence.overlay(pair.target).nodes[host].gateways:
        if values.family(gateway) == family and root and not root.holds(gateway):
            yield Cause(host, f"there is no interface with {gateway} that is up")


CHECK = Check(
    "link",
    about=silent,
    causes=_causes,
    remedy="run weft.fabric.site with the tag pods on the host, which makes namespaces and interfaces again",
)
