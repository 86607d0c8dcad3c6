# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/interfaces.md holds what it says: each section's commands and its tasks lead to the same state of the kernel."""

from __future__ import annotations

import itertools
import json
import pathlib
import re
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.kinds import NAMES
from ansible_collections.weft.fabric.tests.integration.kernel import (
    LINK_KINDS,
    bridge,
    bridge_json,
    ip,
    ip_json,
    run,
    wg,
)
from ansible_collections.weft.fabric.tests.integration.pages import DOCS, sections

pytestmark = pytest.mark.older_host

# What the commands refer to without making it.
REFERRED = re.compile(r"(?:link|dev|via) (eth\d)|set (\S+) master")
KEY = re.compile(r"private-key (\S+)")


SECTIONS = sections(DOCS / "interfaces.md")
each = pytest.mark.parametrize(
    ("commands", "modules"),
    [
        pytest.param(
            commands,
            modules,
            marks=[
                pytest.mark.needs_kind(kind)
                for kind in sorted({module for module, _arguments in modules} & {*NAMES})
                # A kernel without VLANs filters none either.
                + (["vlan"] if any("vlan_filtering" in command for command in commands) else [])
            ],
        )
        for commands, modules in SECTIONS.values()
    ],
    ids=list(SECTIONS),
)


def prepare(name: str, commands: list[str]) -> None:
    """Make what the commands refer to, with the same MAC addresses and keys each time."""
    for path in map(pathlib.Path, KEY.findall("\n".join(commands))):
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.touch(0o600)
            path.write_text(run("wg", "genkey"), encoding="ascii")
    referred = sorted({link for found in REFERRED.findall("\n".join(commands)) for link in found if link})
    for number, link in enumerate(referred):
        if link.startswith("tap"):
            run("ip", "-n", name, "tuntap", "add", link, "mode", "tap")
        else:
            run("ip", "-n", name, "link", "add", link, "type", "veth", "peer", "name", f"far{number}")
        run("ip", "-n", name, "link", "set", link, "address", f"02:00:5e:00:00:{number:02x}")


def kernel(name: str) -> dict[str, Any]:
    """All that commands say of links, addresses, peers and entries with a destination, but no index or random MAC."""
    links = {link.pop("ifname"): link for link in ip_json(name, "address")}
    for ifname, link in links.items():
        del link["ifindex"]
        path = f"/sys/class/net/{ifname}/addr_assign_type"
        if run("ip", "netns", "exec", name, "cat", path).strip() == "1":  # NET_ADDR_RANDOM
            link["address"] = "random"
    entries = [entry for entry in bridge_json(name, "fdb") if "dst" in entry or entry["state"] == "static"]
    tunnels = any(link.get("linkinfo", {}).get("info_kind") == "wireguard" for link in links.values())
    filters = any(link.get("linkinfo", {}).get("info_data", {}).get("vlan_filtering") for link in links.values())
    fdb = sorted(json.dumps(entry, sort_keys=True) for entry in entries)
    return {
        "links": links,
        "fdb": fdb,
        "vlans": bridge_json(name, "vlan") if filters else [],
        "peers": wg(name, "show", "all", "dump") if tunnels else "",
    }


def test_every_kind_is_on_the_page() -> None:
    modules = {module for _commands, found in SECTIONS.values() for module, _arguments in found}
    assert modules == {*NAMES, "vxlan_fdb", "bridge_fdb", "address"} and set(NAMES) == set(LINK_KINDS)


@each
def test_a_task_does_what_the_commands_do(commands: list[str], modules: Any, run_module, ns, request) -> None:
    if KEY.search("\n".join(commands)):
        request.getfixturevalue("disk")
    by_command, by_task = ns(), ns()
    for name in (by_command, by_task):
        prepare(name, commands)
    before = kernel(by_command)
    assert kernel(by_task) == before
    for command in commands:
        program, *words = command.split()
        {"ip": ip, "bridge": bridge, "wg": wg}[program](by_command, *words)
    for (module, arguments), again in itertools.product(modules, (False, True)):
        result = run_module(module, netns=by_task, **arguments)
        assert (result.get("msg"), result["changed"]) == (None, not again)
    assert kernel(by_task) == kernel(by_command) != before
