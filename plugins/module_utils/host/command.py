# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command weft-fabric: this host's documents replayed, compared with the kernel, and printed.

It runs on the host without Ansible, from the archive that archive.py makes of this package.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Callable, NoReturn, TextIO

from ansible_collections.weft.fabric.plugins.module_utils import sections
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import documents
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Stored
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import replay, show
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Section

FAILED = 1
DRIFT = 2

# Seconds between two attempts. What is missing may be anything: there is no one event of the kernel's to wait for.
_AGAIN = 5

_EPILOG = f"""\
exit status:
  0   done; with diff: the host is as its documents say
  {FAILED}   failed: something is missing, or the kernel refused
  {DRIFT}   only with diff: the host is not as its documents say
  {os.EX_USAGE}  wrong usage
  {os.EX_CONFIG}  a document cannot be used; nothing was changed

Documents are below {documents.DIRECTORY}, one for each role of weft.fabric.
"""
_FILES = "Of {name}, the values are in {files}. Without NAME, these files are compared and replayed as well.\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """argparse's own exit status is that of drift."""
        self.exit(os.EX_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def main() -> int:
    """Run the command; its exit status."""
    kept = [_FILES.format(name=name, files=record.files) for name, record in _records() if record.files]
    parser = _Parser(
        prog="weft-fabric",
        description="Make this host's container networking as the documents of weft.fabric say, without Ansible.",
        epilog=_EPILOG + "".join(kept),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="apply|diff|show", parser_class=_Parser)
    for name, text in (
        ("apply", "replay the documents; a line for each change"),
        ("diff", "say what apply would change, and change nothing; exit status 2 if there is something"),
        ("show", "print the documents, and what of them the kernel has, as JSON"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("names", nargs="*", metavar="NAME", help="a document, such as overlay; all if not given")
    commands.choices["apply"].add_argument(
        "--wait",
        type=_seconds,
        default=0,
        metavar="SECONDS",
        help="what fails is tried again for so long, as an interface of the underlay may come late",
    )
    arguments = parser.parse_args()
    try:
        stored = _chosen(arguments.names)
    except FabricError as error:
        return _complain(error, os.EX_CONFIG if isinstance(error, documents.Unusable) else FAILED)
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
    stream.flush()  # a line of the journal when it happens


def _complain(error: FabricError, status: int, about: str = "") -> int:
    _say(f"weft-fabric: {about}{error}", sys.stderr)
    return status


def _chosen(names: Sequence[str]) -> list[Stored]:
    # All are read, whatever was asked for: one that cannot be used is told of before anything is changed.
    stored = documents.load()
    known = [document.name for document in stored]
    for name in names:
        if name not in known:
            raise InvalidParameter("NAME", name, f"this host has {', '.join(known) or 'no documents'}")
    return [document for document in stored if not names or document.name in names]


def _apply(stored: Sequence[Stored], everything: bool, seconds: int) -> int:
    until = time.monotonic() + seconds
    while (status := _replay(stored, everything, check=False)) and (left := until - time.monotonic()) > 0:
        time.sleep(min(_AGAIN, left))
    return status


def _replay(stored: Sequence[Stored], everything: bool, check: bool) -> int:
    """Replay documents: each as far as it goes, since what one lacks another need not."""
    status = 0
    drift = False
    steps = [(document.name, _sections(document, check)) for document in stored]
    if everything:
        # Last, since a device that was made just now has the kernel's defaults.
        steps += [(name, _reassert(record.reassert, check)) for name, record in _records() if record.reassert]
    for name, outcomes in steps:
        try:
            for changes, warnings in outcomes:
                drift = drift or bool(changes)
                for line in changes:
                    _say(f"{name}: {line}")
                for warning in warnings:
                    _say(f"weft-fabric: {name}: {warning}", sys.stderr)
        except FabricError as error:
            status = _complain(error, FAILED, f"{name}: ")
    return status or (DRIFT if drift and check else 0)


def _sections(document: Stored, check: bool) -> Iterator[tuple[list[str], Sequence[str]]]:
    """Replay a document's sections one by one: the changes of each as lines, and its warnings."""
    for section, outcome in replay(document, check):
        yield [line for diff in outcome.diffs for line in _lines(diff, section.noun)], outcome.warnings


def _reassert(reassert: Callable[[bool], Mapping[str, str]], check: bool) -> Iterator[tuple[list[str], Sequence[str]]]:
    """Bring the host to what files of a section's own say."""
    yield _lines(reassert(check)), []


def _records() -> list[tuple[str, Section]]:
    return [(name, sections.load(name)) for name in sections.NAMES]


def _lines(diff: Mapping[str, str], what: str = "") -> list[str]:
    """Ansible's diff, a line for each thing that goes or comes."""
    before, after = (
        # A line of nft's that only closes a bracket says nothing when it stands alone.
        dict.fromkeys(line.strip(" \t{") for line in diff[side].splitlines() if line.strip() != "}")
        for side in ("before", "after")
    )
    gone = [f"- {what}{line}" for line in before if line not in after]
    return gone + [f"+ {what}{line}" for line in after if line not in before]


def _show(stored: Sequence[Stored]) -> int:
    status = 0
    shown = {}
    for document in stored:
        try:
            shown[document.name] = {"document": document.content, "state": show(document)}
        except FabricError as error:
            status = _complain(error, FAILED, f"{document.name}: ")
            shown[document.name] = {"document": document.content}
    try:
        _say(json.dumps(shown, indent=1, sort_keys=True))
    except BrokenPipeError:
        # Somebody looked at the beginning only. Python would complain again when it closes its output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status
