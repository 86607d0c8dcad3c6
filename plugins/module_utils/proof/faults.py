# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: the fewest causes that explain all pairs that fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Check
from ansible_collections.weft.fabric.plugins.module_utils.proof.verdict import Verdict

_DETAILS = 3
"""Details of a fault that are written out."""

_Key = tuple[Check, str, str]
"""A check, a host, and the text of a cause."""


@dataclass(frozen=True)
class Fault:
    """Something to mend.

    :ivar hosts: where it is. Several: on one of them, or between them.
    :ivar details: what differs between its pairs.
    :ivar pairs: the number of pairs that it explains.
    :ivar example: the first of them, with what its probe found.
    """

    hosts: list[str]
    text: str
    layer: str
    pairs: int
    example: str
    details: list[str]
    remedy: str

    @property
    def lines(self) -> list[str]:
        """The fault for people."""
        details = "; ".join(self.details[:_DETAILS])
        if len(self.details) > _DETAILS:
            details += f"; and {len(self.details) - _DETAILS} more"
        count = f"{self.pairs} pairs, the first is " if self.pairs > 1 else ""
        return [
            f"{' and '.join(self.hosts)}: {self.text}",
            f"    layer:  {self.layer}",
            f"    fails:  {count}{self.example}",
            *([f"    found:  {details}"] if details else []),
            f"    remedy: {self.remedy}",
        ]


def faults(failed: Sequence[Verdict]) -> list[Fault]:
    """The faults behind pairs that fail, those that explain the most pairs first.

    A pair can have several possible causes: its packets die at one end or the other. The cause that most pairs have in
    common is chosen first, and all pairs that it explains are done. Causes that explain exactly the same pairs are all
    named.
    """
    return [
        _fault(check, text, hosts, [failed[number] for number in numbers])
        for check, text, hosts, numbers in _chosen(failed)
    ]


def culprits(failed: Sequence[Verdict]) -> list[list[str]]:
    """The hosts that have the fault behind each pair that fails. Several: on one of them, or between them."""
    found: list[dict[str, None]] = [{} for _verdict in failed]
    for _check, _text, hosts, numbers in _chosen(failed):
        for number in numbers:
            found[number].update(dict.fromkeys(hosts))
    return [[*hosts] for hosts in found]


def _chosen(failed: Sequence[Verdict]) -> Iterator[tuple[Check, str, list[str], list[int]]]:
    """The causes that explain all pairs: (check, text, hosts, the numbers of the pairs that they explain)."""
    explains: dict[_Key, set[int]] = {}
    for number, verdict in enumerate(failed):
        for cause in verdict.causes:
            if verdict.check:
                explains.setdefault((verdict.check, cause.host, cause.text), set()).add(number)
    while explains:
        numbers = max(explains.values(), key=len)
        together: dict[tuple[Check, str], list[str]] = {}
        for check, host, text in [key for key, of_one in explains.items() if of_one == numbers]:
            together.setdefault((check, text), []).append(host)
        for (check, text), hosts in together.items():
            yield check, text, sorted(hosts), sorted(numbers)
        left = {key: of_one.difference(numbers) for key, of_one in explains.items()}
        explains = {key: of_one for key, of_one in left.items() if of_one}


def _fault(check: Check, text: str, hosts: list[str], explained: Sequence[Verdict]) -> Fault:
    causes = [cause for verdict in explained for cause in verdict.causes]
    details = [cause.detail for cause in causes if cause.detail and cause.text == text and cause.host in hosts]
    pair = explained[0].pair
    error = f": {pair.result.error}" if pair.result.error else ""
    return Fault(
        hosts=hosts,
        text=text,
        layer=check.layer,
        pairs=len(explained),
        example=f"{pair.source} -> {pair.target.name} {pair.target.address}{error}",
        details=list(dict.fromkeys(details)),
        remedy=check.remedy,
    )
