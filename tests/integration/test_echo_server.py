# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""echo_server: what runs, what it answers, and what a client in the namespace sees of it."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import urllib.error
import urllib.request

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.probe import echo_program, echo_server
from ansible_collections.weft.fabric.tests.integration import kernel


@pytest.fixture
def pods(ns):
    """Makes namespaces; the servers in them are stopped afterwards."""
    made = []

    def make():
        made.append(ns())
        return made[-1]

    yield make
    for server in echo_server.running():
        if server.netns in made:
            echo_server.stop(server)


def get(netns, url, **headers):
    with (
        kernel.inside(netns),
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer,
    ):
        return json.load(answer)


def listening(netns):
    """The listening TCP ports in a namespace, as ss(8) tells."""
    lines = kernel.run("ss", "--net", netns, "-ltnH").splitlines() if netns else []
    return sorted(int(line.split()[3].rpartition(":")[2]) for line in lines)


def test_missing_arguments(run_module):
    assert "namespaces" in run_module("echo_server")["msg"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"namespaces": ["no/such"]}, ["namespaces[0]", "no/such"]),
        ({"namespaces": ["nowhere"]}, ["namespaces", "nowhere", "weft.fabric.netns"]),
        ({"namespaces": [], "port": 65536}, ["port", "65536"]),
        ({"namespaces": [], "port": 0}, ["port", "0"]),
    ],
)
def test_refused(run_module, arguments, named):
    result = run_module("echo_server", **arguments)
    assert result["failed"]
    assert [part for part in named if part not in result["msg"]] == []


@pytest.mark.older_host
def test_life_of_a_server(run_module, pods):
    pod = pods()
    check = run_module("echo_server", check=True, namespaces=[pod])
    assert check["changed"]
    assert listening(pod) == []

    created = run_module("echo_server", namespaces=[pod])
    assert created["changed"]
    assert created["diff"] == check["diff"]
    assert listening(pod) == [8000]
    pid = created["servers"][0]["pid"]
    assert os.getsid(pid) == pid, "it has a session of its own, so it outlives Ansible's"
    assert str(pid) in kernel.run("ip", "netns", "pids", pod).split()

    again = run_module("echo_server", namespaces=[pod])
    assert not again["changed"]
    assert again["servers"] == created["servers"]

    check = run_module("echo_server", check=True, namespaces=[pod], state="absent")
    assert check["changed"]
    assert listening(pod) == [8000]
    removed = run_module("echo_server", namespaces=[pod], state="absent")
    assert removed["changed"]
    assert removed["diff"] == check["diff"]
    assert listening(pod) == []
    assert not run_module("echo_server", namespaces=[pod], state="absent")["changed"]


@pytest.mark.older_host
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_it_answers_with_what_it_was_sent(run_module, pods, host):
    pod = pods()
    run_module("echo_server", namespaces=[pod])
    answer = get(pod, f"http://{host}:8000/echo", Accept="*/*", **{"User-Agent": "test"})
    assert answer["header"]["Accept"] == ["*/*"]
    assert answer["header"]["User-Agent"] == ["test"]
    assert answer["body"] == "Echo response"
    assert answer["client"] == host.strip("[]")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(pod, f"http://{host}:8000/")


def test_each_namespace_has_its_own(run_module, pods):
    one, two = pods(), pods()
    first = run_module("echo_server", namespaces=[one])["servers"]
    both = run_module("echo_server", namespaces=[one, two])
    assert both["changed"]
    assert both["servers"][0] == first[0], "the one that ran goes on"
    run_module("echo_server", namespaces=[one], state="absent")
    assert (listening(one), listening(two)) == ([], [8000])


def test_a_server_that_died_is_started_again(run_module, pods):
    pod = pods()
    run_module("echo_server", namespaces=[pod])
    echo_server.stop(echo_server.running()[0])
    assert run_module("echo_server", namespaces=[pod])["changed"]
    assert listening(pod) == [8000]


def test_a_new_port_replaces_the_server(run_module, pods):
    pod = pods()
    run_module("echo_server", namespaces=[pod])
    assert run_module("echo_server", namespaces=[pod], port=8001)["changed"]
    assert listening(pod) == [8001]


def test_a_namespace_made_anew_has_a_new_server(run_module, pods):
    pod = pods()
    old = run_module("echo_server", namespaces=[pod])["servers"][0]["pid"]
    kernel.run("ip", "netns", "delete", pod)
    kernel.run("ip", "netns", "add", pod)
    assert run_module("echo_server", namespaces=[pod])["changed"]
    assert listening(pod) == [8000]
    assert not any(server.pid == old for server in echo_server.running()), "the old one would keep its namespace alive"


def test_a_server_of_a_namespace_that_is_gone_is_stopped(run_module, pods):
    pod = pods()
    run_module("echo_server", namespaces=[pod])
    kernel.run("ip", "netns", "delete", pod)
    assert run_module("echo_server", namespaces=[pod], state="absent")["changed"]
    assert [server for server in echo_server.running() if server.netns == pod] == []


def test_a_port_that_is_taken_is_said_so(run_module, pods):
    pod = pods()
    with kernel.inside(pod):
        taken = socket.create_server(("", 8000))
    with taken:
        message = run_module("echo_server", namespaces=[pod])["msg"]
    assert "port 8000" in message
    assert pod in message
    assert "EADDRINUSE" in message


def test_a_namespace_to_come_is_no_error_in_check_mode(run_module):
    result = run_module("echo_server", check=True, namespaces=["to-come"])
    assert result["changed"]
    assert "to-come: port 8000, new" in result["diff"]["after"]


def test_the_program_needs_nothing_of_this_collection():
    text = pathlib.Path(echo_program.__file__).read_text(encoding="utf-8")
    assert "import ansible" not in text
    assert "from ansible" not in text


def test_a_pod_is_put_back_while_the_server_of_its_lost_namespace_runs(run_module, ns, disk):
    """A macvlan there keeps its MAC address from the new one, as long as the server runs."""
    host = ns()
    kernel.ip(host, "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    pod = {"name": "eth0", "kind": "macvlan", "parent": "up0", "parent_netns": "", "mac_address": "02:00:00:00:00:09"}
    topology = {"namespaces": {"": {"links": [{"name": "up0"}]}, "lost1": {"links": [pod]}}}
    document = {"topology": topology, "echo_server": {"namespaces": ["lost1"]}}
    with kernel.inside(host):
        assert run_module("host", documents={"pods": document}, persist=False)["changed"]
        kernel.ip("", "netns", "delete", "lost1")
        would = run_module("host", documents={"pods": document}, persist=False, check=True)
        did = run_module("host", documents={"pods": document}, persist=False)
        assert (did.get("msg"), would["diff"]) == (None, did["diff"])
        assert kernel.ip_json("lost1", "link", "show", "eth0")[0]["address"] == pod["mac_address"]
        assert listening("lost1") == [8000]
        assert not run_module("host", documents={"pods": document}, persist=False)["changed"]
        gone = run_module("host", documents={"pods": document}, persist=False, state="absent")
    assert (gone.get("msg"), "lost1" in kernel.namespaces()) == (None, False)


def test_links_of_a_namespace_with_another_name_stay(run_module, ns):
    host = ns()
    kernel.ip(host, "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    kernel.ip("", "netns", "add", "lost1")
    kernel.ip(host, "link", "add", "link", "up0", "name", "eth0", "netns", "lost1", "type", "macvlan")
    assert run_module("echo_server", namespaces=["lost1"])["changed"]
    kernel.ip("", "netns", "attach", "kept1", str(echo_server.running()[0].pid))
    kernel.ip("", "netns", "delete", "lost1")
    try:
        echo_server.clear_lost(["lost1"])
        assert [link["ifname"] for link in kernel.ip_json("kept1", "link", "show", "type", "macvlan")] == ["eth0"]
    finally:
        for server in echo_server.running():
            echo_server.stop(server)
        kernel.ip("", "netns", "delete", "kept1")
