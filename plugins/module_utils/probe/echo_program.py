# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP echo server of a pod.

echo_server.py runs the text of this file as ``python -c`` in the pod's namespace, with the number of a listening socket
as its first argument. It imports nothing from this collection.
"""

from __future__ import annotations

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    """Answers GET /echo with the request's headers and the client's address as the server sees it."""

    timeout = 30  # seconds that a silent client may hold a thread

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/echo":
            self.send_error(404, "Only /echo is here")
            return
        header: dict[str, list[str]] = {}
        for name, value in self.headers.items():
            if name.lower() != "host":  # as the article's server does
                header.setdefault(name, []).append(value)
        client = self.client_address[0]
        # The socket serves both families: an IPv4 client has an IPv4-mapped address (RFC 4291, section 2.5.5.2).
        client = client[len("::ffff:") :] if client.startswith("::ffff:") else client
        body = json.dumps({"header": header, "body": "Echo response", "client": client}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: nobody reads a pod's standard error."""


class Server(ThreadingHTTPServer):
    """A server on a socket that already listens."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname()[:2], Echo, bind_and_activate=False)
        self.socket.close()
        self.socket = listener


if __name__ == "__main__":
    Server(socket.socket(fileno=int(sys.argv[1]))).serve_forever()
