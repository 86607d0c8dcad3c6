# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge to the kernel: network namespaces, and one rtnetlink socket in each.

The messages themselves are pyroute2's (links), inet.py's or neigh.py's; this file carries them. One transport
for both, because it is where batches are made and where an answer is matched to its request by sequence number,
whichever pyroute2 is installed. Sources: Documentation/userspace-api/netlink/intro.rst, netlink(7), ip-netns(8).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib.util
import os
import socket
import struct
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError

NETNS_DIR = "/run/netns"
CLONE_NEWNET = 0x40000000
MS_BIND = 4096
MS_REC = 16384
MS_SHARED = 1 << 20
MNT_DETACH = 2
NS_GET_NSTYPE = 0xB703  # include/uapi/linux/nsfs.h

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSGERR_ATTR_MSG = 1
NLA_TYPE_MASK = 0x3FFF

NETLINK_NETFILTER = 12  # include/uapi/linux/netlink.h; Python's socket module does not name it
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NETLINK_GET_STRICT_CHK = 12

# What a request reads (RTM_GET...), for messages.
TABLES = {18: "links", 22: "addresses", 26: "routes", 30: "neighbours", 90: "a namespace's id"}

BATCH = 200  # 600 acknowledged requests in one send overflow the default receive buffer (212,992 bytes)
DUMP_TRIES = 5
RECEIVE = 65536  # the kernel fills at most 32 KiB of a dump at a time
ALIKE = 28  # struct nlmsghdr, and as much as struct ndmsg and struct rtmsg
FEW = 16  # messages are compared one by one before columns are, which is dearer for a handful

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_U32 = struct.Struct("=I")
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_layout = lru_cache(struct.Struct)


class Request(NamedTuple):
    """One netlink request without its sequence number.

    ``flags`` goes without NLM_F_REQUEST and NLM_F_ACK, which the transport sets.
    """

    kind: int
    flags: int
    payload: bytes


class Failure(NamedTuple):
    """The kernel's refusal of one request of a batch; ``detail`` is its own sentence, or empty."""

    position: int
    code: int
    detail: str


@lru_cache
def pyroute2_ifinfmsg() -> Any:
    """pyroute2's class of link messages.

    :raises FabricError: pyroute2 is not installed for the interpreter that runs the module.
    """
    try:
        _skip_package_init("pyroute2")
        from pyroute2.netlink import nla
        from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    except ImportError as error:
        raise FabricError(
            f"pyroute2 cannot be imported by {sys.executable} ({error}): install the package python3-pyroute2, "
            "or 'pip install pyroute2' for that interpreter"
        ) from error
    # pyroute2 knows no flags of an ipvlan (include/uapi/linux/if_link.h).
    fields = ("IFLA_IPVLAN_UNSPEC", "none"), ("IFLA_IPVLAN_MODE", "uint16"), ("IFLA_IPVLAN_FLAGS", "uint16")
    ifinfmsg.ifinfo.register_link_kind(module={"ipvlan": type("ipvlan", (nla,), {"nla_map": fields})})
    return ifinfmsg


def _skip_package_init(package: str) -> None:
    """Let a package's submodules be imported without what its __init__ would import.

    pyroute2's takes five times as long as this message does, most of a module's run, and nothing of it is used here.
    """
    if package not in sys.modules:
        spec = importlib.util.find_spec(package)
        if spec is not None:
            sys.modules[package] = importlib.util.module_from_spec(spec)


def require_admin() -> None:
    """Refuse, before anything is changed, to run without CAP_NET_ADMIN and CAP_SYS_ADMIN (capabilities(7)).

    :raises FabricError: with the remedy.
    """
    needed = (1 << 12) | (1 << 21)
    with open("/proc/self/status", encoding="ascii") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    if effective & needed != needed:
        raise FabricError(
            f"changing kernel networking needs root, and this is uid {os.geteuid()} without CAP_NET_ADMIN and "
            "CAP_SYS_ADMIN: set 'become: true'"
        )


# -- namespaces ------------------------------------------------------------------------------------


def netns_path(name: str) -> str:
    """Path of a named namespace's file; the empty name is the one that this process runs in."""
    return f"{NETNS_DIR}/{name}" if name else "/proc/self/ns/net"


def netns_status(name: str) -> str:
    """One of ``present``, ``absent`` or ``broken``.

    Broken is a file that no namespace is mounted on: what is left of an interrupted ``ip netns add``.

    :raises FabricError: the file cannot be read by this user.
    """
    try:
        fd = os.open(netns_path(name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return "absent"
    except PermissionError as error:
        raise FabricError(f"namespace {name} cannot be opened without root: set 'become: true'") from error
    try:
        return "present" if fcntl.ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET else "broken"
    except OSError:
        return "broken"
    finally:
        os.close(fd)


def netns_names() -> list[str]:
    """Names of the named namespaces, sorted."""
    try:
        names = sorted(os.listdir(NETNS_DIR))
    except FileNotFoundError:
        return []
    return [name for name in names if netns_status(name) == "present"]


def netns_aliases() -> dict[str, frozenset[str]]:
    """By name, the other names of the same namespace; the empty name is the one that this process runs in."""
    found: dict[tuple[int, int], set[str]] = {}
    for name in ("", *netns_names()):
        with suppress(FileNotFoundError):
            status = os.stat(netns_path(name))
            found.setdefault((status.st_dev, status.st_ino), set()).add(name)
    return {name: frozenset(names - {name}) for names in found.values() for name in names}


def _call(function: str, *arguments: Any) -> None:
    """Call a C library function that returns -1 and errno on failure."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextmanager
def inside(netns: str) -> Iterator[None]:
    """Run a block inside a namespace (setns(2)), then come back.

    :raises FabricError: the namespace does not exist, or entering it is not allowed.
    """
    if not netns:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with netns_fd(netns) as fd:
            try:
                _call("setns", fd, CLONE_NEWNET)
            except PermissionError as error:
                raise FabricError(f"namespace {netns} cannot be entered without root: set 'become: true'") from error
        try:
            yield
        finally:
            _call("setns", home, CLONE_NEWNET)
    finally:
        os.close(home)


@contextmanager
def netns_fd(netns: str) -> Iterator[int]:
    """An open descriptor of a namespace, for setns(2) and IFLA_NET_NS_FD.

    :raises FabricError: the namespace does not exist.
    """
    try:
        fd = os.open(netns_path(netns), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FabricError(f"namespace {netns} does not exist: create it with weft.fabric.netns") from error
    try:
        yield fd
    finally:
        os.close(fd)


def create_netns(name: str, joins: str | None = None) -> None:
    """Make a named namespace, as ``ip netns add`` does.

    :param joins: give this namespace one more name instead, as ``ip netns attach`` does.
    :raises KernelError: naming the namespace.
    """
    path = netns_path(name)
    try:
        os.makedirs(NETNS_DIR, 0o755, exist_ok=True)
        _share_directory()
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
        if joins is not None:
            _call("mount", netns_path(joins).encode(), path.encode(), b"none", MS_BIND, None)
            return
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("unshare", CLONE_NEWNET)
            try:
                _call("mount", b"/proc/thread-self/ns/net", path.encode(), b"none", MS_BIND, None)
            finally:
                _call("setns", home, CLONE_NEWNET)
        finally:
            os.close(home)
    except OSError as error:
        raise KernelError("create", f"namespace {name}", error.errno or errno.EIO) from error


def remove_netns(name: str) -> None:
    """Take a namespace's name away, as ``ip netns delete`` does; a broken one's file as well.

    :raises KernelError: naming the namespace.
    """
    path = netns_path(name).encode()
    try:
        try:
            _call("umount2", path, MNT_DETACH)
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: nothing is mounted there, the file alone is left
                raise
        os.unlink(path)
        if not os.listdir(NETNS_DIR):
            _unshare_directory()
    except OSError as error:
        raise KernelError("delete", f"namespace {name}", error.errno or errno.EIO) from error


def _share_directory() -> None:
    """Make the directory of namespaces a mount whose changes others see, as iproute2 does (ip/ipnetns.c: netns_add).

    If ip(8) did so after us, our namespaces would be mounted twice, and nobody could delete them any more.
    """
    path = NETNS_DIR.encode()
    try:
        _call("mount", b"", path, b"none", MS_SHARED | MS_REC, None)
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: it is no mount yet
            raise
        _call("mount", path, path, b"none", MS_BIND | MS_REC, None)
        _call("mount", b"", path, b"none", MS_SHARED | MS_REC, None)


def _unshare_directory() -> None:
    """Undo that with the last namespace, so that the machine has the mounts that it had before the first."""
    with open("/proc/thread-self/mountinfo", encoding="utf-8") as mounts:
        fields = [line.split() for line in mounts]
    # A directory mounted on itself; somebody's file system of its own would have / there (proc_pid_mountinfo(5)).
    if any(mount[4] == NETNS_DIR and mount[3] != "/" for mount in fields):
        with suppress(OSError):  # EBUSY: another process makes a namespace at this moment
            _call("umount2", NETNS_DIR.encode(), 0)


# -- the transport ---------------------------------------------------------------------------------


def attributes(data: bytes, offset: int) -> dict[int, bytes]:
    """Netlink attributes from offset to the end, by type; nested and byte-order flags taken off."""
    found = {}
    end = len(data)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, run) of netlink messages: a run is one or more whose first ALIKE bytes are equal."""
    offset = 0
    while offset < len(data):
        length, kind, flags, sequence, _port = _HEADER.unpack_from(data, offset)
        end = _end_of_run(data, offset, _aligned(length))
        yield kind, flags, sequence, data[offset:end]
        offset = end


def _end_of_run(data: bytes, offset: int, step: int) -> int:
    """Where the run ends that begins at an offset with a message of so many bytes."""
    head = data[offset : offset + ALIKE]
    end = offset + step
    for _message in range(FEW):
        if data[end : end + ALIKE] != head:
            return end
        end += step
    # Of a large table all are alike, but for the end of the last answer: columns of bytes are looked at.
    rest = data[offset : offset + (len(data) - offset) // step * step]
    if _alike(rest, 0, ALIKE, step):
        return offset + len(rest)
    alike = min(len(rest[at::step]) - len(rest[at::step].lstrip(head[at : at + 1])) for at in range(ALIKE))
    return offset + alike * step


def columns(run: bytes, offset: int, wanted: Collection[int]) -> Iterator[tuple[int, dict[int, Sequence[bytes]]]]:
    """The attributes of a run of messages: of how many, and by type what each of them has.

    In parts, where not all have the same attributes of the same lengths. The layout of the first is taken to be that of
    all, and a run that it does not fit is halved: reading them one by one takes five times as long.

    :param run: as split() makes them.
    :param offset: where the attributes begin in each.
    :param wanted: the types to return.
    """
    length = _aligned(_U32.unpack_from(run)[0])
    layout, kinds, end, at = "=", [], 0, offset
    while at < length:
        if not _alike(run, at, 4, length):
            half = len(run) // length // 2 * length
            yield from columns(run[:half], offset, wanted)
            yield from columns(run[half:], offset, wanted)
            return
        size, kind = _ATTRIBUTE.unpack_from(run, at)
        if kind & NLA_TYPE_MASK in wanted:
            kinds.append(kind & NLA_TYPE_MASK)
            layout += f"{at + 4 - end}x{size - 4}s"
            end = at + size
        at += _aligned(size)
    rows = _layout(f"{layout}{length - end}x").iter_unpack(run)
    yield len(run) // length, dict(zip(kinds, zip(*rows)))


def _alike(run: bytes, at: int, size: int, step: int) -> bool:
    """Whether bytes are the same in each message of a run, all so many bytes long: looked at as columns, in C."""
    return all(run[byte::step] == run[byte : byte + 1] * (len(run) // step) for byte in range(at, at + size))


def _aligned(length: int) -> int:
    """NLMSG_ALIGN and NLA_ALIGN."""
    return (length + 3) & ~3


class Socket:
    """A blocking netlink socket in one namespace.

    :param netns: the namespace; the empty name is the one this process runs in.
    :param protocol: rtnetlink, or another of netlink(7).
    :raises FabricError: the namespace does not exist, or entering it is not allowed.
    """

    def __init__(self, netns: str = "", protocol: int = socket.NETLINK_ROUTE) -> None:
        with inside(netns):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK):
            self._socket.setsockopt(SOL_NETLINK, option, 1)
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def execute(self, requests: Iterable[Request]) -> list[Failure]:
        """Send requests in batches, and wait until the kernel has worked on all of them.

        Of each batch only the last asks for an acknowledgement: the kernel answers in order, and an error comes back
        unasked, so silence means success. The kernel goes on with a batch after an error.

        :returns: the refused ones.
        """
        failures: list[Failure] = []
        remaining = iter(requests)
        begin = self._sequence + 1
        while chunk := list(islice(remaining, BATCH)):
            first = self._sequence + 1
            last = self._sequence = self._sequence + len(chunk)
            pack = _HEADER.pack
            parts = [
                pack(16 + len(payload), kind, flags | NLM_F_REQUEST, sequence, 0) + payload
                for sequence, (kind, flags, payload) in enumerate(chunk[:-1], first)
            ]
            kind, flags, payload = chunk[-1]
            parts.append(pack(16 + len(payload), kind, flags | NLM_F_REQUEST | NLM_F_ACK, last, 0) + payload)
            self._socket.send(b"".join(parts))
            for sequence, code, detail in self._answers(last):
                if code:
                    failures.append(Failure(sequence - begin, code, detail))
        return failures

    def _answers(self, last: int) -> Iterator[tuple[int, int, str]]:
        """(sequence, errno, detail) of each NLMSG_ERROR, up to and with that of the last request."""
        while True:
            for kind, flags, sequence, body in split(self._socket.recv(RECEIVE)):
                if kind == NLMSG_ERROR:
                    yield (sequence, *_error(flags, body))
                    if sequence == last:
                        return

    def dump(self, kind: int, payload: bytes) -> list[bytes]:
        """Dump a table: all answers, each a whole message with its header. As runs(), which large tables are for."""
        return [
            run[offset : offset + length]
            for run in self.runs(kind, payload)
            for length in [_U32.unpack_from(run)[0]]
            for offset in range(0, len(run), _aligned(length))
        ]

    def runs(self, kind: int, payload: bytes) -> list[bytes]:
        """Dump a table: all answers, in runs as split() makes them.

        A dump that the kernel says changed under way (NLM_F_DUMP_INTR) is taken again.

        :param kind: the RTM_GET... to send.
        :param payload: its body; strict checking is on, so the kernel filters by what the body names.
        :raises KernelError: the kernel refused the dump.
        :raises FabricError: the table never stood still.
        """
        for _attempt in range(DUMP_TRIES):
            found, interrupted = self._dump_once(kind, payload)
            if not interrupted:
                return found
        raise FabricError(f"the kernel's tables changed during each of {DUMP_TRIES} dumps: run again when they settle")

    def _dump_once(self, kind: int, payload: bytes) -> tuple[list[bytes], bool]:
        self._sequence += 1
        header = _HEADER.pack(16 + len(payload), kind, NLM_F_REQUEST | NLM_F_DUMP, self._sequence, 0)
        self._socket.send(header + payload)
        found: list[bytes] = []
        interrupted = False
        while True:
            for answer, flags, sequence, body in split(self._socket.recv(RECEIVE)):
                if sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if answer == NLMSG_ERROR:
                    code, detail = _error(flags, body)
                    raise KernelError("read", TABLES.get(kind, "a table"), code, detail)
                if answer == NLMSG_DONE:
                    code = -struct.unpack_from("=i", body, 16)[0] if len(body) >= 20 else 0
                    if code:
                        raise KernelError("read", TABLES.get(kind, "a table"), code)
                    return found, interrupted
                found.append(body)

    def get(self, request: Request) -> bytes:
        """Ask for one object: the answer, a whole message with its header.

        :raises KernelError: the kernel has none, or refused.
        """
        self._sequence += 1
        kind, flags, payload = request
        self._socket.send(
            _HEADER.pack(16 + len(payload), kind, flags | NLM_F_REQUEST | NLM_F_ACK, self._sequence, 0) + payload
        )
        answer = b""
        while True:
            for answered, answer_flags, sequence, body in split(self._socket.recv(RECEIVE)):
                if sequence != self._sequence:
                    continue
                if answered != NLMSG_ERROR:
                    answer = body
                    continue
                code, detail = _error(answer_flags, body)
                if code:
                    raise KernelError("read", TABLES.get(kind, "an object"), code, detail)
                return answer


def _error(flags: int, body: bytes) -> tuple[int, str]:
    """(errno, the kernel's sentence) of an NLMSG_ERROR (struct nlmsgerr, NLMSGERR_ATTR_MSG)."""
    code, length = struct.unpack_from("=iI", body, 16)
    detail = ""
    if flags & NLM_F_ACK_TLVS:
        offset = 36 if flags & NLM_F_CAPPED else 20 + ((length + 3) & ~3)
        detail = attributes(body, offset).get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode(errors="replace")
    return -code, detail


class Kernel:
    """The kernel as seen from this process: one socket per namespace, opened when first used.

    A context manager; leaving it closes the sockets.
    """

    def __init__(self) -> None:
        self._sockets: dict[str, Socket] = {}

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_exception: object) -> None:
        for name in list(self._sockets):
            self.forget(name)

    def socket(self, netns: str) -> Socket:
        """The socket inside a namespace.

        :raises FabricError: the namespace does not exist, or entering it is not allowed.
        """
        if netns not in self._sockets:
            self._sockets[netns] = Socket(netns)
        return self._sockets[netns]

    def forget(self, netns: str) -> None:
        """Close a namespace's socket: the namespace is about to go, or to be another one of that name."""
        found = self._sockets.pop(netns, None)
        if found:
            found.close()
