# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what the further plugins of an interface were asked.

It has the format and the place of libcni's cache (libcni/api.go: cachedInfo), so that other runtimes find it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import Attachment
from ansible_collections.weft.fabric.plugins.module_utils.cni.chain import Chained, chained

RECORDS = "/var/lib/cni/results"


def sandbox(item: Attachment) -> str:
    """The path of a container's namespace, as plugins get it."""
    return f"/run/netns/{item.netns}"


class Record:
    """What the plugins of an interface were asked, and the final result."""

    def __init__(self, item: Attachment) -> None:
        self._item = item
        self._path = f"{RECORDS}/{item.network.name}-{item.container}-{item.interface}"
        try:
            found = json.loads(files.read(self._path) or b"null")
        except ValueError:
            found = None
        self._found: dict[str, Any] = found if isinstance(found, dict) and "weft" in found else {}

    @property
    def exists(self) -> bool:
        """Whether plugins have been called for the interface, by this collection."""
        return bool(self._found)

    @property
    def result(self) -> dict[str, Any] | None:
        """The result of the last plugin; None: not all have succeeded."""
        return self._found.get("result")

    @property
    def checked(self) -> list[str]:
        """The plugins whose CHECK succeeded at once after ADD. That of some does not (portmap 1.1.1 without IPv6)."""
        return list(self._found["weft"]["checked"])

    def is_of(self, main: Mapping[str, Any]) -> bool:
        """Whether all plugins have been called with what they would get now.

        :param main: the result of the network's first plugin.
        """
        return self.result is not None and {**self._found, "result": None} == self._contents(main, self.checked)

    @property
    def main(self) -> dict[str, Any]:
        """The result of the network's first plugin at that time."""
        return dict(self._found["weft"]["main"])

    @property
    def plugins(self) -> tuple[Chained, ...]:
        """The plugins as they were configured at that time."""
        config = json.loads(base64.b64decode(self._found["config"]))
        return chained(f"network {self._item.network.name}: plugins", config["plugins"])

    @property
    def runtime(self) -> dict[str, Any]:
        """The runtime's values at that time."""
        return dict(self._found["capabilityArgs"] or {})

    def _contents(self, main: Mapping[str, Any], checked: Sequence[str]) -> dict[str, Any]:
        item = self._item
        config = {
            "cniVersion": item.network.version,
            "name": item.network.name,
            "plugins": [plugin.config for plugin in item.network.chain],
        }
        return {
            "kind": "cniCacheV1",
            "containerId": item.container,
            "config": base64.b64encode(json.dumps(config, sort_keys=True).encode()).decode(),
            "ifName": item.interface,
            "networkName": item.network.name,
            "netns": sandbox(item),
            "capabilityArgs": dict(item.runtime),
            "result": None,
            "weft": {"main": dict(main), "checked": list(checked)},
        }

    def write(
        self, main: Mapping[str, Any], result: Mapping[str, Any] | None = None, checked: Sequence[str] = ()
    ) -> None:
        """Write the record.

        :raises KernelError: the file system refuses.
        """
        self._found = {**self._contents(main, checked), "result": result}
        files.replace(self._path, json.dumps(self._found, sort_keys=True).encode(), 0o600)

    def remove(self) -> None:
        """Remove the record.

        :raises KernelError: the file system refuses.
        """
        files.remove(self._path)
        self._found = {}
