# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard: keys in files, peers compared one by one, and the messages of its family of generic netlink."""

from __future__ import annotations

import base64
import os
import pathlib
import struct
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.engine.resolve import resolved
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import wireguard_messages, wireguard_peers
from ansible_collections.weft.fabric.plugins.module_utils.kinds.wireguard_peers import NEW, Peer, Peers, Secret
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan
from ansible_collections.weft.fabric.tests.unit.pure_kernel import PureKernel

# Made by wg(8): private key, public key.
KEYS = (
    ("GPYCm+an8NW40aaU4GJW03C9mb9tDpHJYSBhkKvMb0o=", "AndQu0rkaS64+/+n3+CFyfhg8qA4yEKw7ONhHBE5HlE="),
    ("+CIM12vJmayJ7+4dpHJyihl6Nm/xZ/BSIjhUDtA57HI=", "Oi5r1PQpu1BMU2fHJLvVPxF/5vEyVGlKT7eTPxUlYzY="),
    ("//////////////////////////////////////////8=", "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI="),
)
PEER, OTHER = KEYS[1][1], KEYS[2][1]


@pytest.mark.parametrize(("private", "public"), KEYS)
def test_a_public_key_follows_from_the_private_one(private: str, public: str) -> None:
    assert base64.b64encode(wireguard_peers.public_of(base64.b64decode(private))).decode() == public


@pytest.fixture
def secret(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a key to a file of a name; whoever runs the tests is root for the file's owner."""
    real = os.fstat

    def owned_by_root(descriptor: int) -> os.stat_result:
        status = list(real(descriptor))
        status[4] = 0
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", owned_by_root)

    def write(name: str, text: str, mode: int = 0o600) -> str:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        path.write_text(f"{text}\n", encoding="ascii")
        path.chmod(mode)
        return str(path)

    return write


def document(**more: Any) -> Document:
    return resolved(parse_topology({"": {"links": [{"name": "wg0", "kind": "wireguard", **more}]}}))[0]


def planned(kernel: PureKernel, **more: Any) -> Plan:
    wanted = document(**more)
    return plan(wanted, kernel.observe(wanted))


def peers(kernel: PureKernel) -> dict[str, Peer]:
    found: dict[str, Peer] = kernel.state[""].links["wg0"].attributes["peers"]
    return found


# -- plans -----------------------------------------------------------------------------------------


def test_the_life_of_a_tunnel(secret: Any) -> None:
    kernel, key = PureKernel(), secret("wg0.key", KEYS[0][0])
    peer = {"public_key": PEER, "endpoint": "192.0.2.1:51820", "allowed_ips": ["10.0.1.0/24", "10.0.0.0/24"]}
    wanted = document(private_key_file=key, listen_port=51820, peers=[peer])
    (made,) = kernel.run(wanted)
    line = f"link wg0 peer {PEER} endpoint 192.0.2.1:51820 allowed_ips 10.0.0.0/24,10.0.1.0/24"
    assert made.diff()["after"].splitlines() == [
        "link wg0 type wireguard",
        f"link wg0 public_key {KEYS[0][1]}",
        "link wg0 listen_port 51820",
        line,
        "link wg0 up",
    ]
    assert kernel.run(wanted) == []
    data = kernel.state[""].links["wg0"].data()
    assert (data["public_key"], data["peers"]) == (KEYS[0][1], [{**peer, "allowed_ips": sorted(peer["allowed_ips"])}])
    assert "private_key_file" not in data
    assert kernel.run(document(peers=[])) and peers(kernel) == {}
    assert kernel.state[""].links["wg0"].attributes["public_key"] == KEYS[0][1], "what is not asked for stays"


def test_only_the_peers_that_differ_are_in_a_diff() -> None:
    kernel = PureKernel()
    one = {"public_key": PEER, "endpoint": "192.0.2.1:51820", "allowed_ips": ["10.0.0.0/24"]}
    two = {"public_key": OTHER, "endpoint": "192.0.2.2:51820", "allowed_ips": ["10.1.0.0/24"]}
    kernel.run(document(peers=[one, two]))
    assert not planned(kernel, peers=[two, one]).operations, "the order of peers means nothing"
    assert planned(kernel, peers=[one, {**two, "persistent_keepalive": 25}]).diff() == {
        "before": f"link wg0 peer {OTHER} endpoint 192.0.2.2:51820 allowed_ips 10.1.0.0/24\n",
        "after": f"link wg0 peer {OTHER} endpoint 192.0.2.2:51820 persistent_keepalive 25 allowed_ips 10.1.0.0/24\n",
    }
    gone = planned(kernel, peers=[one]).diff()
    assert (gone["before"].count("\n"), OTHER in gone["before"], gone["after"]) == (1, True, "")


def test_what_is_not_asked_of_a_peer_stays(secret: Any) -> None:
    kernel, path = PureKernel(), secret("psk", KEYS[0][0])
    whole = {"endpoint": "192.0.2.1:51820", "persistent_keepalive": 25, "allowed_ips": ["10.0.0.0/24"]}
    kernel.run(document(peers=[{"public_key": PEER, "preshared_key_file": path, **whole}]))
    before = peers(kernel)
    assert not planned(kernel, peers=[{"public_key": PEER}]).operations
    kernel.run(document(peers=[{"public_key": PEER, "allowed_ips": []}]))
    assert peers(kernel) == {PEER: before[PEER]._replace(allowed_ips=())}


def test_a_preshared_key_changes_and_goes(secret: Any) -> None:
    kernel = PureKernel()
    lines = []
    for file in (secret("one", KEYS[0][0]), secret("two", KEYS[1][0]), ""):
        wanted = [{"public_key": PEER, "preshared_key_file": file}]
        diff = planned(kernel, peers=wanted).diff()
        lines.append([line.split()[4:] for line in (diff["before"] + diff["after"]).splitlines() if " peer " in line])
        kernel.run(document(peers=wanted))
        kernel.state[""].links["wg0"].attributes["peers"] = wireguard_messages.decode(
            wireguard_messages.encode("wg0", {}, {"peers": peers(kernel)})
        )["peers"]
        assert not planned(kernel, peers=wanted).operations, "also as the kernel reports it"
    none, known, new = (["allowed_ips", "none"], ["preshared_key", "set"], ["preshared_key", "new"])
    assert lines == [[new + none], [known + none, new + none], [known + none, none]]


def test_another_private_key(secret: Any) -> None:
    kernel = PureKernel()
    kernel.run(document(private_key_file=secret("one", KEYS[0][0])))
    assert planned(kernel, private_key_file=secret("two", KEYS[1][0])).diff() == {
        "before": f"link wg0 public_key {KEYS[0][1]}\n",
        "after": f"link wg0 public_key {KEYS[1][1]}\n",
    }
    assert not planned(kernel, public_key=KEYS[0][1]).operations
    with pytest.raises(InvalidParameter, match=r"public_key: .*: give 'private_key_file'"):
        planned(kernel, public_key=KEYS[1][1])
    with pytest.raises(InvalidParameter, match=r"public_key: .* a tunnel has two ends"):
        planned(kernel, peers=[{"public_key": KEYS[0][1]}])


def test_no_secret_is_shown(secret: Any) -> None:
    kernel, private, shared = PureKernel(), KEYS[0][0], KEYS[1][0]
    files = {"private_key_file": secret("key", private)}
    wanted = document(peers=[{"public_key": OTHER, "preshared_key_file": secret("psk", shared)}], **files)
    todo = plan(wanted, kernel.observe(wanted))
    kernel.run(wanted)
    link = kernel.state[""].links["wg0"]
    shown = "".join(map(str, (wanted, todo.operations, todo.diff(), link, link.data(), link.summary(), link.lines())))
    for key in (private, shared):
        octets = base64.b64decode(key)
        assert key not in shown and octets.hex() not in shown and repr(octets)[2:-1] not in shown


# -- parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "where", "told"),
    [
        ({"listen_port": 0}, "listen_port", "from 1 to 65535"),
        ({"fwmark": -1}, "fwmark", "from 0 to 4294967295"),
        ({"public_key": "abc"}, "public_key", "44 characters of base64"),
        ({"public_key": KEYS[0][1][:-2] + "F="}, "public_key", "44 characters of base64"),
        ({"private_key_file": "wg0.key"}, "private_key_file", "absolute path"),
        ({"private_key_file": KEYS[0][0]}, "private_key_file", "not the key itself"),
        ({"peers": {}}, "peers", "give a list"),
        ({"peers": [PEER]}, "peers[0]", "give a dictionary"),
        ({"peers": [{}]}, "peers[0].public_key", "44 characters of base64"),
        ({"peers": [{"public_key": PEER}] * 2}, "peers[1].public_key", "listed twice"),
        ({"peers": [{"public_key": PEER, "key": 1}]}, "peers[0].key", "a peer takes only public_key"),
        ({"mac_address": "02:00:00:00:00:01"}, "mac_address", "has none of its own"),
        *(
            ({"peers": [{"public_key": PEER, **peer}]}, f"peers[0].{where}", told)
            for peer, where, told in (
                ({"endpoint": "192.0.2.1"}, "endpoint", "give address and port"),
                ({"endpoint": "2001:db8::1:51820"}, "endpoint", "[2001:db8::1]:51820"),
                ({"endpoint": "host:51820"}, "endpoint", "give an IPv4 or IPv6 address"),
                ({"endpoint": "224.0.0.1:51820"}, "endpoint", "of one host"),
                ({"endpoint": "192.0.2.1:0"}, "endpoint", "from 1 to 65535"),
                ({"endpoint": 5}, "endpoint", "give address and port"),
                ({"persistent_keepalive": 65536}, "persistent_keepalive", "from 0 to 65535"),
                ({"allowed_ips": ["10.0.0.1/24"]}, "allowed_ips[0]", "did you mean 10.0.0.0/24?"),
                ({"allowed_ips": ["10.0.0.0/24"] * 2}, "allowed_ips", "keep one"),
                ({"preshared_key_file": KEYS[0][0]}, "preshared_key_file", "not the key itself"),
            )
        ),
        (
            {"peers": [{"public_key": key, "allowed_ips": ["10.0.0.0/24"]} for key in (PEER, OTHER)]},
            "peers[1].allowed_ips",
            f"peer {PEER} has it in the list already",
        ),
    ],
)
def test_bad_parameters(options: dict[str, Any], where: str, told: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        document(**options)
    assert f".{where}: " in str(refused.value) and told in str(refused.value)
    assert KEYS[0][0] not in str(refused.value), "whoever gives a key instead of a file finds it in no log"


def test_files_that_hold_no_secret(secret: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    bad = [
        (str(tmp_path), "it is no regular file"),
        (str(tmp_path / "fifo"), "it is no regular file"),
        (secret("open", KEYS[0][0], 0o640), "root alone may read it"),
        (secret("short", KEYS[0][0][:-4]), "it holds no key"),
        (secret("hexadecimal", "00" * 32), "it holds no key"),
        (secret("long", KEYS[0][0] * 9), "it holds no key"),
        (secret("zeros", base64.b64encode(bytes(32)).decode()), "it holds no key"),
    ]
    for path, told in bad:
        with pytest.raises(InvalidParameter, match=rf"private_key_file: '{path}' is refused: {told}"):
            document(private_key_file=path)
        with pytest.raises(InvalidParameter, match=rf"preshared_key_file: '{path}' is refused: {told}"):
            document(peers=[{"public_key": PEER, "preshared_key_file": path}])
    good = secret("key", KEYS[0][0])
    with pytest.raises(InvalidParameter, match=f"public_key: '{PEER}' is refused: that of {good} is"):
        document(private_key_file=good, public_key=PEER)
    monkeypatch.undo()
    if os.getuid():
        with pytest.raises(InvalidParameter, match="let root own it"):
            document(private_key_file=good)


def test_a_missing_file_is_an_error_and_in_check_mode_a_warning() -> None:
    """An earlier task may be about to create it."""
    item = {"name": "wg0", "kind": "wireguard", "private_key_file": "/none/key"}
    item["peers"] = [{"public_key": PEER, "preshared_key_file": "/none/psk"}]
    parsed = parse_topology({"": {"links": [item]}})
    with pytest.raises(FabricError, match=r"private_key_file: file /none/key does not exist: write a key to it"):
        resolved(parsed)
    wanted, warnings = resolved(parsed, check=True)
    assert [warning.partition(" does not exist")[0].partition("links[0].")[2] for warning in warnings] == [
        "private_key_file: file /none/key",
        f"peers.{PEER}.preshared_key_file: file /none/psk",
    ]
    after = plan(wanted, PureKernel().observe(wanted), check=True).diff()["after"]
    assert f"peer {PEER} preshared_key new" in after and "link wg0 private_key_file /none/key\n" in after


def test_a_tunnel_is_removed_without_its_files() -> None:
    kernel = PureKernel()
    kernel.run(document())
    item = {"name": "wg0", "kind": "wireguard", "private_key_file": "/none"}
    assert kernel.run(parse_topology({"": {"links": [item]}}, absent=True))


# -- messages --------------------------------------------------------------------------------------

subnets = st.one_of(
    st.integers(0, 255).map(lambda number: f"10.{number}.0.0/16"),
    st.integers(1, 255).map(lambda number: f"fd00:{number:x}::/32"),
)
every_peer = st.builds(
    Peer,
    endpoint=st.sampled_from([None, "192.0.2.1:51820", "[2001:db8::1]:1"]),
    preshared_key=st.binary(min_size=32, max_size=32).map(Secret),
    persistent_keepalive=st.integers(0, 65535),
    allowed_ips=st.lists(subnets, unique=True).map(lambda found: tuple(sorted(found))),
)
every_key = st.binary(min_size=32, max_size=32).map(lambda octets: base64.b64encode(octets).decode())


def attributes(data: bytes) -> list[tuple[int, bytes]]:
    """Attributes by a reader of the test's own."""
    found = []
    while data:
        length, kind = struct.unpack_from("=HH", data)
        found.append((kind & 0x3FFF, data[4:length]))
        data = data[length + 3 & ~3 :]
    return found


@given(st.dictionaries(every_key, every_peer).map(Peers))
def test_peers_come_back(table: Peers) -> None:
    sent = [*wireguard_messages.encode("wg0", {}, {"listen_port": 51820, "fwmark": 7, "peers": table})]
    assert all(attributes(message)[0] == (2, b"wg0\0") for message in sent)
    assert wireguard_messages.decode(sent) == {"public_key": None, "listen_port": 51820, "fwmark": 7, "peers": table}


def test_a_table_that_does_not_fit_into_one_message() -> None:
    many = tuple(sorted(f"10.{number >> 8}.{number & 255}.0/24" for number in range(1300)))
    table = Peers(
        {base64.b64encode(bytes([number]) * 32).decode(): NEW._replace(allowed_ips=many[:20]) for number in range(250)}
    )
    table[PEER] = NEW._replace(allowed_ips=many)
    sent = [*wireguard_messages.encode("wg0", {}, {"peers": table})]
    assert len(sent) > 3 and max(map(len, sent)) < 65536
    assert wireguard_messages.decode(sent)["peers"] == table


def test_only_what_differs_is_sent() -> None:
    one, two = (
        NEW._replace(endpoint="192.0.2.1:1", allowed_ips=("10.0.0.0/8",)),
        NEW._replace(allowed_ips=("10.1.0.0/16",)),
    )
    known = {"peers": Peers({PEER: one, OTHER: two, KEYS[0][1]: NEW})}
    wanted = Peers({PEER: one, OTHER: two._replace(persistent_keepalive=5)})
    (message,) = wireguard_messages.encode("wg0", known, {"peers": wanted})
    (_name, (kind, listed)) = attributes(message)
    assert kind == 8
    gone, changed = (dict(attributes(peer)) for _index, peer in attributes(listed))
    assert gone == {1: base64.b64decode(KEYS[0][1]), 3: struct.pack("=I", 1)}
    assert changed == {1: base64.b64decode(OTHER), 5: struct.pack("=H", 5)}, "its addresses and sessions stay"
    assert [*wireguard_messages.encode("wg0", known, known)] == []


def test_a_private_key_is_sent_and_never_read(secret: Any) -> None:
    link: Link = document(private_key_file=secret("key", KEYS[0][0])).namespaces[""].links["wg0"]
    (message,) = wireguard_messages.encode("wg0", {}, link.attributes)
    assert attributes(message)[1] == (3, base64.b64decode(KEYS[0][0]))
    answer = message + struct.pack("=HH", 36, 4) + base64.b64decode(KEYS[0][1])
    found = wireguard_messages.decode([answer])
    assert found == {"public_key": KEYS[0][1], "peers": {}} and not hasattr(found["public_key"], "private")


def test_other_links_import_nothing_of_it() -> None:
    program = (
        "import sys\n"
        "from ansible_collections.weft.fabric.plugins.modules import bridge\n"
        "print([name for name in sys.modules if 'wireguard_' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
