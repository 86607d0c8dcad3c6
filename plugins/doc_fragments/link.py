# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the options in argspec.py and kinds/spec.py."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the interface, at most 15 bytes.
    type: str
    required: true
  mtu:
    description:
      - Largest packet in bytes, from 68 (IPv4) or 1280 (IPv6) to 65535.
      - An interface on top of another one cannot be larger than the lower one allows.
    type: int
  mac_address:
    description: Unicast MAC address.
    type: str
  promisc:
    description: Whether the interface also accepts frames for other MAC addresses.
    type: bool
  controller:
    description:
      - Name of the interface that this one is a port of, such as a bridge.
      - An empty string removes the interface from there.
    type: str
    aliases: [master]
  txqueuelen:
    description: How many packets wait for the interface at most.
    type: int
  ifalias:
    description: A line about the interface, for people. An empty string removes the present one.
    type: str
  altnames:
    description:
      - Alternative names, each at most 127 bytes. Everywhere an interface is found by its name, it is found by any of
        them too.
      - The list is complete, except for a link without a kind in M(weft.fabric.topology). Such a link keeps the names
        that udev gave it.
    type: list
    elements: str
  group:
    description: Number of the group of interfaces that this one belongs to (C(ip link show group)).
    type: int
  hairpin:
    description: Whether the bridge may send a frame back out of the port on which it arrived.
    type: bool
  isolated:
    description: Whether the bridge passes nothing between this port and other isolated ones.
    type: bool
  neigh_suppress:
    description: Whether the bridge answers ARP and neighbour discovery itself, instead of flooding them to this port.
    type: bool
  guard:
    description: Whether STP packets that arrive on this bridge port switch the port off (BPDU guard).
    type: bool
  root_block:
    description: Whether this bridge port may not become the way to the root of the spanning tree.
    type: bool
  port_learning:
    description: Whether the bridge learns MAC addresses from frames that arrive on this port.
    type: bool
  port_priority:
    description: Priority of this bridge port in the spanning tree, from 0 to 63. The lowest one is preferred.
    type: int
  cost:
    description: Cost of the way through this bridge port in the spanning tree, from 1 to 65535.
    type: int
  multicast_router:
    description:
      - Whether multicast routers are behind this bridge port. 0 says no, 1 that queries tell, 2 says yes, and 3 says
        yes until no more queries arrive.
    type: int
  pvid:
    description:
      - The VLAN of untagged frames on this bridge port. Unless O(untagged) says otherwise, frames of this VLAN leave
        the port untagged. Without O(vlans), other VLANs of the port are kept.
      - Requires C(vlan_filtering) on the bridge, and a kernel with CONFIG_BRIDGE_VLAN_FILTERING.
    type: int
  vlans:
    description:
      - All VLANs of this bridge port, such as V(10) and V(100-199). Others are removed from it.
      - Requires the same as O(pvid).
    type: list
    elements: str
  untagged:
    description: The VLANs whose frames leave this bridge port without a tag. By default only O(pvid).
    type: list
    elements: str
  addresses:
    description:
      - IPv4 and IPv6 addresses in CIDR notation, each with its prefix length.
      - An item can also be a dictionary with the options of an item of O(weft.fabric.address#module:addresses).
    type: list
    elements: raw
  purge_addresses:
    description:
      - Whether to remove addresses that are not in O(addresses).
      - Link-local addresses, and addresses from DHCP or router advertisements, are kept.
    type: bool
    default: false
  admin_state:
    description: Whether the interface is up.
    type: str
    choices: [up, down]
    default: up
  recreate:
    description:
      - Whether the interface may be deleted and created again if the kernel cannot change an attribute in place.
      - Otherwise the module fails and reports the attribute.
      - The new interface keeps its name, MTU, MAC address and bridge, and what others have made on it, such as
        addresses, routes, FDB entries and options as a port. The diff shows what it cannot keep.
    type: bool
    default: false
"""

    STATE = r"""
options:
  state:
    description: V(present) creates or changes what the task lists; V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
"""

    NETNS = r"""
options:
  netns:
    description:
      - The network namespace to work in, by its name, by its path, such as V(/proc/4711/ns/net), or by the number of a
        process in it.
      - By default the namespace that the module runs in.
    type: str
    aliases: [namespace]
"""

    PORTS = r"""
options:
  ports:
    description:
      - Names of the interfaces to add as ports. They must exist, and must not be ports of anything else.
    type: list
    elements: str
  purge_ports:
    description: Whether to remove ports that are not in O(ports).
    type: bool
    default: false
"""

    PARENT = r"""
options:
  parent:
    description: The interface below. Required with O(state=present).
    type: str
  parent_netns:
    description:
      - The namespace of O(parent), given like O(netns). By default the same as O(netns).
      - An empty string is the namespace that the module runs in.
    type: str
"""

    PURGE = r"""
options:
  purge:
    description:
      - Whether the list is authoritative. Entries that are not in the list are removed.
      - Entries of other programs are kept, as described above.
    type: bool
    default: false
"""
