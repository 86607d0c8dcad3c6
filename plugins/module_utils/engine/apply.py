# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out operations in order. A refusal by the kernel becomes an exception that names the object.

Consecutive operations on objects of one type in one namespace (a thousand FDB entries, for example) are sent together.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.engine import links
from ansible_collections.weft.fabric.plugins.module_utils.engine.refusal import NOT_FOUND, refusal
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.codecs import codec_of
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_device
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Failure, Kernel, Request
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import create_netns, remove_netns
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation


class Undone(NamedTuple):
    """What could not be done, though nothing was refused that anybody asked for.

    :ivar not_found: deletions of objects that the kernel did not find, each with its answer. The kernel removes
        addresses and routes with the objects that they depend on, so they may be gone, or they are not known by what
        was asked.
    :ivar not_restored: objects of others that the kernel does not take again, each with its answer.
    """

    not_found: list[tuple[Operation, KernelError]]
    not_restored: list[tuple[Operation, Failure]]


def apply(kernel: Kernel, operations: Sequence[Operation]) -> Undone:
    """Carry out operations in order.

    :raises KernelError: for the first that the kernel refused; those before it are done, but a link that the kernel
        does not let this run finish is deleted again.
    """
    worker = _Worker(kernel)
    done: list[Operation] = []
    asked = (operation for operation in operations if operation.verb != "follow")
    for _group, group in groupby(asked, _batch):
        batch = list(group)
        try:
            worker.run(batch)
        except KernelError:
            for half in _unfinished(done, batch[0]):
                worker.run([Operation("delete", half.netns, half.after)])
            raise
        done += batch
    return worker.undone


def _unfinished(done: Sequence[Operation], refused: Operation) -> Iterator[Operation]:
    """The operation that has made the link, or the pair, of a refused one, unless it stands for one that was there."""
    if not isinstance(refused.after, Link):
        return
    name = refused.netns, refused.after.name
    gone = {(item.netns, item.before.name) for item in done if item.verb == "delete" and isinstance(item.before, Link)}
    for item in done:
        if item.verb == "create" and isinstance(item.after, Link):
            own = item.netns, item.after.name
            if name in (own, item.after.peer) and own not in gone:
                yield item


def _batch(operation: Operation) -> tuple[Any, ...]:
    """A key: consecutive operations with equal keys are sent together.

    The kernel continues after an error within a send, and nothing may be removed if its replacement was refused.
    Namespaces, and links that are not deleted, are sent one by one, because each may need the one before.
    """
    verb, netns, before, after, *_rest = operation
    kind = type(after or before)
    if kind is not Link and kind is not Namespace:
        return (kind, netns, verb)
    return (kind, links.home(operation), verb) if kind is Link and verb == "delete" else (id(operation),)


class _Indexes(dict[str, int]):
    """The indexes of links in one namespace by name, each read when it is first needed."""

    def __init__(self, kernel: Kernel, netns: str) -> None:
        self._kernel, self._netns = kernel, netns

    def __missing__(self, name: str) -> int:
        link = read_device(self._kernel.socket(self._netns), name)
        if link is None:
            raise FabricError(f"{Link(name).label(self._netns)} has disappeared: run again")
        self[name] = link.index
        return link.index


class _Worker:
    """Carries out batches of operations, and remembers the indexes of links between them."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.undone = Undone([], [])
        self._indexes: dict[str, _Indexes] = {}

    def run(self, batch: list[Operation]) -> None:
        """Carry out a batch: operations on objects of one type in one namespace."""
        first = batch[0]
        item = first.after or first.before
        if isinstance(item, Namespace):
            self._namespace(first, item)
            return
        if first.verb == "restore":
            self._restore(batch)
            return
        with ExitStack() as descriptors:
            try:
                before, requests = self._requests(batch, descriptors)
                failures = self.kernel.socket(links.home(first)).execute([*before, *requests])
            except OSError as error:
                raise refusal(first, error.errno or errno.EIO, str(error)) from error
        if isinstance(item, Link):
            self._indexes.clear()
        missing = [failure for failure in failures if _is_not_found(first, failure.code)]
        refused = [failure for failure in failures if not _is_not_found(first, failure.code)]
        for position, code, detail in refused:
            raise refusal(_at(batch, position - len(before)), code, detail, min(len(refused), len(batch)))
        for position, code, detail in missing:
            operation = _at(batch, position - len(before))
            self.undone.not_found.append((operation, refusal(operation, code, detail)))

    def _restore(self, batch: list[Operation]) -> None:
        """Make objects of others again, as far as the kernel takes them: those that need others are sent again."""
        # Imported only here: most changes take nothing along.
        from ansible_collections.weft.fabric.plugins.module_utils.kernel import kept

        netns = batch[0].netns
        socket, indexes = self.kernel.socket(netns), self._indexes_of(netns)
        kept.wait(socket, [operation.after for operation in batch])
        left = [(operation, Failure(0, 0, "")) for operation in batch]
        before = len(left) + 1
        while left and len(left) < before:
            before = len(left)
            requests = [
                (operation, request)
                for operation, _failure in left
                for request in kept.restore(socket, indexes, operation.after)
            ]
            failures = socket.execute([request for _operation, request in requests])
            refused: dict[int, tuple[Operation, Failure]] = {}
            for failure in failures:
                operation, request = requests[failure.position]
                if not (request.deletes and failure.code in NOT_FOUND):
                    refused[id(operation)] = operation, failure
            left = [*refused.values()]
        self.undone.not_restored.extend(left)

    def _namespace(self, operation: Operation, item: Namespace) -> None:
        self.kernel.forget(item.name)
        self._indexes.clear()
        try:
            if operation.verb == "create":
                create_netns(item.name, item.joins)
            else:
                remove_netns(item.name)
        except KernelError as error:
            raise refusal(operation, error.code, "") from error

    def _index(self, netns: str, name: str) -> int:
        return self._indexes_of(netns)[name]

    def _indexes_of(self, netns: str) -> _Indexes:
        return self._indexes.setdefault(netns, _Indexes(self.kernel, netns))

    def _requests(self, batch: list[Operation], descriptors: ExitStack) -> tuple[Sequence[Request], Iterable[Request]]:
        """The requests of a batch, and those that have to come before them."""
        verb, netns, before, after, *_rest = batch[0]
        codec = codec_of(after or before)
        if codec:
            items = [operation.after or operation.before for operation in batch]
            socket, indexes = self.kernel.socket(netns), self._indexes_of(netns)
            if verb == "delete":
                before, after = codec.around(socket, indexes, items)
                return before, [*codec.delete(indexes, items), *after]
            codec.wait(socket, items)
            put = codec.add if verb == "create" and codec.add else codec.put
            return (), put(indexes, items)
        return (), links.requests(self.kernel, self._index, batch, descriptors)


def _at(batch: Sequence[Operation], position: int) -> Operation:
    """The operation of a request; there may be requests before and after those of the operations."""
    return batch[min(max(position, 0), len(batch) - 1)]


def _is_not_found(operation: Operation, code: int) -> bool:
    return operation.verb == "delete" and code in NOT_FOUND
