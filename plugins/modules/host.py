#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: Apply a host's container networking as one transaction, now and after each reboot
version_added: 0.1.0
description:
  - Takes everything that roles need on a host (links, addresses, routes, entries, kernel parameters, masquerading, echo
    servers) as documents, one for each role. Each section of a document has the options of its module.
  - The documents of a host form a generation. The documents of a call replace those of the same roles in the host's
    current generation; those of other roles stay as they are. All of them are planned together, and conflicts between
    two of them are refused.
  - Objects that an earlier generation made and the new one does not list are removed. Links that the kernel cannot
    change in place are created anew.
  - Everything that can be refused is refused before anything changes. If a change fails, the host is set back to the
    previous generation. If the run is killed, the next run knows both generations.
  - Each generation is stored below C(/etc/weft/generations) before its first change. The host applies the confirmed one
    again when it starts, without a controller. The last ten are kept.
  - With the first generation, the module installs the command C(weft-fabric), which is this collection's own engine as
    a Python zip archive below C(/usr/local/lib/weft), and C(weft-fabric.service), which runs it. Both are removed with
    the last document.
  - C(weft-fabric status) on the host shows what it has and how it differs from its documents. C(weft-fabric apply)
    repairs it, and C(weft-fabric rollback) goes back to an earlier generation.
  - The host's network managers learn that the documents' links are not theirs, through files for udev
    (C(MACAddressPolicy=none)), systemd-networkd (C(Unmanaged=yes), and foreign routes and rules are kept), and
    NetworkManager (C(unmanaged-devices)). Each file is written if the manager's directory below C(/etc) exists.
  - A warning names every manager that would still remove something, and a remedy. In check mode, it comes before
    anything changes. Such a manager is one that manages an interface on which the documents have routes, or dhcpcd if
    its configuration does not exclude the documents' links.
  - Documents that move the host's own interfaces into or out of a bond or bridge are refused if they would remove the
    address by which the current SSH session is connected, or the route back to its client.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
notes:
  - Without systemd, as in a container or a lab node, generations and the command are installed, but no units. RV(unit)
    reports this.
  - A run that was killed is completed by the next one. C(weft-fabric apply), the timer or a boot goes back to the
    confirmed generation instead.
  - A generation that is corrupt, or was written by a newer version with another format, is an error, and the file is
    kept. The message says how to continue.
options:
  documents:
    description:
      - The documents by role. A role's name consists of lower case letters, digits and C(_). A document has these keys.
      - C(topology) has O(weft.fabric.topology#module:namespaces), O(weft.fabric.topology#module:purge) and
        O(weft.fabric.topology#module:route_protocol).
      - C(cni) is O(weft.fabric.cni#module:attachments). Their links, addresses and routes are created in one pass with
        the topology.
      - C(networks) is a list of networks that the document has for itself, such as those of pods. Nothing is made of
        them. With O(strict), routes of somebody else that overlap them are refused if the document has addresses or
        routes there, and are a warning otherwise. Default routes, and routes through a gateway to a larger network,
        are no overlap.
      - C(sysctl) is O(weft.fabric.sysctl#module:settings).
      - C(masquerade) has O(weft.fabric.masquerade#module:table) and O(weft.fabric.masquerade#module:rules). Without
        rules, there is no table.
      - C(isolation) is a list of groups of networks. Packets from a network of one group to a network of another group
        are dropped, in the nftables table C(weft_isolation). With only one group, there is no table.
      - C(admission) is a list of overlays with C(port), C(vni) and C(peers), each with an C(address), which may be a
        network, and C(sources), the networks that packets inside come from. Other packets to these UDP ports are
        dropped and counted, in the nftables table C(weft_admission), whose elements are changed one by one.
      - C(sources) is a list of hosts' ends of pods' veth pairs, each with C(interface), C(bridged), and the pod's
        C(mac_address) and C(addresses). Packets, ARP and neighbour advertisements with other addresses are dropped and
        counted, in the nftables tables C(weft_sources), C(bridge) for ports of a bridge and C(inet) for others.
      - C(echo_server) has O(weft.fabric.echo_server#module:namespaces) and O(weft.fabric.echo_server#module:port).
      - C(resync) is the interval in seconds at which the host applies its generation again (C(weft-fabric.timer)). V(0)
        applies it only when the host starts. The longest interval of all documents counts.
      - C(adopt) lists names of objects that the document makes and takes over if somebody else has made them.
      - C(persist) and C(state) count in place of O(persist) and O(state) for this document.
      - C(afterwards) has sections that are set up once when the document is removed, and belong to nobody then, such as
        the addresses that return to an interface with the end of a bond.
      - C(peers) lists the names of the hosts that the document has entries of. They are recorded, and nothing else
        follows from them; M(weft.fabric.host_info) returns them.
    type: dict
    required: true
  state:
    description:
      - V(present) applies the documents.
      - V(absent) takes the documents of these roles out of the generation, and removes everything that they made. The
        documents of the call may be empty.
    type: str
    choices: [present, absent]
    default: present
  persist:
    description:
      - Whether to apply these documents again after a reboot. If no document of the host is to be, the record is kept
        below C(/run/weft).
    type: bool
    default: true
  adopt:
    description:
      - Whether to take over everything that the documents make, even if somebody else has made it. This is for a host
        whose record was lost. Without it, a link with a kind, a namespace, or a route to elsewhere is refused if it
        exists and is in no generation of the host.
    type: bool
    default: false
  strict:
    description:
      - Whether a missing object is refused in check mode too. Otherwise an earlier task may be about to make it.
    type: bool
    default: false
  revision:
    description:
      - The revision of the fabric that the documents are part of, such as a hash of the documents of all hosts. By
        default, a hash of the host's documents.
      - A warning says so if the host has had this revision before, and has a newer one now. The controller's inventory
        may be out of date.
    type: str
  plan:
    description:
      - RV(plan) of an earlier call in check mode. If the host has changed since then, so that the call would do
        something else, the call is refused and returns the new RV(plan) and diff.
    type: str
  confirm:
    description:
      - The seconds after which the host goes back by itself, unless C(weft-fabric confirm) runs on it before. The new
        generation is current, but a reboot applies the confirmed one.
      - The guard that does this is started before the first change and does not need the controller. It makes a new
        generation with the documents of the confirmed one. Without a confirmed one, it removes everything. If another
        run holds the host's lock when the time is over, that run is ended after 10 seconds.
      - The time starts again when all changes have been made, and with each M(weft.fabric.reachability) that is given
        RV(plan).
      - V(0) confirms the generation as soon as it has been applied.
    type: int
    default: 0
  proof:
    description:
      - What C(weft-fabric prove) needs to prove the host without a controller, as text that the collection's playbooks
        make. It is stored with a new generation, and changes none. M(weft.fabric.reachability) stores it as well.
      - By default, a new generation has that of the last one with the same documents, or of the current one.
    type: str
"""

EXAMPLES = r"""
- name: Create a bridge and forward, also after a reboot
  weft.fabric.host:
    documents:
      example:
        topology:
          namespaces:
            "":
              links:
                - {name: br0, kind: bridge, addresses: [172.2.0.1/24]}
        sysctl:
          net.ipv4.ip_forward: 1

- name: Plan
  weft.fabric.host:
    documents: "{{ documents }}"
  check_mode: true
  register: planned

- name: Do what was planned, and nothing else
  weft.fabric.host:
    documents: "{{ documents }}"
    plan: "{{ planned.plan }}"
  when: planned is changed

- name: Remove both
  weft.fabric.host:
    documents:
      example: {}
    state: absent
"""

RETURN = r"""
generation:
  description: The number of the host's generation; V(0) without documents.
  returned: success
  type: int
  sample: 7
revision:
  description: The revision of the host's generation; empty without documents.
  returned: success
  type: str
  sample: 3f2a9c01d7be
plan:
  description: Identifies the diff and the generation that the host has had before.
  returned: always
  type: str
  sample: 90b4e1ff20c3
confirmed:
  description: Whether the generation is the one that the host applies when it starts.
  returned: success
  type: bool
  sample: true
peers:
  description: The hosts that the host has had entries of before the call, by the C(peers) of its documents.
  returned: success
  type: list
  elements: str
  sample: [network-2]
machine:
  description:
    - C(machine_id), and C(boot_id), which hosts have in common that share a kernel. The playbooks refuse hosts that
      are clones of each other.
  returned: success
  type: dict
  sample: {machine_id: 8e3f9d1c2b4a45d6a7c8e9f001122334, boot_id: 0c5a3f0e-7a0b-4e55-9d5e-0f6f1f2b3c4d}
hold:
  description:
    - A sentence on the hold that C(weft-fabric hold) has put on the host; V(false) without one. A call that would
      change something is refused as long as the host is on hold, also in check mode.
  returned: success
  type: raw
  sample: false
roles:
  description: The roles of the call, and all others of which objects have changed.
  returned: success
  type: dict
  contains:
    changed:
      description: Whether objects of the role have changed.
      type: bool
      sample: true
namespaces:
  description:
    - The links in the documents' topologies as the kernel reports them afterwards, by namespace. For everything else,
      use M(weft.fabric.topology_info).
  returned: if the documents have topologies
  type: dict
  sample:
    "":
      links: [{name: br0, kind: bridge, admin_state: up, mtu: 1500, addresses: [172.2.0.1/24]}]
cni:
  description: RV(weft.fabric.cni#module:cni).
  returned: if the documents have CNI networks
  type: list
  elements: dict
  sample: []
objects:
  description:
    - A line for each object of the kernel that differs. It begins with C(+), C(~) or C(-), as the object is added,
      changed or removed, or with C(=) if it is adopted as it is. Files are in the diff alone.
  returned: success, and if the host has changed since O(plan)
  type: list
  elements: str
  sample: ["+ link br0 type bridge", "~ net.ipv4.ip_forward = 1 (was 0)"]
count:
  description: How many objects are C(added), C(changed), C(recreated) and C(removed).
  returned: success, and if the host has changed since O(plan)
  type: dict
  sample: {added: 2, changed: 0, recreated: 0, removed: 0}
unit:
  description: The unit that applies the generation, or the reason why there is none.
  returned: success
  type: str
  sample: weft-fabric.service
systemd:
  description: Whether the host runs systemd.
  returned: success
  type: bool
  sample: true
"""

import time
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.argspec import STATE
from ansible_collections.weft.fabric.plugins.module_utils.files import alone
from ansible_collections.weft.fabric.plugins.module_utils.host import (
    documents,
    generation,
    hold,
    identity,
    install,
    notes,
    transaction,
)
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import Result

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. The command is packed, not run (archive.py).
    from ansible_collections.weft.fabric.plugins.module_utils.host import command  # noqa: F401

_LONGEST_WAIT = 86400

ARGUMENT_SPEC = {
    **STATE,
    "documents": {"type": "dict", "required": True},
    "persist": {"type": "bool", "default": True},
    "adopt": {"type": "bool", "default": False},
    "strict": {"type": "bool", "default": False},
    "revision": {"type": "str"},
    "plan": {"type": "str"},
    "confirm": {"type": "int", "default": 0},
    "proof": {"type": "str"},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    values.integer("confirm", module.params["confirm"], 0, _LONGEST_WAIT, "seconds")
    if module.check_mode:
        return _applied(module)
    with alone(), notes.reported("host"):
        return _applied(module)


def _applied(module: AnsibleModule) -> dict[str, Any]:
    record = generation.read()
    known = record.current.documents if record.current else {}
    given = module.params
    asked = documents.asked_for(given["documents"], known, given["persist"], given["state"])
    wanted = documents.ordered(document for document in {**known, **asked}.values() if not document.absent)
    beside = documents.afterwards({name: one for name, one in asked.items() if one.absent}, known)
    options = {name: given[name] for name in ("adopt", "strict", "revision", "plan", "confirm")}
    options["rows"] = given["proof"] or ""
    try:
        result, stored = transaction.Transaction(record, wanted, beside, **options).run(module.check_mode)
    except transaction.Refused as error:
        module.fail_json(msg=str(error), diff=error.result.diff, plan=error.result.plan, **_objects(error.result))
    warned = _newer(record.current, given["revision"]) if stored is not record.current else []
    for warning in [*result.warnings, *warned]:
        module.warn(warning)
    return {
        "changed": result.changed,
        "diff": result.diff,
        "plan": result.plan,
        **_recorded(record, stored, given["confirm"]),
        "peers": record.peers,
        "machine": identity.machine(),
        "hold": hold.text() or False,
        "roles": {name: {"changed": name in result.changed_roles} for name in (*asked, *result.changed_roles)},
        **_objects(result),
        **_shown([result.returned[name] for name in asked if name in result.returned]),
        **install.described(wanted),
        # Ansible would return all parameters, the documents too, for the controller to keep.
        "invocation": {"module_args": {**module.params, "documents": sorted(asked), "proof": None}},
    }


def _recorded(record: generation.Record, stored: Generation | None, confirm: int) -> dict[str, Any]:
    """What the host's record says of its documents; a generation without any is none to the user.

    :param record: as it was before the run.
    """
    settled = record.is_confirmed if stored is record.current else not confirm
    there = stored if stored and stored.documents else None
    return {
        "generation": there.number if there else 0,
        "revision": there.revision if there else "",
        "confirmed": settled,
    }


def _objects(result: Result) -> dict[str, Any]:
    return {"objects": result.objects, "count": result.count}


def _newer(current: Generation | None, revision: str | None) -> list[str]:
    """A warning if the controller's inventory seems to be out of date."""
    if not current or not revision or not generation.had_before(current, revision):
        return []
    when = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(current.time))
    newer = f"{current.revision} from {current.controller or 'this host itself'} at {when}"
    return [f"this host has a newer revision, {newer}, and had {revision} before it"]


def _shown(roles: list[dict[str, Any]]) -> dict[str, Any]:
    """What sections return, of all roles together."""
    links: dict[str, dict[str, Any]] = {}
    for role in roles:
        for netns, found in role.get("namespaces", {}).items():
            links.setdefault(netns, {}).update((link["name"], link) for link in found["links"])
    cni = [item for role in roles for item in role.get("cni", ())]
    shown = {"namespaces": {netns: {"links": [*found.values()]} for netns, found in links.items()}}
    return {**(shown if links else {}), **({"cni": cni} if cni else {})}


def main() -> None:
    run(body, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
