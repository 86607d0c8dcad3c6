# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of probing: ICMP's bytes, the search for the path MTU, HTTP, and the targets."""

from __future__ import annotations

import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.probe import icmp, pathmtu
from ansible_collections.weft.fabric.plugins.module_utils.probe.http import http_request, parse_response
from ansible_collections.weft.fabric.plugins.module_utils.probe.targets import Target, targets_of

FAMILIES = st.sampled_from([socket.AF_INET, socket.AF_INET6])
SIXTEEN_BITS = st.integers(0, 0xFFFF)


def ones_complement_sum(data: bytes) -> int:
    """RFC 1071, section 4.1, word by word."""
    total = 0
    for (word,) in struct.iter_unpack("!H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(st.binary(max_size=200))
def test_checksum(data: bytes) -> None:
    assert icmp.checksum(data) == 0xFFFF - ones_complement_sum(data)


def test_checksum_of_rfc_1071() -> None:
    assert icmp.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def as_reply(family: int, request: bytes) -> bytes:
    """What the other side makes of a request."""
    reply = bytes([icmp.REPLY[family]]) + request[1:]
    if family == socket.AF_INET:
        reply = reply[:2] + b"\0\0" + reply[4:]
        reply = reply[:2] + struct.pack("!H", icmp.checksum(reply)) + reply[4:]
    return reply


def received(family: int, message: bytes, options: int = 0) -> bytes:
    """What a raw socket gives: IPv4 with its header."""
    header = bytes([0x45 + options]) + bytes(19 + 4 * options)
    return header + message if family == socket.AF_INET else message


@given(FAMILIES, SIXTEEN_BITS, SIXTEEN_BITS, st.binary(max_size=100), st.integers(0, 10))
def test_an_echo_comes_back(family: int, identifier: int, sequence: int, payload: bytes, options: int) -> None:
    request = icmp.encode_request(family, identifier, sequence, payload)
    assert len(request) == icmp.ICMP_HEADER + len(payload)
    sent = icmp.decode(request)
    assert sent == icmp.Echo({socket.AF_INET: 8, socket.AF_INET6: 128}[family], identifier, sequence, payload)
    if family == socket.AF_INET:
        assert ones_complement_sum(request) == 0xFFFF
    answer = icmp.decode_received(family, received(family, as_reply(family, request), options))
    assert answer == icmp.Echo(icmp.REPLY[family], identifier, sequence, payload)


@given(SIXTEEN_BITS, SIXTEEN_BITS, st.binary(max_size=100), st.data())
def test_a_damaged_reply_is_none(identifier: int, sequence: int, payload: bytes, data: st.DataObject) -> None:
    reply = as_reply(socket.AF_INET, icmp.encode_request(socket.AF_INET, identifier, sequence, payload))
    bit = data.draw(st.integers(0, len(reply) * 8 - 1))
    damaged = bytearray(reply)
    damaged[bit // 8] ^= 1 << bit % 8
    assert icmp.decode_received(socket.AF_INET, received(socket.AF_INET, bytes(damaged))) is None


@given(FAMILIES, st.binary(max_size=60))
def test_noise_is_no_echo_and_no_error(family: int, data: bytes) -> None:
    echo = icmp.decode_received(family, data)
    assert echo is None or echo.kind == icmp.REPLY[family]
    error = icmp.decode_error(family, data)
    assert (error is None) == (len(data) < 16)


def extended_error(family: int, origin: int, kind: int, code: int, info: int, offender: str) -> bytes:
    """struct sock_extended_err and the offender's struct sockaddr_in or sockaddr_in6."""
    head = struct.pack("=IBBBBII", 113, origin, kind, code, 0, info, 0)
    address = ipaddress.ip_address(offender).packed
    if family == socket.AF_INET:
        return head + struct.pack("=HH", family, 0) + address + bytes(8)
    return head + struct.pack("=HHI", family, 0, 0) + address + struct.pack("=I", 0)


@given(FAMILIES, st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**32 - 1), st.data())
def test_an_error_is_read_as_it_is(family: int, kind: int, code: int, info: int, data: st.DataObject) -> None:
    version = {socket.AF_INET: 4, socket.AF_INET6: 6}[family]
    offender = str(data.draw(st.ip_addresses(v=version)))
    error = icmp.decode_error(family, extended_error(family, version // 2, kind, code, info, offender))
    assert error == icmp.Error(family, version // 2, kind, code, info, offender)
    assert error.words("192.0.2.1").endswith(f" from {offender}") or error.offender == "192.0.2.1"


@pytest.mark.parametrize(
    ("family", "kind", "code", "offender", "words"),
    [
        (socket.AF_INET, 3, 1, "10.0.0.9", "icmp: host unreachable from 10.0.0.9"),
        (socket.AF_INET, 3, 1, "10.0.0.1", "neighbour unresolved: no answer to ARP for the next hop"),
        (socket.AF_INET6, 1, 3, "fd00::1", "neighbour unresolved: no answer to neighbour discovery for the next hop"),
        (socket.AF_INET6, 1, 1, "fd00::9", "icmp: communication administratively prohibited from fd00::9"),
        (socket.AF_INET, 12, 7, "10.0.0.9", "icmp: ICMP type 12 code 7 from 10.0.0.9"),
    ],
)
def test_the_layer_is_named(family: int, kind: int, code: int, offender: str, words: str) -> None:
    source = {socket.AF_INET: "10.0.0.1", socket.AF_INET6: "fd00::1"}[family]
    assert icmp.Error(family, 2, kind, code, 0, offender).words(source) == words


# A link's MTU, and whether the router in front of it says so; None: it says 0, as routers before RFC 1191.
HOPS = st.lists(st.tuples(st.integers(84, 65535), st.sampled_from([True, False, None])), min_size=1, max_size=5)


def search(hops: list[tuple[int, bool | None]]) -> tuple[pathmtu.Search, int]:
    """The finished search along a path, and the number of its rounds."""
    found = pathmtu.Search(84)
    rounds = 0
    while sizes := found.sizes():
        rounds += 1
        assert sizes == sorted(set(sizes))
        assert all(found.mtu < size <= pathmtu.LARGEST for size in sizes)
        told = None
        passed = set()
        for size in sizes:
            narrow = next((hop for hop in hops if hop[0] < size), None)
            if narrow is None:
                passed.add(size)
            elif narrow[1] is not False:
                told = narrow[0] if narrow[1] else 0
                break
        found.answer(passed, told)
    return found, rounds


@given(HOPS)
def test_the_path_mtu_is_found(hops: list[tuple[int, bool | None]]) -> None:
    found, rounds = search(hops)
    assert found.mtu == min(mtu for mtu, _tells in hops)
    assert rounds <= 14
    if all(tells for _mtu, tells in hops):
        assert not found.silent


def test_where_all_routers_speak_it_takes_a_round_for_each() -> None:
    assert search([(1500, True)])[1] == 2
    assert search([(1500, True), (1450, True)])[1] == 3


def test_a_black_hole_is_one() -> None:
    found, rounds = search([(1500, True), (1450, False)])
    assert (found.mtu, found.silent) == (1450, True)
    assert rounds <= 6


def test_a_router_that_names_a_size_known_to_pass_is_not_believed() -> None:
    found = pathmtu.Search(84)
    found.answer([], 1500)
    found.answer([1500], 60)
    assert (found.mtu, found.sizes()) == (1500, [])


def response(body: bytes, head: str = "HTTP/1.1 200 OK") -> bytes:
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (response(b'{"header": {}, "body": "Echo response", "client": "172.2.0.2"}'), (200, "172.2.0.2")),
        (response(b'{"client": 7}'), (200, None)),
        (response(b'["client"]'), (200, None)),
        (response(b"hello"), (200, None)),
        (response(b"[" * 100_000), (200, None)),
        (response(b"\xff\xfe", "HTTP/1.0 503 Busy"), (503, None)),
        (b'HTTP/1.1 200 OK\r\n\r\n{"client": "fd00::2"}', (200, "fd00::2")),
        (
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"client\r\nc\r\n": "::1"}   \r\n0\r\n\r\n',
            (200, "::1"),
        ),
    ],
)
def test_http_response(data: bytes, expected: tuple[int, str | None]) -> None:
    assert parse_response(data) == expected


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", response(b"abc")[:-1], b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_whole_response(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_response(data)


@given(st.binary(max_size=200))
def test_noise_is_no_response(data: bytes) -> None:
    try:
        status, _source = parse_response(b"HTTP/1.1 " + data)
    except ValueError:
        return
    assert 100 <= status <= 999


def test_http_request_fills_two_segments() -> None:
    request = http_request("172.2.1.2:8000", "/echo?a=b")
    assert request.startswith(b"GET /echo?a=b HTTP/1.1\r\nHost: 172.2.1.2:8000\r\n")
    assert request.endswith(b"\r\n\r\n")
    assert len(request) > 2 * 1460


def test_targets_are_normalised() -> None:
    entries = [
        {"name": "a", "address": "2001:DB8:0::1", "url": "http://[2001:db8::1]:8000/echo"},
        {"name": "a", "address": "10.0.0.1", "netns": "pod1", "port": "80"},
    ]
    assert targets_of(entries) == (
        Target("a", "2001:db8::1", url="http://[2001:db8::1]:8000/echo"),
        Target("a", "10.0.0.1", netns="pod1", port=80),
    )
