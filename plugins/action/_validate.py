# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates the whole fabric on the controller: the variables of all hosts, whether they are in the run or not.

Private to the collection's role common, as the underscore says. It contacts no host and does not fail, since its task
runs once for all hosts, and would fail on the first of them. It prints a line for each fault, and returns:

- C(refused): by host of the play, why it is refused; empty if there is no fault.
- C(plans), C(pods), C(networks): the overlays with all nodes, and each node's pods_pods and pods_network, as JSON text,
  because Ansible inspects every value of a structure whenever a template uses it.
- C(groups): the names of C(nodes) and C(routers), as JSON text.
- C(drained): the names in common_drained, which are no nodes any more, whether the inventory has them or not.
- C(variables): by host of the play, the roles' variables that its documents follow from, as JSON text.
- C(revision): the hash of all that the documents of the fabric follow from.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.inventory import SHARED, Inventory
from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.drain import names

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import Fault

_ROLES = pathlib.Path(__file__).resolve().parents[2] / "roles"
_GROUPS = {"fabric_nodes": "nodes", "fabric_routers": "routers"}
_FACT = "common_fabric"
_READ_BY_OTHERS = {*SHARED, "overlay_node", "pods_pods", "pods_network"}
_WITHOUT_NODES = {"underlay", "mgmt_routing", "masquerade", "preflight", "common"}
"""Roles that do their work on hosts of any group."""


class ActionModule(ActionBase):  # type: ignore[misc]
    _requires_connection = False
    _VALID_ARGS: frozenset[str] = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        from ansible_collections.weft.fabric.plugins.plugin_utils.documents import ROLES
        from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.validation import validate
        from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import encode

        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        play = self._task.get_play()
        overrides = self._overrides(variables)
        drained = names(self._templar.template(variables.get("common_drained", [])))
        asked = {"play": play._uuid, "overrides": overrides}
        before = variables.get(_FACT)
        if before and before.get("asked") == asked:
            return {**before, "warnings": []}
        inventory = self._inventory(variables, overrides, drained)
        found = validate(inventory)
        faults = [*found.faults, *_refused_of_the_run(variables, ROLES, drained)]
        for fault in faults:
            Display().display(fault.line, color=constants.COLOR_ERROR)
        plans = json.dumps(encode(found.overlays))
        groups = json.dumps({"nodes": inventory.nodes, "routers": inventory.routers})
        own = {host: json.dumps(inventory.of_roles(host, ROLES)) for host in inventory.variables}
        # As it will be without them.
        left = {host: text for host, text in own.items() if host not in drained or host in inventory.routers}
        result.update(
            changed=False,
            asked=asked,
            refused=_refused(faults, variables, play.strategy),
            plans=plans,
            groups=groups,
            drained=drained,
            variables={host: own[host] for host in variables["ansible_play_hosts_all"] if host in own},
            revision=hashlib.sha256(json.dumps([plans, groups, left], sort_keys=True).encode()).hexdigest()[:12],
            pods=json.dumps({node: inventory.pods(node) for node in inventory.nodes}),
            networks=json.dumps({node: inventory.value(node, "pods_network") for node in inventory.nodes}),
            warnings=found.warnings,
        )
        return result

    def _inventory(
        self, task_vars: Mapping[str, Any], overrides: Mapping[str, Any], drained: Sequence[str]
    ) -> Inventory:
        """What the inventory says of all hosts of the fabric.

        :param drained: hosts that are no nodes any more.
        """
        playbook, extra, options = _is_playbook(task_vars), load_extra_vars(self._loader), self._options()
        given = extra if playbook else task_vars
        names = {name: str(given.get(name, default)) for name, default in _GROUPS.items()}
        groups, group = task_vars["groups"], _group_of_nodes(task_vars, names["fabric_nodes"])
        nodes, routers = groups.get(group, ()), groups.get(names["fabric_routers"], ())
        missing = {} if nodes or not _needs_nodes(task_vars) else {"fabric_nodes": group}
        if not routers and "fabric_routers" in given:
            missing["fabric_routers"] = names["fabric_routers"]
        elif not routers and playbook:
            Display().display("The inventory has no routers: -e fabric_routers=GROUP names a group of them")
        found = _read(task_vars, [*nodes, *routers, *_others(task_vars, drained)], options)
        return Inventory(
            variables=found.variables,
            nodes=tuple(node for node in nodes if node not in drained),
            group=group,
            routers=tuple(routers),
            options=options,
            overrides=overrides,
            # The roles' own facts, such as overlay_pods, exist only after the first validation of a run.
            names={} if _FACT in found.others else found.others,
            extra=[name for name in extra if name not in options],
            missing=missing,
            unreadable=found.unreadable,
        )

    def _options(self) -> dict[str, Any]:
        """The options of all roles' argument specifications."""
        found: dict[str, Any] = {}
        for path in sorted(_ROLES.glob("*/meta/argument_specs.yml")):
            for specification in self._loader.load_from_file(str(path))["argument_specs"].values():
                found.update(specification["options"])
        return found

    def _overrides(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Values that the play or the role gives, and not the inventory."""
        own = task_vars["hostvars"].raw_get(task_vars["inventory_hostname"])
        given = [name for name in SHARED if name in task_vars and (name not in own or task_vars[name] != own[name])]
        defaults = _defaults(self._loader)
        return {
            name: self._templar.template(task_vars[name])
            for name in given
            if name in own or task_vars[name] != defaults.get(name)
        }


class _Read(NamedTuple):
    """The variables of hosts.

    :ivar variables: by host, those that are options of roles.
    :ivar unreadable: by host and variable, its template and why that has no value.
    :ivar others: all other variables, each with a host that has it.
    """

    variables: dict[str, dict[str, Any]]
    unreadable: dict[tuple[str, str], tuple[object, str]]
    others: dict[str, str]


def _read(task_vars: Mapping[str, Any], hosts: Iterable[str], options: Collection[str]) -> _Read:
    found = _Read({}, {}, {})
    for host in dict.fromkeys(hosts):
        hostvars = task_vars["hostvars"][host]
        found.variables[host] = {}
        for name in hostvars:
            if name not in options:
                found.others.setdefault(name, host)
                continue
            try:
                found.variables[host][name] = hostvars[name]
            except AnsibleError as error:
                # Facts of hosts outside the run are not known, and other hosts do not need all of their variables.
                if name in _READ_BY_OTHERS or host in task_vars["ansible_play_hosts_all"]:
                    template = task_vars["hostvars"].raw_get(host)[name]
                    found.unreadable[host, name] = template, " ".join(str(error).split())
    return found


def _others(task_vars: Mapping[str, Any], drained: Sequence[str]) -> Sequence[str]:
    """Hosts that get documents though they may be in neither group: drained nodes, or those of a user's own play."""
    if _is_playbook(task_vars):
        return [name for name in drained if name in task_vars["groups"]["all"]]
    hosts: Sequence[str] = task_vars["ansible_play_hosts_all"]
    return hosts


def _is_playbook(task_vars: Mapping[str, Any]) -> bool:
    """Whether this is one of the collection's playbooks, and not a role in a play of somebody else."""
    return bool(task_vars.get("common_playbook"))


def _group_of_nodes(task_vars: Mapping[str, Any], group: str) -> str:
    """The group that overlay_group names, or else the given one."""
    default = _GROUPS["fabric_nodes"]
    first = [task_vars["hostvars"][host] for host in task_vars["groups"].get(group, ())[:1]]
    given = [str(variables.get("overlay_group", default)) for variables in (task_vars, *first)]
    return next((name for name in given if name != default), group)


def _defaults(loader: Any) -> dict[str, Any]:
    """The defaults of all roles. A role's task sees them in addition to the inventory's variables."""
    found: dict[str, Any] = {}
    for path in sorted(_ROLES.glob("*/defaults/main.yml")):
        found.update(loader.load_from_file(str(path)))
    return found


def _needs_nodes(task_vars: Mapping[str, Any]) -> bool:
    """Whether there is something to do on nodes: in a playbook, and in a play with a role for them."""
    roles = (*task_vars.get("ansible_parent_role_names", ()), *task_vars.get("ansible_play_role_names", ()))
    alone = {name.rpartition(".")[2] for name in roles}
    return _is_playbook(task_vars) or not alone <= _WITHOUT_NODES


def _refused_of_the_run(task_vars: Mapping[str, Any], roles: Iterable[str], drained: Sequence[str]) -> list[Fault]:
    """What is wrong with the command line.

    Roles whose tags a playbook is to skip are refused, because Ansible would skip the plan of all roles with them.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import Fault

    remedy = "a host's documents are planned together: give --tags with the roles that are wanted"
    skipped = [role for role in roles if role in task_vars["ansible_skip_tags"]]
    there = skipped if _is_playbook(task_vars) else ()
    refused = [InvalidParameter("--skip-tags", role, remedy) for role in there]
    if "common_drained" in task_vars and not drained:
        refused.append(InvalidParameter("drain_nodes", "", "name the nodes: -e drain_nodes=NAME,NAME"))
    return [Fault((), str(error)) for error in refused]


def _refused(faults: Sequence[Fault], task_vars: Mapping[str, Any], strategy: str) -> dict[str, str]:
    """By host of the play, why it is refused: those that faults concern, or else the one that this task runs for."""
    if not faults:
        return {}
    hosts = task_vars["ansible_play_hosts_all"]
    concerned = {host for fault in faults for host in fault.hosts}
    messages = {
        host: f"{'This host' if host in concerned else 'The inventory'} has faults, listed above. No host is changed"
        for host in hosts
    }
    if not strategy.endswith("linear"):
        # Other strategies do not stop the play for all hosts after a failure.
        return messages
    here = [host for host in hosts if host in concerned] or [task_vars["inventory_hostname"]]
    return {host: messages[host] for host in here}
