# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on all hosts before the fabric is set up: compared with each other, as a table and a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import text
from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.identity import duplicates

_COLUMNS = ("host", "distribution", "kernel", "Python", "pyroute2", "nft", "systemd", "managers", "result")

_TOLERANCE = 60
"""Seconds by which clocks may differ. Certificates, logs and the times of generations become useless beyond that."""


_NAMED = 5
"""Hosts that are named in a line."""


class Finding(NamedTuple):
    """Something that was found on a host.

    :ivar check: the check that has found it.
    :ivar refuses: the plan refuses the host for it. Otherwise it is a warning.
    """

    host: str
    check: str
    text: str
    refuses: bool

    @property
    def line(self) -> str:
        """What it is, without the host."""
        return f"{'refused' if self.refuses else 'warning'}: {self.check}: {' '.join(self.text.split())}"


@dataclass(frozen=True)
class Report:
    """The preflight.

    :ivar lines: a table, and a line for each finding.
    :ivar refused: the hosts that the plan would refuse.
    """

    lines: list[str]
    refused: list[str]


def registered(
    variables: Mapping[str, Mapping[str, Any]], hosts: Sequence[str], everyone: Sequence[str]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    """What the role has registered, as report() takes it.

    :param variables: Ansible's ``hostvars``.
    :param hosts: those that were looked at.
    :param everyone: all hosts of the play.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for host in hosts:
        first, again = (variables[host].get(name, {}) for name in ("preflight_found", "preflight_again"))
        error = variables[host].get("preflight_installed", {})
        told = " ".join(str(error.get("msg", "")).split()) if error.get("rc") or error.get("failed_when_result") else ""
        found[host] = {**(again if "findings" in again else first), "packages_error": told}
    return found, {host: "cannot be reached" for host in everyone if host not in hosts}


def report(found: Mapping[str, Mapping[str, Any]], missing: Mapping[str, str]) -> Report:
    """The preflight of all hosts.

    :param found: by host, what the action _preflight has returned.
    :param missing: by other host of the run, why it has no result.
    """
    findings = [*_own(found), *_compared(found)]
    refused = [host for host in found if any(one.host == host and one.refuses for one in findings)]
    rows = [_row(host, own, [one for one in findings if one.host == host]) for host, own in found.items()]
    lost = [*missing.items()]
    total = f"{len(found) - len(refused)} of {len(found) + len(missing)} hosts ready, {len(refused)} refused"
    total += f", {len(missing)} not reached" if missing else ""
    lines = [*text.table([_COLUMNS, *rows, *lost], _COLUMNS), "", *_lines(findings)]
    return Report([*lines, f"Preflight: {total}"], refused)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each finding, and for all hosts that have it. First what refuses."""
    hosts: dict[str, list[str]] = {}
    for one in sorted(findings, key=lambda one: not one.refuses):
        hosts.setdefault(one.line, []).append(one.host)
    for line, several in hosts.items():
        more = f" and {len(several) - _NAMED} more" if len(several) > _NAMED else ""
        yield f"{', '.join(several[:_NAMED])}{more}: {line}"


def _own(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    for host, own in found.items():
        for one in own["findings"]:
            yield Finding(host, **one)
        if own.get("packages_error"):
            yield Finding(host, "packages", f"they cannot be installed: {own['packages_error']}", False)


def _compared(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """What is only seen from the controller."""
    identities = {host: own["identity"] for host, own in found.items() if "identity" in own}
    for host, reasons in duplicates(identities).items():
        for reason in reasons:
            yield Finding(host, "identity", reason, True)
    for host, own in found.items():
        if abs(own["clock"]) > _TOLERANCE:
            side = "ahead of" if own["clock"] > 0 else "behind"
            told = f"it is {abs(own['clock']):.0f} s {side} the controller's: let NTP set both"
            yield Finding(host, "clock", told, False)


def _row(host: str, own: Mapping[str, Any], findings: Sequence[Finding]) -> tuple[str, ...]:
    system = own["system"]
    worst = "refused" if any(one.refuses for one in findings) else "warning" if findings else "ready"
    cells = (
        *(system.get(name) for name in ("distribution", "kernel", "python", "pyroute2")),
        *("yes" if system.get(name) else "no" if system else "" for name in ("nft", "systemd")),
        ", ".join(system.get("managers", ())),
        worst,
    )
    return (host, *(cell or "-" for cell in cells))
