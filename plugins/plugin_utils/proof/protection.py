# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What protects the nodes: whether packets into overlays, and packets from pods, are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import End
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric

_ADMISSION = "inet weft_admission"
_SOURCES = {"bridge weft_sources", "inet weft_sources"}

_NAMED = 5
"""Nodes that are named in a line."""


def lines(protections: Mapping[str, Sequence[str]], fabric: Fabric) -> list[str]:
    """A line for all nodes with the same protection.

    :param protections: by host, the tables of this collection that drop packets there.
    """
    alike: dict[str, list[str]] = {}
    for host, tables in protections.items():
        text = f"admission {_admission(tables, fabric)}, source checks {_sources(tables, fabric.ends(host))}"
        alike.setdefault(text, []).append(host)
    return [f"{_names(hosts)}: {text}" for text, hosts in alike.items()]


def _admission(tables: Sequence[str], fabric: Fabric) -> str:
    if not any(overlay.tunnelled for overlay in fabric.present):
        return "not needed (no overlay has a VXLAN)"
    return "on" if _ADMISSION in tables else "off"


def _sources(tables: Sequence[str], ends: Sequence[End]) -> str:
    drivers = {end.network.driver for end in ends if end.network and not end.network.driver.loopback}
    passing = sorted(driver.name for driver in drivers if not driver.cabled)
    told = f"not for pods of {', '.join(passing)}"
    if not any(driver.cabled for driver in drivers):
        return told if passing else "not needed (no pods)"
    state = "on" if _SOURCES & {*tables} else "off"
    return f"{state}, {told}" if passing else state


def _names(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return ", ".join(hosts[:_NAMED]) + more
