# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver macvlan: pods with a MAC address of their own on an interface of their host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import _pieces, _segment
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers._segment import Segment
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Driver, Own, Place, Pod

# Whether pods on one interface reach each other. A VEPA's do through the switch, if that sends frames back.
MODES = {"bridge": True, "private": False, "vepa": None, "passthru": True}


def network(where: str, parent: str, mode: str, networks: _segment.Subnets) -> Segment:
    """The network of pods on an interface."""
    return Segment(DRIVER, where, parent, mode, networks, siblings=MODES.get(mode, True))


def _parse(_driver: Driver, where: str, given: Mapping[str, Any]) -> Segment:
    parent = values.ifname(f"{where}.parent", given["parent"])
    mode = values.choice(f"{where}.mode", given.get("mode", "bridge"), MODES)
    return network(where, parent, mode, _segment.networks(where, given))


def _connect(segment: Segment, pod: Pod, own: Sequence[Own], _place: Place) -> Pieces:
    inside = _pieces.interface(pod, own)
    return pieces.macvlan(inside, segment.parent, segment.mode, _segment.routes(pod, own, segment))


DRIVER = Driver(
    "macvlan",
    needs=_segment.NEEDS,
    takes=_segment.TAKES,
    pod=_segment.POD,
    kind="macvlan",
    parse=_parse,
    subnets=_segment.subnets,
    connect=_connect,
    reaches=_segment.reaches,
    reached=lambda other, one: _segment.reaches(one, other),
    compared=_segment.across_hosts,
)
