# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has, and how it differs from that: for people on one screen, and as data."""

from __future__ import annotations

import platform
import time
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.host import (
    engines,
    generation,
    guard,
    hold,
    notes,
    repair,
    wayback,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents, values_of
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation, Record
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import prepare
from ansible_collections.weft.fabric.plugins.module_utils.host.transaction import owned_by
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Run

_SHOWN = 7  # lines of drift, and of orphans, on the screen


def status() -> dict[str, Any]:
    """The status as data. The module host_info documents it."""
    record = generation.read()
    current, waiting, error = record.current, guard.waiting(), notes.read(notes.ERROR)
    lines = list(repair.repair((), check=True))
    return {
        **_position(current),
        "time": current.time if current else 0,
        "age": max(0, int(time.time()) - current.time) if current else 0,
        "controller": current.controller if current else "",
        "roles": [*current.documents] if current else [],
        "peers": record.peers,
        "confirmed": record.is_confirmed,
        "seconds_left": int(waiting.left) if waiting and not record.is_confirmed else None,
        "interrupted": not wayback.is_settled(record),
        "drift": [line.text for line in lines if line.what == "change"],
        "warnings": [line.text for line in lines if line.what == "warning"],
        "orphans": _orphans(record),
        "error": "; ".join(line.text for line in lines if line.what == "error"),
        "hold": hold.text() or False,
        "last_error": error,
        "versions": {
            "engine": engines.installed(),
            "generation": current.engine if current else "",
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
    }


def _orphans(record: Record) -> list[str]:
    known = wayback.in_force(record)
    documents: Documents = known.documents if known else {}
    run = Run(values_of(documents), check=True, owned=owned_by(record.known))
    prepare(run)
    found = [line for _name, section in repair.records() for line in section.orphans(run)]
    return [*dict.fromkeys(found)]


def position() -> dict[str, Any]:
    """The number and the revision of the current generation."""
    return _position(generation.read().current)


def _position(current: Generation | None) -> dict[str, Any]:
    if current is None or not current.documents:
        return {"generation": 0, "revision": ""}
    return {"generation": current.number, "revision": current.revision}


def as_text(found: dict[str, Any]) -> str:
    """The status on one screen."""
    rows = [
        ("generation", _generation(found)),
        ("revision", found["revision"]),
        ("made", f"{_when(found['time'])} ({_age(found['age'])} ago) by {found['controller'] or 'this host itself'}"),
        ("roles", ", ".join(found["roles"])),
        ("drift", _lines(found["drift"]) or found["error"] or "none"),
        ("warnings", _lines(found["warnings"])),
        ("orphans", _lines(found["orphans"]) or "none"),
        ("hold", found["hold"] or "none"),
        ("last error", _error(found["last_error"])),
        ("versions", ", ".join(f"{name} {value}" for name, value in found["versions"].items() if value)),
    ]
    left_out = {"revision", "made", "roles"} if not found["generation"] else set()
    rows = [row for row in rows if row[0] not in left_out and row[1]]
    return "\n".join(f"{name:<12}{text}" for name, text in rows)


def _generation(found: dict[str, Any]) -> str:
    if found["confirmed"] and not found["generation"]:
        return "none"
    return f"{found['generation'] or 'none'}, {_state(found)}"


def _state(found: dict[str, Any]) -> str:
    if found["interrupted"]:
        return "interrupted: 'weft-fabric apply' goes back to the confirmed one"
    if found["confirmed"]:
        return "confirmed"
    return f"not confirmed: the host goes back in {found['seconds_left']} s unless 'weft-fabric confirm' runs"


def _lines(found: list[str]) -> str:
    more = [f"and {len(found) - _SHOWN} more: weft-fabric status --json"] if len(found) > _SHOWN else []
    return f"\n{'':<12}".join([*found[:_SHOWN], *more])


def _error(note: dict[str, Any] | None) -> str:
    return f"{note['by']} at {_when(note['time'])}: {note['message']}" if note else "none"


def _when(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _age(seconds: int) -> str:
    """An age in the largest unit of which there are at least two."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def history() -> list[dict[str, Any]]:
    """The generations that the host keeps, the oldest first."""
    record = generation.read()
    return [
        {
            "number": one.number,
            "state": _states(record, one.number),
            "time": one.time,
            "revision": one.revision,
            "engine": one.engine,
            "controller": one.controller,
            "roles": [*one.documents],
        }
        for one in generation.kept()
    ]


def _states(record: Record, number: int) -> list[str]:
    return [name for name, one in zip(generation.STATES, record) if one is not None and one.number == number]


def history_as_text(found: list[dict[str, Any]]) -> str:
    """The generations, one in a line."""
    if not found:
        return "this host has no generations"
    rows = [("", "time", "revision", "controller", "roles")]
    for one in found:
        mark = f" ({', '.join(one['state'])})" if one["state"] else ""
        roles = f"{', '.join(one['roles']) or 'none'}{mark}"
        rows.append((str(one["number"]), _when(one["time"]), one["revision"], one["controller"] or "this host", roles))
    return "\n".join(
        f"{number:<5}{when:<25}{revision:<14}{who:<17}{roles}" for number, when, revision, who, roles in rows
    )
