# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of argspec.py."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the interface, of at most 15 bytes.
    type: str
    required: true
  mtu:
    description:
      - Largest packet in bytes, from 68 (IPv4) or 1280 (IPv6) to 65535.
      - An interface on another one takes at most what that one leaves it.
    type: int
  mac_address:
    description: Unicast MAC address.
    type: str
  promisc:
    description: Whether it takes frames that are not for it too.
    type: bool
  controller:
    description:
      - Name of the bridge or bond that the interface is a port of.
      - An empty string takes it out of the one it is in.
    type: str
    aliases: [master]
  hairpin:
    description: Whether the bridge may send a frame back out of the port that it came in by.
    type: bool
  pvid:
    description:
      - The VLAN that frames without a tag belong to on this port of a bridge; they leave without one again. Other VLANs
        of the port stay.
      - The bridge needs C(vlan_filtering), and a kernel with CONFIG_BRIDGE_VLAN_FILTERING.
    type: int
  addresses:
    description: IPv4 and IPv6 addresses in CIDR notation, each with its prefix length.
    type: list
    elements: str
  purge_addresses:
    description:
      - Whether addresses that O(addresses) does not list are removed.
      - Link-local ones, and those that came by DHCP or a router's advertisement, stay.
    type: bool
    default: false
  admin_state:
    description: Whether the interface is up.
    type: str
    choices: [up, down]
    default: up
  recreate:
    description:
      - Whether the interface may be deleted and made again where the kernel cannot change what differs.
      - Without it the module fails and says what differs.
    type: bool
    default: false
"""

    STATE = r"""
options:
  state:
    description: Whether it has to be there.
    type: str
    choices: [present, absent]
    default: present
"""

    NETNS = r"""
options:
  netns:
    description:
      - Name of the network namespace that the object is in.
      - The one that the module runs in by default.
    type: str
    aliases: [namespace]
"""

    PORTS = r"""
options:
  ports:
    description:
      - Names of the interfaces that are its ports. They have to exist, and to be a port of nothing else.
    type: list
    elements: str
  purge_ports:
    description: Whether ports that O(ports) does not list are taken out of it.
    type: bool
    default: false
"""

    PARENT = r"""
options:
  parent:
    description: The interface that it is on. Required with O(state=present).
    type: str
  parent_netns:
    description:
      - Name of the namespace that O(parent) is in; the same as O(netns) by default.
      - An empty string is the namespace that the module runs in.
    type: str
"""

    PURGE = r"""
options:
  purge:
    description:
      - Whether the list is authoritative, so that what it does not list goes.
      - What others put there stays, as the module says.
    type: bool
    default: false
"""
