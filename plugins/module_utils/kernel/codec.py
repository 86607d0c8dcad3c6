# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernel is asked about one type of object: the record that each type's file fills in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link


def _never_waits(_kernel: Socket, _items: Iterable[Any]) -> None:
    """The kernel takes these objects at once."""


def _no_remedy(_item: Any, _code: int) -> str:
    """The error itself says all there is to say."""
    return ""


def _alone(
    _kernel: Socket, _indexes: Mapping[str, int], _items: Iterable[Any]
) -> tuple[Sequence[Request], Sequence[Request]]:
    """The deletion of these objects takes nothing along that could be kept."""
    return (), ()


def later(file: str, *names: str) -> Iterator[Callable[..., Any]]:
    """Functions of a file of this package, which is imported when one of them is called.

    A call that changes nothing needs no requests, and Python compiles all imports in each call.
    """

    def function(name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            return getattr(import_module(f"{__package__}.{file}"), name)(*arguments)

        return call

    return map(function, names)


class Codec(NamedTuple):
    """The functions of one type.

    :ivar add: makes them beside others that have their keys; None: as put() does.
    :ivar around: requests before and after those of delete(), in the same send, that keep what the kernel would delete
        besides.
    :ivar wait: returns when the kernel is ready for put().
    :ivar remedy: what a user can do about an errno; empty: nothing more than the error says.
    """

    put: Callable[[Mapping[str, int], Sequence[Any]], Iterable[Request]]
    delete: Callable[[Mapping[str, int], Sequence[Any]], Iterable[Request]]
    read: Callable[[Socket, Scope, Mapping[str, Link], Mapping[int, str]], Any]
    add: Callable[[Mapping[str, int], Sequence[Any]], Iterable[Request]] | None = None
    around: Callable[[Socket, Mapping[str, int], Sequence[Any]], tuple[Sequence[Request], Sequence[Request]]] = _alone
    wait: Callable[[Socket, Iterable[Any]], None] = _never_waits
    remedy: Callable[[Any, int], str] = _no_remedy
