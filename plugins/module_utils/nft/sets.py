# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named sets of nftables: written in nft's syntax, read back, and changed element by element. Pure.

A packet costs the same however many elements a set has, unless the elements of the set are networks (nft_set_hash.c,
nft_set_pipapo.c).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple, Union

Element = tuple[Union[str, int], ...]
"""A value for each field of a set's key: an address or a network as text, anything else as a number."""


class Field(NamedTuple):
    """A field of a set's key.

    :ivar type: the expression whose type the field has, in nft's syntax.
    :ivar mask: the bits of the expression that are looked up; 0: all.
    """

    type: str
    mask: int = 0

    @property
    def expression(self) -> str:
        """What is looked up of a packet."""
        return f"{self.type} & {self.mask:#x}" if self.mask else self.type

    def text(self, value: str | int) -> str:
        """A value in nft's syntax."""
        return f'"{value}"' if self.type == INTERFACE else str(value)


INTERFACE = "meta iifname"


def _joined(element: Element) -> str:
    return " . ".join(map(str, element))


@dataclass(frozen=True)
class Set:
    """A set that rules look packets up in.

    :ivar key: the fields of an element.
    :ivar elements: what the set consists of.
    :ivar networks: addresses in elements may be networks.
    :ivar line: (element) -> its line in a diff.
    """

    name: str
    key: tuple[Field, ...]
    elements: frozenset[Element]
    networks: bool = False
    line: Callable[[Element], str] = field(default=_joined, compare=False)

    @property
    def looked_up(self) -> str:
        """What a rule looks up."""
        return f"{' . '.join(one.expression for one in self.key)} @{self.name}"

    def render(self) -> str:
        """The set in nft's syntax."""
        types = " . ".join(one.type for one in self.key)
        flags = "\t\tflags interval\n" if self.networks else ""
        elements = f"\t\telements = {{ {self._listed(self.elements)} }}\n" if self.elements else ""
        return f"\tset {self.name} {{\n\t\ttypeof {types}\n{flags}{elements}\t}}\n"

    def change(self, table: str, there: Collection[Element]) -> str:
        """The commands that make the set in the kernel have exactly these elements.

        :param table: its family and name.
        :param there: the elements that the kernel's set has.
        """
        gone, new = [one for one in there if one not in self.elements], self.elements.difference(there)
        return "".join(
            f"{verb} element {table} {self.name} {{ {self._listed(elements)} }}\n"
            for verb, elements in (("delete", gone), ("add", new))
            if elements
        )

    def _listed(self, elements: Iterable[Element]) -> str:
        return ", ".join(sorted(" . ".join(map(Field.text, self.key, element)) for element in elements))


@dataclass(frozen=True)
class Observed:
    """A set in the kernel.

    :ivar elements: None: one of them is of another kind than this collection's are.
    """

    elements: frozenset[Element] | None
    networks: bool


def parse(properties: Mapping[str, Any]) -> Observed:
    """A set as libnftables-json(5) has it."""
    flags = properties.get("flags", [])
    try:
        elements = frozenset(map(_element, properties.get("elem", ())))
    except (KeyError, TypeError, ValueError):
        return Observed(None, "interval" in flags)
    known = {"interval"} >= {*flags} and not {"timeout", "gc-interval", "map", "stmt"} & properties.keys()
    return Observed(elements if known else None, "interval" in flags)


def _element(value: Any) -> Element:
    fields = value["concat"] if isinstance(value, dict) and "concat" in value else [value]
    return tuple(map(_field, fields))


def _field(value: Any) -> str | int:
    """A field of an element.

    :raises ValueError: this collection writes no such fields.
    """
    if isinstance(value, dict):
        return "{addr}/{len}".format(**value["prefix"])
    # nft prints 64 bits as a signed number, and more in hexadecimal. No other field has as many letters.
    if isinstance(value, str) and not (value.startswith("0x") and len(value) > 16):
        return value
    number = int(value, 16) if isinstance(value, str) else int(value)
    return number + 2**64 if number < 0 else number
