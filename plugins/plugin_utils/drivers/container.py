# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver container: pods in the namespace of another pod."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Driver, Network, Pod


@dataclass(frozen=True)
class Container(Network):
    """The namespace of a pod."""

    container: str


def _parse(driver: Driver, where: str, given: Mapping[str, Any]) -> Container:
    return Container(driver, where, values.netns(f"{where}.container", given["container"]))


def _joins(network: Container) -> str:
    return network.container


def _check(pod: Pod, pods: Sequence[Pod]) -> None:
    name = pod.network.driver.joins(pod.network)
    joined = next((other for other in pods if other.name == name), None)
    if joined is None or joined.network.driver.joins(joined.network) is not None:
        remedy = "name a pod of this host that has a namespace of its own"
        raise InvalidParameter(f"{pod.where}.network.container", name, remedy)


DRIVER = Driver("container", needs=("container",), parse=_parse, joins=_joins, check=_check)
