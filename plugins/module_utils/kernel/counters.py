# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets that interfaces have sent and received (proc_pid_net(5), on dev)."""

from __future__ import annotations

from collections.abc import Collection

_STATISTICS = "/proc/thread-self/net/dev"
_RECEIVED, _SENT, _ERRORS, _DROPPED = 1, 9, 10, 11  # columns after the name


def counters(names: Collection[str]) -> dict[str, dict[str, int]]:
    """Packets of interfaces in the network namespace of this thread, since each was created.

    A VXLAN receives what reaches its UDP port and belongs to its VNI. It drops what it cannot send, a packet that the
    host's own firewall stops included (net/ipv4/ip_tunnel_core.c: iptunnel_xmit).

    :returns: by name ``received``, ``sent`` and ``dropped``. Names of interfaces that do not exist are left out.
    """
    found = {}
    with open(_STATISTICS, encoding="utf-8") as rows:
        for row in rows:
            name, colon, figures = row.partition(":")
            if colon and name.strip() in names:
                columns = [int(figure) for figure in figures.split()]
                found[name.strip()] = {
                    "received": columns[_RECEIVED],
                    "sent": columns[_SENT],
                    "dropped": columns[_ERRORS] + columns[_DROPPED],
                }
    return found
