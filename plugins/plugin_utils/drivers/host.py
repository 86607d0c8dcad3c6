# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver host: pods in the host's own namespace."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Driver, End, Pod


def _check(pod: Pod, pods: Sequence[Pod]) -> None:
    first = next(other for other in pods if other.network.driver is DRIVER)
    if first is not pod:
        remedy = f"{first.where} is in the host's namespace too, and its server has the port: keep one"
        raise InvalidParameter(f"{pod.where}.network.driver", "host", remedy)


def _reached(other: End, one: End) -> bool | None:
    """By all nodes, and by the pods of overlays on its host, whose router the host is."""
    if one.network is None:
        return True
    return True if one.host == other.host and one.network.driver.in_overlay else None


DRIVER = Driver(
    "host",
    check=_check,
    joins=lambda _network: "",
    reached=_reached,
    compared=lambda one, other: one.host != other.host,
)
