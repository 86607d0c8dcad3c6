# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernel is asked about each type of object: one file each, with the name of the type's lists (objects.LISTS).

A file has one record, CODEC. Its put() and delete() make requests from objects, of the same type and in one namespace.
They get the index of each device by its name. Its read() returns the objects that a scope is about, as Observed holds
them. A file is only imported where objects of its type are read or changed, because Python compiles all imports in
each call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.model.objects import LISTS

if TYPE_CHECKING:
    # Ansible sends along what it sees imported.
    from ansible_collections.weft.fabric.plugins.module_utils.kernel import (  # noqa: F401
        address_requests,
        addresses,
        bridge_fdb,
        fdb,
        neighbours,
        route_requests,
        routes,
        rules,
    )

_PACKAGE = __name__.rpartition(".")[0]


def codec(name: str) -> Codec:
    """The codec of a type, by the name of its lists."""
    return cast(Codec, import_module(f"{_PACKAGE}.{name}").CODEC)


def codec_of(item: Any) -> Codec | None:
    """The codec of an object; None: it is a link or a namespace."""
    name = getattr(item, "list_name", "")
    return codec(name) if name in LISTS else None
