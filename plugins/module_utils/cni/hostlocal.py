# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of CNI networks in host-local's files, so that host-local and this collection can share a network.

A network's directory has a file for each assigned address, with the address as its name and the owner as its content, a
file with the address of each range set that was assigned last, and a lock (plugins/ipam/host-local/backend).
"""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import IpAddress, Own, Range, RangeSet
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

_LAST = "last_reserved_ip."
_LOCK = "lock"


def _parsed(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def choose(ranges: RangeSet, taken: Mapping[IpAddress, str], last: IpAddress | None) -> tuple[Range, IpAddress] | None:
    """The next free address of a range set after the last one, then from its beginning; None: none is free. Pure."""
    start = next((number for number, item in enumerate(ranges) if last is not None and item.holds(last)), None)
    turns = [(item, item.first, item.last) for item in ranges]
    if start is not None and last is not None:
        here = ranges[start]
        turns = [(here, last + 1, here.last), *turns[start + 1 :], *turns[:start], (here, here.first, last)]
    for item, first, end in turns:
        for number in range(int(first), int(end) + 1):
            address = type(item.first)(number)
            if address != item.gateway and address not in taken:
                return item, address
    return None


class Store:
    """The addresses of a network, and changes of them. Nothing is written before commit()."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._taken: dict[IpAddress, str] = {}
        self._last: dict[int, IpAddress | None] = {}
        self._new: list[tuple[int, IpAddress]] = []
        self._released: list[IpAddress] = []
        for name in _listed(directory):
            address = _parsed(name)
            if address is not None:
                self._taken[address] = (files.read(f"{directory}/{name}") or b"").decode(errors="replace").strip()

    def given(self, item: Attachment) -> list[IpAddress]:
        """The addresses that an interface has: older versions of the plugin wrote the container's id alone."""
        owners = (_owner(item), item.container)
        return [address for address, holder in self._taken.items() if holder in owners]

    def reserve(self, item: Attachment, sets: Sequence[RangeSet]) -> tuple[list[Own], list[IpAddress]]:
        """Assign an address of each range set to an interface: the one that it has, or a new one.

        :returns: all addresses of the interface, and the new ones.
        :raises FabricError: no address is left, or a requested one belongs to another interface.
        """
        known = self.given(item)
        owns, new = [], []
        for number, ranges in enumerate(sets):
            found = _first(ranges, known)
            wanted = _first(ranges, item.requested)
            if found and wanted and found != wanted:
                raise FabricError(
                    f"{item.where}: {item.interface} of {item.container} has {found[1]} in network "
                    f"{item.network.name}: remove it first (state: absent), then it can have {wanted[1]}"
                )
            if not found:
                found = self._free(item, wanted) if wanted else self._next(item, number, ranges)
                self._taken[found[1]] = _owner(item)
                self._last[number] = found[1]
                self._new.append((number, found[1]))
                new.append(found[1])
            part, address = found
            owns.append(Own(ipaddress.ip_interface(f"{address}/{part.subnet.prefixlen}"), part.gateway))
        return owns, new

    def _free(self, item: Attachment, wanted: tuple[Range, IpAddress]) -> tuple[Range, IpAddress]:
        holder = self._taken.get(wanted[1])
        if holder is not None:
            owner = " ".join(holder.split()) or "another interface"
            raise FabricError(
                f"{item.where}.addresses: {wanted[1]} of network {item.network.name} belongs to {owner}: choose another"
            )
        return wanted

    def _next(self, item: Attachment, number: int, ranges: RangeSet) -> tuple[Range, IpAddress]:
        if number not in self._last:
            text = (files.read(f"{self._directory}/{_LAST}{number}") or b"").decode(errors="replace")
            self._last[number] = _parsed(text.strip())
        found = choose(ranges, self._taken, self._last[number])
        if found is None:
            room = " and ".join(f"{part.first} to {part.last}" for part in ranges)
            raise FabricError(
                f"{item.where}: network {item.network.name} has no address left of {room} for {item.container}: "
                f"widen it, or remove containers ({self._directory} has the owner of each address)"
            )
        return found

    def release(self, item: Attachment, kept: Container[IpAddress] = ()) -> list[IpAddress]:
        """Release the addresses of an interface, except those that it keeps.

        :returns: the released ones.
        """
        released = [address for address in self.given(item) if address not in kept]
        for address in released:
            del self._taken[address]
        self._released += released
        return released

    def commit(self) -> None:
        """Write the changes.

        :raises KernelError: the file system refuses.
        """
        for number, address in self._new:
            files.create(f"{self._directory}/{address}", self._taken[address].encode(), 0o600)
            files.replace(f"{self._directory}/{_LAST}{number}", str(address).encode(), 0o600)
        for address in self._released:
            files.remove(f"{self._directory}/{address}")


def networks_of(item: Attachment, parent: str) -> list[str]:
    """The networks below a directory in which an interface has an address."""
    return [name for name in sorted(_listed(parent)) if Store(f"{parent}/{name}").given(item)]


def _first(ranges: RangeSet, addresses: Sequence[IpAddress]) -> tuple[Range, IpAddress] | None:
    return next(((part, address) for address in addresses for part in ranges if part.holds(address)), None)


def _owner(item: Attachment) -> str:
    return f"{item.container}\r\n{item.interface}"


def _listed(directory: str) -> list[str]:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise files.refused("read", directory, error) from error
    try:
        return os.listdir(descriptor)
    except OSError as error:
        raise files.refused("read", directory, error) from error
    finally:
        os.close(descriptor)


@contextmanager
def stores(directories: Iterable[str], check: bool) -> Iterator[dict[str, Store]]:
    """The addresses of networks by directory, locked while the block runs; changes are written when it ends normally.

    :param check: nothing is written, and no directory is made or locked.
    :raises KernelError: the file system refuses.
    """
    with ExitStack() as stack:
        found = {}
        for directory in sorted(set(directories)):  # always in this order, so that no two processes wait for each other
            if os.path.islink(directory):
                raise files.refused("read", directory, OSError(errno.ELOOP, directory))
            if not check:
                stack.enter_context(_locked(directory))
            found[directory] = Store(directory)
        yield found
        for store in found.values() if not check else ():
            store.commit()


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    try:
        os.makedirs(directory, 0o755, exist_ok=True)
        descriptor = files.locked(f"{directory}/{_LOCK}", 0o640)
    except OSError as error:
        raise files.refused("lock", f"{directory}/{_LOCK}", error) from error
    try:
        yield
    finally:
        os.close(descriptor)
