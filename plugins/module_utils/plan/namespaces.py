# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces: created, given a further name, and removed."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import MISSING, Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def join_namespace(view: View, netns: str, joins: str) -> None:
    """Make a name a further name of a namespace."""
    if joins in view.at(netns).aliases:
        return
    view.require_namespace(joins)
    _check_file(netns, view.at(netns).status)
    if view.at(netns).status != "absent":
        remove_namespaces(view, [netns])
    view.do("create", "", None, Namespace(netns, joins))
    view.state[netns] = Observed(aliases=frozenset({joins}))


def make_namespace(view: View, netns: str, desired: Desired) -> None:
    """Create a namespace if it is missing or unfinished, and bring its loopback up.

    :raises FabricError: it is missing and the document only mentions it, or its name is a further name of a namespace
        that the document keeps apart.
    """
    status = view.at(netns).status
    if status == "broken" and ("namespace", netns, "") in (view.document.owned or ()):
        status = "unfinished"  # a run was killed while it removed the namespace, and its file is left
    if desired.create:
        _check_apart(view, netns)
    if status != "present":
        if desired.create:
            _check_file(netns, status)
            if status == "unfinished":
                view.do("delete", "", Namespace(netns), shown=False)
            view.do("create", "", None, Namespace(netns))
        else:
            view.require_namespace(netns)
        view.state[netns] = _fresh()
    asked = "lo" in desired.links and "admin_state" in desired.links["lo"].attributes
    if desired.create and not asked and view.at(netns).links["lo"].attributes["admin_state"] != "up":
        view.set(netns, "lo", {"admin_state": "up"})


def _check_apart(view: View, netns: str) -> None:
    """Refuse a name of a namespace that is to stay apart.

    :raises FabricError: it is another name of the process's own namespace, or of one that the document makes.
    """
    for other in sorted(view.at(netns).aliases):
        if other == "" or (other in view.document.namespaces and view.document.namespaces[other].joins is None):
            same = f"namespace {netns} is the same as {other or 'the one of this process'}"
            raise FabricError(f"{same}: take this name away first (state: absent), then it gets one of its own")


def _check_file(netns: str, status: str) -> None:
    """Refuse to replace a file of somebody else.

    :raises FabricError: there is one in the directory of namespaces.
    """
    if status not in ("present", *MISSING):
        raise FabricError(
            f"namespace {netns}: a file of this name is there, and no namespace is mounted on it: another mount "
            "namespace may have one there. Choose another name, or remove the file with weft.fabric.netns "
            "(state: absent), which ends a namespace that is mounted there"
        )


def remove_namespaces(view: View, names: Sequence[str]) -> None:
    """Remove namespaces, each after its links that are tied to another namespace.

    The kernel dismantles a namespace some time after its name is removed. A veth's other end would still exist when the
    next task creates one of the same name. A namespace with a further name stays, with everything in it.
    """
    present = [netns for netns in names if view.at(netns).status != "absent"]
    for netns in present:
        aliases = view.at(netns).aliases
        for other in aliases & view.state.keys():
            view.at(other).aliases -= {netns}
        for link in list(view.at(netns).links.values()) if not aliases else ():
            tied = link.nsid is not None or (link.peer is not None and link.peer[0] != netns)
            if link.kind and tied and link.name in view.at(netns).links:
                view.do("delete", netns, link)
                view.forget(netns, link.name)
    for netns in present:
        view.do("delete", "", Namespace(netns))
        view.state[netns] = Observed("absent")
        view.losses.pop(netns, None)  # everything in it belongs to it


def _fresh() -> Observed:
    """The state of a new namespace."""
    loopback = {"admin_state": "down", "mtu": 65536, "mac_address": values.ZERO_MAC, "controller": ""}
    return Observed(links={"lo": Link("lo", "", loopback)})
