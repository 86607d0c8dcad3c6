# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""reachability on the real kernel: client - router one - router two - server, both families."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, ip, run

PORT = 8000
SERVER = {"IPv4": "10.0.3.2", "IPv6": "fd00:3::2"}
CLIENT = {"IPv4": "10.0.1.2", "IPv6": "fd00:1::2"}
both_families = pytest.mark.parametrize("family", list(SERVER))


class Path(NamedTuple):
    """Namespaces, in the order in which a packet passes them. Each one's way to the server is its device "next"."""

    client: str
    one: str
    two: str
    server: str


# (number of the segment, host part on the near end, host part on the far end)
SEGMENTS = ((1, 2, 1), (2, 1, 2), (3, 1, 2))


@pytest.fixture
def path(ns) -> Path:
    made = Path(ns(), ns(), ns(), ns())
    for (number, near, far), left, right in zip(SEGMENTS, made, made[1:]):
        ip(left, "link", "add", "next", "type", "veth", "peer", "name", "back", "netns", right)
        for namespace, device, host in ((left, "next", near), (right, "back", far)):
            ip(namespace, "address", "add", f"10.0.{number}.{host}/24", "dev", device)
            ip(namespace, "address", "add", f"fd00:{number}::{host}/64", "dev", device, "nodad")
            # The link-local address by hand, for the kernel makes it some time after the link is up, and a router
            # without one does not ask for neighbours.
            ip(namespace, "link", "set", device, "addrgenmode", "none", "up")
            ip(namespace, "address", "add", f"fe80::{host}/64", "dev", device, "nodad")
    for namespace, gateway in ((made.client, "1::1"), (made.one, "2::2"), (made.two, "2::1"), (made.server, "3::1")):
        ip(namespace, "route", "add", "default", "via", "10.0." + gateway.replace("::", "."))
        ip(namespace, "-6", "route", "add", "default", "via", "fd00:" + gateway)
    for router in (made.one, made.two):
        with inside(router):
            for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
                pathlib.Path("/proc/sys/net", switch).write_text("1", encoding="ascii")
    return made


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers as the pods' echo server does."""

    def do_GET(self) -> None:
        document = {"header": dict(self.headers), "body": "Echo response", "client": self.client_address[0]}
        body = json.dumps(document).encode()
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, family: str) -> None:
        self.address_family = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}[family]
        super().__init__(("0.0.0.0" if family == "IPv4" else "::", PORT), Echo)


@contextlib.contextmanager
def serving(namespace: str, family: str) -> Iterator[None]:
    with inside(namespace):
        server = Server(family)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def url(address: str, path: str = "/echo") -> str:
    return f"http://[{address}]:{PORT}{path}" if ":" in address else f"http://{address}:{PORT}{path}"


def nft(namespace: str, rule: str, kind: str = "filter") -> None:
    """One rule for packets that the namespace forwards or sends, in a table of its own."""
    hook, _space, rule = rule.partition(" ")
    script = f"table inet test {{\nchain c {{\ntype {kind} hook {hook} priority 0;\n{rule}\n}}\n}}"
    run("ip", "netns", "exec", namespace, "nft", script)


@pytest.fixture
def one(run_module, path):
    """Probe the server, or another address, from the client; the target's result."""

    def probe(address: str, check: bool = False, **more: Any) -> dict[str, Any]:
        target = {
            "name": "server",
            "address": address,
            **{key: more.pop(key) for key in ("port", "url") if key in more},
        }
        result = run_module("reachability", check=check, netns=path.client, targets=[target], **more)
        assert result.rc == 0, result
        assert result["changed"] is False
        assert result["reachable"] == result["results"][0]["reachable"] == (result["results"][0]["error"] is None)
        return result["results"][0]

    return probe


@pytest.mark.older_host
@both_families
@pytest.mark.parametrize("check", [False, True])
def test_all_layers_over_two_routers(path, one, family, check) -> None:
    with serving(path.server, family), Monitor(*path) as monitor:
        result = one(SERVER[family], port=PORT, url=url(SERVER[family]), count=5, check=check)
    assert result["error"] is None
    assert (result["sent"], result["received"], result["loss"]) == (5, 5, 0)
    assert result["ttl"] == 62
    assert 0 < result["rtt"]["min"] <= result["rtt"]["avg"] <= result["rtt"]["max"] < 1000
    assert (result["pmtu"], result["pmtu_black_hole"]) == (1500, False)
    assert result["source"] == CLIENT[family]
    assert result["tcp"] == "open"
    assert result["http"] == {"status": 200, "source": CLIENT[family]}
    assert monitor.changes == []


@both_families
def test_the_server_tells_of_nat(path, one, family) -> None:
    nft(path.two, "postrouting oifname next masquerade", kind="nat")
    with serving(path.server, family):
        result = one(SERVER[family], url=url(SERVER[family]))
    router = {"IPv4": "10.0.3.1", "IPv6": "fd00:3::1"}[family]
    assert (result["source"], result["http"]["source"]) == (CLIENT[family], router)


@both_families
def test_refused_port(one, family) -> None:
    result = one(SERVER[family], port=81, url=f"http://[{SERVER[family]}]/" if family == "IPv6" else "http://10.0.3.2/")
    assert (result["tcp"], result["loss"]) == ("refused", 0)
    assert result["http"] == {"status": None, "source": None}
    assert result["error"] == "tcp: port 81 refused"


def test_http_status_is_a_layer(path, one) -> None:
    with serving(path.server, "IPv4"):
        result = one(SERVER["IPv4"], port=PORT, url=url(SERVER["IPv4"], "/missing"))
    assert (result["tcp"], result["http"]["status"]) == ("open", 404)
    assert result["error"] == "http: status 404"


@both_families
def test_no_route(path, one, family) -> None:
    ip(path.client, "-4" if family == "IPv4" else "-6", "route", "delete", "default")
    result = one(SERVER[family], port=PORT)
    assert result["error"] == "no route: Network is unreachable"
    assert (result["sent"], result["loss"], result["rtt"], result["ttl"]) == (0, 100, None, None)
    assert (result["source"], result["pmtu"], result["tcp"]) == (None, None, None)


@both_families
def test_neighbour_unresolved(one, family) -> None:
    result = one({"IPv4": "10.0.1.77", "IPv6": "fd00:1::77"}[family], port=80)
    protocol = {"IPv4": "ARP", "IPv6": "neighbour discovery"}[family]
    assert result["error"] == f"neighbour unresolved: no answer to {protocol} for the next hop"
    assert (result["loss"], result["source"], result["tcp"]) == (100, CLIENT[family], "unreachable")


@both_families
def test_neighbour_of_a_router_unresolved(one, family) -> None:
    result = one({"IPv4": "10.0.3.77", "IPv6": "fd00:3::77"}[family])
    assert result["error"] == {
        "IPv4": "icmp: host unreachable from 10.0.2.2",
        "IPv6": "icmp: address unreachable from fd00:2::2",
    }[family]  # fmt: skip


@both_families
def test_link_down(path, one, family) -> None:
    ip(path.client, "link", "set", "next", "down")
    result = one(SERVER[family])
    assert (result["loss"], result["received"]) == (100, 0)
    assert result["error"] == "no route: Network is unreachable"


@both_families
def test_link_down_at_the_far_end(path, one, family) -> None:
    for router, destination in ((path.two, "10.0.1.0/24"), (path.two, "fd00:1::/64")):
        gateway = "10.0.2.1" if "." in destination else "fd00:2::1"
        ip(router, "route", "add", destination, "via", gateway)
    for option in ("-4", "-6"):
        ip(path.two, option, "route", "delete", "default")
    ip(path.server, "link", "set", "back", "down")
    ip(path.two, "link", "set", "next", "down")
    result = one(SERVER[family])
    assert (result["loss"], result["received"]) == (100, 0)
    assert result["error"] == {
        "IPv4": "icmp: network unreachable from 10.0.2.2",
        "IPv6": "icmp: no route to destination from fd00:2::2",
    }[family]  # fmt: skip


@both_families
def test_administratively_prohibited(path, one, family) -> None:
    nft(path.two, "forward reject with icmpx type admin-prohibited")
    result = one(SERVER[family], port=PORT)
    sender = {"IPv4": "10.0.2.2", "IPv6": "fd00:2::2"}[family]
    assert result["error"] == f"icmp: communication administratively prohibited from {sender}"
    assert result["tcp"] == "unreachable"


@both_families
def test_routing_loop(path, one, family) -> None:
    destination = {"IPv4": "10.0.9.1", "IPv6": "fd00:9::1"}[family]
    result = one(destination)
    assert "exceeded (a routing loop?) from " in result["error"]


@both_families
def test_silence_is_a_timeout(path, one, family) -> None:
    nft(path.two, "forward drop")
    begin = time.monotonic()
    result = one(SERVER[family], port=PORT, timeout=0.5)
    assert time.monotonic() - begin < 4
    assert (result["error"], result["tcp"]) == ("icmp: timeout, no echo reply", "timeout")


def test_own_firewall(path, one) -> None:
    nft(path.client, "output meta l4proto icmp drop")
    result = one(SERVER["IPv4"])
    assert result["error"] == "icmp: this host does not send: Operation not permitted"
    assert (result["sent"], result["loss"]) == (3, 100)


def test_some_loss_is_not_unreachable(path, one) -> None:
    nft(path.two, "forward icmp type echo-request meta length 84 numgen inc mod 2 == 0 drop")
    result = one(SERVER["IPv4"], count=4, timeout=2)
    assert (result["sent"], result["received"], result["loss"], result["error"]) == (4, 2, 50, None)


def lower(path: Path, mtu: int) -> None:
    """The link between the routers takes no larger packets."""
    ip(path.one, "link", "set", "next", "mtu", str(mtu))
    ip(path.two, "link", "set", "back", "mtu", str(mtu))


@both_families
@pytest.mark.parametrize("mtu", [1280, 1423, 1499])
def test_path_mtu_as_told(path, one, family, mtu) -> None:
    lower(path, mtu)
    result = one(SERVER[family])
    assert (result["pmtu"], result["pmtu_black_hole"], result["error"]) == (mtu, False, None)


@both_families
@pytest.mark.parametrize("mtu", [1280, 1423, 1499])
def test_path_mtu_in_a_black_hole(path, one, family, mtu) -> None:
    lower(path, mtu)
    silence = {"IPv4": "icmp type destination-unreachable", "IPv6": "icmpv6 type packet-too-big"}[family]
    nft(path.one, f"output {silence} drop")
    begin = time.monotonic()
    with serving(path.server, family):
        result = one(SERVER[family], port=PORT, url=url(SERVER[family]), timeout=1)
    assert time.monotonic() - begin < 8
    assert (result["loss"], result["pmtu"], result["pmtu_black_hole"]) == (0, mtu, True)
    # Pings work, TCP dies: the connection is made, and the request's full segments are lost.
    assert result["tcp"] == "open"
    assert result["error"] == f"http: port {PORT} timeout"


def test_path_mtu_of_jumbo_frames(path, one) -> None:
    for namespace in path:
        for device in ("next", "back"):
            with contextlib.suppress(AssertionError):
                ip(namespace, "link", "set", device, "mtu", "9000")
    assert one(SERVER["IPv4"])["pmtu"] == 9000


def test_path_mtu_on_request_only(one) -> None:
    result = one(SERVER["IPv4"], pmtu=False)
    assert (result["pmtu"], result["pmtu_black_hole"]) == (None, None)


@pytest.mark.older_host
def test_targets_from_many_namespaces_in_one_run(path, run_module) -> None:
    targets = [
        {"name": "server", "address": SERVER["IPv4"], "netns": path.client},
        {"name": "server", "address": SERVER["IPv4"], "netns": path.two, "port": PORT},
        {"name": "client", "address": CLIENT["IPv6"], "netns": path.server},
        {"name": "client", "address": CLIENT["IPv6"], "netns": "nowhere"},
        {"name": "self", "address": "127.0.0.1"},
    ]
    with serving(path.server, "IPv4"):
        result = run_module("reachability", netns=path.one, targets=targets)
    assert [(r["name"], r["netns"], r["source"], r["ttl"], r["tcp"], r["error"]) for r in result["results"]] == [
        ("server", path.client, "10.0.1.2", 62, None, None),
        ("server", path.two, "10.0.3.1", 64, "open", None),
        ("client", path.server, "fd00:3::2", 62, None, None),
        ("client", "nowhere", None, None, None, "namespace nowhere does not exist"),
        ("self", "", "127.0.0.1", 64, None, None),
    ]
    assert result["reachable"] is False
    assert result["invocation"]["module_args"]["targets"] == [target["name"] for target in targets], "told twice"


def test_missing_namespace(run_module) -> None:
    result = run_module("reachability", netns="nowhere", targets=[{"name": "a", "address": "127.0.0.1"}])
    assert result["msg"] == "namespace nowhere does not exist: create it with weft.fabric.netns"


@both_families
def test_two_hundred_targets_at_once(path, run_module, family) -> None:
    prefix, size = {"IPv4": ("10.0.4.", 24), "IPv6": ("fd00:4::", 64)}[family]
    addresses = [f"{prefix}{number}" for number in range(1, 201)]
    for address in addresses:
        ip(path.server, "address", "add", f"{address}/{size}", "dev", "lo")
    ip(path.two, "route", "add", f"{prefix}0/{size}" if family == "IPv4" else "fd00:4::/64", "via", SERVER[family])
    lower(path, 1400)
    targets = [{"name": address, "address": address, "port": PORT, "url": url(address)} for address in addresses]
    seconds = []
    with serving(path.server, family):
        for chosen in (targets[:1], targets):
            begin = time.monotonic()
            # An emulated server is slow, and all of them are one process.
            result = run_module("reachability", netns=path.client, targets=chosen, timeout=60)
            seconds.append(time.monotonic() - begin)
    one, all_of_them = seconds
    assert all_of_them < one * len(targets) / 4
    assert result["reachable"] is True, [target["error"] for target in result["results"] if target["error"]]
    assert [target["address"] for target in result["results"]] == addresses
    for target in result["results"]:
        assert (target["loss"], target["ttl"], target["pmtu"], target["tcp"]) == (0, 62, 1400, "open")
        assert target["http"] == {"status": 200, "source": CLIENT[family]}


def run_by_itself(*prefix: str, **arguments: Any) -> Any:
    """The module's result when another program starts it, which limits it."""
    module = "ansible_collections.weft.fabric.plugins.modules.reachability"
    python = os.environ.get("WEFT_TEST_PYTHON", sys.executable)
    text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    done = subprocess.run(
        [*prefix, python, "-m", module], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def test_a_thousand_targets_within_the_limit_of_files() -> None:
    targets = [
        {"name": f"127.0.{number // 250}.{number % 250 + 1}", "address": f"127.0.{number // 250}.{number % 250 + 1}",
         "port": 1} for number in range(1000)
    ]  # fmt: skip
    result = run_by_itself("prlimit", "--nofile=64", targets=targets, pmtu=False, timeout=2)
    assert {(target["loss"], target["tcp"], target["error"]) for target in result["results"]} == {
        (0, "refused", "tcp: port 1 refused")
    }


def test_not_root() -> None:
    capability = "-net_raw"
    words = ["setpriv", "--bounding-set", capability, "--inh-caps", capability]
    assert run_by_itself(*words, targets=[{"name": "a", "address": "127.0.0.1"}])["msg"] == (
        "ICMP echo requests need root (CAP_NET_RAW, CAP_NET_ADMIN): set 'become: true'"
    )


TARGET = {"name": "a", "address": "127.0.0.1"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "missing required arguments: targets"),
        ({"targets": [{"name": "a"}]}, "missing required arguments: address found in targets"),
        ({"targets": []}, "targets: 0 is refused: give from 1 to 65536 targets"),
        ({"targets": [TARGET, TARGET]}, "targets[1].name: 'a' is refused: another target has this name"),
        ({"targets": [{**TARGET, "name": ""}]}, "targets[0].name: '' is refused: give a name"),
        ({"targets": [{**TARGET, "address": "pod2"}]}, "targets[0].address: 'pod2' is refused: give an IPv4 or IPv6"),
        ({"targets": [{**TARGET, "address": "10.0.0.0/24"}]}, "give the address alone, without a prefix length"),
        ({"targets": [{**TARGET, "address": "224.0.0.1"}]}, "'224.0.0.1' is refused: give the address of one host"),
        ({"targets": [{**TARGET, "address": "::"}]}, "'::' is refused: give the address of one host"),
        (
            {"targets": [{**TARGET, "address": "fe80::1"}]},
            "'fe80::1' is refused: several hosts may have a link-local address",
        ),
        ({"targets": [{**TARGET, "port": 0}]}, "targets[0].port: 0 is refused: give a whole number from 1 to 65535"),
        ({"targets": [{**TARGET, "port": 65536}]}, "targets[0].port: 65536 is refused: give a whole number from 1 to"),
        ({"targets": [{**TARGET, "url": "https://127.0.0.1/"}]}, "targets[0].url: 'https://127.0.0.1/' is refused"),
        ({"targets": [{**TARGET, "url": "http://[::1]/"}]}, "its host is the target's address, as in http://127.0.0.1"),
        ({"targets": [{**TARGET, "url": "http://pod2/"}]}, "its host is the target's address, as in http://127.0.0.1"),
        ({"targets": [{**TARGET, "url": "http://127.0.0.1:99999/"}]}, "give a URL such as http://127"),
        ({"targets": [{**TARGET, "url": "http://127.0.0.1/a b"}]}, "give an http URL without white space"),
        ({"targets": [{**TARGET, "netns": "a/b"}]}, "targets[0].netns: 'a/b' is refused"),
        ({"targets": [TARGET], "netns": "a b"}, "netns: 'a b' is refused"),
        ({"targets": [TARGET], "count": 0}, "count: 0 is refused: give a whole number from 1 to 1000"),
        ({"targets": [TARGET], "count": 1001}, "count: 1001 is refused: give a whole number from 1 to 1000"),
        ({"targets": [TARGET], "timeout": 0}, "timeout: 0.0 is refused: give from 0.1 to 60 seconds"),
        ({"targets": [TARGET], "timeout": 61}, "timeout: 61.0 is refused: give from 0.1 to 60 seconds"),
    ],
)
def test_bad_input(run_module, arguments, message) -> None:
    result = run_module("reachability", **arguments)
    assert result.rc == 1
    assert message in result["msg"]
