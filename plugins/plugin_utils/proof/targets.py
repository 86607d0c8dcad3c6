# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host probes: the targets of all checks, in the order of the checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.proof import planned
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks import CHECKS
from ansible_collections.weft.fabric.plugins.module_utils.proof.rows import Rows
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import End, Neighbourhood, Target
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.scope import SCOPES, peers


def neighbourhood(host: str, fabric: Fabric, scope: str) -> Neighbourhood:
    """A host and the nodes that it probes.

    :param scope: one of SCOPES.
    :raises InvalidParameter: it is none, or one of the nodes' pods has a fault.
    """
    names = peers(host, list(fabric.nodes), values.choice("verify_scope", scope, SCOPES))
    ends, nodes = {name: fabric.ends(name) for name in names}, {name: fabric.itself(name) for name in names}
    return around(host, overlays(fabric, names), ends, nodes)


def around(
    host: str, there: Sequence[planned.Overlay], ends: Mapping[str, Sequence[End]], nodes: Mapping[str, End]
) -> Neighbourhood:
    """A host and the nodes that it probes: those that have ends.

    :param ends: by node, its pods.
    :param nodes: the nodes themselves.
    """
    return Neighbourhood(host, there, ends, {name: nodes[name] for name in ends}, drivers.reaches)


def targets(near: Neighbourhood) -> list[Target]:
    """The targets of a host. A pod is held to the address families that it has."""
    return [target for check in CHECKS for target in check.targets(near)]


def rows(host: str, fabric: Fabric, port: int, scope: str, count: int) -> Rows:
    """A host's own rows of the proof.

    :param port: TCP port of the pods' echo servers.
    :param scope: one of SCOPES.
    :param count: echo requests to each target.
    :raises InvalidParameter: as neighbourhood() does.
    """
    near = neighbourhood(host, fabric, scope)
    own = {overlay.name: overlay for overlay in near.overlays}
    return Rows(host, fabric.nodes[host].dev or "", port, count, own, near.ends[host], targets(near))


def overlays(fabric: Fabric, names: Iterable[str]) -> list[planned.Overlay]:
    """The overlays that are present, as the proof sees them.

    :param names: the nodes that matter.
    """
    wanted = list(names)
    return [_overlay(overlay, wanted) for overlay in fabric.present]


def _overlay(overlay: Overlay, names: Iterable[str]) -> planned.Overlay:
    def entries(near: str, far: str) -> planned.Entries:
        found = overlay.entries(near, far)
        return {"fdb": found.fdb, "neighbours": found.neighbours, "routes": found.routes}

    nodes = {name: _node(overlay.nodes[name]) for name in names}
    own = (overlay.name, overlay.device, overlay.vni, overlay.port, overlay.tunnelled)
    return planned.Overlay(*own, nodes, entries)


def _node(node: Node) -> planned.Node:
    vteps, gateways = [share.vtep for share in node.networks], [share.gateway for share in node.networks]
    return planned.Node(node.underlay, node.mac_address, node.mtu_overhead, vteps, gateways)
