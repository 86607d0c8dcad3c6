# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals of the kernel name the object and the remedy, whatever the object is."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.engine.refusal import NOT_FOUND, refusal
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation

NETNS = Namespace("pod1")
NEIGHBOUR = Neighbour("eth0", "10.0.0.2", "02:00:00:00:00:01")
BRIDGE = Link("br0", "bridge")

TABLE = [
    (NETNS, errno.EPERM, "CAP_SYS_ADMIN"),
    (NETNS, errno.ENOSPC, "user.max_net_namespaces"),
    (NETNS, errno.EUSERS, "user.max_net_namespaces"),
    (NETNS, errno.EROFS, "make it writable"),
    (NETNS, errno.EBUSY, "another mount namespace"),
    (NETNS, errno.EISDIR, "remove that by hand"),
    (NETNS, errno.EEXIST, "state: absent"),
    (NETNS, errno.EMFILE, "ulimit"),
    (NETNS, errno.ENFILE, "fs.file-max"),
    (NEIGHBOUR, errno.EPERM, "become: true"),
    (NEIGHBOUR, errno.ENOBUFS, "gc_thresh3"),
    (NEIGHBOUR, errno.ENETDOWN, "set its admin_state to up"),
    (NEIGHBOUR, errno.ENODEV, "run again"),
    (NEIGHBOUR, errno.EAFNOSUPPORT, "ipv6.disable=1"),
    (NEIGHBOUR, errno.ENOMEM, "no memory left"),
    (BRIDGE, errno.EPERM, "CAP_NET_ADMIN"),
    (BRIDGE, errno.EBUSY, "ip -details link"),
    (BRIDGE, errno.EEXIST, "run again"),
    (BRIDGE, errno.EMFILE, "ulimit"),
    (BRIDGE, errno.EPROTONOSUPPORT, "load its module"),
]


@pytest.mark.parametrize(("item", "code", "words"), TABLE)
def test_the_remedy_of_each_errno(item: Any, code: int, words: str) -> None:
    operations = [Operation("create", "", None, item), Operation("delete", "", item, None)]
    for operation in operations[:1] if code in NOT_FOUND else operations:
        message = str(refusal(operation, code, ""))
        head = f"cannot {operation.verb} {item.label('')}: "
        assert message.startswith(head) and f"({errno.errorcode[code]}); " in message and words in message


@pytest.mark.parametrize(
    ("value", "meant"),
    [(8846009710, "11:22:33:44:55:10"), ("8846009710", "11:22:33:44:55:10"), (7776000000, "10:00:00:00:00:00")],
)
def test_a_mac_address_that_yaml_made_a_number(value: object, meant: str) -> None:
    with pytest.raises(InvalidParameter, match=f"YAML has read it as a number: quote it, '{meant}'"):
        values.mac("mac_address", value)


@pytest.mark.parametrize("value", [True, 1.5, None, [], "12" * 20, "02:00"])
def test_no_mac_address_at_all(value: object) -> None:
    with pytest.raises(InvalidParameter, match="six hexadecimal pairs"):
        values.mac("mac_address", value)
