# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that a host's documents make, and that exist although none of its generations has made them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kinds import one
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace, place_of
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route
from ansible_collections.weft.fabric.plugins.module_utils.plan.routes import missing_routes
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOLS

# How interfaces of other programs are called, if nobody has told them otherwise.
_MANAGERS = {
    "docker": "Docker",
    "br-": "Docker",
    "virbr": "libvirt",
    "vnet": "libvirt",
    "podman": "Podman",
    "cni": "a CNI plugin",
    "flannel": "flannel",
    "cali": "Calico",
    "vxlan.calico": "Calico",
    "cilium": "Cilium",
    "lxc": "LXC or Cilium",
    "lxd": "LXD",
    "kube-": "Kubernetes",
    "weave": "Weave Net",
    "vmbr": "Proxmox VE",
}


def refuse_foreign(view: View) -> None:
    """Refuse to make objects that exist and are not ours; adopt those that are named for that.

    :raises FabricError: for all of them, in one line.
    """
    owned, adopt = view.document.owned, view.document.adopt
    if owned is None:
        return
    refused = []
    for netns, desired in view.document.namespaces.items():
        for item, text in _foreign(netns, desired, view.observed[netns], owned):
            name = item.dst if isinstance(item, Route) else item.name
            if adopt is None or name in adopt:
                view.plan.adopted.append((netns, item))
            else:
                refused.append(f"{text}: give another name, or adopt it (adopt: [{name}])")
    if refused:
        raise FabricError("; ".join(refused))


def _foreign(
    netns: str, desired: Desired, there: Observed, owned: frozenset[tuple[str, str, str]]
) -> Iterator[tuple[Link | Namespace | Route, str]]:
    """Objects of one namespace that are not ours, each with what it is."""
    ours = ("namespace", netns, "") in owned
    if desired.create and not ours and there.status == "present":
        ours = True  # what is in it belongs to whom it belongs to
        yield Namespace(netns), f"namespace {netns} exists and is not ours"
    for link in desired.links.values() if not ours else ():
        known = there.links.get(link.name)
        if link.kind and known is not None and ("link", link.name, netns) not in owned:
            yield known, _described(netns, known, there)
    if not ours:
        yield from _foreign_routes(netns, desired, there)


def _foreign_routes(netns: str, desired: Desired, there: Observed) -> Iterator[tuple[Route, str]]:
    """Routes of somebody else that lead elsewhere; those of interfaces that become ports are replaced."""
    ports = {link.name for link in desired.links.values() if link.attributes.get("controller")}
    for route in missing_routes(desired.routes.values(), there.routes):
        rivals = [other for other in there.routes.get(route.place, ()) if other.key == route.key]
        if rivals and not any(other.protocol in ROUTE_PROTOCOLS or other.devices & ports for other in rivals):
            yield rivals[0], f"{rivals[0].label(netns)} exists, is not ours, and differs from the one that is wanted"


def _described(netns: str, link: Link, there: Observed) -> str:
    ports = sorted(other.name for other in there.links.values() if other.attributes.get("controller") == link.name)
    addresses = [address.address for address in there.addresses.values() if address.dev == link.name]
    parts = [
        one(link.kind or "NIC or another kind of link"),
        f"with ports {', '.join(ports)}" if ports else "",
        f"with {', '.join(addresses)}" if addresses else "",
        *(f"perhaps of {who}" for prefix, who in _MANAGERS.items() if link.name.startswith(prefix)),
    ]
    return f"link {link.name}{place_of(netns)} exists and is not ours ({', '.join(filter(None, parts))})"
