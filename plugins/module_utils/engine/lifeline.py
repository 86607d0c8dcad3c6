# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's way in: the address, the interface and the route by which it is connected.

They may move within a run. They are removed only over a connection that does not use them, so a plan that would cut
the controller off is refused. While the host's own interfaces move, a run continues when its session stalls, and a move
that fails half-way is undone.
"""

from __future__ import annotations

import ipaddress
import os
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.links import add_link, complete
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import BEFORE, Removal
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route, flattened
from ansible_collections.weft.fabric.plugins.module_utils.plan.checks import taken_by
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOLS

_VARIABLE = b"SSH_CONNECTION="  # ssh(1)


class Session(NamedTuple):
    """An SSH session: the address of the controller, and the address of this host that it is connected to."""

    client: str
    host: str


def session() -> Session | None:
    """The SSH session that this process is part of; None: it is part of none.

    sudo(8) takes the variable out of the environment, but its own process, an ancestor of this one, still has it.
    """
    process = os.getpid()
    while process > 1:
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                environment = file.read().split(b"\0")
            with open(f"/proc/{process}/stat", "rb") as file:
                process = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:  # the process has ended, or is not ours to read
            return None
        found = next((entry for entry in environment if entry.startswith(_VARIABLE)), None)
        if found:
            client, _port, host, _own_port = found[len(_VARIABLE) :].decode().split()
            # A link-local address has the name of its interface behind it.
            return Session(*(address.partition("%")[0] for address in (client, host)))
    return None


def concerns(plan: Plan) -> bool:
    """Whether a plan may remove the way in: with a link, an address or a route of the host's own namespace."""
    return "" in plan.takes_along or any(
        operation.verb == "delete" and not operation.netns and isinstance(operation.before, Route)
        for operation in plan.operations
    )


def check(observed: Mapping[str, Observed], plan: Plan, connected: Session | None) -> None:
    """Refuse a plan that would cut the controller off.

    :param observed: the state before, by namespace. If somebody is connected, all of the host's own namespace.
    :param connected: None: nobody is, or nothing that leads to anybody is removed.
    :raises FabricError: the address would be on no link that works, or no route would lead back to the controller.
    """
    if connected is None or not _holders(observed[""], connected.host):
        return
    before, after = observed[""], plan.view[""]
    connection = f"this host is reached at {connected.host} by {connected.client}, and"
    if not _holders(after, connected.host):
        (dev, *_others) = _holders(before, connected.host)
        raise FabricError(
            f"{connection} would lose that address with {dev}: nothing is changed; list it as an address of an "
            "interface that stays, or connect by another address"
        )
    lost = {lost.item[:-1] for lost in plan.lost if not lost.netns and isinstance(lost.item, Route)}
    if _leads_to(before, connected.client) and not _leads_to(after, connected.client, lost):
        raise FabricError(
            f"{connection} would have no route back: nothing is changed; list a route to {connected.client}"
        )


def _leads_to(state: Observed, client: str, lost: Collection[tuple[Any, ...]] = ()) -> bool:
    """Whether the host's own namespace has an address in a client's network, or a route to it.

    :param lost: routes that go with what a plan deletes.
    """
    subnets = [address.address for address in state.addresses.values() if _works(state, address.dev)]
    routes = [
        route.dst
        for route in flattened(state.routes)
        if route[:-1] not in lost and any(_works(state, dev) for dev in route.devices)
    ]
    address = ipaddress.ip_address(client)
    return any(address in ipaddress.ip_interface(network).network for network in (*subnets, *routes))


def _holders(state: Observed, host: str) -> list[str]:
    """The links that work and have the address of the host."""
    return [
        address.dev
        for address in state.addresses.values()
        if address.address.partition("/")[0] == host and _works(state, address.dev)
    ]


def _works(state: Observed, name: str | None) -> bool:
    """Whether a link is up and receives for itself, and so does the link that it sits on."""
    link = state.links.get(name or "")
    if link is None or link.attributes.get("admin_state") != "up" or taken_by(state, link):
        return False
    kind = kind_of(link.kind)
    if kind.ports and kind.ports.needed:
        return any(port.attributes.get("controller") == name for port in state.links.values())
    return not kind.parent or _works(state, link.attributes.get(kind.parent))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the end of the session from ending this process during the block."""
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def as_it_was(document: Document, before: Observed) -> Document:
    """A document that undoes, in the host's own namespace, everything that another one has changed of its links.

    Their addresses and routes are made again as the kernel reported them (keeper.py).

    :param before: that namespace as it was.
    """
    restored = Document()
    restored.at("")
    removed = {
        item.name: item
        for netns, item, phase, _strict in document.removals
        if not netns and phase == BEFORE and isinstance(item, Link)
    }
    for name, link in {**removed, **document.namespaces[""].links}.items():
        known = before.links.get(name)
        if known is None:
            restored.removals.append(Removal("", link, strict=True))
            continue
        item = {**known.data(whole=True), "controller": known.attributes.get("controller", "")}
        if not known.kind:
            item.pop("mac_address", None)  # a bond returns its ports' own addresses to them
        if link.recreate:
            item["recreate"] = True
        else:
            item.pop("peer", None)  # a pair that was not made again has its other end
        add_link(restored, "", item)
    complete(restored)
    return restored


def without_new(before: Observed, now: Observed) -> Document:
    """A document that deletes, in the host's own namespace, the addresses and routes that are not as they were."""
    return Document(namespaces={"": Desired()}, removals=[Removal("", item) for item in _new(before, now)])


def _new(before: Observed, now: Observed) -> Iterator[Address | Route]:
    """The addresses and routes that are not as they were. Those with a lifetime change by themselves."""
    for key, address in now.addresses.items():
        known = before.addresses.get(key)
        if address.state and not address.state.foreign and (known is None or _differ(known, address)):
            yield address
    there = {route[:-1] for route in flattened(before.routes)}
    for route in flattened(now.routes):
        if route.protocol in ROUTE_PROTOCOLS and route[:-1] not in there:
            yield route


def _differ(before: Address, now: Address) -> bool:
    lasting = [bool(item.state and item.state.lasting) for item in (before, now)]
    return before[:-1] != now[:-1] or lasting[0] != lasting[1]
