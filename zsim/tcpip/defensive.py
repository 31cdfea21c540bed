"""Defensive filters: what `ipsec -F` says of them, where they stand in a stack, and how they judge.

    srcip A destip A prot P srcport X destport X type T code C fragmentsonly yes|no dir inbound|outbound
    routing local|routed|either secclass N mode block|simulate log yes|no loglimit N lifetime M

They are asked before the IP filters, newest first: a block discards and ends it, one simulation is noted and the
search goes on. (dmd_filter_modes, dmd_vr_ip_security_filters, qa_modes)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.clock import SECOND
from zsim.config.dmd import EVERY_MODE, INACTIVE
from zsim.facts import fact
from zsim.findings import Where, did_you_mean, number
from zsim.tcpip.filters import DEFENSIVE, INBOUND, OUTBOUND, Defence, FilterRule, Hits, Service, lower

if TYPE_CHECKING:
    import engine
    from engine.journal import Quotas

MINUTE = 60 * SECOND
INTERVAL = 5 * MINUTE  # of a log limit (dmd_filter_match_logging)
STACK, GLOBAL = "Stack", "Global"
BLOCK, SIMULATE = "block", "simulate"

# What a filter does, by its own mode and the stack's. "" is nothing. (dmd_filter_modes)
EFFECTIVE = {
    ("block", "Active"): BLOCK, ("block", "Simulate"): SIMULATE, ("block", "Inactive"): "",
    ("simulate", "Active"): SIMULATE, ("simulate", "Simulate"): SIMULATE, ("simulate", "Inactive"): "",
}  # fmt: skip
assert {mode for _, mode in EFFECTIVE} == set(EVERY_MODE)


@dataclass
class Installed:
    """A filter in a stack (or DMD's global copy), with its counters and its log limit's account: `credit` is ns of
    quiet saved up to `refilled`, `suppressed` the messages held back since `since`. `without` are the stacks whose copy
    of a global filter was deleted: they get none again."""

    rule: FilterRule
    hits: Hits = field(default_factory=Hits)
    credit: int = INTERVAL
    refilled: int = 0
    suppressed: int = 0
    since: int = 0
    without: list[str] = field(default_factory=list)

    @property
    def defence(self) -> Defence:
        assert self.rule.defence is not None
        return self.rule.defence

    @property
    def key(self) -> tuple[str, int]:
        return self.rule.name, self.rule.extension


@dataclass
class Defensive:
    """The defensive part of a stack: the filters newest first, and what DMD says of the stack ("" while it does not
    manage it)."""

    mode: str = ""
    exclude: tuple[AddressRange, ...] = ()
    filters: list[Installed] = field(default_factory=list)


class Change(NamedTuple):
    """Something that happened to a filter of a stack: added, updated, deleted, expired or limited."""

    time: int
    what: str
    rule: FilterRule
    held_back: int = 0  # messages
    simulated: bool = False


# ---- the words of -F ------------------------------------------------------------------------------------------

PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ip": 4, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "icmpv6": 58, "ospf": 89, "ipip": 94,
    "mipv6": 135,
}  # fmt: skip
PORTED, TYPED, CODED = (6, 17), (1, 58, 89, 135), (1, 58)
ONE_VERSION = {1: 4, 58: 6}
ALL = {"all": None, "all4": 4, "all6": 6}


def end(word: str) -> AddressRange | None:
    """An address, address/prefix, all4 or all6; None for all. Raises ValueError."""
    if word.lower() in ALL:
        version = ALL[word.lower()]
        return addresses.every(version) if version else None
    return addresses.prefix(word) if "/" in word else addresses.one(word)


def protocol(word: str) -> int | None:
    if word.lower() == "all":
        return None
    if word.lower() in PROTOCOLS:
        return PROTOCOLS[word.lower()]
    try:
        return number(word, 0, 255)
    except ValueError:
        raise ValueError(f"{word!r} is no protocol: use 0 to 255, all, {', '.join(PROTOCOLS)}") from None


def span(most: int) -> Callable[[str], tuple[int, int] | None]:
    def read(word: str) -> tuple[int, int] | None:
        if word.lower() == "all":
            return None
        low, dash, high = word.partition("-")
        first = number(low, 0, most)
        last = number(high, 0, most) if dash else first
        if first > last:
            raise ValueError(f"the range {word} runs backwards")
        return first, last

    return read


def choice(*known: str) -> Callable[[str], str]:
    def read(word: str) -> str:
        if word.lower() in known:
            return word.lower()
        raise ValueError(f"{word!r} is none of {', '.join(known)}" + _hint(word, known))

    return read


def _hint(word: str, known: Iterable[str]) -> str:
    near = did_you_mean(word, known, "")
    return f"; {near}" if near else ""


def within(low: int, most: int | str) -> Callable[[str], int]:
    return lambda word: number(word, low, fact(most) if isinstance(most, str) else most)


class Keyword(NamedTuple):
    name: str
    read: Callable[[str], Any]  # raises ValueError
    example: str  # what a usage text shows
    required: bool = False
    update: bool = False  # may stand in -F update
    protocols: tuple[int, ...] = ()  # it belongs to these only


KEYWORDS = (
    Keyword("srcip", end, "A", required=True),
    Keyword("destip", end, "A", required=True),
    Keyword("prot", protocol, "P"),
    Keyword("srcport", span(65535), "X", protocols=PORTED),
    Keyword("destport", span(65535), "X", protocols=PORTED),
    Keyword("type", span(255), "T", protocols=TYPED),
    Keyword("code", span(255), "C", protocols=CODED),
    Keyword("fragmentsonly", choice("yes", "no"), "yes|no"),
    Keyword("dir", choice("inbound", "outbound"), "inbound|outbound", required=True),
    Keyword("routing", choice("local", "routed", "either"), "local|routed|either"),
    Keyword("secclass", within(0, 255), "N"),
    Keyword("mode", choice(BLOCK, SIMULATE), "block|simulate", update=True),
    Keyword("log", choice("yes", "no"), "yes|no", update=True),
    Keyword("loglimit", within(0, "defensive-loglimit-most"), "N", update=True),
    Keyword("lifetime", within(1, "dmd-lifetime-most"), "M", update=True),
)
_KEYWORDS = {each.name: each for each in KEYWORDS}


def pairs(words: Sequence[str], update: bool) -> dict[str, Any]:
    """Keywords with their values, in any order. Raises ValueError, saying what is wrong."""
    values: dict[str, Any] = {}
    known = [each.name for each in KEYWORDS if each.update or not update]
    function = "-F update" if update else "-F add"
    for at in range(0, len(words), 2):
        name = words[at].lower()
        if name not in known:
            raise ValueError(f"{words[at]} is no keyword of {function}: use {', '.join(known)}" + _hint(name, known))
        if name in values:
            raise ValueError(f"{name} is given twice")
        if at + 1 == len(words):
            raise ValueError(f"{name} needs a value: {_KEYWORDS[name].example}")
        try:
            values[name] = _KEYWORDS[name].read(words[at + 1])
        except ValueError as why:
            raise ValueError(f"{name}: {why}") from None
    if update:
        return values
    for each in KEYWORDS:
        if each.required and each.name not in values:
            raise ValueError(f"{each.name} is missing")
        if each.protocols and values.get(each.name) is not None and values.get("prot") not in each.protocols:
            names = ", ".join(name for name, at in PROTOCOLS.items() if at in each.protocols)
            raise ValueError(f"{each.name} needs prot {names}")
    return values


def base_name(word: str) -> str:
    """The name after -N. Raises ValueError."""
    longest = fact("defensive-name-longest")
    if not word or len(word) > longest or not word.isprintable() or " " in word or word.startswith("-"):
        raise ValueError(f"-N: {word[:40]!r} is no name of 1 to {longest} characters without blanks")
    return word


# ---- filters --------------------------------------------------------------------------------------------------

_SCOPES = {"local": "Local", "routed": "Routed", "either": "Both"}


class Limits(NamedTuple):
    """What DMD's configuration says of a stack, or of all of them."""

    log_limit: int
    lifetime: int


def versions_of(values: Mapping[str, Any], enabled: Sequence[int]) -> list[int]:
    """The IP versions the keywords ask for: one, or with `all` each that is enabled. Raises ValueError."""
    wanted = {each.version for each in (values["srcip"], values["destip"]) if each is not None}
    own = ONE_VERSION.get(values.get("prot") or -1)
    wanted |= {own} if own else set()
    if len(wanted) > 1:
        raise ValueError("srcip, destip and prot are not of one IP version")
    return sorted(wanted) or list(enabled)


def made(
    values: Mapping[str, Any], name: str, extension: int, version: int, type: str, limits: Limits, now: int, user: str
) -> FilterRule:
    """The filter that -F add describes."""
    asked = values.get("lifetime") or fact("defensive-lifetime")
    lifetime = min(asked, limits.lifetime)
    mode = values.get("mode", BLOCK)
    service = Service(
        values.get("prot"), values.get("srcport"), values.get("destport"), values.get("type"), values.get("code"),
        scope=_SCOPES[values.get("routing", fact("defensive-routing"))], secclass=values.get("secclass", 0),
        fragments_only=values.get("fragmentsonly") == "yes",
    )  # fmt: skip
    defence = Defence(
        type, mode, values.get("loglimit", limits.log_limit), lifetime, now, now, now + lifetime * MINUTE, user
    )
    return FilterRule(
        name, extension, DEFENSIVE, version, INBOUND if values["dir"] == "inbound" else OUTBOUND, mode.capitalize(),
        _logging(values.get("log", "yes")), values["srcip"] or addresses.every(version),
        values["destip"] or addresses.every(version), service, Where(f"ipsec -F add -N {name}"), defence=defence,
    )  # fmt: skip


def _logging(word: str) -> str:
    return "All" if word == "yes" else "None"


def updated(rule: FilterRule, values: Mapping[str, Any], limits: Limits, now: int) -> FilterRule:
    """The filter as -F update changes it; a lifetime counts from now."""
    assert rule.defence is not None
    defence = rule.defence._replace(updated=now)
    if "mode" in values:
        defence = defence._replace(mode=values["mode"])
        rule = rule._replace(action=values["mode"].capitalize())
    if "log" in values:
        rule = rule._replace(logging=_logging(values["log"]))
    if "loglimit" in values:
        defence = defence._replace(loglimit=values["loglimit"])
    if "lifetime" in values:
        lifetime = min(values["lifetime"], limits.lifetime)
        defence = defence._replace(lifetime=lifetime, expires=now + lifetime * MINUTE)
    return rule._replace(defence=defence)


def next_extension(name: str, lists: Iterable[Iterable[Installed]]) -> int:
    """One more than the highest that a filter of that base name has anywhere."""
    return 1 + max((each.rule.extension for one in lists for each in one if each.rule.name == name), default=0)


def named(filters: Iterable[Installed], name: str) -> list[Installed]:
    """The filters of a base name; else the one that `base.index` means."""
    found = [each for each in filters if each.rule.name == name]
    base, _, index = name.rpartition(".")
    return found or [each for each in filters if each.rule.name == base and str(each.rule.extension) == index]


# Groups of a display, in order; within one newest first. (dmd_vr_ip_security_filters)
GROUPS = ((4, INBOUND), (4, OUTBOUND), (6, INBOUND), (6, OUTBOUND))


def grouped(filters: Sequence[Installed]) -> Iterator[Installed]:
    for group in GROUPS:
        yield from (each for each in filters if (each.rule.version, each.rule.direction) == group)


def expire(stack: Defensive, now: int, seen: int) -> list[Change]:
    """Remove the filters whose time is over, and close the five-minute intervals that have ended by `seen`: earlier
    than `now` while packets of the past are replayed."""
    changes = [
        change
        for each in stack.filters
        for change in _closed(each, each.defence.expires if each.defence.expires <= now else seen, stack.mode)
    ]
    gone = [each for each in stack.filters if each.defence.expires <= now]
    if gone:
        stack.filters = [each for each in stack.filters if each.defence.expires > now]
    changes += [Change(each.defence.expires, "expired", each.rule) for each in gone]
    return sorted(changes, key=lambda change: change.time)


# ---- words again: the persistent copy -------------------------------------------------------------------------

_SCOPE_WORDS = {value: key for key, value in _SCOPES.items()}
_PROTOCOL_WORDS = {value: key for key, value in PROTOCOLS.items()}


def protocol_word(value: int | None) -> str:
    return "all" if value is None else _PROTOCOL_WORDS.get(value, str(value))


def span_word(value: tuple[int, int] | None) -> str:
    if value is None:
        return "all"
    return str(value[0]) if value[0] == value[1] else f"{value[0]}-{value[1]}"


def words(rule: FilterRule) -> list[str]:
    """The filter in the words of -F add."""
    service, defence = rule.service, rule.defence
    assert defence is not None
    shown = {
        "srcip": rule.source, "destip": rule.dest, "prot": protocol_word(service.protocol),
        "srcport": span_word(service.source_port), "destport": span_word(service.dest_port),
        "type": span_word(service.type), "code": span_word(service.code),
        "fragmentsonly": "yes" if service.fragments_only else "no", "dir": rule.direction.lower(),
        "routing": _SCOPE_WORDS[service.scope], "secclass": service.secclass, "mode": defence.mode,
        "log": "yes" if rule.logging == "All" else "no", "loglimit": defence.loglimit, "lifetime": defence.lifetime,
    }  # fmt: skip
    return [str(word) for pair in shown.items() for word in pair]


_WITHOUT = "without"
_KEPT = ("ext", "version", "created", "updated", "expires", "global", "user")


def line(one: Installed) -> str:
    """One line of the persistent copy: name, what only DMD knows, and the words of -F add."""
    rule, defence = one.rule, one.defence
    everywhere = "yes" if defence.type == GLOBAL else "no"
    times = defence.created, defence.updated, defence.expires
    kept = (rule.extension, rule.version, *times, everywhere, defence.user or "-")
    known = " ".join(f"{key} {value}" for key, value in zip(_KEPT, kept, strict=True))
    known += f" {_WITHOUT} {','.join(one.without)}" if one.without else ""
    return f"{rule.name} {known} {' '.join(words(rule))}\n"


_LAST = 2**63 - 1


def read_line(text: str, now: int = 0) -> Installed:
    """A line of the persistent copy, read at `now`. Raises ValueError, saying what is wrong."""
    given = text.split()
    if len(given) < 1 + 2 * len(_KEPT) or tuple(given[1 : 1 + 2 * len(_KEPT) : 2]) != _KEPT:
        raise ValueError(f"name, {', '.join(_KEPT)} and the words of -F add are expected")
    head = given[2 : 2 + 2 * len(_KEPT) : 2]
    extension, created, changed, expires = (number(head[at], 0, _LAST) for at in (0, 2, 3, 4))
    if head[1] not in ("4", "6"):
        raise ValueError(f"version {head[1]} is not 4 or 6")
    rest = given[1 + 2 * len(_KEPT) :]
    without = rest[1].split(",") if rest[0:1] == [_WITHOUT] and len(rest) > 1 else []
    values = pairs(rest[2:] if without else rest, update=False)
    type, user = GLOBAL if choice("yes", "no")(head[5]) == "yes" else STACK, "" if head[6] == "-" else head[6]
    if versions_of(values, ()) not in ([], [int(head[1])]):
        raise ValueError(f"the addresses are not of IP version {head[1]}")
    rule = made(values, base_name(given[0]), extension, int(head[1]), type,
                Limits(0, values.get("lifetime") or 1), created, user)  # fmt: skip
    assert rule.defence is not None
    rule = rule._replace(defence=rule.defence._replace(updated=changed, expires=expires))
    return Installed(rule, refilled=now, without=without)


# ---- judging --------------------------------------------------------------------------------------------------


class Guard(NamedTuple):
    """The defensive filters of a stack as the engine's tables: `block` and `simulate` of those alive at one time.
    Filter number n is row first + n of Prepared.rows."""

    installed: tuple[Installed, ...]
    first: int
    mode: str
    exclude: tuple[AddressRange, ...]
    compiled: bool
    known: dict[tuple[int, ...], Sets]
    block: engine.RuleSet | None = None
    simulate: engine.RuleSet | None = None

    def until(self, time: int) -> int:
        """When the next filter expires."""
        return min((each.defence.expires for each in self.installed if each.defence.expires > time), default=2**63)


Sets = tuple["engine.RuleSet | None", "engine.RuleSet | None"]


def guard(stack: Defensive, first: int, compiled: bool) -> Guard:
    return Guard(tuple(stack.filters), first, stack.mode or INACTIVE, stack.exclude, compiled, {})


def at(guard: Guard, time: int) -> Guard:
    """The guard with the filters that have not expired at `time`."""
    alive = tuple(n for n, each in enumerate(guard.installed) if time < each.defence.expires)
    if alive not in guard.known:
        guard.known[alive] = (_set(guard, alive, BLOCK), _set(guard, alive, SIMULATE))
    block, simulate = guard.known[alive]
    return guard._replace(block=block, simulate=simulate)


def _set(guard: Guard, alive: Sequence[int], effect: str) -> engine.RuleSet | None:
    """The filters with that effect. A simulation is logged even under log no. (dmd_filter_match_logging)"""
    import engine

    chosen = _chosen(guard, alive, effect)
    if not chosen:
        return None
    rules = _rules(guard, chosen)
    log = bytes(guard.first) + bytes(effect == SIMULATE or each.rule.logging == "All" for each in guard.installed)
    return engine.RuleSet(engine.compile_rules(rules, compiled=guard.compiled), bytes(len(log)), log)


def _chosen(guard: Guard, alive: Sequence[int], effect: str) -> list[int]:
    return [n for n in alive if EFFECTIVE[guard.installed[n].defence.mode, guard.mode] == effect]


def _rules(guard: Guard, chosen: Sequence[int]) -> list[engine.Rule]:
    return [lower(piece, guard.first + n) for n in chosen for piece in spared(guard.installed[n].rule, guard.exclude)]


def every(guard: Guard) -> list[engine.Rule]:
    """The rules of all filters, whatever their effect and however long they live."""
    return _rules(guard, range(len(guard.installed)))


def lowered(guard: Guard, time: int, effect: str) -> list[engine.Rule]:
    """The rules of the filters that have an effect (BLOCK or SIMULATE) and have not expired at `time`."""
    alive = [n for n, each in enumerate(guard.installed) if time < each.defence.expires]
    return _rules(guard, _chosen(guard, alive, effect))


def spared(rule: FilterRule, exclude: Iterable[AddressRange]) -> Iterator[FilterRule]:
    """The filter without the addresses of Exclude: of the source of what comes in, the destination of what goes out.
    (which end is compared is a simulator choice)"""
    inbound = rule.direction == INBOUND
    pieces = [rule.source if inbound else rule.dest]
    for each in exclude:
        pieces = [left for piece in pieces for left in _without(piece, each)]
    for piece in pieces:
        yield rule._replace(source=piece) if inbound else rule._replace(dest=piece)


def _without(one: AddressRange, other: AddressRange) -> list[AddressRange]:
    if one.version != other.version or other.high < one.low or one.high < other.low:
        return [one]
    left = [AddressRange(one.version, one.low, other.low - 1)] if one.low < other.low else []
    return left + ([AddressRange(one.version, other.high + 1, one.high)] if other.high < one.high else [])


# ---- the log limit --------------------------------------------------------------------------------------------


def admitted(one: Installed, time: int) -> bool:
    """Whether a message may be written: on average `loglimit` in five minutes, with bursts of as many; 0 is no limit.
    One that may not is counted. (dmd_filter_match_logging)"""
    limit = one.defence.loglimit
    if limit == 0:
        return True
    if one.refilled - time > INTERVAL:  # packets of the past: another time
        one.refilled = time
    one.credit = min(INTERVAL, one.credit + max(0, time - one.refilled))
    one.refilled = max(one.refilled, time)
    cost = INTERVAL // limit
    if one.credit >= cost:
        one.credit -= cost
        return True
    if one.suppressed == 0:
        one.since = time
    one.suppressed += 1
    return False


def _closed(one: Installed, now: int, mode: str) -> list[Change]:
    """The report on messages held back in a five-minute interval that has ended by `now`."""
    if one.suppressed == 0:
        return []
    created = one.defence.created
    boundary = created + ((one.since - created) // INTERVAL + 1) * INTERVAL
    if now < min(boundary, one.defence.expires):
        return []
    count, one.suppressed = one.suppressed, 0
    return [limit_report(one, min(boundary, one.defence.expires), count, mode)]


def limit_report(one: Installed, time: int, held_back: int, mode: str) -> Change:
    """So many messages about a filter were held back in the interval that ended at `time`."""
    simulated = EFFECTIVE.get((one.defence.mode, mode)) == SIMULATE
    return Change(time, "limited", one.rule, held_back, simulated)


def closed(installed: Iterable[Installed], now: int, mode: str) -> list[Change]:
    """The reports on all intervals that have ended by `now`, in their order."""
    return sorted((each for one in installed for each in _closed(one, now, mode)), key=lambda change: change.time)


def quotas(guard: Guard) -> Quotas:
    """The log limits of all filters as the engine's arrays; `settle` brings what it did to them back."""
    from engine.arrays import as_array
    from engine.journal import Quotas

    rows = [
        (each.defence.loglimit, each.defence.created, each.defence.expires, each.credit, each.refilled, each.suppressed,
         each.since) for each in guard.installed
    ]  # fmt: skip
    columns = (as_array(column, "i8", guard.compiled) for column in zip(*rows, strict=True))
    return Quotas(guard.first, INTERVAL, *columns)


def settle(guard: Guard, after: Quotas) -> None:
    """Take over the accounts that the engine has changed."""
    columns = (each.tolist() for each in (after.credit, after.refilled, after.suppressed, after.since))
    for one, account in zip(guard.installed, zip(*columns, strict=True), strict=True):
        one.credit, one.refilled, one.suppressed, one.since = account
