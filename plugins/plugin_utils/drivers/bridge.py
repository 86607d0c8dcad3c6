# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver bridge: pods of an overlay on a bridge of their node, which is their gateway."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import _overlay, _pieces
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import (
    Driver,
    Link,
    Network,
    Own,
    Place,
    Pod,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay


def _shared(_network: Network, place: Place) -> Pieces:
    overlay, node = _overlay.of(place)
    gateways = [share.gateway_cidr for share in node.networks]
    return {"": {"links": [_pieces.bridge(overlay.bridge, gateways, _overlay.mtu_of(place))]}}


def _connect(_network: Network, pod: Pod, own: Sequence[Own], place: Place) -> Pieces:
    return _pieces.bridged(pod, own, _overlay.of(place)[0].bridge, _overlay.mtu_of(place), place.routed)


def _removal(_network: Network, overlay: Overlay | None) -> list[Link]:
    return [{"name": overlay.bridge, "kind": "bridge"}] if overlay else []


DRIVER = Driver(
    "bridge",
    pod=_overlay.POD,
    in_overlay=True,
    subnets=_overlay.subnets,
    shared=_shared,
    connect=_connect,
    removal=_removal,
    compared=_overlay.on_one_host,
)
