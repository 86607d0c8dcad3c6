# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module host: what it stores and carries out, and what it refuses."""

from __future__ import annotations

import copy
import json
import os
import pathlib
import stat
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import generation
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    CONFIRMED,
    DOCUMENT,
    FORWARD,
    WEFT,
    command,
    store,
    succeed,
    text,
    tree,
)

BRIDGE = {"topology": {"namespaces": {"": {"links": [{"name": "br7", "kind": "bridge"}]}}}}


def links() -> set[str]:
    return {row["ifname"] for row in kernel.ip_json("", "link", "show")}


def test_missing_arguments(run_module):
    assert "documents" in run_module("host")["msg"]


@pytest.mark.older_host
def test_life(run_module):
    """All sections carried out and stored, by the kernel's own word."""
    document = {**DOCUMENT, "sysctl": {FORWARD: 1, "net.ipv4.conf.all.accept_redirects": 0}}
    files, before = tree(), links()
    with kernel.Monitor("") as monitor:
        check = run_module("host", check=True, documents={"pods": document})
    assert (check["changed"], monitor.changes, tree()) == (True, [], files)

    made = run_module("host", documents={"pods": document})
    assert made["changed"], made
    assert made["invocation"]["module_args"]["documents"] == ["pods"], "the controller has them already"
    shown = [[diff for diff in done["diff"] if "before_header" not in diff] for done in (check, made)]
    assert shown[0][0] == shown[1][0]
    assert (made["generation"], made["count"]["changed"], made["count"]["removed"]) == (1, 2, 0)
    assert made["count"]["added"] == check["count"]["added"] > 10
    assert made["roles"] == {"pods": {"changed": True}}
    assert text() == {"pods": document}
    assert kernel.run("sysctl", "-n", FORWARD) == "1\n"
    assert succeed("diff") == ""
    assert json.loads(kernel.run("curl", "-s", "http://10.9.0.2:8000/echo"))["client"] == "10.9.0.1"

    with kernel.Monitor("", "pod1") as monitor:
        again = run_module("host", documents={"pods": document})
    assert (again["changed"], again["diff"], monitor.changes) == (False, [], [])
    assert (again["generation"], again["revision"]) == (1, made["revision"])

    kernel.ip("", "link", "set", "vxlan0", "mtu", "1300")
    repaired = run_module("host", documents={"pods": document})
    assert [diff["after"] for diff in repaired["diff"]] == ["link vxlan0 mtu 1400\n"]
    assert (repaired["generation"], repaired["count"]["changed"]) == (1, 1), "the host is asked for nothing else"

    assert run_module("host", documents={"pods": document}, persist=False)["changed"]
    assert not WEFT.exists() and kernel.ip_json("", "link", "show", "dev", "vxlan0")

    gone = run_module("host", documents={"pods": {}}, state="absent")
    assert gone["changed"] and gone.rc == 0, gone
    assert (gone["generation"], gone["count"]["added"]) == (0, 0)
    assert links() == before
    assert "pod1" not in kernel.namespaces()
    assert (kernel.run("nft", "list", "ruleset"), kernel.run("sysctl", "-n", FORWARD)) == ("", "0\n")
    left = {path for path in tree() if path not in files}
    assert left == set() and not os.path.exists("/run/weft/generations")
    with kernel.unchanged(""):
        assert not run_module("host", documents={"pods": {}}, state="absent")["changed"]


def test_what_is_not_listed_any_more_is_removed(run_module):
    """Links, addresses, routes, entries, tables, settings, servers and namespaces, in one run that shows it."""
    first = {**DOCUMENT, "sysctl": {FORWARD: 1}}
    links_of_nic = [{"name": "nic0", "admin_state": "up", "addresses": ["192.0.2.1/24"]}]
    nic = {"links": links_of_nic, "routes": [{"dst": "10.99.0.0/16", "via": "192.0.2.9"}]}
    kernel.ip("", "link", "add", "nic0", "type", "bridge")
    run_module("host", documents={"pods": first, "underlay": {"topology": {"namespaces": {"": nic}}}})
    assert "10.99.0.0/16" in kernel.ip("", "route") and kernel.run("sysctl", "-n", FORWARD) == "1\n"
    with kernel.unchanged(""):
        check = run_module("host", check=True, documents={"pods": BRIDGE, "underlay": {}})
    done = run_module("host", documents={"pods": BRIDGE, "underlay": {}})
    assert done.rc == 0, done
    assert check["count"] == done["count"] and done["count"]["added"] == 1
    assert {"br7", "nic0"} <= links() and not links() & {"br0", "veth0", "vxlan0"}
    assert "pod1" not in kernel.namespaces()
    assert "10.99.0.0/16" not in kernel.ip("", "route") and "192.0.2.1" not in kernel.ip("", "address")
    assert (kernel.run("nft", "list", "ruleset"), kernel.run("sysctl", "-n", FORWARD)) == ("", "0\n")
    assert not run_module("host", documents={"pods": BRIDGE, "underlay": {}})["changed"]
    kernel.ip("", "link", "delete", "nic0")
    run_module("host", documents={"pods": {}, "underlay": {}}, state="absent")


def test_a_call_for_one_role_leaves_the_others(run_module):
    assert run_module("host", documents={"pods": BRIDGE})["generation"] == 1
    overlay = copy.deepcopy(BRIDGE)
    overlay["topology"]["namespaces"][""]["links"][0]["name"] = "br8"
    done = run_module("host", documents={"overlay": overlay})
    assert (done["generation"], [*text()]) == (2, ["overlay", "pods"])
    assert {"br7", "br8"} <= links()
    kernel.ip("", "link", "delete", "br7")
    repaired = run_module("host", documents={"overlay": overlay})
    assert repaired["roles"] == {"overlay": {"changed": False}, "pods": {"changed": True}}
    # Kernel parameters keep their order in the record.
    settings = {"sysctl": {FORWARD: 1, "net.ipv4.conf.all.accept_redirects": 0}}
    run_module("host", documents={"mgmt_routing": settings})
    assert not run_module("host", documents={"overlay": overlay})["changed"]
    gone = run_module("host", documents={"overlay": {}, "mgmt_routing": {}}, state="absent")
    assert (gone["generation"], [*text()]) == (4, ["pods"])
    assert "br7" in links() and "br8" not in links()
    run_module("host", documents={"pods": {}}, state="absent")
    assert "br7" not in links()


def test_our_own_link_is_made_again_where_the_kernel_cannot_change_it(run_module):
    vxlan = {"name": "vxlan0", "kind": "vxlan", "vni": 10, "local": "127.0.0.1"}

    def wanted(**more: Any) -> dict[str, Any]:
        return {"overlay": {"topology": {"namespaces": {"": {"links": [{**vxlan, **more}]}}}}}

    run_module("host", documents=wanted())
    check = run_module("host", check=True, documents=wanted(vni=11))
    done = run_module("host", documents=wanted(vni=11))
    assert done["count"] == check["count"] == {"added": 0, "changed": 0, "recreated": 1, "removed": 0}
    assert "recreated" in done["diff"][0]["after"]
    assert kernel.ip_json("", "link", "show", "dev", "vxlan0")[0]["linkinfo"]["info_data"]["id"] == 11
    run_module("host", documents={"overlay": {}}, state="absent")


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        (
            {"topology": {"namespaces": {"": {"links": [{"name": "br7", "kind": "bridge", "mtu": 1400}]}}}},
            {"topology": {"namespaces": {"": {"links": [{"name": "br7", "kind": "bridge", "mtu": 1500}]}}}},
            "mtu",
        ),
        (
            {"topology": {"namespaces": {"": {"links": [{"name": "br7", "kind": "bridge"}]}}}},
            {"topology": {"namespaces": {"": {"links": [{"name": "br7", "kind": "dummy"}]}}}},
            "kind",
        ),
        (
            {"topology": {"namespaces": {"": {"routes": [{"dst": "10.0.0.0/8", "dev": "lo"}]}}}},
            {"topology": {"namespaces": {"": {"routes": [{"dst": "10.0.0.0/8", "via": "10.1.1.1"}]}}}},
            "10.0.0.0/8",
        ),
        (
            {"topology": {"namespaces": {"": {"addresses": [{"dev": "lo", "address": "10.0.0.1/8"}]}}}},
            {"topology": {"namespaces": {"": {"addresses": [{"dev": "lo", "address": "10.0.0.1/8"}]}}}},
            "10.0.0.1/8",
        ),
        ({"sysctl": {FORWARD: 0}}, {"sysctl": {FORWARD: 1}}, FORWARD),
        (
            {"masquerade": {"rules": [{"source": "10.0.0.0/8"}]}},
            {"masquerade": {"rules": [{"source": "10.1.0.0/16"}]}},
            "table",
        ),
    ],
)  # fmt: skip
def test_two_roles_that_contradict_each_other(run_module, one, other, named):
    before = tree()
    with kernel.unchanged(""):
        done = run_module("host", documents={"overlay": one, "pods": other})
    assert all(part in done["msg"] for part in ("overlay", "pods", named)), done["msg"]
    assert "\n" not in done["msg"] and tree() == before


@pytest.mark.parametrize(
    ("name", "document", "named"),
    [
        ("../pods", {}, ["documents", "'../pods' is refused"]),
        ("pods", {"topology": {"namespaces": {"a/b": {}}}}, ["namespaces", "a/b"]),
        ("pods", {"resync": 100000}, ["documents.pods.resync", "86400"]),
        ("pods", {"masquerade": {"rules": [{"source": "10.9.0.1/24"}]}}, ["source", "10.9.0.0/24"]),
        ("pods", {"sysctl": {"ip_forward": 1}}, ["ip_forward", "net.ipv4.ip_forward"]),
        ("pods", {"sysctl": {"net.ipv4.conf.nobody.rp_filter": 1}}, ["net.ipv4.conf.nobody.rp_filter"]),
        ("pods", {"topology": {"namespaces": {"": {"links": [{"name": "nobody0"}]}}}}, ["nobody0"]),
        ("pods", [], ["documents.pods"]),
    ],
)
def test_refused(run_module, name, document, named):
    before = tree()
    with kernel.unchanged(""):
        message = run_module("host", documents={name: document, "overlay": BRIDGE})["msg"]
    assert [part for part in named if part not in message] == []
    assert "\n" not in message
    assert tree() == before


def test_the_files_of_a_generation(run_module):
    before = tree()
    made = run_module("host", documents={"pods": BRIDGE})
    assert made["systemd"] is False
    assert made["unit"].startswith("left out, since systemd does not run here")
    assert stat.S_IMODE(WEFT.stat().st_mode) == 0o700
    assert stat.S_IMODE(CONFIRMED.stat().st_mode) == 0o600
    assert sorted(path.name for path in WEFT.iterdir()) == ["confirmed", "current", "generations"]
    found = json.loads(CONFIRMED.read_text())
    assert (found["format"], found["number"], found["revision"]) == (generation.FORMAT, 1, made["revision"])
    assert not pathlib.Path("/etc/systemd/system/weft-fabric.service").exists()
    target = os.readlink(COMMAND)
    assert [str(path) for path in pathlib.Path("/usr/local/lib/weft").iterdir()] == [target]
    assert pathlib.Path(target).name.startswith("weft-fabric-0.1.0-")
    gone = run_module("host", documents={"pods": {}}, state="absent")
    assert gone["changed"]
    after = tree()
    assert {path: after[path] for path in after if after[path] != before.get(path)} == {}
    assert before.keys() - after.keys() <= {"/etc/systemd/networkd.conf.d"}


def test_the_last_ten_are_kept(run_module):
    for number in range(1, 14):
        document = {
            "sysctl": {"net.ipv4.conf.default.mc_forwarding": 0, "net.ipv4.neigh.lo.gc_stale_time": 60 + number}
        }
        assert run_module("host", documents={"pods": document})["generation"] == number
    assert generation.numbers(str(WEFT)) == [*range(4, 14)]
    run_module("host", documents={"pods": {}}, state="absent")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is no generation of weft.fabric"),
        ('{"format": 1, "documents": {"names', "is no generation of weft.fabric"),
        ("\0" * 4096, "is no generation of weft.fabric"),
        ("\xff\xfe", "is no generation of weft.fabric"),
        ("[" * 100000, "is no generation of weft.fabric"),
        ("[]", "it has no format number"),
        ('{"documents": {}}', "it has no format number"),
        ('{"format": 1}', "is no generation of weft.fabric"),
        ('{"format": 2}', "was written by a newer weft.fabric (format 2, this one reads up to 1)"),
        ('{"topology": {"namespaces": {"a/b": {}}}}', "cannot be applied (namespaces: 'a/b' is refused"),
        ('{"topologie": {}}', "cannot be applied (documents.pods.topologie: {} is refused"),
    ],
)
def test_a_generation_that_cannot_be_used(stored, run_module, content, told):
    """An error in the journal and in the task; the network stays as it is, and so does the file."""
    succeed("apply")
    kernel.ip("", "link", "set", "br0", "down")
    if content.startswith('{"topo'):
        whole = json.loads(CONFIRMED.read_text())
        whole["documents"]["pods"]["content"] = json.loads(content)
        content = json.dumps(whole)
    CONFIRMED.write_bytes(content.encode("latin-1"))
    before = tree()
    with kernel.unchanged("", "pod1"):
        for arguments in (["apply"], ["diff"], ["show"]):
            done = command(*arguments)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
            assert f"weft-fabric: {WEFT}/generations/1/generation.json " in done.stderr and told in done.stderr
        for name, state in (("pods", "present"), ("overlay", "present"), ("pods", "absent")):
            message = run_module("host", documents={name: DOCUMENT}, state=state)["msg"]
            assert told in message and "run the playbook weft.fabric.site again" in message
    assert tree() == before


def test_a_field_that_a_newer_engine_of_the_same_format_adds_is_ignored(stored, run_module):
    whole = json.loads(CONFIRMED.read_text())
    CONFIRMED.write_text(json.dumps({**whole, "colour": "blue"}))
    assert command("diff").returncode == 2
    assert run_module("host", documents={"pods": DOCUMENT})["generation"] == 1


def test_what_somebody_else_has_below_etc_weft_stays(run_module):
    store(pods=BRIDGE)
    (WEFT / "Notes.json").write_text("mine")
    assert run_module("host", documents={"pods": {}}, state="absent")["changed"]
    assert [path.name for path in WEFT.iterdir()] == ["Notes.json"]


def test_names_of_namespaces_go_with_the_document(run_module) -> None:
    """Those that join another namespace, or the host's, as pods of the drivers container and host do."""
    names = {"own": {}, "inside": {"joins": "own"}, "at-host": {"joins": ""}}
    run_module("host", documents={"pods": {"topology": {"namespaces": {"": {}, **names}}}})
    assert names.keys() <= kernel.namespaces()
    run_module("host", documents={"pods": {"state": "absent"}})
    assert not names.keys() & kernel.namespaces()


@pytest.mark.parametrize("stays", [True, False])
def test_a_port_that_is_not_listed_any_more_is_released(run_module, stays: bool) -> None:
    """The bridge that it was put into need not stay for it; one that somebody else put into it stays a port."""
    kernel.ip_batch("", "link add nic0 up type veth peer name far0", "link add nic1 up type veth peer name far1")
    bridge = {"name": "br9", "kind": "bridge"}

    def asked(*links: dict[str, Any]) -> dict[str, Any]:
        return {"pods": {"topology": {"namespaces": {"": {"links": [*links]}}}}}

    def ports() -> dict[str, str]:
        return {row["ifname"]: row["master"] for row in kernel.ip_json("", "link", "show") if "master" in row}

    run_module("host", documents=asked(bridge, {"name": "nic0", "controller": "br9"}))
    if stays:
        kernel.ip("", "link", "set", "nic1", "master", "br9")
    assert ports() == {"nic0": "br9", **({"nic1": "br9"} if stays else {})}
    wanted = asked(bridge) if stays else {"pods": {}}
    options = {} if stays else {"state": "absent"}
    check = run_module("host", documents=wanted, check=True, **options)
    done = run_module("host", documents=wanted, **options)
    assert done["changed"] and check["diff"] == done["diff"], done
    assert (ports(), "br9" in links()) == ({"nic1": "br9"} if stays else {}, stays)
    with kernel.unchanged(""):
        assert not run_module("host", documents=wanted, **options)["changed"]
    run_module("host", documents={"pods": {}}, state="absent")
    for name in ("nic0", "nic1", *({"br9"} & links())):
        kernel.ip("", "link", "delete", name)


def test_a_bridge_with_ports_of_others_stays_and_is_remembered(run_module) -> None:
    """Its kernel parameters stay with it. Both are removed when the others have left, and nothing else is remembered.

    A namespace of somebody else, with the name that a pod had, is left alone.
    """
    was = kernel.run("sysctl", "-n", FORWARD)
    pod = {"netns": "pod9", "name": "eth0"}
    veth = {"name": "veth9", "kind": "veth", "controller": "br9", "peer": pod}
    host = {"links": [{"name": "br9", "kind": "bridge"}, veth]}
    document = {"topology": {"namespaces": {"": host, "pod9": {}}}, "sysctl": {FORWARD: 1}}
    gone: dict[str, Any] = {"documents": {"pods": {}}, "state": "absent"}
    assert run_module("host", documents={"pods": document})["changed"]
    kernel.ip_batch("", "link add nic9 up type veth peer name far9", "link set nic9 master br9")

    check = run_module("host", check=True, **gone)
    done = run_module("host", **gone)
    assert check["diff"] == done["diff"] and "stays: it has ports that are not listed, nic9" in str(done["warnings"])
    assert (done["generation"], {"br9", "nic9"} <= links(), "veth9" in links()) == (0, True, False)
    assert kernel.run("sysctl", "-n", FORWARD) == "1\n"

    kernel.run("ip", "netns", "add", "pod9")  # somebody else's, of the same name
    with kernel.unchanged(""):
        again = run_module("host", **gone)
    assert (again["changed"], "stays" in str(again["warnings"]), "pod9" in kernel.namespaces()) == (False, True, True)

    kernel.ip("", "link", "delete", "nic9")
    done = run_module("host", **gone)
    assert (done["changed"], "br9" in links(), kernel.run("sysctl", "-n", FORWARD)) == (True, False, was), done
    assert "pod9" in kernel.namespaces()
    assert not run_module("host", **gone)["changed"]
    kernel.run("ip", "netns", "delete", "pod9")


def test_a_bridge_that_is_listed_again_is_ours(run_module) -> None:
    bridge = {"topology": {"namespaces": {"": {"links": [{"name": "br9", "kind": "bridge"}]}}}}
    run_module("host", documents={"pods": bridge})
    kernel.ip_batch("", "link add nic9 up type veth peer name far9", "link set nic9 master br9")
    run_module("host", documents={"pods": {}}, state="absent")
    assert run_module("host", documents={"other": bridge}).get("msg") is None
    kernel.ip("", "link", "delete", "nic9")
    run_module("host", documents={"other": {}}, state="absent")
    assert "br9" not in links()
