# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The codec of addresses and routes against bytes that iproute2 6.1 sent.

Requests were captured by ``strace -e trace=sendmsg -e write=all`` on the command beside them, with d2 at index 3.
"""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.kernel import (
    address_requests,
    addresses,
    inet,
    route_requests,
    routes,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFA_F_PERMANENT,
    IFA_FLAGS,
    RTA_ENCAP,
    RTA_ENCAP_TYPE,
    RTA_FLOW,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTA_TABLE,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.route import (
    MAIN,
    NOWHERE,
    PREFERENCES,
    TYPES,
    Hop,
    Route,
)

PEER = Route("172.2.1.0/24", MAIN, 0, via="172.2.1.0", dev="d2", onlink=True)
METRIC = Route("198.51.100.0/24", MAIN, 7, dev="d2", src="192.0.2.1", mtu=1400)

INDEXES = {"d2": 3}
RTAX_RTO_MIN = 13
OF_HOP = (RTA_FLOW, RTA_ENCAP, RTA_ENCAP_TYPE)

REQUESTS = {
    "ip address replace 192.0.2.9/24 dev d2": (
        "28000000140005055c1d016b00000000021800000300000008000200c000020908000100c0000209",
        next(address_requests.put(INDEXES, [Address("d2", "192.0.2.9/24")])),
    ),
    "ip address replace 2001:db8::9/64 dev d2": (
        "40000000140005055c1d016b000000000a400000030000001400020020010db8000000000000000000000009"
        "1400010020010db8000000000000000000000009",
        next(address_requests.put(INDEXES, [Address("d2", "2001:db8::9/64")])),
    ),
    "ip address delete 192.0.2.9/24 dev d2": (
        "28000000150005005c1d016b00000000021800000300000008000200c000020908000100c0000209",
        next(address_requests.delete(INDEXES, [Address("d2", "192.0.2.9/24")])),
    ),
    "ip route replace 172.2.1.0/24 via 172.2.1.0 dev d2 onlink proto 119": (
        "34000000180005055c1d016b0000000002180000fe7700010400000008000100ac02010008000500ac0201000800040003000000",
        next(route_requests.put(INDEXES, [PEER])),
    ),
    "ip route replace 198.51.100.0/24 dev d2 src 192.0.2.1 metric 7 mtu 1400 proto 119": (
        "48000000180005055c1d016b0000000002180000fe77fd010000000008000100c633640008000700c0000201080006000700000008000400"
        "030000000c0008000800020078050000",
        next(route_requests.put(INDEXES, [METRIC])),
    ),
    "ip route replace default via 192.0.2.2 table 300 proto 119": (
        "2c000000180005055c1d016b0000000002000000007700010000000008000500c000020208000f002c010000",
        next(route_requests.put(INDEXES, [Route("0.0.0.0/0", 300, 0, via="192.0.2.2")])),
    ),
    "ip route replace 2001:db8:1::/48 via 2001:db8::2 proto 119": (
        "44000000180005055c1d016b000000000a300000fe770001000000001400010020010db80001000000000000000000001400050020010db8"
        "000000000000000000000002",
        next(route_requests.put(INDEXES, [Route("2001:db8:1::/48", MAIN, 0, via="2001:db8::2")])),
    ),
    "ip route delete 172.2.1.0/24 via 172.2.1.0 dev d2": (
        "34000000190005005c1d016b0000000002180000fe00ff000000000008000100ac02010008000500ac0201000800040003000000",
        next(route_requests.delete(INDEXES, [PEER])),
    ),
    "ip route delete 198.51.100.0/24 dev d2 metric 7": (
        "34000000190005005c1d016b0000000002180000fe00ff000000000008000100c633640008000600070000000800040003000000",
        next(route_requests.delete(INDEXES, [METRIC])),
    ),
}


class Recorded:
    """A socket that gives what a request would make of an empty table."""

    def __init__(self, payload: bytes) -> None:
        self.answers = [struct.pack("=IHHII", 16 + len(payload), 2, 2, 1, 7) + payload]

    def dump(self, _kind: int, _payload: bytes) -> list[bytes]:
        return self.answers

    runs = dump


@pytest.mark.parametrize("command", REQUESTS)
def test_a_request_is_iproute2s(command: str) -> None:
    captured, request = REQUESTS[command]
    theirs = bytes.fromhex(captured)
    length, kind, flags = struct.unpack_from("=IHH", theirs)
    request_and_ack = 0x05
    assert (request.kind, request.flags) == (kind, flags & ~request_and_ack)
    assert len(request.payload) + 16 == length
    header = 12 if " route " in command else 8
    assert request.payload[:header] == theirs[16 : 16 + header]
    assert attributes(request.payload, header) == attributes(theirs, 16 + header)


four = st.binary(min_size=4, max_size=4).map(inet.to_text)
six = st.binary(min_size=16, max_size=16).map(inet.to_text)


@given(st.data(), st.booleans(), st.integers(1, 2**31 - 1))
def test_an_address_comes_back(data: Any, ipv6: bool, index: int) -> None:
    head = data.draw(six if ipv6 else four)
    address = Address("d2", f"{head}/{data.draw(st.integers(0, 128 if ipv6 else 32))}")
    request = next(address_requests.put({"d2": index}, [address]))
    permanent = struct.pack("=HHI", 8, IFA_FLAGS, IFA_F_PERMANENT)
    answers: Any = Recorded(request.payload + permanent)
    (found,) = addresses.read(answers, Scope(addresses=True), {}, {index: "d2"}).values()
    assert (found[:3], address.differs(found)) == (address[:3], set())
    assert addresses.read(answers, Scope(addresses=True), {}, {}) == {}


def test_several_hops_are_iproute2s() -> None:
    """ip route replace 10.7.0.0/16 nexthop via 192.0.2.2 dev d2 weight 3 nexthop via inet6 fe80::1 dev d2"""
    route = Route("10.7.0.0/16", MAIN, 0, nexthops=(Hop("192.0.2.2", "d2", 3), Hop("fe80::1", "d2")))
    # The last two bytes are padding.
    theirs = "100000020300000008000500c00002022000000003000000160012000a00fe8000000000000000000000000000010000"
    (request,) = route_requests.put(INDEXES, [route])
    assert attributes(request.payload, 12)[RTA_MULTIPATH].hex() == theirs


def one_of(*values: Any) -> Any:
    return st.sampled_from((None, *values))


@st.composite
def observed(draw: Any) -> Route:
    """A route as the kernel has it: nothing is unknown."""
    ipv6 = draw(st.booleans())
    family = six if ipv6 else four
    length = draw(st.integers(0, 128 if ipv6 else 32))
    base = draw(family) if length else "::" if ipv6 else "0.0.0.0"
    kind = draw(st.sampled_from(TYPES))
    way: dict[str, Any] = {"onlink": False}
    if kind not in NOWHERE:
        way = {"via": draw(st.none() | family), "dev": "d2", "onlink": draw(st.booleans())}
    if kind == "unicast" and draw(st.booleans()):
        hop = st.builds(Hop, family, st.just("d2"), st.integers(1, 256), st.booleans())
        other = st.builds(Hop, six | st.none(), st.just("d2"), st.integers(1, 256), st.booleans())
        way = {"nexthops": tuple(draw(st.lists(hop | other if not ipv6 else hop, min_size=2))), "onlink": False}
    mtu = draw(st.none() | st.integers(68, 65535))
    route = Route(
        dst=f"{base}/{length}",
        table=draw(st.integers(1, 2**32 - 1)),
        metric=draw(st.integers(0, 2**32 - 1)),
        tos=0 if ipv6 else draw(st.sampled_from((0, 8, 252))),
        type=kind,
        src=draw(st.none() | family),
        mtu=mtu,
        mtu_lock=bool(mtu and draw(st.booleans())),
        advmss=draw(one_of(1400)),
        initcwnd=draw(one_of(20)),
        hoplimit=draw(one_of(7)),
        pref=draw(st.sampled_from(PREFERENCES)) if ipv6 else None,
        protocol=draw(st.integers(1, 255)),
        expires=False,
        **way,
    )
    return route._replace(scope=route.usual_scope if ipv6 else draw(st.sampled_from((0, 253, 254))))


def read(payload: bytes, index: int) -> Route:
    """The route of a message."""
    answers: Any = Recorded(payload)
    table = attributes(payload, 12).get(RTA_TABLE)
    tables = {struct.unpack("=I", table)[0] if table else payload[4]}
    ((found,),) = routes.read(answers, Scope(tables=tables), {}, {index: "d2"}).values()
    return found


@given(observed(), st.integers(1, 2**31 - 1))
def test_a_route_comes_back(route: Route, index: int) -> None:
    request = next(route_requests.put({"d2": index}, [route]))
    assert len(request.payload) % 4 == 0
    found = read(request.payload, index)
    assert found._replace(raw=None) == route
    assert found.raw == request.payload
    assert route.met_by(found) and found.leads_as(route)
    for same in (next(route_requests.delete({}, [found])), route_requests.restore(request.payload)):
        assert attributes(same.payload, 12) == attributes(found.raw, 12)


UNKNOWN = {RTA_FLOW: bytes(4), RTA_ENCAP: bytes(8), RTA_ENCAP_TYPE: bytes(2), 77: b"abcde", 28: bytes(2)}


@given(
    observed(), st.dictionaries(st.sampled_from([*UNKNOWN]), st.binary(max_size=9)), st.binary(min_size=4, max_size=4)
)
def test_a_change_keeps_what_is_not_modelled(route: Route, unknown: dict[int, bytes], rto_min: bytes) -> None:
    """Attributes of any type, and metrics of any kind, stay when a metric is changed."""
    payload = next(route_requests.put({"d2": 2}, [route])).payload
    metrics = attributes(attributes(payload, 12).get(RTA_METRICS, b""), 0)
    payload += inet.packed({**unknown, RTA_METRICS: inet.packed({**metrics, RTAX_RTO_MIN: rto_min})})
    known = read(payload, 2)
    wanted = Route(*route.key, type=route.type, via=route.via, dev=route.dev, nexthops=route.nexthops, advmss=77)
    changed = next(route_requests.put({"d2": 2}, [wanted.over(known)])).payload
    kept = unknown if route.hops and route.nexthops is None else {k: v for k, v in unknown.items() if k not in OF_HOP}
    assert {kind: data for kind, data in attributes(changed, 12).items() if kind in UNKNOWN} == kept
    assert attributes(attributes(changed, 12)[RTA_METRICS], 0)[RTAX_RTO_MIN] == rto_min
    assert read(changed, 2)._replace(raw=None) == route._replace(advmss=77)


@pytest.mark.parametrize(
    ("preferred", "valid", "left"),
    [(200, 300, (100, 200)), (50, 300, (0, 200)), (10, 20, (0, 1)), (2**32 - 1, 2**32 - 1, (2**32 - 1, 2**32 - 1))],
)
def test_an_address_comes_back_with_what_is_left_of_its_life(preferred: int, valid: int, left: tuple[int, int]) -> None:
    header = struct.pack("=BBBBI", 2, 24, 0, 0, 3)
    local = struct.pack("=HH4s", 8, 2, bytes([192, 0, 2, 9]))
    label = struct.pack("=HH8s", 11, 3, b"d2:dhcp")
    flags = struct.pack("=HHI", 8, IFA_FLAGS, 0x200)
    lifetime = struct.pack("=HH4I", 20, 6, preferred, valid, 5, 5)
    found = addresses.decode(header + local + label + flags + lifetime, {3: "d2"}, time.monotonic() - 100)
    assert found is not None
    sent = attributes(next(address_requests.put({"d2": 7}, [found])).payload, 8)
    assert struct.unpack_from("=2I", sent[6]) == left
    assert sent[3] == b"d2:dhcp\0" and struct.unpack("=I", sent[IFA_FLAGS])[0] == 0x200
