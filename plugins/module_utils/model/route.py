# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

# rtnetlink's mark of who installed a route (rtm_protocol). Ours is one that nobody has registered in iproute2's
# rt_protos, so that purging never touches a route of a routing daemon, of DHCP or of an administrator.
ROUTE_PROTOCOL = 119
ROUTE_PROTOCOLS = range(119, 128)  # for documents that share an interface and are purged apart
# Routes that the kernel makes itself, and those of routing daemons, DHCP and router advertisements, do not belong in a
# document. RTPROT_BOOT and RTPROT_STATIC (3 and 4) are the marks of ip(8) and of administrators.
DOCUMENTED_PROTOCOLS = (3, 4, *ROUTE_PROTOCOLS)
TABLES = {"default": 253, "main": 254, "local": 255}
MAIN = TABLES["main"]
IP6_METRIC = 1024  # IP6_RT_PRIO_USER: the metric that the kernel gives to a route without one

RouteKey = tuple[str, int, int]


class Route(NamedTuple):
    """A unicast route. The kernel's key is (dst, table, metric).

    None is "not asked for", except that the next hop is one value: a route with dev alone has no gateway, and one with
    via alone has the interface that the kernel finds for it.

    :ivar protocol: the number of the program that installed it.
    """

    dst: str
    table: int
    metric: int
    via: str | None = None
    dev: str | None = None
    src: str | None = None
    onlink: bool | None = None
    mtu: int | None = None
    protocol: int | None = None

    @property
    def key(self) -> RouteKey:
        """What the kernel tells two routes apart by."""
        return self[:3]

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for: it finds the interface of a route without one."""
        return self.dev is None

    def label(self, netns: str = "") -> str:
        """The route in a message: ``route 10.0.0.0/24 via 10.1.0.1 in namespace pod1``."""
        return f"{self._words()}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The route as lines of a diff."""
        return [f"{prefix_of(netns)}{self._words()}"]

    def _words(self) -> str:
        """The route in the words of ip-route(8)."""
        words = [f"route {'default' if self.dst in values.EVERYTHING.values() else self.dst}"]
        if self.via:
            words.append(f"via {self.via}")
        if self.dev:
            words.append(f"dev {self.dev}")
        if self.src:
            words.append(f"src {self.src}")
        if self.metric:
            words.append(f"metric {self.metric}")
        if self.table != MAIN:
            words.append(f"table {self.table}")
        if self.mtu:
            words.append(f"mtu {self.mtu}")
        if self.onlink:
            words.append("onlink")
        return " ".join(words)

    def data(self) -> dict[str, Any]:
        """The route as an item of topology's ``routes``, without what is not set."""
        data = {name: value for name, value in self._asdict().items() if value not in (None, False)}
        data.pop("protocol", None)
        if not self.metric:
            data.pop("metric", None)
        if self.table == MAIN:
            del data["table"]
        return data

    def named(self, other: Route) -> bool:
        """Whether an observed route has everything that is given of this one."""
        for wanted, found in zip(self, other):  # noqa: SIM110  (all() takes half as long again, of ten thousand routes)
            if wanted is not None and wanted != found:
                return False
        return True

    def met_by(self, other: Route) -> bool:
        """Whether an observed route has the next hop of this one, and everything else that is given of it."""
        return self.via == other.via and self.named(other)

    def over(self, other: Route) -> Route:
        """This route, with everything that was not asked for taken from an observed one that it replaces."""
        if self.via != other.via:
            other = other._replace(via=None, dev=None, onlink=None)
        return Route._make(found if wanted is None else wanted for wanted, found in zip(self, other))

    def found_in(self, table: Mapping[RouteKey, Route], _links: Mapping[str, Any]) -> Route | None:
        """The observed route that this one names: of the same key and with everything that is given of this one."""
        known = table.get(self.key)
        return known if known and self._replace(onlink=None, mtu=None).named(known) else None

    def drop_from(self, table: dict[RouteKey, Route]) -> None:
        """Take an observed route out of its table."""
        del table[self.key]


def _metric(where: str, value: Any) -> int:
    return values.integer(where, value, 0, 2**32 - 1)


def _table(where: str, value: Any) -> int:
    named = TABLES.get(value) if isinstance(value, str) else None
    return named or values.integer(where, value, 1, 2**32 - 1)


# The parameters that can be read without knowing others.
_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "via": values.unicast,
    "dev": values.ifname,
    "src": values.unicast,
    "metric": _metric,
    "table": _table,
    "onlink": values.boolean,
}
_PARAMETERS = ("dst", *_PARSERS, "mtu")


def parse_route(item: Mapping[str, Any], where: str, absent: bool = False) -> Route:
    """A route from its parameters.

    :param where: prefix of parameter names in messages: ``routes[0].``.
    :param absent: it is to be removed, so it need not say where it leads.
    :raises InvalidParameter: for the first that is wrong.
    """
    item = values.given(item)
    values.known(where, item, _PARAMETERS, "a route")
    found = {name: parse(f"{where}{name}", item[name]) for name, parse in _PARSERS.items() if name in item}
    dst = _destination(f"{where}dst", item.get("dst"), found.get("via") or found.get("src"))
    six = ":" in dst
    found["table"] = found.get("table", MAIN)
    found["metric"] = found.get("metric") or (IP6_METRIC if six else 0)
    if "mtu" in item:
        found["mtu"] = values.mtu(f"{where}mtu", item["mtu"], values.IPV6_MTU if six else values.IPV4_MTU)
    route = Route(dst, **found)
    _check(route, where, absent)
    return route


def _check(route: Route, where: str, absent: bool) -> None:
    """Refuse parameters that do not fit each other."""
    six = ":" in route.dst
    for name, value in (("via", route.via), ("src", route.src)):
        if value and (":" in value) != six:
            raise InvalidParameter(f"{where}{name}", value, f"it is of another address family than dst {route.dst}")
    if not absent and not route.via and not route.dev:
        raise InvalidParameter(f"{where}via", None, "a route needs 'via', 'dev' or both")
    if route.onlink and not (route.via and route.dev):
        raise InvalidParameter(f"{where}onlink", True, "it needs both 'via' and 'dev'")


def _destination(where: str, value: Any, hint: str | None) -> str:
    if value == "default":
        if hint is None:
            remedy = f"without 'via' its address family is unknown: give {' or '.join(values.EVERYTHING.values())}"
            raise InvalidParameter(where, value, remedy)
        return values.EVERYTHING[6 if ":" in hint else 4]
    if isinstance(value, str) and "/" not in value:
        host = values.address(where, value)
        return f"{host}/{128 if ':' in host else 32}"
    return values.network(where, value)
