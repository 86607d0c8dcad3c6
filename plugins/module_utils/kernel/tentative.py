# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv6 addresses that are not in use yet (RFC 4862), which routes have to wait for."""

from __future__ import annotations

import socket
import struct

from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import to_text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFA_ADDRESS,
    IFA_F_TENTATIVE,
    IFA_FLAGS,
    RTM_GETADDR,
)


def read_tentative(kernel: Socket) -> set[str]:
    """The IPv6 addresses that duplicate address detection has not finished with."""
    found = set()
    for message in kernel.dump(RTM_GETADDR, struct.pack("=B7x", socket.AF_INET6)):
        attribute = attributes(message, 24)
        if struct.unpack("=I", attribute[IFA_FLAGS])[0] & IFA_F_TENTATIVE:
            found.add(to_text(attribute[IFA_ADDRESS]))
    return found
