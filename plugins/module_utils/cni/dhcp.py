# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases of ipam dhcp: the distribution's plugin asks its daemon, which keeps each lease until it is released.

A lease is asked for once the interface is up, and recorded. It is asked for again if the interface has been made anew.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.chain import Chained
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import Own, Route
from ansible_collections.weft.fabric.plugins.module_utils.cni.execute import call
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside, netns_path

DIRECTORY = "/var/lib/cni/leases"


class Lease:
    """The lease of an interface, as far as it is recorded."""

    def __init__(self, item: Attachment) -> None:
        self._item = item
        self._path = f"{DIRECTORY}/{item.network.name}-{item.container}-{item.interface}"
        try:
            found = json.loads(files.read(self._path) or b"null")
        except ValueError:
            found = None
        self._found: dict[str, Any] = found if isinstance(found, dict) else {}

    @property
    def known(self) -> bool:
        """Whether it is recorded."""
        return bool(self._found)

    @property
    def current(self) -> bool:
        """Whether it is of the interface that exists, and of the configuration that the network has."""
        return self.known and self._found["of"] == self._of() and self._found["config"] == _config(self._item)

    def applied(self) -> Attachment:
        """The interface with the lease's addresses, routes and name servers."""
        item, result = self._item, self._found.get("result", {})
        owns = [
            Own(ipaddress.ip_interface(own["address"]), _gateway(own.get("gateway"))) for own in result.get("ips", ())
        ]
        routes = [
            Route(ipaddress.ip_network(route["dst"]), _gateway(route.get("gw"))) for route in result.get("routes", ())
        ]
        if item.network.ipam is None:
            return item
        ipam = replace(item.network.ipam, routes=tuple(routes), dns=result.get("dns", {}))
        return replace(item, network=replace(item.network, ipam=ipam), addresses=tuple(owns))

    def _of(self) -> list[int]:
        """What tells the interface from one that is made anew."""
        try:
            with inside(self._item.netns):
                index = socket.if_nametoindex(self._item.interface)
            return [os.stat(netns_path(self._item.netns)).st_ino, index]
        except (OSError, FabricError):
            return []

    def ask(self) -> None:
        """Ask for the lease, and record it.

        :raises FabricError: the plugin refuses, or its daemon does not run.
        """
        result = call("ADD", self._item, _plugin(self._item), {}, None) or {}
        self._found = {"of": self._of(), "config": _config(self._item), "result": result}
        files.replace(self._path, json.dumps(self._found, sort_keys=True).encode(), 0o600)

    def release(self) -> None:
        """Release the lease, and forget it.

        :raises FabricError: the plugin refuses, or its daemon does not run.
        """
        call("DEL", self._item, _plugin(self._item), {}, None)
        files.remove(self._path)


def _gateway(text: str | None) -> Any:
    return ipaddress.ip_address(text) if text else None


def _config(item: Attachment) -> dict[str, Any]:
    return {**item.network.own, "cniVersion": item.network.version}


def _plugin(item: Attachment) -> Chained:
    return Chained("dhcp", item.network.own, f"{item.where}.network.ipam")


def converge(
    items: Sequence[Attachment], gone: Iterable[Attachment], check: bool
) -> tuple[list[Attachment], list[str], list[str]]:
    """Release leases that are not wanted any more, and ask for those that are missing.

    :param gone: interfaces that are removed.
    :param check: do neither.
    :returns: the interfaces that have got a lease, and a line for each lease that is released, and that is asked for.
    :raises FabricError: the plugin refuses, or its daemon does not run.
    """
    with nullcontext() if check else alone():  # another run may ask for the same lease
        return _converge(items, gone, check)


def _converge(
    items: Sequence[Attachment], gone: Iterable[Attachment], check: bool
) -> tuple[list[Attachment], list[str], list[str]]:
    before, after, found = [], [], []
    for item in gone:
        if has(item) and Lease(item).known:
            before.append(_line(item))
            if not check:
                Lease(item).release()
    for item in filter(has, items):
        lease = Lease(item)
        if lease.current:
            continue
        before += [_line(item)] if lease.known else []
        after.append(_line(item))
        if not check:
            if lease.known:
                lease.release()
            lease.ask()
            found.append(lease.applied())
    return found, before, after


def has(item: Attachment) -> bool:
    """Whether an interface has its addresses from dhcp."""
    return bool(item.network.ipam and item.network.ipam.dhcp)


def _line(item: Attachment) -> str:
    return f"lease of network {item.network.name} for {item.interface} of {item.container}"
