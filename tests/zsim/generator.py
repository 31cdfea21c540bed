"""Random policies, profiles and packets: the same seed makes the same ones.

    made = policy(Random(7))            Policy: the text, what it means, whether z/OS takes it
    broken = spoilt(made, Random(8))    Policy: the same with one mistake, and which
    here = world(Random(9))             World: one stack as the text of its profile and as data
    sent = packets(Random(10), here, rows, 100)     packets near the edges of filters

What a policy means is in the records below and owes nothing to zsim: meaning is drawn first, then written as text in
any of the ways the language has. Source of both: the reference of filter rules, sections 2.4, 4 and 6.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

OPAQUE = "opaque"  # a protocol: one that cannot be determined
WIDTH = {4: 32, 6: 128}
Span = tuple[int, int]


# ---- what is meant ---------------------------------------------------------------------------------------------


class Range(NamedTuple):
    """Addresses from low to high. bits: the prefix length it was written with; 0 for every address."""

    version: int
    low: int
    high: int
    bits: int | None = None


EVERY = {version: Range(version, 0, 2**width - 1, 0) for version, width in WIDTH.items()}


class Service(NamedTuple):
    """An IpService; None is any."""

    way: str = "Bidirectional"
    connect: str | None = None
    protocol: int | str | None = None
    source_port: Span | None = None
    dest_port: Span | None = None
    type: Span | None = None
    code: Span | None = None
    scope: str = "Local"
    secclass: int = 0
    fragments: bool = False


class Rule(NamedTuple):
    """An IpFilterRule. name "" is one without a name."""

    name: str
    sources: tuple[Range, ...]
    dests: tuple[Range, ...]
    services: tuple[Service, ...]
    action: str
    logging: str
    discard: str
    vpn: str = ""
    active: bool = True  # inside its time condition


class Entry(NamedTuple):
    """A rule as the IpFilterPolicy reaches it: `group` "" when directly. `at` is the same for the same rule."""

    rule: Rule
    group: str
    at: int


class Policy(NamedTuple):
    text: str
    statements: tuple[Statement, ...]
    entries: tuple[Entry, ...]
    logging: bool = True
    discard: str = "Silent"
    fault: Fault | None = None


class Fault(NamedTuple):
    """kind: structure (braces, names), value (a word that cannot be read) or meaning (references, cardinality)."""

    kind: str
    why: str


# ---- text ------------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """An attribute line. `folds` when its value is keywords, whose case is free."""

    keyword: str
    value: str
    folds: bool = False


@dataclass
class Statement:
    type: str
    name: str = ""
    lines: list[Line | Statement] = field(default_factory=list)


TAILS = ("as agreed", "-- by order", "(see above)", "= yes", "; old value", "Note 7 of the plan", "* any", "{ or }")
COMMENTS = ("# a comment", "#", "# IpService { }", "#}", "#  Protocol Tcp")


def written(statements: Sequence[Statement], random: Random) -> str:
    """The statements as a file: any case, indentation, comments, and text after values."""
    noise = random.choice((0.0, 0.05, 0.3))
    fold = random.choice((str, str, str.upper, str.lower, lambda word: _any_case(word, random)))
    lines: list[str] = []
    for statement in statements:
        lines += _written(statement, 0, random, noise, fold)
    ending = random.choice(("\n", "\n", "", "\n\n# the end\n"))
    return "\n".join(lines) + ending


def _written(
    statement: Statement, depth: int, random: Random, noise: float, fold: Callable[[str], str]
) -> Iterator[str]:
    def line(text: str, tail: bool) -> Iterator[str]:
        if random.random() < noise / 2:
            yield random.choice(("", "   ", *COMMENTS))
        after = random.choice(TAILS if tail else COMMENTS) if random.random() < noise else ""
        if random.random() < noise / 4:
            after, text = "", text + "#a comment needs no blank before it"
        blanks = random.choice(("", " " * 2 * depth, "\t")) if noise else " " * 2 * depth
        yield f"{blanks}{text} {after}".rstrip() if after else blanks + text

    yield from line(f"{fold(statement.type)} {statement.name}".rstrip(), bool(statement.name))
    yield from line("{", False)
    for entry in statement.lines:
        if isinstance(entry, Statement):
            yield from _written(entry, depth + 1, random, noise, fold)
        else:
            gap = random.choice((" ", "   ", "\t", " " * 20)) if noise else " "
            value = fold(entry.value) if entry.folds else entry.value
            yield from line(f"{fold(entry.keyword)}{gap}{value}", True)
    yield from line("}", False)


def _any_case(word: str, random: Random) -> str:
    return "".join(random.choice((letter.upper(), letter.lower())) for letter in word)


# ---- addresses -------------------------------------------------------------------------------------------------

NEAR = {
    4: (*("10.1.1.2",) * 6, *("192.168.1.74",) * 3, "10.1.0.2", "10.1.0.0", "10.1.1.0", "10.1.2.10", "192.168.1.0",
        "172.16.5.9", "224.0.0.5", "10.0.255.255", "0.0.0.0", "255.255.255.255", "127.255.255.255"),
    6: (*("2001:db8::2",) * 5, *("2001:db8:1::2",) * 3, "2001:db8::", "2001:db8:0:0:ffff:ffff:ffff:ffff",
        "2001:db8::1:0:0", "2001:db8::ffff:ffff", "fe80::1", "ff02::5", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
}  # fmt: skip


def _number(text: str) -> int:
    return int(ipaddress.ip_address(text))


def _near(random: Random, version: int) -> int:
    """An address at or not far from one of NEAR."""
    number = _number(random.choice(NEAR[version]))
    if random.random() < 0.3:
        number += random.choice((-256, -2, -1, 1, 2, 255, 256, 2**16))
    return min(max(number, 0), 2 ** WIDTH[version] - 1)


def _spelt(random: Random, version: int, number: int) -> str:
    if version == 4:
        return str(ipaddress.IPv4Address(number))
    address = ipaddress.IPv6Address(number)
    return random.choice((str(address), str(address), str(address).upper(), address.exploded))


def _single(random: Random, version: int) -> tuple[Range, str]:
    number = _near(random, version)
    return Range(version, number, number), _spelt(random, version, number)


def _prefix(random: Random, version: int) -> tuple[Range, str]:
    width = WIDTH[version]
    bits = random.choice(
        (8, 16, 24, 28, 30, 31, 32, 1, 0) if version == 4 else (16, 32, 33, 48, 64, 65, 96, 127, 128, 0)
    )
    number = _near(random, version)
    low = number >> width - bits << width - bits
    shown = random.choice((low, low, number))  # host bits are cleared silently
    return Range(version, low, low + 2 ** (width - bits) - 1, bits), f"{_spelt(random, version, shown)}/{bits}"


def _span(random: Random, version: int) -> tuple[Range, str]:
    low = _near(random, version)
    more = random.choice((0, 1, 10, 255, 2**16) if version == 4 else (0, 1, 255, 2**32 - 1, 2**32, 2**64 + 5, 2**100))
    high = min(low + more, 2 ** WIDTH[version] - 1)
    return Range(version, low, high), f"{_spelt(random, version, low)}-{_spelt(random, version, high)}"


# ---- policies --------------------------------------------------------------------------------------------------

PROTOCOLS = {
    "Tcp": 6, "Udp": 17, "Icmp": 1, "Icmpv6": 58, "Ospf": 89, "MIPv6": 135, "Igmp": 2, "Ip": 4, "Ipip": 94,
    "Esp": 50, "Ah": 51, "All": None, "Opaque": OPAQUE,
}  # fmt: skip
OFTEN = ("Tcp", "Tcp", "Udp", "Icmp", "Icmpv6", "Ospf", "All", "All", "Opaque", "MIPv6")
PORTED, TYPED, CODED = (6, 17), (1, 58, 89, 135), (1, 58)
CLASSES = (0, 0, 0, 7, 255, 100)  # 0 is any
UNREAD = ("KeyExchangePolicy", "LocalDynVpnPolicy", "IpDataOffer", "KeyExchangeOffer", "RemoteIdentity")


def policy(random: Random, rules: int = 6) -> Policy:
    """A valid policy of about so many rules."""
    return _Maker(random).policy(rules)


class _Maker:
    """Statements by type that can be referred to, each with what it means."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.globals: list[Statement] = []
        self.meanings: dict[str, list[tuple[str, Any]]] = {}
        self.taken: set[str] = set()
        self.rules = 0

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def name(self, stem: str) -> str:
        """A new name of 1 to 32 characters; some differ in case only."""
        if self.taken and self.maybe(0.05):
            name = self.random.choice(sorted(self.taken)).swapcase()
            if name not in self.taken:
                self.taken.add(name)
                return name
        name = f"{stem}{self.random.choice(('', '-', '_', '~', '.'))}{len(self.taken)}"
        if self.maybe(0.05):
            name = name.ljust(32, "x")
        self.taken.add(name)
        return name

    def refer(self, type: str, make: Callable[[Statement], Any], again: float = 0.4) -> tuple[str, Any]:
        """The name and meaning of a global statement of this type, an old one or one that `make` fills."""
        known = self.meanings.setdefault(type, [])
        if known and self.maybe(again):
            return self.random.choice(known)
        statement = Statement(type, self.name(type[2:6]))
        self.globals.append(statement)
        known.append((statement.name, make(statement)))
        return known[-1]

    def inline(self, type: str) -> Statement:
        return Statement(type, self.name("in") if self.maybe(0.3) else "")

    # addresses

    def address(self, statement: Statement, version: int) -> tuple[Range, ...]:
        meant, text = _single(self.random, version)
        statement.lines.append(Line("Addr", text))
        return (meant,)

    def address_set(self, statement: Statement, version: int) -> tuple[Range, ...]:
        keyword, (meant, text) = self.random.choice(
            (("Prefix", _prefix(self.random, version)), ("Range", _span(self.random, version)))
        )
        statement.lines.append(Line(keyword, text))
        return (meant,)

    def address_group(self, statement: Statement, version: int) -> tuple[Range, ...]:
        meant: list[Range] = []
        for _ in range(self.random.choice((1, 2, 3))):
            of = self.random.choice((version, version, version, 10 - version))
            type, fill = self.random.choice((("IpAddr", self.address), ("IpAddrSet", self.address_set)))
            if self.maybe(0.6):
                inner = self.inline(type)
                meant += fill(inner, of)
                statement.lines.append(inner)
            else:
                name, ranges = self.refer(type, lambda inner, fill=fill, of=of: fill(inner, of))
                statement.lines.append(Line(f"{type}Ref", name))
                meant += ranges
        return tuple(meant)

    def end(self, side: str, version: int) -> tuple[tuple[Range, ...], list[Line]]:
        """The address lines of one side of a rule, with an alternative of `version` among them."""
        if self.maybe(0.1):
            return (EVERY[4], EVERY[6]), []
        lines, meant = [], []
        while not any(each.version == version for each in meant) or self.maybe(0.25):
            of = self.random.choice((version, version, version, 10 - version))
            keyword, text, ranges, folds = self.end_form(of)
            lines.append(Line(f"Ip{side}{keyword}", text, folds))
            meant += ranges
        return tuple(meant), lines

    def end_form(self, version: int) -> tuple[str, str, tuple[Range, ...], bool]:
        form = self.random.choice(("every", "one", "prefix", "span", "set", "AddrRef", "AddrSetRef", "AddrGroupRef"))
        if form == "every":
            word, meant = self.random.choice(
                (("All", (EVERY[4], EVERY[6])), (f"All{version}", (EVERY[version],)))
            )  # fmt: skip
            return "Addr", word, meant, True
        if form in ("one", "prefix", "span", "set"):
            draw = {"one": _single, "prefix": _prefix, "span": _span, "set": _prefix}[form]
            meant, text = draw(self.random, version)
            return "AddrSet" if form == "set" else "Addr", text, (meant,), False
        fill = {"AddrRef": self.address, "AddrSetRef": self.address_set, "AddrGroupRef": self.address_group}[form]
        name, meant = self.refer(f"Ip{form.removesuffix('Ref')}", lambda statement: fill(statement, version))
        return form, name, meant, False

    # services

    def service(self, statement: Statement) -> Service:
        random, lines = self.random, []
        word = random.choice(OFTEN) if self.maybe(0.9) else random.choice(sorted(PROTOCOLS))
        protocol = PROTOCOLS[word]
        if isinstance(protocol, int) and self.maybe(0.2):
            word = str(protocol)
        elif self.maybe(0.05):
            protocol = random.randrange(256)
            word = str(protocol)
        if word != "All" or self.maybe(0.5):
            lines.append(Line("Protocol", word, True))
        meant = Service(protocol=protocol)
        for keyword, name, limit, owners in (
            ("SourcePortRange", "source_port", 65535, PORTED),
            ("DestinationPortRange", "dest_port", 65535, PORTED),
            ("Type", "type", 255, TYPED), ("Code", "code", 255, CODED),
        ):  # fmt: skip
            if self.maybe(0.5 if protocol in owners else 0.03):
                span, text = self.span(limit)
                lines.append(Line(keyword, text, text == "All"))
                meant = meant._replace(**{name: span if protocol in owners else None})  # else an ignored attribute
        if self.maybe(0.8):
            way = random.choice(("Bidirectional", "Bidirectional", "Inbound", "Outbound"))
            connect = random.choice((None, None, "InboundConnect", "OutboundConnect"))
            lines.append(Line("Direction", f"{way} {connect or ''}".strip(), True))
            meant = meant._replace(way=way, connect=connect)
        if self.maybe(0.6):
            scope = random.choice(("Local", "Routed", "Either"))
            lines.append(Line("Routing", scope, True))
            meant = meant._replace(scope="Both" if scope == "Either" else scope)
        if self.maybe(0.3):
            secclass = random.choice(CLASSES)
            lines.append(Line("SecurityClass", str(secclass)))
            meant = meant._replace(secclass=secclass)
        if self.maybe(0.2):
            fragments = random.choice(("No", "Yes"))
            lines.append(Line("FragmentsOnly", fragments, True))
            meant = meant._replace(fragments=fragments == "Yes")
        self.unknown(lines)
        random.shuffle(lines)
        statement.lines += lines
        return meant

    def span(self, limit: int) -> tuple[Span | None, str]:
        """A number or range and how it is written. Port 0 alone is any."""
        if limit == 255 and self.maybe(0.1):
            return None, "All"
        low = self.random.choice(
            (0, 3, 8, 20, 21, 133, 254, 255) if limit == 255 else (0, 1, 20, 53, 1023, 1024, 65535)
        )
        if self.maybe(0.5):
            return (None if low == 0 and limit == 65535 else (low, low)), str(low)
        high = min(limit, low + self.random.choice((0, 1, 5, 1000, limit)))
        return (low, high), f"{low}{self.random.choice(' -:')}{high}"

    def unknown(self, lines: list[Line | Statement]) -> None:
        """An attribute z/OS does not know and ignores."""
        if self.maybe(0.04):
            lines.append(Line(self.random.choice(("Prtocol", "Comment", "Direktion", "ICMPType")), "8 whatever"))

    def services(self, rule: Statement) -> tuple[Service, ...]:
        found: list[Service] = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            found += self.service_part(rule, group=self.maybe(0.25))
        return tuple(found)

    def service_part(self, into: Statement, group: bool = False) -> tuple[Service, ...]:
        if group:
            name, meant = self.refer("IpServiceGroup", self.service_group)
            into.lines.append(Line("IpServiceGroupRef", name))
            return meant
        if self.maybe(0.5):
            inner = self.inline("IpService")
            into.lines.append(inner)
            return (self.service(inner),)
        name, service = self.refer("IpService", self.service)
        into.lines.append(Line("IpServiceRef", name))
        return (service,)

    def service_group(self, statement: Statement) -> tuple[Service, ...]:
        return tuple(each for _ in range(self.random.choice((1, 2, 3))) for each in self.service_part(statement))

    # rules

    def action(self, statement: Statement) -> tuple[str, str, str]:
        action = self.random.choice(("Permit", "Permit", "Deny", "IpSec"))
        logging = self.random.choice(("No", "Yes", "LogPermit", "LogDeny") if action == "IpSec" else ("No", "Yes"))
        discard = self.random.choice(("Silent", "ICMP"))
        statement.lines.append(Line("IpFilterAction", action, True))
        if logging != "No" or self.maybe(0.5):
            statement.lines.append(Line("IpFilterLogging", logging, True))
        if discard != "Silent" or self.maybe(0.5):
            statement.lines.append(Line("DiscardAction", discard, True))
        self.unknown(statement.lines)
        self.random.shuffle(statement.lines)
        return action, logging, discard

    def vpn(self, statement: Statement) -> None:
        statement.lines.append(Line("Initiation", "OnDemand"))

    def time(self, statement: Statement) -> bool:
        """A condition that always holds, or never: tests are in December 2023."""
        line, holds = self.random.choice(
            (
                (Line("DayOfWeekMask", "1111111"), True), (Line("MonthOfYearMask", "0" * 11 + "1"), True),
                (Line("TimeOfDayRange", "00:00-24:00"), True), (Line("MonthOfYearMask", "1" * 11 + "0"), False),
                (Line("ConditionTimeRange", "20200101000000:20210101000000"), False),
                (Line("ConditionTimeRange", "20200101000000:20991231235959"), True),
            )
        )  # fmt: skip
        statement.lines.append(deepcopy(line))
        return holds

    def rule(self, statement: Statement) -> Entry:
        version = self.random.choice((4, 4, 4, 6))
        (sources, before), (dests, after) = self.end("Source", version), self.end("Dest", version)
        services = self.services(statement)
        statement.lines = _riffled(self.random, before, after, statement.lines)
        name, (action, logging, discard) = self.refer("IpGenericFilterAction", self.action, 0.6)
        statement.lines.append(Line("IpGenericFilterActionRef", name))
        vpn, active = "", True
        if action == "IpSec":
            vpn, _ = self.refer("IpDynVpnAction", self.vpn, 0.8)
            statement.lines.append(Line("IpDynVpnActionRef", vpn))
        if self.maybe(0.1):
            if self.maybe(0.5):
                when = self.inline("IpTimeCondition")
                active = self.time(when)
                statement.lines.append(when)
            else:
                name, active = self.refer("IpTimeCondition", self.time)
                statement.lines.append(Line("IpTimeConditionRef", name))
        self.unknown(statement.lines)
        self.rules += 1
        rule = Rule(statement.name, sources, dests, services, action, logging, discard, vpn, active)
        return Entry(rule, "", self.rules)

    def rule_part(self, into: Statement) -> Entry:
        if self.maybe(0.35):
            inner = self.inline("IpFilterRule")
            into.lines.append(inner)
            return self.rule(inner)
        name, entry = self.refer("IpFilterRule", self.rule, 0.1)
        into.lines.append(Line("IpFilterRuleRef", name))
        return entry  # type: ignore[no-any-return]

    def group(self, statement: Statement) -> tuple[Entry, ...]:
        entries = []
        for _ in range(self.random.choice((1, 1, 2, 3))):
            name, entry = self.refer("IpFilterRule", self.rule, 0.1)
            statement.lines.append(Line("IpFilterRuleRef", name))
            entries.append(entry._replace(group=statement.name))
        return tuple(entries)

    def policy(self, rules: int) -> Policy:
        root = Statement("IpFilterPolicy")
        entries: list[Entry] = []
        for _ in range(max(1, rules)):
            if self.maybe(0.2):
                name, reached = self.refer("IpFilterGroup", self.group, 0.2)
                root.lines.append(Line("IpFilterGroupRef", name))
                entries += reached
            else:
                entries.append(self.rule_part(root))
        logging, discard = self.settings(root)
        if self.maybe(0.3):  # a rule that nothing refers to is installed nowhere
            self.refer("IpFilterRule", self.rule, 0)
        statements = [root, *self.globals]
        if self.maybe(0.2):
            block = Statement(self.random.choice((*UNREAD, "IpFilterPolize", "Whatever")), self.name("x"))
            block.lines += [Line("Anything", "goes"), Statement("Inner", "", [Line("And", "more")])]
            statements.append(block)
        self.random.shuffle(statements)
        return Policy(written(statements, self.random), tuple(statements), tuple(entries), logging, discard)

    def settings(self, root: Statement) -> tuple[bool, str]:
        """Attributes of IpFilterPolicy, anywhere among its rules."""
        logging, discard = self.random.choice((True, True, False)), self.random.choice(("Silent", "ICMP"))
        lines = []
        if not logging or self.maybe(0.5):
            lines.append(Line("FilterLogging", "on" if logging else "off", True))
        if discard == "ICMP" or self.maybe(0.5):
            lines.append(Line("ImplicitDiscardAction", discard, True))
        for keyword, values in (
            ("PreDecap", ("on", "off")), ("AllowOnDemand", ("yes", "no")), ("FIPS140", ("no", "yes")),
            ("NatKeepAliveInterval", ("20", "0", "3600")), ("RFC4301Compliance", ("yes", "no")),
        ):  # fmt: skip
            if self.maybe(0.15):
                lines.append(Line(keyword, self.random.choice(values), True))
        self.unknown(lines)
        for line in lines:
            root.lines.insert(self.random.randint(0, len(root.lines)), line)
        return logging, discard


def _riffled(random: Random, *piles: list[Line | Statement]) -> list[Line | Statement]:
    """All of the piles in one, each in its own order."""
    turns = [at for at, pile in enumerate(piles) for _ in pile]
    random.shuffle(turns)
    waiting = [iter(pile) for pile in piles]
    return [next(waiting[at]) for at in turns]


# ---- mistakes --------------------------------------------------------------------------------------------------

BAD_VALUES = {
    "Protocol": ("Tpc", "256", "-1", "6,17"),
    "SourcePortRange": ("65536", "http", "1024-1023", "20 19", "1-2:3", "-", "1024-", "21 25-30"),
    "DestinationPortRange": ("65536", "ftp", "22:21", "21,22"),
    "Type": ("256", "echo", "9 8", "8-7"),
    "Code": ("256", "x", "1:0"),
    "Direction": ("both", "in", "InboundConnect"),
    "Routing": ("forwarded", "both", "0"),
    "SecurityClass": ("256", "-1", "any"),
    "FragmentsOnly": ("maybe", "1", "on"),
    "IpFilterAction": ("Allow", "Permitted", "Log"),
    "IpFilterLogging": ("All", "on", "None"),
    "DiscardAction": ("Loud", "Reset"),
    "FilterLogging": ("yes", "1"),
    "ImplicitDiscardAction": ("none", "Deny"),
    "PreDecap": ("maybe",),
    "AllowOnDemand": ("on",),
    "Addr": ("10.1.1", "10.1.1.256", "10.1.1.2/24", "localhost", "2001:db8::g"),
    "Prefix": ("10.1.0.0", "10.1.0.0/33", "2001:db8::/129", "10.1.0.0/x"),
    "Range": ("10.1.0.9-10.1.0.1", "10.1.0.1", "10.1.0.1-2001:db8::1", "10.1.0.1-9"),
    "IpSourceAddr": ("10.1.1", "10.1.1.256", "any", "10.1.0.0/33", "10.1.0.9-10.1.0.1", "2001:db8:::1"),
    "IpDestAddr": ("*", "All5", "10.1.1.2-", "10.1.1.2/", "fe80::1%eth0"),
    "DayOfWeekMask": ("111111", "1111112"),
    "MonthOfYearMask": ("1111", "all"),
}  # fmt: skip
REFERENCES = (
    "IpFilterRuleRef", "IpFilterGroupRef", "IpServiceRef", "IpServiceGroupRef", "IpAddrRef", "IpAddrSetRef",
    "IpSourceAddrRef", "IpSourceAddrSetRef", "IpSourceAddrGroupRef", "IpDestAddrRef", "IpDestAddrSetRef",
    "IpDestAddrGroupRef", "IpGenericFilterActionRef", "IpTimeConditionRef",
)  # fmt: skip
ONCE = (
    "Protocol", "SourcePortRange", "DestinationPortRange", "Type", "Code", "Direction", "Routing", "SecurityClass",
    "FragmentsOnly", "IpFilterAction", "IpFilterLogging", "DiscardAction", "Addr", "IpGenericFilterActionRef",
    "FilterLogging", "ImplicitDiscardAction", "DayOfWeekMask",
)  # fmt: skip


def spoilt(good: Policy, random: Random) -> Policy:
    """The policy with one mistake, which is in `fault`."""
    while True:
        statements = deepcopy(list(good.statements))
        mistake = random.choice(MISTAKES)
        done = mistake(statements, random)
        if isinstance(done, Fault):
            return Policy(written(statements, random), tuple(statements), (), fault=done)
        if done is not None:
            return Policy(done[0], tuple(statements), (), fault=done[1])


def _walk(statements: Sequence[Line | Statement]) -> Iterator[Statement]:
    """Every statement that is read, inline ones too; not what z/OS ignores."""
    for each in statements:
        if isinstance(each, Statement) and each.type in CARED_FOR:
            yield each
            yield from _walk(each.lines)


CARED_FOR = (
    "IpFilterPolicy", "IpFilterGroup", "IpFilterRule", "IpService", "IpServiceGroup", "IpAddr", "IpAddrSet",
    "IpAddrGroup", "IpGenericFilterAction", "IpTimeCondition",
)  # fmt: skip


def _lines(statements: Sequence[Statement], keywords: Sequence[str]) -> list[tuple[Statement, Line]]:
    """The lines with these keywords, but for those that z/OS ignores because of the protocol."""
    return [
        (statement, line)
        for statement in _walk(statements)
        for line in statement.lines
        if isinstance(line, Line) and line.keyword in keywords and _belongs(statement, line)
    ]


def _belongs(statement: Statement, line: Line) -> bool:
    owners = {"SourcePortRange": PORTED, "DestinationPortRange": PORTED, "Type": TYPED, "Code": CODED}.get(line.keyword)
    words = [each.value for each in statement.lines if isinstance(each, Line) and each.keyword == "Protocol"]
    return owners is None or any(PROTOCOLS.get(word) in owners or word in map(str, owners) for word in words)


def _pick(random: Random, choices: Sequence[Any]) -> Any:
    return random.choice(choices) if choices else None


Spoilt = Fault | tuple[str, Fault] | None


def _brace(statements: list[Statement], random: Random) -> Spoilt:
    """One brace too few, too many, or on the line of the statement."""
    lines = written(statements, random).split("\n")
    bare = [line.split("#")[0].strip() for line in lines]
    what = random.choice(("missing {", "missing }", "extra {", "extra }", "{ behind the name"))
    at = random.choice([at for at, text in enumerate(bare) if text == ("{" if "{" in what else "}")])
    if what.startswith("missing"):
        del lines[at]
    elif what == "extra {":
        lines.insert(at, "{")
    elif what == "extra }":
        lines.append("}")
    else:
        head = max(before for before in range(at) if bare[before])
        lines[head] = lines[head].split("#")[0].rstrip() + " {"
        del lines[at]
    return "\n".join(lines), Fault("structure", what)


def _bad_name(statements: list[Statement], random: Random) -> Spoilt:
    chosen = _pick(random, [each for each in _walk(statements) if each.name])
    if chosen is None:
        return None
    chosen.name = random.choice(("x" * 33, "-name", "a,b", chosen.name.ljust(32, "y") + "z"))
    return Fault("structure", f"the name {chosen.name!r} of {chosen.type}")


def _bad_value(statements: list[Statement], random: Random) -> Spoilt:
    keyword = random.choice(sorted(BAD_VALUES))
    found = _pick(random, _lines(statements, (keyword,)))
    if found is None:
        return None
    line = found[1]
    line.value, line.folds = random.choice(BAD_VALUES[keyword]), False
    return Fault("value", f"{line.keyword} {line.value} in {found[0].type} {found[0].name}")


def _bad_reference(statements: list[Statement], random: Random) -> Spoilt:
    found = _pick(random, _lines(statements, REFERENCES))
    if found is None:
        return None
    found[1].value = random.choice(("y" * 33, "-x", "x,y"))
    return Fault("value", f"the name {found[1].value!r} in {found[1].keyword} of {found[0].type} {found[0].name}")


def _no_value(statements: list[Statement], random: Random) -> Spoilt:
    lines = _lines(statements, (*BAD_VALUES, *REFERENCES))
    found = _pick(random, lines)
    if found is None:
        return None
    number = next(at for at, (_, line) in enumerate(lines) if line is found[1])
    mark = f"@{number}@"
    found[1].value, found[1].folds = mark, False
    text = "\n".join(line.split(mark)[0] if mark in line else line for line in written(statements, random).split("\n"))
    return text, Fault("value", f"{found[1].keyword} without a value in {found[0].type} {found[0].name}")


def _undefined(statements: list[Statement], random: Random) -> Spoilt:
    found = _pick(random, _lines(statements, REFERENCES))
    if found is None:
        return None
    wrong = found[1].value.swapcase()  # names are case-sensitive
    found[1].value = random.choice(("nosuch", wrong)) if all(wrong != each.name for each in statements) else "nosuch"
    return Fault("meaning", f"{found[1].keyword} {found[1].value} in {found[0].type} {found[0].name}")


def _twice(statements: list[Statement], random: Random) -> Spoilt:
    """The same statement, or an attribute that may stand once, a second time."""
    if random.random() < 0.5:
        chosen = random.choice([each for each in statements if each.type in CARED_FOR])
        statements.append(deepcopy(chosen))
        return Fault("meaning", f"{chosen.type} {chosen.name} twice")
    found = _pick(random, _lines(statements, ONCE))
    if found is None:
        return None
    found[0].lines.append(deepcopy(found[1]))
    return Fault("meaning", f"{found[1].keyword} twice in {found[0].type} {found[0].name}")


def _without(statements: list[Statement], random: Random) -> Spoilt:
    """A statement that lacks what it must have."""
    type, keywords = random.choice(
        (
            ("IpFilterRule", ("IpGenericFilterActionRef",)), ("IpGenericFilterAction", ("IpFilterAction",)),
            ("IpAddr", ("Addr",)), ("IpAddrSet", ("Prefix", "Range")),
            ("IpFilterRule", ("IpService", "IpServiceRef", "IpServiceGroupRef")),
            ("IpServiceGroup", ("IpService", "IpServiceRef")), ("IpFilterGroup", ("IpFilterRuleRef", "IpFilterRule")),
            ("IpAddrGroup", ("IpAddr", "IpAddrSet", "IpAddrRef", "IpAddrSetRef")),
            ("IpFilterPolicy", ("IpFilterRule", "IpFilterRuleRef", "IpFilterGroupRef")),
        )
    )  # fmt: skip
    chosen = _pick(random, [each for each in _walk(statements) if each.type == type])
    if chosen is None:
        return None
    chosen.lines = [
        line for line in chosen.lines if (line.type if isinstance(line, Statement) else line.keyword) not in keywords
    ]
    return Fault("meaning", f"{type} {chosen.name} without {keywords[0]}")


def _no_policy(statements: list[Statement], random: Random) -> Spoilt:
    statements[:] = [each for each in statements if each.type != "IpFilterPolicy"]
    return Fault("meaning", "no IpFilterPolicy")


def _nameless(statements: list[Statement], random: Random) -> Spoilt:
    chosen = _pick(random, [each for each in statements if each.name and each.type in CARED_FOR])
    if chosen is None:
        return None
    chosen.name = ""
    return Fault("meaning", f"a global {chosen.type} without a name")


def _log_word(statements: list[Statement], random: Random) -> Spoilt:
    """LogPermit and LogDeny go with IpSec only."""
    actions = [
        each for each in statements
        if each.type == "IpGenericFilterAction"
        and not any(isinstance(line, Line) and line.value == "IpSec" for line in each.lines)
    ]  # fmt: skip
    chosen = _pick(random, actions)
    if chosen is None:
        return None
    chosen.lines = [line for line in chosen.lines if isinstance(line, Statement) or line.keyword != "IpFilterLogging"]
    chosen.lines.append(Line("IpFilterLogging", random.choice(("LogPermit", "LogDeny")), True))
    return Fault("meaning", f"{chosen.lines[-1].value} in {chosen.name}")


def _no_tunnel(statements: list[Statement], random: Random) -> Spoilt:
    """IpSec needs a VPN action."""
    found = _pick(random, _lines(statements, ("IpDynVpnActionRef",)))
    if found is None:
        return None
    found[0].lines = [line for line in found[0].lines if line is not found[1]]
    return Fault("meaning", f"IpSec without a VPN action in {found[0].name}")


def _families(statements: list[Statement], random: Random) -> Spoilt:
    chosen = _pick(random, [each for each in _walk(statements) if each.type == "IpFilterRule"])
    if chosen is None:
        return None
    chosen.lines = [
        line for line in chosen.lines
        if isinstance(line, Statement) or not line.keyword.startswith(("IpSourceAddr", "IpDestAddr"))
    ]  # fmt: skip
    chosen.lines[:0] = random.choice(
        (
            [Line("IpSourceAddr", "All4"), Line("IpDestAddr", "2001:db8::/32")],
            [Line("IpSourceAddr", "2001:db8::1-2001:db8::9"), Line("IpDestAddr", "10.1.1.2")],
        )
    )
    return Fault("meaning", f"no common family in {chosen.name}")


MISTAKES = (
    _brace, _brace, _bad_name, _bad_value, _bad_value, _bad_value, _bad_reference, _no_value, _undefined, _undefined,
    _twice, _twice, _without, _without, _no_policy, _nameless, _log_word, _no_tunnel, _families,
)  # fmt: skip


# ---- profiles --------------------------------------------------------------------------------------------------


class Default(NamedTuple):
    """An IPSECRULE or IPSEC6RULE."""

    version: int
    source: Range
    dest: Range
    service: Service
    log: bool


class Ipsec(NamedTuple):
    text: str
    rules: tuple[Default, ...]
    logenable: bool
    logimplicit: bool


class Port(NamedTuple):
    """An interface of the stack."""

    name: str
    version: int
    address: int
    bits: int
    secclass: int


@dataclass(frozen=True)
class World:
    """One stack: its profile as text, and the same as data."""

    profile: str
    ports: tuple[Port, ...]
    routes: tuple[tuple[Range, str], ...]
    filtered: tuple[int, ...]
    forwards: bool
    ipsec: Ipsec


TYPES = {4: "IPAQENET", 6: "IPAQENET6"}


def world(random: Random) -> World:
    """A stack with two interfaces of each IP version and random security classes."""
    ports = tuple(
        Port(name, version, _number(address), bits, random.choice(CLASSES[2:]) or 1)
        for name, version, address, bits in (
            ("ETH1", 4, "10.1.1.2", 24), ("ETH2", 4, "192.168.1.74", 24),
            ("ETH6", 6, "2001:db8::2", 64), ("ETH7", 6, "2001:db8:1::2", 64),
        )
    )  # fmt: skip
    routes = (
        (Range(4, _number("10.1.0.0"), _number("10.1.255.255"), 16), "ETH1"),
        (Range(4, _number("172.16.0.0"), _number("172.31.255.255"), 12), "ETH2"),
        (EVERY[4], random.choice(("ETH1", "ETH2"))),
        (EVERY[6], random.choice(("ETH6", "ETH7"))),
    )
    filtered = random.choice(((4, 6), (4, 6), (4, 6), (4,)))
    forwards = random.random() < 0.85
    block = ipsec(random)
    lines = [f"IPCONFIG {'' if forwards else 'NO'}DATAGRAMFWD IPSECURITY"]
    lines += [f"IPCONFIG6 {'' if forwards else 'NO'}DATAGRAMFWD {'IPSECURITY' if 6 in filtered else ''}"]
    for port in ports:
        address = f"{ipaddress.ip_address(_packed(port.version, port.address))}/{port.bits}"
        lines.append(
            f"INTERFACE {port.name} DEFINE {TYPES[port.version]} CHPIDTYPE OSD PORTNAME OSA{port.name[-1]}\n"
            f"  IPADDR {address} SECCLASS {port.secclass}"
        )
    lines.append("BEGINROUTES")
    for dest, name in routes:
        network = {EVERY[4]: "DEFAULT", EVERY[6]: "DEFAULT6"}.get(dest)
        network = network or f"{ipaddress.IPv4Address(dest.low)}/{dest.bits}"
        router = {"ETH1": "10.1.1.1", "ETH2": "192.168.1.254", "ETH6": "2001:db8::1", "ETH7": "2001:db8:1::1"}[name]
        lines.append(f"  ROUTE {network} {router} {name} MTU 1492")
    lines.append("ENDROUTES")
    lines += [block.text, *(f"START {port.name}" for port in ports)]
    return World("\n".join(lines) + "\n", ports, routes, filtered, forwards, block)


def _packed(version: int, number: int) -> bytes:
    return number.to_bytes(WIDTH[version] // 8, "big")


def ipsec(random: Random, rules: int = 8) -> Ipsec:
    """An IPSEC block: options in any order, keywords at any length, records broken anywhere."""
    enable, implicit = random.random() < 0.7, random.random() < 0.5
    words = [_short("IPSEC", random)]
    words += [_short("LOGENable", random)] if enable else random.choice(([], ["LOGDISABLE"]))
    words += [_short("LOGImplicit", random)] if implicit else random.choice(([], ["NOLOGIMPLICIT"]))
    lines, made = [" ".join(words)], []
    for _ in range(random.randint(0, rules)):
        rule, text = _default(random)
        made.append(rule)
        lines.append(text if random.random() < 0.7 else f"{text} ; {random.choice(('why', 'IPSECRULE * *', '?'))}")
    return Ipsec("\n".join([*lines, "ENDIPSEC"]), tuple(made), enable, implicit)


def _short(keyword: str, random: Random) -> str:
    """A keyword in full or cut down to its leading capitals, in any case."""
    least = len(keyword) - len(keyword.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    word = keyword[: random.choice((len(keyword), random.randint(least, len(keyword))))]
    return random.choice((word.upper(), word.upper(), word.lower(), word))


def _default(random: Random) -> tuple[Default, str]:
    version = random.choice((4, 4, 6))
    ends = [_default_end(random, version) for _ in "sd"]
    options = []
    log = random.random() < 0.5
    if log or random.random() < 0.5:
        options.append("LOG" if log else random.choice(("NOLOG", "nolog")))
    service, text = _default_protocol(random, version)
    if text:
        options.append(text)
    if random.random() < 0.5:
        scope = random.choice(("LOCAL", "ROUTED", "ROUTED FRAGMENTSonly", "EITHER"))
        options.append(" ".join([_short("ROUTING", random), *(_short(word, random) for word in scope.split())]))
        meant = {"LOCAL": "Local", "ROUTED": "Routed", "EITHER": "Both"}[scope.split()[0]]
        service = service._replace(scope=meant, fragments=" " in scope)
    if random.random() < 0.3:
        secclass = random.choice(CLASSES)
        options.append(f"SECCLASS {secclass}")
        service = service._replace(secclass=secclass)
    if random.random() < 0.5:
        way = random.choice(("BIDIrectional", "INBound", "OUTBound"))
        connect = random.choice((None, "INBConnect", "OUTBConnect")) if way == "BIDIrectional" else None
        options.append(" ".join(_short(word, random) for word in ("DIRECtion", way, connect) if word))
        meant = {"INBConnect": "InboundConnect", "OUTBConnect": "OutboundConnect", None: None}[connect]
        service = service._replace(way=way.capitalize(), connect=meant)
    random.shuffle(options)
    words = [_short("IPSECRule" if version == 4 else "IPSEC6Rule", random), *(text for _, text in ends), *options]
    text = "".join(word + random.choice((" ", "  ", "\n    ")) for word in words).rstrip()
    return Default(version, ends[0][0], ends[1][0], service, log), text


def _default_end(random: Random, version: int) -> tuple[Range, str]:
    form = random.choice(("every", "one", "prefix", "span"))
    if form == "every":
        return EVERY[version], "*"
    if form == "span":
        meant, text = _span(random, version)
        return meant, text.replace("-", " - ")
    return {"one": _single, "prefix": _prefix}[form](random, version)


def _default_protocol(random: Random, version: int) -> tuple[Service, str]:
    names = {
        "*": None,
        "TCP": 6,
        "UDP": 17,
        "ICMP" if version == 4 else "ICMPV6": 1 if version == 4 else 58,
        "OSPF": 89,
    }
    word = random.choice(sorted(names))
    protocol = names[word]
    if protocol is not None and random.random() < 0.3:
        word = str(protocol)
    if random.random() < 0.1:
        protocol = random.choice((0, 2, 47, 50, 51, 103, 255))
        word = str(protocol)
    if protocol is None and random.random() < 0.5:
        return Service(), ""
    meant, words = Service(protocol=protocol), [_short("PROTOcol", random), word]
    for keyword, name, limit, owners in (
        ("SRCPort", "source_port", 65535, PORTED), ("DESTport", "dest_port", 65535, PORTED),
        ("TYPE", "type", 255, (1, 58, 89)), ("CODE", "code", 255, CODED),
    ):  # fmt: skip
        if protocol in owners and random.random() < 0.6:
            low = random.randint(1, limit) if random.random() < 0.3 else random.choice((1, 3, 8, 21, 53, 133, 255))
            high = low if protocol == 89 or random.random() < 0.6 else min(limit, low + random.choice((1, 5, 60000)))
            every = random.random() < 0.15
            words.append(_short(keyword, random))
            words += ["*"] if every else [str(low)] if low == high else [str(low), str(high)]
            meant = meant._replace(**{name: None if every else (low, high)})
    return meant, " ".join(words)


# ---- packets ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """What a packet shows. None is what it does not have, or what cannot be known."""

    version: int
    source: int
    dest: int
    protocol: int | None
    source_port: int | None = None
    dest_port: int | None = None
    type: int | None = None
    code: int | None = None
    request: bool = False  # TCP with SYN and without ACK
    fragment: bool = False
    opaque: bool = False  # something of the upper layer cannot be known


class Sent(NamedTuple):
    """A packet on the wire, or the fragments of one datagram in the order they come. `whole`: all of them do."""

    frames: tuple[bytes, ...]
    view: View
    whole: bool = True


HEADER = {6: 20, 17: 8, 1: 8, 58: 8, 89: 24, 135: 8}
FLAGS = (0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x00, 0xC2, 0x03, 0x06, 0x1FF, 0x102)


def packets(random: Random, here: World, rows: Sequence[Any], count: int) -> list[Sent]:
    """Packets near the edges of `rows`, which have version, direction, source, dest, protocol, source_port,
    dest_port, type, code, scope and fragments."""
    likely = [row for row in rows if row.scope != "Local" or _home(here, row)] or rows
    return [
        _packet(random, here, random.choice(rows if random.random() < 0.2 else likely), number)
        for number in range(count)
    ]


def _home(here: World, row: Any) -> list[int]:
    """The stack's addresses that a filter takes for its local end."""
    end = row.dest if row.direction == "Inbound" else row.source
    return [port.address for port in here.ports if port.version == row.version and end.low <= port.address <= end.high]


def _edge(random: Random, low: int, high: int, limit: int) -> int:
    """low, high or something between; less often low - 1, high + 1 or anything."""
    if random.random() < 0.85:
        return random.choice((low, high, random.randint(low, high)))
    return min(max(random.choice((low - 1, high + 1, random.randint(0, limit))), 0), limit)


def _packet(random: Random, here: World, row: Any, number: int) -> Sent:
    version = row.version
    limit = 2 ** WIDTH[version] - 1
    ends = [
        _near(random, version)
        if each.bits == 0 and random.random() < 0.7
        else _edge(random, each.low, each.high, limit)
        for each in (row.source, row.dest)
    ]
    own = [port.address for port in here.ports if port.version == version]
    if random.random() < {"Local": 0.95, "Both": 0.5, "Routed": 0.1}[row.scope]:
        here_at, there = (1, 0) if row.direction == "Inbound" else (0, 1)
        ends[here_at] = random.choice(_home(here, row) or own)
        if ends[there] in own and random.random() < 0.9:  # what stays within the stack is not filtered
            ends[there] = _near(random, version)
    if random.random() < 0.05:
        groups = ("224.0.0.5", "255.255.255.255", "10.1.1.255") if version == 4 else ("ff02::5", "ff02::1:ff00:2")
        ends[1] = _number(random.choice(groups))
    source, dest = ends
    protocol = row.protocol if isinstance(row.protocol, int) else random.choice((6, 17, 1, 58, 89, 135, 2, 50, 47))
    if random.random() < 0.1:
        protocol = random.choice((6, 17, 1, 58, 89, 135, 4, 51, 255))
    if version == 6 and protocol in (0, 43, 44, 60):  # these are headers on the way to the upper layer
        protocol = 59
    upper = _upper(random, row, protocol)
    view = View(version, source, dest, protocol)
    cut = random.random()
    local = {source, dest} & {*own, *((_number("127.0.0.1"),) if version == 4 else (1,))}
    local = bool(local) or _is_group(here, version, dest)
    if random.random() < (0.7 if row.fragments or row.protocol == OPAQUE else 0.12):
        return _fragments(random, view, upper, number, local)
    if cut < 0.04 and version == 6:
        chain = random.choice(((0,), (60,), (43,), (44,)))  # and there the packet ends
        return Sent((_ipv6(view, b"", chain[0]),), replace(view, protocol=None, opaque=True))
    if cut < 0.1 and protocol in HEADER:
        kept = random.choice([octets for octets in (0, 1, 4, 8, 12, 16, 20) if octets < len(upper)])
        whole = _whole(random, view, upper)
        if random.random() < 0.5:  # the capture stops here
            return Sent((whole[: len(whole) - len(upper) + kept],), _shown(view, upper[:kept]))
        return Sent((_whole(random, view, upper[:kept]),), _shown(view, upper[:kept]))
    return Sent((_whole(random, view, upper),), _shown(view, upper))


def _is_group(here: World, version: int, dest: int) -> bool:
    """Multicast, limited broadcast, or the broadcast address of a subnet."""
    if version == 6:
        return dest >> 120 == 0xFF
    subnets = [port.address | 2 ** (32 - port.bits) - 1 for port in here.ports if port.version == 4]
    return dest >> 28 == 0xE or dest == 2**32 - 1 or dest in subnets


def _upper(random: Random, row: Any, protocol: int) -> bytes:
    """The header of the upper layer, and some data."""

    def near(span: Span | None, limit: int, often: Sequence[int]) -> int:
        return _edge(random, *span, limit) if span else random.choice((*often, random.randint(0, limit)))

    sport, dport = (near(span, 65535, (21, 53, 1024)) for span in (row.source_port, row.dest_port))
    type, code = near(row.type, 255, (0, 3, 8, 133, 136)), near(row.code, 255, (0, 0, 3))
    data = bytes(random.choice((0, 8, 40)))
    if protocol == 6:
        return struct.pack("!HHIIHHHH", sport, dport, 1, 0, 0x5000 | random.choice(FLAGS), 8192, 0, 0) + data
    if protocol == 17:
        return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    if protocol in (1, 58):
        return struct.pack("!BBHI", type, code, 0, 1) + data
    if protocol == 89:
        return struct.pack("!BBHIIHHQ", 2, type, 24 + len(data), 1, 0, 0, 0, 0) + data
    if protocol == 135:
        return struct.pack("!BBBBHH", 59, 0, type, 0, 0, 0) + data
    return bytes(random.randint(0, 255) for _ in range(16)) + data


def _shown(view: View, upper: bytes) -> View:
    """The packet with what the octets of its upper layer show; not for ports of which only one is there."""
    which, octets = (view.version, view.protocol), len(upper)
    fields: dict[str, Any] = {}
    missing = False
    if view.protocol in PORTED:
        missing = octets < (14 if view.protocol == 6 else 4)
        if octets >= 4:
            fields["source_port"], fields["dest_port"] = struct.unpack_from("!HH", upper)
        if view.protocol == 6 and octets >= 14:
            flags = upper[13]
            fields["request"] = bool(flags & 0x02) and not flags & 0x10
    elif which in ((4, 1), (6, 58)):
        missing = octets < 2
        if octets >= 1:
            fields["type"] = upper[0]
        if octets >= 2:
            fields["code"] = upper[1]
    elif view.protocol == 89:
        missing = octets < 2
        if octets >= 2:
            fields["type"] = upper[1]
    elif which == (6, 135):
        missing = octets < 3
        if octets >= 3:
            fields["type"] = upper[2]
    return replace(view, opaque=missing, **fields)


def _whole(random: Random, view: View, upper: bytes) -> bytes:
    assert view.protocol is not None
    if view.version == 4:
        options = random.choice((b"", b"", b"", b"\x94\x04\x00\x00", b"\x01" * 8))
        return _ipv4(view, upper, options=options)
    after, rest = view.protocol, upper
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        header = random.choice((60, 43, 44))
        if header == 44:  # an atomic fragment is a whole packet
            rest = struct.pack("!BBHI", after, 0, 0, random.randrange(2**32)) + rest
        else:
            units = random.choice((0, 0, 1, 3))
            rest = struct.pack("!BB6x", after, units) + bytes(8 * units) + rest
        after = header
    if random.random() < 0.1:
        rest, after = struct.pack("!BB6x", after, 0) + rest, 0
    return _ipv6(view, rest, after)


def _ipv4(
    view: View, payload: bytes, number: int = 1, offset: int = 0, more: bool = False, options: bytes = b""
) -> bytes:
    assert view.protocol is not None
    header = 20 + len(options)
    start = struct.pack("!BBHHHBBH", 0x40 | header // 4, 0, header + len(payload), number,
                        offset | 0x2000 * more, 64, view.protocol, 0)  # fmt: skip
    return start + _packed(4, view.source) + _packed(4, view.dest) + options + payload


def _ipv6(view: View, payload: bytes, after: int) -> bytes:
    start = struct.pack("!IHBB", 0x60000000, len(payload), after, 64)
    return start + _packed(6, view.source) + _packed(6, view.dest) + payload


def _fragments(random: Random, view: View, upper: bytes, number: int, local: bool) -> Sent:
    """Fragments. Local ones make up a datagram, of which something may be missing; of routed ones here is one."""
    assert view.protocol is not None
    header = HEADER.get(view.protocol, 16)
    datagram = upper + bytes(random.choice((8, 16, 40)))
    if view.version == 6 and random.random() < 0.2 and not local:
        return Sent((_routed_chain(view, random, number),), replace(view, protocol=None, fragment=True, opaque=True))
    first = (header + 7) // 8 * 8
    if not local and random.random() < 0.3:
        first = 8  # a tiny first fragment: the rest of the header is in the next
    if first >= len(datagram):
        datagram += bytes(first)
    cuts = [0, first]
    while len(datagram) - cuts[-1] > 8 and len(cuts) < 4 and random.random() < 0.6:
        cuts.append(cuts[-1] + 8 * random.randint(1, (len(datagram) - cuts[-1] - 1) // 8))
    pieces = [
        (low, datagram[low:high], high < len(datagram))
        for low, high in zip(cuts, [*cuts[1:], len(datagram)], strict=True)
    ]
    shown = _shown(view, datagram[:first])
    if not local:
        low, data, more = random.choice(pieces)
        part = replace(shown, fragment=True) if low == 0 else replace(view, fragment=True, opaque=True)
        return Sent((_fragment(view, number, low, data, more),), part)
    whole = random.random() < 0.8
    if not whole:
        pieces.remove(random.choice(pieces))
    random.shuffle(pieces)
    return Sent(tuple(_fragment(view, number, *piece) for piece in pieces), shown, whole)


def _fragment(view: View, number: int, low: int, data: bytes, more: bool) -> bytes:
    if view.version == 4:
        return _ipv4(view, data, number, low // 8, more)
    return _ipv6(view, struct.pack("!BBHI", view.protocol, 0, low | more, number) + data, 44)


def _routed_chain(view: View, random: Random, number: int) -> bytes:
    """A later IPv6 fragment whose first header was another extension: the upper layer cannot be known."""
    return _ipv6(
        view, struct.pack("!BBHI", random.choice((60, 43)), 0, 64 | random.getrandbits(1), number) + bytes(16), 44
    )
