# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a driver, and what it works with: networks, pods, their place, and ends of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni import pieces
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.proof import target
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.model.subnet import Address, Interface, Subnet

Link = dict[str, Any]
"""An item of ``links`` of weft.fabric.topology."""


class Given(NamedTuple):
    """An address as the inventory has it.

    :ivar where: the parameter's name, for messages.
    """

    where: str
    address: str


class Own(NamedTuple):
    """An address of a pod.

    :ivar address: with the subnet's prefix length.
    :ivar gateway: the subnet's. Empty: it has none.
    """

    address: Interface
    gateway: str


@dataclass(frozen=True)
class Network:
    """A driver with the values of ``pods_network`` for it. Drivers that take values have a class of their own.

    :ivar where: the variable that it is from, for messages.
    """

    driver: Driver
    where: str = field(compare=False)


@dataclass(frozen=True)
class Pod:
    """A pod of a host.

    :ivar addresses: as they are listed, if at all.
    :ivar host_interface: the host's end of a veth pair, for drivers that make one.
    :ivar overlay: None: it is in no overlay.
    :ivar where: the variable that it is from, for messages.
    """

    name: str
    addresses: tuple[Given, ...]
    interface: str
    host_interface: str
    network: Network
    overlay: Overlay | None
    where: str


@dataclass(frozen=True)
class Place:
    """Where pods are connected: a host, and the overlay that they are in.

    :ivar nodes: all nodes, by name.
    :ivar cidrs: the networks of all overlays.
    :ivar overlay: None for pods in no overlay.
    :ivar routed: addresses of pods in this place whose drivers are ``routed``.
    """

    host: str
    nodes: Mapping[str, Node]
    cidrs: tuple[str, ...]
    overlay: Overlay | None = None
    routed: tuple[Address, ...] = ()

    @property
    def node(self) -> Node:
        """The host as a node.

        :raises InvalidParameter: it is none.
        """
        if self.host not in self.nodes:
            remedy = "the inventory has no such node: add the host to the group of nodes, and an overlay to the nodes"
            raise InvalidParameter("host", self.host, remedy)
        return self.nodes[self.host]


@dataclass(frozen=True)
class End(target.End):
    """A pod, or a node itself, as one end of a pair, as drivers see it.

    :ivar network: the one that its namespace is connected by. None: it is the node itself.
    :ivar dev: of a node, its interface in the underlay.
    """

    network: Network | None = None
    dev: str | None = None

    @property
    def at_host(self) -> bool:
        """Whether it is in its host's namespace, with the host's addresses."""
        return self.network is not None and self.network.driver.joins(self.network) == ""


def one_of_each_family(where: str, given: object) -> tuple[Given, ...]:
    """A pod's addresses: one, or a list of one in IPv4 and one in IPv6.

    :raises InvalidParameter: there is none, or two are of one family.
    """
    found: dict[int, Given] = {}
    for item in listed(where, given):
        own = Given(item.where, values.address(item.where, item.address))
        other = found.setdefault(values.family(own.address), own)
        if other is not own:
            remedy = f"{other.address} is of the same family: give one in IPv4 and one in IPv6"
            raise InvalidParameter(own.where, item.address, remedy)
    if not found:
        raise InvalidParameter(where, given, "give at least one address")
    return tuple(found.values())


def listed(where: str, given: Any) -> list[Given]:
    """The items of a list, each with its parameter's name; something else is the only item."""
    if isinstance(given, (list, tuple)):
        return [Given(f"{where}[{index}]", item) for index, item in enumerate(given)]
    return [Given(where, given)]


def _plain(driver: Driver, where: str, _given: Mapping[str, Any]) -> Network:
    return Network(driver, where)


def _no_subnets(_network: Any, _place: Place) -> Sequence[Subnet]:
    return ()


def _nothing_shared(_network: Any, _place: Place) -> Pieces:
    return {}


def _namespace(network: Network, pod: Pod, _own: Sequence[Own], _place: Place) -> Pieces:
    """The pod's namespace, with nothing in it."""
    return pieces.namespace(pod.name, network.driver.joins(network))


def _none(*_arguments: Any) -> None:
    return None


def _same(network: Network) -> Network:
    return network


def _no_links(_network: Any, _overlay: Overlay | None) -> list[Link]:
    return []


@dataclass(frozen=True, eq=False)
class Driver:
    """What connects pods.

    :ivar needs: keys of ``pods_network`` that are required.
    :ivar takes: keys of ``pods_network`` that are optional.
    :ivar pod: keys of a pod. With ``address`` among them, a pod needs one.
    :ivar in_overlay: its pods have addresses of their overlay's node.
    :ivar routed: these addresses are reached through the host, and not on a bridge with others of their subnet.
    :ivar assigns: the host gives pods their addresses. The inventory may ask for some.
    :ivar loopback: its pods have a loopback interface and nothing else.
    :ivar kind: the kind of link that it needs, where a kernel may come without it and still carry an overlay.
    :ivar parse: (driver, where, values of pods_network) -> its network; raises InvalidParameter.
    :ivar addresses: (where, address) -> a pod's addresses; raises InvalidParameter.
    :ivar check: (pod, all pods of its host); raises InvalidParameter where they cannot stand beside each other.
    :ivar joins: (network) -> the namespace that its pods are in: empty the host's, or another pod's. None: their own.
    :ivar subnets: (network, place) -> the subnets that its pods have addresses in; raises InvalidParameter.
    :ivar shared: (network, place) -> what its pods have in common on the host; raises InvalidParameter.
    :ivar connect: (network, pod, its addresses, place) -> the pod, and what connects it.
    :ivar attachment: (network, pod) -> an item of weft.fabric.cni's ``attachments``. None: there is none.
    :ivar removal: (network, overlay) -> the links to remove with all of its pods on the host.
    :ivar attached: (network) -> the network whose rules its pods follow.
    :ivar reaches: (one, other): whether one end, a pod of its own, reaches another; None: the driver does not know.
    :ivar reached: (other, one): whether one end, a pod of its own, is reached by another; None: the driver does not
        know. A pair that neither end's driver knows is not proved. Pods of one overlay reach each other in any case.
    :ivar compared: (one, other): whether two pods of it are an example to measure the bandwidth of.
    """

    name: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    pod: tuple[str, ...] = ()
    in_overlay: bool = False
    routed: bool = False
    assigns: bool = False
    loopback: bool = False
    kind: str = ""
    parse: Callable[[Driver, str, Mapping[str, Any]], Network] = _plain
    addresses: Callable[[str, object], tuple[Given, ...]] = one_of_each_family
    check: Callable[[Pod, Sequence[Pod]], None] = _none
    joins: Callable[[Any], str | None] = _none
    subnets: Callable[[Any, Place], Sequence[Subnet]] = _no_subnets
    shared: Callable[[Any, Place], Pieces] = _nothing_shared
    connect: Callable[[Any, Pod, Sequence[Own], Place], Pieces] = _namespace
    attachment: Callable[[Any, Pod], dict[str, Any] | None] = _none
    removal: Callable[[Any, Overlay | None], list[Link]] = _no_links
    attached: Callable[[Any], Network] = _same
    reaches: Callable[[End, End], bool | None] = _none
    reached: Callable[[End, End], bool | None] = _none
    compared: Callable[[End, End], bool] | None = None

    @property
    def cabled(self) -> bool:
        """Whether it makes a veth pair for each pod."""
        return "host_interface" in self.pod
