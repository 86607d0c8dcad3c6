# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/runbooks.md, from the first step to the last, over SSH and with the collection from its tarball.

The page has the steps. They are of one life: each runbook finds the fabric as the one before has left it. Here is only
what happens to the machines between the steps, and what is measured meanwhile.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pytest

from ansible_collections.weft.fabric.tests.integration import pages
from ansible_collections.weft.fabric.tests.integration.playbooks import machines
from ansible_collections.weft.fabric.tests.integration.playbooks.machines import Machines, Ping

PAGE = pages.DOCS / "runbooks.md"
SITE = "ansible-playbook -i hosts.yml weft.fabric.site"


class Way(NamedTuple):
    """From a pod to an address."""

    node: str
    pod: str
    address: str

    def answers(self, site: Machines) -> None:
        """Fail unless there is an answer."""
        site.at(self.node, "ip", "netns", "exec", self.pod, "ping", "-c1", "-W5", self.address)


OTHERS = Way("node-1", "web", "10.244.1.2")
"""A pair of pods, on two nodes that most runbooks are not about."""


class Runbook(NamedTuple):
    """What is not on the page.

    :ivar others: a pair that the runbook is not about; None: it is about all.
    :ivar concerned: a pair that it is about, where both are there all the time.
    :ivar interrupts: answers to the concerned pair may be missing, for as long as LONGEST.
    :ivar moved: the address by which the concerned pod is reached afterwards, if it is another one.
    :ivar events: what happens to the machines before a step, by the step's number.
    :ivar fails: the step that fails.
    :ivar shows: a command on node-1, and what its output has afterwards.
    """

    others: Way | None = OTHERS
    concerned: Way | None = None
    interrupts: bool = False
    moved: Way | None = None
    events: Mapping[int, Callable[[Machines], None]] = {}
    fails: int | None = None
    shows: tuple[str, str] = ("true", "")


def reinstalled(name: str, address: str) -> Callable[[Machines], None]:
    """A machine is installed again. The installer gives it its address."""

    def event(site: Machines) -> None:
        site.addresses[name] = address
        site.reinstall(name)

    return event


def raised(site: Machines) -> None:
    """The switch takes larger packets: the bridge, and its ends of the cables."""
    site.at("switches", "sh", "-c", "for port in /sys/class/net/port*; do echo 9000 >$port/mtu; done")


def forgotten(site: Machines) -> None:
    """A disk with the record of a host is lost."""
    site.at("node-2", "rm", "-r", "/etc/weft")
    said = site.run(f"{SITE} --limit node-2", fails=True)
    assert "exists and is not ours" in said and "adopt" in said, said


LONGEST = 5.0  # seconds

Losses = tuple[int | None, ...]
"""How many answers the others have missed, and those that a runbook is about; None: nobody has been asked."""

EVERYONE = Runbook(others=None, concerned=OTHERS)
DB = Way("node-1", "web", "10.244.2.2")
RENUMBERED = Way("node-1", "web", "10.200.1.2")

RUNBOOKS = {
    "Add a node": Runbook(shows=("ip route show proto 120", "10.244.3.0/24")),
    "Change a node's underlay address": Runbook(
        concerned=Way("node-1", "web", "10.244.3.2"), shows=("bridge fdb show dev vxlan0", "dst 192.0.2.24 ")
    ),
    "Reinstall a node": Runbook(events={1: reinstalled("node-4", "192.0.2.24/24")}),
    "Replace a node by another machine": Runbook(shows=("bridge fdb show dev vxlan0", "dst 192.0.2.15 ")),
    "Remove a node": Runbook(),
    "Change the VNI or the UDP port": EVERYONE._replace(shows=("ip -d link show vxlan1", "id 20 .* dstport 8472 ")),
    "Change the VNI or the UDP port in one run": EVERYONE._replace(
        interrupts=True, shows=("ip -d link show vxlan1", "id 10 .* dstport 4789 ")
    ),
    "Change the MTU": EVERYONE._replace(events={0: raised}, shows=("ip link show vxlan1", "mtu 1450")),
    "Change the overlay's mode": EVERYONE._replace(shows=("ip route show 10.244.1.0/24", "dev vxlan1")),
    "Change the driver of pods": Runbook(concerned=DB, interrupts=True),
    "Rename a pod": Runbook(concerned=DB, interrupts=True),
    "Move a pod to another node": Runbook(),
    "Widen the network": EVERYONE,
    "Change the network": EVERYONE._replace(
        interrupts=True, moved=RENUMBERED, shows=("ip address show br0", "10.200.0.1/24")
    ),
    "Remove a pod": Runbook(RENUMBERED),
    "Let a host go back that a change has cut off": Runbook(RENUMBERED, fails=1),
    "Recover a host that a change has cut off": Runbook(RENUMBERED, fails=1),
    "The record of a host was lost": Runbook(
        RENUMBERED, concerned=RENUMBERED._replace(node="node-2", pod="api", address="10.200.0.2"), events={0: forgotten}
    ),
    "Upgrade the collection": EVERYONE._replace(concerned=RENUMBERED, shows=("weft-fabric status", "engine 0.2.0-")),
    "Downgrade the collection": EVERYONE._replace(concerned=RENUMBERED, shows=("weft-fabric status", "engine 0.1.0-")),
    "Restore a host from a backup": Runbook(RENUMBERED, events={1: reinstalled("node-3", "192.0.2.13/24")}),
}


@pytest.fixture
def site(tmp_path: pathlib.Path) -> Iterator[Machines]:
    """Machines on which somebody has followed the README, and two that are not in use yet."""
    made = Machines("runbooks", tmp_path, {f"node-{number}": f"192.0.2.{10 + number}/24" for number in range(1, 6)})
    machines.build(made.home)
    machines.build(made.home, "0.2.0")
    with made.standing():
        (_shell, install), (_shell, begin) = pages.steps(pages.DOCS.parent / "README.md")["On your machines"]
        made.run(install.replace("install weft.fabric", "install --offline weft-fabric-0.1.0.tar.gz"))
        made.run(begin)
        yield made


def test_the_runbooks(site: Machines) -> None:
    steps = {title: blocks for title, blocks in pages.steps(PAGE).items() if blocks}
    assert [*steps] == [*RUNBOOKS]
    losses = {title: follow(site, runbook, steps[title]) for title, runbook in RUNBOOKS.items()}
    said = site.run(SITE)
    assert not re.search(r"changed=[1-9]", said), said
    if "WEFT_LOSSES" in os.environ:
        write(losses)
    interrupted = {title for title, runbook in RUNBOOKS.items() if runbook.interrupts}
    assert {title: lost for title, lost in losses.items() if any(lost) and title not in interrupted} == {}
    assert [title for title in interrupted if losses[title][0] or losses[title][1] * Ping.INTERVAL > LONGEST] == []
    documented = table()
    assert documented.keys() == losses.keys()
    assert {title for title in losses if documented[title] != losses[title]} <= interrupted


def follow(site: Machines, runbook: Runbook, blocks: Sequence[tuple[str, str]]) -> Losses:
    """Follow a runbook from its first step to its last, and measure meanwhile."""
    ways = [way for way in (runbook.others, runbook.concerned) if way]
    for way in ways:
        way.answers(site)
    pings = {way: Ping(site, *way) for way in (*ways, runbook.moved) if way}
    for number, (language, text) in enumerate(blocks):
        if number in runbook.events:
            runbook.events[number](site)
        take(site, language, text, fails=number == runbook.fails)
    for way in {*pings} - ({runbook.concerned} if runbook.moved else set()):
        way.answers(site)
    times = {way: ping.stop() for way, ping in pings.items()}
    command, expected = runbook.shows
    assert re.search(expected, site.at("node-1", "sh", "-c", command))
    lost = {way: max(found) - len(found) for way, found in times.items()}
    if runbook.concerned and runbook.moved:
        pause = min(times[runbook.moved].values()) - max(times[runbook.concerned].values())
        lost[runbook.concerned] = max(0, round(pause / Ping.INTERVAL))
    return tuple(lost[way] if way else None for way in (runbook.others, runbook.concerned))


def take(site: Machines, language: str, text: str, fails: bool) -> None:
    """Take a step: a change of the inventory, commands at the console of a host, or commands on the controller."""
    if language == "diff":
        inventory = site.home / "hosts.yml"
        inventory.write_text(pages.patched(inventory.read_text(encoding="utf-8"), text), encoding="utf-8")
    elif language == "console":
        for host, command in re.findall(r"^root@(\S+):~# (.*)$", text, re.MULTILINE):
            site.at(host, "sh", "-c", command)
    else:
        site.run(text, fails)


_NOBODY = "\N{EN DASH}"
_ROW = "| {} | {} | {} |\n"
_HEAD = "| runbook | other pods | the pods concerned |\n|---|---:|---:|\n"


def table() -> dict[str, Losses]:
    """The table of the page."""
    rows = PAGE.read_text(encoding="utf-8").partition(_HEAD)[2].partition("\n\n")[0].splitlines()
    found = {}
    for row in rows:
        title, *cells = row.strip("| ").split(" | ")
        found[title] = tuple(None if cell == _NOBODY else int(cell.split()[0]) for cell in cells)
    return found


def write(losses: Mapping[str, Losses]) -> None:
    """Write the table of the page."""
    before, head, rest = PAGE.read_text(encoding="utf-8").partition(_HEAD)
    rows = [_ROW.format(title, *map(_cell, lost)) for title, lost in losses.items()]
    PAGE.write_text("".join((before, head, *rows, rest[rest.index("\n\n") + 1 :])), encoding="utf-8")


def _cell(lost: int | None) -> str:
    if lost is None:
        return _NOBODY
    return f"{lost} ({lost * Ping.INTERVAL:.2f} s)" if lost else "0"
