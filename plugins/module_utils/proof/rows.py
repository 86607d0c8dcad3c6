# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's own rows of the proof, as they are stored on it: what it probes, and what that is held to. Pure.

The controller makes them of the inventory. They are all that the command weft-fabric needs to repeat the probes of its
host and to explain what it finds, without the inventory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.proof.planned import Entries, Node, Overlay
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import End, Target
from ansible_collections.weft.fabric.plugins.module_utils.proof.verdict import Proof

# Raised when another version of this collection could misread the rows. They are then made again, and nothing is lost.
FORMAT = 1


class Rows(NamedTuple):
    """A host's own rows.

    :ivar dev: its interface in the underlay.
    :ivar port: TCP port of the pods' echo servers.
    :ivar echoes: echo requests to each target.
    :ivar overlays: with the nodes that the host probes, itself among them.
    :ivar ends: its pods.
    """

    host: str
    dev: str
    port: int
    echoes: int
    overlays: Mapping[str, Overlay]
    ends: Sequence[End]
    targets: Sequence[Target]

    def __str__(self) -> str:
        """The rows as text: parse() reads it."""
        overlays = {name: self._overlay(overlay) for name, overlay in self.overlays.items()}
        ends = [[end.pod, end.addresses, end.overlay] for end in self.ends]
        own = {"host": self.host, "dev": self.dev, "port": self.port, "echoes": self.echoes}
        return json.dumps({"format": FORMAT, **own, "overlays": overlays, "ends": ends, "targets": self.targets})

    def _overlay(self, overlay: Overlay) -> dict[str, Any]:
        peers = [node for node in overlay.nodes if node != self.host]
        own = {"device": overlay.device, "vni": overlay.vni, "port": overlay.port, "tunnelled": overlay.tunnelled}
        return {
            **own,
            "nodes": overlay.nodes,
            "entries": {peer: [overlay.entries(self.host, peer), overlay.entries(peer, self.host)] for peer in peers},
        }

    @property
    def proof(self) -> Proof:
        """The proof of these rows alone. Whatever is wrong at the other ends counts as well."""
        return Proof(self.overlays, {self.host: self.ends}, lambda _host: self.targets)

    @property
    def devices(self) -> list[str]:
        """The interfaces whose packets are counted: those of the overlays, and the one in the underlay."""
        return [*(overlay.device for overlay in self.overlays.values() if overlay.tunnelled), self.dev]


NOTHING = Rows("", "", 0, 0, {}, (), ())
"""Of a host that is no node."""


def parse(text: str) -> Rows:
    """Rows from their text.

    :raises FabricError: it is of another version, or damaged.
    """
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}, not {FORMAT}")
        host = found["host"]
        overlays = {name: _parsed(name, host, given) for name, given in found["overlays"].items()}
        ends = [End(host, pod, addresses, overlay) for pod, addresses, overlay in found["ends"]]
        own = (found["dev"], found["port"], found["echoes"])
        return Rows(host, *own, overlays, ends, [Target(*target) for target in found["targets"]])
    except (ValueError, KeyError, TypeError) as error:
        remedy = "run the playbook weft.fabric.verify, which stores them again"
        raise FabricError(f"the stored targets of this host cannot be used ({error}): {remedy}") from error


def _parsed(name: str, host: str, given: Mapping[str, Any]) -> Overlay:
    def entries(near: str, far: str) -> Entries:
        there, back = given["entries"][far if near == host else near]
        found: Entries = there if near == host else back
        return found

    nodes = {node: Node(*values) for node, values in given["nodes"].items()}
    return Overlay(name, given["device"], given["vni"], given["port"], given["tunnelled"], nodes, entries)


def probes(targets: Sequence[Target], port: int) -> list[dict[str, Any]]:
    """Targets as weft.fabric.reachability takes them.

    :param port: TCP port of the pods' echo servers.
    """
    times = Counter((target.netns, target.name) for target in targets)
    return [_probe(target, port, times[target.netns, target.name] > 1) for target in targets]


def _probe(target: Target, port: int, ambiguous: bool) -> dict[str, Any]:
    # Names of probes are unique. The table shows the address anyway.
    probe: dict[str, Any] = {
        "name": f"{target.name} {target.address}" if ambiguous else target.name,
        "address": target.address,
    }
    if target.netns:
        probe["netns"] = target.netns
    if target.pod and target.answers:
        address = f"[{target.address}]" if ":" in target.address else target.address
        probe["url"] = f"http://{address}:{port}/echo"
    elif target.pod:
        probe["port"] = port
    return probe
