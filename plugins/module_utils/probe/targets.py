# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is probed: addresses, and the ports and URLs on them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

MAX_TARGETS = 65536  # an index is an ICMP identifier


@dataclass(frozen=True)
class Target:
    """An address, and the probes of it besides ICMP.

    :param netns: the namespace that it is probed from; empty: the namespace of this process.
    :param port: TCP port to connect to; None: none.
    :param url: URL to GET; None: none.
    """

    name: str
    address: str
    netns: str = ""
    port: int | None = None
    url: str | None = None

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return values.family(self.address)


def targets_of(entries: Sequence[Mapping[str, Any]]) -> tuple[Target, ...]:
    """Targets from the module's option ``targets``.

    :raises InvalidParameter: for the first value that is wrong, and for a name that is used twice in a namespace.
    """
    if not 0 < len(entries) <= MAX_TARGETS:
        raise InvalidParameter("targets", len(entries), f"give from 1 to {MAX_TARGETS} targets")
    found: dict[tuple[str, str], Target] = {}
    for index, entry in enumerate(entries):
        where = f"targets[{index}]"
        name = values.text(f"{where}.name", entry["name"])
        netns = values.namespace(f"{where}.netns", entry["netns"]) if entry.get("netns") else ""
        if (netns, name) in found:
            raise InvalidParameter(f"{where}.name", name, "another target has this name; each needs its own")
        address = values.unicast(f"{where}.address", entry["address"])
        if re.match("fe[89ab].:", address):
            remedy = "several hosts may have a link-local address: give another"
            raise InvalidParameter(f"{where}.address", address, remedy)
        port = entry.get("port")
        if port is not None:
            port = values.port(f"{where}.port", port)
        url = entry.get("url")
        if url is not None:
            split_url(f"{where}.url", url, address)
        found[netns, name] = Target(name, address, netns, port, url)
    return tuple(found.values())


def split_url(where: str, url: str, address: str) -> tuple[str, int, str]:
    """The parts of a URL on a target's address: (value of the header Host, port, path with query).

    :raises InvalidParameter: it is not an http URL, or its host is not that address.
    """
    example = f"http://[{address}]:8000/echo" if ":" in address else f"http://{address}:8000/echo"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidParameter(where, url, f"give a URL such as {example}") from None
    if parts.scheme != "http" or not re.fullmatch("[!-~]+", url):
        raise InvalidParameter(where, url, f"give an http URL without white space, such as {example}")
    try:
        same = values.address(where, host) == address
    except InvalidParameter:
        same = False
    if not same or "@" in parts.netloc or port == 0:
        raise InvalidParameter(
            where, url, f"its host is the target's address, as in {example}; another address is another target"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.netloc, 80 if port is None else port, path


def timeout_of(where: str, value: float) -> float:
    """A time to wait, in seconds.

    :raises InvalidParameter: it is out of range.
    """
    if not 0.1 <= value <= 60:
        raise InvalidParameter(where, value, "give from 0.1 to 60 seconds")
    return value
