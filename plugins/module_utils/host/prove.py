# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of this host's own rows, without Ansible: its probes, and which layer fails where one does.

The role verify does the same on all hosts. Only this one is looked at here, so a fault may be at either end of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.host import status, stored_rows
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import netns_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.obstacles import obstacles
from ansible_collections.weft.fabric.plugins.module_utils.kernel.states import states
from ansible_collections.weft.fabric.plugins.module_utils.probe.measure import measure
from ansible_collections.weft.fabric.plugins.module_utils.probe.targets import targets_of
from ansible_collections.weft.fabric.plugins.module_utils.proof import report, rows
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Reported
from ansible_collections.weft.fabric.plugins.module_utils.proof.rows import Rows
from ansible_collections.weft.fabric.plugins.module_utils.proof.verdict import Verdict, verdicts

_TIMEOUT = 4.0  # seconds, as the module reachability has it
_SHORT = 0.5
_ALONE = "{} alone has been looked at: the playbook weft.fabric.verify looks at both ends of a pair"


class Proved(NamedTuple):
    """What the proof has found.

    :ivar holds: whether all pairs hold.
    :ivar data: the same for programs.
    """

    lines: list[str]
    holds: bool
    data: dict[str, Any]


def prove() -> Proved:
    """Prove the rows that are stored with the current generation.

    :raises FabricError: none are stored, or a probe cannot be sent at all.
    """
    own = rows.parse(stored_rows.current())
    found = _found(own) if own.targets else []
    bad = [verdict for verdict in found if verdict.check]
    shown = report.report(found, [own.host])
    lines = shown.lines if found else ["there is nothing to prove: this host is no node, or has no peers and no pods"]
    others = {host for fault in shown.faults for host in fault.hosts} - {own.host}
    told = ["", _ALONE.format(own.host)] if others else []
    return Proved([*lines, *told], not bad, {**status.position(), "host": own.host, **report.as_data(found)})


def _found(own: Rows) -> list[Verdict]:
    given = rows.probes(own.targets, own.port)
    probed = measure(targets_of(given), own.echoes, True, _TIMEOUT, own.devices)
    found = verdicts(own.proof, _reported(own, probed))
    if not any(verdict.check for verdict in found):
        return found
    there = states(["", *netns_names()])
    _send_again(given)
    return verdicts(own.proof, _reported(own, probed, {own.host: there}, {own.host: obstacles(own.devices)}))


def _send_again(given: Sequence[dict[str, Any]]) -> None:
    """Send packets to all hosts once more: the peers may have been proving too, and counters tell who hears whom."""
    between = [probe for probe in given if "netns" not in probe and "url" not in probe]
    if between:
        measure(targets_of(between), 1, False, _SHORT, ())


def _reported(own: Rows, probed: dict[str, Any], there: Any = None, in_the_way: Any = None) -> Reported:
    mtu = probed["mtus"].get(own.dev)
    return Reported(
        results={own.host: probed["results"]},
        mtus={own.host: mtu} if mtu else {},
        states=there or {},
        before={own.host: probed["counters"]},
        obstacles=in_the_way or {},
    )
