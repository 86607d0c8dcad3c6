# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the module host: the documents of a host are made on the controller, and go to the host together.

Private to the collection's roles and playbooks, as the underscore says. It takes:

- C(roles): the roles whose documents are applied; by default those that the tags of the run name, or else all.
- C(phase): C(plan) changes nothing, and returns the refusal of a host in place of a failure, since no host is changed
  if one refuses. C(apply) carries out what C(plan) has returned in common_planned, and nothing else. Without it, the
  documents are applied at once.
- C(state): C(absent) removes what the roles have made.

It returns what the module returns. The documents of other hosts are not needed, except for common_fabric.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.plan import shortened

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.proof.rows import Rows

LATE = "{} has not run: leave --start-at-task out, and use tags instead"


class ActionModule(ActionBase):  # type: ignore[misc]
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"roles", "phase", "state"})

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables, phase = task_vars or {}, self._task.args.get("phase", "")
        fabric, planned = variables.get("common_fabric") or {}, variables.get("common_planned") or {}
        if "variables" not in fabric:
            return {**result, "failed": True, "msg": LATE.format("The validation")}
        if phase == "apply" and "plan" not in planned:
            return {**result, "failed": True, "msg": LATE.format("The plan")}
        try:
            documents = self._documents(fabric, variables)
        except FabricError as error:
            return {**result, "failed": True, "msg": str(error)}
        done = self._call(phase, documents, variables)
        if phase == "plan":
            return {**result, **_planned(done, documents, variables)}
        if phase == "apply":
            # It has been shown, unless the host has changed in between.
            done.pop("diff", None)
            objects = done.pop("objects", ())
            if done.get("failed") and objects:
                Display().display("\n".join((f"{variables['inventory_hostname']}:", *shortened(objects))))
        return {**result, **done}

    def _call(self, phase: str, documents: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Call the module."""
        options = {
            "revision": variables["common_fabric"]["revision"],
            "adopt": self._value("site_adopt", variables, False),
        }
        if phase:
            options["confirm"] = self._value("site_confirm", variables, 0)
        if phase == "plan":
            options["strict"] = True
        elif phase == "apply":
            options["plan"] = variables["common_planned"]["plan"]
            options["proof"] = str(self._rows(variables["common_fabric"], variables))
        called: dict[str, Any] = self._execute_module(
            module_name="weft.fabric.host", module_args={"documents": documents, **options}, task_vars=variables
        )
        return called

    def _documents(self, fabric: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        from ansible_collections.weft.fabric.plugins.plugin_utils import documents
        from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Host
        from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import decoded
        from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay

        name = variables["inventory_hostname"]
        wanted = self._task.args.get("state", "present") != "absent"
        if "roles" in self._task.args:
            roles = dict.fromkeys(self._task.args["roles"], wanted)
            prefixes = tuple(f"{role}_" for role in roles)
            own = {key: self._value(key, variables) for key in variables if key.startswith(prefixes)}
        else:
            groups = json.loads(fabric["groups"])
            chosen = [documents.ROLES[role] for role in documents.selected(variables["ansible_run_tags"])]
            # A host that is drained is in no group any more.
            mine = [group for group, hosts in groups.items() if name in hosts]
            roles = {role.name: wanted and (role.group in mine if role.group else bool(mine)) for role in chosen}
            own = json.loads(fabric["variables"][name])
        return documents.of_host(Host(name, own, decoded(dict[str, Overlay], fabric["plans"])), roles)

    def _rows(self, fabric: Mapping[str, Any], variables: Mapping[str, Any]) -> Rows:
        """What the host proves by itself (weft-fabric prove). A host that is no node proves nothing."""
        from ansible_collections.weft.fabric.plugins.module_utils.proof.rows import NOTHING
        from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
        from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import decoded, loaded
        from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay
        from ansible_collections.weft.fabric.plugins.plugin_utils.proof.targets import rows

        name = variables["inventory_hostname"]
        planned = decoded(dict[str, Overlay], fabric["plans"])
        there = Fabric(planned, loaded(fabric["pods"]), loaded(fabric["networks"]))
        if name not in there.nodes:
            return NOTHING
        port = json.loads(fabric["variables"][name])["pods_port"]
        scope, count = self._value("verify_scope", variables, "auto"), self._value("verify_count", variables, 3)
        return rows(name, there, port, scope, int(count))

    def _value(self, name: str, variables: Mapping[str, Any], default: Any = None) -> Any:
        return self._templar.template(variables[name]) if name in variables else default


def _planned(done: Mapping[str, Any], documents: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a plan: the controller keeps the results of all hosts in its memory."""
    if done.get("failed"):
        return {"changed": False, "refusal": done.get("msg", "the module failed"), "warnings": done.get("warnings", [])}
    names = ("plan", "count", "warnings", "cni", "generation", "confirmed")
    from ansible_collections.weft.fabric.plugins.plugin_utils.documents import interfaces

    kept = {name: done[name] for name in names if name in done}
    kept["objects"] = shortened(done["objects"])
    made, _used = interfaces(documents)
    there = done.get("namespaces", {}).get("", {}).get("links", ())
    macs = {link["name"]: link["mac_address"] for link in there if link["name"] not in made and "mac_address" in link}
    kept["identity"] = {**done["machine"], "macs": macs}
    kept["drained"] = [name for name in variables["common_fabric"]["drained"] if name in done["peers"]]
    shown = {"documents": json.dumps(documents)} if boolean(variables.get("plan_documents", False)) else {}
    # Only in check mode does a plan stand for the change.
    changed = done["changed"] and bool(variables["ansible_check_mode"])
    return {**kept, **shown, "differs": done["changed"], "changed": changed}
