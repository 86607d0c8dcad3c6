# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host lacks, and what is in the way there: found without a change, each with a remedy."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel

PYTHON = os.environ.get("WEFT_TEST_PYTHON", sys.executable)
VXLAN = {"name": "vxlan0", "kind": "vxlan", "vni": 10, "local": "10.9.0.1"}
RULES = {"rules": [{"source": "10.9.0.0/24"}]}
LINKS: dict[str, dict[str, Any]] = {
    "bond": {},
    "bridge": {},
    "dummy": {},
    "ipip": {"local": "10.9.0.1", "remote": "10.9.0.2"},
    "ipvlan": {"parent": "e0"},
    "macvlan": {"parent": "e0"},
    "veth": {"peer": {"name": "p0"}},
    "vlan": {"parent": "e0", "vlan_id": 5},
    "vrf": {"table": 5},
    "vxlan": {"vni": 10, "local": "10.9.0.1"},
    "wireguard": {},
}


def document(*links: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {"example": {"topology": {"namespaces": {"": {"links": list(links)}}}, **sections}}


def look(documents: dict[str, Any], setup: str = "", before: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """What the module finds on a host without systemd.

    :param setup: a shell's commands that are run first, in a mount namespace that ends with the module.
    :param before: words before the module's command.
    """
    module = "ansible_collections.weft.fabric.plugins.modules.preflight_info"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{setup}\nexec "$@"', "sh", *before, PYTHON, "-m", module],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"documents": documents, **more}}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def texts(found: dict[str, Any], check: str, refuses: bool = True) -> list[str]:
    return [one["text"] for one in found["findings"] if (one["check"], one["refuses"]) == (check, refuses)]


@pytest.mark.older_host
def test_a_host_that_is_ready() -> None:
    with kernel.unchanged(""):
        found = look(document(VXLAN, masquerade=RULES), interfaces=["lo", "nobody0"])
    assert [one["check"] for one in found["findings"]] == ["services"]
    assert texts(found, "services", refuses=False) == [
        "the service is left out, since systemd does not run here: run 'weft-fabric apply' when the host starts"
    ]
    assert found["packages"] == [] and found["changed"] is False
    assert abs(found["time"] - time.time()) < 60
    assert found["identity"]["boot_id"] == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found["identity"]["macs"] == {}, "an interface without an address has none"
    assert (found["system"]["kernel"], found["system"]["systemd"]) == (os.uname().release, False)


def test_mac_addresses(ns) -> None:
    name = ns()
    kernel.ip(name, "link", "add", "e0", "address", "02:00:00:00:00:07", "type", "veth", "peer", "name", "e1")
    kernel.ip(name, "link", "property", "add", "dev", "e0", "altname", "enp1s0")
    with kernel.inside(name):
        found = look({}, interfaces=["e0", "enp1s0", "e9"])["identity"]["macs"]
    assert found == dict.fromkeys(["e0", "enp1s0"], "02:00:00:00:00:07")


@pytest.mark.older_host
def test_pyroute2_is_missing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyroute2.py").write_text('raise ImportError("No module named pyroute2")\n', encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    for families, packages in (("ubuntu debian", ["python3-pyroute2"]), ("arch", [])):
        found = look({}, setup=_release(families))
        (text,) = texts(found, "software")
        assert "install the package python3-pyroute2" in text
        assert found["packages"] == packages


def _release(families: str) -> str:
    """The commands by which a host is of other distributions."""
    written = f"printf 'ID=x\\nID_LIKE=\"{families}\"\\n' > /run/os-release"
    return f"{written}; mount --bind /run/os-release $(realpath /etc/os-release)"


def test_pyroute2_is_too_old(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "pyroute2-0.6.13.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: pyroute2\nVersion: 0.6.13\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    (text,) = texts(look({}), "software")
    assert text.startswith("pyroute2 0.6.13 is too old: install 0.7.2 or newer")


def test_nft_is_missing_where_it_is_needed(tmp_path: pathlib.Path) -> None:
    hide = f"for d in /usr/sbin /usr/local/sbin; do mount --bind {tmp_path} $d; done"
    assert texts(look(document(VXLAN), setup=hide), "software") == []
    found = look(document(VXLAN, masquerade=RULES), setup=hide)
    assert texts(found, "software") == ["nft is missing: install the package nftables on this host"]
    assert found["system"]["nft"] is False


@pytest.mark.parametrize("kind", sorted(LINKS))
def test_the_kernel_has_no_links_of_a_kind(kind: str) -> None:
    with kernel.unchanged(""):
        found = texts(look(document({"name": "x0", "kind": kind, **LINKS[kind]})), "kernel")
    assert len(found) == (not kernel.has_link_kind(kind)), found
    assert all(text.startswith(f"this kernel has no {kind} support: load the module ") for text in found)


def test_the_kernel_has_no_vlan_filtering() -> None:
    found = texts(look(document({"name": "br0", "kind": "bridge", "vlan_filtering": True})), "kernel")
    command = ["unshare", "--net", "ip", "link", "add", "name", "t0", "type", "bridge", "vlan_filtering", "1"]
    has = subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert len(found) == (not has), found
    assert all(text.startswith("this kernel has no VLAN filtering") for text in found)


def test_files_cannot_be_written() -> None:
    readonly = "mount -t tmpfs tmpfs /usr/local; mount -o remount,ro /usr/local"
    assert texts(look(document(VXLAN), setup=readonly), "files") == [
        "cannot write /usr/local: Read-only file system (EROFS); make the file system writable"
    ]
    full = "mount -t tmpfs -o size=16k tmpfs /usr/local"
    (text,) = texts(look(document(VXLAN), setup=full), "files")
    assert text.startswith("cannot write /usr/local: No space left on device (ENOSPC); make room")


def test_files_of_others_are_in_the_way() -> None:
    foreign = "mount -t tmpfs tmpfs /usr/local; mkdir /usr/local/sbin; touch /usr/local/sbin/weft-fabric"
    (text,) = texts(look(document(VXLAN), setup=foreign), "files")
    assert text.startswith("file /usr/local/sbin/weft-fabric exists and is not ours: ")


def test_a_generation_that_others_can_write() -> None:
    record = "mkdir -p /run/weft/generations/1; echo {} > /run/weft/generations/1/generation.json; "
    record += "chmod 666 /run/weft/generations/1/generation.json; ln -s generations/1 /run/weft/current"
    (text,) = texts(look(document(VXLAN), setup=f"mount -t tmpfs tmpfs /run; {record}"), "files")
    assert "/run/weft/generations/1/generation.json has mode 0666" in text


def test_other_managers() -> None:
    found = look(document(VXLAN), setup="mount -t tmpfs tmpfs /run; touch /run/dhcpcd.pid")
    (text,) = texts(found, "managers", refuses=False)
    assert text.startswith("dhcpcd runs and configures every interface that it does not have to ignore: ")
    assert found["system"]["managers"] == ["dhcpcd"]


def test_chains_that_drop(ns) -> None:
    name = ns()
    with kernel.inside(name):
        for chain, hook in (("ip filter FORWARD", "forward"), ("inet t c", "input")):
            kernel.run("nft", f"add table {chain.rpartition(' ')[0]}")
            kernel.run("nft", f"add chain {chain} {{ type filter hook {hook} priority 0; policy drop; }}")
        (text,) = texts(look(document(VXLAN)), "firewall", refuses=False)
    assert text.startswith("the chain ip filter FORWARD drops forwarded packets that it does not accept")


def test_without_root() -> None:
    lesser = ("setpriv", "--bounding-set", "-net_admin,-sys_admin", "--inh-caps", "-net_admin,-sys_admin")
    found = look(document(VXLAN), before=lesser)
    (text,) = texts(found, "rights")
    assert "set 'become: true'" in text
    assert len({one["text"] for one in found["findings"]}) == len(found["findings"])


def test_a_document_that_is_wrong(run_module) -> None:
    result = run_module("preflight_info", documents={"example": {"nothing": 1}})
    assert result.rc == 1 and "documents.example.nothing: 1 is refused" in result["msg"]
