# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's notifications, through sockets of the tests' own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import socket
import struct
from collections.abc import Iterator
from typing import Any

from ansible_collections.weft.fabric.tests.integration.kernel import messages
from ansible_collections.weft.fabric.tests.integration.kernel.messages import Event
from ansible_collections.weft.fabric.tests.integration.kernel.namespaces import inside

NETLINK_NETFILTER = 12  # include/uapi/linux/netlink.h
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
SO_RCVBUFFORCE = 33  # include/uapi/asm-generic/socket.h
NLM_F_REQUEST = 0x01
NLM_F_DUMP = 0x300
NLMSG_ERROR = 2
NLMSG_DONE = 3

NFNLGRP_NFTABLES = 7  # include/uapi/linux/netfilter/nfnetlink.h
NFT_SUBSYSTEM = 10 << 8
NFT_MSG_GETGEN = 16  # include/uapi/linux/netfilter/nf_tables.h
NFT_NAMES = {
    0: "NEWTABLE", 2: "DELTABLE", 3: "NEWCHAIN", 5: "DELCHAIN", 6: "NEWRULE", 8: "DELRULE", 9: "NEWSET", 11: "DELSET",
    12: "NEWSETELEM", 14: "DELSETELEM", 15: "NEWGEN", 18: "NEWOBJ", 20: "DELOBJ", 22: "NEWFLOWTABLE",
    24: "DELFLOWTABLE",
}  # fmt: skip


class Listener:
    """A netlink socket of one protocol in one namespace, in all the groups that are of interest."""

    def __init__(self, namespace: str, protocol: int, groups: range) -> None:
        self.namespace = namespace
        self._sequence = 0
        with inside(namespace):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 * 1024 * 1024)
        self._socket.bind((0, 0))  # before joining: it sets the groups up to 32 as well
        for group in groups:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        self._port = self._socket.getsockname()[0]

    def close(self) -> None:
        self._socket.close()

    def ask(self, kind: int, body: bytes, flags: int = 0) -> tuple[list[bytes], list[tuple[int, bytes]]]:
        """Send a request; its answers, and all notifications (type, body) that were queued before the last of them.

        The kernel queues both on this socket in the order in which they happen, so that the answer is a fence: a
        notification of anything that was done before the request is in the second list.
        """
        self._sequence += 1
        self._socket.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, self._sequence, 0) + body)
        answers: list[bytes] = []
        notifications: list[tuple[int, bytes]] = []
        while True:
            assert select.select([self._socket], [], [], 60)[0], "the kernel does not answer"
            data = self._socket.recv(1 << 20)
            while data:
                length, answer, _flags, sequence, port = struct.unpack_from("=IHHII", data)
                message, data = data[16:length], data[(length + 3) & ~3 :]
                if (sequence, port) != (self._sequence, self._port):
                    notifications.append((answer, message))
                    continue
                if answer == NLMSG_ERROR and (code := struct.unpack_from("=i", message)[0]):
                    raise OSError(-code, os.strerror(-code))
                if answer not in (NLMSG_ERROR, NLMSG_DONE):
                    answers.append(message)
                if answer == NLMSG_DONE or not flags & NLM_F_DUMP:
                    assert not data, "the kernel puts the last answer at the end of a datagram"
                    return answers, notifications


class RouteListener(Listener):
    """Links, addresses, routes, neighbours, FDB, namespaces' numbers: every group of rtnetlink."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace, socket.NETLINK_ROUTE, range(1, messages.RTNLGRP_MAX + 1))
        self._links: dict[int, dict[int, Any]] = {}

    def _event(self, kind: int, body: bytes, before: dict[int, dict[int, Any]]) -> Event:
        event = messages.event_of(self.namespace, kind, body)
        if event.kind == "NEWLINK" and messages.TELLS_LATE:
            index, link = messages.link_of(body)
            if before.get(index, {}).items() >= link.items():
                return dataclasses.replace(event, learned=True)
        return event

    def events(self) -> list[Event]:
        """All since the last call."""
        before = self._links
        links, notifications = self.ask(messages.RTM_GETLINK, bytes(16), NLM_F_DUMP)
        self._links = dict(messages.link_of(link) for link in links)
        for link in links:
            # Asking for one link makes the kernel (6.9 and newer) finish a change of its operational state that it
            # has put off; the notification of it then comes before the answer.
            index = struct.unpack_from("=i", link, 4)[0]
            with contextlib.suppress(OSError):
                notifications += self.ask(messages.RTM_GETLINK, struct.pack("=BxHiII", 0, 0, index, 0, 0))[1]
        return [self._event(kind, body, before) for kind, body in notifications]

    def settle(self) -> None:
        """Wait until what the kernel has begun is done, and notified.

        An address that is tentative becomes permanent or fails. A link whose carrier has changed gets another
        operational state (net/core/link_watch.c), a second later at most.
        """
        while True:
            links, notifications = self.ask(messages.RTM_GETLINK, bytes(16), NLM_F_DUMP)
            if messages.follow_their_carriers(links):
                break
            if not notifications:
                assert select.select([self._socket], [], [], 60)[0], "a link does not follow its carrier"
        while True:
            addresses, notifications = self.ask(messages.RTM_GETADDR, bytes(8), NLM_F_DUMP)
            flags = [
                struct.unpack("=I", messages.attributes_of(address[8:])[messages.IFA_FLAGS])[0] for address in addresses
            ]
            if not any(flag & messages.IFA_F_TENTATIVE for flag in flags):
                break
            if not notifications:
                assert select.select([self._socket], [], [], 60)[0], "an address stays tentative"
        self.events()


class NftListener(Listener):
    """Changes to the nftables ruleset."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace, NETLINK_NETFILTER, range(NFNLGRP_NFTABLES, NFNLGRP_NFTABLES + 1))

    def events(self) -> list[Event]:
        """All since the last call."""
        _answers, notifications = self.ask(NFT_SUBSYSTEM | NFT_MSG_GETGEN, bytes(4))
        kinds = [kind & 0xFF for kind, _body in notifications]
        return [Event(self.namespace, f"nft {NFT_NAMES.get(kind, kind)}", "") for kind in kinds]


class Monitor:
    """Every notification of the kernel in the given namespaces between the block's begin and its end.

    ``events`` (filled at the end of the block) are all of them; ``changes`` leaves out those that passing traffic
    causes by itself. Entering waits until the namespaces have settled. Leaving fences with a request on the same
    sockets, so that an empty list is proof.

        with Monitor("", "pod1") as monitor:
            run_module("veth", ...)
        assert monitor.events == []
    """

    def __init__(self, *names: str) -> None:
        self._names = names
        self.events: list[Event] = []

    def __enter__(self) -> Monitor:
        with contextlib.ExitStack() as stack:
            self._listeners: list[RouteListener | NftListener] = []
            for name in self._names:
                route, nft = RouteListener(name), NftListener(name)
                self._listeners += [route, nft]
                stack.callback(route.close)
                stack.callback(nft.close)
                route.settle()
            for listener in self._listeners:
                listener.events()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._stack:
            self.events = [event for listener in self._listeners for event in listener.events()]

    @property
    def changes(self) -> list[Event]:
        """The events that somebody asked for."""
        return [event for event in self.events if not event.learned]


@contextlib.contextmanager
def unchanged(*names: str) -> Iterator[None]:
    """In the block nobody asks the kernel for a change in the given namespaces."""
    with Monitor(*names) as monitor:
        yield
    assert not monitor.changes, [str(event) for event in monitor.changes]
