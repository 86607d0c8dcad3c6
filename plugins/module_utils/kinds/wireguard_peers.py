# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard's keys and peers: parsed, read from files, compared and shown.

Keys are written as wg(8) does, in base64. A private or preshared key is read from a file that root alone can read, and
is in no message, diff or result.
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Attributes, Compound

Missing = Callable[[str], None]
"""Called with a message about a file that does not exist; returns in check mode."""


class Secret:
    """A private or preshared key, which nobody sees.

    :ivar octets: 32 bytes; all zeros: there is none.
    :ivar told: what a diff says of it.
    """

    def __init__(self, octets: bytes, told: str = "set") -> None:
        self.octets = octets
        self.told = told

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.octets == other.octets

    def __hash__(self) -> int:
        return hash(self.octets)

    def __bool__(self) -> bool:
        return any(self.octets)

    def __repr__(self) -> str:
        return "Secret"


class PublicKey(str):
    """A public key, and the private one that it follows from."""

    private: Secret


class Peer(NamedTuple):
    """A peer; None is "not asked for".

    :ivar preshared_key: the file that holds it, or the key. An empty name, or a key of zeros, is none.
    :ivar allowed_ips: sorted.
    """

    endpoint: str | None = None
    preshared_key: str | Secret | None = None
    persistent_keepalive: int | None = None
    allowed_ips: tuple[str, ...] | None = None

    def over(self, known: Peer) -> Peer:
        """This peer, with what was not asked for as it is."""
        merged = Peer._make(found if wanted is None else wanted for wanted, found in zip(self, known))
        if isinstance(merged.preshared_key, Secret) and merged.preshared_key != known.preshared_key:
            return merged._replace(preshared_key=Secret(merged.preshared_key.octets, "new"))
        return merged


NEW = Peer(None, Secret(bytes(32)), 0, ())


class Peers(Compound, dict[str, Peer]):
    """Peers by public key."""

    def over(self, known: Peers | None) -> Peers:
        """These peers, with what was not asked for as it is."""
        found = known if known is not None else Peers()
        return Peers({name: peer.over(found.get(name, NEW)) for name, peer in self.items()})

    def lines(self) -> list[str]:
        """A line of a diff for each."""
        return [_line(name, peer) for name, peer in self.items()]

    def data(self) -> list[dict[str, Any]]:
        """As a parameter, without secrets."""
        return [
            {
                "public_key": name,
                **({"endpoint": peer.endpoint} if peer.endpoint else {}),
                **({"persistent_keepalive": peer.persistent_keepalive} if peer.persistent_keepalive else {}),
                "allowed_ips": list(peer.allowed_ips or ()),
            }
            for name, peer in self.items()
        ]


def _line(name: str, peer: Peer) -> str:
    words = [f"peer {name}"]
    if peer.endpoint:
        words.append(f"endpoint {peer.endpoint}")
    if peer.preshared_key:
        words.append(f"preshared_key {peer.preshared_key.told if isinstance(peer.preshared_key, Secret) else 'new'}")
    if peer.persistent_keepalive:
        words.append(f"persistent_keepalive {peer.persistent_keepalive}")
    return " ".join([*words, f"allowed_ips {','.join(peer.allowed_ips or ()) or 'none'}"])


# -- parameters ------------------------------------------------------------------------------------


def path(where: str, value: Any) -> str:
    """The path of a file with a key. Another value is not repeated, because it could be the key itself."""
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise InvalidParameter(where, "...", "give the absolute path of a file on the host, not the key itself")
    return value


def key(where: str, value: Any) -> str:
    """A public key."""
    if not isinstance(value, str) or _octets(value.encode("ascii", "replace")) is None:
        raise InvalidParameter(where, value, "give a key as 'wg pubkey' prints it: 44 characters of base64")
    return value


def _octets(text: bytes) -> bytes | None:
    """The 32 bytes of a key; None: it is none."""
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return found if len(found) == 32 and base64.b64encode(found) == text else None


def parse(where: str, items: Iterable[Any], known: Mapping[str, Any]) -> Peers:
    """Peers from their parameters.

    :param known: the names of a peer's parameters.
    :raises InvalidParameter: for the first that is wrong, and for what two peers cannot share.
    """
    peers, owners = Peers(), dict[str, str]()
    for index, item in enumerate(items):
        here = f"{where}[{index}]."
        item = values.given(values.mapping(f"{where}[{index}]", item))
        values.known(here, item, known, "a peer")
        name = key(f"{here}public_key", item.get("public_key"))
        if name in peers:
            raise InvalidParameter(f"{here}public_key", name, "the peer is listed twice: keep one")
        peers[name] = peer = _peer(here, item)
        for number, subnet in enumerate(peer.allowed_ips or ()):
            owner = owners.setdefault(subnet, name)
            if owner != name or subnet in (peer.allowed_ips or ())[:number]:
                remedy = f"peer {owner} has it in the list already, and packets to it go to one peer: keep one"
                raise InvalidParameter(f"{here}allowed_ips", subnet, remedy)
    return peers


def _peer(where: str, item: Mapping[str, Any]) -> Peer:
    endpoint = keepalive = allowed = secret = None
    if "endpoint" in item:
        endpoint = _endpoint(f"{where}endpoint", item["endpoint"])
    if "preshared_key_file" in item:
        secret = item["preshared_key_file"]
        if secret != "":
            secret = path(f"{where}preshared_key_file", secret)
    if "persistent_keepalive" in item:
        given = item["persistent_keepalive"]
        keepalive = values.integer(f"{where}persistent_keepalive", given, 0, 65535, "seconds")
    if "allowed_ips" in item:
        listed = values.items(f"{where}allowed_ips", item["allowed_ips"])
        allowed = tuple(
            sorted(values.network(f"{where}allowed_ips[{number}]", subnet) for number, subnet in enumerate(listed))
        )
    return Peer(endpoint, secret, keepalive, allowed)


def _endpoint(where: str, value: Any) -> str:
    head, _colon, tail = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if head.startswith("[") and head.endswith("]"):
        head = head[1:-1]
    elif ":" in head:
        head = ""
    if not head:
        raise InvalidParameter(where, value, "give address and port, like 192.0.2.1:51820 or [2001:db8::1]:51820")
    return join_endpoint(values.unicast(where, head), values.integer(where, tail, 1, 65535))


def join_endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# -- files -----------------------------------------------------------------------------------------


def resolve(where: str, attributes: Attributes, missing: Missing) -> dict[str, Any]:
    """A link's attributes with the keys that are in files of this host. A file that is missing stays a path.

    :raises InvalidParameter: others can read a file, or it holds no key.
    """
    found = dict(attributes)
    file = found.get("private_key_file")
    secret = _read_file(f"{where}private_key_file", file, missing) if file else None
    if secret is not None:
        own = PublicKey(base64.b64encode(public_of(secret.octets)).decode())
        own.private = secret
        if found.get("public_key", own) != own:
            raise InvalidParameter(f"{where}public_key", found["public_key"], f"that of {file} is {own}")
        others = {name: value for name, value in found.items() if name not in ("private_key_file", "public_key")}
        found = {"public_key": own, **others}
    if "peers" in found:
        found["peers"] = Peers(
            {name: _with_key(f"{where}peers.{name}.", peer, missing) for name, peer in found["peers"].items()}
        )
    return found


def _with_key(where: str, peer: Peer, missing: Missing) -> Peer:
    """A peer with the key that is in its file."""
    file = peer.preshared_key
    if not isinstance(file, str):
        return peer
    secret = _read_file(f"{where}preshared_key_file", file, missing) if file else Secret(bytes(32))
    return peer._replace(preshared_key=file if secret is None else secret)


def _read_file(where: str, path: str, missing: Missing) -> Secret | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        missing(f"{where}: file {path} does not exist: write a key to it, as 'wg genkey' prints it")
        return None
    except PermissionError:
        raise InvalidParameter(where, path, "it cannot be read: set 'become: true'") from None
    except OSError as error:
        raise InvalidParameter(where, path, f"it cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidParameter(where, path, "it is no regular file")
        if status.st_uid != 0 or status.st_mode & 0o077:
            raise InvalidParameter(where, path, "root alone may read it: let root own it, and give it mode 0600")
        octets = _octets(os.read(descriptor, 100).strip())
    finally:
        os.close(descriptor)
    if octets is None or not any(octets):
        raise InvalidParameter(where, path, "it holds no key as 'wg genkey' prints it")
    return Secret(octets)


PRIME = 2**255 - 19


def public_of(private: bytes) -> bytes:
    """The public key of a private one (RFC 7748, section 5: X25519 of 9)."""
    scalar = int.from_bytes(private, "little") & ~7 & ~(128 << 248) | 64 << 248
    x2, z2, x3, z3, swap = 1, 0, 9, 1, 0
    for bit in (scalar >> place & 1 for place in range(254, -1, -1)):
        if swap != bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        plus, minus = x2 + z2, x2 - z2
        one, other = (x3 - z3) * plus, (x3 + z3) * minus
        square, rest = plus * plus, minus * minus
        both = square - rest
        x3, z3 = (one + other) ** 2 % PRIME, 9 * (one - other) ** 2 % PRIME
        x2, z2 = square * rest % PRIME, both * (square + 121665 * both) % PRIME
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")
