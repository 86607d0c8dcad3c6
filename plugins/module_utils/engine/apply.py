# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations become netlink requests, in order; the kernel's refusals become exceptions that name the object.

What comes one after the other in one namespace and is of one kind (a thousand FDB entries, say) goes out in batches.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel import portvlan, tuntap
from ansible_collections.weft.fabric.plugins.module_utils.kernel.codecs import CODECS
from ansible_collections.weft.fabric.plugins.module_utils.kernel.links import pyroute2_ifinfmsg, read_device, read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel, Request
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import create_netns, netns_fd, remove_netns
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFF_PROMISC,
    IFF_UP,
    NLM_F_CREATE,
    NLM_F_EXCL,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import KERNEL_MODULES, KINDS, PORT_OPTIONS, TAKERS
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation

RTM_NEWLINK, RTM_DELLINK = 16, 17

UNKNOWN_KIND = "Unknown device type"  # net/core/rtnetlink.c


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
    return (kind, _home(operation), operation.verb)


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
                failures = self.kernel.socket(_home(first)).execute(requests)
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
            raise _refusal(refused, failures[0].code, failures[0].detail, min(len(failures), len(batch)))

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
        if verb == "delete":
            return _deletions([_end(operation)[1] for operation in batch])
        return [self._link(operation, descriptors) for operation in batch]

    # -- links -------------------------------------------------------------------------------------

    def _link(self, operation: Operation, descriptors: ExitStack) -> Request:
        netns, link = operation.netns, operation.after or operation.before
        if operation.verb == "move":
            return self._move(operation, descriptors)
        if "pvid" in link.attributes:
            return portvlan.set_pvid(self._index(netns, link.name), link.attributes["pvid"])
        if link.kind == "tuntap":
            return self._tuntap(operation)
        if operation.verb == "create":
            peer = self._peer(operation, descriptors)
            there = self._there(operation, descriptors)
            payload = self._message(_home(operation), link.name, link.attributes, link.kind, peer, there, create=True)
            return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, payload)
        return Request(RTM_NEWLINK, 0, self._message(netns, link.name, link.attributes, link.kind))

    def _tuntap(self, operation: Operation) -> Request:
        """What netlink cannot say of a TUN or TAP device; the request is for what it can."""
        netns, link = operation.netns, operation.after
        if "mode" in link.attributes:
            try:
                tuntap.configure(netns, link.name, link.attributes, create=operation.verb == "create")
            except OSError as error:
                raise _refusal(operation, error.errno or errno.EIO, "", 1) from error
        return Request(RTM_NEWLINK, 0, self._message(netns, link.name, link.attributes, ""))

    def _peer(self, operation: Operation, descriptors: ExitStack) -> Any | None:
        """A veth's other end, made in its own namespace by the same request: a pair is there or it is not."""
        peer, place = operation.peer, operation.after.peer
        if peer is None or place is None:
            return None
        ifinfmsg = pyroute2_ifinfmsg()
        attributes = [("IFLA_IFNAME", peer.name), *self._common(peer.attributes)]
        if place[0] != operation.netns:
            attributes.append(("IFLA_NET_NS_FD", descriptors.enter_context(netns_fd(place[0]))))
        message = ifinfmsg()
        message["attrs"] = attributes
        return message

    def _there(self, operation: Operation, descriptors: ExitStack) -> tuple[int, int] | None:
        """(index, namespace's descriptor) for a link that is made in another namespace than its parent's.

        The index is a free one of our choice, because the kernel then does not ask whether the parent's namespace has a
        link of that name, which before Linux 6.14 it would refuse (rtnetlink.c: rtnl_newlink).
        """
        home, netns = _home(operation), operation.netns
        if home == netns:
            return None
        used = {*read_names(self.kernel.socket(home)), *read_names(self.kernel.socket(netns))}
        return max(used) + 1, descriptors.enter_context(netns_fd(netns))

    def _move(self, operation: Operation, descriptors: ExitStack) -> Request:
        place = operation.to
        ifinfmsg = pyroute2_ifinfmsg()
        message = ifinfmsg()
        message["index"] = self._index(operation.netns, operation.before.name)
        message["attrs"] = [("IFLA_IFNAME", operation.after.name)]
        if "alias" in operation.after.attributes:
            message["attrs"].append(("IFLA_IFALIAS", operation.after.attributes["alias"]))
        if place != operation.netns:
            message["attrs"].append(("IFLA_NET_NS_FD", descriptors.enter_context(netns_fd(place))))
        message["change"] = IFF_UP  # a link that is up cannot be renamed
        return Request(RTM_NEWLINK, 0, _encode(message))

    @staticmethod
    def _common(attributes: dict[str, Any]) -> list[tuple[str, Any]]:
        names = (("mtu", "IFLA_MTU"), ("mac_address", "IFLA_ADDRESS"))
        return [(attribute, attributes[name]) for name, attribute in names if attributes.get(name) is not None]

    def _message(
        self,
        netns: str,
        name: str,
        attributes: dict[str, Any],
        kind: str,
        peer: Any | None = None,
        there: tuple[int, int] | None = None,
        create: bool = False,
    ) -> bytes:
        ifinfmsg = pyroute2_ifinfmsg()
        message = ifinfmsg()
        outer = [("IFLA_IFNAME", name), *self._common(attributes)]
        data: list[tuple[str, Any]] = []
        for key, option in KINDS.get(kind, {}).items():
            value = attributes.get(key)
            if value is None or option.attribute == "IFLA_LINK_NETNSID":
                continue
            number = self._index(netns, value) if option.link else option.encode(value)
            six = option.six and isinstance(value, str) and ":" in value
            target = outer if option.attribute == "IFLA_LINK" else data
            target += [(option.six if six else option.attribute, number), *option.along]
        if peer is not None:
            data.append(("VETH_INFO_PEER", peer))
        if there is not None:
            message["index"] = there[0]
            outer.append(("IFLA_NET_NS_FD", there[1]))
        if data or create:  # a VXLAN refuses to be told its kind without any of its options (vxlan_validate)
            outer.append(_info(kind, data))
        if "controller" in attributes:
            controller = attributes["controller"]
            outer.append(("IFLA_MASTER", self._index(netns, controller) if controller else 0))
        if "hairpin" in attributes:
            port = [(PORT_OPTIONS["hairpin"].attribute, PORT_OPTIONS["hairpin"].encode(attributes["hairpin"]))]
            slave = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": port})]
            outer.append(("IFLA_LINKINFO", {"attrs": slave}))
        for name, on, flag in (("admin_state", "up", IFF_UP), ("promisc", True, IFF_PROMISC)):
            if name in attributes:
                message["flags"] |= flag if attributes[name] == on else 0
                message["change"] |= flag
        message["attrs"] = outer
        return _encode(message)


def _home(operation: Operation) -> str:
    """The namespace that a request is made in: for a new link its parent's, because the kernel looks for that there."""
    if isinstance(operation.before, Link) and operation.verb == "delete":
        return _end(operation)[0]
    place = operation.after.attributes.get("parent_netns") if isinstance(operation.after, Link) else None
    return operation.netns if place is None or operation.verb != "create" else place


def _end(operation: Operation) -> tuple[str, str]:
    """Where a link is deleted, and its name there: a veth at the host's own end, if it has one, as others are."""
    link = operation.before
    here = operation.netns, link.name
    return link.peer if link.peer and operation.netns and not link.peer[0] else here


def _deletions(names: Sequence[str]) -> list[Request]:
    """Delete links of one namespace.

    The kernel waits for all its processors when it deletes a link (net/core/dev.c: synchronize_net), 16 ms and more. It
    does so once for a group of links (ip-link(8)). Nobody else has the group's number: it is random, of 31 bits.
    """
    if len(names) == 1:
        return [Request(RTM_DELLINK, 0, _brief(IFLA_IFNAME=names[0]))]
    group = int.from_bytes(os.urandom(4), "big") | 1 << 31
    gathered = [Request(RTM_NEWLINK, 0, _brief(IFLA_IFNAME=name, IFLA_GROUP=group)) for name in names]
    return [*gathered, Request(RTM_DELLINK, 0, _brief(IFLA_GROUP=group))]


def _brief(**attributes: Any) -> bytes:
    """The body of a message about a link, of a few attributes."""
    message = pyroute2_ifinfmsg()()
    message["attrs"] = [*attributes.items()]
    return _encode(message)


def _info(kind: str, data: list[tuple[str, Any]]) -> tuple[str, Any]:
    attributes = [("IFLA_INFO_KIND", kind), *([("IFLA_INFO_DATA", {"attrs": data})] if data else [])]
    return ("IFLA_LINKINFO", {"attrs": attributes})


def _encode(message: Any) -> bytes:
    """The body of a pyroute2 message, without the netlink header."""
    message.encode()
    return bytes(message.data)[16:]


def _already_gone(operation: Operation, code: int) -> bool:
    return operation.verb == "delete" and code in (errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL, errno.ENODEV)


def _refusal(operation: Operation, code: int, detail: str, count: int) -> KernelError:
    item = operation.after or operation.before
    more = f"{count - 1} more like it; " if count > 1 else ""
    return KernelError(
        operation.verb, item.label(operation.netns), code, detail, more + _remedy(operation, item, code, detail)
    )


def _remedy(operation: Operation, item: Any, code: int, detail: str) -> str:
    if code == errno.EPERM:
        return "set 'become: true'"
    missing = detail.startswith(UNKNOWN_KIND) or code in tuntap.MISSING
    if isinstance(item, Link) and operation.verb == "create" and missing:
        module = KERNEL_MODULES.get(item.kind, item.kind)
        return f"this kernel has no {item.kind} support: load the module {module}, or run a kernel that has it"
    if isinstance(item, Link) and code == errno.EBUSY and item.kind == "tuntap":
        return "a program holds it: end that first"
    if isinstance(item, Link) and code == errno.EBUSY and item.kind in TAKERS:
        return f"something else takes what {item.attributes.get('parent')} receives: see 'ip -details link'"
    if isinstance(item, Link) and code == errno.EOPNOTSUPP and "pvid" in item.attributes:
        return "this kernel has no VLAN filtering in bridges (CONFIG_BRIDGE_VLAN_FILTERING): run one that has it"
    if isinstance(item, Link) and code == errno.EOPNOTSUPP:
        options = ", ".join(name for name in item.attributes if name in KINDS.get(item.kind, {}))
        return f"this kernel has a {item.kind} without all of: {options}" if options else ""
    codec = CODECS.get(type(item))
    if codec and codec.remedy(item, code):
        return codec.remedy(item, code)
    if code == errno.ENETDOWN:
        return "an interface that it needs is down: set its admin_state to up"
    if code == errno.EEXIST:
        return "something else made it meanwhile: run again"
    return ""
