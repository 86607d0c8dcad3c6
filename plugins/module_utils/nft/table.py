# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of ours in the kernel: nft reads them, and changes each in one transaction."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.nft.listing import (
    Observed,
    expected,
    parse,
    plan,
    predict,
)
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import FAMILY, AnyRule

_PREFIX = "weft"
_NOT_OURS = "a table of this name belongs to somebody else, no chain in it is ours; choose another, such as 'weft'"


def converge(
    name: str,
    rules: tuple[AnyRule, ...] | None,
    check: bool,
    family: str = FAMILY,
    before: tuple[AnyRule, ...] | None = None,
    adopt: bool = False,
) -> dict[str, Any]:
    """Make a table, in the network namespace of this process, contain exactly the wanted rules.

    :param rules: None: no table is wanted.
    :param check: change nothing.
    :param family: the table's, and its rules'.
    :param before: the rules that the table has by now, or would have if nothing were only checked; empty: there is
        no table; None: read it.
    :param adopt: replace a table whoever it belongs to.
    :returns: the result of the module masquerade, with the rules that the kernel has.
    :raises InvalidParameter: the table belongs to somebody else.
    :raises FabricError: nft is missing, or the kernel refuses the transaction. Nothing has changed then.
    """
    observed = read(name, family) if before is None else expected(before) if before else None
    if observed and not observed.ours and not adopt:
        raise InvalidParameter("table", name, _NOT_OURS)
    script = plan(name, rules, observed, family)
    result = predict(name, rules, observed, _list(name, family, "-s", "-a") if script and observed else "", family)
    if script and not check:
        _apply(name, script)
        observed = read(name, family)
        result["rules"] = [rule.as_dict() for rule in observed.rules.values()] if observed else []
    return result


def read(name: str, family: str = FAMILY) -> Observed | None:
    """A table in the network namespace of this process; None: there is no such table."""
    listing = _list(name, family, "-j")
    try:
        return parse(name, json.loads(listing), family) if listing else None
    except ValueError as error:
        raise FabricError(
            f"nft printed no JSON about table {family} {name}: install nftables 0.9.1 or newer"
        ) from error


def refuse_foreign(name: str, family: str = FAMILY) -> None:
    """Refuse a table that no generation of the host has made.

    :raises FabricError: there is one, with what to do about it.
    """
    if program() and _list(name, family):  # without nft, nobody has made one
        there = f"table {family} {name} exists and is not ours"
        raise FabricError(f"{there}: give another name, or adopt it (adopt: [{name}])")


def names(family: str = FAMILY) -> list[str]:
    """The tables, in the network namespace of this process, that are named as this collection's are.

    :raises FabricError: nft is missing, or fails.
    """
    process = _nft("-j", "list", "tables", family)
    if process.returncode != 0:
        raise explain(family, process.stderr)
    found = [item["table"]["name"] for item in json.loads(process.stdout)["nftables"] if "table" in item]
    return [name for name in found if name.startswith(_PREFIX)]


def _apply(name: str, script: str) -> None:
    """Run a transaction.

    :raises FabricError: the kernel refuses it. Nothing has changed then.
    """
    process = _nft("-f", "-", script=script)
    if process.returncode != 0:
        raise explain(name, process.stderr)


def _list(name: str, family: str, *options: str) -> str:
    process = _nft(*options, "list", "table", family, name)
    if process.returncode != 0:
        if "No such file or directory" in process.stderr:
            return ""
        raise explain(name, process.stderr)
    return process.stdout


def program() -> str | None:
    """The path of nft; None: it is not installed."""
    # A user's path may lack the directories of system commands.
    return shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _nft(*arguments: str, script: str = "") -> subprocess.CompletedProcess[str]:
    nft = program()
    if nft is None:
        raise FabricError("nft is missing: install the package nftables on this host")
    return subprocess.run(
        [nft, *arguments],
        input=script,
        capture_output=True,
        encoding="utf-8",
        # explain() reads nft's messages.
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )


def explain(name: str, stderr: str) -> FabricError:
    """nft's error about a table in one line, with a remedy."""
    if "Operation not permitted" in stderr:
        return FabricError("nft may not read or change this network namespace: run with become: true")
    if re.search("cache initialization failed|Unable to initialize Netlink socket", stderr):
        return FabricError("this kernel has no nf_tables: install the distribution's full kernel image")
    if re.search("Could not process rule: (No such file or directory|Operation not supported)", stderr):
        lacks = (
            "cannot masquerade, nft_chain_nat or nft_masq is missing"
            if "masquerade" in stderr
            else f"lacks what table {name} needs of nf_tables"
        )
        return FabricError(f"this kernel {lacks}: install the distribution's full kernel image")
    if "syntax error" in stderr:
        return InvalidParameter("table", name, "it is a word of nft's own language; choose another, such as 'weft'")
    return FabricError(f"nft failed on table {name}: {stderr.strip().partition(chr(10))[0] or 'without a word'}")
