# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook lab's document: a lab's switches and cables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host.lab import check_name

_KEYS = ("name", "switch", "addresses", "mac_address", "mtu")


def document(hosts: Mapping[str, Sequence[Mapping[str, Any]]], switches: Sequence[str]) -> dict[str, Any]:
    """Switches are bridges. Cables are veth pairs from a bridge to a host's network namespace.

    :param hosts: each host's interfaces: ``{name, switch, addresses, mac_address, mtu}``, the first two required.
    :param switches: the names of the bridges.
    :returns: ``namespaces`` as weft.fabric.topology takes it.
    :raises InvalidParameter: for anything that the kernel would refuse, or accept silently: an address or a MAC that
        two interfaces have.
    """
    for index, switch in enumerate(switches):
        values.ifname(f"lab_switches[{index}]", switch)
        if switch in switches[:index]:
            raise InvalidParameter(f"lab_switches[{index}]", switch, "another switch has this name, give each its own")
    links: list[dict[str, Any]] = [
        # Without a spanning tree, a new port has nothing to wait for.
        {"name": switch, "kind": "bridge", "stp": False, "forward_delay": 0}
        for switch in sorted(switches)
    ]
    holders: dict[tuple[str, str], str] = {}
    for host in sorted(hosts):
        check_name("host", host)
        for index, interface in enumerate(hosts[host] or []):
            where = f"{host}: lab_interfaces[{index}]"
            end = _host_end(where, interface, switches)
            for what, value in _unique(host, end):
                other = holders.setdefault((what, value), where)
                if other != where:
                    raise InvalidParameter(where, value, f"{other} has this {what} too, give each its own")
            port = {"name": _port(host, end["name"]), "kind": "veth", "controller": interface["switch"]}
            links.append({**port, "peer": {"netns": host, **end}})
    return {"": {"links": links}}


def _unique(host: str, end: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What no other interface may have."""
    yield "name on this host", f"{host} {end['name']}"
    if "mac_address" in end:
        yield "MAC address", end["mac_address"]
    for address in end.get("addresses", ()):
        yield "address", address.split("/")[0]


def _host_end(where: str, interface: Mapping[str, Any], switches: Sequence[str]) -> dict[str, Any]:
    unknown = sorted(set(interface) - set(_KEYS))
    if unknown:
        raise InvalidParameter(f"{where}.{unknown[0]}", interface[unknown[0]], f"the keys are {', '.join(_KEYS)}")
    if interface.get("switch") not in switches:
        raise InvalidParameter(
            f"{where}.switch",
            interface.get("switch"),
            f"give one of lab_switches ({', '.join(switches)}), or add this one there",
        )
    end: dict[str, Any] = {"name": values.ifname(f"{where}.name", interface.get("name"))}
    if "mac_address" in interface:
        end["mac_address"] = values.mac(f"{where}.mac_address", interface["mac_address"])
    if "addresses" in interface:
        end["addresses"] = [
            values.interface_address(f"{where}.addresses[{number}]", address)
            for number, address in enumerate(interface["addresses"])
        ]
    if "mtu" in interface:
        end["mtu"] = values.integer(f"{where}.mtu", interface["mtu"], values.IPV4_MTU, values.LARGEST_MTU, "bytes")
    return end


def _port(host: str, interface: str) -> str:
    """The name of a cable's end at the switch: both names together would be too long for an interface."""
    return "port" + hashlib.sha256(f"{host} {interface}".encode()).hexdigest()[:11]
