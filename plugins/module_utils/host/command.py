# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command weft-fabric: repairs, compares, shows and confirms this host's generation, and goes back to earlier ones.

It runs on the host without Ansible, from the archive that archive.py makes of this package.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import nullcontext
from typing import Any, Callable, NoReturn, TextIO

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.host import (
    generation,
    hold,
    notes,
    places,
    repair,
    status,
    wayback,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.wayback import Arrival

FAILED = 1
DRIFT = 2

# Seconds between two attempts. Anything may be missing, so there is no single kernel event to wait for.
_AGAIN = 5

_EPILOG = f"""\
exit status:
  0   done; with diff and status: the host is as its documents say; with prove: all pairs hold
  {FAILED}   failed: something is missing, or the kernel refused; with prove: a pair does not hold
  {DRIFT}   only with diff and status: the host is not as its documents say
  {os.EX_USAGE}  wrong usage
  {os.EX_CONFIG}  a document cannot be used; nothing was changed

The generation {places.DIRECTORY}/confirmed has the documents, one for each role of weft.fabric. A newer
generation counts instead as long as it can still be confirmed.
"""
_FILES = "The section {name} is stored in {files}. Without NAME, these files are compared and replayed as well.\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit as on wrong usage: argparse's own exit status stands for drift."""
        self.exit(os.EX_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def main() -> int:
    """Run the command, and return its exit status."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.act(arguments))
    except FabricError as error:
        _complain(str(error))
        return os.EX_CONFIG if isinstance(error, generation.Unusable) else FAILED


def _parser() -> _Parser:
    kept = [_FILES.format(name=name, files=record.files) for name, record in repair.records() if record.files]
    parser = _Parser(
        prog="weft-fabric",
        description="Make this host's container networking as the documents of weft.fabric say, without Ansible.",
        epilog=_EPILOG + "".join(kept),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, (act, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(act=act)
        if name in ("apply", "diff", "show"):
            command.add_argument(
                "names", nargs="*", metavar="NAME", help="a document, such as overlay; all if not given"
            )
        else:
            command.add_argument("--json", action="store_true", help="print JSON")
        if name in ("confirm", "rollback"):
            text = "its number or its revision"
            command.add_argument("which", nargs="?", default="", metavar="GENERATION", help=text)
    text = "retry for this time after a failure, because an interface of the underlay may appear late"
    commands.choices["apply"].add_argument("--wait", type=_seconds, default=0, metavar="SECONDS", help=text)
    commands.choices["hold"].add_argument("time", nargs="?", type=_time_of_hold, default=0, metavar="SECONDS|off")
    guard = commands.add_parser("guard")  # for the module host alone
    guard.add_argument("generation", type=int)
    guard.set_defaults(act=_guard)
    return parser


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is refused: a whole number of seconds, such as 30")
    return int(text)


def _time_of_hold(text: str) -> int | None:
    return None if text == "off" else _seconds(text)


def _say(text: str, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    try:
        stream.write(f"{text}\n")
        stream.flush()  # so that the journal has each line at the time of its change
    except BrokenPipeError:
        # The reader has closed the pipe. Python would report that again when it closes its output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(text: str) -> None:
    _say(f"weft-fabric: {text}", sys.stderr)


# -- repair ----------------------------------------------------------------------------------------


def _apply(arguments: Any) -> int:
    until = time.monotonic() + arguments.wait
    while (done := _repair(arguments.names, check=False)) and (left := until - time.monotonic()) > 0:
        time.sleep(min(_AGAIN, left))
    return done


def _diff(arguments: Any) -> int:
    return _repair(arguments.names, check=True)


def _repair(names: list[str], check: bool) -> int:
    held = hold.text()
    if held:
        _complain(held)
    if held and not check:
        return 0
    found = dict.fromkeys(("change", "warning", "error"), "")
    with nullcontext() if check else alone():
        for line in repair.repair(names, check):
            found[line.what] = line.text
            if line.what == "change":
                _say(line.text)
            else:
                _complain(line.text)
        if not check:
            notes.report("weft-fabric apply", found["error"])
    return FAILED if found["error"] else DRIFT if found["change"] and check else 0


def _show(arguments: Any) -> int:
    found, errors = repair.shown(arguments.names)
    for line in errors:
        _complain(line.text)
    _say(json.dumps(found, indent=1, sort_keys=True))
    return FAILED if errors else 0


# -- generations -----------------------------------------------------------------------------------


def _status(arguments: Any) -> int:
    found = status.status()
    _say(json.dumps(found) if arguments.json else status.as_text(found))
    return FAILED if found["error"] else DRIFT if found["drift"] else 0


def _history(arguments: Any) -> int:
    found = status.history()
    _say(json.dumps({"generations": found}) if arguments.json else status.history_as_text(found))
    return 0


def _confirm(arguments: Any) -> int:
    with notes.reported("weft-fabric confirm"):
        return _arrived(wayback.confirm(arguments.which), arguments.json)


def _rollback(arguments: Any) -> int:
    try:
        with notes.reported("weft-fabric rollback"):
            return _arrived(wayback.rollback(arguments.which), arguments.json)
    except wayback.ByAnother as error:
        if not os.path.exists(error.engine):
            raise
        os.execv(error.engine, [error.engine, *sys.argv[1:]])


def _arrived(arrival: Arrival, as_json: bool) -> int:
    found = arrival.as_dict()
    text = f"generation {found['generation']}, revision {found['revision']}, is confirmed"
    _say(json.dumps(found) if as_json else text if found["generation"] else "this host has no documents any more")
    return 0


def _hold(arguments: Any) -> int:
    before = hold.text()
    if arguments.time is None:
        hold.end()
    else:
        hold.begin(arguments.time)
    now = hold.text()
    found = {**status.position(), "changed": now != before, "hold": now or False}
    _say(json.dumps(found) if arguments.json else now or "this host is not on hold")
    return 0


def _prove(arguments: Any) -> int:
    # Not before: a boot needs no probes.
    from ansible_collections.weft.fabric.plugins.module_utils.host import prove

    found = prove.prove()
    _say(json.dumps(found.data) if arguments.json else "\n".join(found.lines))
    return 0 if found.holds else FAILED


def _guard(arguments: Any) -> int:
    while True:
        try:
            wayback.watch(arguments.generation)
            return 0
        except FabricError as error:
            _complain(str(error))
            time.sleep(_AGAIN)  # what is missing may come back, and nobody else can do this


_COMMANDS: dict[str, tuple[Callable[[Any], int], str]] = {
    "apply": (_apply, "replay the documents, and print a line for each change"),
    "diff": (_diff, "print the changes that apply would make, and change nothing; exit status 2 if there are any"),
    "show": (_show, "print the documents, and the kernel's state of each, as JSON"),
    "status": (_status, "print what the host has, and how it differs; exit status 2 if it differs"),
    "prove": (_prove, "probe all pods and nodes from this host and its pods, and name what fails"),
    "history": (_history, "print the generations that the host keeps, the newest last"),
    "confirm": (_confirm, "keep the current generation, so that the host does not go back"),
    "rollback": (_rollback, "go back to the previous generation, or to GENERATION"),
    "hold": (_hold, "for SECONDS, or until 'hold off', let neither a controller nor the host change anything"),
}
