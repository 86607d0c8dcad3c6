# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connects pods: one file for each value of ``pods_network.driver``, with a record that says all about it.

The files are named below, in the order in which bandwidths are compared. driver.py describes the record. Files that
begin with an underscore hold what several drivers share.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import (
    bridge,
    cni,
    container,
    fan,
    host,
    ipvlan,
    macvlan,
    none,
    ptp,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Driver, End, Network
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import STOP, Faults

DRIVERS: Mapping[str, Driver] = {
    file.DRIVER.name: file.DRIVER for file in (host, bridge, ptp, macvlan, ipvlan, fan, cni, none, container)
}

DEFAULT: Mapping[str, Any] = MappingProxyType({"driver": bridge.DRIVER.name})
"""``pods_network`` where it is not given."""


def named(network: object) -> Driver | None:
    """The driver of ``pods_network``, or of a pod's own, before it is checked; None: there is no such driver."""
    given = network if isinstance(network, Mapping) and network else DEFAULT
    return DRIVERS.get(given.get("driver", DEFAULT["driver"]))


def network(where: str, given: object, faults: Faults = STOP) -> Network | None:
    """The network of ``pods_network``, or of a pod's own; None: it has faults."""
    if not isinstance(given, Mapping):
        faults.add(InvalidParameter(where, given, "give a dictionary with a driver"))
        return None
    name = faults.check(values.choice, f"{where}.driver", given.get("driver", DEFAULT["driver"]), DRIVERS)
    if name is None:
        return None
    driver = DRIVERS[name]
    known = ("driver", *driver.needs, *driver.takes)
    for key in [key for key in given if key not in known]:
        faults.add(InvalidParameter(f"{where}.{key}", given[key], f"driver {name} takes only {', '.join(known)}"))
    missing = [key for key in driver.needs if given.get(key) is None]
    for key in missing:
        faults.add(InvalidParameter(f"{where}.{key}", None, f"driver {name} needs it"))
    return None if missing else faults.check(driver.parse, driver, where, given)


def reaches(one: End, other: End) -> bool | None:
    """Whether an end reaches another by their drivers; None: neither driver knows."""
    known = one.network.driver.reaches(one, other) if one.network else None
    return other.network.driver.reached(other, one) if known is None and other.network else known
