# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's refusals become exceptions that name the object, the operation and the remedy."""

from __future__ import annotations

import errno
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.codecs import codec_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation

NOT_FOUND = (errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENODEV)  # answers to a deletion
UNKNOWN_KIND = "Unknown device type"  # net/core/rtnetlink.c

# What helps whatever the object is. Kinds of link and codecs know more about their own.
_OF_ALL = {
    errno.ENETDOWN: "an interface that it needs is down: set its admin_state to up",
    errno.EEXIST: "something else made it meanwhile: run again",
    errno.ENODEV: "an interface that it needs has disappeared: run again",
    errno.EBUSY: "something else uses it: see 'ip -details link'",
    errno.EAGAIN: "the kernel is busy: run again",
    errno.ENOMEM: "the machine has no memory left for it",
    errno.ENOBUFS: "the kernel has no room left: of neighbours, raise net.ipv4.neigh.default.gc_thresh3, or ipv6's",
    errno.EMFILE: "too many files are open: raise the limit of open files (ulimit -n)",
    errno.ENFILE: "too many files are open: raise fs.file-max",
    errno.EAFNOSUPPORT: "this kernel has no such address family, or IPv6 was disabled at boot (ipv6.disable=1)",
    errno.EACCES: "set 'become: true', or the kernel has disabled it (net.ipv6.conf.NAME.disable_ipv6 for IPv6)",
    errno.EROFS: "the file system is read-only: make it writable",
    errno.EPROTONOSUPPORT: "this kernel has no support for it: load its module, or run a kernel that has it",
}
# unshare(2), mount(2), umount2(2), unlink(2)
_OF_NAMESPACES = {
    errno.ENOSPC: "there are as many namespaces as are allowed: raise user.max_net_namespaces",
    errno.EUSERS: "there are as many namespaces as are allowed: raise user.max_net_namespaces",
    errno.EINVAL: "this kernel has no network namespaces (CONFIG_NET_NS)",
    errno.EBUSY: "another mount namespace or process uses its file: end that, or run again",
    errno.EISDIR: "a directory has its name in /run/netns: remove that by hand",
    errno.EEXIST: "a file has its name in /run/netns: remove it with weft.fabric.netns (state: absent)",
}


def refusal(operation: Operation, code: int, detail: str, count: int = 1) -> KernelError:
    """The exception for an operation that the kernel refused.

    :param code: errno.
    :param detail: the kernel's own sentence, or empty.
    :param count: how many operations of the batch were refused.
    """
    item = operation.after or operation.before
    more = f"{count - 1} more like it; " if count > 1 else ""
    return KernelError(
        operation.verb, item.label(operation.netns), code, detail, more + _remedy(operation, item, code, detail)
    )


def _remedy(operation: Operation, item: Any, code: int, detail: str) -> str:
    if code == errno.EPERM:
        return "set 'become: true'; in a container, give it CAP_NET_ADMIN, and CAP_SYS_ADMIN for namespaces"
    remedy = ""
    codec = codec_of(item)
    if codec:
        remedy = codec.remedy(item, code)
    elif isinstance(item, Link):
        remedy = _link_remedy(operation, item, code, detail)
    elif isinstance(item, Namespace):
        remedy = _OF_NAMESPACES.get(code, "")
    if not remedy and operation.verb == "delete" and code in NOT_FOUND:
        remedy = "the kernel shows it and does not find it: delete it with the program that made it"
    return remedy or _OF_ALL.get(code, "")


def _link_remedy(operation: Operation, link: Link, code: int, detail: str) -> str:
    kind = kind_of(link.kind)
    missing = is_unknown(detail) or (kind.control and code in kind.control.missing)
    if operation.verb == "create" and missing:
        return no_support(kind)
    if code in kind.remedies:
        return kind.remedies[code]
    if code == errno.EBUSY and kind.takes_all:
        return f"something else takes what {link.attributes.get(kind.parent)} receives: see 'ip -details link'"
    if code == errno.EOPNOTSUPP and operation.verb == "set" and detail and link.attributes.keys() & kind.options.keys():
        return "delete it first, or 'recreate: true' deletes it and makes it again"
    return _lack(link) if code == errno.EOPNOTSUPP else ""


def is_unknown(detail: str) -> bool:
    """Whether the kernel says that it has no links of a kind."""
    return detail.startswith(UNKNOWN_KIND)


def module_of(kind: Kind) -> str:
    """The kernel module that has a kind of link."""
    return kind.module or kind.kernel_name or kind.name


def no_support(kind: Kind) -> str:
    """What helps where the kernel has no links of a kind."""
    return f"this kernel has no {kind.name} support: load the module {module_of(kind)}, or run a kernel that has it"


def _lack(link: Link) -> str:
    """What the kernel does not support of a link."""
    known = {**PORT_OPTIONS, **kind_of(link.kind).options}
    for name in link.attributes:
        if name in known and known[name].needs:
            return known[name].lack
    options = ", ".join(name for name in link.attributes if name in kind_of(link.kind).options)
    return f"this kernel has a {link.kind} without all of: {options}" if options else ""
