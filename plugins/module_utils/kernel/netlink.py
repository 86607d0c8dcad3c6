# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport: a netlink socket in each namespace, batches of requests, dumps.

All messages use it, with any version of pyroute2. It sends requests in batches and matches answers to them by sequence
number. Sources: Documentation/userspace-api/netlink/intro.rst, netlink(7).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK,
    NLA_TYPE_MASK,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    SOL_NETLINK,
)

# What a request (RTM_GET...) reads, for messages.
TABLES = {18: "links", 22: "addresses", 26: "routes", 30: "neighbours", 34: "rules", 90: "a namespace's id"}
BATCH = 200  # 600 acknowledged requests in one send overflow the default receive buffer (212,992 bytes)
DUMP_TRIES = 5
OPEN_SOCKETS = 16
RECEIVE = 65536  # the kernel fills at most 32 KiB of a dump at a time
ALIKE = 28  # struct nlmsghdr, and as much as struct ndmsg and struct rtmsg
MESSAGE = 0  # asks columns() for whole messages; no attribute has this type
FEW = 16  # messages are compared one by one first, because columns are slower for a handful
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_U32 = struct.Struct("=I")
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_layout = lru_cache(struct.Struct)


class Request(NamedTuple):
    """One netlink request without its sequence number.

    ``flags`` has neither NLM_F_REQUEST nor NLM_F_ACK, which the transport sets.
    """

    kind: int
    flags: int
    payload: bytes

    @property
    def deletes(self) -> bool:
        """Whether it deletes an object (include/net/rtnetlink.h: rtnl_msgtype_kind)."""
        return self.kind & 3 == 1


class Failure(NamedTuple):
    """The kernel's refusal of one request of a batch; ``detail`` is its own sentence, or empty."""

    position: int
    code: int
    detail: str


def require_admin() -> None:
    """Refuse to run without CAP_NET_ADMIN and CAP_SYS_ADMIN (capabilities(7)), before anything is changed.

    :raises FabricError: with the remedy.
    """
    needed = (1 << 12) | (1 << 21)
    with open("/proc/self/status", encoding="ascii") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    if effective & needed != needed:
        raise FabricError(
            f"changing kernel networking needs root, and this is uid {os.geteuid()} without CAP_NET_ADMIN and "
            "CAP_SYS_ADMIN: set 'become: true'"
        )


def attributes(data: bytes, offset: int) -> dict[int, bytes]:
    """Netlink attributes from offset to the end, by type without the flags for nesting and byte order."""
    found = {}
    end = len(data)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, run) of netlink messages. A run is one or more messages with equal first ALIKE bytes."""
    offset = 0
    while offset < len(data):
        length, kind, flags, sequence, _port = _HEADER.unpack_from(data, offset)
        end = _end_of_run(data, offset, _aligned(length))
        yield kind, flags, sequence, data[offset:end]
        offset = end


def _end_of_run(data: bytes, offset: int, step: int) -> int:
    """The end of the run that begins at an offset with a message of ``step`` bytes."""
    head = data[offset : offset + ALIKE]
    end = offset + step
    for _message in range(FEW):
        if data[end : end + ALIKE] != head:
            return end
        end += step
    # The messages of a large table are alike, except for the end of the last answer: columns of bytes are compared.
    rest = data[offset : offset + (len(data) - offset) // step * step]
    if _alike(rest, 0, ALIKE, step):
        return offset + len(rest)
    alike = min(len(rest[at::step]) - len(rest[at::step].lstrip(head[at : at + 1])) for at in range(ALIKE))
    return offset + alike * step


def columns(run: bytes, offset: int, wanted: Collection[int]) -> Iterator[tuple[int, dict[int, Sequence[bytes]]]]:
    """The attributes of a run of messages: (number of messages, by type one value of each message).

    If not all messages have the same attributes of the same lengths, the run comes in parts. The layout of the first
    message is taken for that of all, and a run that it does not fit is halved: reading the messages one by one takes
    five times as long.

    :param run: as split() returns it.
    :param offset: where the attributes begin in each message.
    :param wanted: the types to return; MESSAGE is each whole message after its struct nlmsghdr.
    """
    length = _aligned(_U32.unpack_from(run)[0])
    layout, kinds, end, at = "=", [], 0, offset
    while at < length:
        if not _alike(run, at, 4, length):
            half = len(run) // length // 2 * length
            yield from columns(run[:half], offset, wanted)
            yield from columns(run[half:], offset, wanted)
            return
        size, kind = _ATTRIBUTE.unpack_from(run, at)
        if kind & NLA_TYPE_MASK in wanted:
            kinds.append(kind & NLA_TYPE_MASK)
            layout += f"{at + 4 - end}x{size - 4}s"
            end = at + size
        at += _aligned(size)
    rows = _layout(f"{layout}{length - end}x").iter_unpack(run)
    found: dict[int, Sequence[bytes]] = dict(zip(kinds, zip(*rows)))
    if MESSAGE in wanted:
        found[MESSAGE] = [*chain.from_iterable(_layout(f"=16x{length - 16}s").iter_unpack(run))]
    yield len(run) // length, found


def _alike(run: bytes, at: int, size: int, step: int) -> bool:
    """Whether ``size`` bytes are the same in each message of a run, compared as columns, in C.

    :param step: the length of each message.
    """
    return all(run[byte::step] == run[byte : byte + 1] * (len(run) // step) for byte in range(at, at + size))


def _aligned(length: int) -> int:
    """NLMSG_ALIGN and NLA_ALIGN."""
    return (length + 3) & ~3


class Socket:
    """A blocking netlink socket in one namespace.

    :param netns: the namespace; the empty name is that of this process's namespace.
    :param protocol: rtnetlink, or another protocol of netlink(7).
    :raises FabricError: the namespace does not exist, or entering it is not allowed.
    """

    def __init__(self, netns: str = "", protocol: int = socket.NETLINK_ROUTE) -> None:
        with inside(netns):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK):
            self._socket.setsockopt(SOL_NETLINK, option, 1)
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def execute(self, requests: Iterable[Request]) -> list[Failure]:
        """Send requests in batches, and wait until the kernel has processed all of them.

        Only the last request of each batch asks for an acknowledgement. The kernel answers in order and reports errors
        unasked, so silence means success. It continues with a batch after an error.

        :returns: the refused requests.
        """
        failures: list[Failure] = []
        remaining = iter(requests)
        sent = 0
        while chunk := list(islice(remaining, BATCH)):
            first = self._sequence + 1
            last = self._sequence = self._sequence + len(chunk)
            pack = _HEADER.pack
            parts = [
                pack(16 + len(payload), kind, flags | NLM_F_REQUEST, sequence, 0) + payload
                for sequence, (kind, flags, payload) in enumerate(chunk[:-1], first)
            ]
            kind, flags, payload = chunk[-1]
            parts.append(pack(16 + len(payload), kind, flags | NLM_F_REQUEST | NLM_F_ACK, last, 0) + payload)
            self._socket.send(b"".join(parts))
            for sequence, code, detail in self._answers(last):
                if code:
                    failures.append(Failure(sent + sequence - first, code, detail))
            sent += len(chunk)
        return failures

    def _answers(self, last: int) -> Iterator[tuple[int, int, str]]:
        """(sequence, errno, detail) of each NLMSG_ERROR, including that of the last request."""
        while True:
            for kind, flags, sequence, body in split(self._socket.recv(RECEIVE)):
                if kind == NLMSG_ERROR:
                    yield (sequence, *_error(flags, body))
                    if sequence == last:
                        return

    def dump(self, kind: int, payload: bytes) -> list[bytes]:
        """Dump a table: all answers, each a whole message with its header. runs() is faster for large tables."""
        return [
            run[offset : offset + length]
            for run in self.runs(kind, payload)
            for length in [_U32.unpack_from(run)[0]]
            for offset in range(0, len(run), _aligned(length))
        ]

    def runs(self, kind: int, payload: bytes) -> list[bytes]:
        """Dump a table: all answers, in runs as split() returns them.

        The dump is repeated if the kernel reports that the table changed meanwhile (NLM_F_DUMP_INTR).

        :param kind: the RTM_GET... to send.
        :param payload: its body. Strict checking is on, so the kernel filters by the body.
        :raises KernelError: the kernel refused the dump.
        :raises FabricError: the table changed during each dump.
        """
        for _attempt in range(DUMP_TRIES):
            found, interrupted = self._dump_once(kind, payload)
            if not interrupted:
                return found
        raise FabricError(f"the kernel's tables changed during each of {DUMP_TRIES} dumps: run again when they settle")

    def _dump_once(self, kind: int, payload: bytes) -> tuple[list[bytes], bool]:
        self._sequence += 1
        header = _HEADER.pack(16 + len(payload), kind, NLM_F_REQUEST | NLM_F_DUMP, self._sequence, 0)
        self._socket.send(header + payload)
        found: list[bytes] = []
        interrupted = False
        while True:
            for answer, flags, sequence, body in split(self._socket.recv(RECEIVE)):
                if sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if answer == NLMSG_ERROR:
                    code, detail = _error(flags, body)
                    raise KernelError("read", TABLES.get(kind, "a table"), code, detail)
                if answer == NLMSG_DONE:
                    code = -struct.unpack_from("=i", body, 16)[0] if len(body) >= 20 else 0
                    if code:
                        raise KernelError("read", TABLES.get(kind, "a table"), code)
                    return found, interrupted
                found.append(body)

    def get(self, request: Request) -> bytes:
        """Ask for one object. The answer is a whole message with its header.

        :raises KernelError: the kernel has none, or refused.
        """
        self._sequence += 1
        kind, flags, payload = request
        self._socket.send(
            _HEADER.pack(16 + len(payload), kind, flags | NLM_F_REQUEST | NLM_F_ACK, self._sequence, 0) + payload
        )
        answer = b""
        while True:
            for answered, answer_flags, sequence, body in split(self._socket.recv(RECEIVE)):
                if sequence != self._sequence:
                    continue
                if answered != NLMSG_ERROR:
                    answer = body
                    continue
                code, detail = _error(answer_flags, body)
                if code:
                    raise KernelError("read", TABLES.get(kind, "an object"), code, detail)
                return answer


def _error(flags: int, body: bytes) -> tuple[int, str]:
    """(errno, the kernel's own sentence) of an NLMSG_ERROR (struct nlmsgerr, NLMSGERR_ATTR_MSG)."""
    code, length = struct.unpack_from("=iI", body, 16)
    detail = ""
    if flags & NLM_F_ACK_TLVS:
        offset = 36 if flags & NLM_F_CAPPED else 20 + ((length + 3) & ~3)
        detail = attributes(body, offset).get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode(errors="replace")
    return -code, detail


class Kernel:
    """The kernel as seen from this process: a socket in each namespace, opened when needed.

    The sockets that were used last stay open, so that there may be more namespaces than a process may open files.

    A context manager; leaving it closes the sockets.
    """

    def __init__(self) -> None:
        self._sockets: dict[str, Socket] = {}

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_exception: object) -> None:
        for name in list(self._sockets):
            self.forget(name)

    def socket(self, netns: str) -> Socket:
        """The socket inside a namespace.

        :raises FabricError: the namespace does not exist, or entering it is not allowed.
        """
        # The sockets are in the order of their last use.
        found = self._sockets.pop(netns, None)
        if found is None:
            while len(self._sockets) >= OPEN_SOCKETS:
                self.forget(next(iter(self._sockets)))
            found = Socket(netns)
        self._sockets[netns] = found
        return found

    def forget(self, netns: str) -> None:
        """Close a namespace's socket, before the namespace is removed or replaced."""
        found = self._sockets.pop(netns, None)
        if found:
            found.close()
