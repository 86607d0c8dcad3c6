# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base chains of this host's firewalls, as nftables has them. Source: include/uapi/linux/netfilter/nf_tables.h."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import NETLINK_NETFILTER

NFT_MSG_GETCHAIN = 10 << 8 | 4  # NFNL_SUBSYS_NFTABLES
NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY = 1, 3, 4, 5
NFTA_HOOK_HOOKNUM = 1
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")  # enum nf_inet_hooks
NF_DROP = 0
FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}
HEADER = 20  # struct nlmsghdr, struct nfgenmsg


class Chain(NamedTuple):
    """A base chain.

    :ivar hook: where packets meet it.
    :ivar drops: it drops by its policy.
    """

    family: str
    table: str
    name: str
    hook: str
    drops: bool

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.name}"

    @property
    def closed(self) -> bool:
        """Whether it stops what it is not told of. firewalld's does so by its last rule, not by its policy."""
        return self.drops or self.table == "firewalld"


def base_chains() -> list[Chain]:
    """All base chains of IPv4 and IPv6; none where the kernel has no nftables."""
    return [chain for chain in map(_chain, dump(NFT_MSG_GETCHAIN)) if chain]


def dump(kind: int) -> list[bytes]:
    """All objects of nftables of a kind, each a message; none where the kernel has no nftables.

    :param kind: an NFT_MSG_GET...
    """
    try:
        kernel = Socket(protocol=NETLINK_NETFILTER)
    except OSError:
        return []
    try:
        return kernel.dump(kind, struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
    except KernelError:
        return []
    finally:
        kernel.close()


def text(attribute: bytes) -> str:
    """A name in an attribute."""
    return attribute.rstrip(b"\0").decode()


def _chain(message: bytes) -> Chain | None:
    """A dumped chain; None: it is of another family, or no base chain."""
    family = FAMILIES.get(message[16])
    found = attributes(message, HEADER)
    hook = attributes(found.get(NFTA_CHAIN_HOOK, b""), 0).get(NFTA_HOOK_HOOKNUM)
    number = struct.unpack("!I", hook)[0] if hook else len(HOOKS)
    if family is None or number >= len(HOOKS):
        return None
    table, name = text(found[NFTA_CHAIN_TABLE]), text(found[NFTA_CHAIN_NAME])
    return Chain(family, table, name, HOOKS[number], found.get(NFTA_CHAIN_POLICY) == struct.pack("!I", NF_DROP))
