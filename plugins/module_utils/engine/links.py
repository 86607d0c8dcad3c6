# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on links become requests, and calls of what a kind has instead."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Callable

from ansible_collections.weft.fabric.plugins.module_utils.engine.refusal import refusal
from ansible_collections.weft.fabric.plugins.module_utils.kernel import links, portvlan
from ansible_collections.weft.fabric.plugins.module_utils.kernel.access import NamespaceAccess
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel, Request
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import netns_fd
from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import BRIDGE
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import parent_place

IndexOf = Callable[[str, str], int]  # (namespace, name) of a link


def home(operation: Operation) -> str:
    """The namespace of an operation's request: of a new link its parent's, because the kernel looks for that there."""
    if isinstance(operation.before, Link) and operation.verb == "delete":
        return end(operation)[0]
    place = operation.after.attributes.get("parent_netns") if isinstance(operation.after, Link) else None
    return operation.netns if place is None or operation.verb != "create" else place


def end(operation: Operation) -> tuple[str, str]:
    """Where a link is deleted, and its name there: a pair at the host's own end, if it has one, as other links are."""
    link = operation.before
    here = operation.netns, link.name
    return link.peer if link.peer and operation.netns and not link.peer[0] else here


def requests(
    kernel: Kernel, index_of: IndexOf, operations: Sequence[Operation], descriptors: ExitStack
) -> list[Request]:
    """The requests of operations that share a send: of many for links that are deleted together, of one for others.

    :param descriptors: what has to stay open until they are sent.
    :raises KernelError: a kind refused what rtnetlink does not carry.
    """
    operation = operations[0]
    if operation.verb == "delete":
        return links.delete([end(operation)[1] for operation in operations])
    if operation.verb == "move":
        return [_move(index_of, operation, descriptors)]
    netns, link = operation.netns, operation.after
    if "altnames" in link.attributes:
        known = operation.before.attributes.get("altnames") if operation.before else None
        return links.rename(index_of(netns, link.name), known or (), link.attributes["altnames"])
    if any(PORT_OPTIONS[name].place == BRIDGE for name in link.attributes if name in PORT_OPTIONS):
        return portvlan.set_port(index_of(netns, link.name), link.attributes)
    kind = kind_of(link.kind)
    if kind.control and kind.options.keys() & link.attributes.keys():
        operation = _control(operation)
        link = operation.after
    if operation.verb == "create":
        return [_create(kernel, index_of, operation, descriptors)]
    there, known = parent_place(netns, link.attributes), operation.before.attributes if operation.before else {}
    return [links.change(link, lambda name: index_of(there, name), known)] if link.attributes else []


def _control(operation: Operation) -> Operation:
    """Let a kind make or change a link by its own means; what is left to do by rtnetlink."""
    netns, link = operation.netns, operation.after
    control, options = kind_of(link.kind).control, kind_of(link.kind).options
    known = None
    if operation.verb != "create":
        known = operation.before.attributes if operation.before else {}
    try:
        if control:
            control.write(NamespaceAccess(netns), link.name, known, link.attributes)
    except OSError as error:
        raise refusal(operation, error.errno or errno.EIO, error.strerror or "") from error
    rest = {name: value for name, value in link.attributes.items() if name not in options}
    return operation._replace(verb="set", after=Link(link.name, link.kind, rest))


def _create(kernel: Kernel, index_of: IndexOf, operation: Operation, descriptors: ExitStack) -> Request:
    """Both ends of a pair are made by one request, each in its namespace: a pair is there or it is not."""
    netns, link, there = operation.netns, operation.after, home(operation)
    peer = None
    if operation.peer is not None and link.peer is not None:
        peer = operation.peer, None if link.peer[0] == netns else _place(link.peer[0], descriptors)
    place = None
    if there != netns:
        # A free index of our choice, because the kernel then does not ask whether the parent's namespace has a link of
        # that name, which before Linux 6.14 it would refuse (rtnetlink.c: rtnl_newlink).
        used = {*read_names(kernel.socket(there)), *read_names(kernel.socket(netns))}
        place = _place(netns, descriptors)._replace(ifindex=max(used) + 1)
    return links.create(link, lambda name: index_of(there, name), peer, place)


def _move(index_of: IndexOf, operation: Operation, descriptors: ExitStack) -> Request:
    place = _place(operation.to, descriptors) if operation.to != operation.netns else None
    return links.move(index_of(operation.netns, operation.before.name), operation.after, place)


def _place(netns: str, descriptors: ExitStack) -> links.Place:
    return links.Place(descriptors.enter_context(netns_fd(netns)))
