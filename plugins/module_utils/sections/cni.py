# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of containers in CNI networks: their addresses, and the pieces of a topology that they consist of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Outcome, Owned, Run, Section

if TYPE_CHECKING:
    # Python compiles in each call what is imported, and most documents list no interface.
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
    from ansible_collections.weft.fabric.plugins.module_utils.sections.topology import Topology


def _parse(where: str, given: Any, _absent: bool) -> tuple[Attachment, ...] | None:
    if given == []:
        return None
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import attachments_of

    return attachments_of(where, given)


def _needs(items: Sequence[Attachment]) -> Mapping[str, Mapping[str, Any]]:
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import sysctls

    return {"sysctl": sysctls(items)}


# -- before anything changes in the kernel ---------------------------------------------------------


def _prepare(run: Run) -> Outcome | None:
    """Reserve addresses, and add the pieces of each interface to the topology.

    An address stays reserved whatever becomes of the rest: the next run finds it.
    """
    if not any(values.get("cni") for values in (run.values, run.last, run.besides)):
        return None
    from ansible_collections.weft.fabric.plugins.module_utils.cni import attach, execute

    if run.absent:
        made = _as_made(run.values, run.last.get("cni", ()))
        if not made:
            return None
        run.values["cni"] = attach.with_addresses(made)
        run.values["topology"] = _with_own_links(run.topology, made)
        return None
    run.left["cni"] = attach.with_addresses(_left(run))
    run.late = run.late or bool(run.left["cni"])
    if "cni" not in run.values:
        return None
    execute.check_programs(run.values["cni"])
    known = run.last["topology"].document.namespaces if "topology" in run.last else ()
    items, lines = attach.reserve(run.values["cni"], run.check, known)
    run.values["cni"] = items
    run.values["topology"] = _made_of(run.topology, items)
    return _told([], lines)


def _left(run: Run) -> list[Attachment]:
    """The interfaces that are removed: those of the last version that do not stay, and those listed besides."""
    known, items = run.last.get("cni", ()), run.values.get("cni", ())
    leaving = []
    if known:
        run.last["topology"] = _with_pieces(run.last.get("topology"), known)
    if run.purges:
        there = {*run.topology.document.namespaces, *(item.netns for item in items)}
        leaving = [item for item in known if item.netns in there and not _stays(item, items)]
        run.leaving.update((item.netns, item.interface) for item in leaving)
    listed = _as_made(run.besides, known)
    if listed:
        run.besides["topology"] = _with_own_links(run.besides.get("topology"), listed)
    return [*leaving, *listed]


def _stays(item: Attachment, items: Iterable[Attachment]) -> bool:
    """Whether an interface is of the same plugin as before, and has its addresses from where it had them."""

    def key(one: Attachment) -> object:
        return one.netns, one.interface, one.container, one.network.plugin, one.network.ipam

    return any(key(item) == key(other) for other in items)


def _as_made(absent: Mapping[str, Any], known: Iterable[Attachment]) -> list[Attachment]:
    """Interfaces that are to be absent, as the last version of the document made them.

    Where another network is listed, that network knows neither the link nor the addresses.

    :param known: the last version's.
    :raises InvalidParameter: an interface that it does not list is in another network, or somebody else's.
    """
    from ansible_collections.weft.fabric.plugins.module_utils.cni import attach

    namespaces = absent["topology"].document.namespaces if "topology" in absent else {}
    made = [item for item in known if item.netns in namespaces]
    names = {(item.netns, item.interface) for item in made}
    others = [item for item in absent.get("cni", ()) if (item.netns, item.interface) not in names]
    attach.check_absent(others)
    return made + others


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

    found = (topology or Topology()).with_pieces(pieces_of(items, present.bridges(items)))
    displaced = present.displaced(items)
    found.document.removals += [Removal("", Address(dev, str(address)), AFTER) for dev, address in displaced]
    return found


def _with_own_links(topology: Topology | None, items: Iterable[Attachment]) -> Topology:
    """What is to be absent, with the interfaces alone: a namespace and a bridge are removed where they are listed."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni.plugins import own_link
    from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
    from ansible_collections.weft.fabric.plugins.module_utils.model.links import add_link
    from ansible_collections.weft.fabric.plugins.module_utils.sections.topology import Topology

    topology = topology or Topology(Document(absent=True))
    found = topology.of(topology.namespaces)
    for item in items:
        link = own_link(item)
        if link is not None:
            add_link(found.document, item.netns, link, f"{item.where}.")
    return found


# -- on the host -----------------------------------------------------------------------------------


def _converge(run: Run) -> Outcome | None:
    items, left = run.values.get("cni", ()), run.left.get("cni", ())
    if not items and not left:
        return None
    from ansible_collections.weft.fabric.plugins.module_utils.cni import attach, execute

    if run.absent:
        run.kept["sysctl"] = _kept(run, items)
    wanted = () if run.absent else items
    known = [*items, *left]
    leases = _leases(run, wanted, [*left, *(items if run.absent else ())])
    wanted = () if run.absent else run.values["cni"] if items else ()
    tables = [attach.masquerade(wanted, known, run.check)]
    if any("macspoofchk" in item.network.options for item in (*known, *run.last.get("cni", ()))):
        tables.append(attach.spoof_check(wanted, known, run.state, run.check))
    mains = attach.results(wanted, run.state)
    results, before, after = execute.converge(wanted, mains, [*left, *(items if run.absent else ())], run.check)
    plugins = _told([*leases[0], *before], [*leases[1], *after])
    diffs = [*(table["diff"] for table in tables), *(plugins.diffs if plugins.changed else ())]
    changed = plugins.changed or any(table["changed"] for table in tables)
    return Outcome(changed, diffs, returned={"cni": results} if wanted else {})


def _leases(run: Run, items: Sequence[Attachment], gone: Sequence[Attachment]) -> tuple[Sequence[str], Sequence[str]]:
    """Release and ask for leases, and give the interfaces what has been leased; lines of both."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni import dhcp

    if not any(map(dhcp.has, (*items, *gone))):
        return (), ()
    found, before, after = dhcp.converge(items, gone, run.check)
    if found:
        from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile

        run.state = {**run.state, **reconcile(_made_of(None, found).document).state}
        leased = {item.where: item for item in found}
        run.values["cni"] = tuple(leased.get(item.where, item) for item in items)
    return before, after


def _kept(run: Run, items: Iterable[Attachment]) -> dict[str, str]:
    """Forwarding stays on as long as a bridge of the networks stays because of ports of others."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import sysctls
    from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile

    document = run.topology.document
    shared = [link.name for link in document.at("").links.values() if link.shared]
    after = reconcile(document, check=True).state[""].links if shared else {}
    return sysctls(items) if any(name in after for name in shared) else {}


def _finish(run: Run) -> Outcome | None:
    """Release addresses, once no link has them any more."""
    going = run.values.get("cni", ()) if run.absent else run.left.get("cni", ())
    if not going:
        return None
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attach import release

    return _told(release(going, () if run.absent else run.values.get("cni", ()), run.check))


def _told(before: Sequence[str], after: Sequence[str] = ()) -> Outcome:
    text = {side: "".join(f"{line}\n" for line in lines) for side, lines in (("before", before), ("after", after))}
    return Outcome(bool(before or after), [text])


def _show(run: Run) -> list[dict[str, Any]]:
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attach import results
    from ansible_collections.weft.fabric.plugins.module_utils.cni.execute import known

    items = run.values["cni"]
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
