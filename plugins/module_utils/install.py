# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on a host beside its documents: the command that replays them, the units that run it, and a word to the
host's own network managers that our links are not theirs.

All of it follows from the documents, so that it is compared, written and taken away file by file. Sources:
systemd.service(5), systemd.network(5), networkd.conf(5), systemd.link(5), NetworkManager.conf(5).
"""

from __future__ import annotations

import errno
import fnmatch
import glob
import hashlib
import io
import os
import pkgutil
import re
import stat
import subprocess
import sys
import zipfile
import zipimport
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.weft.fabric.plugins import module_utils
from ansible_collections.weft.fabric.plugins.module_utils import documents, files
from ansible_collections.weft.fabric.plugins.module_utils.documents import Stored
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. Here it is packed, not run.
    from ansible_collections.weft.fabric.plugins.module_utils import command  # noqa: F401

VERSION = "0.1.0"

LIBRARY = "/usr/local/lib/weft"
COMMAND = "/usr/local/sbin/weft-fabric"
UNITS = "/etc/systemd/system"
SERVICE = "weft-fabric.service"
RESYNC = "weft-fabric-resync.service"
TIMER = "weft-fabric.timer"
# What starts the others first: a unit that is to stop while another starts it fails to ("Job ... canceled").
_UNITS_FROM_ABOVE = (TIMER, RESYNC, SERVICE)
NETWORKD = "/etc/systemd/networkd.conf.d/10-weft-fabric.conf"
# Of each document.
NETWORK = "/etc/systemd/network/10-weft-{}.network"
LINK = "/etc/systemd/network/10-weft-{}.link"
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/10-weft-{}.conf"
# Is there from the first change to the last word to a daemon: who is interrupted between finds that they were not told.
PENDING = "/run/weft-fabric.pending"

_PREFIX = module_utils.__name__
_NOTE = "# Written by weft.fabric.document, which also takes it away.\n"
# What the managers below would take as a pattern is not named to them: it would be about other links too.
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+").fullmatch

_SERVICE_TEXT = f"""{_NOTE}[Unit]
Description=Container networking of weft.fabric
# The underlay's interfaces and addresses, whoever brings them up, and what flushes nftables when it starts.
After=network.target nftables.service firewalld.service networking.service
After=systemd-networkd.service systemd-networkd-wait-online.service
After=NetworkManager.service NetworkManager-wait-online.service
Before=network-online.target
# Restarted with them, it puts back what they have taken.
PartOf=nftables.service firewalld.service networking.service systemd-networkd.service NetworkManager.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
# An interface of the underlay may come late. Who needs the network waits for it with us for a while, for a unit's next
# attempt nobody does. A document that cannot be used stays so.
ExecStart={COMMAND} apply --wait 30
ExecReload={COMMAND} apply
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={os.EX_CONFIG}
TimeoutStartSec=300
# The pods' servers go on.
KillMode=process
SyslogIdentifier=weft-fabric

[Install]
WantedBy=multi-user.target
"""

_RESYNC_TEXT = f"""{_NOTE}[Unit]
Description=Container networking of weft.fabric, compared and put back

[Service]
Type=oneshot
# In the service's own control group, where the pods' servers may live on.
ExecStart=systemctl reload-or-restart {SERVICE}
"""

_TIMER_TEXT = f"""{_NOTE}[Unit]
Description=Container networking of weft.fabric, again and again

[Timer]
Unit={RESYNC}
OnActiveSec={{seconds}}
OnUnitInactiveSec={{seconds}}
AccuracySec=1

[Install]
WantedBy=timers.target
"""

_NETWORK_TEXT = f"""{_NOTE}[Match]
Name={{}}

[Link]
Unmanaged=yes
"""

_LINK_TEXT = f"""{_NOTE}[Match]
OriginalName={{}}

[Link]
MACAddressPolicy=none
"""

_NETWORK_MANAGER_TEXT = f"""{_NOTE}[keyfile]
unmanaged-devices+={{}}
"""

_NETWORKD_TEXT = f"""{_NOTE}[Network]
ManageForeignRoutes=no
ManageForeignRoutingPolicyRules=no
"""


class Entry(NamedTuple):
    """What a path holds.

    :ivar data: a symbolic link's target.
    :ivar kind: ``file``, ``link`` or ``directory``.
    """

    data: bytes
    mode: int = 0o644
    kind: str = "file"

    def __str__(self) -> str:
        """Its text for a diff."""
        if self.kind == "link":
            return f"-> {self.data.decode()}\n"
        if self.kind == "directory":
            return f"directory, mode {self.mode:04o}\n"
        if self.data.startswith(b"#!"):
            return f"the engine, SHA-256 {hashlib.sha256(self.data).hexdigest()}\n"
        return self.data.decode(errors="replace") + (f"mode {self.mode:04o}\n" if self.mode != 0o644 else "")


class Change(NamedTuple):
    """A file that is to become another one; None: is not there."""

    path: str
    before: Entry | None
    after: Entry | None

    def diff(self) -> dict[str, str]:
        """Ansible's diff."""
        before, after = ("" if entry is None else str(entry) for entry in (self.before, self.after))
        return {"before_header": self.path, "after_header": self.path, "before": before, "after": after}


def systemd_runs() -> bool:
    """Whether this host runs systemd: sd_booted(3)."""
    return os.path.isdir("/run/systemd/system")


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
    possible = [COMMAND, NETWORKD, *(f"{UNITS}/{unit}" for unit in _UNITS_FROM_ABOVE)]
    possible += [_wants("multi-user", SERVICE), _wants("timers", TIMER)]
    # Engines of other versions, and documents of other names.
    possible += [documents.path_of(name) for name in documents.names()]
    for pattern in (f"{LIBRARY}/*.pyz", *(path.format("*") for path in (NETWORK, LINK, NETWORK_MANAGER))):
        possible += glob.glob(pattern) + glob.glob(files.beside(pattern))
    possible += glob.glob(files.beside(f"{documents.DIRECTORY}/*.json"))
    # What was being written when a run was ended.
    possible += [files.beside(path) for path in dict.fromkeys([*wanted, *possible])]
    gone = [path for path in dict.fromkeys(possible) if path not in wanted]
    changes = [Change(path, _present(path), entry) for path, entry in wanted.items()]
    changes += [Change(path, _present(path), None) for path in reversed(gone)]
    return [change for change in changes if change.before != change.after]


def _wanted(stored: Sequence[Stored], systemd: bool) -> Iterator[tuple[str, Entry]]:
    if not stored:
        return
    archive = engine()
    path = f"{LIBRARY}/weft-fabric-{VERSION}-{hashlib.sha256(archive).hexdigest()[:12]}.pyz"
    yield path, Entry(archive, 0o755)
    yield COMMAND, Entry(path.encode(), kind="link")
    systemd_here, network_manager_here = os.path.isdir("/etc/systemd"), os.path.isdir("/etc/NetworkManager")
    if systemd_here and any(document.topology or document.cni for document in stored):
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


def _links(document: Stored) -> tuple[list[str], list[str]]:
    """In the host's own namespace, the links that a document makes, and the interfaces that it makes ports of them."""
    own = document.topology.namespaces.get("") if document.topology else None
    links = [link for link in own.links.values() if _PLAIN(link.name)] if own else []
    made = {link.name for link in links if link.kind}
    if document.cni:
        from ansible_collections.weft.fabric.plugins.module_utils import cni

        made.update(filter(_PLAIN, cni.host_links(document.cni)))
    return sorted(made), sorted(link.name for link in links if not link.kind and link.attributes.get("controller"))


def _units(resync: int) -> Iterator[tuple[str, Entry]]:
    yield f"{UNITS}/{SERVICE}", Entry(_SERVICE_TEXT.encode())
    # What "systemctl enable" does.
    yield _wants("multi-user", SERVICE), Entry(f"{UNITS}/{SERVICE}".encode(), kind="link")
    if resync:
        yield f"{UNITS}/{RESYNC}", Entry(_RESYNC_TEXT.encode())
        yield f"{UNITS}/{TIMER}", Entry(_TIMER_TEXT.format(seconds=resync).encode())
        yield _wants("timers", TIMER), Entry(f"{UNITS}/{TIMER}".encode(), kind="link")


def _wants(target: str, unit: str) -> str:
    return f"{UNITS}/{target}.target.wants/{unit}"


def engine() -> bytes:
    """The command weft-fabric as a Python zip archive, made of the module_utils that this process runs itself.

    The same code gives the same bytes whenever it is packed.
    """
    packages = _PREFIX.split(".")
    sources = {f"{'/'.join(packages[:depth])}/__init__.py": b"" for depth in range(1, len(packages))}
    sources.update(_sources(module_utils.__path__[0], "/".join(packages)))
    sources["__main__.py"] = f"import sys\n\nfrom {_PREFIX}.command import main\n\nsys.exit(main())\n".encode()
    # -I: nothing of the caller's environment or directory is imported.
    packed = io.BytesIO(f"#!{sys.executable} -I\n".encode())
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "w") as archive:
        for name, source in sources.items():
            # Without a date: ZipInfo's own is the first that the format can tell. Not compressed: each call packs it.
            archive.writestr(zipfile.ZipInfo(name), source)
    return packed.getvalue()


def _sources(directory: str, package: str) -> Iterator[tuple[str, bytes]]:
    """(path in the archive, source) of a package and of all below it, without importing any of it.

    :param directory: the package's, which may be in a zip archive.
    """
    yield f"{package}/__init__.py", _source(directory, "__init__")
    for _finder, name, is_package in pkgutil.iter_modules([directory]):
        if is_package:
            yield from _sources(f"{directory}/{name}", f"{package}/{name}")
        else:
            yield f"{package}/{name}.py", _source(directory, name)


def _source(directory: str, name: str) -> bytes:
    """The source of a file of a package."""
    importer: Any = pkgutil.get_importer(directory)
    loader = importer if isinstance(importer, zipimport.zipimporter) else importer.find_spec(name).loader
    return str(loader.get_source(name)).encode()


def _present(path: str) -> Entry | None:
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return Entry(os.readlink(path).encode(), kind="link")
        if stat.S_ISDIR(mode):
            return Entry(b"", stat.S_IMODE(mode), "directory")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.refused("read", path, error) from error
    return Entry(files.read(path) or b"", stat.S_IMODE(mode))


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
    for unit in _UNITS_FROM_ABOVE:
        # Before its file goes: systemd does not stop what it no longer knows.
        if systemd and f"{UNITS}/{unit}" in gone:
            _run("systemctl", "stop", unit)
    for path, _before, after in changes:
        if after is None:
            files.remove(path)
        elif after.kind == "link":
            files.link(path, after.data.decode())
        elif after.kind == "directory":
            _make_directory(path, after.mode)
        else:
            files.replace(path, after.data, after.mode)
    for directory in (documents.DIRECTORY, LIBRARY, os.path.dirname(NETWORKD)):
        _remove_if_empty(directory)
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
        _run("systemctl", "daemon-reload")
    if os.path.exists(f"{UNITS}/{TIMER}") and (about(f"{UNITS}/{TIMER}") or not active(TIMER)):
        _run("systemctl", "restart", TIMER)
    if about(NETWORK) and active("systemd-networkd.service"):
        # Reconfigures those links only for which another file matches now.
        _run("networkctl", "reload")
    if about(LINK) and active("systemd-udevd.service"):
        _run("udevadm", "control", "--reload")
    if about(NETWORK_MANAGER) and active("NetworkManager.service"):
        _run("systemctl", "reload", "NetworkManager.service")


def active(unit: str) -> bool:
    return not subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        told = "; ".join(done.stderr.split("\n")).strip("; ") or f"status {done.returncode}"
        raise FabricError(f"{' '.join(words)} fails: {told}")


def _make_directory(path: str, mode: int) -> None:
    try:
        os.makedirs(path, mode, exist_ok=True)
        os.chmod(path, mode)
    except OSError as error:
        raise files.refused("write", path, error) from error


def _remove_if_empty(directory: str) -> None:
    try:
        os.rmdir(directory)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EBUSY):  # EBUSY: something is mounted there
            raise files.refused("remove", directory, error) from error
