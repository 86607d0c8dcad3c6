# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters: live below /proc/sys, and persisted in one file of ours below /etc/sysctl.d.

The file also records each value as it was before, so that taking the settings away restores them. It is therefore
written before the live values are, and removed after they are restored: whoever is interrupted finds the record again.
Sources: sysctl.d(5), Documentation/admin-guide/sysctl.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import files, values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kernel.sysctl import (
    FORWARDING,
    IPV6_FORWARDING,
    interfaces_with_advertised_routes,
    normalised,
    read_live,
    write_live,
)
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Outcome, Owned, Run, Section

DIRECTORY = "/etc/sysctl.d"
HEADER = "# Written by weft.fabric.sysctl. The values before are put back when it takes this file away."

_BEFORE = "# before: "
_NAME = re.compile(r"[a-z0-9_-]+").fullmatch
_KEY = re.compile(r"[A-Za-z0-9_:@-]+([./][A-Za-z0-9_:@-]+)+").fullmatch

Values = dict[str, str]


@dataclass
class File:
    """What our file says.

    :param settings: the values that it sets.
    :param before: the values that were live before it first set them.
    """

    settings: Values = field(default_factory=dict)
    before: Values = field(default_factory=dict)

    def __str__(self) -> str:
        """The file's text; empty if it sets nothing."""
        if not self.settings:
            return ""
        before = [f"{_BEFORE}{key} = {value}" for key, value in self.before.items()]
        settings = [f"{key} = {value}" for key, value in self.settings.items()]
        return "\n".join([HEADER, *before, *settings, ""])


def parse(text: str) -> File:
    """The contents of a file that was written as str(File)."""
    found = File()
    for line in text.splitlines():
        into, assignment = (found.before, line[len(_BEFORE) :]) if line.startswith(_BEFORE) else (found.settings, line)
        key, equals, value = assignment.partition("=")
        if equals and not key.startswith("#"):
            into[key.strip()] = normalised(value)
    return found


def settings_of(settings: Mapping[str, Any]) -> Values:
    """The settings as the kernel prints them.

    :raises InvalidParameter: a key that names no kernel parameter, or a value that is none.
    """
    found = {}
    for key, value in settings.items():
        if not _KEY(key):
            raise InvalidParameter("settings", key, "give a kernel parameter such as net.ipv4.ip_forward")
        if not isinstance(value, (int, str)) or not str(value).strip() or "\n" in str(value):
            raise InvalidParameter(f"settings[{key}]", value, "give a number or a line of text")
        found[key] = normalised(str(int(value) if isinstance(value, bool) else value))
    return found


def path_of_file(name: str) -> str:
    """The path of our file. It sorts behind Debian's 99-sysctl.conf, which would otherwise win.

    :raises InvalidParameter: the name is none for a file.
    """
    if not _NAME(name):
        raise InvalidParameter("name", name, "give lower case letters, digits, '-' and '_' only")
    return f"{DIRECTORY}/99-weft-{name}.conf"


def plan(
    settings: Values, file: File, live: Mapping[str, str | None], kept: Container[str] = ()
) -> tuple[File, Values]:
    """What ought to be: the new file, and the live values, in the order to set them in. Pure.

    :param settings: what is wanted; empty takes everything away.
    :param file: our file as it is.
    :param live: the live value of each parameter that the settings or the file name; None where there is none.
    :param kept: parameters that stay as they are because of others.
    """
    dropped = {
        key: before
        for key, before in file.before.items()
        # Where somebody else has set another value since, it is not ours to take back.
        if key not in settings and key not in kept and live[key] == file.settings.get(key)
    }
    before = {key: file.before.get(key, live[key]) for key in settings}
    recorded = {key: value for key, value in before.items() if value is not None}
    return File(dict(settings), recorded), {**dropped, **settings}


def read_file(path: str) -> str:
    """The text of our file; empty if there is none.

    :raises KernelError: it cannot be read.
    """
    return (files.read(path) or b"").decode(errors="replace")


def write_file(path: str, text: str) -> None:
    """Replace our file in one step, or remove it if the text is empty.

    :raises KernelError: the file system refuses.
    """
    if text:
        files.replace(path, text.encode(), 0o644)
    else:
        files.remove(path)


def stored(name: str) -> Values:
    """What the file called name sets.

    :raises FabricError: the name is none, or the file cannot be read.
    """
    return parse(read_file(path_of_file(name))).settings


def converge(name: str, settings: Values, check: bool) -> tuple[list[str], dict[str, Any]]:
    """Set parameters live and in the file called name; with no settings, put back what was before and remove the file.

    :param settings: as wanted() returns them.
    :param check: change nothing; a parameter that does not exist yet is a warning.
    :returns: the warnings, and what the module sysctl returns.
    :raises FabricError: the name is none, a parameter does not exist, or the kernel or the file system refuses.
    """
    path = path_of_file(name)
    text = read_file(path)
    file = parse(text)
    settings = {**_advertised(settings, file), **settings}
    live = {key: read_live(key) for key in (*settings, *file.before)}
    missing = [key for key in settings if live[key] is None]
    if missing and not check:
        remedy = "no such parameter: correct it, or make the interface it is of first"
        raise InvalidParameter("settings", missing[0], remedy)
    heirs = _heirs(path, settings, file)
    kept = {key for heir in heirs.values() for key in heir.settings if heir.settings[key] == file.settings.get(key)}
    new, targets = plan(settings, file, live, kept)
    changes = {key: value for key, value in targets.items() if live[key] not in (value, None)}
    if not check:
        if settings and str(new) != text:
            write_file(path, str(new))
        # All and not the changes alone: setting one can change another (ip_forward does accept_redirects).
        for key, value in targets.items() if changes else ():
            write_live(key, value)
        for other, heir in heirs.items():
            write_file(other, str(heir))
        if text and not settings:
            write_file(path, "")
    result = {
        "changed": str(new) != text or bool(changes),
        "path": path,
        "settings": new.settings,
        "diff": [
            {
                "before_header": "/proc/sys",
                "after_header": "/proc/sys",
                "before": "".join(f"{key} = {live[key]}\n" for key in changes),
                "after": "".join(f"{key} = {value}\n" for key, value in changes.items()),
            },
            {"before_header": path, "after_header": path, "before": text, "after": str(new)},
        ],
    }
    return [f"{key} does not exist yet, so its change cannot be shown" for key in missing], result


def _heirs(path: str, settings: Values, file: File) -> dict[str, File]:
    """By path, our other files that ask for what this one no longer does, with the values before that it knows of."""
    dropped = {key: before for key, before in file.before.items() if key not in settings}
    found = {}
    for other in sorted(set(glob.glob(f"{DIRECTORY}/99-weft-*.conf")) - {path}) if dropped else ():
        heir = parse(read_file(other))
        asked = {key: dropped[key] for key in dropped if heir.settings.get(key) == file.settings.get(key)}
        if asked:
            # What it found was set by us; or it was there first, and knows itself.
            before = {
                **heir.before,
                **{key: was for key, was in asked.items() if heir.before.get(key) == heir.settings[key]},
            }
            found[other] = File(heir.settings, before)
    return found


def _advertised(settings: Values, file: File) -> Values:
    """What a host needs to keep its addresses and routes from routers' advertisements when it forwards IPv6 itself.

    It would no longer accept them, and drop what it has (Documentation/networking/ip-sysctl.rst: accept_ra).
    """
    if settings.get(IPV6_FORWARDING) != "1":
        return {}
    keys = [f"net/ipv6/conf/{name}/accept_ra" for name in interfaces_with_advertised_routes()]
    found = [key for key in keys if read_live(key) == "1"]
    # Also while there is no route: the next advertisement is to be heard.
    kept = [key for key in file.settings if key.endswith("/accept_ra") and read_live(key) is not None]
    return dict.fromkeys([*kept, *found], "2")


def reassert(check: bool) -> dict[str, str]:
    """Set live again what our files say, where it differs: an interface that was made anew has its defaults.

    :param check: change nothing.
    :returns: Ansible's diff.
    :raises KernelError: a file cannot be read, or the kernel refuses a value.
    """
    wanted: Values = {}
    for path in sorted(glob.glob(f"{DIRECTORY}/99-weft-*.conf")):
        wanted.update(parse(read_file(path)).settings)
    live = {key: read_live(key) for key in wanted}
    changes = {key: value for key, value in wanted.items() if live[key] not in (value, None)}
    if changes and not check:
        # All and not the changes alone: setting one can change another (ip_forward does accept_redirects).
        for key, value in wanted.items():
            write_live(key, value)
    return {
        "before": "".join(f"{key} = {live[key]}\n" for key in changes),
        "after": "".join(f"{key} = {value}\n" for key, value in changes.items()),
    }


# -- the section -----------------------------------------------------------------------------------


def _parse(where: str, given: Any, _absent: bool) -> Values:
    return settings_of(values.mapping(where, given))


def _converge(run: Run) -> Outcome | None:
    if "sysctl" not in run.values:
        return None
    settings: Values = run.values["sysctl"]
    if run.absent:
        kept = run.kept.get("sysctl", {})
        there = stored(run.name) if kept else {}
        settings = {key: value for key, value in kept.items() if key in there}
    warnings, result = converge(run.name, settings, run.check)
    if result["changed"] and any(settings.get(key) == "1" for key in FORWARDING):
        from ansible_collections.weft.fabric.plugins.module_utils.kernel import firewall

        warnings += firewall.obstacles()
    return Outcome(result["changed"], result["diff"], warnings)


def _show(run: Run) -> dict[str, str | None]:
    return {key: read_live(key) for key in run.values["sysctl"]}


def _owns(name: str, settings: Values) -> Iterable[Owned]:
    return [Owned("file", path_of_file(name))] if settings else []


SECTION = Section(_parse, _converge, _show, _owns, files=f"{DIRECTORY}/99-weft-*.conf", reassert=reassert)
