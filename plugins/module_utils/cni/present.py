# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has already where interfaces of containers come: others' interfaces, bridges and addresses.

Read before anything changes. The reference plugins refuse an interface whose name is taken, leave a bridge's MAC
address, and replace only addresses of the gateway's own family (plugins/main/bridge/bridge.go: setupVeth, ensureAddr).
They delete whatever has the interface's name (cmdDel); here it has to be of the network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.config import DATA_DIR, IpInterface
from ansible_collections.weft.fabric.plugins.module_utils.cni.hostlocal import networks_of
from ansible_collections.weft.fabric.plugins.module_utils.cni.vlans import are_filtered
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
from ansible_collections.weft.fabric.plugins.module_utils.kernel.portvlan import read_bridge
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed

_PINNED = "3"  # include/uapi/linux/netdevice.h: NET_ADDR_SET


def check_new(item: Attachment) -> None:
    """Check that an interface that has no address in its network yet does not exist.

    :raises InvalidParameter: it exists, so it is in another network, or somebody else's.
    """
    other = network_of(item)
    if other:
        remedy = f"it is in network {other}: detach it from that first (state: absent)"
        raise InvalidParameter(f"{item.where}.interface", item.interface, remedy)
    if not item.recreate and _addresses(item.netns, item.interface) is not None:
        remedy = (
            f"namespace {item.netns} has a link of this name, which has no address of network {item.network.name}: "
            "choose another name, or delete the link first"
        )
        raise InvalidParameter(f"{item.where}.interface", item.interface, remedy)


def check_static(item: Attachment) -> None:
    """Check that an interface with static addresses has at least one of them, if it has any.

    :raises InvalidParameter: it has only others.
    """
    there = [address for address in _addresses(item.netns, item.interface) or () if not address.ip.is_link_local]
    if there and not item.recreate and not {own.address for own in item.addresses} & {*there}:
        shown = ", ".join(map(str, there))
        remedy = f"namespace {item.netns} has a link of this name with {shown}: choose another name, or delete it first"
        raise InvalidParameter(f"{item.where}.interface", item.interface, remedy)


def check_attached(item: Attachment) -> None:
    """Check that an interface that is removed is in its network, if it exists.

    :raises InvalidParameter: it is not.
    """
    with Kernel() as kernel:
        scopes = {
            item.netns: Scope(named=True, links=True, addresses=True, others=[""]),
            "": Scope(links=True, others=[item.netns]),
        }
        found = observe(kernel, scopes)
    there = found[item.netns]
    if item.interface in there.links and not _is_attached(item, there, found[""]):
        remedy = (
            f"namespace {item.netns} has a link of this name, which is not in network {item.network.name}: "
            "give the configuration of its network, or delete the link itself"
        )
        raise InvalidParameter(f"{item.where}.interface", item.interface, remedy)


def _is_attached(item: Attachment, there: Observed, host: Observed) -> bool:
    """Whether a link has an address that the network gave it, or has none and is connected as the plugin does it."""
    ipam, given = item.network.ipam, {own.address.ip for own in item.addresses}
    if ipam and ipam.sets and not given:
        return False
    used = {address.ip for address in _of(there, item.interface) if not address.ip.is_link_local}
    if ipam and used:
        return bool(used & given)
    return _is_connected(item, there.links[item.interface], host)


def _is_connected(item: Attachment, link: Link, host: Observed) -> bool:
    """Whether a link has the place on the host that a plugin gives it."""
    device, master = (item.network.options.get(name) for name in ("device", "master"))
    if device:
        return bool(link.attributes.get("ifalias") == device)  # its name on the host
    if master:
        return (link.attributes.get("parent_netns"), link.attributes.get("parent")) == ("", master)
    place, name = link.peer or (item.netns, "")
    return not place and (host.links[name].attributes.get("controller") or "") == item.network.bridge


def network_of(item: Attachment) -> str:
    """Another network in which host-local has an address for an interface; empty: there is none."""
    ipam = item.network.ipam
    own = ipam.directory if ipam else ""
    parent = own.rpartition("/")[0] if own else DATA_DIR
    return next((name for name in networks_of(item, parent) if f"{parent}/{name}" != own), "")


def bridges(items: Iterable[Attachment]) -> set[str]:
    """The bridges of networks that exist, and whose MAC addresses somebody has set."""
    return {item.network.bridge for item in items if item.network.bridge and _has_mac_of_its_own(item.network.bridge)}


def filtering(items: Sequence[Attachment]) -> dict[str, int]:
    """The bridges of networks that exist, and filter VLANs or will, each with the VLAN of its new ports."""
    asked = {item.network.bridge: False for item in items if item.network.bridge}
    asked.update((item.network.bridge, True) for item in items if are_filtered(item.network.options))
    found = {}
    with Kernel() as kernel:
        for name, will in asked.items():
            bridge = read_bridge(kernel.socket(""), name)
            if bridge and (bridge[0] or will):
                found[name] = bridge[1]
    return found


def _has_mac_of_its_own(name: str) -> bool:
    """Whether a link exists and keeps its MAC address, whichever ports it has.

    In a network namespace that sysfs is not of, it is taken for one that does.
    """
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        return False
    try:
        there = int(_sysfs(name, "ifindex"))
        return there != index or _sysfs(name, "addr_assign_type") == _PINNED
    except FileNotFoundError:
        return True


def _sysfs(name: str, attribute: str) -> str:
    with open(f"/sys/class/net/{name}/{attribute}", encoding="ascii") as file:
        return file.read().strip()


def displaced(items: Iterable[Attachment]) -> Iterator[tuple[str, IpInterface]]:
    """The addresses that gateways with ``forceAddress`` take the place of, each with its link on the host.

    Of IPv4 a bridge has one gateway then; of IPv6 it keeps those of other subnets.
    """
    forced: dict[str, set[IpInterface]] = {}
    for item in items:
        if item.network.options.get("forceAddress") and item.network.gateway:
            forced.setdefault(item.gateway_link, set()).update(item.gateways)
    for dev, gateways in forced.items():
        for address in _addresses("", dev) or ():
            rivals = [gateway for gateway in gateways if gateway.version == address.version]
            overlaps = address.version == 4 or any(gateway.network.overlaps(address.network) for gateway in rivals)
            if address not in gateways and rivals and overlaps and not address.ip.is_link_local:
                yield dev, address


def _addresses(netns: str, dev: str) -> list[IpInterface] | None:
    """The addresses of a link; None: there is no such link."""
    with Kernel() as kernel:
        found = observe(kernel, {netns: Scope(devices={dev}, addresses=True)})[netns]
    return _of(found, dev) if dev in found.links else None


def _of(observed: Observed, dev: str) -> list[IpInterface]:
    """The addresses of a link."""
    return [ipaddress.ip_interface(item.address) for item in observed.addresses.values() if item.dev == dev]
