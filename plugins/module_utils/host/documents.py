# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be there again after a reboot: documents below /etc/weft, one for each role.

A document's sections are named as modules are, and what is in a section are that module's parameters.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import files, values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal
from ansible_collections.weft.fabric.plugins.module_utils.model.route import ROUTE_PROTOCOL
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.sections.sysctl import Values, settings_of

if TYPE_CHECKING:
    # What a section needs is imported where there is one: a module compiles what it imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
    from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Drop, Rule

DIRECTORY = "/etc/weft"
FORMAT = 1
ISOLATION = "weft_isolation"  # the nftables table
# What is replayed first: nodes have links and reach each other, then the overlay between them, then what uses it.
ORDER = ("underlay", "mgmt_routing", "masquerade", "overlay", "pods")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_SUFFIX = ".json"
_SECTIONS = ("topology", "cni", "sysctl", "masquerade", "isolation", "echo_server", "resync")
_LONGEST_RESYNC = 86400
_REMEDY = "it is kept as it is; remove it, and run the playbook weft.fabric.site again, which writes it anew"


class Unusable(FabricError):
    """A document that cannot be replayed, however often it is tried."""


class Left(NamedTuple):
    """What is removed: what is listed, and what a document's last version made and this one does not (leftover.py).

    :ivar removals: namespaces and links.
    :ivar replaced: names of namespaces that are removed, or made anew.
    :ivar cni: interfaces of containers whose addresses are released; they have no addresses before attach.resolve().
    """

    removals: Sequence[Removal]
    replaced: Sequence[str]
    cni: tuple[Attachment, ...]


@dataclass(frozen=True)
class Stored:
    """A document.

    :ivar content: its sections, as they were given, without kernel parameters: those have files of their own.
    :ivar absent: it lists what has to be gone.
    :ivar topology: None where it has no such section.
    :ivar cni: interfaces of containers, of which the topology has nothing before attach.resolve().
    :ivar sysctl: None where it has no such section.
    :ivar masquerade: (table, rules), or None for rules that are to be gone; None where it has no such section.
    :ivar isolation: (table, rules), or None for rules that are to be gone; None where it has no such section.
    :ivar echo_server: (namespaces, port); None where it has no such section.
    :ivar resync: seconds after which all documents are to be replayed again and again; 0: only when the host starts.
    :ivar purge_links: whether what its last version made, and it does not, goes.
    :ivar left: that, if there is any.
    """

    name: str
    content: Mapping[str, Any]
    absent: bool
    topology: Document | None
    cni: tuple[Attachment, ...]
    sysctl: Values | None
    masquerade: tuple[str, tuple[Rule, ...] | None] | None
    isolation: tuple[str, tuple[Drop, ...] | None] | None
    echo_server: tuple[tuple[str, ...], int] | None
    resync: int
    purge_links: bool = False
    left: Left | None = None

    def __str__(self) -> str:
        """The file's text."""
        return json.dumps({"format": FORMAT, **self.content}, indent=1, sort_keys=True) + "\n"


def path_of(name: str) -> str:
    """The path of a document.

    :raises InvalidParameter: the name is none for a file.
    """
    if not _NAME(name):
        raise InvalidParameter("name", name, "give a lower case letter, and up to 63 of letters, digits and '_'")
    return f"{DIRECTORY}/{name}{_SUFFIX}"


def parse_absent(wanted: Stored, content: Any) -> Stored | None:
    """What has to be gone besides a document; None: nothing.

    :raises InvalidParameter: for the first parameter that is wrong, and for what the document lists as well.
    """
    gone = parse(wanted.name, content or {}, True, "absent")
    spaces = gone.topology.namespaces if gone.topology else {}
    if not gone.cni and not any(netns or desired.links for netns, desired in spaces.items()):
        return None
    if wanted.absent:
        raise InvalidParameter("absent", content, "the document is absent: list it there")
    there = wanted.topology.namespaces if wanted.topology else {}
    for netns in spaces:
        if netns and netns in there:
            raise InvalidParameter("absent.topology.namespaces", netns, "the document has it: list it once")
    return gone


def parse(name: str, content: Any, absent: bool = False, where: str = "document") -> Stored:
    """A document from its sections.

    :param absent: it lists what has to be gone.
    :param where: what it is called in messages.
    :raises InvalidParameter: for the first parameter that is wrong.
    """
    sections = values.given(values.mapping(where, content))
    for section, value in sections.items():
        if section not in _SECTIONS:
            raise InvalidParameter(f"{where}.{section}", value, f"a document takes only {', '.join(_SECTIONS)}")
    topology = settings = masquerade = isolation = echo_server = None
    purge_links = False
    if "topology" in sections:
        given = _section(where, sections, "topology", ("namespaces", "purge", "purge_links", "route_protocol"))
        purge_links = values.boolean(f"{where}.topology.purge_links", given.get("purge_links", False))
        purge = values.boolean(f"{where}.topology.purge", given.get("purge", False))
        protocol = given.get("route_protocol", ROUTE_PROTOCOL)
        topology = parse_topology(given.get("namespaces"), absent, purge, protocol)
    attachments: tuple[Attachment, ...] = ()
    parameters: Mapping[str, Any] = {}
    if sections.get("cni", []) != []:
        from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import attachments_of, sysctls

        attachments = attachments_of(f"{where}.cni", sections["cni"])
        parameters = sysctls(attachments)
    if "sysctl" in sections or (attachments and not absent):
        given = values.mapping(f"{where}.sysctl", sections.get("sysctl", {}))
        settings = settings_of({**parameters, **given})
    if "masquerade" in sections or "isolation" in sections:
        from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import isolated, masquerade_of, table_name
    if "masquerade" in sections:
        given = _section(where, sections, "masquerade", ("table", "rules"))
        table = table_name(f"{where}.masquerade.table", values.text("table", given.get("table", "weft")))
        rules = values.items("rules", given.get("rules"))
        masquerade = (table, masquerade_of(rules) if rules and not absent else None)
    if "isolation" in sections:
        groups = values.items(f"{where}.isolation", sections["isolation"])
        isolation = (ISOLATION, (isolated(groups) or None) if not absent else None)
    if "echo_server" in sections:
        given = _section(where, sections, "echo_server", ("namespaces", "port"))
        names = values.items(f"{where}.echo_server.namespaces", given.get("namespaces"))
        port = values.integer(f"{where}.echo_server.port", given.get("port", 8000), 1, 65535)
        pods = (values.netns(f"{where}.echo_server.namespaces[{index}]", pod) for index, pod in enumerate(names))
        echo_server = (tuple(pods), port)
    resync = values.integer(f"{where}.resync", sections.get("resync", 0), 0, _LONGEST_RESYNC, "seconds")
    kept = {section: value for section, value in sections.items() if section != "sysctl"}
    return Stored(
        name, kept, absent, topology, attachments, settings, masquerade, isolation, echo_server, resync, purge_links
    )


def _section(where: str, sections: Mapping[str, Any], name: str, known: tuple[str, ...]) -> dict[str, Any]:
    section = values.given(values.mapping(f"{where}.{name}", sections[name]))
    for parameter, value in section.items():
        if parameter not in known:
            raise InvalidParameter(f"{where}.{name}.{parameter}", value, f"it takes only {', '.join(known)}")
    return section


def names() -> list[str]:
    """The names of this host's documents.

    :raises KernelError: the directory cannot be read.
    """
    try:
        found = os.listdir(DIRECTORY)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.refused("read", DIRECTORY, error) from error
    stems = sorted(path[: -len(_SUFFIX)] for path in found if path.endswith(_SUFFIX))
    return [stem for stem in stems if _NAME(stem)]


def load(but: str = "") -> list[Stored]:
    """All documents of this host, in the order in which they are replayed.

    :param but: the name of one that is not read.
    :raises Unusable: naming the first that cannot be replayed.
    :raises KernelError: a file cannot be read.
    """
    return ordered(_read(name) for name in names() if name != but)


def ordered(stored: Iterable[Stored]) -> list[Stored]:
    """Documents in the order in which they are replayed."""
    return sorted(stored, key=lambda document: ((*ORDER, document.name).index(document.name), document.name))


def _read(name: str) -> Stored:
    path = path_of(name)
    try:
        content = json.loads(files.read(path) or b"")
        if not isinstance(content, dict) or not isinstance(content.get("format"), int):
            raise Unusable(f"{path} is no document of weft.fabric (it has no format number): {_REMEDY}")
        if content["format"] != FORMAT:
            age = "an older" if content["format"] < FORMAT else "a newer"
            told = f"format {content['format']}, this one reads {FORMAT}"
            raise Unusable(f"{path} was written by {age} weft.fabric ({told}): {_REMEDY}")
        del content["format"]
        return parse(name, content)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{path} is no document of weft.fabric ({error}): {_REMEDY}") from error
    except InvalidParameter as error:
        raise Unusable(f"{path} cannot be replayed ({error}): {_REMEDY}") from error
