# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that follow from a generation: the command that applies it, its units, and files that make the host's own
network managers leave our links alone.

All of them follow from the documents, so they are compared, written and removed file by file. Sources:
systemd.network(5), networkd.conf(5), systemd.link(5), NetworkManager.conf(5).
"""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import files, sections
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host import archive, engines, generation, trusted
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Document, Documents
from ansible_collections.weft.fabric.plugins.module_utils.host.engines import LIBRARY
from ansible_collections.weft.fabric.plugins.module_utils.host.entries import (
    NOTE,
    Change,
    Entry,
    present,
    remove_if_empty,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.systemd import (
    COMMAND,
    PATHS,
    SERVICE,
    TIMER,
    UNITS,
    UNITS_FROM_ABOVE,
    active,
    run,
    systemd_runs,
    units,
)

_SYSTEMD_FILES, _NETWORK_MANAGER_FILES = "/etc/systemd", "/etc/NetworkManager"
NETWORKD = "/etc/systemd/networkd.conf.d/10-weft-fabric.conf"
# One of each for every document.
NETWORK = "/etc/systemd/network/10-weft-{}.network"
LINK = "/etc/systemd/network/10-weft-{}.link"
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/10-weft-{}.conf"
# Exists from the first change until all daemons have read the changes. After an interruption, the next run finds it.
PENDING = "/run/weft-fabric.pending"
LEFT_OUT = "left out, since systemd does not run here: run 'weft-fabric apply' when the host starts"

# Other names contain characters that the managers below would take for a pattern, which would match other links too.
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+").fullmatch

_NETWORK_TEXT = f"""{NOTE}[Match]
Name={{}}

[Link]
Unmanaged=yes
"""

_LINK_TEXT = f"""{NOTE}[Match]
OriginalName={{}}

[Link]
MACAddressPolicy=none
"""

_NETWORK_MANAGER_TEXT = f"""{NOTE}[keyfile]
unmanaged-devices+={{}}
"""

_NETWORKD_TEXT = f"""{NOTE}[Network]
ManageForeignRoutes=no
ManageForeignRoutingPolicyRules=no
"""


def plan(generations: Sequence[Documents], systemd: bool | None = None) -> list[Change]:
    """The changes after which a host has the files of these generations, in the order in which they are made.

    :param systemd: whether the host runs systemd; None: find out.
    :raises KernelError: a file cannot be read.
    """
    asked = [document for one in generations for document in one.values()]
    wanted = dict(_wanted(asked, systemd_runs() if systemd is None else systemd))
    kept = {*wanted, *(generation.engines_kept() if wanted else ())}
    unwanted = [path for path in _possible(wanted) if path not in kept]
    changes = [Change(path, present(path), entry) for path, entry in wanted.items()]
    removed = [Change(path, present(path), None) for path in reversed(unwanted)]
    changes += [change for change in removed if change.before is None or is_ours(change.path, change.before)]
    return [change for change in changes if change.before != change.after]


def _possible(wanted: Iterable[str]) -> dict[str, None]:
    """The paths of all files that this collection may have written, whatever is there.

    :param wanted: the paths of files that it is going to write.
    """
    found = [COMMAND, NETWORKD, *PATHS]
    # Files of other roles, and engines that no generation needs.
    for pattern in (f"{LIBRARY}/*.pyz", *(path.format("*") for path in (NETWORK, LINK, NETWORK_MANAGER))):
        found += glob.glob(pattern) + glob.glob(files.beside(pattern))
    # Files that an interrupted run was writing.
    return dict.fromkeys([*found, *map(files.beside, dict.fromkeys([*wanted, *found]))])


def is_ours(path: str, found: Entry) -> bool:
    """Whether this collection has written a file: it says so, or it is half of one."""
    return found.is_ours or path.endswith(".weft-new")


def refuse_foreign(changes: Sequence[Change], known: Sequence[Documents], adopt: frozenset[str] | None) -> None:
    """Refuse to replace files that somebody else has written.

    :param known: the documents of the host's generations; the files that follow from them are ours.
    :param adopt: the paths of files that are taken over; None: all.
    :raises FabricError: for all of them, in one line.
    """
    replaced = [change for change in changes if change.before and change.after]
    foreign = [change.path for change in replaced if change.before and not is_ours(change.path, change.before)]
    if foreign and adopt is not None:
        asked = [document for one in known for document in one.values()]
        ours = {*adopt, *(path for path, _entry in _wanted(asked, systemd_runs()))}
        refused = [files.not_ours(path) for path in foreign if path not in ours]
        if refused:
            raise FabricError("; ".join(refused))


def _wanted(asked: Sequence[Document], systemd: bool) -> Iterator[tuple[str, Entry]]:
    if not asked:
        return
    path = engines.path(archive.version())
    yield path, Entry(archive.engine(), 0o755)
    yield COMMAND, Entry(path.encode(), kind="link")
    stored = [document for document in asked if document.persist]
    if not stored:
        return
    if os.path.isdir(_SYSTEMD_FILES) and any(_has_links(document) for document in stored):
        yield NETWORKD, Entry(_NETWORKD_TEXT.encode())
    for role in dict.fromkeys(document.name for document in stored):
        yield from _of_links(role, [document for document in stored if document.name == role])
    if systemd:
        yield from units(max(document.resync for document in stored))


def _of_links(role: str, stored: Iterable[Document]) -> Iterator[tuple[str, Entry]]:
    """The files that make the host's network managers leave the links of a role's documents alone."""
    made, ports = _links(stored)
    names = sorted(made + ports)
    for manager, path, text, links in (
        (_SYSTEMD_FILES, NETWORK, _NETWORK_TEXT, " ".join(names)),
        (_SYSTEMD_FILES, LINK, _LINK_TEXT, " ".join(made)),
        (
            _NETWORK_MANAGER_FILES,
            NETWORK_MANAGER,
            _NETWORK_MANAGER_TEXT,
            ";".join(map("interface-name:{}".format, names)),
        ),
    ):
        if links and os.path.isdir(manager):
            yield path.format(role), Entry(text.format(links).encode())


def _has_links(document: Document) -> bool:
    return any(sections.load(name).links for name in document.values)


def _links(stored: Iterable[Document]) -> tuple[list[str], list[str]]:
    """The links of the host's own namespace that documents make, and the host's interfaces that they make ports."""
    own = [owned for document in stored for owned in document.owned if not owned.netns and _PLAIN(owned.name)]
    made, ports = ({owned.name for owned in own if owned.what == what} for what in ("link", "port"))
    return sorted(made), sorted(ports)


def check(wanted: Documents, changes: Sequence[Change], room: Mapping[str, int], unattended: bool = False) -> None:
    """Ask everything that could refuse changes of files.

    :param room: by directory, the bytes that are needed besides.
    :param unattended: root is going to run the command unattended, even if nothing is persisted.
    :raises FabricError: a file system is read-only or has no room, something else is in the place of a directory, the
        command would not start, or somebody else than root could change what root obeys, or runs unattended.
    """
    for directory in room:
        trusted.check(directory, "the directory")
    if unattended or (systemd_runs() and any(document.persist for document in wanted.values())):
        trusted.check_interpreter()
        for path in (COMMAND, *glob.glob(f"{LIBRARY}/*.pyz"), LIBRARY, *PATHS):
            trusted.check(path, "the file")
    trusted.check_presence()
    needed = dict(room)
    for change in changes:
        directory = os.path.dirname(change.path)
        needed[directory] = needed.get(directory, 0) + (len(change.after.data) if change.after else 0)
    sizes: dict[int, int] = {}
    for directory, size in needed.items():
        there = _existing(directory)
        device = os.stat(there).st_dev
        sizes[device] = sizes.get(device, 0) + size
        _check_room(there, sizes[device])


def _existing(directory: str) -> str:
    """The nearest directory on the way to one that may be missing.

    :raises KernelError: something else is in the place of one of them.
    """
    while not os.path.isdir(directory):
        if os.path.lexists(directory):
            raise files.refused("write", directory, OSError(errno.ENOTDIR, directory))
        directory = os.path.dirname(directory)
    return directory


def _check_room(directory: str, size: int) -> None:
    status = os.statvfs(directory)
    if status.f_flag & os.ST_RDONLY:
        raise files.refused("write", directory, OSError(errno.EROFS, directory))
    if not os.access(directory, os.W_OK):  # an immutable one, chattr(1), or one of a user whom NFS does not trust
        raise files.refused("write", directory, OSError(errno.EPERM, directory))
    if size and (status.f_bavail * status.f_frsize < size or (status.f_files and not status.f_favail)):
        raise files.refused("write", directory, OSError(errno.ENOSPC, directory))


def interrupted() -> bool:
    """Whether an earlier run ended before all daemons had read its changes."""
    return os.path.lexists(PENDING)


def is_unfinished(wanted: Documents) -> bool:
    """Whether something is left to do although all files are right."""
    stored = any(document.persist and document.resync for document in wanted.values())
    return interrupted() or (stored and systemd_runs() and not active(TIMER))


def apply(generations: Sequence[Documents], systemd: bool | None = None) -> None:
    """Install the files of these generations, remove all others, and let the daemons read the changes.

    :param systemd: whether the host runs systemd; None: find out.
    :raises FabricError: the file system or a daemon refuses. Files that were written stay, and the next run continues.
    """
    systemd = systemd_runs() if systemd is None else systemd
    changes, again = plan(generations, systemd), interrupted()
    if not changes and not again and not any(map(is_unfinished, generations)):
        return
    files.replace(PENDING, b"", 0o600)
    if systemd:
        _stop_removed(changes)
    for change in changes:
        change.apply()
    for directory in (LIBRARY, os.path.dirname(NETWORKD)):
        remove_if_empty(directory)
    if systemd:
        _reload([change.path for change in changes], again)
    if any(change.path == COMMAND and change.after for change in changes):
        run(COMMAND, "--help")  # it has to start at boot as well
    files.remove(PENDING)


def _stop_removed(changes: Sequence[Change]) -> None:
    """Stop units before their files are removed: systemd does not stop a unit that it does not know."""
    removed = {change.path for change in changes if change.after is None}
    for unit in UNITS_FROM_ABOVE:
        if f"{UNITS}/{unit}" in removed:
            run("systemctl", "stop", unit)


def described(wanted: Documents) -> dict[str, Any]:
    """What applies the documents after a reboot, as the module host returns it."""
    systemd = systemd_runs()
    stored = any(document.persist for document in wanted.values())
    unit = SERVICE if systemd and stored else LEFT_OUT if stored else "not needed: there are no documents"
    return {"unit": unit, "systemd": systemd}


def _reload(paths: Sequence[str], again: bool) -> None:
    """Let the daemons read the files that have changed.

    :param again: they may not have read the changes of an earlier run.
    """

    def about(pattern: str) -> bool:
        return again or any(fnmatch.fnmatch(path, pattern.format("*")) for path in paths)

    if about(f"{UNITS}/*"):
        run("systemctl", "daemon-reload")
    if os.path.exists(f"{UNITS}/{TIMER}") and (about(f"{UNITS}/{TIMER}") or not active(TIMER)):
        run("systemctl", "restart", TIMER)
    if about(NETWORK) and active("systemd-networkd.service"):
        # It reconfigures only the links that another file matches now.
        run("networkctl", "reload")
    if about(LINK) and active("systemd-udevd.service"):
        run("udevadm", "control", "--reload")
    if about(NETWORK_MANAGER) and active("NetworkManager.service"):
        run("systemctl", "reload", "NetworkManager.service")
