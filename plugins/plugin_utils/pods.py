# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's pods as documents for weft.fabric.topology: what is to be there, and what is to go. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.cni.pieces import Pieces, put_together
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers

Overlays = Mapping[str, Mapping[str, Any]]

_KEYS = ("name", "network", "state")
_ANY = ("address", "interface", "host_interface", "overlay")


def plan(pods: object, overlays: Overlays, host: str, mtu: object, network: object = drivers.DEFAULT) -> dict[str, Any]:
    """Plan a host's pods, and what connects them.

    :param pods: list of ``{name, address, interface, host_interface, overlay, network, state}``. ``name`` is the pod's
        namespace. ``address`` is one, or a list of one for each family. ``interface`` is the pod's interface (eth0),
        ``host_interface`` the other end of its veth pair (derived from the name). ``overlay`` is the overlay that it is
        in (the first). ``network`` is its own, in place of the host's.
    :param overlays: the plans of all overlays; each has a bridge.
    :param mtu: that of the underlay's interface, in bytes. Bridges and pods have what their overlay leaves of it.
    :param network: pods_network, a driver and what that takes.
    :returns: ``present`` and ``absent``, each ``namespaces`` as weft.fabric.topology takes them, ``running`` and
        ``gone``, each the names of the pods in it that have a server of their own, and ``cni``, by state the
        ``attachments`` of weft.fabric.cni.
    :raises InvalidParameter: for the first that is wrong.
    """
    default = drivers.network("pods_network", network)
    known = _checked(pods, overlays, default)
    there = [pod for pod in known if pod["state"] == "present"]
    underlay = values.integer("mtu", mtu, 68, 65535, "bytes")
    parts: list[Pieces] = [{"": {"links": []}}]
    _check_overlays(there)
    for overlay in overlays.values():
        inside = [pod for pod in there if pod["overlay"] is overlay]
        if overlay["state"] == "present":
            parts += _in_overlay(inside, overlay, host, underlay, default)
    for net in dict.fromkeys([default, *(pod["net"] for pod in there)]):
        beside = [pod for pod in there if pod["net"] == net]
        if net.driver not in drivers.OVERLAY:
            parts += _beside(beside, net, overlays, host, underlay)
    return {
        "present": put_together(parts),
        "absent": _absent((pod for pod in known if pod["state"] == "absent"), _bridged(known, overlays, default)),
        "running": [pod["name"] for pod in there if pod["net"].driver != "container"],
        "gone": [pod["name"] for pod in known if pod["state"] == "absent"],
        "cni": _attachments(known),
    }


def removal(pods: object, overlays: Overlays, network: object = drivers.DEFAULT) -> dict[str, Any]:
    """Plan to take away all pods and what connects them, for which no node has to be known.

    :param overlays: plans, of which the bridges are used.
    :param network: pods_network.
    :returns: as plan() does.
    :raises InvalidParameter: for the first that is wrong.
    """
    default = drivers.network("pods_network", network)
    known = [{**pod, "state": "absent"} for pod in _checked(pods, overlays, default)]
    ending = {name: {**overlay, "state": "absent"} for name, overlay in overlays.items()}
    absent = _absent(known, _bridged(known, ending, default))
    if "fan" in {default.driver, *(pod["net"].driver for pod in known)}:
        absent[""]["links"] += [
            {"name": drivers.FAN_BRIDGE, "kind": "bridge"},
            {"name": drivers.FAN_TUNNEL, "kind": "ipip"},
        ]
    configs = [net.config for net in (*(pod["net"] for pod in known), default) if net.config is not None]
    if configs:
        from ansible_collections.weft.fabric.plugins.module_utils.cni.config import network as cni_network
        from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import shared_links

        networks = [cni_network("config", config) for config in configs]
        absent[""]["links"] += {link["name"]: link for net in networks for link in shared_links(net)}.values()
    gone = [pod["name"] for pod in known]
    return {"present": {}, "absent": absent, "running": [], "gone": gone, "cni": _attachments(known)}


def _attachments(known: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"present": [], "absent": []}
    for pod in known:
        if pod["net"].driver == "cni":
            item = {"netns": pod["name"], "interface": pod["interface"], "network": pod["net"].config, "recreate": True}
            if pod["address"] is not None:
                item["addresses"] = [own for _where, own in listed(f"{pod['where']}.address", pod["address"])]
            found[pod["state"]].append(item)
    if found["present"]:
        from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import attachments_of

        attachments_of("pods_pods", found["present"])
    return found


def _in_overlay(
    pods: Sequence[Mapping[str, Any]], overlay: Mapping[str, Any], host: str, underlay: int, default: drivers.Network
) -> Iterator[Pieces]:
    node = overlay["nodes"][host]
    mtu = underlay - node["mtu_overhead"]
    addresses = _addresses(pods, [_share(network) for network in node["networks"]])
    if _has_bridge(pods, default):
        gateways = [network["gateway_cidr"] for network in node["networks"]]
        yield {"": {"links": [drivers.bridge(overlay["bridge"], gateways, mtu)]}}
    routed = [item.ip for pod in pods if pod["net"].driver == "ptp" for item, _gateway in addresses[pod["name"]]]
    for pod in pods:
        own = addresses[pod["name"]]
        if pod["net"].driver == "ptp":
            yield drivers.ptp(pod, own, mtu)
        else:
            yield drivers.bridged(pod, own, overlay["bridge"], mtu, routed)


def _beside(
    pods: Sequence[Mapping[str, Any]], net: drivers.Network, overlays: Overlays, host: str, underlay: int
) -> Iterator[Pieces]:
    """What pods have that are in no overlay."""
    nodes: Mapping[str, Any] = next((item["nodes"] for item in overlays.values() if item["state"] == "present"), {})
    if net.driver in drivers.UNDERLAY:
        _check_underlay(net, overlays, nodes[host]["underlay"])
        addresses = _addresses(pods, [_underlay_share(subnet, gateway, nodes) for subnet, gateway in net.subnets])
        for pod in pods:
            yield drivers.child(pod, addresses[pod["name"]], net)
    elif net.driver == "fan":
        mtu = underlay - drivers.IPIP_OVERHEAD
        subnet = drivers.fan_subnet(f"nodes[{host}].address", nodes[host]["underlay"], net)
        addresses = _addresses(pods, [_Share(subnet, subnet[1], {subnet[1]: "the bridge"})])
        yield drivers.fan(net, host, nodes, mtu)
        for pod in pods:
            yield drivers.bridged(pod, addresses[pod["name"]], drivers.FAN_BRIDGE, mtu)
    else:
        for pod in pods:
            yield drivers.alone(pod, net)


def _check_underlay(net: drivers.Network, overlays: Overlays, address: str) -> None:
    for subnet, _gateway in net.subnets:
        for overlay in overlays.values():
            for cidr in map(ipaddress.ip_network, overlay.get("cidrs", ())):
                if cidr.version == subnet.version and cidr.overlaps(subnet):
                    remedy = f"an overlay has {cidr}: keep the two apart"
                    raise InvalidParameter(f"{net.where}.subnet", str(subnet), remedy)
        if net.mode == "l3" and ipaddress.ip_address(address) in subnet:
            remedy = f"an ipvlan in mode l3 is on another network than its host, which has {address}: give another"
            raise InvalidParameter(f"{net.where}.subnet", str(subnet), remedy)


def _has_bridge(pods: Iterable[Mapping[str, Any]], default: drivers.Network) -> bool:
    return default.driver == "bridge" or any(pod["net"].driver == "bridge" for pod in pods)


def _bridged(known: Sequence[Mapping[str, Any]], overlays: Overlays, default: drivers.Network) -> list[str]:
    """The bridges of overlays that go."""

    def of(overlay: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        return (pod for pod in known if pod["overlay"] and pod["overlay"]["bridge"] == overlay["bridge"])

    gone = [overlay for overlay in overlays.values() if overlay["state"] == "absent"]
    return [overlay["bridge"] for overlay in gone if _has_bridge(of(overlay), default)]


def masquerade(overlays: Mapping[str, Mapping[str, Any]], host: str) -> list[dict[str, Any]]:
    """The rules that masquerade what a host's pods send out of their overlay, but to the nodes.

    :param overlays: the plans of all overlays.
    :returns: rules as weft.fabric.masquerade takes them.
    """
    rules = []
    for overlay in overlays.values():
        if overlay["state"] == "absent":
            continue
        nodes = [ipaddress.ip_address(node["underlay"]) for node in overlay["nodes"].values()]
        for network in overlay["nodes"][host]["networks"]:
            version = ipaddress.ip_network(network["cidr"]).version
            exempt = [f"{address}/{address.max_prefixlen}" for address in nodes if address.version == version]
            rules.append({"source": network["subnet"], "exempt": [network["cidr"], *exempt]})
    return rules


def default_host_interface(name: str) -> str:
    """The host's end of a pod's veth pair: of 15 bytes, from the pod's name alone, so that no other pod moves it."""
    return "veth" + hashlib.blake2s(name.encode(), digest_size=4).hexdigest()


def _absent(pods: Iterable[Mapping[str, Any]], bridges: Iterable[str]) -> dict[str, Any]:
    gone = list(pods)
    cabled = [pod["host_interface"] for pod in gone if "host_interface" in drivers.DRIVERS[pod["net"].driver].pod]
    links = [{"name": name, "kind": "veth"} for name in cabled]
    links += [{"name": name, "kind": "bridge"} for name in bridges]
    return {"": {"links": links}, **{pod["name"]: {} for pod in gone}}


def _checked(pods: object, overlays: Overlays, default: drivers.Network) -> list[dict[str, Any]]:
    if not isinstance(pods, Iterable) or isinstance(pods, (str, bytes, Mapping)):
        raise InvalidParameter("pods_pods", pods, "give a list of {name, address}")
    holders = {("host_interface", overlay["bridge"]): f"the bridge of overlay {n}" for n, overlay in overlays.items()}
    checked = []
    for index, pod in enumerate(pods):
        found = _pod(f"pods_pods[{index}]", pod, overlays, default)
        for key in ("name", "host_interface"):
            other = holders.setdefault((key, found[key]), found["where"])
            if other != found["where"]:
                raise InvalidParameter(f"{found['where']}.{key}", found[key], f"{other} has it too: give each its own")
        checked.append(found)
    _check_shared(pod for pod in checked if pod["state"] == "present")
    return checked


def _pod(where: str, pod: object, overlays: Overlays, default: drivers.Network) -> dict[str, Any]:
    if not isinstance(pod, Mapping):
        raise InvalidParameter(where, pod, "give a dictionary with name and address")
    net = drivers.network(f"{where}.network", pod["network"]) if "network" in pod else default
    known = (_KEYS[0], *drivers.DRIVERS[net.driver].pod, *_KEYS[1:])
    state = values.choice(f"{where}.state", pod.get("state", "present"), ("present", "absent"))
    for key in pod:
        if key not in known and (state == "present" or key not in _ANY):
            told = "a pod" if key not in _ANY else f"a pod with driver {net.driver}"
            raise InvalidParameter(f"{where}.{key}", pod[key], f"{told} takes only {', '.join(known)}")
    name = values.netns(f"{where}.name", pod.get("name"))
    overlay = overlay_of(pod, overlays)
    if state == "present":
        values.choice(f"{where}.overlay", overlay, list(overlays))
    return {
        "name": name,
        "address": pod.get("address"),
        "interface": values.ifname(f"{where}.interface", pod.get("interface", "eth0")),
        "host_interface": values.ifname(
            f"{where}.host_interface", pod.get("host_interface", default_host_interface(name))
        ),
        "net": net,
        "overlay": overlays.get(overlay) if net.driver in drivers.OVERLAY else None,
        "state": state,
        "where": where,
    }


def _check_shared(pods: Iterable[Mapping[str, Any]]) -> None:
    """What pods are to each other that share a namespace or an interface."""
    there = {pod["name"]: pod for pod in pods}
    host = ""
    for pod in there.values():
        net = pod["net"]
        if net.driver == "host":
            if host:
                remedy = f"{host} is in the host's namespace too, and its server has the port: keep one"
                raise InvalidParameter(f"{pod['where']}.network.driver", "host", remedy)
            host = pod["where"]
        if net.driver == "container":
            joined = there.get(net.container)
            if joined is None or joined["net"].driver in ("host", "container"):
                remedy = "name a pod of this host that has a namespace of its own"
                raise InvalidParameter(f"{pod['where']}.network.container", net.container, remedy)


def _check_overlays(pods: Iterable[Mapping[str, Any]]) -> None:
    for pod in pods:
        if pod["overlay"] and pod["overlay"]["state"] == "absent":
            remedy = "its overlay goes: give it state: absent too"
            raise InvalidParameter(f"{pod['where']}.state", "present", remedy)


def check(overlays: Overlays, pods: Mapping[str, object], networks: Mapping[str, object]) -> None:
    """Refuse what is wrong with the pods of any host, but for their addresses, as long as any overlay stays.

    :param pods: each host's pods.
    :param networks: each host's pods_network.
    :raises InvalidParameter: a pod that is not as it should be, the host named.
    """
    if any(overlay["state"] == "present" for overlay in overlays.values()):
        for host, listed_pods in pods.items():
            ends(host, listed_pods, overlays, networks.get(host, drivers.DEFAULT))


def ends(host: str, pods: object, overlays: Overlays, network: object) -> list[tuple[str, drivers.End]]:
    """A host's pods as ends of pairs, each with the name of its overlay; one that joins another is where that is.

    Those in CNI networks whose addresses nobody knows are left out.

    :raises InvalidParameter: a pod that is not as it should be, the host named.
    """
    try:
        default = drivers.network("pods_network", network)
        there = [pod for pod in _checked(pods, overlays, default) if pod["state"] == "present"]
        _check_overlays(there)
        addresses = {
            pod["name"]: tuple(_known_addresses(pod))
            for pod in there
            if "address" in drivers.DRIVERS[pod["net"].driver].pod
        }
    except InvalidParameter as error:
        raise InvalidParameter(f"{host}: {error.parameter}", error.value, error.remedy) from None
    names = {pod["name"]: pod for pod in there}
    found = []
    for pod in there:
        joined = names[pod["net"].container] if pod["net"].driver == "container" else pod
        if addresses.get(joined["name"], True) == ():
            continue
        overlay = next((name for name, item in overlays.items() if item is joined["overlay"]), "")
        own, net = addresses.get(joined["name"], ()), drivers.attached(joined["net"])
        found.append((overlay, drivers.End(host, pod["name"], own, net, joins=joined is not pod)))
    return found


def _known_addresses(pod: Mapping[str, Any]) -> Iterator[str]:
    """A pod's addresses: those that it is given, in a CNI network those that are known."""
    where, given = f"{pod['where']}.address", pod["address"]
    if pod["net"].driver != "cni":
        yield from (own for _where, own in listed(where, given))
    elif given is not None:
        yield from (values.address(where, own) for own in (given if isinstance(given, (list, tuple)) else [given]))


def with_given(pods: Mapping[str, Any], networks: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Each host's pods, those in CNI networks with the addresses that they have been given.

    :param networks: each host's pods_network.
    :param results: by host, CNI's result of each of its pods in CNI networks, in the order of its pods.
    """
    found = {}
    for host, known in pods.items():
        told = iter(results.get(host) or ())
        found[host] = [
            {**pod, "address": _result_addresses(next(told, {}))}
            if _is_in_cni(pod, networks.get(host)) and results.get(host)
            else pod
            for pod in known
        ]
    return found


def _is_in_cni(pod: Mapping[str, Any], network: Any) -> bool:
    connected = pod.get("network", network) or drivers.DEFAULT
    return pod.get("state", "present") == "present" and connected.get("driver") == "cni"


def _result_addresses(result: Mapping[str, Any]) -> list[str]:
    """The addresses of a CNI result, which has them as ``ips``, before 0.3.0 as ``ip4`` and ``ip6``."""
    own = [item["address"] for item in result.get("ips", ())]
    own += [result[key]["ip"] for key in ("ip4", "ip6") if key in result]
    return [item.partition("/")[0] for item in own]


def overlay_of(pod: Mapping[str, Any], overlays: Iterable[str]) -> str:
    """The name of the overlay that a pod is in: the first, if it does not say."""
    return str(pod.get("overlay", next(iter(overlays))))


def listed(where: str, address: object) -> list[tuple[str, str]]:
    """A pod's addresses, each with its parameter's name: it has one, or a list of one for each family.

    :raises InvalidParameter: one of them is none, or of another's family.
    """
    several = isinstance(address, (list, tuple))
    given: Any = address if several else [address]
    found: dict[int, tuple[str, str]] = {}
    for index, item in enumerate(given):
        here = f"{where}[{index}]" if several else where
        own = values.address(here, item)
        other = found.setdefault(values.family(own), (here, own))
        if other[0] != here:
            raise InvalidParameter(here, item, f"{other[1]} is of the same family: give one in IPv4 and one in IPv6")
    if not found:
        raise InvalidParameter(where, address, "give at least one address")
    return list(found.values())


class _Share(NamedTuple):
    """A subnet that pods have addresses of.

    :ivar gateway: None: there is none.
    :ivar taken: by address, who has it.
    """

    subnet: Any
    gateway: Any
    taken: dict[Any, str]

    def reserved(self) -> dict[Any, str]:
        """By address, who has it, with the addresses that nobody can have."""
        if self.subnet.version == 6:
            return self.taken
        ends = {self.subnet.network_address: "the subnet", self.subnet.broadcast_address: "the subnet's broadcast"}
        return {**ends, **self.taken}


def _share(network: Mapping[str, str]) -> _Share:
    """That of an overlay's node."""
    vtep, gateway = ipaddress.ip_address(network["vtep"]), ipaddress.ip_address(network["gateway"])
    return _Share(ipaddress.ip_network(network["subnet"]), gateway, {vtep: "the VTEP", gateway: "the bridge"})


def _underlay_share(subnet: Any, gateway: Any, nodes: Mapping[str, Mapping[str, Any]]) -> _Share:
    """That of pods that sit on an interface of the host."""
    taken = {ipaddress.ip_address(node["underlay"]): f"node {name}" for name, node in nodes.items()}
    if gateway:
        taken[gateway] = "the gateway"
    return _Share(subnet, gateway, {address: name for address, name in taken.items() if address in subnet})


def _addresses(pods: Iterable[Mapping[str, Any]], shares: Sequence[_Share]) -> dict[str, Any]:
    """By pod name its addresses, each with the subnet's prefix length, and with the gateway there (empty: none)."""
    taken = {address: name for share in shares for address, name in share.reserved().items()}
    found: dict[str, Any] = {}
    for pod in pods:
        for where, text in listed(f"{pod['where']}.address", pod["address"]):
            address = ipaddress.ip_address(text)
            home = next((share for share in shares if address in share.subnet), None)
            if home is None:
                raise InvalidParameter(where, text, " and ".join(map(_room, shares)))
            other = taken.setdefault(address, pod["where"])
            if other != pod["where"]:
                raise InvalidParameter(where, text, f"{other} has this address: give each pod one of its own")
            gateway = str(home.gateway) if home.gateway else ""
            own = (ipaddress.ip_interface(f"{address}/{home.subnet.prefixlen}"), gateway)
            found.setdefault(pod["name"], []).append(own)
    return found


def _room(share: _Share) -> str:
    """What a subnet holds, for a pod that is not in it."""
    subnet, reserved = share.subnet, share.reserved()
    first = next((address for address in subnet if address not in reserved), None)
    room = subnet.num_addresses - len(reserved)
    return f"this node's pods are in {subnet}, from {first} on, which has room for {room} of them"
