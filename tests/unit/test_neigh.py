# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The codec against bytes that iproute2 6.1 sent and Linux 6.18 answered, on a VXLAN vx0 (VNI 10, port 4789).

Requests were captured by ``strace -e trace=sendmsg -e write=all`` on the command beside them, with vx0 at index 4.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.kernel import fdb, inet, neighbours
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import attributes, split
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import RTM_GETNEIGH, RTM_NEWNEIGH
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry, FdbKey
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour

NDMSG = "=BxxxiHB"  # struct ndmsg (include/uapi/linux/neighbour.h), without its type
NUD_NOARP = 0x40  # iproute2 adds it to what is permanent; the kernel does not need it
NUD_REACHABLE = struct.pack("=H", 0x02)
MAC, FLOOD = "02:0a:00:00:00:02", "00:00:00:00:00:00"
PEER, OTHER = FdbEntry("vx0", MAC, "192.168.2.142"), FdbEntry("vx0", FLOOD, "192.168.2.5")
INDEXES = {"vx0": 4}

REQUESTS = {
    "bridge fdb replace 02:0a:00:00:00:02 dev vx0 dst 192.168.2.142 self permanent": (
        "300000001c0005055eef006b000000000700000004000000c00002000a000200020a00000002000008000100c0a8028e",
        next(fdb.put(INDEXES, [PEER])),
    ),
    "bridge fdb delete 02:0a:00:00:00:02 dev vx0 dst 192.168.2.142": (
        "300000001d0005005eef006b000000000700000004000000c00002000a000200020a00000002000008000100c0a8028e",
        next(fdb.delete(INDEXES, [PEER])),
    ),
    "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.168.2.5 self permanent": (
        "300000001c00050c5eef006b000000000700000004000000c00002000a000200000000000000000008000100c0a80205",
        next(fdb.put(INDEXES, [OTHER])),
    ),
    "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 2001:db8::5 port 8472 vni 20 self permanent": (
        "4c0000001c00050c5eef006b000000000700000004000000c00002000a000200000000000000000014000100"
        "20010db800000000000000000000000506000600211800000800070014000000",
        next(fdb.put(INDEXES, [FdbEntry("vx0", FLOOD, "2001:db8::5", 8472, 20)])),
    ),
    "ip neigh replace 172.2.1.0 lladdr 02:0a:00:00:00:02 dev vx0 nud permanent": (
        "300000001c0005055eef006b0000000002000000040000008000000008000100ac0201000a000200020a000000020000",
        next(neighbours.put(INDEXES, [Neighbour("vx0", "172.2.1.0", MAC)])),
    ),
    "ip neigh replace fd00::1 lladdr 02:0a:00:00:00:02 dev vx0 nud permanent": (
        "3c0000001c0005055eef006b000000000a000000040000008000000014000100fd000000000000000000000000000001"
        "0a000200020a000000020000",
        next(neighbours.put(INDEXES, [Neighbour("vx0", "fd00::1", MAC)])),
    ),
    "ip neigh delete 172.2.1.0 lladdr 02:0a:00:00:00:02 dev vx0": (
        "300000001d0005005eef006b0000000002000000040000008000000008000100ac0201000a000200020a000000020000",
        next(neighbours.delete(INDEXES, [Neighbour("vx0", "172.2.1.0", MAC)])),
    ),
}

# Answers to RTM_GETNEIGH, with vx0 at index 5, after: bridge fdb replace (as above), two appends, one 'dynamic', one
# 'extern_learn', one 'master static'; ip neigh replace of three, one of them 'stale', one 'extern_learn'.
FDB_ANSWERS = {
    "02:0a:00:00:00:05 master br0 static": "4c0000001c00020002000000067a00000700000005000000400000000a000200020a"
    "000000050000080009000400000008000f00000000001400030000000000010000000100000000000000",
    "ca:b2:58:ec:ba:5c master br0 permanent": "4c0000001c00020002000000067a00000700000005000000800000000a000200cab2"
    "58ecba5c0000080009000400000008000f00000000001400030000000000020000000200000000000000",
    "02:0a:00:00:00:04 dst 192.168.2.6 self extern_learn permanent": "440000001c00020002000000067a000007000000050000"
    "00c00012010a000200020a00000004000008000100c0a802061400030000000000010000000100000000000000",
    "02:0a:00:00:00:03 dst 192.168.2.6 self": "440000001c00020002000000067a00000700000005000000020002010a000200020a"
    "00000003000008000100c0a802061400030000000000020000000200000000000000",
    "00:00:00:00:00:00 dst 192.168.2.5 self permanent": "440000001c00020002000000067a00000700000005000000c00002010a00"
    "0200000000000000000008000100c0a802051400030000000000010000000200000000000000",
    "00:00:00:00:00:00 dst 192.168.2.5 port 8472 vni 20 self permanent": "540000001c00020002000000067a00000700000005"
    "000000c00002010a000200000000000000000008000100c0a802050600060021180000080007001400000014000300000000000100000002"
    "00000000000000",
    "02:0a:00:00:00:02 dst 192.168.2.142 self permanent": "440000001c00020002000000067a00000700000005000000c00002010a"
    "000200020a00000002000008000100c0a8028e1400030000000000010000000200000000000000",
}
NEIGHBOUR_ANSWERS = {
    "172.2.1.1 lladdr 02:0a:00:00:00:02 STALE": "4c0000001c00220001000000067a000002000000050000000400000108000100ac0201"
    "010a000200020a00000002000008000400000000001400030070170000000000000000000000000000",
    "172.2.1.0 lladdr 02:0a:00:00:00:02 PERMANENT": "4c0000001c00220001000000067a00000200000005000000800000010800010"
    "0ac0201000a000200020a00000002000008000400000000001400030000000000000000000000000000000000",
    "172.2.1.2 lladdr 02:0a:00:00:00:02 extern_learn PERMANENT": "4c0000001c00220001000000067a000002000000050000008000"
    "100108000100ac0201020a000200020a00000002000008000400000000001400030000000000000000000000000000000000",
    "ff02::16 lladdr 33:33:00:00:00:16 NOARP": "580000001c00220001000000067a00000a000000050000004000000514000100ff0200"
    "000000000000000000000000160a000200333300000016000008000400000000001400030071170000010000000100000000000000",
    "fd00::1 lladdr 02:0a:00:00:00:02 PERMANENT": "580000001c00220001000000067a00000a00000005000000800000011400010"
    "0fd0000000000000000000000000000010a000200020a000000020000080004000000000014000300000000000000000000000000000000"
    "00",
}


class Recorded:
    """A socket that gives what the kernel gave."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = [bytes.fromhex(answer) for answer in answers.values()]

    def runs(self, kind: int, payload: bytes) -> list[bytes]:
        assert kind == RTM_GETNEIGH
        return [run for _kind, _flags, _sequence, run in split(b"".join(self.answers))]


def fdb_of(answers: Any, link: Link) -> list[FdbKey]:
    """What is read of a VXLAN's FDB."""
    return list(fdb.read(answers, Scope(fdb={None}), {link.name: link}, {9: "e0"}))


def neighbours_of(answers: Any, index: int) -> dict[str, str]:
    """What is read of a device's neighbours."""
    return neighbours.read(answers, Scope(neighbours={"vx0"}), {"vx0": Link("vx0", index=index)}, {})["vx0"]


def answer(payload: bytes) -> str:
    """What the kernel would answer if a request's body were in its table."""
    return (struct.pack("=IHHII", 16 + len(payload), RTM_NEWNEIGH, 2, 1, 7) + payload).hex()


@pytest.mark.parametrize("command", REQUESTS)
def test_a_request_is_iproute2s(command: str) -> None:
    captured, request = REQUESTS[command]
    theirs = bytes.fromhex(captured)
    length, kind, flags = struct.unpack_from("=IHH", theirs)
    request_and_ack = 0x05
    assert (request.kind, request.flags) == (kind, flags & ~request_and_ack)
    assert len(request.payload) + 16 == length
    family, index, state, entry_flags = struct.unpack_from(NDMSG, theirs, 16)
    assert struct.unpack_from(NDMSG, request.payload) == (family, index, state & ~NUD_NOARP, entry_flags)
    assert attributes(request.payload, 12) == attributes(theirs, 28)


@pytest.mark.parametrize(("state", "mark"), [(None, (0x80, 2)), ("static", (0xC0, 2)), ("extern_learn", (0x80, 0x12))])
def test_a_vtep_beside_those_of_a_control_plane_gets_their_state(state: str | None, mark: tuple[int, int]) -> None:
    payload = next(fdb.put(INDEXES, [OTHER._replace(state=state)])).payload
    assert struct.unpack_from(NDMSG, payload)[2:] == mark


def test_the_fdb_is_what_was_declared() -> None:
    link = Link("vx0", "vxlan", index=5)
    found = fdb_of(Recorded(FDB_ANSWERS), link)
    theirs = OTHER._replace(state="static")
    assert found == [theirs, theirs._replace(port=8472, vni=20), PEER]
    assert [(item.lladdr[-2:], item.dst, item.state) for item in link.noted] == [
        ("04", "192.168.2.6", "extern_learn"),
        ("03", "192.168.2.6", "dynamic"),
    ]


def test_the_fdb_is_without_the_remotes_own_row() -> None:
    link = Link("vx0", "vxlan", {"remote": "192.168.2.5"}, index=5)
    assert fdb_of(Recorded(FDB_ANSWERS), link) == [OTHER._replace(state="static", port=8472, vni=20), PEER]


def test_the_fdb_of_another_device() -> None:
    assert fdb_of(Recorded(FDB_ANSWERS), Link("vx1", "vxlan", index=6)) == []


def test_neighbours_are_the_permanent_ones() -> None:
    found = neighbours_of(Recorded(NEIGHBOUR_ANSWERS), 5)
    assert found == {"172.2.1.0": MAC, "fd00::1": MAC}


macs = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
addresses = st.one_of(st.ip_addresses(v=4).map(str), st.binary(min_size=16, max_size=16).map(inet.to_text))
indexes = st.integers(1, 2**31 - 1)


vnis = st.none() | st.integers(0, 2**24 - 1)


def fdb_payload(index: int, entry: FdbEntry) -> bytes:
    return next(fdb.put({"vx0": index, "e0": 9}, [entry])).payload


@given(index=indexes, lladdr=macs, dst=addresses, port=st.none() | st.integers(1, 65535), vni=vnis)
def test_an_fdb_entry_comes_back(index: int, lladdr: str, dst: str, port: Any, vni: Any) -> None:
    entry = FdbEntry("vx0", lladdr, dst, port, vni)
    payload = fdb_payload(index, entry)
    assert len(payload) % 4 == 0
    read = fdb_of(Recorded({"": answer(payload)}), Link("vx0", "vxlan", index=index))
    assert read == [entry]


@given(index=indexes, lladdr=macs, dst=addresses)
def test_a_neighbour_comes_back(index: int, lladdr: str, dst: str) -> None:
    entry = Neighbour("vx0", dst, lladdr)
    payload = next(neighbours.put({"vx0": index}, [entry])).payload
    assert payload[0] == (2 if ipaddress.ip_address(dst).version == 4 else 10)
    answers = Recorded({"": answer(payload)})
    assert neighbours_of(answers, index) == {dst: lladdr}


ports = st.none() | st.integers(1, 65535)
entries = st.builds(
    FdbEntry,
    st.just("vx0"),
    macs,
    addresses | st.none(),
    ports,
    vnis,
    vnis,
    st.sampled_from([None, "e0"]),
    vnis,
    st.none(),
).filter(lambda entry: entry.dst or entry.nhid)


@given(st.lists(entries, max_size=40, unique=True))
def test_a_table_of_all_kinds_of_entries_comes_back(listed: list[FdbEntry]) -> None:
    answers = Recorded({str(number): answer(fdb_payload(5, entry)) for number, entry in enumerate(listed)})
    assert fdb_of(answers, Link("vx0", "vxlan", index=5)) == listed


def test_ten_thousand_alike_are_one_run() -> None:
    listed = [
        FdbEntry("vx0", f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", "10.0.0.1") for number in range(10_000)
    ]
    answers = Recorded({str(number): answer(fdb_payload(5, entry)) for number, entry in enumerate(listed)})
    assert len(answers.runs(RTM_GETNEIGH, b"")) == 1
    assert fdb_of(answers, Link("vx0", "vxlan", index=5)) == listed


@given(st.lists(st.tuples(macs, st.booleans()), max_size=40, unique_by=lambda item: item[0]))
def test_what_was_learned_among_what_was_declared_is_left_out(listed: list[tuple[str, bool]]) -> None:
    answers = {}
    for number, (lladdr, learned) in enumerate(listed):
        payload = fdb_payload(5, FdbEntry("vx0", lladdr, "10.0.0.1"))
        answers[str(number)] = answer(payload[:8] + NUD_REACHABLE + payload[10:] if learned else payload)
    found = fdb_of(Recorded(answers), Link("vx0", "vxlan", index=5))
    assert [entry[1] for entry in found] == [lladdr for lladdr, learned in listed if not learned]
