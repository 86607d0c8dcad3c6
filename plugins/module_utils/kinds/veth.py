# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual Ethernet pairs (veth(4), drivers/net/veth.c)."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind

KIND = Kind("veth", peer="VETH_INFO_PEER")
