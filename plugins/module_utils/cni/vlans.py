# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLANs of containers' ports, as the plugin bridge has them (plugins/main/bridge/bridge.go: setupVeth). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.bridge import DEFAULT_PVID, vlan_numbers, vlan_ranges


def trunk(where: str, value: Any) -> list[str]:
    """The VLANs of ``vlanTrunk``, as ranges. An item has a VLAN (``id``), or a range of them, or both.

    :raises InvalidParameter: for the first value that is wrong.
    """
    found: set[int] = set()
    for index, item in enumerate(values.items(where, value)):
        here = f"{where}[{index}]"
        given = values.given(values.mapping(here, item))
        values.known(f"{here}.", given, ("id", "minID", "maxID"), "an item of vlanTrunk")
        ids = {key: values.vlan_id(f"{here}.{key}", given[key]) for key in given}
        if not ids or ("minID" in ids) != ("maxID" in ids):
            raise InvalidParameter(here, item, "give id, or both minID and maxID")
        if ids.get("minID", 0) > ids.get("maxID", 0):
            raise InvalidParameter(f"{here}.maxID", ids["maxID"], "give at least minID")
        found.update({ids["id"]} if "id" in ids else ())
        found.update(range(ids["minID"], ids["maxID"] + 1) if "minID" in ids else ())
    return vlan_ranges(found)


def are_filtered(options: Mapping[str, Any]) -> bool:
    """Whether a network's bridge filters VLANs."""
    return bool(options.get("vlan")) or "vlanTrunk" in options


def of_port(options: Mapping[str, Any], default: int = DEFAULT_PVID, trunked: bool = True) -> dict[str, Any]:
    """A port's attributes in a bridge that filters VLANs: the VLAN of frames without a tag, and the others.

    :param options: the network's.
    :param default: the VLAN of the bridge's new ports; 0: they have none.
    :param trunked: the port is in the VLANs of ``vlanTrunk`` too.
    """
    native = options.get("vlan") or default
    untagged = {native, *([default] if options.get("preserveDefaultVlan", True) else ())} - {0}
    tagged = vlan_numbers(options.get("vlanTrunk", ()) if trunked else ())
    pvid = {"pvid": native} if native else {}
    return {**pvid, "vlans": vlan_ranges(tagged | untagged), "untagged": vlan_ranges(untagged)}
