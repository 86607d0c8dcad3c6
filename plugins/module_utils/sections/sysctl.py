# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters: live below /proc/sys, and persistent in one file of ours below /etc/sysctl.d.

The file also records each value as it was before, so that the values can be restored when the file is removed. It is
therefore written before the live values are set, and removed after they are restored: an interrupted run leaves the
record for the next one. Sources: sysctl.d(5), Documentation/admin-guide/sysctl.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import files, values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kernel.sysctl import (
    FORWARDING,
    IPV6_FORWARDING,
    PROC,
    interfaces_with_advertised_routes,
    matches,
    normalised,
    read_live,
    refused,
    write_live,
)
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import (
    Outcome,
    Outcomes,
    Owned,
    Run,
    Section,
    differing,
)

DIRECTORY = "/etc/sysctl.d"
FILES = f"{DIRECTORY}/99-weft-*.conf"
HEADER = "# Written by weft.fabric.sysctl, which restores the previous values when it removes this file."

_BEFORE = "# before: "
_NAME = re.compile(r"[a-z0-9_-]+").fullmatch
_KEY = re.compile(r"[A-Za-z0-9_:@-]+([./][A-Za-z0-9_:@-]+)+").fullmatch
# An interface's name with a dot between those that separate words.
_DOTTED = re.compile(r"net\.(ipv4|ipv6)\.(conf|neigh)\.([^./]+\.[^/]+)\.([^./]+)").fullmatch

Values = dict[str, str]


@dataclass
class File:
    """The contents of a file of ours.

    :param settings: the values that it sets.
    :param before: the live values before it first set them.
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
    """Settings as the kernel prints them.

    :raises InvalidParameter: a key is not the name of a kernel parameter, or a value is not one line of text.
    """
    found = {}
    for key, value in settings.items():
        if not _KEY(key):
            raise InvalidParameter("settings", key, "give a kernel parameter such as net.ipv4.ip_forward")
        dotted = _DOTTED(key)
        if dotted:
            remedy = f"the interface's name has a dot: separate words by slashes, net/{'/'.join(dotted.groups())}"
            raise InvalidParameter("settings", key, remedy)
        if not isinstance(value, (int, str)) or not str(value).strip() or "\n" in str(value):
            raise InvalidParameter(f"settings[{key}]", value, "give a number or a line of text")
        found[key] = normalised(str(int(value) if isinstance(value, bool) else value))
    return found


def path_of_file(name: str) -> str:
    """The path of a file of ours. It is read after Debian's 99-sysctl.conf, which would override it otherwise.

    :raises InvalidParameter: the name cannot be part of a file name.
    """
    if not _NAME(name):
        raise InvalidParameter("name", name, "give lower case letters, digits, '-' and '_' only")
    return f"{DIRECTORY}/99-weft-{name}.conf"


def read_file(path: str) -> str:
    """The text of a file of ours; empty if there is no such file.

    :raises KernelError: the file cannot be read.
    """
    return (files.read(path) or b"").decode(errors="replace")


def write_file(path: str, text: str) -> None:
    """Replace a file of ours in one step, or remove it if the text is empty.

    :raises KernelError: the file system refuses.
    """
    if text:
        files.replace(path, text.encode(), 0o644)
    else:
        files.remove(path)


def plan(
    settings: Values, file: File, live: Mapping[str, str | None], kept: Container[str] = ()
) -> tuple[File, Values]:
    """The new file, and the live values in the order in which they are set. Pure.

    :param settings: the wanted values; empty restores the previous ones.
    :param file: the present file.
    :param live: the live value of each parameter in the settings and the file; None: the kernel does not have it now.
    :param kept: parameters that other files of ours set as well.
    """
    restored = {
        key: before
        for key, before in file.before.items()
        # A value that somebody else has set in the meantime stays.
        if key not in settings and key not in kept and _same(live[key], file.settings.get(key))
    }
    before = {key: file.before.get(key, live[key]) for key in settings}
    recorded = {key: value for key, value in before.items() if value is not None}
    return File(dict(settings), recorded), {**restored, **settings}


def converge(
    name: str, settings: Values, check: bool, coming: Callable[[str], bool] = lambda _key: True
) -> tuple[list[str], dict[str, Any]]:
    """Set parameters, live and in a file of ours. Without settings, restore the previous values and remove the file.

    :param settings: the result of settings_of().
    :param check: change nothing; a parameter that does not exist yet is a warning if it is ``coming``.
    :param coming: whether a parameter is going to exist.
    :returns: warnings, and the result of the module sysctl.
    :raises FabricError: a parameter does not exist, or the kernel or the file system refuses.
    """
    path = path_of_file(name)
    text = read_file(path)
    file = parse(text)
    settings = {**_advertised(settings, file), **settings}
    live = {key: read_live(key) for key in (*settings, *file.before)}
    missing = [key for key in settings if live[key] is None]
    for key in missing:
        if not (check and coming(key)):
            remedy = "no such parameter: correct it, or make the interface it is of first"
            raise InvalidParameter("settings", key, remedy)
    heirs = _heirs(path, settings, file)
    new, targets = plan(settings, file, live, _kept(heirs, file))
    changes = _differing(targets, live)
    _check_values({key: value for key, value in changes.items() if key in settings}, live)
    if not check:
        _apply(path, (text, file, new), targets if changes else {}, heirs)
    result = {
        "changed": str(new) != text or bool(changes),
        "path": path,
        "settings": new.settings,
        "diff": [
            {"before_header": PROC, "after_header": PROC, **_diff(live, changes)},
            {"before_header": path, "after_header": path, "before": text, "after": str(new)},
        ],
    }
    warnings = [f"{key} does not exist yet, so its change cannot be shown" for key in missing]
    return warnings + (_not_kept(settings) if changes and not check else []), result


def _kept(heirs: Mapping[str, File], file: File) -> set[str]:
    """The parameters of a file whose values other files of ours set as well."""
    settings = [item for heir in heirs.values() for item in heir.settings.items()]
    return {key for key, value in settings if _same(value, file.settings.get(key))}


def _check_values(values: Values, live: Mapping[str, str | None]) -> None:
    """Check values that are going to be set.

    :raises InvalidParameter: the kernel would refuse one.
    """
    for key, reason in refused(values, live).items() if values else ():
        raise InvalidParameter(f"settings[{key}]", values[key], f"the kernel would refuse it: {reason}")


def _not_kept(settings: Values) -> list[str]:
    """A warning for each value that the kernel has taken as another one: every run would set it again."""
    live = {key: read_live(key) for key in settings}
    return [
        f"the kernel has made {live[key]} of {key} = {value}: give that, or take out the setting that changes it"
        for key, value in _differing(settings, live).items()
    ]


def _apply(path: str, change: tuple[str, File, File], targets: Values, heirs: Mapping[str, File]) -> None:
    """Write the file, set the values, and then drop from the file what has been restored.

    :param change: the text of the file, what it says, and what it is going to say.
    """
    text, file, new = change
    files.remove(files.beside(path))  # of a run that was killed
    dropped = {key: value for key, value in file.settings.items() if key not in new.settings}
    recorded = {key: file.before[key] for key in dropped if key in file.before}
    both = File({**new.settings, **dropped}, {**new.before, **recorded})
    if new.settings and str(both) != text:
        write_file(path, str(both))
    _set_all(targets)
    for other, heir in heirs.items():
        write_file(other, str(heir))
    if dropped:
        write_file(path, str(new))


def _set_all(targets: Values) -> None:
    """Set all values, and not only those that differ: setting one can change another (ip_forward, accept_redirects)."""
    for key, value in targets.items():
        write_live(key, value)


def _differing(wanted: Values, live: Mapping[str, str | None]) -> Values:
    return {key: value for key, value in wanted.items() if live[key] is not None and not _same(live[key], value)}


def _same(live: str | None, wanted: str | None) -> bool:
    return live is not None and wanted is not None and matches(live, wanted)


def _diff(live: Mapping[str, str | None], changes: Values) -> dict[str, str]:
    return {
        "before": "".join(f"{key} = {live[key]}\n" for key in changes),
        "after": "".join(f"{key} = {value}\n" for key, value in changes.items()),
    }


def _heirs(path: str, settings: Values, file: File) -> dict[str, File]:
    """By path, other files of ours that set what this one no longer sets, with the previous values that it records."""
    dropped = {key: before for key, before in file.before.items() if key not in settings}
    found = {}
    for other in sorted(set(glob.glob(FILES)) - {path}) if dropped else ():
        heir = parse(read_file(other))
        asked = {key: dropped[key] for key in dropped if _same(heir.settings.get(key), file.settings.get(key))}
        if asked:
            # The value that the heir found is ours. Otherwise the heir was first, and has recorded the previous value.
            inherited = {key: before for key, before in asked.items() if heir.before.get(key) == heir.settings[key]}
            found[other] = File(heir.settings, {**heir.before, **inherited})
    return found


def _advertised(settings: Values, file: File) -> Values:
    """The parameters by which a host that forwards IPv6 keeps its addresses and routes from routers' advertisements.

    Otherwise it would ignore advertisements, and lose both (Documentation/networking/ip-sysctl.rst: accept_ra).
    """
    if settings.get(IPV6_FORWARDING) != "1":
        return {}
    keys = [f"net/ipv6/conf/{name}/accept_ra" for name in interfaces_with_advertised_routes()]
    found = [key for key in keys if read_live(key) == "1"]
    # An interface without such a route keeps the setting too: it has to accept the next advertisement.
    kept = [key for key in file.settings if key.endswith("/accept_ra") and read_live(key) is not None]
    return dict.fromkeys([*kept, *found], "2")


def reassert(check: bool) -> dict[str, str]:
    """Set all parameters of our files again that differ: an interface that was created anew has the kernel's defaults.

    :param check: change nothing.
    :returns: Ansible's diff.
    :raises KernelError: a file cannot be read, or the kernel refuses a value.
    """
    wanted: Values = {}
    for path in sorted(glob.glob(FILES)):
        wanted.update(parse(read_file(path)).settings)
    live = {key: read_live(key) for key in wanted}
    changes = _differing(wanted, live)
    if changes and not check:
        _set_all(wanted)
    return _diff(live, changes)


# -- the section -----------------------------------------------------------------------------------


def _parse(where: str, given: Any) -> Values:
    return settings_of(values.mapping(where, given))


def _prepare(run: Run) -> None:
    """Refuse two roles that set a parameter differently, and files of somebody else."""
    roles: dict[str, str] = {}
    _refuse_foreign(run)
    for role, settings in run.of("sysctl").items():
        for key, value in settings.items():
            other = roles.setdefault(key, role)
            theirs = run.documents[other]["sysctl"][key]
            if theirs != value:
                remedy = f"the document {other} sets it to {theirs}: give both the same value"
                raise InvalidParameter(f"documents.{role}.sysctl[{key}]", value, remedy)


def _refuse_foreign(run: Run) -> None:
    if run.single or run.adopt is None:
        return
    for role in run.of("sysctl"):
        path = path_of_file(role)
        text = read_file(path)
        if text and not text.startswith(HEADER) and path not in run.adopt and Owned("file", path) not in run.owned:
            raise FabricError(files.not_ours(path))


def _converge(run: Run) -> Outcomes:
    wanted = run.of("sysctl")
    warned = False
    for role, settings in wanted.items():
        outcome = _outcome(role, settings, run)
        # At each plan, because rules come and go; in a replay only if it switches forwarding on.
        if not warned and (outcome.changed or run.strict) and any(settings.get(key) == "1" for key in FORWARDING):
            warned = True
            outcome = outcome._replace(warnings=[*outcome.warnings, *_dropped(run)])
        yield role, outcome
    # Last, so that a parameter that another role has taken over is not restored first.
    for role in dict.fromkeys(role for role, _settings in run.before("sysctl") if role not in wanted):
        # Ports of others need what the bridge that they are on needs, such as forwarding.
        kept = parse(read_file(path_of_file(role))).settings if role in run.held else {}
        if kept:
            run.held[role]["sysctl"] = kept
        yield role, _outcome(role, kept, run)


def _outcome(role: str, settings: Values, run: Run) -> Outcome:
    made = {link.name for link in run.whole.at("").links.values() if link.kind} if run.whole else set()

    def coming(key: str) -> bool:
        return not run.strict or any(name in re.split("/" if "/" in key else r"\.", key) for name in made)

    warnings, result = converge(role, settings, run.check, coming)
    return Outcome(result["changed"], result["diff"], warnings, objects=differing(result["diff"][0], " = "))


def _dropped(run: Run) -> list[str]:
    """A warning for each chain of another firewall that drops what this host forwards."""
    from ansible_collections.weft.fabric.plugins.module_utils.engine import forwarding

    return forwarding.warnings(run.whole, [network for one in run.of("networks").values() for network in one])


def _show(run: Run, role: str) -> dict[str, str | None]:
    return {key: read_live(key) for key in run.documents[role]["sysctl"]}


def _owns(name: str, settings: Values) -> Iterable[Owned]:
    return [Owned("file", path_of_file(name))] if settings else []


def _orphans(run: Run) -> Iterable[str]:
    return [f"file {path}" for path in sorted(glob.glob(FILES)) if Owned("file", path) not in run.owned]


SECTION = Section(_parse, _converge, _show, _owns, prepare=_prepare, files=FILES, reassert=reassert, orphans=_orphans)
