# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables against the argument specifications of the roles, and names of variables that are almost right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import Faults

Options = Mapping[str, Mapping[str, Any]]
"""``options`` of an argument specification, by name."""

_LETTERS = 2
"""Names that differ by this many letters at most are taken for one another."""


def check(where: str, value: Any, option: Mapping[str, Any], faults: Faults) -> bool:
    """Report what a variable has that its option does not allow.

    :param where: the variable with index, for messages.
    :returns: whether everything is allowed.
    """
    if value is None and not option.get("required"):
        return True
    kind = option.get("type", "str")
    if kind == "list":
        found = faults.check(_items, where, value)
        element = {**option, "type": option.get("elements", "raw"), "required": True}
        return found is not None and _all(
            check(f"{where}[{index}]", item, element, faults) for index, item in enumerate(found)
        )
    if kind == "dict":
        item = faults.check(values.mapping, where, value)
        return item is not None and ("options" not in option or _check_keys(where, item, option["options"], faults))
    if "choices" in option:
        return faults.check(values.choice, where, value, option["choices"]) is not None
    if kind == "bool":
        return faults.check(values.boolean, where, value) is not None
    if kind == "int":
        return faults.check(whole, where, value) is not None
    return kind == "raw" or faults.check(_text, where, value) is not None


def whole(where: str, value: Any, more: str = "") -> int:
    """A whole number from 0 on, also given as a string of digits.

    :param more: what the message says besides.
    :raises InvalidParameter: it is none.
    """
    digits = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20
    number = int(value) if digits else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise InvalidParameter(where, value, f"give a whole number from 0 on{more}")
    return number


def _check_keys(where: str, item: Mapping[str, Any], options: Options, faults: Faults) -> bool:
    right = True
    for key, value in item.items():
        if key not in options:
            faults.add(InvalidParameter(f"{where}.{key}", value, f"it takes only {', '.join(options)}"))
            right = False
    missing = [name for name, option in options.items() if option.get("required") and item.get(name) is None]
    for name in missing:
        faults.add(InvalidParameter(f"{where}.{name}", None, "it is required"))
    there = [check(f"{where}.{name}", item[name], options[name], faults) for name in options if name in item]
    return right and not missing and all(there)


def _all(results: Iterable[bool]) -> bool:
    """Whether all are true, after all of them have been computed."""
    return all(list(results))


def _items(where: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise InvalidParameter(where, value, "give a list")
    return list(value)


def _text(where: str, value: Any) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise InvalidParameter(where, value, "give text")
    return str(value)


INVENTORY = ("site_confirm", "site_adopt")
"""Variables of playbooks that an inventory may set."""

EXTRA = (
    *("target", "site_batch", "fabric_nodes", "fabric_routers", "plan_documents"),
    *("rollback_to", "hold_for", "drain_nodes"),
)
"""Extra variables of playbooks (-e)."""


def almost(names: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names that differ from a known one by a letter or two, each with the known one."""
    near: dict[str, list[str]] = {}
    public = list(known)
    for name in public:
        for rest in _shortened(name):
            near.setdefault(rest, []).append(name)
    for name in names:
        if name in public:
            continue
        candidates = dict.fromkeys(other for rest in _shortened(name) for other in near.get(rest, ()))
        best = min(candidates, key=lambda other: _distance(name, other), default=None)
        if best is not None and _distance(name, best) <= _LETTERS:
            yield name, best


def _shortened(name: str) -> Iterator[str]:
    """The name without up to two of its letters: two names that are close to each other have one of these in common."""
    for count in range(_LETTERS + 1):
        for left_out in combinations(range(len(name)), count):
            yield "".join(letter for index, letter in enumerate(name) if index not in left_out)


def _distance(one: str, other: str) -> int:
    """How many letters have to be added, dropped, replaced or swapped with the next (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, match in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != match))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == match:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]
