# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods are connected by: each driver's topology, who reaches whom, and what is refused."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.filter._roles import FilterModule
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import End
from ansible_collections.weft.fabric.tests.overlays import overlays_of, pods_document

FILTERS = FilterModule().filters()
verify_targets, verify_pods = map(FILTERS.get, ("_verify_targets", "_verify_pods"))

NODES = {
    "a": {"number": 0, "address": "192.168.1.138", "dev": "eth0"},
    "b": {"number": 1, "address": "192.168.1.142", "dev": "eth0"},
}
PLANS = overlays_of(NODES)
MACVLAN = {"driver": "macvlan", "parent": "eth0", "subnet": "192.168.1.0/24", "gateway": "192.168.1.1"}
IPVLAN = {"driver": "ipvlan", "parent": "eth0", "subnet": "192.168.1.0/24"}
L3 = {"driver": "ipvlan", "parent": "eth0", "subnet": ["10.9.0.0/24", "fd09::/64"], "mode": "l3"}
FAN = {"driver": "fan", "underlay": "192.168.0.0/16", "overlay": "10.0.0.0/8"}


def plan(pods, network=None):
    return pods_document(pods, PLANS, "a", network)


def present(pods, network=None):
    found = plan(pods, network)["topology"]["namespaces"]
    parse_topology(found, purge=True)
    return found


def test_ptp():
    pod = {"name": "p", "address": "172.2.0.2", "host_interface": "veth0"}
    assert present([pod], {"driver": "ptp"}) == {
        "": {
            "links": [
                {
                    "name": "veth0",
                    "kind": "veth",
                    "controller": "",
                    "mtu": "auto",
                    "mtu_of": "vxlan0",
                    "addresses": ["172.2.0.1/32"],
                    "peer": {
                        "name": "eth0",
                        "netns": "p",
                        "mtu": "auto",
                        "mtu_of": "vxlan0",
                        "mac_address": values.derived_mac("172.2.0.2"),
                        "addresses": ["172.2.0.2/32"],
                    },
                }
            ],
            "routes": [{"dst": "172.2.0.2/32", "dev": "veth0", "src": "172.2.0.1"}],
        },
        "p": {
            "links": [{"name": "eth0", "kind": "veth", "recreate": True}],
            "routes": [
                {"dst": "172.2.0.1/32", "dev": "eth0"},
                {"dst": "default", "via": "172.2.0.1", "dev": "eth0", "src": "172.2.0.2"},
            ],
        },
    }


def test_ptp_in_ipv6():
    plans = overlays_of(NODES, {"name": "six"}, cidr="fd00::/48")
    pod = {"name": "p", "address": "fd00::2", "host_interface": "veth0"}
    found = pods_document([pod], plans, "a", {"driver": "ptp"})["topology"]["namespaces"]
    assert found[""]["routes"] == [{"dst": "fd00::2/128", "dev": "veth0", "src": "fd00::1"}]
    assert found["p"]["routes"][0] == {"dst": "fd00::1/128", "dev": "eth0"}


def test_a_bridges_pod_reaches_a_ptp_neighbour_by_the_host():
    pods = [{"name": "b", "address": "172.2.0.2"}, {"name": "p", "address": "172.2.0.3", "network": {"driver": "ptp"}}]
    assert {"dst": "172.2.0.3/32", "via": "172.2.0.1", "dev": "eth0"} in present(pods)["b"]["routes"]


def test_macvlan():
    found = present([{"name": "p", "address": "192.168.1.31"}], MACVLAN)
    assert found == {
        "": {"links": []},
        "p": {
            "links": [
                {
                    "name": "eth0",
                    "kind": "macvlan",
                    "parent": "eth0",
                    "parent_netns": "",
                    "mode": "bridge",
                    "mtu": "auto",
                    "mac_address": values.derived_mac("192.168.1.31/24"),
                    "addresses": ["192.168.1.31/24"],
                    "recreate": True,
                }
            ],
            "routes": [{"dst": "default", "via": "192.168.1.1", "dev": "eth0", "src": "192.168.1.31"}],
        },
    }


@pytest.mark.parametrize(("mode", "own"), [("bridge", True), ("private", True), ("vepa", True), ("passthru", False)])
def test_a_macvlan_that_shares_its_parents_mac_address_is_given_none(mode, own):
    (link,) = present([{"name": "p", "address": "192.168.1.31"}], {**MACVLAN, "mode": mode})["p"]["links"]
    assert ("mac_address" in link) is own


def test_ipvlan():
    (link,) = present([{"name": "p", "address": "192.168.1.31"}], IPVLAN)["p"]["links"]
    assert (link["kind"], link["mode"]) == ("ipvlan", "l2")
    assert "mac_address" not in link
    found = present([{"name": "p", "address": ["10.9.0.2", "fd09::2"]}], L3)["p"]
    assert found["links"][0]["mode"] == "l3"
    assert found["routes"] == [
        {"dst": "0.0.0.0/0", "dev": "eth0", "src": "10.9.0.2"},
        {"dst": "::/0", "dev": "eth0", "src": "fd09::2"},
    ]


def test_a_macvlan_in_passthru_has_its_parents_mac_address():
    """Setting one would change the parent's."""
    found = present([{"name": "p", "address": "192.168.1.31"}], {**MACVLAN, "mode": "passthru"})
    assert "mac_address" not in found["p"]["links"][0]
    for mode in ("bridge", "private", "vepa"):
        found = present([{"name": "p", "address": "192.168.1.31"}], {**MACVLAN, "mode": mode})
        assert found["p"]["links"][0]["mac_address"] == values.derived_mac("192.168.1.31/24")


def test_no_interface_of_their_own():
    pods = [
        {"name": "n", "network": {"driver": "none"}},
        {"name": "h", "network": {"driver": "host"}},
        {"name": "c", "network": {"driver": "container", "container": "n"}},
    ]
    found = plan(pods, {"driver": "none"})
    there = found["topology"]["namespaces"]
    assert there == {"": {"links": []}, "n": {}, "h": {"joins": ""}, "c": {"joins": "n"}}
    assert found["echo_server"]["namespaces"] == ["n", "h"], "the other's server has the port"
    parse_topology(there, purge=True)


def test_fan():
    pod = {"name": "p", "address": "10.1.138.2", "host_interface": "veth0"}
    found = present([pod], FAN)
    bridge, tunnel, veth = found[""]["links"]
    assert (bridge["name"], bridge["addresses"], bridge["mtu_of"]) == ("fanbr0", ["10.1.138.1/24"], "fan0")
    assert tunnel == {"name": "fan0", "kind": "ipip", "local": "192.168.1.138", "mtu": "auto", "mtu_of": "eth0"}
    assert (veth["controller"], veth["peer"]["addresses"]) == ("fanbr0", ["10.1.138.2/24"])
    assert found[""]["routes"] == [
        {"dst": "10.1.142.0/24", "via": "192.168.1.142", "dev": "fan0", "onlink": True, "src": "10.1.138.1"}
    ]
    assert found["p"]["routes"] == [{"dst": "default", "via": "10.1.138.1", "dev": "eth0", "src": "10.1.138.2"}]


@pytest.mark.parametrize(
    ("underlay", "over", "address", "subnet"),
    [
        ("192.168.0.0/16", "10.0.0.0/8", "192.168.1.138", "10.1.138.0/24"),
        ("172.16.3.0/24", "10.2.0.0/16", "172.16.3.4", "10.2.4.0/24"),
        ("192.168.0.0/16", "250.0.0.0/8", "192.168.255.254", "250.255.254.0/24"),
        ("192.168.0.0/20", "10.0.0.0/8", "192.168.15.1", "10.240.16.0/20"),
    ],
)
def test_the_fans_arithmetic(underlay, over, address, subnet):
    net = drivers.network("pods_network", {"driver": "fan", "underlay": underlay, "overlay": over})
    assert str(drivers.fan.subnet("here", address, net)) == subnet


def pairs(host, networks, pods):
    found = verify_targets(PLANS, host, pods, 8000, networks)
    return {(probe.get("netns", ""), probe["name"]): "url" in probe for probe in found}


def test_who_is_to_reach_whom_on_a_segment():
    pods = {
        "a": [{"name": "m1", "address": "192.168.1.31"}, {"name": "m2", "address": "192.168.1.32"}],
        "b": [{"name": "m3", "address": "192.168.1.33"}],
    }
    found = pairs("a", {"a": MACVLAN, "b": MACVLAN}, pods)
    assert found == {
        ("", "b underlay"): False,
        ("", "b VTEP"): False,
        ("", "a/m1"): False,
        ("", "a/m2"): False,
        ("", "b/m3"): True,
        ("m1", "a underlay"): False,
        ("m1", "b underlay"): False,
        ("m1", "a/m2"): True,
        ("m1", "b/m3"): True,
        ("m2", "a underlay"): False,
        ("m2", "b underlay"): False,
        ("m2", "a/m1"): True,
        ("m2", "b/m3"): True,
    }
    private = {**MACVLAN, "mode": "private"}
    found = pairs("a", {"a": private, "b": private}, pods)
    assert found["m1", "a/m2"] is False
    assert found["m1", "b/m3"] is True
    vepa = {**MACVLAN, "mode": "vepa"}
    assert ("m1", "a/m2") not in pairs("a", {"a": vepa, "b": vepa}, pods), "it depends on the switch"


def test_who_is_to_reach_whom_in_ipvlan_l3():
    pods = {"a": [{"name": "i1", "address": "10.9.0.2"}, {"name": "i2", "address": "10.9.0.3"}], "b": []}
    assert set(pairs("a", {"a": L3}, pods)) == {
        ("", "b underlay"),
        ("", "b VTEP"),
        ("i1", "a/i2"),
        ("i2", "a/i1"),
    }


def test_who_is_to_reach_whom_in_a_fan():
    pods = {"a": [{"name": "f1", "address": "10.1.138.2"}], "b": [{"name": "f2", "address": "10.1.142.2"}]}
    found = pairs("a", {"a": FAN, "b": FAN}, pods)
    assert found["f1", "b/f2"]
    assert found["", "a/f1"]


def in_cni(name, address, **config):
    network = {"name": config.get("name", "mynet"), "ipam": {"type": "host-local", "subnet": "10.22.0.0/16"}, **config}
    return {"name": name, "network": {"driver": "cni", "config": network}, **({"address": address} if address else {})}


def test_who_is_to_reach_whom_in_cni_networks():
    bridge = {"type": "bridge", "isGateway": True}
    pods = {
        "a": [
            in_cni("c1", ["10.22.0.2", "10.22.0.9"], **bridge, isDefaultGateway=True),
            in_cni("c2", "10.22.0.3", **bridge),
            in_cni("c3", None, **bridge),
            in_cni("c4", "10.22.0.4", type="bridge", bridge="cni1"),
            {"name": "c5", "network": {"driver": "container", "container": "c3"}},
        ],
        "b": [in_cni("c6", "10.22.0.2", **bridge)],
    }
    found = pairs("a", {}, pods)
    assert {key: url for key, url in found.items() if key[0] or "/" in key[1]} == {
        ("", "a/c1 10.22.0.2"): True,
        ("", "a/c1 10.22.0.9"): True,
        ("", "a/c2"): True,
        ("c1", "a underlay"): False,
        ("c1", "a/c2"): True,
        ("c2", "a/c1 10.22.0.2"): True,
        ("c2", "a/c1 10.22.0.9"): True,
    }, "not those without an address, on another bridge, without a way to the host, on another host"


def test_isolated_ports_of_cni_are_proved_to_be_apart():
    apart = {"type": "bridge", "portIsolation": True}
    pods = {"a": [in_cni("c1", "10.22.0.2", **apart), in_cni("c2", "10.22.0.3", **apart)]}
    pods["a"].append(in_cni("c3", "10.22.0.4", type="bridge"))
    assert {key: url for key, url in pairs("a", {}, pods).items() if key[0]} == {
        ("c1", "a/c2"): False, ("c1", "a/c3"): True, ("c2", "a/c1"): False,
        ("c2", "a/c3"): True, ("c3", "a/c1"): True, ("c3", "a/c2"): True,
    }  # fmt: skip


def test_who_is_to_reach_whom_in_ptp_networks_of_cni():
    routes = {"type": "host-local", "subnet": "10.22.0.0/16", "routes": [{"dst": "192.168.0.0/16"}]}
    pods = {"a": [in_cni("c1", "10.22.0.2", type="ptp", ipam=routes), in_cni("c2", "10.22.0.3", type="ptp")]}
    found = pairs("a", {}, pods)
    assert {key for key in found if key[0] or "/" in key[1]} == {
        ("", "a/c1"), ("", "a/c2"), ("c1", "a underlay"), ("c1", "a/c2"), ("c2", "a/c1"),
    }  # fmt: skip


def test_macvlans_of_cni_are_macvlans():
    subnet = {"type": "host-local", "subnet": "192.168.1.0/24"}
    pods = {
        "a": [
            {"name": "m1", "address": "192.168.1.31"},
            in_cni("m2", "192.168.1.32", type="macvlan", master="eth0", ipam=subnet),
        ],
        "b": [in_cni("m3", "192.168.1.33", type="ipvlan", master="eth0", mode="l3s", ipam=subnet)],
    }
    found = pairs("a", {"a": MACVLAN}, pods)
    assert found["m2", "a/m1"] and found["m1", "a/m2"]
    # Of these it is the port that is probed, and must not answer.
    assert found["", "a/m2"] is False and found["m2", "a underlay"] is False
    assert ("m2", "b/m3") not in found, "who makes an ipvlan's network in mode l3 known is not part of this"


def test_pods_get_the_addresses_that_they_were_given():
    one, other = in_cni("c1", None, type="bridge"), in_cni("c3", None, type="bridge")
    known = {"a": [one, {"name": "p", "address": "172.2.0.2"}, other], "b": [one]}
    results = {
        "a": [{"cniVersion": "1.0.0", "ips": [{"address": "10.22.0.2/16"}, {"address": "fd22::2/64"}]},
              {"cniVersion": "0.2.0", "ip4": {"ip": "10.22.0.3/16"}}],
        "b": [],
    }  # fmt: skip
    variables = {host: {"common_planned": {"cni": found}} for host, found in results.items()}
    found = verify_pods(known, {"a": {"driver": "bridge"}, "b": {}}, variables, ["a", "b"])
    assert [pod.get("address") for pod in found["a"]] == [["10.22.0.2", "fd22::2"], "172.2.0.2", ["10.22.0.3"]]
    assert found["b"] == known["b"]


# -- each driver is one record, and complete -----------------------------------------------------------

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "plugins" / "plugin_utils" / "drivers"
each = pytest.mark.parametrize("name", drivers.DRIVERS)


def text(*parts):
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def test_the_list_names_all_files_of_the_folder():
    records = {path.stem for path in FOLDER.glob("*.py") if re.search(r"^DRIVER = ", path.read_text(), re.MULTILINE)}
    assert records == {*drivers.DRIVERS}
    for name in records:
        assert ast.get_docstring(ast.parse(text("plugins", "plugin_utils", "drivers", f"{name}.py"))).startswith(
            f"Driver {name}: "
        )


@each
def test_a_driver_is_documented_and_tested(name):
    (link,) = re.findall(rf"^\| \[`{name}`\]\(([^)]*)\)", text("docs", "drivers", "README.md"), re.MULTILINE)[:1]
    assert (ROOT / "docs" / "drivers" / link).exists()
    assert f"`{name}`" in text("roles", "pods", "README.md")
    assert f'"driver": "{name}"' in text("tests", "integration", "test_driver_changes.py")


def spec():
    """The options of pods_network, and of a pod."""
    options = yaml.safe_load(text("roles", "pods", "meta", "argument_specs.yml"))["argument_specs"]["main"]["options"]
    pod = options["pods_pods"]["options"]
    assert pod["network"]["options"] == options["pods_network"]["options"], "they are said once"
    return options["pods_network"]["options"], pod


def test_the_roles_specification_is_that_of_the_drivers():
    network, pod = spec()
    assert {*network["driver"]["choices"]} == {*drivers.DRIVERS}
    assert network["driver"]["default"] == drivers.DEFAULT["driver"]
    keys = [(key, driver) for driver in drivers.DRIVERS.values() for key in (*driver.needs, *driver.takes)]
    assert network.keys() == {"driver", *(key for key, _driver in keys)}
    for key in network.keys() - {"driver"}:
        needing = [driver.name for driver in drivers.DRIVERS.values() if key in driver.needs]
        told = " and ".join(f"V({name})" for name in needing)
        assert f"Required for {told}." in " ".join(str(network[key]["description"]).split()) or not needing, key
        assert f"&nbsp;&nbsp;`{key}`" in text("roles", "pods", "README.md")
    assert {*network["mode"]["choices"]} == {*drivers.macvlan.MODES, *drivers.ipvlan.MODES}
    assert {"name", "network", *(key for item in drivers.DRIVERS.values() for key in item.pod)} == pod.keys()


def comparisons(path):
    """Comparisons of a driver with the name of one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            constants = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            words = {getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node)}
            if words & {"driver", "network", "net", "name"} and {*constants} & {*drivers.DRIVERS}:
                yield f"{path.name}:{node.lineno}"


def test_nothing_outside_of_the_folder_compares_a_driver_with_a_name():
    hosts_side = {"modules", "module_utils"}
    files = [path for path in (ROOT / "plugins").rglob("*.py") if not hosts_side & {*path.parts}]
    assert len(files) > 50
    assert [found for path in files if path.parent != FOLDER for found in comparisons(path)] == []


def test_such_a_comparison_is_found(tmp_path):
    path = tmp_path / "pods.py"
    path.write_text('a = pod.network.driver == "fan"\nb = driver in ("bridge", "ptp")\nc = "x" == driver\n')
    assert [*comparisons(path)] == ["pods.py:1", "pods.py:2"]


def test_what_a_driver_does_not_know_it_leaves_to_the_other():
    def end(name, **network):
        parsed = drivers.network("pods_network", {"driver": name, **network}) if name else None
        return End("a", name, ("192.168.1.31",), network=parsed, dev="eth0")

    assert drivers.reaches(end("bridge"), end("host")) is True, "host says so"
    assert drivers.reaches(end("host"), end("bridge")) is None, "neither says"
    assert drivers.reaches(end("none"), end("")) is False, "none says so"
    assert drivers.reaches(end(""), end("none")) is None


CABLE = {"name": "p", "address": "172.2.0.2"}
REFUSED = [
    ("no dictionary", "ptp", [], ["pods_network", "ptp", "dictionary"]),
    ("an unknown driver", {"driver": "weave"}, [], ["pods_network.driver", "weave", "macvlan"]),
    ("a key of another driver", {"driver": "ptp", "parent": "eth0"}, [], ["pods_network.parent", "eth0", "ptp"]),
    ("no parent", {"driver": "macvlan", "subnet": "10.0.0.0/24"}, [], ["pods_network.parent", "macvlan needs it"]),
    ("no subnet", {"driver": "ipvlan", "parent": "eth0"}, [], ["pods_network.subnet", "ipvlan needs it"]),
    ("no network", {**MACVLAN, "subnet": "here"}, [], ["pods_network.subnet", "here"]),
    ("two of a family", {**IPVLAN, "subnet": ["10.0.0.0/24", "10.0.1.0/24"]}, [], ["subnet", "10.0.1.0/24"]),
    ("another kind's mode", {**MACVLAN, "mode": "l2"}, [], ["pods_network.mode", "l2", "bridge"]),
    ("a gateway outside", {**MACVLAN, "gateway": "192.168.2.1"}, [], ["pods_network.gateway", "192.168.2.1"]),
    ("a gateway in l3", {**L3, "gateway": "10.9.0.1"}, [], ["pods_network.gateway", "10.9.0.1", "l3"]),
    ("l3 on the host's network", {**L3, "subnet": "192.168.1.0/24"}, [], ["pods_network.subnet", "192.168.1.138"]),
    ("the overlay's network", {**MACVLAN, "subnet": "172.2.0.0/24", "gateway": None}, [], ["subnet", "172.2.0.0/16"]),
    ("a node's address", MACVLAN, [{"name": "p", "address": "192.168.1.142"}], ["pods_pods[0].address", "node b"]),
    ("the gateway's", MACVLAN, [{"name": "p", "address": "192.168.1.1"}], ["pods_pods[0].address", "the gateway"]),
    ("the subnet's own", MACVLAN, [{"name": "p", "address": "192.168.1.0"}], ["pods_pods[0].address", "the subnet"]),
    ("outside the subnet", MACVLAN, [CABLE], ["pods_pods[0].address", "172.2.0.2", "192.168.1.0/24"]),
    ("a cable of macvlan", MACVLAN, [{**CABLE, "host_interface": "v"}], ["pods_pods[0].host_interface", "macvlan"]),
    ("an address of none", {"driver": "none"}, [CABLE], ["pods_pods[0].address", "172.2.0.2", "driver none"]),
    ("an address of host", {"driver": "host"}, [CABLE], ["pods_pods[0].address", "172.2.0.2", "driver host"]),
    ("no address", {"driver": "ptp"}, [{"name": "p"}], ["pods_pods[0].address", "None"]),
    ("host twice", {"driver": "host"}, [{"name": "p"}, {"name": "q"}], ["pods_pods[1].network.driver", "pods_pods[0]"]),
    ("no container", {"driver": "container"}, [], ["pods_network.container", "container needs it"]),
    (
        "a container that is not there",
        {"driver": "container", "container": "q"},
        [{"name": "p"}],
        ["pods_pods[0].network.container", "q", "this host"],
    ),
    (
        "a container that joins",
        {"driver": "container", "container": "p"},
        [{"name": "p"}],
        ["pods_pods[0].network.container", "p", "a namespace of its own"],
    ),
    (
        "a bad network of a pod's own",
        {"driver": "bridge"},
        [{**CABLE, "network": {"driver": "macvlan", "parent": "a b", "subnet": "10.0.0.0/24"}}],
        ["pods_pods[0].network.parent", "a b"],
    ),
    ("a fan without underlay", {"driver": "fan", "overlay": "10.0.0.0/8"}, [], ["pods_network.underlay", "fan needs"]),
    ("a fan in IPv6", {**FAN, "overlay": "fd00::/8"}, [], ["pods_network.overlay", "fd00::/8", "IPv4"]),
    ("a fan without room", {**FAN, "overlay": "10.0.0.0/16"}, [], ["pods_network.overlay", "/32", "wider"]),
    ("a fan over itself", {**FAN, "overlay": "192.0.0.0/8"}, [], ["pods_network.overlay", "192.168.0.0/16"]),
    (
        "a node outside",
        {**FAN, "underlay": "10.0.0.0/16", "overlay": "11.0.0.0/8"},
        [],
        ["pods_network.underlay", "10.0.0.0/16", "node a has"],
    ),
    ("a fan over an overlay", {**FAN, "overlay": "172.0.0.0/8"}, [], ["pods_network.overlay", "172.2.0.0/16"]),
]


@pytest.mark.parametrize(
    ("network", "pods", "named"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(network, pods, named):
    with pytest.raises(FabricError) as refusal:
        plan(pods, network)
    assert [part for part in named if part not in str(refusal.value)] == []


def test_what_verify_is_given_names_the_host():
    with pytest.raises(AnsibleFilterError, match=r"b: pods_pods\[0\]\.address"):
        verify_targets(PLANS, "a", {"b": [{"name": "p"}]}, 8000)


def test_pods_in_cni_networks() -> None:
    overlays = overlays_of({"a": {"number": 0, "address": "192.168.1.138"}})
    config = {"name": "mynet", "type": "bridge", "ipam": {"type": "host-local", "subnet": "10.22.0.0/16"}}
    network = {"driver": "cni", "config": config}
    given = [
        {"name": "p1"},
        {"name": "p2", "address": "10.22.0.9", "interface": "net1"},
        {"name": "p4", "network": {"driver": "container", "container": "p1"}},
    ]
    found = pods_document(given, overlays, "a", network)
    assert found["cni"] == [
        {"netns": "p1", "interface": "eth0", "network": config, "recreate": True},
        {"netns": "p2", "interface": "net1", "network": config, "recreate": True, "addresses": ["10.22.0.9"]},
    ]
    assert found["echo_server"]["namespaces"] == ["p1", "p2"]
    assert found["topology"]["namespaces"]["p1"] == {}
    with pytest.raises(FabricError, match=r"pods_pods\[0\]\.network\.config\.typo"):
        wrong = {"driver": "cni", "config": {**config, "typo": 1}}
        pods_document([{"name": "p", "network": wrong}], overlays, "a")
