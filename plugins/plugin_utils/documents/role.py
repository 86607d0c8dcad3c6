# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a role that has a document, and what documents follow from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay

Document = dict[str, Any]
"""As weft.fabric.host takes it."""


@dataclass(frozen=True)
class Host:
    """A host, as far as its documents follow from it.

    :ivar variables: the roles' variables for it.
    :ivar overlays: all overlays, with all nodes.
    """

    name: str
    variables: Mapping[str, Any]
    overlays: Mapping[str, Overlay]


def _nothing(_host: Host) -> None:
    return None


class Role(NamedTuple):
    """A role that has a document.

    :ivar document: its document for a host. None: the host has none.
    :ivar group: the group whose hosts have it in the playbooks, ``nodes`` or ``routers``; empty: all hosts.
    :ivar afterwards: the sections that are set up when the document is removed. None: nothing is.
    """

    name: str
    document: Callable[[Host], Document | None]
    group: str = ""
    afterwards: Callable[[Host], Document | None] = _nothing
