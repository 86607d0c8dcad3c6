# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations become netlink requests, in order; the kernel's refusals become exceptions that name the object.

What comes one after the other in one namespace and is of one kind (a thousand FDB entries, say) goes out in batches.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.engine import links
from ansible_collections.weft.fabric.plugins.module_utils.engine.refusal import refusal
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.codecs import CODECS
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_device
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel, Request
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import create_netns, remove_netns
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation


def apply(kernel: Kernel, operations: Sequence[Operation]) -> None:
    """Carry out operations in order.

    :raises KernelError: the first that the kernel refused; what was before it is done.
    """
    worker = _Worker(kernel)
    for _group, batch in groupby(operations, _batch):
        worker.run(list(batch))


def _batch(operation: Operation) -> tuple[Any, ...]:
    """Operations with equal keys may share a send. Of links and namespaces only links that go do: each may need the one
    before.

    The kernel goes on with a send after an error, and nothing may go where what replaces it was refused.
    """
    kind = type(operation.after or operation.before)
    if kind is Namespace or (kind is Link and operation.verb != "delete"):
        return (id(operation),)
    return (kind, links.home(operation), operation.verb)


class _Indexes(dict[str, int]):
    """The indexes of links in one namespace by name, each read when it is asked for first."""

    def __init__(self, kernel: Kernel, netns: str) -> None:
        self._kernel, self._netns = kernel, netns

    def __missing__(self, name: str) -> int:
        link = read_device(self._kernel.socket(self._netns), name)
        if link is None:
            raise FabricError(f"{Link(name).label(self._netns)} has disappeared: run again")
        self[name] = link.index
        return link.index


class _Worker:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._indexes: dict[str, _Indexes] = {}

    def run(self, batch: list[Operation]) -> None:
        """One batch: operations of one kind of object in one namespace."""
        first = batch[0]
        item = first.after or first.before
        if isinstance(item, Namespace):
            self._namespace(first, item)
            return
        with ExitStack() as descriptors:
            try:
                requests = self._requests(batch, descriptors)
                failures = self.kernel.socket(links.home(first)).execute(requests)
            except OSError as error:
                raise KernelError(
                    "send requests for", item.label(first.netns), error.errno or errno.EIO, str(error)
                ) from error
        if isinstance(item, Link):
            self._indexes.clear()
        # Gone already is what a deletion wanted: the kernel lets addresses and routes go with what they depend on.
        failures = [failure for failure in failures if not _already_gone(first, failure.code)]
        if failures:
            # Links that go together have one request more than there are of them.
            refused = batch[min(failures[0].position, len(batch) - 1)]
            raise refusal(refused, failures[0].code, failures[0].detail, min(len(failures), len(batch)))

    def _namespace(self, operation: Operation, item: Namespace) -> None:
        self.kernel.forget(item.name)
        self._indexes.clear()
        if operation.verb == "create":
            create_netns(item.name, item.joins)
        else:
            remove_netns(item.name)

    def _index(self, netns: str, name: str) -> int:
        return self._indexes_of(netns)[name]

    def _indexes_of(self, netns: str) -> _Indexes:
        return self._indexes.setdefault(netns, _Indexes(self.kernel, netns))

    def _requests(self, batch: list[Operation], descriptors: ExitStack) -> Iterable[Request]:
        verb, netns, before, after, *_rest = batch[0]
        codec = CODECS.get(type(after or before))
        if codec:
            items = [operation.after or operation.before for operation in batch]
            if verb == "delete":
                return codec.delete(self._indexes_of(netns), items)
            codec.wait(self.kernel.socket(netns), items)
            return codec.put(self._indexes_of(netns), items)
        return links.requests(self.kernel, self._index, batch, descriptors)


def _already_gone(operation: Operation, code: int) -> bool:
    return operation.verb == "delete" and code in (errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENODEV)
