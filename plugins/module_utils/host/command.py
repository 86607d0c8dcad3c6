# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command weft-fabric: applies this host's confirmed generation, compares them with the kernel, and prints them.

It runs on the host without Ansible, from the archive that archive.py makes of this package.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import NoReturn, TextIO

from ansible_collections.weft.fabric.plugins.module_utils import sections
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.host import generation
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents, values_of
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import replay, show
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Run, Section

FAILED = 1
DRIFT = 2

# Seconds between two attempts. Anything may be missing, so there is no single kernel event to wait for.
_AGAIN = 5

_EPILOG = f"""\
exit status:
  0   done; with diff: the host is as its documents say
  {FAILED}   failed: something is missing, or the kernel refused
  {DRIFT}   only with diff: the host is not as its documents say
  {os.EX_USAGE}  wrong usage
  {os.EX_CONFIG}  a document cannot be used; nothing was changed

The documents, one for each role of weft.fabric, are those of the generation {generation.DIRECTORY}/confirmed.
"""
_FILES = "The section {name} is stored in {files}. Without NAME, these files are compared and replayed as well.\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit as on wrong usage: argparse's own exit status stands for drift."""
        self.exit(os.EX_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def main() -> int:
    """Run the command, and return its exit status."""
    kept = [_FILES.format(name=name, files=record.files) for name, record in _records() if record.files]
    parser = _Parser(
        prog="weft-fabric",
        description="Make this host's container networking as the documents of weft.fabric say, without Ansible.",
        epilog=_EPILOG + "".join(kept),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="apply|diff|show", parser_class=_Parser)
    for name, text in (
        ("apply", "replay the documents, and print a line for each change"),
        ("diff", "print the changes that apply would make, and change nothing; exit status 2 if there are any"),
        ("show", "print the documents, and the kernel's state of each, as JSON"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("names", nargs="*", metavar="NAME", help="a document, such as overlay; all if not given")
    commands.choices["apply"].add_argument(
        "--wait",
        type=_seconds,
        default=0,
        metavar="SECONDS",
        help="retry for this time after a failure, because an interface of the underlay may appear late",
    )
    arguments = parser.parse_args()
    try:
        stored = _chosen(arguments.names)
    except FabricError as error:
        return _complain(error, os.EX_CONFIG if isinstance(error, generation.Unusable) else FAILED)
    if arguments.command == "show":
        return _show(stored)
    if arguments.command == "diff":
        return _replay(stored, not arguments.names, check=True)
    return _apply(stored, not arguments.names, arguments.wait)


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is refused: a whole number of seconds, such as 30")
    return int(text)


def _say(text: str, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()  # so that the journal has each line at the time of its change


def _complain(error: FabricError, status: int, about: str = "") -> int:
    _say(f"weft-fabric: {about}{error}", sys.stderr)
    return status


def _chosen(names: Sequence[str]) -> Documents:
    # All documents are read, whichever were named: one that cannot be used is reported before anything changes.
    confirmed = generation.read().confirmed
    stored = {name: one for name, one in (confirmed.documents if confirmed else {}).items() if one.persist}
    for name in names:
        if name not in stored:
            raise InvalidParameter("NAME", name, f"this host has {', '.join(stored) or 'no documents'}")
    return {name: document for name, document in stored.items() if not names or name in names}


def _apply(stored: Documents, everything: bool, seconds: int) -> int:
    until = time.monotonic() + seconds
    while (status := _replay(stored, everything, check=False)) and (left := until - time.monotonic()) > 0:
        time.sleep(min(_AGAIN, left))
    return status


def _replay(stored: Documents, everything: bool, check: bool) -> int:
    """Carry out documents together. If that fails, each is carried out alone, so that one does not stop the others."""
    status, drift = 0, False
    with nullcontext() if check else alone():
        try:
            drift = _carry_out(stored, check)
        except FabricError as error:
            status = _complain(error, FAILED) if len(stored) < 2 else 0
            for name, document in stored.items() if not status else ():
                try:
                    drift = _carry_out({name: document}, check) or drift
                except FabricError as own:
                    status = _complain(own, FAILED, f"{name}: ")
            status = status or _complain(error, FAILED)
        # Last, because a link that has just been created has the kernel's defaults.
        for name, record in _records() if everything else ():
            try:
                lines = _lines(record.reassert(check)) if record.reassert else []
                drift = _say_all(name, lines) or drift
            except FabricError as error:
                status = _complain(error, FAILED, f"{name}: ")
    return status or (DRIFT if drift and check else 0)


def _carry_out(stored: Documents, check: bool) -> bool:
    """Carry out documents together, and print each change; whether there are any."""
    drift = False
    owned = frozenset(owned for document in stored.values() for owned in document.owned)
    for step in replay(Run(values_of(stored), check=check, owned=owned)):
        lines = [line for diff in step.outcome.diffs for line in _lines(diff, step.section.noun)]
        drift = _say_all(step.role, lines) or drift
        for warning in step.outcome.warnings:
            _say(f"weft-fabric: {step.role}: {warning}", sys.stderr)
    return drift


def _say_all(name: str, lines: Sequence[str]) -> bool:
    for line in lines:
        _say(f"{name}: {line}")
    return bool(lines)


def _records() -> list[tuple[str, Section]]:
    return [(name, sections.load(name)) for name in sections.NAMES]


def _lines(diff: Mapping[str, str], what: str = "") -> list[str]:
    """Ansible's diff as a line for each object that is removed or added."""
    before, after = (
        # A line of nft's that only closes a bracket means nothing on its own.
        dict.fromkeys(line.strip(" \t{") for line in diff[side].splitlines() if line.strip() != "}")
        for side in ("before", "after")
    )
    removed = [f"- {what}{line}" for line in before if line not in after]
    return removed + [f"+ {what}{line}" for line in after if line not in before]


def _show(stored: Documents) -> int:
    status = 0
    shown = {}
    for name, document in stored.items():
        try:
            state = show(Run(values_of({name: document}), check=True), name)
            shown[name] = {"document": document.content, "state": state}
        except FabricError as error:
            status = _complain(error, FAILED, f"{name}: ")
            shown[name] = {"document": document.content}
    try:
        _say(json.dumps(shown, indent=1, sort_keys=True))
    except BrokenPipeError:
        # The reader has closed the pipe. Python would report that again when it closes its output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status
