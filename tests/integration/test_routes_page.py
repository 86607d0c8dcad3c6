# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/routes.md holds what it says: each section's commands and its tasks lead to the same state of the kernel."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import ip, ip_batch, ip_json, new_namespace
from ansible_collections.weft.fabric.tests.integration.pages import DOCS, sections
from ansible_collections.weft.fabric.tests.integration.routing import routes

pytestmark = pytest.mark.older_host

PAGE = DOCS / "routes.md"
SECTIONS = sections(PAGE)
# What the commands refer to without making it.
LINKS = (
    *(f"link add {name} type veth peer name far{name}" for name in ("eth0", "eth1")),
    *(f"link set {name} up" for name in ("eth0", "fareth0", "eth1", "fareth1")),
    "address add 192.168.1.138/24 dev eth0",
    "address add 192.168.2.138/24 dev eth1",
    "address add fd00:1::8/64 dev eth0 nodad",
    "address add fd00:2::8/64 dev eth1 nodad",
)


def kernel(name: str) -> list[dict[str, Any]]:
    """All routes and rules that the kernel did not make itself, without the marks of who made them."""
    found = [*routes(name), *(rule for family in ("-4", "-6") for rule in ip_json(name, family, "rule"))]
    made = [item for item in found if item["protocol"] != "kernel"]
    return [{key: value for key, value in item.items() if key != "protocol"} for item in made]


@pytest.mark.parametrize(("commands", "modules"), SECTIONS.values(), ids=list(SECTIONS))
def test_a_task_does_what_the_commands_do(commands: list[str], modules: Any, run_module: Any) -> None:
    with new_namespace() as by_command, new_namespace() as by_task:
        for name in (by_command, by_task):
            ip_batch(name, *LINKS)
        changes = {command.split()[2] for command in commands} & {"change", "delete"}
        for command in commands:
            words = command.split()[1:]
            ip(by_command, *words)
            if changes and "add" in words:  # there is something to change
                ip(by_task, *words)
        for (module, arguments), again in itertools.product(modules, (False, True)):
            result = run_module(module, netns=by_task, **arguments)
            assert (result.get("msg"), result["changed"]) == (None, not again)
        assert kernel(by_task) == kernel(by_command)
        assert bool(kernel(by_task)) == (changes != {"delete"})


def test_what_is_not_here_is_refused_in_words() -> None:
    """Each option on the list, as an option of a route or a rule, and each type or action."""
    text = PAGE.read_text(encoding="utf-8").partition("## What is not here\n")[2]
    lists = {"Routes": ("routes", {"dst": "10.8.0.0/16", "dev": "lo"}), "Rules": ("rules", {"priority": 1, "table": 7})}
    tried = []
    for point in text.split("\n- ")[1:]:
        section, item = lists[point.split()[0].rstrip(":")]
        for name in re.findall("`(\\w+)`", point):
            special = {"nop": {"action": "nop"}}.get(name, {name: 1})
            special = {"type": name} if point.startswith("Routes of the types") else special
            with pytest.raises(InvalidParameter, match=f"{name}.* is refused: (a r.* takes only|give one of) "):
                parse_topology({"": {section: [{**item, **special}]}})
            tried.append(name)
    assert {"encap", "expires", "nat", "goto", "nop"} <= {*tried}
