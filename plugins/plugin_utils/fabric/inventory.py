# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory, as far as the roles read it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.nodes import alike
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.specification import Options
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import Faults

OVERLAY = ("state", "cidr", "node_prefix", "vni", "port", "device", "mode", "also_receive")
"""The overlays' values that the role overlay has a variable for."""

SHARED = (*(f"overlay_{key}" for key in OVERLAY), "overlay_overlays", "pods_bridge", "pods_port")
"""Variables of the whole fabric: all nodes have the same values."""


@dataclass(frozen=True)
class Inventory:
    """What the inventory says.

    :ivar variables: by host, the roles' variables that are set for it. Hosts of neither group are those of a run.
    :ivar nodes: the nodes, whether they are in the run or not.
    :ivar group: the name of the nodes' group.
    :ivar routers: the routers.
    :ivar options: the roles' public variables, with their argument specifications.
    :ivar overrides: values of SHARED that a play or a role gives.
    :ivar names: by name of a variable that is not public, the first host that has it.
    :ivar extra: the names of extra variables that are not public.
    :ivar missing: by extra variable, the group that it names, if the run needs one and the inventory has none.
    :ivar unreadable: by host and variable, the template that cannot be filled in, and why.
    """

    variables: Mapping[str, Mapping[str, Any]]
    nodes: tuple[str, ...]
    group: str
    options: Options
    routers: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    extra: Collection[str] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[tuple[str, str], tuple[object, str]] = field(default_factory=dict)

    def value(self, host: str, name: str) -> Any:
        """A host's variable, or the role's default."""
        return self.variables[host].get(name, self.options[name].get("default"))

    def of_roles(self, host: str, roles: Iterable[str]) -> dict[str, Any]:
        """A host's variables of roles."""
        prefixes = tuple(f"{role}_" for role in roles)
        return {name: self.value(host, name) for name in self.options if name.startswith(prefixes)}

    def pods(self, host: str) -> Any:
        """A host's ``pods_pods``; none where all pods are removed."""
        return [] if self.value(host, "pods_state") == "absent" else self.value(host, "pods_pods")

    def fabric(self, faults: Faults) -> Faults:
        """Where faults of the whole fabric are reported."""
        return faults.at(self.group if len(self.nodes) != 1 else self.nodes[0], *self.nodes)

    def shared(self, faults: Faults) -> dict[str, Any]:
        """The values of SHARED, after a look at the nodes that have others."""
        found = dict(self.overrides)
        for name in SHARED:
            if name in found:
                continue
            values = [(node, self.value(node, name)) for node in self.nodes]
            most, others = alike(values, lambda item: repr(item[1]))
            for node, value in others:
                remedy = f"{most[0][0]} has {most[0][1]!r}: give all nodes the same"
                faults.at(node).add(InvalidParameter(name, value, remedy))
            found[name] = most[0][1] if most else self.options[name].get("default")
        return found
