# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files installed next to the documents: the command that replays them, its units, and files that make the host's
own network managers leave our links alone.

All of them follow from the documents, so they are compared, written and removed file by file. Sources:
systemd.network(5), networkd.conf(5), systemd.link(5), NetworkManager.conf(5).
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
from ansible_collections.weft.fabric.plugins.module_utils.host.trusted import check, check_interpreter

VERSION = "0.1.0"

LIBRARY = "/usr/local/lib/weft"
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


def known(name: str, wanted: Stored | None) -> list[Stored]:
    """The stored documents, before a document is stored or removed.

    :param wanted: None: the document of that name is removed.
    :raises FabricError: a document cannot be used, or somebody else than root could change what root will run.
    """
    if wanted and systemd_runs():
        _check_trusted()
    # A document that is replaced has to be usable, because it may be newer than this module; a removed one need not.
    return documents.load(but="" if wanted else name)


def _check_trusted() -> None:
    """Check what root runs unattended when the host starts.

    :raises FabricError: somebody else could change it.
    """
    check_interpreter()
    for path in (COMMAND, *glob.glob(f"{LIBRARY}/*.pyz"), LIBRARY, *PATHS):
        check(path, "the file")


def store(name: str, wanted: Stored | None, before: Sequence[Stored], check: bool) -> dict[str, Any]:
    """Store a document and the files installed next to it, or remove the stored document.

    :param wanted: None: the document of that name is removed.
    :param before: the result of known().
    :param check: change nothing.
    :returns: ``changed``, ``diff``, and the keys that the module document returns.
    :raises FabricError: the file system or a daemon refuses.
    """
    path = documents.path_of(name)
    others = [document for document in before if document.name != name]
    stored = documents.ordered([*others, wanted] if wanted else others)
    systemd = systemd_runs()
    changes = plan(stored, systemd)
    changed = bool(changes) or interrupted() or timer_is_stopped(stored, systemd)
    if changed and not check:
        apply(changes, systemd)
        if any(change.path == COMMAND for change in changes) and stored:
            run(COMMAND, "--help")  # it has to start at boot as well
    return {
        "changed": changed,
        "file": path,
        "unit": SERVICE if systemd and stored else LEFT_OUT if stored else "not needed: there are no documents",
        "systemd": systemd,
        "diff": [change.diff() for change in changes],
    }


def plan(stored: Sequence[Stored], systemd: bool) -> list[Change]:
    """The changes after which a host has exactly these documents, in the order in which they are made.

    :param systemd: whether the host runs systemd.
    :raises KernelError: a file cannot be read.
    """
    wanted = dict(_wanted(stored, systemd))
    possible = [COMMAND, NETWORKD, *PATHS]
    # Engines of other versions, and documents of other names.
    possible += [documents.path_of(name) for name in documents.names()]
    for pattern in (f"{LIBRARY}/*.pyz", *(path.format("*") for path in (NETWORK, LINK, NETWORK_MANAGER))):
        possible += glob.glob(pattern) + glob.glob(files.beside(pattern))
    possible += glob.glob(files.beside(f"{documents.DIRECTORY}/*.json"))
    # Files that an interrupted run was writing.
    possible += [files.beside(path) for path in dict.fromkeys([*wanted, *possible])]
    unwanted = [path for path in dict.fromkeys(possible) if path not in wanted]
    changes = [Change(path, present(path), entry) for path, entry in wanted.items()]
    changes += [Change(path, present(path), None) for path in reversed(unwanted)]
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
        yield from units(max(document.resync for document in stored))


def _has_links(document: Stored) -> bool:
    return any(sections.load(name).links for name in document.values)


def _links(document: Stored) -> tuple[list[str], list[str]]:
    """The links of the host's own namespace that a document makes, and the host's interfaces that it makes ports."""
    own = [owned for owned in document.owned if not owned.netns and _PLAIN(owned.name)]
    made, ports = ({owned.name for owned in own if owned.what == what} for what in ("link", "port"))
    return sorted(made), sorted(ports)


def interrupted() -> bool:
    """Whether an earlier run ended before all daemons had read its changes."""
    return os.path.lexists(PENDING)


def apply(changes: Sequence[Change], systemd: bool) -> None:
    """Carry out a plan, and let the daemons read the changes.

    :raises FabricError: the file system or a daemon refuses. Files that were written stay, and the next run continues.
    """
    again = interrupted()
    files.replace(PENDING, b"", 0o600)
    removed = {change.path for change in changes if change.after is None}
    for unit in UNITS_FROM_ABOVE:
        # Before its file is removed: systemd does not stop a unit that it does not know.
        if systemd and f"{UNITS}/{unit}" in removed:
            run("systemctl", "stop", unit)
    for change in changes:
        change.apply()
    for directory in (documents.DIRECTORY, LIBRARY, os.path.dirname(NETWORKD)):
        remove_if_empty(directory)
    if systemd:
        _reload([change.path for change in changes], again)
    files.remove(PENDING)


def timer_is_stopped(stored: Sequence[Stored], systemd: bool) -> bool:
    """Whether the timer is wanted and does not run."""
    return systemd and any(document.resync for document in stored) and not active(TIMER)


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
