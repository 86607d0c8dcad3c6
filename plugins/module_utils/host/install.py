# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on a host beside its documents: the command that replays them, the units that run it, and a word to the
host's own network managers that our links are not theirs.

All of it follows from the documents, so that it is compared, written and taken away file by file. Sources:
systemd.service(5), systemd.network(5), networkd.conf(5), systemd.link(5), NetworkManager.conf(5).
"""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import files, sections
from ansible_collections.weft.fabric.plugins.module_utils.host import documents
from ansible_collections.weft.fabric.plugins.module_utils.host.archive import engine
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Stored
from ansible_collections.weft.fabric.plugins.module_utils.host.entries import (
    NOTE,
    Change,
    Entry,
    make_directory,
    present,
    remove_if_empty,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.systemd import (
    COMMAND,
    RESYNC,
    RESYNC_TEXT,
    SERVICE,
    SERVICE_TEXT,
    TIMER,
    TIMER_TEXT,
    UNITS,
    UNITS_FROM_ABOVE,
    active,
    run,
    systemd_runs,
)

VERSION = "0.1.0"


LIBRARY = "/usr/local/lib/weft"


NETWORKD = "/etc/systemd/networkd.conf.d/10-weft-fabric.conf"
# Of each document.
NETWORK = "/etc/systemd/network/10-weft-{}.network"
LINK = "/etc/systemd/network/10-weft-{}.link"
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/10-weft-{}.conf"
# Is there from the first change to the last word to a daemon: who is interrupted between finds that they were not told.
PENDING = "/run/weft-fabric.pending"


# What the managers below would take as a pattern is not named to them: it would be about other links too.
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


LEFT_OUT = "left out, since systemd does not run here: run 'weft-fabric apply' when the host starts"


def known(name: str, wanted: Stored | None) -> list[Stored]:
    """What is stored, when a document is to be stored, or to be removed.

    :raises FabricError: what is stored cannot be used.
    """
    # What is replaced has to be usable too: it may be newer than this module. What goes may be anything.
    return documents.load(but="" if wanted else name)


def store(name: str, wanted: Stored | None, before: Sequence[Stored], check: bool) -> dict[str, Any]:
    """Store a document, with what it takes to replay it, or remove what is stored under its name.

    :param wanted: None: there is to be no such document.
    :param before: what known() says.
    :param check: change nothing.
    :returns: ``changed``, ``diff``, and what the module document returns of it.
    :raises FabricError: the file system refuses.
    """
    path = documents.path_of(name)
    others = [document for document in before if document.name != name]
    stored = documents.ordered([*others, wanted] if wanted else others)
    systemd = systemd_runs()
    changes = plan(stored, systemd)
    changed = bool(changes) or interrupted() or timer_stands_still(stored, systemd)
    if changed and not check:
        apply(changes, systemd)
    return {
        "changed": changed,
        "file": path,
        "unit": SERVICE if systemd and stored else LEFT_OUT if stored else "not needed: there are no documents",
        "systemd": systemd,
        "diff": [change.diff() for change in changes],
    }


def plan(stored: Sequence[Stored], systemd: bool) -> list[Change]:
    """What is to be done for a host to have exactly these documents, in this order.

    :param systemd: whether the host runs it.
    :raises KernelError: a file cannot be read.
    """
    wanted = dict(_wanted(stored, systemd))
    possible = [COMMAND, NETWORKD, *(f"{UNITS}/{unit}" for unit in UNITS_FROM_ABOVE)]
    possible += [_wants("multi-user", SERVICE), _wants("timers", TIMER)]
    # Engines of other versions, and documents of other names.
    possible += [documents.path_of(name) for name in documents.names()]
    for pattern in (f"{LIBRARY}/*.pyz", *(path.format("*") for path in (NETWORK, LINK, NETWORK_MANAGER))):
        possible += glob.glob(pattern) + glob.glob(files.beside(pattern))
    possible += glob.glob(files.beside(f"{documents.DIRECTORY}/*.json"))
    # What was being written when a run was ended.
    possible += [files.beside(path) for path in dict.fromkeys([*wanted, *possible])]
    gone = [path for path in dict.fromkeys(possible) if path not in wanted]
    changes = [Change(path, present(path), entry) for path, entry in wanted.items()]
    changes += [Change(path, present(path), None) for path in reversed(gone)]
    return [change for change in changes if change.before != change.after]


def _wanted(stored: Sequence[Stored], systemd: bool) -> Iterator[tuple[str, Entry]]:
    if not stored:
        return
    archive = engine()
    path = f"{LIBRARY}/weft-fabric-{VERSION}-{hashlib.sha256(archive).hexdigest()[:12]}.pyz"
    yield path, Entry(archive, 0o755)
    yield COMMAND, Entry(path.encode(), kind="link")
    systemd_here, network_manager_here = os.path.isdir("/etc/systemd"), os.path.isdir("/etc/NetworkManager")
    if systemd_here and any(_has_links(document) for document in stored):
        yield NETWORKD, Entry(_NETWORKD_TEXT.encode())
    yield documents.DIRECTORY, Entry(b"", 0o700, "directory")
    for document in stored:
        made, ports = _links(document)
        names = sorted(made + ports)
        if names and systemd_here:
            yield NETWORK.format(document.name), Entry(_NETWORK_TEXT.format(" ".join(names)).encode())
        if made and systemd_here:
            yield LINK.format(document.name), Entry(_LINK_TEXT.format(" ".join(made)).encode())
        if names and network_manager_here:
            devices = ";".join(f"interface-name:{name}" for name in names)
            yield NETWORK_MANAGER.format(document.name), Entry(_NETWORK_MANAGER_TEXT.format(devices).encode())
        yield documents.path_of(document.name), Entry(str(document).encode(), 0o600)
    if systemd:
        yield from _units(max(document.resync for document in stored))


def _has_links(document: Stored) -> bool:
    return any(sections.load(name).links for name in document.values)


def _links(document: Stored) -> tuple[list[str], list[str]]:
    """In the host's own namespace, the links that a document makes, and the interfaces that it makes ports of them."""
    own = [owned for owned in document.owned if not owned.netns and _PLAIN(owned.name)]
    made, ports = ({owned.name for owned in own if owned.what == what} for what in ("link", "port"))
    return sorted(made), sorted(ports)


def _units(resync: int) -> Iterator[tuple[str, Entry]]:
    yield f"{UNITS}/{SERVICE}", Entry(SERVICE_TEXT.encode())
    # What "systemctl enable" does.
    yield _wants("multi-user", SERVICE), Entry(f"{UNITS}/{SERVICE}".encode(), kind="link")
    if resync:
        yield f"{UNITS}/{RESYNC}", Entry(RESYNC_TEXT.encode())
        yield f"{UNITS}/{TIMER}", Entry(TIMER_TEXT.format(seconds=resync).encode())
        yield _wants("timers", TIMER), Entry(f"{UNITS}/{TIMER}".encode(), kind="link")


def _wants(target: str, unit: str) -> str:
    return f"{UNITS}/{target}.target.wants/{unit}"


def interrupted() -> bool:
    """Whether a run before this one ended before the daemons were told of its changes."""
    return os.path.lexists(PENDING)


def apply(changes: Sequence[Change], systemd: bool) -> None:
    """Carry out a plan, and tell the daemons.

    :raises FabricError: the file system or a daemon refuses. What is written by then stays, and the next run goes on.
    """
    again = interrupted()
    files.replace(PENDING, b"", 0o600)
    gone = {change.path for change in changes if change.after is None}
    for unit in UNITS_FROM_ABOVE:
        # Before its file goes: systemd does not stop what it no longer knows.
        if systemd and f"{UNITS}/{unit}" in gone:
            run("systemctl", "stop", unit)
    for path, _before, after in changes:
        if after is None:
            files.remove(path)
        elif after.kind == "link":
            files.link(path, after.data.decode())
        elif after.kind == "directory":
            make_directory(path, after.mode)
        else:
            files.replace(path, after.data, after.mode)
    for directory in (documents.DIRECTORY, LIBRARY, os.path.dirname(NETWORKD)):
        remove_if_empty(directory)
    if systemd:
        _tell([change.path for change in changes], again)
    files.remove(PENDING)


def timer_stands_still(stored: Sequence[Stored], systemd: bool) -> bool:
    """Whether the timer is wanted and does not run."""
    return systemd and any(document.resync for document in stored) and not active(TIMER)


def _tell(paths: Sequence[str], again: bool) -> None:
    """Let the daemons read what has changed.

    :param again: whether they may have been told nothing of changes before these.
    """

    def about(pattern: str) -> bool:
        return again or any(fnmatch.fnmatch(path, pattern.format("*")) for path in paths)

    if about(f"{UNITS}/*"):
        run("systemctl", "daemon-reload")
    if os.path.exists(f"{UNITS}/{TIMER}") and (about(f"{UNITS}/{TIMER}") or not active(TIMER)):
        run("systemctl", "restart", TIMER)
    if about(NETWORK) and active("systemd-networkd.service"):
        # Reconfigures those links only for which another file matches now.
        run("networkctl", "reload")
    if about(LINK) and active("systemd-udevd.service"):
        run("udevadm", "control", "--reload")
    if about(NETWORK_MANAGER) and active("NetworkManager.service"):
        run("systemctl", "reload", "NetworkManager.service")
