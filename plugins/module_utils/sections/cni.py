# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of containers in CNI networks: their addresses, and the pieces of a topology that they consist of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils.sections.section import (
    Differing,
    Outcome,
    Outcomes,
    Owned,
    Run,
    Section,
    differing,
)

if TYPE_CHECKING:
    # Python compiles in each call what is imported, and most documents list no interface.
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
    from ansible_collections.weft.fabric.plugins.module_utils.sections.topology import Topology


def _parse(where: str, given: Any) -> tuple[Attachment, ...] | None:
    if given == []:
        return None
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import attachments_of

    return attachments_of(where, given)


def _needs(items: Sequence[Attachment]) -> Mapping[str, Mapping[str, Any]]:
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import sysctls

    return {"sysctl": sysctls(items)}


# -- before anything changes in the kernel ---------------------------------------------------------


def _prepare(run: Run) -> Outcomes | None:
    """Reserve addresses, and add the pieces of each interface to the topology.

    An address stays reserved whatever becomes of the rest: the next run finds it.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.cni import attach, execute

    listed = [item for items in run.of("cni").values() for item in items]
    leaving: dict[tuple[str, str], Attachment] = {}
    for former in run.former:
        for found in former.values():
            items = found.get("cni", ())
            if items:
                found["topology"] = (_own_links if run.single else _with_pieces)(found.get("topology"), items)
            leaving.update({(item.netns, item.interface): item for item in items if not _stays(item, listed)})
    if run.single:
        attach.check_absent(leaving.values())
    run.left["cni"] = attach.with_addresses([*leaving.values()])
    run.leaving.update(leaving)
    known = {netns for _role, topology in run.before("topology") for netns in topology.document.namespaces}
    outcomes = []
    for role, items in run.of("cni").items():
        found = run.documents[role]
        execute.check_programs(items)
        found["cni"], lines = attach.reserve(items, run.check, known)
        found["topology"] = _made_of(found.get("topology"), found["cni"])
        outcomes.append((role, _told([], lines)))
    return iter(outcomes)


def _stays(item: Attachment, items: Iterable[Attachment]) -> bool:
    """Whether an interface is of the same plugin as before, and has its addresses from where it had them."""

    def key(one: Attachment) -> object:
        return one.netns, one.interface, one.container, one.network.plugin, one.network.ipam

    return any(key(item) == key(other) for other in items)


def _with_pieces(topology: Topology | None, items: Sequence[Attachment]) -> Topology:
    from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import topology as pieces_of
    from ansible_collections.weft.fabric.plugins.module_utils.sections.topology import Topology

    return (topology or Topology()).with_pieces(pieces_of(items))


def _made_of(topology: Topology | None, items: Sequence[Attachment]) -> Topology:
    """A topology with interfaces as they come to what the host has already."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni import present
    from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import topology as pieces_of
    from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
    from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, Removal
    from ansible_collections.weft.fabric.plugins.module_utils.sections.topology import Topology

    found = (topology or Topology()).with_pieces(pieces_of(items, present.bridges(items), present.filtering(items)))
    displaced = present.displaced(items)
    found.document.removals += [Removal("", Address(dev, str(address)), AFTER) for dev, address in displaced]
    return found


def _own_links(_topology: Topology | None, items: Iterable[Attachment]) -> Topology:
    """The interfaces alone: a namespace and a bridge are not removed with them."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import own_link
    from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
    from ansible_collections.weft.fabric.plugins.module_utils.model.links import add_link
    from ansible_collections.weft.fabric.plugins.module_utils.sections.topology import Topology

    document = Document(absent=True)
    for item in items:
        link = own_link(item)
        if link is not None:
            add_link(document, item.netns, link, f"{item.where}.")
    return Topology(document)


# -- on the host -----------------------------------------------------------------------------------


def _converge(run: Run) -> Outcomes:
    from ansible_collections.weft.fabric.plugins.module_utils.cni import attach, execute

    left = run.left["cni"]
    before, after = _leases(run, left)
    wanted = run.of("cni")
    items = [item for one in wanted.values() for item in one]
    tables = _tables(run, items, [*items, *left])
    results, removed, added = execute.converge(items, attach.results(items, run.state), left, run.check)
    plugins = _told([*before, *removed], [*after, *added])
    diffs = [table["diff"] for table in tables if table["changed"]] + [*(plugins.diffs if plugins.changed else ())]
    objects: list[Differing] = [item for diff in diffs for item in differing(diff)]
    found = iter(results)
    for role in wanted or dict.fromkeys(role for role, _items in run.before("cni")):
        returned = {"cni": [next(found, {}) for _item in wanted[role]]} if role in wanted else {}
        yield role, Outcome(bool(diffs), diffs, returned=returned, objects=objects)
        diffs, objects = [], []


def _tables(run: Run, items: Sequence[Attachment], known: Sequence[Attachment]) -> list[dict[str, Any]]:
    """Make the tables of nftables that attachments need, and only those that any has ever needed.

    :param known: the attachments of the documents, and those that go.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.cni import attach

    tables = [attach.masquerade(items, known, run.check)]
    once = [item for _role, was in run.before("cni") for item in was]
    if any("macspoofchk" in item.network.options for item in (*known, *once)):
        tables.append(attach.spoof_check(items, known, run.state, run.check))
    return tables


def _leases(run: Run, gone: Sequence[Attachment]) -> tuple[Sequence[str], Sequence[str]]:
    """Release and ask for leases, and give the interfaces what has been leased; lines of both."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni import dhcp

    items = [item for one in run.of("cni").values() for item in one]
    if not any(map(dhcp.has, (*items, *gone))):
        return (), ()
    found, before, after = dhcp.converge(items, gone, run.check)
    if found:
        from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile

        run.state = {**run.state, **reconcile(_made_of(None, found).document).state}
        leased = {item.where: item for item in found}
        for role, own in run.of("cni").items():
            run.documents[role]["cni"] = tuple(leased.get(item.where, item) for item in own)
    return before, after


def _finish(run: Run) -> Outcomes:
    """Release addresses, once no link has them any more."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attach import release

    if run.left["cni"]:
        kept = [item for items in run.of("cni").values() for item in items]
        roles = [*run.of("cni"), *(role for role, _items in run.before("cni"))]
        yield roles[0], _told(release(run.left["cni"], kept, run.check))


def _told(before: Sequence[str], after: Sequence[str] = ()) -> Outcome:
    text = {side: "".join(f"{line}\n" for line in lines) for side, lines in (("before", before), ("after", after))}
    return Outcome(bool(before or after), [text], objects=differing(text))


def _show(run: Run, role: str) -> list[dict[str, Any]]:
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attach import results
    from ansible_collections.weft.fabric.plugins.module_utils.cni.execute import known

    items = run.documents[role]["cni"]
    return [dict(known(item, main)) for item, main in zip(items, results(items, run.state))]


def _owns(_name: str, items: Sequence[Attachment]) -> Iterator[Owned]:
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attach import TABLE
    from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import topology

    for netns, content in topology(items).items():
        for link in content.get("links", ()):
            if "kind" in link:
                yield Owned("link", link["name"], netns)
    if any(item.network.options.get("ipMasq") for item in items):
        yield Owned("table", TABLE)


SECTION = Section(_parse, _converge, _show, _owns, needs=_needs, prepare=_prepare, finish=_finish, links=True)
