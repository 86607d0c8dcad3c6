# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""iproute2's commands in a namespace, and the kernel's state as they print it."""

from __future__ import annotations

import functools
import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

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
    "vrf": "link add name t0 type vrf table 10",
    "vxlan": "link add name t0 type vxlan id 2 dstport 4789",
    "wireguard": "link add name t0 type wireguard",
}


# Of both families, which iproute2 lists at once only together with those of all tables.
ALL_ROUTES = "route show table all"


def run(*command: str, stdin: str = "") -> str:
    """Run a command that must succeed; its standard output."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}"
    return done.stdout


def ruleset() -> str:
    """The rules and sets of nftables in this namespace, without the values of counters."""
    return run("nft", "--stateless", "list", "ruleset")


def ip(namespace: str, *arguments: str, stdin: str = "") -> str:
    """``ip`` in a namespace, as text."""
    return run("ip", *(["-n", namespace] if namespace else []), *arguments, stdin=stdin)


def bridge(namespace: str, *arguments: str) -> str:
    """``bridge`` in a namespace, as text."""
    return run("bridge", *(["-n", namespace] if namespace else []), *arguments)


def wg(namespace: str, *arguments: str, stdin: str = "") -> str:
    """``wg`` in a namespace, as text."""
    return run(*(["ip", "netns", "exec", namespace] if namespace else []), "wg", *arguments, stdin=stdin)


def ip_json(namespace: str, *arguments: str) -> list[dict[str, Any]]:
    """``ip -json -details`` in a namespace. iproute2 prints empty objects for what it leaves out; they are dropped."""
    return [row for row in json.loads(ip(namespace, "-json", "-details", *arguments) or "[]") if row]


def ip_batch(namespace: str, *lines: str) -> None:
    """``ip -batch`` in a namespace: starting a program takes an emulated machine longer than what it does."""
    ip(namespace, "-batch", "-", stdin="\n".join(lines))


def ip_json_batch(namespace: str, *lines: str) -> list[list[dict[str, Any]]]:
    """``ip -json -details -batch`` in a namespace: what ip_json() gives for each of the lines, of one program."""
    text = ip(namespace, "-json", "-details", "-batch", "-", stdin="\n".join(lines)).strip()
    found = []
    while text:
        rows, end = json.JSONDecoder().raw_decode(text)
        found.append([row for row in rows if row])
        text = text[end:].lstrip()
    assert len(found) == len(lines), f"{lines}: {len(found)} answers"
    return found


def bridge_json(namespace: str, *arguments: str) -> list[dict[str, Any]]:
    """``bridge -json -details`` in a namespace."""
    return [row for row in json.loads(bridge(namespace, "-json", "-details", *arguments) or "[]") if row]


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Ask again until it holds: for what the kernel gets to by itself and tells nobody. The question takes its time."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"not within {seconds} seconds"


@functools.cache
def has_link_kind(kind: str) -> bool:
    """Whether the kernel makes links of a kind, asked in a namespace that ends with the question."""
    command = f"ip link add v0 type veth peer name v1; ip {LINK_KINDS[kind]}"
    return subprocess.run(["unshare", "--net", "sh", "-c", command], capture_output=True, check=False).returncode == 0
