# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this kernel lacks for links. Asking changes nothing, and loads no module.

Kinds that a module would add are not tried, because loading some modules (bonding, dummy) makes an interface.
Sources: modules.dep(5), net/core/rtnetlink.c (rtnl_newlink).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import closing

from ansible_collections.weft.fabric.plugins.module_utils.engine.refusal import is_unknown, module_of, no_support
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.links import read_links
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import fresh_namespace
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFLA_IFNAME,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_NEWLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan import checks

_MODULES = "/lib/modules/{}/modules.dep"


def lacks(wanted: Sequence[Link]) -> list[str]:
    """What the kernel lacks for links, each with what helps.

    :raises OSError: this user may not make a network namespace.
    """
    modules = _modules()
    kinds = map(kind_of, sorted({link.kind for link in wanted if link.kind}))
    # rtnetlink makes no links of some kinds.
    possible = (kind for kind in kinds if not kind.control or not kind.control.makes)
    tried = [kind for kind in possible if module_of(kind) not in modules]
    if not tried:
        return []
    with fresh_namespace(), closing(Socket()) as kernel:
        failures = kernel.execute(Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, _body(kind)) for kind in tried)
        made = _links(kernel)
    # Whatever else the kernel says to a link without options, it knows the kind.
    found = [no_support(tried[failure.position]) for failure in failures if is_unknown(failure.detail)]
    for link in wanted:
        found += [option.lack for _name, kind, option in checks.needs(link) if checks.lacks(kind, option, made)]
    return [*dict.fromkeys(found)]


def _links(kernel: Socket) -> list[Link]:
    """The links that have been made; none without pyroute2."""
    try:
        return [*read_links(kernel).values()]
    except FabricError:
        return []


def _modules() -> set[str]:
    """The names of the modules that can be loaded."""
    try:
        with open(_MODULES.format(os.uname().release), encoding="utf-8") as lines:
            return {os.path.basename(line.partition(":")[0]).partition(".")[0].replace("-", "_") for line in lines}
    except OSError:
        return set()


def _body(kind: Kind) -> bytes:
    name = (kind.kernel_name or kind.name).encode() + b"\0"
    info = _attribute(IFLA_LINKINFO, _attribute(IFLA_INFO_KIND, name))
    return bytes(16) + _attribute(IFLA_IFNAME, b"weft-" + name) + info


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
