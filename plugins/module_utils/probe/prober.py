# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probing many targets at once: ICMP echo, path MTU, TCP and HTTP, in one process with one event loop.

All targets in a namespace share one raw socket for each family, and a target's index identifies its echo requests.
icmp.py, pathmtu.py and http.py encode requests and decode answers.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import resource
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside, netns_status
from ansible_collections.weft.fabric.plugins.module_utils.probe import icmp
from ansible_collections.weft.fabric.plugins.module_utils.probe.connection import WORDS, Connection
from ansible_collections.weft.fabric.plugins.module_utils.probe.http import http_request, parse_response
from ansible_collections.weft.fabric.plugins.module_utils.probe.pathmtu import Search
from ansible_collections.weft.fabric.plugins.module_utils.probe.sockets import (
    OPTIONS,
    SO_TIMESTAMPNS,
    open_raw,
    send_error,
    source_of,
)
from ansible_collections.weft.fabric.plugins.module_utils.probe.targets import Target, split_url

INTERVAL = 0.05  # seconds between two echo requests to one target

_PAYLOAD = 56  # bytes, as ping(8)
_COPIES = 3  # of each size in the search for the path MTU, so that one lost packet does not count as a black hole
_PATIENCE = 0.2  # seconds beyond four times the longest round trip, after which an answer counts as lost
_RESERVED_FILES = 32  # file descriptors that are used otherwise


@dataclass
class _Round:
    """A round of the search for the path MTU.

    :ivar passed: the sizes that were answered.
    """

    passed: set[int] = field(default_factory=set)
    over: bool = False


class _Request(NamedTuple):
    """An echo request without an answer so far.

    :ivar sent: time.monotonic().
    :ivar size: bytes with the IP header.
    :ivar round: None: it measures the round trip.
    """

    sent: float
    size: int
    round: _Round | None


@dataclass
class _State:
    """The results of one target so far.

    :ivar rtts: round trip times in seconds.
    :ivar requests: by sequence number.
    :ivar echoed: no more echo replies are counted.
    :ivar failures: by layer, in words.
    """

    index: int
    target: Target
    source: str | None = None
    sent: int = 0
    rtts: list[float] = field(default_factory=list)
    ttl: int | None = None
    requests: dict[int, _Request] = field(default_factory=dict)
    sequence: int = 0
    echoed: bool = False
    search: Search | None = None
    tcp: str | None = None
    http: dict[str, Any] | None = None
    failures: dict[str, str] = field(default_factory=dict)

    def result(self) -> dict[str, Any]:
        """The target's result, as the module returns it."""
        rtts = [round(rtt * 1000, 3) for rtt in self.rtts]
        layers = (layer for layer in ("namespace", "route", "icmp", "tcp", "http") if layer in self.failures)
        error = next((self.failures[layer] for layer in layers), None)
        return {
            "name": self.target.name,
            "address": self.target.address,
            "netns": self.target.netns,
            "source": self.source,
            "reachable": error is None,
            "error": error,
            "sent": self.sent,
            "received": len(rtts),
            "loss": round(100 * (1 - len(rtts) / self.sent), 1) if self.sent else 100.0,
            "rtt": {"min": min(rtts), "avg": round(sum(rtts) / len(rtts), 3), "max": max(rtts)} if rtts else None,
            "ttl": self.ttl,
            "pmtu": self.search.mtu if self.search else None,
            "pmtu_black_hole": self.search.silent if self.search else None,
            "tcp": self.tcp,
            "http": self.http,
        }


class Prober:
    """Probes targets, each from its own namespace.

    :param count: echo requests to each target.
    :param pmtu: whether to measure the path MTU.
    :param timeout: seconds to wait for the last echo reply, and for each TCP and HTTP exchange.
    """

    def __init__(self, found: Iterable[Target], count: int, pmtu: bool, timeout: float) -> None:
        self._states = [_State(index, target) for index, target in enumerate(found)]
        self._count = count
        self._pmtu = pmtu
        self.timeout = timeout
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._raw: dict[tuple[str, int], socket.socket] = {}
        self._cookie = os.urandom(8)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()
        self._unfinished = 0
        taken = _RESERVED_FILES + 2 * len({state.target.netns for state in self._states})
        self._connections = max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - taken, 1)
        self._queue: deque[Callable[[], object]] = deque()

    def run(self) -> list[dict[str, Any]]:
        """Probe all targets at once.

        :returns: a result for each target, in the order of the targets.
        :raises FabricError: raw sockets are not allowed.
        """
        try:
            for state in self._states:
                self._begin(state)
            while self._unfinished:
                self._turn()
        finally:
            self.selector.close()
            for raw in self._raw.values():
                raw.close()
        return [state.result() for state in self._states]

    def _turn(self) -> None:
        wait = max(self._timers[0][0] - time.monotonic(), 0) if self._timers else None
        for key, _events in self.selector.select(wait):
            key.data()
        # One timer in each turn, because replies that are waiting after a burst of requests come first.
        if self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call an action after that time."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._serial), action))

    # -- one target ------------------------------------------------------------------------------------

    def _begin(self, state: _State) -> None:
        target = state.target
        if target.netns and netns_status(target.netns, named=False) != "present":
            state.failures["namespace"] = f"namespace {target.netns} does not exist"
            return
        with inside(target.netns):
            try:
                state.source = source_of(target)
            except OSError as error:
                state.failures["route"] = f"no route: {error.strerror}"
                return
            if (target.netns, target.family) not in self._raw:
                self._raw[target.netns, target.family] = self._open(target.family)
        self._unfinished += 1
        # Spread over the interval, so that requests to a thousand targets do not wait for each other.
        start = INTERVAL * state.index / len(self._states)
        self.later(start, lambda: self._ping(state))
        if target.port is not None:
            self._connect(state, target.port, b"", self._connected)
        if target.url is not None:
            host, port, path = split_url("url", target.url, target.address)
            self._connect(state, port, http_request(host, path), self._answered)

    def _ping(self, state: _State) -> None:
        state.sent += 1
        if state.sent < self._count:
            self.later(INTERVAL, lambda: self._ping(state))
        else:
            self.later(self.timeout, lambda: self._echoes_over(state))
        self._send(state, icmp.IP_HEADER[state.target.family] + icmp.ICMP_HEADER + _PAYLOAD, None)

    def _echoes_over(self, state: _State) -> None:
        if state.echoed:
            return
        state.echoed = True
        if not state.rtts:
            state.failures.setdefault("icmp", "icmp: timeout, no echo reply")
        else:
            state.failures.pop("icmp", None)
            if self._pmtu:
                state.search = Search(icmp.IP_HEADER[state.target.family] + icmp.ICMP_HEADER + _PAYLOAD)
                self._next_round(state, state.search)
                return
        self._unfinished -= 1

    def _next_round(self, state: _State, search: Search) -> None:
        sizes = search.sizes()
        if not sizes:
            self._unfinished -= 1
            return
        current = _Round()
        for size in sizes * _COPIES:
            self._send(state, size, current)
            if current.over:
                return
        wait = min(self.timeout, _PATIENCE + 4 * max(state.rtts))
        self.later(wait, lambda: self._round_over(state, current, None))

    def _round_over(self, state: _State, current: _Round, told: int | None) -> None:
        search = state.search
        if not current.over and search:
            current.over = True
            search.answer(current.passed, told)
            # Not now: the error may have been found while another request was sent.
            self.later(0, lambda: self._next_round(state, search))

    def _reply(self, state: _State, request: _Request, received: float, ttl: int | None) -> None:
        if request.round is None:
            if not state.echoed:
                state.rtts.append(received - request.sent)
                state.ttl = ttl
                self._perhaps_echoes_over(state)
        elif state.search:
            request.round.passed.add(request.size)
            if request.round.passed.issuperset(state.search.sizes()):
                self._round_over(state, request.round, None)

    def _refused(self, state: _State, request: _Request, error: icmp.Error) -> None:
        if request.round is not None:
            if error.too_big:
                self._round_over(state, request.round, error.info)
        elif not state.echoed:
            state.failures["icmp"] = error.words(state.source or "")
            self._perhaps_echoes_over(state)

    def _perhaps_echoes_over(self, state: _State) -> None:
        if state.sent == self._count and not state.requests:
            self._echoes_over(state)

    # -- ICMP ------------------------------------------------------------------------------------------

    def _open(self, family: int) -> socket.socket:
        raw = open_raw(family)
        self.selector.register(raw, selectors.EVENT_READ, lambda: self._receive(family, raw))
        return raw

    def _send(self, state: _State, size: int, current: _Round | None) -> None:
        """Send an echo request.

        :param size: bytes with the IP header.
        :param current: the round that it belongs to; None: it measures the round trip.
        """
        family = state.target.family
        raw = self._raw[state.target.netns, family]
        state.sequence = (state.sequence + 1) & 0xFFFF
        length = size - icmp.IP_HEADER[family] - icmp.ICMP_HEADER
        packet = icmp.encode_request(family, state.index, state.sequence, self._cookie.ljust(length, b"\0"))
        for pending in (True, False):
            state.requests[state.sequence] = _Request(time.monotonic(), size, current)
            try:
                raw.sendto(packet, (state.target.address, 0))
                return
            except OSError as error:
                # The kernel may report the error of an earlier request here (ip(7), IP_RECVERR). Once the queue is
                # empty, an error is this request's.
                told = self._receive_errors(family, raw)
                if error.errno == errno.EMSGSIZE and told is not None:
                    self._refused(state, state.requests.pop(state.sequence), told)
                    return
                if not pending:
                    del state.requests[state.sequence]
                    if current is None:
                        state.failures["icmp"] = f"icmp: this host does not send: {send_error(error, state.target)}"
                        self._perhaps_echoes_over(state)

    def _receive(self, family: int, raw: socket.socket) -> None:
        self._receive_errors(family, raw)
        while True:
            try:
                data, control, _flags, address = raw.recvmsg(65536, 256)
            except BlockingIOError:
                return
            except OSError:
                # A request failed. The error queue has the details.
                self._receive_errors(family, raw)
                continue
            now, clock = time.monotonic(), time.time()
            echo = icmp.decode_received(family, data)
            if echo is None or not echo.payload.startswith(self._cookie):
                continue
            state, request = self._request(echo, address[0])
            if state is None or request is None:
                continue
            ttl = None
            for level, kind, value in control:
                if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                    # The time that the packet waited in the socket is not part of the round trip.
                    seconds, nanoseconds = struct.unpack("@ll", value)
                    now -= max(clock - seconds - nanoseconds / 1e9, 0)
                elif (level, kind) == (OPTIONS[family].level, OPTIONS[family].ttl):
                    (ttl,) = struct.unpack("=i", value)
            self._reply(state, request, now, ttl)

    def _receive_errors(self, family: int, raw: socket.socket) -> icmp.Error | None:
        """Read the error queue to its end.

        :returns: this host's own error, if there is one.
        """
        own = None
        while True:
            try:
                data, control, _flags, address = raw.recvmsg(2048, 256, socket.MSG_ERRQUEUE)
            except BlockingIOError:
                return own
            for level, kind, value in control:
                if (level, kind) != (OPTIONS[family].level, OPTIONS[family].recverr):
                    continue
                error = icmp.decode_error(family, value)
                echo = icmp.decode(data)
                if error and error.origin == icmp.ORIGIN_LOCAL:
                    own = error
                elif error and echo:
                    state, request = self._request(echo, address[0])
                    if state is not None and request is not None:
                        self._refused(state, request, error)

    def _request(self, echo: icmp.Echo, address: str) -> tuple[_State | None, _Request | None]:
        """The request that an answer belongs to; it waits for no other answer."""
        if echo.identifier < len(self._states):
            state = self._states[echo.identifier]
            if address == state.target.address:
                return state, state.requests.pop(echo.sequence, None)
        return None, None

    # -- TCP and HTTP ----------------------------------------------------------------------------------

    def _connect(
        self, state: _State, port: int, request: bytes, done: Callable[[_State, int, int, bytes, str], None]
    ) -> None:
        self._unfinished += 1

        def finished(code: int, answer: bytes, tcp: str) -> None:
            self._unfinished -= 1
            done(state, port, code, answer, tcp)

        self._queue.append(lambda: Connection(self, state.target, port, request, finished))
        self._start_connections()

    def _start_connections(self) -> None:
        while self._connections and self._queue:
            self._connections -= 1
            self._queue.popleft()()

    def connection_closed(self) -> None:
        """Note that a file descriptor is free."""
        self._connections += 1
        self.later(0, self._start_connections)

    def _connected(self, state: _State, port: int, code: int, _answer: bytes, tcp: str) -> None:
        state.tcp = tcp
        if code:
            state.failures["tcp"] = f"tcp: port {port} {WORDS.get(code, os.strerror(code))}"

    def _answered(self, state: _State, port: int, code: int, answer: bytes, tcp: str) -> None:
        state.http = {"status": None, "source": None}
        if state.target.port is None:
            state.tcp = tcp
            if tcp == "stalled":
                state.failures["tcp"] = f"tcp: port {port} stalled: data are not acknowledged"
            elif tcp != "open":
                state.failures["tcp"] = f"tcp: port {port} {WORDS.get(code, os.strerror(code))}"
        if code:
            state.failures["http"] = f"http: port {port} {WORDS.get(code, os.strerror(code))}"
            return
        try:
            status, source = parse_response(answer)
        except ValueError as error:
            state.failures["http"] = f"http: port {port} gave no complete answer: {error}"
            return
        state.http = {"status": status, "source": source}
        if status >= 400:
            state.failures["http"] = f"http: status {status}"
