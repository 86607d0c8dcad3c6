# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the collection's own roles and playbooks.

They are private, as the underscore in their names says: they change with the roles, and no other playbook may use them.
All are in one file, because Ansible loads all filters of a collection in each worker that uses one of them.

They are thin: JSON, as text or as a structure, becomes dataclasses, and the result becomes JSON again. What they plan
with is imported when they are called, or by a play's header (docs/design.md, "In a worker").
"""

from __future__ import annotations

# ansible-doc finds this for each filter of the file, and Galaxy imports no filter without it.
DOCUMENTATION = r"""
name: _roles
short_description: A filter of the collection's own roles
description: Private to the collection. It changes with the roles, and no other playbook may use it.
author: The weft.fabric authors (@weft-fabric)
version_added: 0.1.0
options: {}
"""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.proof.rows import Rows
    from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay


def _overlays(fact: Any) -> dict[str, Overlay]:
    """Overlays, from ``plans`` of common_fabric."""
    from ansible_collections.weft.fabric.plugins.plugin_utils.model import codec
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay

    found: dict[str, Overlay] = codec.decoded(dict[str, Overlay], fact)
    return found


def _fabric(overlays: Any, pods: Any, networks: Any) -> Fabric:
    """The fabric, from ``plans``, ``pods`` and ``networks`` of common_fabric."""
    from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import loaded

    return Fabric(_overlays(overlays), loaded(pods), loaded(networks or {}))


def _registered(variables: Mapping[str, Any], hosts: Sequence[str], name: str) -> dict[str, Any]:
    """By host, what a task has registered.

    :raises FabricError: the task has not run.
    """
    found = {}
    for host in hosts:
        own = variables[host]  # once, because Ansible collects a host's variables each time
        if name not in own:
            raise FabricError("earlier tasks have not run: leave --start-at-task out, and use tags instead")
        found[host] = own[name]
    return found


def hosts(group: str, target: str) -> str:
    """The pattern of a play's hosts: those of a group that are in the target.

    Ansible fills in a play's header before it forks workers. So all of them have what is imported here.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.cni import attachments, plugins  # noqa: F401
    from ansible_collections.weft.fabric.plugins.plugin_utils import documents  # noqa: F401
    from ansible_collections.weft.fabric.plugins.plugin_utils.model import codec  # noqa: F401
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof import targets  # noqa: F401

    return f"{group}:&{target}"


def plan_lines(variables: Mapping[str, Any], hosts: Sequence[str]) -> list[str]:
    """What a run is about to change: see fleet.plan.

    :param variables: Ansible's ``hostvars``.
    :param hosts: those that have been planned.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.plan import lines

    return lines(_registered(variables, hosts, "common_planned"))


def plan_refused(variables: Mapping[str, Any], hosts: Sequence[str]) -> dict[str, str]:
    """The hosts that refuse a run: see fleet.plan. It takes what plan_lines takes."""
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.plan import refused

    return refused(_registered(variables, hosts, "common_planned"))


def unconfirmed(variables: Mapping[str, Any], hosts: Sequence[str], seconds: Any) -> list[str]:
    """The hosts that go back by themselves: see fleet.plan.

    :param variables: Ansible's ``hostvars``.
    :param seconds: ``site_confirm``.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.plan import unconfirmed as found

    return found({host: variables[host] for host in hosts}, int(seconds))


def batch(variables: Mapping[str, Any], every: Sequence[str], hosts: Sequence[str]) -> dict[str, list[str]]:
    """The nodes of a run with batches: see fleet.batch.

    :param variables: Ansible's ``hostvars``.
    :param every: the hosts of all batches.
    :param hosts: those of this batch.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.batch import parts

    return parts({host: variables[host] for host in every}, hosts)


def command_lines(variables: Mapping[str, Any], hosts: Sequence[str], everywhere: Sequence[str]) -> list[str]:
    """What weft-fabric has said on hosts: see fleet.command.

    :param variables: Ansible's ``hostvars``.
    :param everywhere: all hosts of the inventory.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.command import lines

    return lines(_registered(variables, hosts, "common_said"), everywhere)


def command_failed(said: Any) -> bool:
    """Whether weft-fabric has failed on a host, by what ansible.builtin.command has returned."""
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.command import failed

    return failed(said)


def preflight_report(variables: Mapping[str, Any], hosts: Sequence[str], everyone: Sequence[str]) -> Any:
    """What was found on hosts: see fleet.preflight.Report.

    :param variables: Ansible's ``hostvars``.
    :param hosts: those that were looked at.
    :param everyone: all hosts of the play.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.preflight import registered, report
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import encode

    _registered(variables, hosts, "preflight_found")
    return encode(report(*registered(variables, hosts, everyone)))


def drained(nodes: Any, everywhere: Sequence[str], sign: str = "") -> str:
    """A part of a play's pattern: see fleet.drain.pattern."""
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.drain import pattern

    return pattern(nodes, everywhere, sign)


def drain(variables: Mapping[str, Any], fabric: Mapping[str, Any], everywhere: Sequence[str]) -> Any:
    """How a drain stands: see fleet.drain.Drain.

    :param variables: Ansible's ``hostvars``.
    :param fabric: common_fabric.
    :param everywhere: all hosts of the inventory.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.drain import Drain, results
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import loaded

    groups = loaded(fabric["groups"])
    found = Drain(fabric["drained"], groups["nodes"], groups["routers"], everywhere, results(variables, everywhere))
    return {"unknown": found.unknown, "obstacle": found.obstacle, "lines": found.lines}


def pods_attachments(pods: Any, overlays: Any, network: Any) -> Any:
    """The interfaces of a host's pods in CNI networks, as the module cni takes them.

    :param pods: the variable pods_pods.
    :param network: the variable pods_network.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.documents.pods import attachments

    return attachments(pods, network, _overlays(overlays))


def verify_pods(pods: Any, networks: Any, variables: Mapping[str, Any], hosts: Sequence[str]) -> Any:
    """Each node's pods, with the addresses that their hosts have assigned.

    :param pods: each node's pods_pods, by its name.
    :param networks: each node's pods_network, by its name.
    :param variables: Ansible's ``hostvars``.
    :param hosts: those that probe.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.pods import with_assigned
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import loaded
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof.reported import assigned

    return with_assigned(loaded(pods), loaded(networks), assigned(variables, hosts))


def verify_devices(overlays: Any) -> list[str]:
    """The VXLAN interfaces of all overlays."""
    return sorted({overlay.device for overlay in _overlays(overlays).values() if overlay.present and overlay.tunnelled})


def verify_targets(
    overlays: Any,
    host: str,
    pods: Any,
    port: int,
    networks: Any = None,
    scope: str = "all",
    stale: Sequence[str] = (),
) -> Any:
    """What a node probes, as the module reachability takes it.

    :param pods: each node's pods_pods, by its name.
    :param port: TCP port of the pods' echo servers.
    :param networks: each node's pods_network, by its name.
    :param scope: the variable verify_scope.
    :param stale: hosts that later batches change, which are not probed yet.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.proof.rows import probes

    found = _rows(overlays, host, pods, networks, port, scope)
    return probes([target for target in found.targets if target.host not in stale], port)


def verify_rows(
    overlays: Any, host: str, pods: Any, port: int, networks: Any = None, scope: str = "all", count: int = 3
) -> str:
    """A node's own rows of the proof, as text for weft-fabric prove. It takes what verify_targets takes.

    :param count: the variable verify_count.
    """
    return str(_rows(overlays, host, pods, networks, port, scope)._replace(echoes=count))


def _rows(*given: Any) -> Rows:
    """A node's own rows. The templates of one task ask for them twice."""
    return _rows_of_text(*given) if all(isinstance(one, (str, int)) for one in given) else _make_rows(*given)


def _make_rows(overlays: Any, host: str, pods: Any, networks: Any, port: int, scope: str) -> Rows:
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof.targets import rows

    return rows(host, _fabric(overlays, pods, networks), port, scope, 0)


_rows_of_text = functools.lru_cache(maxsize=1)(_make_rows)


def verify_report(
    variables: Mapping[str, Any],
    hosts: Sequence[str],
    lost: Sequence[str],
    overlays: Any,
    pods: Any,
    networks: Any = None,
    scope: str = "all",
    stale: Sequence[str] = (),
    earlier: Sequence[str] = (),
) -> Any:
    """The proof: see proof.report.Report.

    :param variables: Ansible's ``hostvars``.
    :param hosts: those that have probed.
    :param lost: hosts of the run that became unreachable, or failed before the proof.
    :param stale: hosts that later batches change.
    :param earlier: hosts that earlier batches have changed.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import encode
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof.reported import missing, reported
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof.run import Part, shown

    part = Part(missing(variables, lost), stale, earlier)
    return encode(shown(reported(variables, hosts), _fabric(overlays, pods, networks), scope, part))


def verify_files(
    variables: Mapping[str, Any],
    hosts: Sequence[str],
    lost: Sequence[str],
    overlays: Any,
    pods: Any,
    networks: Any = None,
    scope: str = "all",
    stale: Sequence[str] = (),
    earlier: Sequence[str] = (),
) -> Any:
    """The proof as files, their contents by name. It takes what verify_report takes."""
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof.files import files
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof.reported import missing, reported
    from ansible_collections.weft.fabric.plugins.plugin_utils.proof.run import Part, found

    fabric, part = _fabric(overlays, pods, networks), Part(missing(variables, lost), stale, earlier)
    return files(found(reported(variables, hosts), fabric, scope, part), list(fabric.nodes))


def bandwidth_plan(
    overlays: Any,
    pods: Any,
    networks: Any = None,
    *,
    hosts: Any,
    pairs: Sequence[Any] | None = None,
    rounds: Any = 3,
    protocols: Sequence[str] = ("tcp", "udp"),
    bitrate: str = "0",
) -> Any:
    """The ``pairs`` to measure between, and the ``order`` of measurements.

    :param hosts: of each host of the run ``namespaces``, those that exist, and ``lacks``, the kinds of link that its
        kernel does not have.
    :param pairs: the variable bandwidth_pairs.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.pairs import Host, plan
    from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.schedule import schedule
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import decode, encode

    found = plan(_fabric(overlays, pods, networks), pairs, decode(dict[str, Host], hosts))
    return {"pairs": encode(found), "order": encode(schedule(found, rounds, protocols, bitrate))}


def bandwidth_report(results: Sequence[Any], pairs: Any, protocols: Sequence[str], about: str) -> Any:
    """The comparison: see bandwidth.report.Report.

    :param results: each ``{pair, round, runs, latency}``, as bandwidth.samples.medians() takes them.
    :param pairs: those of bandwidth_plan.
    :param about: a sentence on how it was measured.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.pairs import Pair
    from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.report import report
    from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import decode, encode

    return encode(report(results, decode(tuple[Pair, ...], pairs), protocols, about))


def lab_document(hosts: Mapping[str, Any], switches: Sequence[str]) -> Any:
    """A lab's switches and cables, as ``namespaces`` of the module topology.

    :param hosts: each host's lab_interfaces, by its name.
    :param switches: the variable lab_switches.
    """
    from ansible_collections.weft.fabric.plugins.plugin_utils.documents.lab import document

    return document(hosts, switches)


def _refusing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a filter: its refusals are Ansible's."""

    @functools.wraps(function)
    def refusing(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except FabricError as error:
            raise AnsibleFilterError(f"{function.__name__}: {error}") from error

    return refusing


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        functions = (
            hosts,
            plan_lines,
            plan_refused,
            unconfirmed,
            batch,
            command_lines,
            command_failed,
            preflight_report,
            drained,
            drain,
            pods_attachments,
            verify_pods,
            verify_devices,
            verify_targets,
            verify_rows,
            verify_report,
            verify_files,
            bandwidth_plan,
            bandwidth_report,
            lab_document,
        )
        return {f"_{function.__name__}": _refusing(function) for function in functions}
