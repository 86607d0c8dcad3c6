# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes from their parameters."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, repeat
from operator import eq, itemgetter
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.route import (
    IP6_METRIC,
    KEY,
    MAIN,
    NOWHERE,
    PREFERENCES,
    PROTOCOLS,
    SCOPES,
    TABLES,
    TYPES,
    Hop,
    Route,
    RouteKey,
)

LARGEST_WEIGHT = 256  # struct rtnexthop has 8 bits for one less
_LEAST_PROTOCOL = 3  # RTPROT_BOOT; lower numbers are the kernel's own


def number_in(names: Mapping[str, int], least: int, most: int) -> Callable[[str, Any], int]:
    """A parser of a number, or of a name that iproute2 has for one."""

    def parse(where: str, value: Any) -> int:
        named = names.get(value) if isinstance(value, str) else None
        return values.integer(where, value if named is None else named, least, most)

    return parse


def _number(least: int, most: int) -> Callable[[str, Any], int]:
    return number_in({}, least, most)


def tos(where: str, value: Any) -> int:
    """A type of service. The lowest two of its eight bits are for congestion notification (RFC 3168)."""
    found = values.integer(where, value, 0, 252)
    if found % 4:
        raise InvalidParameter(where, value, f"the kernel takes multiples of 4: did you mean {found & ~3}?")
    return found


def _choice(choices: Sequence[str]) -> Callable[[str, Any], str]:
    def parse(where: str, value: Any) -> str:
        return values.choice(where, value, choices)

    return parse


table = number_in(TABLES, 1, 2**32 - 1)
"""A routing table, by number or name."""


def _protocol(where: str, value: Any) -> int:
    found = number_in(PROTOCOLS, 0, 255)(where, value)
    if found < _LEAST_PROTOCOL:
        raise InvalidParameter(where, value, f"it marks the kernel's own: give a number from {_LEAST_PROTOCOL} to 255")
    return found


_OF_HOPS: dict[str, Callable[[str, Any], Any]] = {
    "via": values.unicast,
    "dev": values.link_name,
    "onlink": values.boolean,
    "weight": _number(1, LARGEST_WEIGHT),
}
# The parameters that can be read without knowing others.
_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "via": values.unicast,
    "dev": values.link_name,
    "src": values.unicast,
    "metric": _number(0, 2**32 - 1),
    "table": table,
    "onlink": values.boolean,
    "type": _choice(TYPES),
    "tos": tos,
    "scope": number_in(SCOPES, 0, 254),
    "protocol": _protocol,
    "mtu_lock": values.boolean,
    "advmss": _number(1, 65535),
    "initcwnd": _number(1, 65535),
    "hoplimit": _number(1, 255),
    "pref": _choice(PREFERENCES),
}
_PARAMETERS = dict.fromkeys(("dst", *_PARSERS, "mtu", "nexthops"))
_WAY = ("via", "dev", "onlink")
# The fields of a route that has nothing but a destination and next hops.
_USUAL: dict[str, Any] = {
    **dict.fromkeys(Route._fields),
    **Route._field_defaults,
    "table": MAIN,
    "metric": 0,
    "type": "unicast",
}
_PREFIXES = {str(length): length for length in range(33)}


def add_routes(routes: dict[RouteKey, Route], items: list[Any], where: str, absent: bool = False) -> None:
    """Add a list of routes.

    :param where: the list's name in messages.
    :param absent: they are to be removed, so they need not say where they lead.
    :raises InvalidParameter: for the first that is wrong, and for a second route of the same key.
    """
    plain = None if absent or routes else _plain_routes(items)
    if plain is not None:
        found = dict(zip(map(KEY, plain), plain))
        if len(found) == len(plain):
            routes.update(found)
            return
    for index, item in enumerate(items):
        at = f"{where}[{index}]"
        route = parse_route(values.mapping(at, item), f"{at}.", absent)
        # Of several routes that are removed, each may have the same key.
        key = (*route, "absent") if absent else route.key
        if key in routes:
            remedy = (
                "another route of the list has the same destination, table, tos and metric: keep one, or give metrics, "
                "or one of them 'nexthops'"
            )
            raise InvalidParameter(f"{at}.dst", route.dst, remedy)
        routes[key] = route


def parse_route(item: Mapping[str, Any], where: str, absent: bool = False) -> Route:
    """A route from its parameters.

    :param where: prefix of parameter names in messages: ``routes[0].``.
    :param absent: it is to be removed, so it need not say where it leads.
    :raises InvalidParameter: for the first that is wrong.
    """
    item = values.given(item)
    values.known(where, item, _PARAMETERS, "a route")
    found = {name: parse(f"{where}{name}", item[name]) for name, parse in _PARSERS.items() if name in item}
    if "nexthops" in item:
        found["nexthops"] = _hops(f"{where}nexthops", item["nexthops"])
    hops: tuple[Hop, ...] = found.get("nexthops", ())
    hint = found.get("src") or found.get("via") or (hops[0].via if hops else None)
    dst = _destination(f"{where}dst", item.get("dst"), hint)
    six = ":" in dst
    if not absent:
        found.setdefault("type", "unicast")
    found.setdefault("table", TABLES["local"] if found.get("type") == "local" else MAIN)
    found.setdefault("metric", None if absent else 0)
    if six and found["metric"] == 0:
        found["metric"] = IP6_METRIC
    if "mtu" in item:
        found["mtu"] = values.mtu(f"{where}mtu", item["mtu"], values.IPV6_MTU if six else values.IPV4_MTU)
    route = Route(dst, **found)
    _check_family(route, item, where)
    _check_way(route, where, absent)
    return route


def _hops(where: str, items: Any) -> tuple[Hop, ...]:
    found = []
    for index, item in enumerate(values.items(where, items)):
        at = f"{where}[{index}]"
        item = values.given(values.mapping(at, item))
        values.known(f"{at}.", item, _OF_HOPS, "a next hop")
        found.append(
            Hop(**{name: parse(f"{at}.{name}", item[name]) for name, parse in _OF_HOPS.items() if name in item})
        )
        _check_hop(found[-1], f"{at}.")
    if len({hop[:2] for hop in found}) != len(found):
        raise InvalidParameter(where, items, "two of them are the same: keep one, and give it a weight")
    if len(found) < 2:
        raise InvalidParameter(where, items, "several next hops are at least two: for one, give 'via' and 'dev'")
    return tuple(found)


def _check_hop(hop: Hop, where: str) -> None:
    if not hop.via and not hop.dev:
        raise InvalidParameter(f"{where}via", None, "a next hop needs 'via', 'dev' or both")
    if hop.onlink and not (hop.via and hop.dev):
        raise InvalidParameter(f"{where}onlink", True, "it needs both 'via' and 'dev'")
    if hop.via and hop.via.startswith("fe80:") and not hop.dev:
        raise InvalidParameter(f"{where}via", hop.via, "a link-local address is one of each interface: give 'dev' too")


def _check_family(route: Route, item: Mapping[str, Any], where: str) -> None:
    """Refuse parameters of the other address family."""
    six = ":" in route.dst
    if route.src and (":" in route.src) != six:
        raise InvalidParameter(f"{where}src", route.src, f"it is of another address family than dst {route.dst}")
    if six:
        _check_gateways(route, where)
    version, wrong = (6, ("tos", "scope")) if six else (4, ("pref",))
    for name in wrong:
        if item.get(name):
            raise InvalidParameter(f"{where}{name}", item[name], f"IPv{version} routes have none")


def _check_gateways(route: Route, where: str) -> None:
    """Refuse next hops that an IPv6 route cannot have."""
    places: list[tuple[str, str | None]] = [(f"{where}via", route.via)] if route.via else []
    places += [(f"{where}nexthops[{index}].via", hop.via) for index, hop in enumerate(route.nexthops or ())]
    for place, via in places:
        if not via:
            raise InvalidParameter(place, via, "each of several next hops of IPv6 needs a gateway")
        if ":" not in via:
            raise InvalidParameter(place, via, f"an IPv6 route has no IPv4 gateway: dst is {route.dst}")


def _check_way(route: Route, where: str, absent: bool) -> None:
    """Refuse what contradicts the type of the route or its next hop."""
    one = Hop(route.via, route.dev, onlink=bool(route.onlink))
    if route.nexthops is not None and any(one[:2]):
        raise InvalidParameter(f"{where}nexthops", len(route.nexthops), "give either these, or 'via' and 'dev'")
    if route.type in NOWHERE and route.hops:
        raise InvalidParameter(f"{where}type", route.type, "such a route leads nowhere: remove its next hop")
    if route.mtu_lock and not route.mtu:
        raise InvalidParameter(f"{where}mtu_lock", True, "it needs 'mtu'")
    if route.type not in NOWHERE and route.nexthops is None and not (absent and not any(one[:2])):
        if not any(one[:2]):
            raise InvalidParameter(f"{where}via", None, "a route needs 'via', 'dev' or both")
        _check_hop(one, where)


def _destination(where: str, value: Any, hint: str | None) -> str:
    if value == "default":
        if not hint:
            remedy = f"without 'via' its address family is unknown: give {' or '.join(values.EVERYTHING.values())}"
            raise InvalidParameter(where, value, remedy)
        return values.EVERYTHING[6 if ":" in hint else 4]
    if isinstance(value, str) and "/" not in value:
        host = values.address(where, value)
        return f"{host}/{128 if ':' in host else 32}"
    return values.network(where, value)


# -- ten thousand at once ------------------------------------------------------------------------------


def _plain_routes(items: list[Any]) -> list[Route] | None:
    """IPv4 routes that have only next hops, each with a gateway and an interface, all at once.

    :returns: None: a route is wrong, or not of the simplest form. The caller then looks at them one by one.
    """
    fields: dict[str, Iterable[Any]] = {name: repeat(value) for name, value in _USUAL.items()}
    try:
        several = items[0].get("nexthops") is not None
        given = _columns(items, ("dst", "nexthops") if several else ("dst", *_WAY))
        if given is None or not _are_plain(given["dst"]):
            return None
        if several:
            given["nexthops"] = _plain_hops(given["nexthops"])
        elif not _are_plain_ways(given):
            return None
    except (AttributeError, IndexError, TypeError, InvalidParameter):
        return None  # one is wrong; the caller names it
    fields.update(given)
    return None if fields["nexthops"] is None else [*make_all(Route, zip(*fields.values()))]


def _columns(items: list[Any], names: Collection[str]) -> dict[str, Any] | None:
    """The parameters of all items by name; None: an item has others."""
    found = _same_columns(items)
    if found is None:
        found = {name: [item.get(name) for item in items] for name in set().union(*items)}
    if any({*found[name]} != {None} for name in found.keys() - {*names}):
        return None
    nothing = [None] * len(items)
    return {name: found.get(name, nothing) for name in names}


def _same_columns(items: list[Any]) -> dict[str, Sequence[Any]] | None:
    """The parameters of all items by name; None: they do not have the same ones."""
    names = [*items[0]]
    if len(names) < 2 or {*map(len, items)} != {len(names)}:
        return None
    try:
        return dict(zip(names, zip(*map(itemgetter(*names), items))))
    except KeyError:
        return None


def _are_plain_ways(given: Mapping[str, list[Any]]) -> bool:
    """Whether routes or next hops all have an IPv4 gateway and an interface."""
    for name in set(given["dev"]):
        values.link_name("dev", name)
    return set(map(type, given["onlink"])) <= {bool, type(None)} and values.are_plain_hosts(given["via"])


def _plain_hops(lists: list[Any]) -> Iterator[tuple[Hop, ...]] | None:
    """The next hops of routes, as many of each; None: one is not plain, or a route has a gateway twice."""
    count, hops = len(lists[0]), [*chain.from_iterable(lists)]
    given = _columns(hops, (*_WAY, "weight")) if count > 1 and {*map(len, lists)} == {count} else None
    if given is None:
        return None
    gateways = {*given["via"]}  # routes often have the same few
    if not _are_plain_ways({**given, "via": [*gateways] if 2 * len(gateways) < len(hops) else given["via"]}):
        return None
    weights: Iterable[int] = repeat(1)
    if {*given["weight"]} != {None}:
        weights = [1 if weight is None else weight for weight in given["weight"]]
        if {*map(type, weights)} != {int} or not 1 <= min(weights) <= max(weights) <= LARGEST_WEIGHT:
            return None
    vias = [given["via"][number::count] for number in range(count)]
    if any(any(map(eq, one, other)) for one, other in combinations(vias, 2)):
        return None
    found = make_all(Hop, zip(given["via"], given["dev"], weights, map(bool, given["onlink"])))
    return zip(*[found] * count)


def _are_plain(dsts: Sequence[str]) -> bool:
    """Whether all are IPv4 networks in the form that values.network() returns."""
    heads, _slashes, tails = zip(*(dst.partition("/") for dst in dsts)) if dsts else ((), (), ())
    try:
        packed = b"".join(map(socket.inet_pton, repeat(socket.AF_INET), heads))
    except (OSError, ValueError):
        return False
    if not _PREFIXES.keys() >= set(tails):
        return False
    masks = {tail: (0xFFFFFFFF >> length).to_bytes(4, "big") for tail, length in _PREFIXES.items()}
    hosts = int.from_bytes(b"".join(map(masks.__getitem__, tails)), "big")
    return not int.from_bytes(packed, "big") & hosts
