# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dataclasses as JSON, and back.

Facts about all nodes are kept as JSON text. Ansible looks at each value of a structure whenever a host's template uses
it, which for N hosts would be N times N values.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import typing
from collections.abc import Mapping
from typing import Any, Callable

_PLAIN = (str, int, float, bool, type(None))

# The templates of one task use the same facts. Nobody changes what is returned here.
_load = functools.lru_cache(maxsize=4)(json.loads)


def loaded(fact: Any) -> Any:
    """The structure that a fact holds as JSON text, or the fact itself where it is a structure."""
    return _load(fact) if isinstance(fact, str) else fact


def decoded(kind: Any, fact: Any) -> Any:
    """The value of a type that a fact holds, as JSON text or as a structure."""
    return _decode_text(kind, fact) if isinstance(fact, str) else decode(kind, fact)


def encode(value: Any) -> Any:
    """A value as JSON has it: dataclasses become dictionaries, and tuples lists."""
    if type(value) in _PLAIN:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: encode(getattr(value, name)) for key, name in _names(type(value))}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(kind: Any, value: Any) -> Any:
    """The value of a type that encode() made into JSON.

    :param kind: a dataclass, or a type with one in it: a ``dict`` by text, a ``list``, a ``tuple`` of any length, or
        a union of one with None.
    """
    convert = _converter(kind)
    return convert(value) if convert else value


@functools.lru_cache(maxsize=4)
def _decode_text(kind: Any, text: str) -> Any:
    return decode(kind, json.loads(text))


@functools.cache
def _names(kind: type) -> tuple[tuple[str, str], ...]:
    """(key in JSON, name) of a dataclass's fields. A name that is a word of Python's has an underscore behind it."""
    return tuple((field.name.rstrip("_"), field.name) for field in dataclasses.fields(kind))


@functools.cache
def _converter(kind: Any) -> Callable[[Any], Any] | None:
    """The function that makes a type's value out of JSON. None: the JSON is the value."""
    if dataclasses.is_dataclass(kind):
        return _object(kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    item = _converter(inner[-1] if origin is dict else inner[0]) if inner else None
    if item is None:
        return tuple if origin is tuple else None
    if origin in (list, tuple):
        return functools.partial(_sequence, origin, item)
    return functools.partial(_dictionary if origin is dict else _optional, item)


def _object(kind: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    fields = [(key, name, _converter(hints[name])) for key, name in _names(kind)]

    def convert(value: Mapping[str, Any]) -> Any:
        return kind(**{name: item(value[key]) if item else value[key] for key, name, item in fields if key in value})

    return convert


def _sequence(kind: Callable[[Any], Any], item: Callable[[Any], Any], value: Any) -> Any:
    return kind(map(item, value))


def _dictionary(item: Callable[[Any], Any], value: Any) -> Any:
    return {key: item(one) for key, one in value.items()}


def _optional(item: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else item(value)
