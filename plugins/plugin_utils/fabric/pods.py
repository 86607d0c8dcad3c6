# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of a host, parsed from ``pods_pods``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import veth_name
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Network, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import STOP, Faults
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay

_KEYS = ("name", "network")
_DRIVERS_KEYS = ("address", "interface", "host_interface", "overlay")


def parse(pods: object, overlays: Mapping[str, Overlay], default: Network | None, faults: Faults = STOP) -> list[Pod]:
    """The pods of a host, without those with faults.

    :param pods: list of ``{name, address, interface, host_interface, overlay, network}``.
    :param default: the network of pods that have none of their own. None: it has faults.
    """
    if not isinstance(pods, Iterable) or isinstance(pods, (str, bytes, Mapping)):
        faults.add(InvalidParameter("pods_pods", pods, "give a list of {name, address}"))
        return []
    holders = {
        ("host_interface", overlay.bridge): f"the bridge of overlay {name}" for name, overlay in overlays.items()
    }
    parsed = []
    for index, item in enumerate(pods):
        pod = _pod(f"pods_pods[{index}]", item, overlays, default, faults)
        if pod is None:
            continue
        for key, value in (("name", pod.name), ("host_interface", pod.host_interface)):
            other = holders.setdefault((key, value), pod.where)
            if other != pod.where:
                faults.add(InvalidParameter(f"{pod.where}.{key}", value, f"{other} has it too: give each its own"))
        parsed.append(pod)
    for pod in parsed:
        faults.check(pod.network.driver.check, pod, parsed)
    return parsed


def _pod(
    where: str, item: object, overlays: Mapping[str, Overlay], default: Network | None, faults: Faults
) -> Pod | None:
    """A pod; None: it has faults."""
    if not isinstance(item, Mapping):
        faults.add(InvalidParameter(where, item, "give a dictionary with name and address"))
        return None
    name = faults.check(values.netns, f"{where}.name", item.get("name"))
    network = drivers.network(f"{where}.network", item["network"], faults) if "network" in item else default
    interface = faults.check(values.ifname, f"{where}.interface", item.get("interface", "eth0"))
    outside = item.get("host_interface", default_host_interface(name or ""))
    host_interface = faults.check(values.ifname, f"{where}.host_interface", outside)
    overlay = str(item.get("overlay", next(iter(overlays), "")))
    if overlays:
        faults.check(values.choice, f"{where}.overlay", overlay, list(overlays))
    if network is None:
        return None
    _refuse_unknown_keys(where, item, network, faults)
    driver = network.driver
    own = faults.check(driver.addresses, f"{where}.address", item.get("address")) if "address" in driver.pod else ()
    if name is None or interface is None or host_interface is None or own is None:
        return None
    return Pod(
        name=name,
        addresses=own,
        interface=interface,
        host_interface=host_interface,
        network=network,
        overlay=overlays.get(overlay) if driver.in_overlay else None,
        where=where,
    )


def _refuse_unknown_keys(where: str, item: Mapping[str, Any], network: Network, faults: Faults) -> None:
    known = (_KEYS[0], *network.driver.pod, *_KEYS[1:])
    for key in item:
        if key not in known:
            taker = f"a pod with driver {network.driver.name}" if key in _DRIVERS_KEYS else "a pod"
            faults.add(InvalidParameter(f"{where}.{key}", item[key], f"{taker} takes only {', '.join(known)}"))


def refuse_removed_overlays(pods: Iterable[Pod], faults: Faults = STOP) -> None:
    """Refuse pods if the overlays are to be removed."""
    for pod in pods:
        if pod.overlay and not pod.overlay.present:
            remedy = "the overlays are removed (overlay_state): remove the pod, or all of them with pods_state: absent"
            faults.add(InvalidParameter(f"{pod.where}.name", pod.name, remedy))


def attachments(pods: Iterable[Pod], faults: Faults = STOP) -> list[tuple[Pod, dict[str, Any]]]:
    """The pods' interfaces in CNI networks, as weft.fabric.cni takes them, without those with faults."""
    items = [(pod, faults.check(_attachment, pod)) for pod in pods if pod.network.driver.assigns]
    return [(pod, item) for pod, item in items if item]


def _attachment(pod: Pod) -> dict[str, Any] | None:
    """A pod's interface in a CNI network.

    :raises InvalidParameter: the module cni would refuse it.
    """
    item = pod.network.driver.attachment(pod.network, pod)
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import attachments_of

    try:
        attachments_of("", [item])
    except InvalidParameter as error:
        # The module lists addresses, and a pod its address.
        parameter = error.parameter.removeprefix("[0]").replace(".addresses", ".address")
        raise InvalidParameter(f"{pod.where}{parameter}", error.value, error.remedy) from None
    return item


def default_host_interface(name: str) -> str:
    """The name of the host's end of a pod's veth pair: 12 bytes from the pod's name alone, so that it never changes."""
    return veth_name(name)


def with_assigned(pods: Mapping[str, Any], networks: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Each host's pods as they were given; those that their host gives addresses have these.

    :param networks: each host's ``pods_network``.
    :param results: by host, the CNI results of its pods in such networks, in the order of its pods.
    """
    found = {}
    for host, given in pods.items():
        told = iter(results.get(host) or ())
        found[host] = [
            {**pod, "address": _addresses_of(next(told, {}))}
            if results.get(host) and _is_assigned(pod, networks.get(host))
            else pod
            for pod in given
        ]
    return found


def _is_assigned(pod: Mapping[str, Any], network: Any) -> bool:
    driver = drivers.named(pod.get("network", network))
    return driver is not None and driver.assigns


def _addresses_of(result: Mapping[str, Any]) -> list[str]:
    """The addresses of a CNI result: in ``ips``, before version 0.3.0 in ``ip4`` and ``ip6``."""
    own = [item["address"] for item in result.get("ips", ())]
    own += [result[key]["ip"] for key in ("ip4", "ip6") if key in result]
    return [item.partition("/")[0] for item in own]
