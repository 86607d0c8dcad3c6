# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's generations, the command weft-fabric, and what a reboot does."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pathlib
import select
import signal
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from ansible_collections.weft.fabric.plugins.module_utils.host import archive, documents, generation, install, notes
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation
from ansible_collections.weft.fabric.plugins.module_utils.kernel import netlink
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.state import snapshot

COMMAND = "/usr/local/sbin/weft-fabric"
WEFT = pathlib.Path("/etc/weft")
CONFIRMED = WEFT / "confirmed" / "generation.json"
FORWARD = "net.ipv4.ip_forward"
PEER = "02:00:00:00:00:07"

DOCUMENT = {
    "topology": {
        "purge": True,
        "namespaces": {
            "": {
                "links": [
                    {"name": "br0", "kind": "bridge", "addresses": ["10.9.0.1/24"]},
                    {"name": "veth0", "kind": "veth", "controller": "br0",
                     "peer": {"name": "eth0", "netns": "pod1", "addresses": ["10.9.0.2/24"]}},
                    {"name": "vxlan0", "kind": "vxlan", "vni": 10, "local": "10.9.0.1", "mtu": 1400,
                     "mac_address": "02:00:00:00:00:01", "addresses": ["10.9.1.0/32"]},
                ],
                "fdb": [{"dev": "vxlan0", "lladdr": PEER, "dst": "10.9.0.9"}],
                "neighbours": [{"dev": "vxlan0", "dst": "10.9.2.0", "lladdr": PEER}],
                "routes": [{"dst": "10.9.2.0/24", "via": "10.9.2.0", "dev": "vxlan0", "onlink": True}],
            },
            "pod1": {"routes": [{"dst": "default", "via": "10.9.0.1"}]},
        },
    },
    "masquerade": {"table": "weft_pods", "rules": [{"source": "10.9.0.0/24", "exempt": ["10.9.0.0/16"]}]},
    "echo_server": {"namespaces": ["pod1"], "port": 8000},
}  # fmt: skip


# With MAC addresses, because the kernel chooses others for what is made again.
OLD: dict[str, Any] = {**copy.deepcopy(DOCUMENT), "sysctl": {FORWARD: 1}}
for number, link in enumerate(OLD["topology"]["namespaces"][""]["links"]):
    link["mac_address"] = f"02:00:00:00:01:0{number}"
OLD["topology"]["namespaces"][""]["links"][1]["peer"]["mac_address"] = "02:00:00:00:01:09"
# Everything differs: links, a pod, addresses, entries, rules, kernel parameters.
NEW: dict[str, Any] = copy.deepcopy(OLD)
NEW["topology"]["namespaces"][""]["links"][0] = {
    "name": "br1", "kind": "bridge", "mac_address": "02:00:00:00:02:00", "addresses": ["10.9.0.1/24"],
}  # fmt: skip
NEW["topology"]["namespaces"][""]["links"][1] = {
    "name": "veth1", "kind": "veth", "controller": "br1", "mac_address": "02:00:00:00:02:01",
    "peer": {"name": "eth0", "netns": "pod2", "mac_address": "02:00:00:00:02:09", "addresses": ["10.9.0.3/24"]},
}  # fmt: skip
NEW["topology"]["namespaces"][""]["links"][2]["vni"] = 11
NEW["topology"]["namespaces"]["pod2"] = NEW["topology"]["namespaces"].pop("pod1")
NEW["masquerade"] = {"table": "weft_pods", "rules": [{"source": "10.9.0.0/25"}]}
NEW["echo_server"] = {"namespaces": ["pod2"], "port": 8001}
NEW["sysctl"] = {"net.ipv4.conf.lo.rp_filter": 2}


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """weft-fabric as an operator runs it."""
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert "Traceback" not in done.stderr, done.stderr
    return done


def succeed(*arguments: str) -> str:
    done = command(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def wipe() -> None:
    """What a reboot does to DOCUMENT."""
    # First, because the end of a namespace takes the other ends of its veths along, only later.
    for link in kernel.ip_json("", "link", "show"):
        if link.get("linkinfo", {}).get("info_kind") in ("bridge", "veth", "vxlan"):
            kernel.ip("", "link", "delete", link["ifname"])
    for name in kernel.namespaces():
        for pid in kernel.ip("", "netns", "pids", name).split():
            kernel.run("kill", pid)
        kernel.ip("", "netns", "delete", name)
    kernel.run("nft", "flush", "ruleset")
    kernel.run("sysctl", "-q", f"{FORWARD}=0", "net.ipv4.conf.all.accept_redirects=1")


def tree() -> dict[str, tuple[str, bytes]]:
    """The files of /etc and /usr/local."""
    found = {}
    for root in ("/etc", "/usr/local/lib", "/usr/local/sbin"):
        for path in [pathlib.Path(root), *pathlib.Path(root).rglob("*")]:
            status = path.lstat()
            data = os.readlink(path).encode() if path.is_symlink() else b""
            if stat.S_ISREG(status.st_mode):
                data = path.read_bytes()
            found[str(path)] = (f"{status.st_mode:o} {status.st_uid}:{status.st_gid}", data)
    return found


def state() -> Any:
    """All of the host that a run could leave something behind in, without what the kernel counts."""
    names = sorted(kernel.namespaces())
    servers = {name: len(kernel.ip("", "netns", "pids", name).split()) for name in names}
    settings = kernel.run("sysctl", FORWARD, "net.ipv4.conf.lo.rp_filter")
    return {name: snapshot(name) for name in ("", *names)}, servers, kernel.run("nft", "list", "ruleset"), settings


def derived() -> dict[str, tuple[str, bytes]]:
    """The files that follow from a generation."""
    return {path: found for path, found in tree().items() if "/etc/weft" not in path}


def guards(number: int | str = "[0-9]+") -> list[str]:
    """The processes of this mount namespace that guard a generation, or any."""
    found = kernel.run("sh", "-c", f"pgrep -f '{COMMAND} guard {number}$' || :").split()
    own = os.readlink("/proc/self/ns/mnt")
    with contextlib.suppress(FileNotFoundError):  # one has just ended
        return [process for process in found if os.readlink(f"/proc/{process}/ns/mnt") == own]
    return guards(number)


def end_guards() -> None:
    """Let the processes end that guard a generation: they run from a file below /usr/local."""
    pathlib.Path(notes.GUARD).unlink(missing_ok=True)
    for process in guards():
        ended(process)


def ended(process: str) -> None:
    """Wait for the end of a process, whoever reads its status."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(int(process))
        try:
            assert select.select([descriptor], [], [], 60)[0], f"process {process} does not end"
        finally:
            os.close(descriptor)


def generation_of(**content: Any) -> Generation:
    """The next generation of this host, with these documents."""
    wanted = documents.ordered(documents.parse(name, document) for name, document in content.items())
    return Generation(generation.next_number(), wanted, "", archive.version(), 0, "")


def store(**content: Any) -> None:
    """Store these documents on the host, and nothing in its kernel."""
    new = generation_of(**content)
    generation.begin(new)
    generation.become_current(new)
    generation.confirm(new)
    generation.finish(new, confirmed=True)
    install.apply([new.documents])


def text() -> dict[str, Any]:
    """What is stored of the documents."""
    found = json.loads(CONFIRMED.read_text())
    return {name: part["content"] for name, part in found["documents"].items()}


def _changes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an audit event (sys.addaudithook()) announces a change of a file, or a program that changes something."""
    path = arguments[0] if arguments and isinstance(arguments[0], (str, bytes)) else ""
    if event == "open":
        return bool(path) and isinstance(arguments[2], int) and bool(arguments[2] & os.O_CREAT)
    if event == "subprocess.Popen":
        return "list" not in arguments[1]
    if event == "os.mkdir":
        return not os.path.lexists(path)
    if event == "os.rmdir":
        return os.path.isdir(path) and not os.listdir(path)
    if event == "os.remove":
        return os.path.lexists(path)
    return event in ("os.rename", "os.link", "os.symlink") or (event == "os.chmod" and bool(path))


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Do it in a process of its own, which is killed before its step-th change of a file or of the kernel.

    :returns: whether it got that far; if not, all is done.
    """
    child = os.fork()
    if child == 0:
        _die_at(step, act)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), f"step {step}: exit status {code}"
    return code != 0


def _die_at(step: int, act: Callable[[], object]) -> NoReturn:
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _changes(event, arguments):
            count()

    execute: Callable[..., Any] = netlink.Socket.execute

    def counted(*arguments: Any, **options: Any) -> Any:
        count()
        return execute(*arguments, **options)

    netlink.Socket.execute = counted  # type: ignore[method-assign]  # of this process alone
    done = False
    try:
        sys.addaudithook(hook)
        act()
        done = True
    finally:
        if not done:
            traceback.print_exc()
        os._exit(0 if done else 1)
