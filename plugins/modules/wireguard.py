#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard
short_description: Manage WireGuard interfaces and their peers
version_added: 0.1.0
description:
  - Creates a WireGuard interface, and changes its key, port, mark and peers in place. Peers that do not differ keep
    their sessions.
  - Reads private and preshared keys from files on the host that only root can read. They appear in no result, diff or
    log. The public key is returned.
  - Requires the kernel driver C(wireguard), which Linux has since 5.6.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
options:
  private_key_file:
    description:
      - Path of a file on the host with the private key, in the format of C(wg genkey).
      - The file must belong to root, with mode 0600 or less. By default the key is not changed.
    type: path
  public_key:
    description:
      - The expected public key of the interface. The kernel derives it from the private key.
      - The module fails if the key in O(private_key_file) has a different public key.
    type: str
  listen_port:
    description: UDP port to listen on. By default the kernel chooses a port.
    type: int
  fwmark:
    description: Mark of the outer packets, for routing rules. 0 means no mark.
    type: int
  peers:
    description:
      - The other ends of the tunnel. The list is authoritative. Peers that are not in the list are removed.
      - By default the peers are not changed.
    type: list
    elements: dict
    suboptions:
      public_key:
        description: Public key of the peer, in the format of C(wg pubkey).
        type: str
        required: true
      preshared_key_file:
        description:
          - Path of a file on the host with the key that is shared with the peer, in the format of C(wg genpsk). The
            same owner and mode as for O(private_key_file) are required.
          - An empty string removes the preshared key. By default the key is not changed.
        type: path
      endpoint:
        description:
          - Address and port of the peer, such as V(192.0.2.1:51820) or V([2001:db8::1]:51820).
          - By default the source of the peer's last packet.
        type: str
      persistent_keepalive:
        description: Seconds between packets that keep a path through NAT open. 0 sends none.
        type: int
      allowed_ips:
        description:
          - Subnets behind the peer, in CIDR notation. Packets to these subnets are sent to the peer, and packets from
            these subnets are accepted from the peer. The list is authoritative.
          - A subnet can belong to only one peer.
        type: list
        elements: str
  mac_address:
    description: Refused, because a tunnel has no MAC address.
    type: str
  controller:
    description:
      - Name of the VRF that the interface is a port of. A bridge or bond is refused, because its ports carry Ethernet
        frames.
      - An empty string removes the interface from there.
    type: str
    aliases: [master]
"""

EXAMPLES = r"""
- name: Create a private key, which never leaves the host
  ansible.builtin.shell:
    cmd: umask 077 && wg genkey >/etc/wireguard/wg0.key
    creates: /etc/wireguard/wg0.key

- name: Create a tunnel to one other host
  weft.fabric.wireguard:
    name: wg0
    private_key_file: /etc/wireguard/wg0.key
    listen_port: 51820
    addresses: [10.9.0.1/24]
    peers:
      - public_key: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
        endpoint: 192.0.2.2:51820
        allowed_ips: [10.9.0.2/32, 10.244.1.0/24]
  register: tunnel

- name: Show the key that the other host needs
  ansible.builtin.debug:
    var: tunnel.link.public_key

- name: Delete the tunnel
  weft.fabric.wireguard:
    name: wg0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: wg0, kind: wireguard, admin_state: up, mtu: 1420,
           public_key: "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=", listen_port: 51820,
           peers: [{public_key: "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", endpoint: "192.0.2.2:51820",
                    allowed_ips: [10.244.1.0/24, 10.9.0.2/32]}], addresses: [10.9.0.1/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("wireguard"), **arguments("wireguard"))


if __name__ == "__main__":
    main()
