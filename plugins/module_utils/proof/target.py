# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is probed, and what a probe found.

Of targets and results there are hundreds of thousands. Named tuples take a third of a dataclass's time and memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.proof.planned import Overlay

UNDERLAY, VTEP, POD = "underlay", "VTEP", "pod"
"""Kinds of targets."""


class Target(NamedTuple):
    """An address that answers, or must not.

    :ivar netns: the pod that probes. Empty: the host itself.
    :ivar host: the node that the address is on.
    :ivar pod: the pod that has it. Empty for a VTEP and an underlay address.
    :ivar kind: one of the kinds above.
    :ivar overlay: the name of the overlay that leads there. Empty: the pods' drivers do.
    :ivar answers: False: it must not answer.
    """

    netns: str
    host: str
    pod: str
    kind: str
    address: str
    overlay: str
    answers: bool = True

    @property
    def name(self) -> str:
        """Its name in the table and in weft.fabric.reachability."""
        return f"{self.host}/{self.pod}" if self.pod else f"{self.host} {self.kind}"

    def probed_from(self, netns: str) -> Target:
        """The same target, probed from a pod."""
        return self._replace(netns=netns)


class Result(NamedTuple):
    """What weft.fabric.reachability returned for a target.

    :ivar source: the address that it was probed from.
    :ivar error: None: the target is reachable.
    :ivar loss: lost echo replies, in percent.
    :ivar received: the number of echo replies.
    :ivar rtt: mean round trip time in milliseconds. None: there was no reply.
    :ivar pmtu: the MTU of the path in bytes, where it was measured.
    :ivar tcp: the state of the TCP port, where it was probed.
    :ivar status: of the echo server's HTTP response, with the client's address as the server saw it in seen.
    """

    source: str | None
    reachable: bool
    error: str | None
    loss: float | None
    received: int
    rtt: float | None
    ttl: int | None
    pmtu: int | None
    tcp: str | None
    status: int | None
    seen: str | None


def result_of(returned: Mapping[str, Any]) -> Result:
    """The result of a target, from an entry of weft.fabric.reachability's ``results``."""
    http = returned["http"] or {}
    return Result(
        source=returned["source"],
        reachable=returned["reachable"],
        error=returned["error"],
        loss=returned["loss"],
        received=returned["received"],
        rtt=returned["rtt"]["avg"] if returned["rtt"] else None,
        ttl=returned["ttl"],
        pmtu=returned["pmtu"],
        tcp=returned["tcp"],
        status=http.get("status"),
        seen=http.get("source"),
    )


class Pair(NamedTuple):
    """A target, probed from a host."""

    host: str
    target: Target
    result: Result

    @property
    def source(self) -> str:
        """The host, or the pod on it, that probed."""
        return f"{self.host}/{self.target.netns}" if self.target.netns else self.host


@dataclass(frozen=True)
class End:
    """A pod, or a node itself, as one end of a pair.

    :ivar pod: its name. Empty: it is the node itself.
    :ivar addresses: a pod in the host's namespace has none of its own.
    :ivar overlay: the name of its overlay. Empty: it is in none.
    :ivar joins: whether it is in another pod's namespace.
    :ivar loopback: whether it has a loopback interface and nothing else.
    """

    host: str
    pod: str
    addresses: Sequence[str]
    overlay: str = ""
    joins: bool = False
    loopback: bool = False


Reaches = Callable[[Any, Any], Optional[bool]]
"""Whether an end reaches another by the drivers of both; None: neither driver knows."""


@dataclass(frozen=True)
class Neighbourhood:
    """A host that probes, and the nodes that it probes, itself among them.

    :ivar overlays: those that are present.
    :ivar ends: by node, its pods.
    :ivar nodes: the nodes themselves as ends, by name.
    """

    host: str
    overlays: Sequence[Overlay]
    ends: Mapping[str, Sequence[End]]
    nodes: Mapping[str, End]
    reaches: Reaches

    def pods(self, overlay: str) -> list[Target]:
        """Targets for all addresses of the pods in an overlay."""
        return [
            Target("", node, end.pod, POD, address, overlay)
            for node, ends in self.ends.items()
            for end in ends
            if end.overlay == overlay
            for address in end.addresses
        ]

    def probing(self, overlay: str) -> list[End]:
        """The host's pods in an overlay."""
        return [end for end in self.ends[self.host] if end.overlay == overlay]


def speaks(end: End, address: str) -> bool:
    """Whether an end has an address in the family of another."""
    return values.family(address) in {values.family(own) for own in end.addresses}
