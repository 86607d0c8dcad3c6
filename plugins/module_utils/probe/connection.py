# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP connections to targets."""

from __future__ import annotations

import errno
import fcntl
import selectors
import socket
import struct
import termios
from typing import Callable, Protocol

from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside
from ansible_collections.weft.fabric.plugins.module_utils.probe.targets import Target

WORDS = {0: "open", errno.ECONNREFUSED: "refused", errno.ETIMEDOUT: "timeout"}
"""States of TCP by errno; all others are ``unreachable``."""

_ANSWER_LIMIT = 1 << 20  # bytes of an HTTP response


class Loop(Protocol):
    """The event loop that a connection is part of.

    :ivar timeout: seconds that a connection may take.
    """

    selector: selectors.BaseSelector
    timeout: float

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call an action after that time."""

    def connection_closed(self) -> None:
        """Note that a file descriptor is free."""


class Connection:
    """A TCP connection that sends a request, if there is one, and reads the answer to its end.

    :param done: called with (errno or 0, the answer, the state of TCP) when the connection is closed.
    """

    def __init__(
        self, loop: Loop, target: Target, port: int, request: bytes, done: Callable[[int, bytes, str], None]
    ) -> None:
        self._loop = loop
        self._done = done
        self._request = request
        self._unsent = request
        self._answer = b""
        self._open = False
        with inside(target.netns):
            self._socket = socket.socket(target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        code = self._socket.connect_ex((target.address, port))
        loop.selector.register(self._socket, selectors.EVENT_WRITE, self._ready)
        if code not in (0, errno.EINPROGRESS):
            self._finish(code)
        else:
            loop.later(loop.timeout, lambda: self._finish(errno.ETIMEDOUT))

    def _ready(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._open = self._open or not code
        if code or not self._request:
            self._finish(code)
            return
        try:
            if self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
                if not self._unsent:
                    self._loop.selector.modify(self._socket, selectors.EVENT_READ, self._ready)
                return
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(error.errno or errno.EIO)
            return
        self._answer += data
        if not data or len(self._answer) > _ANSWER_LIMIT:
            self._finish(0)

    def _finish(self, code: int) -> None:
        if self._socket.fileno() >= 0:
            tcp = self._state(code)
            self._loop.selector.unregister(self._socket)
            self._socket.close()
            self._loop.connection_closed()
            self._done(code, self._answer, tcp)

    def _state(self, code: int) -> str:
        if not self._open:
            return WORDS.get(code, "unreachable")
        # What a server's kernel has not acknowledged is lost on the way, unlike what a server does not answer.
        (unacknowledged,) = struct.unpack("=i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)))
        return "stalled" if code == errno.ETIMEDOUT and unacknowledged else "open"
