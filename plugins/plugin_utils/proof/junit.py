# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof as a JUnit report: a suite for each host, with a case for each pair that it probes.

A case that fails is in the suite of the host that has the fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from ansible_collections.weft.fabric.plugins.module_utils.proof.faults import culprits
from ansible_collections.weft.fabric.plugins.module_utils.proof.verdict import Verdict, failing


def junit(found: Sequence[Verdict]) -> str:
    """The report, as XML. A pair that is unproved or was not probed counts as skipped."""
    root = ElementTree.Element("testsuites", {"name": "weft.fabric.verify", **_counts(found)})
    suites: dict[str, list[Verdict]] = {verdict.pair.host: [] for verdict in found}
    failed = failing(found)
    blamed = {id(verdict): hosts for verdict, hosts in zip(failed, culprits(failed))}
    for verdict in found:
        hosts = blamed.get(id(verdict), [])
        # Where it may be one of several, the host stays that has found it.
        suites.setdefault(hosts[0] if len(hosts) == 1 else verdict.pair.host, []).append(verdict)
    for host, of_host in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": host, **_counts(of_host)})
        for verdict in of_host:
            _add(suite, verdict)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _counts(found: Sequence[Verdict]) -> dict[str, str]:
    failures = sum(bool(verdict.check and not verdict.unproved) for verdict in found)
    skipped = sum(bool(verdict.unproved) for verdict in found)
    return {"tests": str(len(found)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}


def _add(suite: ElementTree.Element, verdict: Verdict) -> None:
    target = verdict.pair.target
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"weft.fabric.verify.{verdict.pair.source}",
        name=f"{target.name} {target.address}",
        time=f"{(verdict.pair.result.rtt or 0) / 1000:.6f}",
    )
    if verdict.unproved:
        ElementTree.SubElement(case, "skipped", message=verdict.text)
    elif verdict.check:
        failure = ElementTree.SubElement(case, "failure", message=verdict.text, type=verdict.check.layer)
        causes = (": ".join(filter(None, cause)) for cause in verdict.causes)
        failure.text = "\n".join((str(verdict.pair.result.error or ""), *causes)).strip()
