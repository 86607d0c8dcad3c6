# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run as text: a line for each object of each host that is about to change, and a count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils.fleet.identity import duplicates

_MANY = 20
"""Of more objects of one type on a host than this, only the number is shown."""


def lines(planned: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The whole plan.

    :param planned: by host, what the action _host has returned in its phase plan.
    """
    found = [line for host, own in planned.items() if own.get("differs") for line in _changes(host, own)]
    shown = [f"{host}: {own['documents']}" for host, own in planned.items() if "documents" in own]
    reasons = refused(planned)
    told = f"Refused by {len(reasons)} of {len(planned)} hosts, so no host is changed:"
    about = [told, *(f"{host}: {reason}" for host, reason in reasons.items())] if reasons else []
    return [*shown, *found, _total(planned), *about]


def refused(planned: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """By host, why it is refused: by itself, or because another host has the same identity.

    :param planned: as lines() takes it.
    """
    found = {host: [own["refusal"]] for host, own in planned.items() if "refusal" in own}
    for host, reasons in duplicates(
        {host: own["identity"] for host, own in planned.items() if "identity" in own}
    ).items():
        found.setdefault(host, []).extend(reasons)
    return {host: " ".join("; ".join(found[host]).split()) for host in planned if host in found}


def unconfirmed(variables: Mapping[str, Mapping[str, Any]], seconds: int) -> list[str]:
    """The hosts of a run that nobody confirms, as a line; none: all are confirmed.

    :param variables: by host, its ``hostvars``.
    :param seconds: the time for a confirmation.
    """
    proved = not any((own.get("verify_result") or {}).get("suspects") for own in variables.values())
    waiting = [host for host, own in variables.items() if _waits(own, proved)]
    told = f"Not confirmed, so that these hosts go back by themselves within {seconds} s: {', '.join(waiting)}"
    return [told] if waiting else []


def _waits(own: Mapping[str, Any], proved: bool) -> bool:
    """Whether a host has an unconfirmed generation, or was lost while it changed."""
    applied = own.get("common_applied") or {}
    if applied.get("unreachable"):
        return True
    return not proved and not (applied or own.get("common_planned") or {}).get("confirmed", True)


def _changes(host: str, own: Mapping[str, Any]) -> Iterator[str]:
    yield f"{host}: {_count([own])}{'' if own['objects'] else ', files alone'}"
    yield from (f"  {line}" for line in own["objects"])


def shortened(objects: Sequence[str]) -> list[str]:
    """The lines of objects, with one line for many that are alike."""
    alike = Counter(map(_kind, objects))
    many = {kind: f"{' '.join(kind)}: {count} of them" for kind, count in alike.items() if count > _MANY}
    return [*dict.fromkeys(many.get(_kind(line), line) for line in objects)]


def _kind(line: str) -> tuple[str, str]:
    """The sign of a line, and the type of its object."""
    sign, _space, text = line.partition(" ")
    words = text.split()
    return sign, words[2] if words[0] == "netns" and len(words) > 2 else words[0]


def _count(several: Sequence[Mapping[str, Any]]) -> str:
    total = {how: sum(own["count"][how] for own in several) for how in ("added", "changed", "recreated", "removed")}
    return f"+{total['added']} ~{total['changed'] + total['recreated']} -{total['removed']}"


def _total(planned: Mapping[str, Mapping[str, Any]]) -> str:
    several = [own for own in planned.values() if own.get("differs")]
    return (
        f"Plan: {len(several)} of {len(planned)} hosts change, {_count(several)}"
        if several
        else "Plan: no host changes"
    )
