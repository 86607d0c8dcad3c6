# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kind of link is: the record that each file of this package fills in, and its options. Pure.

Sources: ip-link(8), include/uapi/linux/if_link.h, and the changelink function of each driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Callable, NamedTuple, Protocol

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

# Where an attribute of a link is in the kernel's messages.
FLAGS = "flags"  # a bit of the header's flags (struct ifinfomsg)
LINK = "link"  # an IFLA_... attribute
DATA = "data"  # IFLA_INFO_DATA: the kind's own
PORT = "port"  # IFLA_INFO_SLAVE_DATA: the controller's about its port
BRIDGE = "bridge"  # a message of the family AF_BRIDGE
PROPERTY = "property"  # a message about the alternative names of a link
APART = "apart"  # in none of them

# How the MTU of a link follows that of the link that it sits on.
LOWERED = "lowered"
EQUAL = "equal"

Attributes = Mapping[str, Any]  # of a link, by name

Fault = tuple[str, str]
"""The attribute that is wrong, and the remedy."""


def _same(value: Any) -> Any:
    return value


class Option(NamedTuple):
    """One attribute of a link.

    :param attribute: the name of the netlink attribute.
    :param parse: (where, value) -> the normalised value; raises InvalidParameter.
    :param place: where the attribute is.
    :param spec: the parameter in Ansible's argument specification, without its default; None: no parameter sets it.
    :param encode: normalised value -> what pyroute2 takes.
    :param decode: what pyroute2 gives -> normalised value.
    :param six: the attribute that carries an IPv6 address, where there are two.
    :param bit: the header's flag.
    :param fixed: the kernel cannot change it on an existing link.
    :param fixed_values: values that the kernel can neither set nor leave on an existing link, where it can others.
    :param first_values: values that are set before other options, in a request of their own.
    :param instead: values that another attribute carries, a flag, by that attribute's name.
    :param link: the value is the name of a link in the same namespace, its index on the wire.
    :param down: the kernel changes it only while the link is down.
    :param empty: the kernel changes it only while the link has no ports.
    :param modes: the modes of the kind that have it; the kernel reports some in all.
    :param unsaid: the value where the kernel does not report it.
    :param usual: values of links of which nobody asked for one: left out of what a module returns.
    :param along: (attribute, value) that is sent with it.
    :param needs: what the kernel lacks if it answers EOPNOTSUPP, be it to a value that the link has anyway.
    :param sign: the attribute without which the kernel lacks that, whatever it reports of the option.
    """

    attribute: str
    parse: Callable[[str, Any], Any]
    place: str = DATA
    spec: Mapping[str, Any] | None = {"type": "str"}
    encode: Callable[[Any], Any] = _same
    decode: Callable[[Any], Any] = _same
    six: str = ""
    bit: int = 0
    fixed: bool = False
    fixed_values: tuple[Any, ...] = ()
    first_values: tuple[Any, ...] = ()
    instead: Mapping[Any, str] = {}
    link: bool = False
    down: bool = False
    empty: bool = False
    modes: tuple[str, ...] = ()
    unsaid: Any = None
    usual: tuple[Any, ...] = ()
    along: tuple[tuple[str, Any], ...] = ()
    needs: str = ""
    sign: str = ""

    @property
    def lack(self) -> str:
        """The remedy for a kernel that lacks what the option needs."""
        return f"this kernel has no {self.needs}: run one that has it"

    def keeps(self, old: Any, new: Any) -> bool:
        """Whether the kernel cannot make the new value of the old one."""
        return old != new and (self.fixed or old in self.fixed_values or new in self.fixed_values)


def boolean(attribute: str, **more: Any) -> Option:
    """An option that is true or false."""
    return Option(attribute, values.boolean, spec={"type": "bool"}, encode=int, decode=bool, **more)


def number(attribute: str, low: int, high: int, unit: str = "", scale: int = 1, **more: Any) -> Option:
    """A whole number.

    :param scale: how many of the kernel's units are one of ours.
    """

    def parse(where: str, value: Any) -> int:
        return values.integer(where, value, low, high, unit)

    return Option(
        attribute,
        parse,
        spec={"type": "int"},
        encode=lambda value: value * scale,
        decode=lambda found: found / scale if found % scale else found // scale,
        **more,
    )


def named(attribute: str, names: Mapping[str, int], **more: Any) -> Option:
    """One of a list of words, each a number for the kernel."""
    numbers = {found: name for name, found in names.items()}
    return word(attribute, names, encode=names.__getitem__, decode=lambda found: numbers.get(found, str(found)), **more)


def word(attribute: str, words: Iterable[str], **more: Any) -> Option:
    """One of a list of words."""
    choices = list(words)
    spec = {"type": "str", "choices": choices}
    return Option(attribute, lambda where, value: values.choice(where, value, choices), spec=spec, **more)


# Options that kinds on another link share.
PARENT: dict[str, Option] = {"parent": Option("IFLA_LINK", values.link_name, LINK, link=True, fixed=True)}
PARENT_NETNS: dict[str, Option] = {
    "parent_netns": Option(
        "IFLA_LINK_NETNSID",
        lambda where, value: "" if value == "" else values.namespace(where, value),
        APART,
        fixed=True,
    ),
}
PARENT_ANYWHERE: dict[str, Option] = {**PARENT, **PARENT_NETNS}


def _nothing(*_attributes: Any) -> tuple[()]:
    return ()


class Ports(NamedTuple):
    """What a kind does with the links that are its ports.

    :param options: what each port has of it, whatever kind the port is; it comes and goes with the controller.
    :param ethernet: a port has to carry Ethernet frames.
    :param own_kind: a link of the same kind can be a port.
    :param takes_all: it takes all that its port receives, so that addresses of the port are of no use, and nothing
        else can take it (net/core/dev.c: netdev_rx_handler_register).
    :param join_down: a link has to be down to become a port.
    :param left_down: a port that is taken out, or outlives its controller, is down.
    :param cycles: the kernel sets a link down and up that becomes a port or is taken out.
    :param needed: without a port nothing is sent or received.
    :param gives_mtu: a port has the controller's MTU as long as it is one.
    :param own_mac: the option that is a port's own MAC address: as long as it is a port, it may have the controller's.
    :param moves_macs: whether the MAC addresses of a controller and of its ports pass from one to another by
        themselves, and the controller's cannot be set.
    :param joined: what a new port has of its options, by the controller's attributes.
    :param check: what a port's options have to say to each other.
    :param settle: (asked for, observed): what all options in messages of the family AF_BRIDGE will be.
    """

    options: Mapping[str, Option] = {}
    ethernet: bool = True
    own_kind: bool = True
    takes_all: bool = True
    join_down: bool = False
    left_down: bool = False
    cycles: bool = False
    needed: bool = False
    gives_mtu: bool = False
    own_mac: str = ""
    moves_macs: Callable[[Attributes], bool] = lambda _controller: False
    joined: Callable[[Attributes], dict[str, Any]] = lambda _controller: {}
    check: Callable[[Attributes], Iterable[Fault]] = _nothing
    settle: Callable[[Attributes, Attributes], dict[str, Any]] = lambda wanted, _known: dict(wanted)


class Compound:
    """A value of several parts, which are compared and shown one by one."""

    def over(self, known: Any) -> Any:
        """What the value will be if this one is asked for: parts that are not asked for stay as they are.

        :param known: the value that the link has, or None.
        """
        raise NotImplementedError

    def lines(self) -> list[str]:
        """The parts in a diff, a line each."""
        raise NotImplementedError

    def data(self) -> Any:
        """The value as a parameter."""
        raise NotImplementedError


class Access(Protocol):
    """A namespace, for what rtnetlink does not carry."""

    def inside(self) -> AbstractContextManager[None]:
        """The block runs in the namespace."""

    def ask(self, family: str, command: int, payload: bytes) -> list[bytes]:
        """Dump what a family of generic netlink has: the attributes of each answer.

        :raises KernelError: the kernel refused.
        """

    def tell(self, family: str, command: int, payloads: Iterable[bytes]) -> None:
        """Send requests to a family of generic netlink, in order.

        :raises OSError: the kernel refused one of them.
        """


class Control(NamedTuple):
    """How options are set, or links made, where rtnetlink cannot.

    :param write: (namespace, name, what is known of the link or None, what it is to have): changes a link, or with
        None makes it; raises OSError, and FabricError where the namespace cannot be entered.
    :param read: (namespace, name) -> options by name; None: rtnetlink reports them.
    :param makes: it makes links. Otherwise rtnetlink does, and the options are set afterwards.
    :param missing: the errno values that mean that the kernel has no links of the kind.
    """

    write: Callable[[Access, str, Attributes | None, Attributes], None]
    read: Callable[[Access, str], dict[str, Any]] | None = None
    makes: bool = False
    missing: tuple[int, ...] = ()


class Kind(NamedTuple):
    """A kind of link.

    The functions get attributes by name, and return what is wrong with them.

    :param options: the parameters that its links have besides those of every link.
    :param defaults: what a new link gets where nothing else is asked for; one that is there keeps what it has.
    :param required: the options that a link cannot be without.
    :param either: options of which a link has at least one.
    :param exclusive: groups of options of which a link has one at most.
    :param parent: the option that names the link that it sits on, which is created first.
    :param ports: what it does with ports; None: it takes none.
    :param peer: its links come in pairs: the attribute that carries the other end.
    :param ethernet: its links carry Ethernet frames, so that they can be ports and parents; others carry IP packets.
    :param own_mac: its links have a MAC address of their own, which can be set.
    :param ip_modes: modes in which they carry IP packets all the same.
    :param overhead: the bytes that a link takes of its parent's MTU.
    :param takes_all: its links take all that their parent receives, so that one parent has one kind of them only, and
        is no port of a controller that does so too.
    :param follows: the kernel sets its links down and up together with the link that they sit on.
    :param survives: its links stay when the link that they sit on is deleted.
    :param whole: a change has to repeat all options, because what it leaves out falls back to its default.
    :param kernel_name: what the kernel calls it, where that is another name; OF_THE_KERNEL has it too.
    :param fallback: the device that the kernel has in every namespace for packets of tunnels that nobody made. It is
        never one of ours, and nobody can delete it.
    :param module: the kernel module that has it, where that has another name.
    :param mtu: the lowest and the highest MTU.
    :param mtu_below: whether the kernel changes the MTU of its links together with that of the link that they sit on:
        LOWERED if theirs would be larger, EQUAL always; empty: it does not.
    :param follows_ports: a new link's MTU follows its ports', until it is changed to another one.
    :param resolve: (prefix of parameter names in messages, asked for, missing) -> the same with what only the host
        knows, such as the contents of files; raises InvalidParameter. missing(message) is called for a file that does
        not exist, and returns in check mode.
    :param check: what parameters have to say to each other.
    :param stuck: (asked for, observed): the options that the kernel cannot change to what is asked for.
    :param besides: (asked for, observed): the options that the kernel changes together with those that are asked for.
        First those that are sent along with what they are to be, then those that become what the kernel makes of them.
    :param check_all: (asked for, observed or None): what is wrong with a link that is about to be made or changed.
    :param clash: (wanted, another link of the kind, with packets in the same namespace): what two of them cannot share;
        None: they can share everything.
    :param rival: (wanted, another link of the kind on the same parent): what two of them cannot share.
    :param entries: reads what FDB entries with a destination need to know of their device, from its IFLA_INFO_DATA by
        attribute type; None: it has no such entries.
    :param control: how its options are set where rtnetlink cannot; None: rtnetlink can.
    :param remedies: what helps against an error of the kernel, by errno.
    """

    name: str
    options: Mapping[str, Option] = {}
    defaults: Mapping[str, Any] = {}
    required: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    parent: str = ""
    ports: Ports | None = None
    peer: str = ""
    ethernet: bool = True
    own_mac: bool = True
    ip_modes: tuple[str, ...] = ()
    overhead: Callable[[Attributes], int] = lambda _attributes: 0
    takes_all: bool = False
    follows: bool = False
    survives: bool = False
    whole: bool = False
    kernel_name: str = ""
    fallback: str = ""
    module: str = ""
    mtu: tuple[int, int] = (values.IPV4_MTU, values.LARGEST_MTU)
    mtu_below: str = ""
    follows_ports: bool = False
    resolve: Callable[[str, Attributes, Callable[[str], None]], dict[str, Any]] | None = None
    check: Callable[[Attributes], Iterable[Fault]] = _nothing
    stuck: Callable[[Attributes, Attributes], Iterable[str]] = _nothing
    besides: Callable[[Attributes, Attributes], tuple[dict[str, Any], dict[str, Any]]] = lambda _wanted, _known: (
        {},
        {},
    )
    check_all: Callable[[Attributes, Attributes | None], Iterable[Fault]] = _nothing
    clash: Callable[[Attributes, Attributes], Iterable[Fault]] | None = None
    rival: Callable[[Attributes, Attributes], Iterable[Fault]] = _nothing
    entries: Callable[[Mapping[int, bytes]], dict[str, Any]] | None = None
    control: Control | None = None
    remedies: Mapping[int, str] = {}

    def is_ethernet(self, mode: str | None) -> bool:
        """Whether a link carries Ethernet frames."""
        return self.ethernet and mode not in self.ip_modes

    def has_own_mac(self, mode: str | None) -> bool:
        """Whether a link has a MAC address of its own."""
        return self.own_mac and mode not in self.ip_modes


def refuse(where: str, attributes: Attributes, faults: Iterable[Fault], prefix: str = "") -> None:
    """Refuse a link for the first fault, if there is one.

    :param where: prefix of parameter names in messages.
    :param prefix: of the remedy.
    :raises InvalidParameter: naming the attribute and its value.
    """
    for name, remedy in faults:
        raise InvalidParameter(f"{where}{name}", attributes.get(name), f"{prefix}{remedy}")
