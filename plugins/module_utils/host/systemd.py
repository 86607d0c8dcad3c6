# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd on this host: our units, and whether a unit is active.

Sources: systemd.service(5), systemd.timer(5), sd_booted(3).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host.entries import NOTE, Entry

COMMAND = "/usr/local/sbin/weft-fabric"
UNITS = "/etc/systemd/system"
SERVICE = "weft-fabric.service"
RESYNC = "weft-fabric-resync.service"
TIMER = "weft-fabric.timer"
# Each unit starts those after it. A unit cannot be stopped while another one starts it ("Job ... canceled").
UNITS_FROM_ABOVE = (TIMER, RESYNC, SERVICE)

_SERVICE_WANTED = f"{UNITS}/multi-user.target.wants/{SERVICE}"
_TIMER_WANTED = f"{UNITS}/timers.target.wants/{TIMER}"
PATHS = (*(f"{UNITS}/{unit}" for unit in UNITS_FROM_ABOVE), _SERVICE_WANTED, _TIMER_WANTED)

_SERVICE_TEXT = f"""{NOTE}[Unit]
Description=Container networking of weft.fabric
# After the underlay's interfaces and addresses, whoever configures them, and after services that flush nftables.
After=network.target nftables.service firewalld.service networking.service
After=systemd-networkd.service systemd-networkd-wait-online.service
After=NetworkManager.service NetworkManager-wait-online.service
Before=network-online.target
# When one of them is restarted, it restores what that has removed.
PartOf=nftables.service firewalld.service networking.service systemd-networkd.service NetworkManager.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
# An interface of the underlay may appear late. Units that need the network wait for the first attempt only, so that one
# takes a while. A document that cannot be used stays so.
ExecStart={COMMAND} apply --wait 30
ExecReload={COMMAND} apply
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={os.EX_CONFIG}
TimeoutStartSec=300
# The pods' servers keep running.
KillMode=process
SyslogIdentifier=weft-fabric

[Install]
WantedBy=multi-user.target
"""

_RESYNC_TEXT = f"""{NOTE}[Unit]
Description=Container networking of weft.fabric, compared and restored

[Service]
Type=oneshot
# In the control group of the service, where the pods' servers may run on.
ExecStart=systemctl reload-or-restart {SERVICE}
"""

_TIMER_TEXT = f"""{NOTE}[Unit]
Description=Container networking of weft.fabric, at regular intervals

[Timer]
Unit={RESYNC}
OnActiveSec={{seconds}}
OnUnitInactiveSec={{seconds}}
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def units(resync: int) -> Iterator[tuple[str, Entry]]:
    """The files of the units by path, enabled as by ``systemctl enable``.

    :param resync: the timer's interval in seconds; 0: no timer.
    """
    yield f"{UNITS}/{SERVICE}", Entry(_SERVICE_TEXT.encode())
    yield _SERVICE_WANTED, Entry(f"{UNITS}/{SERVICE}".encode(), kind="link")
    if resync:
        yield f"{UNITS}/{RESYNC}", Entry(_RESYNC_TEXT.encode())
        yield f"{UNITS}/{TIMER}", Entry(_TIMER_TEXT.format(seconds=resync).encode())
        yield _TIMER_WANTED, Entry(f"{UNITS}/{TIMER}".encode(), kind="link")


def systemd_runs() -> bool:
    """Whether this host runs systemd: sd_booted(3)."""
    return os.path.isdir("/run/systemd/system")


def active(unit: str) -> bool:
    """Whether a unit is active."""
    return not subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode


def run(*words: str) -> None:
    """Run a command.

    :raises FabricError: it cannot be started, or fails.
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise FabricError(f"{' '.join(words)} cannot be started: {error.strerror}: look at its first line") from error
    if done.returncode:
        reason = "; ".join(done.stderr.split("\n")).strip("; ") or f"status {done.returncode}"
        raise FabricError(f"{' '.join(words)} fails: {reason}")
