# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd on this host: our units, and whether they and those of others are active.

Sources: systemd.service(5), systemd.timer(5), sd_booted(3).
"""

from __future__ import annotations

import os
import subprocess

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host.entries import NOTE

COMMAND = "/usr/local/sbin/weft-fabric"
UNITS = "/etc/systemd/system"
SERVICE = "weft-fabric.service"
RESYNC = "weft-fabric-resync.service"
TIMER = "weft-fabric.timer"
# What starts the others first: a unit that is to stop while another starts it fails to ("Job ... canceled").
UNITS_FROM_ABOVE = (TIMER, RESYNC, SERVICE)


SERVICE_TEXT = f"""{NOTE}[Unit]
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

RESYNC_TEXT = f"""{NOTE}[Unit]
Description=Container networking of weft.fabric, compared and put back

[Service]
Type=oneshot
# In the service's own control group, where the pods' servers may live on.
ExecStart=systemctl reload-or-restart {SERVICE}
"""

TIMER_TEXT = f"""{NOTE}[Unit]
Description=Container networking of weft.fabric, again and again

[Timer]
Unit={RESYNC}
OnActiveSec={{seconds}}
OnUnitInactiveSec={{seconds}}
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def systemd_runs() -> bool:
    """Whether this host runs systemd: sd_booted(3)."""
    return os.path.isdir("/run/systemd/system")


def active(unit: str) -> bool:
    return not subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode


def run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        told = "; ".join(done.stderr.split("\n")).strip("; ") or f"status {done.returncode}"
        raise FabricError(f"{' '.join(words)} fails: {told}")
