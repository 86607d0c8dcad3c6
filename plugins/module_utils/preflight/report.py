# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All findings on this host, and what it is."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host import documents, identity, managers
from ansible_collections.weft.fabric.plugins.module_utils.host.documents import Documents, values_of
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import prepare
from ansible_collections.weft.fabric.plugins.module_utils.host.systemd import systemd_runs
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.nft import table
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks import CHECKS
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check, Finding, Wanted
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.software import installed
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Run

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")  # os-release(5)
_FAMILIES = ("debian", "ubuntu", "fedora", "rhel", "centos", "suse")
"""The distributions whose packages have the names that checks give, by ID or ID_LIKE."""


def report(given: Mapping[str, Any], interfaces: Iterable[str]) -> dict[str, Any]:
    """Look at this host.

    :param given: the documents that it is to have, by role.
    :param interfaces: those whose MAC addresses matter.
    :raises InvalidParameter: a document is wrong.
    """
    parsed = documents.asked_for(given, {}, True, "present")
    present = documents.ordered(document for document in parsed.values() if not document.absent)
    wanted = Wanted(present, _whole(present))
    found: dict[str, tuple[str, Finding]] = {}
    for check in CHECKS:
        for finding in _findings(check, wanted):
            # Without root, several checks find the same.
            found.setdefault(finding.text, (check.name, finding))
    release = _release()
    known = any(family in f"{release.get('ID', '')} {release.get('ID_LIKE', '')}" for family in _FAMILIES)
    packages = dict.fromkeys(name for _check, finding in found.values() for name in finding.packages)
    return {
        "findings": [{"check": name, "text": one.text, "refuses": one.refuses} for name, one in found.values()],
        "packages": [*packages] if known else [],
        "identity": {**identity.machine(), "macs": identity.macs(interfaces)},
        "time": time.time(),
        "system": {
            "distribution": release.get("PRETTY_NAME", ""),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "pyroute2": installed("pyroute2"),
            "nft": bool(table.program()),
            "systemd": systemd_runs(),
            "managers": managers.running(),
        },
    }


def _whole(present: Documents) -> Document:
    run = Run(values_of(present), check=True)
    prepare(run)
    return run.whole or Document()


def _findings(check: Check, wanted: Wanted) -> Iterator[Finding]:
    try:
        yield from check.find(wanted)
    except FabricError as error:
        yield Finding(str(error))


def _release() -> dict[str, str]:
    """What os-release(5) says of the distribution."""
    for path in _OS_RELEASE:
        try:
            with open(path, encoding="utf-8") as lines:
                pairs = (line.strip().partition("=") for line in lines if "=" in line)
                return {key: value.strip("\"'") for key, _sign, value in pairs}
        except OSError:
            continue
    return {}
