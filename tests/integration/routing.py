# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of routes and rules have in common: a place to route in, and what is routed there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ansible_collections.weft.fabric.tests.integration.kernel import ip, ip_batch, ip_json, new_namespace

LINKS = (
    "link add v0 type veth peer name w0",
    "link add v1 type veth peer name w1",
    *(f"link set {name} up" for name in ("v0", "w0", "v1", "w1")),
    "address add 10.0.0.1/24 dev v0",
    "address add 10.1.0.1/24 dev v1",
    "address add fd00::1/64 dev v0 nodad",
    "address add fd01::1/64 dev v1 nodad",
)


@contextlib.contextmanager
def two_links(*commands: str) -> Iterator[str]:
    """A namespace with v0, which reaches 10.0.0.0/24 and fd00::/64, and v1, which reaches 10.1.0.0/24 and fd01::/64."""
    with new_namespace() as name:
        ip_batch(name, *LINKS, *commands)
        yield name


def routes(name: str) -> list[dict[str, Any]]:
    """All routes, without what the kernel counts."""
    found = []
    for family in ("-4", "-6"):
        for route in ip_json(name, family, "route", "show", "table", "all"):
            route.pop("cache", None)
            found.append(route)
    return found


def made(name: str, *words: str) -> list[str]:
    """Routes that the kernel did not make itself, each as a line of iproute2."""
    lines = [
        " ".join(line.split())
        for family in ("-4", "-6")
        for line in ip(name, family, "route", "show", *(words or ("table", "all"))).replace("\n\t", " ").splitlines()
    ]
    return [line.replace(" pref medium", "") for line in lines if "proto kernel" not in line and "ff00::" not in line]
