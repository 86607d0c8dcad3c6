# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP requests and responses as bytes. Pure."""

from __future__ import annotations

import http.client
import io
import json
import socket
from typing import cast

_PADDING = 3000  # bytes: two full segments at an MTU of 1500


def http_request(host: str, path: str) -> bytes:
    """A GET that fills more than one segment, because a path can pass small packets and lose full ones.

    :param host: value of the header Host.
    """
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: application/json\r\n"
        f"User-Agent: weft.fabric.reachability\r\nX-Padding: {'x' * _PADDING}\r\n\r\n"
    ).encode("ascii")


class _Received:
    """Received bytes, as the part of a socket that HTTPResponse reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def parse_response(data: bytes) -> tuple[int, str | None]:
    """A complete HTTP response: (status, the client's address if the body is JSON that has it as ``client``).

    :raises ValueError: it is not HTTP, or not complete.
    """
    response = http.client.HTTPResponse(cast(socket.socket, _Received(data)))
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ConnectionError) as error:
        raise ValueError(str(error)) from error
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    client = document.get("client") if isinstance(document, dict) else None
    return response.status, client if isinstance(client, str) else None
