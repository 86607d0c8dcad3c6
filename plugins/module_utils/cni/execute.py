# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further plugins of networks, executed as the CNI specification says.

A record is written before the first plugin is called: whatever becomes of the rest, the next run takes it back and
starts again.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.chain import Chained, request
from ansible_collections.weft.fabric.plugins.module_utils.cni.record import Record, sandbox
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.files import alone

PATH = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
"""Where distributions and runtimes put plugins."""
LIMIT = 60.0
"""Seconds that a plugin takes at most."""

# Well-known codes of the specification, section 5. Plugins use 999 and others of their own for everything else.
_REMEDY = {
    1: "give a cniVersion that the plugin supports",
    2: "correct the network's configuration",
    7: "correct the network's configuration",
    11: "run again",
}


def check_programs(items: Iterable[Attachment]) -> None:
    """Check that all further plugins are installed.

    :raises InvalidParameter: one is not.
    """
    for item in items:
        wanted = [(plugin.where, plugin.type) for plugin in item.network.chain]
        if item.network.ipam and item.network.ipam.dhcp:
            wanted.append((f"{item.where}.network.ipam", "dhcp"))
        for where, name in wanted:
            if not _program(name):
                remedy = f"it is in none of {', '.join(PATH)}: install the package containernetworking-plugins"
                raise InvalidParameter(f"{where}.type", name, remedy)


def _program(name: str) -> str:
    return next((path for path in (f"{place}/{name}" for place in PATH) if os.access(path, os.X_OK)), "")


def add(item: Attachment, record: Record, main: Mapping[str, Any]) -> dict[str, Any]:
    """Call ADD of each plugin in order, each with the result of the one before it.

    If one fails, those that were called are called with DEL, in reverse order.

    :returns: the result of the last one.
    :raises FabricError: one refuses.
    """
    record.write(main)
    result = dict(main)
    try:
        for plugin in item.network.chain:
            found = call("ADD", item, plugin, item.runtime, result)
            result = found if found is not None else result
    except FabricError:
        with suppress(FabricError):  # the record stays then, and the next run tries again
            delete(item, record)
        raise
    checked = [plugin.type for plugin in item.network.chain if _holds(item, plugin, item.runtime, result)]
    record.write(main, result, checked)
    return result


def holds(item: Attachment, record: Record) -> bool:
    """Whether all plugins whose CHECK is of use say that everything is as they made it."""
    return all(
        _holds(item, plugin, record.runtime, record.result)
        for plugin in record.plugins
        if plugin.type in record.checked and not item.network.unchecked
    )


def _holds(item: Attachment, plugin: Chained, runtime: Mapping[str, Any], result: Mapping[str, Any] | None) -> bool:
    if item.network.version < "0.4.0":  # the first version with CHECK
        return False
    try:
        call("CHECK", item, plugin, runtime, result)
    except FabricError:
        return False
    return True


def delete(item: Attachment, record: Record) -> None:
    """Call DEL of each plugin in reverse order, with what it was called with before, and remove the record.

    :raises FabricError: one refuses.
    """
    for plugin in reversed(record.plugins):
        call("DEL", item, plugin, record.runtime, record.result or record.main)
    record.remove()


def converge(
    items: Sequence[Attachment], mains: Sequence[Mapping[str, Any]], gone: Sequence[Attachment], check: bool
) -> tuple[list[Mapping[str, Any]], list[str], list[str]]:
    """Call the further plugins of interfaces where something differs from what they were called with, or is lost.

    :param mains: the results of the interfaces' first plugins.
    :param gone: interfaces that are removed.
    :param check: call no ADD and no DEL.
    :returns: the final results, a line for each plugin that is taken back, and one for each that is called.
    :raises FabricError: a plugin refuses.
    """
    if not any(item.network.chain or Record(item).exists for item in (*items, *gone)):
        return [*mains], [], []
    with nullcontext() if check else alone():  # another run may call the same plugins
        return _converge(items, mains, gone, check)


def _converge(
    items: Sequence[Attachment], mains: Sequence[Mapping[str, Any]], gone: Sequence[Attachment], check: bool
) -> tuple[list[Mapping[str, Any]], list[str], list[str]]:
    results: list[Mapping[str, Any]] = []
    before: list[str] = []
    after: list[str] = []
    for item in gone:
        before += _take_back(item, Record(item), check)
    removed = {(item.network.name, item.container, item.interface) for item in gone}
    for item, main in zip(items, mains):
        record = Record(item)
        again = check and (item.network.name, item.container, item.interface) in removed
        if record.exists and not again and record.is_of(main) and holds(item, record):
            results.append(record.result or main)
            continue
        before += [] if again else _take_back(item, record, check)
        after += _lines(item, item.network.chain)
        results.append(main if check or not item.network.chain else add(item, record, main))
    return results, before, after


def _take_back(item: Attachment, record: Record, check: bool) -> list[str]:
    if not record.exists:
        return []
    lines = _lines(item, record.plugins)
    if not check:
        delete(item, record)
    return lines


def _lines(item: Attachment, plugins: Iterable[Chained]) -> list[str]:
    owner = f"{item.interface} of {item.container}"
    return [f"plugin {plugin.type} of network {item.network.name} for {owner}" for plugin in plugins]


def known(item: Attachment, main: Mapping[str, Any]) -> Mapping[str, Any]:
    """The final result of an interface, as far as its plugins have been called."""
    return (Record(item).result or main) if item.network.chain else main


def call(
    command: str, item: Attachment, plugin: Chained, runtime: Mapping[str, Any], previous: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Execute a plugin; its result, if it prints one.

    :raises FabricError: it is missing, refuses, or prints something else.
    """
    who = f"{plugin.where}: plugin {plugin.type}"
    program = _program(plugin.type)
    if not program:
        raise FabricError(f"{who} is in none of {', '.join(PATH)}: install the package containernetworking-plugins")
    asked = request(plugin, item.network.name, item.network.version, runtime, previous)
    try:
        done = subprocess.run(
            [program],
            input=json.dumps(asked).encode(),
            env=_environment(command, item),
            capture_output=True,
            check=False,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        raise FabricError(f"{who} takes more than {LIMIT:.0f} s to {command}: look at what it waits for") from error
    except OSError as error:
        raise FabricError(f"{who} cannot be started: {error.strerror}: reinstall {program}") from error
    try:
        told = json.loads(done.stdout) if done.stdout.strip() else None
    except ValueError:
        told = {"msg": done.stdout.decode(errors="replace")} if done.returncode else {}
    if done.returncode:
        raise _refusal(f"{who} refuses to {command} {item.interface} of {item.container}", told, done.stderr)
    return told if isinstance(told, dict) and told else None


def _environment(command: str, item: Attachment) -> dict[str, str]:
    """A plugin's environment (section 2 of the specification)."""
    return {
        **os.environ,
        # Plugins call iptables, and a user's path may lack the directories of system commands.
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": item.container,
        "CNI_NETNS": sandbox(item),
        "CNI_IFNAME": item.interface,
        "CNI_PATH": ":".join(PATH),
    }


def _refusal(what: str, told: Any, stderr: bytes) -> FabricError:
    """A plugin's error in one line (section 5 of the specification)."""
    told = told if isinstance(told, dict) else {}
    words = [str(told[key]) for key in ("msg", "details") if told.get(key)] or [stderr.decode(errors="replace")]
    text = " ".join(": ".join(words).split())[:500] or "without a word"
    remedy = _REMEDY.get(told.get("code", 0), "")
    return FabricError(f"{what}: {text}" + (f"; {remedy}" if remedy else ""))
