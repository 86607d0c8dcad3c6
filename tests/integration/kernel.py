# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says: its state through iproute2, and its notifications through sockets of our own.

Nothing here uses pyroute2 or the collection's code, so that a test does not ask the accused for its alibi.
A namespace is named as in ``ip netns``; the empty string is the one the test's process runs in.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import functools
import ipaddress
import itertools
import json
import os
import pathlib
import platform
import re
import select
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

CLONE_NEWNS = 0x00020000  # include/uapi/linux/sched.h
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000  # include/uapi/linux/mount.h
MS_PRIVATE = 0x40000

NETLINK_NETFILTER = 12  # include/uapi/linux/netlink.h
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
SO_RCVBUFFORCE = 33  # include/uapi/asm-generic/socket.h
NLM_F_REQUEST = 0x01
NLM_F_DUMP = 0x300
NLMSG_ERROR = 2
NLMSG_DONE = 3

RTM_NEWLINK, RTM_GETLINK = 16, 18  # include/uapi/linux/rtnetlink.h
IFF_UP, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x40, 0x10000  # include/uapi/linux/if.h
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_FAMILIES = {
    16: "LINK", 20: "ADDR", 24: "ROUTE", 28: "NEIGH", 32: "RULE", 36: "QDISC", 40: "TCLASS", 44: "TFILTER",
    48: "ACTION", 52: "PREFIX", 64: "NEIGHTBL", 68: "NDUSEROPT", 72: "ADDRLABEL", 80: "NETCONF", 84: "MDB",
    88: "NSID", 92: "STATS", 104: "NEXTHOP", 108: "LINKPROP", 112: "VLAN", 116: "NEXTHOPBUCKET", 120: "TUNNEL",
}  # fmt: skip
RTNLGRP_MAX = 36
# Before Linux 6.9 nothing makes the kernel finish what it has put off of a change of carrier (net/core/link_watch.c),
# and what it then tells of can be over: the carrier is back.
TELLS_LATE = tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 9)
IFLA_IFNAME, IFLA_STATS, IFLA_PROTINFO, IFLA_STATS64, IFLA_AF_SPEC = 3, 7, 12, 23, 26  # include/uapi/linux/if_link.h
IFLA_MASTER, IFLA_OPERSTATE, IFLA_LINKINFO = 10, 16, 18
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
# What the kernel counts or finds out by itself, of a bridge and of a bond's port.
BRIDGE_TIMERS = range(16, 20)  # IFLA_BR_HELLO_TIMER to IFLA_BR_GC_TIMER
PORT_STATES = (1, 6, 7, 8)  # IFLA_BOND_SLAVE_STATE, and what LACP says of the port (IFLA_BOND_SLAVE_AD_*)
IF_OPER_UNKNOWN = 0  # include/uapi/linux/if.h
IFA_FLAGS = 8  # include/uapi/linux/if_addr.h
IFA_F_TENTATIVE = 0x40
NUD_PERMANENT = 0x80  # include/uapi/linux/neighbour.h
NUD_NOARP = 0x40

NFNLGRP_NFTABLES = 7  # include/uapi/linux/netfilter/nfnetlink.h
NFT_SUBSYSTEM = 10 << 8
NFT_MSG_GETGEN = 16  # include/uapi/linux/netfilter/nf_tables.h
NFT_NAMES = {
    0: "NEWTABLE", 2: "DELTABLE", 3: "NEWCHAIN", 5: "DELCHAIN", 6: "NEWRULE", 8: "DELRULE", 9: "NEWSET", 11: "DELSET",
    12: "NEWSETELEM", 14: "DELSETELEM", 15: "NEWGEN", 18: "NEWOBJ", 20: "DELOBJ", 22: "NEWFLOWTABLE",
    24: "DELFLOWTABLE",
}  # fmt: skip

# How ip(8) is asked for each kind of link that the collection makes; v0 is one end of a veth pair, because lo takes
# no VLAN on any kernel.
LINK_KINDS = {
    "bond": "link add name t0 type bond",
    "bridge": "link add name t0 type bridge",
    "dummy": "link add name t0 type dummy",
    "ipip": "link add name t0 type ipip local 192.0.2.1",
    "ipvlan": "link add link v0 name t0 type ipvlan",
    "macvlan": "link add link v0 name t0 type macvlan",
    "tuntap": "tuntap add name t0 mode tap",
    "veth": "link add name t0 type veth peer name t1",
    "vlan": "link add link v0 name t0 type vlan id 2",
    "vxlan": "link add name t0 type vxlan id 2 dstport 4789",
}

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str | None, flags: int = 0) -> None:
    """mount(2)."""
    _checked(
        _libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, None), f"mount {target}"
    )


def leave_the_machine() -> None:
    """Move this thread, and all it starts, to network and mount namespaces of its own.

    Whatever a test makes there vanishes with the process, also after SIGKILL. All of /run is fresh: not only
    /run/netns, also the run-time directories of the daemons that tests start.
    """
    _checked(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", "/run", "tmpfs")
    mount("sysfs", "/sys", "sysfs")
    os.mkdir("/run/netns", 0o755)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def enter(descriptor: int) -> None:
    """Move this thread to the network namespace that the file descriptor is of (setns(2))."""
    _checked(_libc.setns(descriptor, CLONE_NEWNET), "setns")


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """The calling thread is in the network namespace for the length of the block."""
    if not namespace:
        yield
        return
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:
        enter(there.fileno())
        try:
            yield
        finally:
            enter(home.fileno())


def run(*command: str, stdin: str = "") -> str:
    """Run a command that must succeed; its standard output."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}"
    return done.stdout


def ip(namespace: str, *arguments: str, stdin: str = "") -> str:
    """``ip`` in a namespace, as text."""
    return run("ip", *(["-n", namespace] if namespace else []), *arguments, stdin=stdin)


def bridge(namespace: str, *arguments: str) -> str:
    """``bridge`` in a namespace, as text."""
    return run("bridge", *(["-n", namespace] if namespace else []), *arguments)


def ip_json(namespace: str, *arguments: str) -> list[dict[str, Any]]:
    """``ip -json -details`` in a namespace. iproute2 prints empty objects for what it leaves out; they are dropped."""
    return [row for row in json.loads(ip(namespace, "-json", "-details", *arguments) or "[]") if row]


def ip_batch(namespace: str, *lines: str) -> None:
    """``ip -batch`` in a namespace: starting a program takes an emulated machine longer than what it does."""
    ip(namespace, "-batch", "-", stdin="\n".join(lines))


def bridge_json(namespace: str, *arguments: str) -> list[dict[str, Any]]:
    """``bridge -json -details`` in a namespace."""
    return [row for row in json.loads(bridge(namespace, "-json", "-details", *arguments) or "[]") if row]


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Ask again until it holds: for what the kernel gets to by itself and tells nobody. The question takes its time."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"not within {seconds} seconds"


def namespaces() -> set[str]:
    """The names of the namespaces that exist."""
    return {entry.name for entry in pathlib.Path("/run/netns").iterdir()}


@contextlib.contextmanager
def new_namespace() -> Iterator[str]:
    """A namespace with a name of its own, loopback up, removed afterwards if the test did not.

    Duplicate address detection and router solicitations are off in it: both make the kernel notify a second
    or more after the request that they belong to.
    """
    name = f"test{next(_numbers)}"
    run("ip", "netns", "add", name)
    try:
        ip(name, "link", "set", "lo", "up")
        with inside(name):
            for scope in ("all", "default"):
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{scope}/accept_dad").write_text("0", encoding="ascii")
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{scope}/router_solicitations").write_text("0", encoding="ascii")
        yield name
    finally:
        if name in namespaces():
            run("ip", "netns", "delete", name)


@functools.cache
def has_link_kind(kind: str) -> bool:
    """Whether the kernel makes links of a kind, asked in a namespace that ends with the question."""
    command = f"ip link add v0 type veth peer name v1; ip {LINK_KINDS[kind]}"
    return subprocess.run(["unshare", "--net", "sh", "-c", command], capture_output=True, check=False).returncode == 0


@dataclasses.dataclass(frozen=True)
class Event:
    """One notification of the kernel.

    ``kind`` is its message type without the prefix (``NEWLINK``, ``DELNEIGH``, ``nft NEWRULE``); ``text`` says what it
    is about; ``learned`` holds for what nobody asked for: neighbour and FDB entries that passing traffic taught,
    multicast group memberships, an interface's own link-local address, which comes when it is known to be unique,
    the number of a namespace that was removed earlier, which the kernel takes apart some time later, and where it
    ``TELLS_LATE`` of a link's carrier, a link that is as it was.
    """

    namespace: str
    kind: str
    text: str
    learned: bool = False

    def __str__(self) -> str:
        return f"[{self.namespace or 'root'}] {self.kind} {self.text}".rstrip()


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def _address(data: bytes | None) -> str:
    return str(ipaddress.ip_address(data)) if data and len(data) in (4, 16) else ""


def _rtnetlink_event(namespace: str, kind: int, body: bytes) -> Event:
    family = RTM_FAMILIES.get(kind & ~3, str(kind & ~3))
    name = ("NEW", "DEL", "GET", "SET")[kind & 3] + family
    if family == "LINK":
        attributes = _attributes(body[16:])
        # A bridge tells of its ports (br_netlink.c: br_ifinfo_notify) what is not the link's own.
        text = "port " if body[0] == socket.AF_BRIDGE else ""
        return Event(namespace, name, text + attributes.get(IFLA_IFNAME, b"").rstrip(b"\0").decode())
    if family == "ADDR":
        prefix, index = struct.unpack_from("=xBxxI", body)
        attributes = _attributes(body[8:])
        address = _address(attributes.get(2) or attributes.get(1))
        return Event(namespace, name, f"{address}/{prefix} dev #{index}", learned=address.startswith("fe80:"))
    if family == "ROUTE":
        attributes = _attributes(body[12:])
        destination, gateway = _address(attributes.get(1)) or "default", _address(attributes.get(5))
        return Event(namespace, name, f"{destination}/{body[1]}" + (f" via {gateway}" if gateway else ""),
                     learned=destination.startswith("fe80:"))  # fmt: skip
    if family == "NEIGH":
        address_family, index, state = struct.unpack_from("=BxxxiH", body)
        attributes = _attributes(body[12:])
        dst = _address(attributes.get(1))
        text = f"{attributes.get(2, b'').hex(':')} dst {dst} dev #{index} state {state:#x}"
        unasked = not state & (NUD_PERMANENT | NUD_NOARP) or bool(dst and ipaddress.ip_address(dst).is_multicast)
        # What goes by way of lo has neighbours of the kernel's own, which are collected later (arp.c: arp_constructor,
        # ndisc.c: ndisc_constructor).
        unasked = unasked or (
            address_family != socket.AF_BRIDGE and state == NUD_NOARP and not any(attributes.get(2, b""))
        )
        return Event(namespace, name, ("fdb " if address_family == socket.AF_BRIDGE else "") + text, learned=unasked)
    return Event(namespace, name, "", learned=family == "MDB" or name == "DELNSID")


class _Listener:
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


def _link(body: bytes) -> tuple[int, dict[int, Any]]:
    """The index of a link, and what does not change by itself: neither counters nor timers nor what LACP says."""
    attributes: dict[int, Any] = _attributes(body[16:])
    attributes[-1] = body[8:12]  # flags
    for counters in (IFLA_STATS, IFLA_PROTINFO, IFLA_STATS64, IFLA_AF_SPEC):
        attributes.pop(counters, None)
    if IFLA_LINKINFO in attributes:
        info = attributes[IFLA_LINKINFO] = _attributes(attributes[IFLA_LINKINFO])
        for kind, options, whose, volatile in (
            (IFLA_INFO_KIND, IFLA_INFO_DATA, b"bridge", BRIDGE_TIMERS),
            (IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA, b"bond", PORT_STATES),
        ):
            if options in info and info[kind].rstrip(b"\0") == whose:
                info[options] = {key: it for key, it in _attributes(info[options]).items() if key not in volatile}
    return struct.unpack_from("=i", body, 4)[0], attributes


def _follow_their_carriers(links: list[bytes]) -> bool:
    """Whether each link's operational state is what its carrier makes of it.

    One that is unknown counts as running. It stays so where there is nothing to tell, as with a VXLAN, or a bridge that
    never had a port. A veth and what sits on another link are told theirs, and a bridge or bond once a port of it runs.
    """
    unknown, told = set(), set()
    for link in links:
        index, flags = struct.unpack_from("=iI", link, 4)
        if not flags & IFF_UP:
            continue
        if bool(flags & IFF_LOWER_UP) != bool(flags & IFF_RUNNING):
            return False
        attributes = _attributes(link[16:])
        if attributes[IFLA_OPERSTATE][0] == IF_OPER_UNKNOWN:
            unknown.add(index)
        kind = _attributes(attributes.get(IFLA_LINKINFO, b"")).get(IFLA_INFO_KIND, b"")
        if kind.rstrip(b"\0") in (b"veth", b"macvlan", b"vlan"):
            told.add(index)
        if flags & IFF_LOWER_UP and IFLA_MASTER in attributes:
            told.add(struct.unpack("=i", attributes[IFLA_MASTER])[0])
    return not unknown & told


class _RouteListener(_Listener):
    """Links, addresses, routes, neighbours, FDB, namespaces' numbers: every group of rtnetlink."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace, socket.NETLINK_ROUTE, range(1, RTNLGRP_MAX + 1))
        self._links: dict[int, dict[int, Any]] = {}

    def _event(self, kind: int, body: bytes, before: dict[int, dict[int, Any]]) -> Event:
        event = _rtnetlink_event(self.namespace, kind, body)
        if event.kind == "NEWLINK" and TELLS_LATE:
            index, link = _link(body)
            if before.get(index, {}).items() >= link.items():
                return dataclasses.replace(event, learned=True)
        return event

    def events(self) -> list[Event]:
        """All since the last call."""
        before = self._links
        links, notifications = self.ask(RTM_GETLINK, bytes(16), NLM_F_DUMP)
        self._links = dict(_link(link) for link in links)
        for link in links:
            # Asking for one link makes the kernel (6.9 and newer) finish a change of its operational state that it
            # has put off; the notification of it then comes before the answer.
            index = struct.unpack_from("=i", link, 4)[0]
            with contextlib.suppress(OSError):
                notifications += self.ask(RTM_GETLINK, struct.pack("=BxHiII", 0, 0, index, 0, 0))[1]
        return [self._event(kind, body, before) for kind, body in notifications]

    def settle(self) -> None:
        """Wait until what the kernel has begun is done, and notified.

        An address that is tentative becomes permanent or fails. A link whose carrier has changed gets another
        operational state (net/core/link_watch.c), a second later at most.
        """
        while True:
            links, notifications = self.ask(RTM_GETLINK, bytes(16), NLM_F_DUMP)
            if _follow_their_carriers(links):
                break
            if not notifications:
                assert select.select([self._socket], [], [], 60)[0], "a link does not follow its carrier"
        while True:
            addresses, notifications = self.ask(RTM_GETADDR, bytes(8), NLM_F_DUMP)
            flags = [struct.unpack("=I", _attributes(address[8:])[IFA_FLAGS])[0] for address in addresses]
            if not any(flag & IFA_F_TENTATIVE for flag in flags):
                break
            if not notifications:
                assert select.select([self._socket], [], [], 60)[0], "an address stays tentative"
        self.events()


class _NftListener(_Listener):
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
            self._listeners: list[_RouteListener | _NftListener] = []
            for name in self._names:
                route, nft = _RouteListener(name), _NftListener(name)
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
