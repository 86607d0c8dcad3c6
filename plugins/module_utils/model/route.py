# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from itertools import chain, repeat
from operator import eq, itemgetter
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of, prefix_of

# Routes that the kernel makes itself, and those of routing daemons, DHCP and router advertisements, do not belong in a
# document. RTPROT_BOOT and RTPROT_STATIC (3 and 4) are the marks of ip(8) and of administrators.
DOCUMENTED_PROTOCOLS = (3, 4, *values.ROUTE_PROTOCOLS)
# Names that iproute2 ships (/etc/iproute2): rt_protos, rt_tables, rt_scopes.
PROTOCOLS = {
    "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12, "dhcp": 16,
    "keepalived": 18, "babel": 42, "bgp": 186, "isis": 187, "ospf": 188, "rip": 189, "eigrp": 192,
}  # fmt: skip
TABLES = {"default": 253, "main": values.MAIN_TABLE, "local": values.LOCAL_TABLE}
MAIN = values.MAIN_TABLE
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254}
TYPES = ("unicast", "local", "blackhole", "unreachable", "prohibit", "throw")
NOWHERE = TYPES[2:]  # routes of these types have no next hop
_EVERYTHING = frozenset(values.EVERYTHING.values())
PREFERENCES = ("low", "medium", "high")
IP6_METRIC = 1024  # IP6_RT_PRIO_USER: the metric that the kernel gives to a route without one

RoutePlace = tuple[str, int]
RouteKey = tuple[Any, ...]
Routes = Mapping[RoutePlace, tuple["Route", ...]]


class Hop(NamedTuple):
    """One of several next hops. Without an interface, it has the one that the kernel finds for its gateway."""

    via: str | None = None
    dev: str | None = None
    weight: int = 1
    onlink: bool = False

    def words(self) -> str:
        """The hop in the words of ip-route(8)."""
        weight = f" weight {self.weight}" if self.weight != 1 else ""
        return f"nexthop{_way(self.via, self.dev)}{weight}{' onlink' if self.onlink else ''}"

    def data(self) -> dict[str, Any]:
        """The hop as an item of a route's ``nexthops``, without what is not set."""
        found = {name: value for name, value in self._asdict().items() if value not in (None, False)}
        return found if self.weight != 1 else {**found, "weight": 1}

    def met_by(self, other: Hop) -> bool:
        """Whether an observed hop has everything that is given of this one."""
        return self.via == other.via and _given(self, other)


class Route(NamedTuple):
    """A route. The kernel's key is (dst, table, metric, tos, source), and several routes may have the same one.

    None is "not asked for", except that the way is one value: a route with dev alone has no gateway, and one with via
    alone has the interface that the kernel finds for it. A route of several next hops has neither.

    :ivar metric: None: whatever it is.
    :ivar tos: the type of service that it is for, of IPv4 alone.
    :ivar source: the source addresses that it is for, if not all, of IPv6 alone.
    :ivar mtu_lock: path MTU discovery does not lower the MTU.
    :ivar protocol: the number of the program that installed it.
    :ivar expires: the kernel removes it after some time, as router advertisements ask for.
    :ivar raw: the kernel's message about it, from struct rtmsg on; a route that is changed has that of its old state.
    """

    dst: str
    table: int
    metric: int | None
    tos: int = 0
    source: str = ""
    type: str | None = None
    via: str | None = None
    dev: str | None = None
    nexthops: tuple[Hop, ...] | None = None
    onlink: bool | None = None
    src: str | None = None
    scope: int | None = None
    mtu: int | None = None
    mtu_lock: bool | None = None
    advmss: int | None = None
    initcwnd: int | None = None
    hoplimit: int | None = None
    pref: str | None = None
    protocol: int | None = None
    expires: bool | None = None
    raw: bytes | None = None

    @property
    def place(self) -> RoutePlace:
        """Where it is among the observed routes."""
        return self[:2]

    @property
    def key(self) -> RouteKey:
        """What the kernel tells routes apart by, when one replaces another."""
        return self[:5]

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Its next hops, whether there are one or several."""
        if self.nexthops is not None:
            return self.nexthops
        return (Hop(self.via, self.dev, 1, bool(self.onlink)),) if self.via or self.dev else ()

    @property
    def devices(self) -> set[str]:
        """The interfaces that it leads through, as far as they are known."""
        if self.nexthops is None:
            return {self.dev} if self.dev else set()
        return {hop.dev for hop in self.nexthops if hop.dev}

    @property
    def list_name(self) -> str:
        """The name of the lists of such objects (objects.py)."""
        return "routes"

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for: it finds the interface of a hop without one."""
        return self.dev is None and any(hop.dev is None for hop in self.hops)

    def label(self, netns: str = "") -> str:
        """The route in a message: ``route 10.0.0.0/24 via 10.1.0.1 in namespace pod1``."""
        return f"{self._words()}{place_of(netns)}"

    def lines(self, netns: str = "") -> list[str]:
        """The route as lines of a diff."""
        return [f"{prefix_of(netns)}{self._words()}"]

    def _words(self) -> str:
        """The route in the words of ip-route(8)."""
        kind = "" if self.type in (None, "unicast") else f"{self.type} "
        words = [f"route {kind}{'default' if self.dst in _EVERYTHING else self.dst}"]
        words += [f"{word} {value}" for word, value in self._options() if value]
        if self.onlink:
            words.append("onlink")
        if self.expires:
            words.append("expires")
        if self.nexthops:
            words += [hop.words() for hop in self.nexthops]
        return " ".join(words)

    def _options(self) -> tuple[tuple[str, str | int | None], ...]:
        """The options of ip-route(8) in its order, each with its value; without one, it is not set or usual."""
        ours = self.protocol is None or self.protocol in values.ROUTE_PROTOCOLS
        usual = self.scope is None or self.scope == self.usual_scope
        return (
            ("from", self.source),
            ("tos", self.tos and f"{self.tos:#04x}"),
            ("via", self.via),
            ("dev", self.dev),
            ("proto", "" if ours else name_in(PROTOCOLS, self.protocol or 0)),
            ("scope", "" if usual else name_in(SCOPES, self.scope or 0)),
            ("src", self.src),
            ("metric", self.metric),
            ("table", "" if self.table == MAIN else str(self.table)),
            ("mtu lock" if self.mtu_lock else "mtu", self.mtu),
            ("advmss", self.advmss),
            ("initcwnd", self.initcwnd),
            ("hoplimit", self.hoplimit),
            ("pref", "" if self.pref == "medium" else self.pref),
        )

    @property
    def usual_scope(self) -> int:
        """The scope that a route of this kind has unless another one is asked for (ip-route(8)); IPv6 has no other."""
        if ":" in self.dst:
            return SCOPES["global"]
        if self.type == "local":
            return SCOPES["host"]
        gateways = any(hop.via for hop in self.hops)
        return SCOPES["global" if gateways or self.type in NOWHERE or self.nexthops else "link"]

    def data(self) -> dict[str, Any]:
        """The route as an item of topology's ``routes``, without what is not set or usual."""
        data = {name: value for name, value in self._asdict().items() if value not in (None, False)}
        for name in ("protocol", "source", "expires", "raw"):
            data.pop(name, None)
        for name, usual in (("metric", 0), ("tos", 0), ("table", MAIN), ("type", "unicast"), ("pref", "medium")):
            if data.get(name) == usual:
                del data[name]
        if "scope" in data:
            data["scope"] = name_in(SCOPES, data["scope"])
            if self.scope == self.usual_scope:
                del data["scope"]
        if self.nexthops is not None:
            data["nexthops"] = [hop.data() for hop in self.nexthops]
        return data

    def met_by(self, other: Route) -> bool:
        """Whether an observed route leads where this one does, and has everything else that is given of it."""
        if self.nexthops is None:
            return (self.via == other.via and not other.expires and _given(self, other)) or self._is_part_of(other)
        if self.nexthops == other.nexthops:
            return _given(self, other) and not other.expires
        return (
            other.nexthops is not None
            and _same_hops(self.nexthops, other.nexthops)
            and self._replace(nexthops=None).met_by(other._replace(nexthops=None))
        )

    def leads_as(self, other: Route) -> bool:
        """Whether an observed route has the type and the next hops of this one."""
        way = Route._make((*self[:_WAY], *[None] * (len(self) - _WAY)))
        return way.met_by(other._replace(expires=None))

    def _is_part_of(self, other: Route) -> bool:
        """Whether an observed IPv6 route of several next hops has this one's, with everything that is given of it.

        In IPv6 each next hop is a route of its own (net/ipv6/ip6_fib.c: fib6_add_rt2node).
        """
        return not other.expires and self.of_hop(other) is not None

    def of_hop(self, other: Route) -> Route | None:
        """That part of an observed IPv6 route of several next hops which this one names."""
        if not other.nexthops or not self.via or ":" not in self.dst:
            return None
        return next((part for part in other.parts() if self.via == part.via and _given(self, part)), None)

    def parts(self) -> Iterator[Route]:
        """Its next hops, each as a route of its own."""
        for hop in self.nexthops or ():
            yield self._replace(via=hop.via, dev=hop.dev, onlink=hop.onlink, nexthops=None, raw=None)

    def over(self, other: Route) -> Route:
        """This route, with everything that was not asked for taken from an observed one that it replaces."""
        wanted = self
        if not self.leads_as(other):
            other = Route(*other.key, **{name: getattr(other, name) for name in _KEPT})
        elif other.nexthops is not None:
            wanted = self._replace(via=None, dev=None, onlink=None, nexthops=other.nexthops)
        return Route._make(
            found if asked is None else asked for asked, found in zip(wanted, other._replace(expires=None))
        )

    def replaced_in(self, routes: Iterable[Route]) -> Route | None:
        """That one of several observed routes of its key which the kernel replaces with it; None: there is none.

        IPv4 replaces the first (net/ipv4/fib_trie.c: fib_table_insert). IPv6 replaces all next hops with gateways
        together, or the first route without one, and another if there is none of that kind (fib6_add_rt2node).
        """
        found = list(routes)
        if ":" in self.dst:
            found.sort(key=lambda route: route._is_hop() != self._is_hop())
        return found[0] if found else None

    def _is_hop(self) -> bool:
        return bool(self.via or self.nexthops)

    def found_in(self, table: Routes, _links: Mapping[str, Any]) -> Route | None:
        """The observed route that this one names, with everything that is given of it.

        :raises FabricError: it names several.
        """
        asked = self._replace(onlink=None, mtu=None, mtu_lock=None, advmss=None, initcwnd=None, hoplimit=None)
        found = [part for route in table.get(self.place, ()) if (part := asked.named(route))]
        if len(found) > 1:
            others = "; ".join(route.label() for route in found)
            raise FabricError(f"{self.label()}: there are {len(found)} such routes: give metric or via: {others}")
        return found[0] if found else None

    def named(self, other: Route) -> Route | None:
        """An observed route that has everything that is given of this one, or that part of it; None: it has not."""
        if self.nexthops is not None:
            same = other.nexthops is not None and _same_hops(self.nexthops, other.nexthops)
            return other if same and _given(self._replace(nexthops=None), other) else None
        return other if _given(self, other) else self.of_hop(other)

    def drop_from(self, table: MutableMapping[RoutePlace, tuple[Route, ...]]) -> None:
        """Take an observed route, or one next hop of it, out of its table.

        :raises FabricError: the kernel would delete another one instead.
        """
        self._refuse_mistake(table[self.place])
        put_in(table, self.place, [left for route in table[self.place] if (left := self._left_of(route))])

    def _refuse_mistake(self, routes: Iterable[Route]) -> None:
        """IPv6 deletes the first route of an interface if no gateway is given (net/ipv6/route.c: ip6_route_del)."""
        if ":" not in self.dst or self.via or self.nexthops:
            return
        for other in routes:
            if other is self:
                return
            if other.key == self.key and other.protocol == self.protocol and self.devices & other.devices:
                raise FabricError(
                    f"cannot delete {self.label()}: the kernel would delete {other.label()} instead, because both have "
                    "the same interface, metric and protocol: delete both, and add the other one again"
                )

    def _left_of(self, other: Route) -> Route | None:
        """What is left of an observed route without this one."""
        if self is other:
            return None
        if self.raw is not None or self.of_hop(other) is None:
            return other
        hops = tuple(hop for hop in other.nexthops or () if hop[:2] != (self.via, self.dev))
        if len(hops) > 1:
            return other._replace(nexthops=hops)
        return other._replace(nexthops=None, via=hops[0].via, dev=hops[0].dev, onlink=hops[0].onlink)


# Route.place and Route.key of ten thousand, in C.
PLACE, KEY = itemgetter(0, 1), itemgetter(*range(5))
_VIA, _DEV, _NEXTHOPS, _EXPIRES = map(Route._fields.index, ("via", "dev", "nexthops", "expires"))
_HOP_DEV = Hop._fields.index("dev")
_WAY = Route._fields.index("onlink") + 1  # the fields that say where it leads are the first ones
_BESIDE_PLACE = range(2, len(Route._fields))
# What a route keeps when it leads elsewhere.
_KEPT = ("src", "mtu", "mtu_lock", "advmss", "initcwnd", "hoplimit", "pref", "raw")


def put_in(table: MutableMapping[RoutePlace, tuple[Route, ...]], place: RoutePlace, routes: Iterable[Route]) -> None:
    """Set the routes of a place; a place without any does not exist."""
    table[place] = tuple(routes)
    if not table[place]:
        del table[place]


def devices_of(routes: Collection[Route]) -> set[str]:
    """The interfaces that routes name."""
    several = chain.from_iterable(filter(None, map(itemgetter(_NEXTHOPS), routes)))
    return {*map(itemgetter(_DEV), routes), *map(itemgetter(_HOP_DEV), several)} - {None}


def by_place(routes: Iterable[Route]) -> dict[RoutePlace, tuple[Route, ...]]:
    """Observed routes by their destinations and tables, in the kernel's order."""
    routes = [*routes]
    places = [*map(PLACE, routes)]
    found: dict[RoutePlace, tuple[Route, ...]] = dict(zip(places, zip(routes)))
    if len(found) < len(routes):
        several = {place for place, route in zip(places, routes) if found[place][0] is not route}
        found.update(dict.fromkeys(several, ()))
        for place, route in zip(places, routes):
            if place in several:
                found[place] += (route,)
    return found


def all_met(asked: Sequence[Route], found: Sequence[Route]) -> bool:
    """Whether each observed route meets the one in the same place, with the same fields given of all, compared in C.

    False is "perhaps not": Route.met_by() knows.
    """
    if len(asked) != len(found) or not asked:
        return not asked
    given = [index for index in _BESIDE_PLACE if asked[0][index] is not None or index in (_VIA, _NEXTHOPS)]
    others = [index for index in _BESIDE_PLACE if index not in given]
    asked_of, rest_of = itemgetter(*given), itemgetter(*others)
    return (
        all(map(eq, map(asked_of, asked), map(asked_of, found)))
        and all(map(eq, map(rest_of, asked), repeat((None,) * len(others))))
        and not any(map(itemgetter(_EXPIRES), found))
    )


def _given(asked: tuple[Any, ...], found: tuple[Any, ...]) -> bool:
    for wanted, there in zip(asked, found):  # noqa: SIM110  (all() takes half as long again, of ten thousand routes)
        if wanted is not None and wanted != there:
            return False
    return True


def _same_hops(asked: Iterable[Hop], found: Iterable[Hop]) -> bool:
    """Whether observed hops are those that are asked for, in any order."""
    left = list(found)
    for hop in asked:
        twin = next((other for other in left if hop.met_by(other)), None)
        if twin is None:
            return False
        left.remove(twin)
    return not left


def _way(via: str | None, dev: str | None) -> str:
    return (f" via {via}" if via else "") + (f" dev {dev}" if dev else "")


def name_in(names: Mapping[str, int], number: int) -> str:
    """A number's name in iproute2's words, or the number."""
    return next((name for name, known in names.items() if known == number), str(number))


def flattened(table: Routes) -> Iterator[Route]:
    """All observed routes."""
    for routes in table.values():
        yield from routes
