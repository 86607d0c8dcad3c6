# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard tunnels (wg(8), drivers/net/wireguard/netlink.c).

Keys and peers travel over generic netlink. The files about them are imported only where there is such a link.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    APART,
    Access,
    Attributes,
    Compound,
    Control,
    Fault,
    Kind,
    Option,
    number,
)

_PEER = {
    "public_key": {"type": "str", "required": True},
    "preshared_key_file": {"type": "path"},
    "endpoint": {"type": "str"},
    "persistent_keepalive": {"type": "int"},
    "allowed_ips": {"type": "list", "elements": "str"},
}


def _path(where: str, value: Any) -> str:
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import wireguard_peers

    return wireguard_peers.path(where, value)


def _key(where: str, value: Any) -> str:
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import wireguard_peers

    return wireguard_peers.key(where, value)


def _peers(where: str, value: Any) -> Compound:
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import wireguard_peers

    return wireguard_peers.parse(where, values.items(where, value), _PEER)


def _resolve(where: str, attributes: Attributes, missing: Callable[[str], None]) -> dict[str, Any]:
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import wireguard_peers

    return wireguard_peers.resolve(where, attributes, missing)


def _read(namespace: Access, name: str) -> dict[str, Any]:
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import wireguard_messages

    return wireguard_messages.read(namespace, name)


def _write(namespace: Access, name: str, known: Attributes | None, wanted: Attributes) -> None:
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import wireguard_messages

    wireguard_messages.write(namespace, name, known or {}, wanted)


def _check_all(wanted: Attributes, known: Attributes | None) -> Iterator[Fault]:
    was, own = (known or {}).get("public_key"), wanted.get("public_key")
    if own not in (None, was) and not hasattr(own, "private"):
        yield "public_key", "the kernel derives it from the private key: give 'private_key_file'"
    if (own or was) in wanted.get("peers", ()):
        yield "public_key", "a peer in the list has the same: a tunnel has two ends"


KIND = Kind(
    "wireguard",
    options={
        "private_key_file": Option("WGDEVICE_A_PRIVATE_KEY", _path, APART, spec={"type": "path"}),
        "public_key": Option("WGDEVICE_A_PUBLIC_KEY", _key, APART),
        "listen_port": number("WGDEVICE_A_LISTEN_PORT", 1, 65535, place=APART),
        "fwmark": number("WGDEVICE_A_FWMARK", 0, 2**32 - 1, place=APART, usual=(0,)),
        "peers": Option("WGDEVICE_A_PEERS", _peers, APART, spec={"type": "list", "elements": "dict", "options": _PEER}),
    },
    ethernet=False,
    own_mac=False,
    check_all=_check_all,
    resolve=_resolve,
    control=Control(_write, read=_read),
    remedies={errno.EADDRINUSE: "something else on this host listens on its port: choose another listen_port"},
)
