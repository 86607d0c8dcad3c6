# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further plugins of a configuration list: validated, and the requests that they get. Pure.

Source: the CNI specification 1.0.0, sections 1 (configuration), 2 (protocol) and 3 (derived configuration).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

OLDEST = "0.3.0"
"""The first version in which a plugin gets the result of the one before it."""

_is_program = re.compile(r"[a-z0-9][a-z0-9_.-]*", re.ASCII).fullmatch


class Chained(NamedTuple):
    """A further plugin.

    :ivar config: its configuration as it was given.
    :ivar where: its place in the user's parameters, for messages.
    """

    type: str
    config: Mapping[str, Any]
    where: str

    @property
    def capabilities(self) -> list[str]:
        """The runtime's values that it takes."""
        return enabled(self.config)


def enabled(config: Mapping[str, Any]) -> list[str]:
    """The capabilities that a plugin's configuration declares."""
    return [name for name, on in (config.get("capabilities") or {}).items() if on]


def chained(where: str, given: Iterable[Any]) -> tuple[Chained, ...]:
    """The plugins of a configuration list after the first one, as ``PLACE[1]`` and so on.

    :raises InvalidParameter: one is no configuration, or its type is no name of a program.
    """
    found = []
    for index, config in enumerate(given, 1):
        here = f"{where}[{index}]"
        config = values.mapping(here, config)
        kind = config.get("type")
        if not isinstance(kind, str) or not _is_program(kind):
            raise InvalidParameter(f"{here}.type", kind, "give the name of a plugin, such as portmap")
        check_capabilities(f"{here}.capabilities", config.get("capabilities"))
        found.append(Chained(kind, config, here))
    return tuple(found)


def check_capabilities(where: str, given: Any) -> None:
    """Check a plugin's declared capabilities.

    :raises InvalidParameter: they are no dictionary of booleans.
    """
    for name, on in values.mapping(where, given or {}).items():
        values.boolean(f"{where}.{name}", on)


def request(
    plugin: Chained, name: str, version: str, runtime: Mapping[str, Any], previous: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The configuration that a plugin reads from its standard input.

    :param name: the network's.
    :param runtime: the runtime's values, of which the plugin gets those that it declares.
    :param previous: the result of the plugin before it; None: there is none, as for DEL without a record.
    """
    own = {key: value for key, value in runtime.items() if key in plugin.capabilities}
    known = plugin.config.get("runtimeConfig") or {}
    config = {key: value for key, value in plugin.config.items() if key not in ("capabilities", "runtimeConfig")}
    return {
        **config,
        "name": name,
        "cniVersion": version,
        **({"runtimeConfig": {**known, **own}} if known or own else {}),
        **({"prevResult": previous} if previous is not None else {}),
    }
