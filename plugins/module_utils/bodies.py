# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bodies of modules that manage what a document lists: one link, or one list of entries."""

from __future__ import annotations

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import Outcome, reconcile
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document


def document_of(module: AnsibleModule) -> tuple[Document, str]:
    """An empty document with the module's ``state``, and the namespace that its ``netns`` names."""
    netns = module.params["netns"] or ""
    if netns:
        values.namespace("netns", netns)
    return Document(absent=module.params["state"] == "absent"), netns


def apply_document(module: AnsibleModule, document: Document) -> tuple[Outcome, dict[str, Any]]:
    """Make the host as the document says: the outcome, and the part of the result that all modules share."""
    outcome = reconcile(document, module.check_mode)
    for warning in outcome.warnings:
        module.warn(warning)
    return outcome, {"changed": outcome.changed, "diff": outcome.diff}


def link_body(kind: str) -> Callable[[AnsibleModule], dict[str, Any]]:
    """The body of a module that manages one link of a kind."""
    # Not before: modules of entries have no links, and Ansible compiles in each call what is imported.
    from ansible_collections.weft.fabric.plugins.module_utils.model.links import add_link, complete

    def body(module: AnsibleModule) -> dict[str, Any]:
        document, netns = document_of(module)
        item = {name: value for name, value in module.params.items() if name not in ("state", "netns", "namespace")}
        if document.absent:
            item = {"name": item["name"]}
        add_link(document, netns, {**item, "kind": kind})
        complete(document)
        outcome, result = apply_document(module, document)
        found = facts.wanted(outcome.document.at(netns), outcome.state[netns])["links"]
        name = outcome.state[netns].own_names.get(item["name"], item["name"])
        return {**result, "link": next((link for link in found if link["name"] == name), None)}

    return body


def entries_body(
    option: str, add: Callable[[AnsibleModule, Document, str], None], section: str
) -> Callable[[AnsibleModule], dict[str, Any]]:
    """The body of a module that manages a list of entries.

    :param option: the name of the list in the result.
    :param add: adds the module's list to the document.
    :param section: the name of the list in topology's document.
    """

    def body(module: AnsibleModule) -> dict[str, Any]:
        document, netns = document_of(module)
        add(module, document, netns)
        outcome, result = apply_document(module, document)
        return {**result, option: facts.wanted(outcome.document.at(netns), outcome.state[netns])[section]}

    return body


def device_entries_body(
    section: str, add: Callable[[Any, list[Any], str, str], None]
) -> Callable[[AnsibleModule], dict[str, Any]]:
    """The body of a module that manages the ``entries`` of one ``dev``, and may ``purge`` others there.

    :param section: the name of the list in topology's document.
    :param add: (the document's list, entries, place of the list in the user's parameters, device) adds the entries.
    """

    def fill(module: AnsibleModule, document: Document, netns: str) -> None:
        dev = values.link_name("dev", module.params["dev"])
        desired = document.at(netns)
        add(getattr(desired, section), module.params["entries"], "entries", dev)
        if module.params["purge"]:
            getattr(desired, f"purge_{section}").add(dev)

    return entries_body("entries", fill, section)
