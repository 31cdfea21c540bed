"""A scenario file: YAML text -> what must hold of a system, and a story with what is expected at each step.

    name: The standard flows
    system: adcd                     a bundled name, or a folder from here; left out: whatever system is asked about
    now: 2023-12-13T14:05:31         when its tasks are started
    assert:
      - permit: icmp 10.1.0.2 > 10.1.1.2 type 8              one packet: short notation or a scapy expression
        filter: icmpinspecific2
      - deny: {from: 10.0.0.0/8, proto: tcp, port: 25}       every possible packet like this
        name: nobody reaches the mailer
      - permit: {capture: captures/ping.pcap}                every packet of a capture
      - unchanged: {to: 10.1.1.2}                            no packet like this fares otherwise than in `against`
        against: HEAD~1:mysys
    story:
      - console: F CPAGENT,REFRESH
        expect: {message: EZD1586I}
      - send: tcp 10.1.0.2 > 10.1.1.2:21 syn
        expect: {verdict: permitted, filter: ftpserver, log: EZD0814I}
      - clock: +30m

`read` takes the text and gives a Scenario, or raises ScenarioError with every mistake: file:line:column and what to
write. The tables below are the language, and the JSON schema that `schema` makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import yaml

from zsim import addresses
from zsim.clock import nanoseconds, passing
from zsim.findings import Where, did_you_mean, number
from zsim.tcpip import defensive
from zsim.whatif import notation
from zsim.whatif.search import Wanted

DEEPEST, MOST_NODES = 12, 50_000
LONGEST = 1024 * 1024  # characters


class ScenarioError(ValueError):
    """Every mistake of a file, a line each: file:line:column: what, and what to write."""

    def __init__(self, mistakes: list[tuple[Where, str]]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(f"{where}: {what}" for where, what in mistakes))


class Subject(NamedTuple):
    """What an assertion is about: one packet, a set of packets, or a capture."""

    packet: str | None = None
    wanted: Wanted | None = None
    capture: str | None = None
    interface: str | None = None  # of the capture


class Assertion(NamedTuple):
    """`kind` is permit, deny or unchanged (than `against`)."""

    kind: str
    name: str
    where: Where
    subject: Subject
    filter: str | None = None
    logged: bool | None = None
    against: str = ""
    verdicts_only: bool = False


class Expected(NamedTuple):
    """One thing expected of a step: a key of EXPECT with its value."""

    key: str
    value: Any
    where: Where


class Step(NamedTuple):
    """`kind` is a key of STEPS, or "" where a step only expects."""

    kind: str
    value: str
    name: str
    where: Where
    expected: tuple[Expected, ...]
    interface: str | None = None
    user: str = ""


class Scenario(NamedTuple):
    """One file. `now` is ns, None for the clock of whoever runs it."""

    file: str
    name: str
    system: str | None
    now: int | None
    assertions: tuple[Assertion, ...]
    story: tuple[Step, ...]


# ---- the language ----------------------------------------------------------------------------------------------


def _text(word: str) -> str:
    if not word:
        raise ValueError("a value is missing")
    return word


def _yes(word: str) -> bool:
    if word.lower() not in ("true", "false", "yes", "no"):
        raise ValueError(f"{word!r} is not true or false")
    return word.lower() in ("true", "yes")


def _span(most: int) -> Callable[[str], tuple[int, int] | None]:
    span = defensive.span(most)

    def read(word: str) -> tuple[int, int] | None:
        try:
            return span(word)
        except ValueError as why:
            raise ValueError(f"{word!r}: {why}; write n or n-m") from None

    return read


def _protocols(word: str) -> tuple[int, ...]:
    found = [defensive.protocol(each.strip()) for each in word.split(",")]
    return () if None in found else tuple(each for each in found if each is not None)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(word: str) -> str:
        if word.lower() not in words:
            raise ValueError(f"{word!r} is none of {', '.join(words)}" + _hint(word, words))
        return word.lower()

    return read


def _hint(word: str, known: tuple[str, ...]) -> str:
    near = did_you_mean(word, known)
    return f"; {near}" if near else ""


def _version(word: str) -> int:
    return {"4": 4, "6": 6}[_one_of("4", "6")(word.lower().removeprefix("ipv"))]


class Key(NamedTuple):
    """A key with what it is for and how its value is read; `field` is that of Wanted."""

    name: str
    read: Callable[[str], Any]
    about: str
    field: str = ""


# A set of packets.
SET = (
    Key("from", addresses.anything, "source: an address, a prefix or low-high", "source"),
    Key("to", addresses.anything, "destination, likewise", "dest"),
    Key("proto", _protocols, "tcp, udp, icmp, ... or a number; several with commas", "protocols"),
    Key("port", _span(65535), "destination port, n or n-m", "dest_port"),
    Key("sport", _span(65535), "source port, n or n-m", "source_port"),
    Key("type", _span(255), "type of ICMP, ICMPv6, OSPF", "type"),
    Key("code", _span(255), "code of ICMP, ICMPv6", "code"),
    Key("way", _one_of("in", "out"), "arriving here, or leaving", "direction"),
    Key("interface", str.upper, "over this interface (its security class)", "interface"),
    Key("scope", _one_of("local", "routed"), "for or from this stack, or forwarded", "routed"),
    Key("syn", _yes, "a TCP connection request, or none", "connect"),
    Key("fragment", _yes, "a fragment, or a whole packet", "fragment"),
    Key("ip", _version, "4 or 6", "version"),
    Key("logged", _yes, "with a log record, or without", "logged"),
)
EVERYTHING = "any"  # the set of all packets

ASSERTIONS = {
    "permit": "every such packet is permitted",
    "deny": "no such packet is permitted",
    "unchanged": "no such packet fares otherwise than in `against`",
}
ASSERTION_KEYS = (
    Key("name", _text, "what a report calls it"),
    Key("filter", _text, "permit, deny of a packet: the filter that decides, NAME or NAME.EXTENSION"),
    Key("logged", _yes, "permit, deny of a packet: whether there is a log record"),
    Key("against", _text, "unchanged: a folder, a bundled name, NAME@installed, a policy file or REV:PATH"),
    Key("verdicts_only", _yes, "unchanged: what is logged may change"),
)


def _duration(word: str) -> str:
    passing(word)
    return word


def _packet(word: str) -> str:
    """A packet; the short notation is read at once, so that its mistakes are told with their place."""
    if not notation.is_expression(word):
        notation.read(word)
    return word


STEPS = (
    Key("console", _text, "an operator command"),
    Key("sh", _text, "a z/OS UNIX command line"),
    Key("tso", _text, "a TSO command"),
    Key("send", _packet, "a packet: short notation, or a scapy expression, which may stand for several"),
    Key("capture", _text, "packets from a file, which lies relative to the scenario"),
    Key("clock", _duration, "time that passes: +30s, +30m, +2h, +1d"),
)
STEP_KEYS = (
    Key("name", _text, "what a report calls it"),
    Key("interface", str.upper, "send, capture: the interface the packets cross"),
    Key("user", str.upper, "sh, tso: who types it"),
)
VERDICTS = ("permitted", "denied", "blocked", "unfiltered", "unjudged")
ONE, SEVERAL, TABLE = "one", "several", "table"  # what the value of an expectation is


class Expectable(NamedTuple):
    """Something that can be expected of steps of these kinds; () for all."""

    name: str
    form: str  # ONE, SEVERAL (one value or a list), TABLE (names with a value or a list)
    read: Callable[[str], Any]
    steps: tuple[str, ...]
    about: str


_PACKETS, _TYPED = ("send", "capture"), ("sh", "tso")
EXPECT = (
    Expectable("verdict", ONE, _one_of(*VERDICTS), _PACKETS, "what becomes of every packet"),
    Expectable("filter", ONE, _text, _PACKETS, "the filter that decides every packet, NAME or NAME.EXTENSION"),
    Expectable("reply", ONE, _one_of("icmp", "none"), _PACKETS, "whether denied packets are answered"),
    Expectable("packets", TABLE, lambda word: number(word, 0, 10**12), _PACKETS, "how many packets had each verdict"),
    Expectable("log", SEVERAL, _text, (), "text of a log record that the step wrote"),
    Expectable("no_log", SEVERAL, _text, (), "text that no log record of the step has; any for no record at all"),
    Expectable("log_file", SEVERAL, _text, (), "a file that the step's records went to"),
    Expectable("message", SEVERAL, _text, (), "number or text of a message of the console"),
    Expectable("no_message", SEVERAL, _text, (), "what no message of the console has"),
    Expectable("output", SEVERAL, _text, _TYPED, "text of what is printed"),
    Expectable("no_output", SEVERAL, _text, _TYPED, "text that is not printed"),
    Expectable("code", ONE, lambda word: number(word, 0, 255), _TYPED, "the exit code"),
    Expectable("counter", TABLE, lambda word: number(word, 0, 10**12), (), "FilterMatches of filters"),
    Expectable("file", TABLE, _text, (), "text that a file of the system has"),
    Expectable("no_file", SEVERAL, _text, (), "a file that is not there"),
)
TOP = {
    "name": "what a report calls it",
    "system": "a folder (relative to this file) or what --against takes; left out: that of -s",
    "now": "when the tasks are started: 2023-12-13T14:05:31 (UTC)",
    "assert": "what must hold",
    "story": "steps, one after the other, on a copy of the system",
}


# ---- reading ---------------------------------------------------------------------------------------------------


def read(text: str, file: str) -> Scenario:
    """The scenario of a file. Raises ScenarioError with all mistakes."""
    if len(text) > LONGEST:
        raise ScenarioError([(Where(file), f"is longer than {LONGEST:,} characters")])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as why:
        mark = getattr(why, "problem_mark", None)
        where = Where(file, mark.line + 1, mark.column + 1) if mark else Where(file)
        raise ScenarioError([(where, f"is no YAML: {getattr(why, 'problem', None) or why}")]) from None
    except (RecursionError, ValueError) as why:
        raise ScenarioError([(Where(file), f"cannot be read: {why}")]) from None
    if node is None:
        raise ScenarioError([(Where(file, 1, 1), "is empty; a scenario has assert: or story:")])
    reader = _Reader(file)
    found = reader.scenario(node)
    if reader.mistakes:
        raise ScenarioError(sorted(reader.mistakes))
    return found


class _Stop(Exception):
    """A node cannot be read; the mistake is noted."""


T = TypeVar("T")
Pairs = dict[str, tuple[yaml.Node, yaml.Node]]


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[tuple[Where, str]] = []
        self.seen: set[int] = set()

    def where(self, node: yaml.Node) -> Where:
        return Where(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def wrong(self, node: yaml.Node, what: str) -> _Stop:
        self.mistakes.append((self.where(node), what))
        return _Stop()

    def scenario(self, node: yaml.Node) -> Scenario:
        name, system, now = "", None, None
        assertions: list[Assertion] = []
        story: list[Step] = []
        try:
            self._sound(node)
            top = self.pairs(node, tuple(TOP), "a scenario")
        except _Stop:
            top = {}
        for key, (_, value) in top.items():
            try:
                if key == "assert":
                    assertions = self.each(value, self.assertion)
                elif key == "story":
                    story = self.each(value, self.step)
                elif key == "name":
                    name = self.scalar(value, _text)
                elif key == "system":
                    system = self.scalar(value, _text)
                else:
                    now = self.scalar(value, _moment)
            except _Stop:
                continue
        if not self.mistakes and not assertions and not story:
            self.wrong(node, "says nothing: a scenario has assert: or story:")
        return Scenario(self.file, name or self.file, system, now, tuple(assertions), tuple(story))

    def _sound(self, node: yaml.Node, depth: int = 0) -> None:
        """No aliases, which can make a small file enormous, and no endless nesting."""
        if id(node) in self.seen:
            raise self.wrong(node, "an alias (*name) stands here; write the value out")
        self.seen.add(id(node))
        if depth > DEEPEST or len(self.seen) > MOST_NODES:
            raise self.wrong(node, "is nested too deep or too large for a scenario")
        if isinstance(node, yaml.MappingNode):
            for pair in node.value:
                for each in pair:
                    self._sound(each, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for each in node.value:
                self._sound(each, depth + 1)

    # ---- nodes

    def pairs(self, node: yaml.Node, known: tuple[str, ...], what: str) -> Pairs:
        """The keys of a mapping with their values, each known and given once."""
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, f"{what} has keys and values: {', '.join(known[:6])}, ...")
        found: Pairs = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                hint = did_you_mean(name, known, f"known are {', '.join(known)}")
                self.mistakes.append((self.where(key), f"{name or 'this'} is no key of {what}; {hint}"))
            elif name in found:
                self.mistakes.append((self.where(key), f"{name} is given twice"))
            else:
                found[name] = key, value
        return found

    def each(self, node: yaml.Node, one: Callable[[yaml.Node], T]) -> list[T]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, "a list is expected: lines that begin with -")
        found = []
        for item in node.value:
            try:
                found.append(one(item))
            except _Stop:
                continue
        return found

    def scalar(self, node: yaml.Node, form: Callable[[str], Any]) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, "one value is expected here")
        try:
            return form(node.value)
        except notation.NotationError as why:
            raise self.wrong(node, f"column {why.column + 1} of the packet: {why.what}") from None
        except ValueError as why:
            raise self.wrong(node, str(why)) from None

    def options(self, pairs: Pairs, keys: tuple[Key, ...]) -> dict[str, Any]:
        return {key.name: self.scalar(pairs[key.name][1], key.read) for key in keys if key.name in pairs}

    def head(self, node: yaml.Node, pairs: Pairs, names: tuple[str, ...], what: str) -> str:
        """The one key that says what an entry is."""
        given = [name for name in pairs if name in names]
        if len(given) != 1:
            raise self.wrong(node, f"{what} has one of {', '.join(names)}" + ("" if not given else ", not several"))
        return given[0]

    # ---- entries

    def assertion(self, node: yaml.Node) -> Assertion:
        names = tuple(ASSERTIONS)
        pairs = self.pairs(node, (*names, *(key.name for key in ASSERTION_KEYS)), "an assertion")
        kind = self.head(node, pairs, names, "an assertion")
        key, value = pairs[kind]
        subject = self.subject(value)
        given = self.options(pairs, ASSERTION_KEYS)
        for name in ("filter", "logged"):
            if name in given and (kind == "unchanged" or subject.packet is None):
                raise self.wrong(pairs[name][0], f"{name} goes with permit or deny of one packet")
        for name in ("against", "verdicts_only"):
            if name in given and kind != "unchanged":
                raise self.wrong(pairs[name][0], f"{name} goes with unchanged")
        if kind == "unchanged" and "against" not in given:
            raise self.wrong(key, "unchanged needs against: the system to compare with")
        told = given.pop("name", None) or f"{kind} {_told(value)}"
        return Assertion(kind, told, self.where(key), subject, **given)

    def subject(self, node: yaml.Node) -> Subject:
        """A packet, a set, or a capture."""
        if isinstance(node, yaml.ScalarNode):
            if node.value == EVERYTHING:
                return Subject(wanted=Wanted())
            return Subject(packet=self.scalar(node, _packet))
        known = (*(key.name for key in SET), "capture")
        pairs = self.pairs(node, known, "a set of packets")
        if "capture" in pairs:
            for name, (key, _) in pairs.items():
                if name not in ("capture", "interface"):
                    raise self.wrong(key, f"{name} does not go with capture: all its packets are meant")
            interface = self.scalar(pairs["interface"][1], str.upper) if "interface" in pairs else None
            return Subject(capture=self.scalar(pairs["capture"][1], _text), interface=interface)
        if not pairs:
            raise self.wrong(node, f"which packets? {', '.join(known)}, or {EVERYTHING} for all")
        fields = {key.field: self.scalar(pairs[key.name][1], key.read) for key in SET if key.name in pairs}
        if "direction" in fields:
            fields["direction"] = {"in": "Inbound", "out": "Outbound"}[fields["direction"]]
        if "routed" in fields:
            fields["routed"] = fields["routed"] == "routed"
        return Subject(wanted=Wanted(**fields))

    def step(self, node: yaml.Node) -> Step:
        names = tuple(key.name for key in STEPS)
        pairs = self.pairs(node, (*names, *(key.name for key in STEP_KEYS), "expect"), "a step")
        given = [name for name in pairs if name in names]
        if len(given) > 1 or (not given and "expect" not in pairs):
            raise self.wrong(node, f"a step has one of {', '.join(names)}, or only expect")
        kind = given[0] if given else ""
        form = next((key.read for key in STEPS if key.name == kind), _text)
        value = self.scalar(pairs[kind][1], form) if kind else ""
        options = self.options(pairs, STEP_KEYS)
        for name, kinds in (("interface", _PACKETS), ("user", _TYPED)):
            if name in options and kind not in kinds:
                raise self.wrong(pairs[name][0], f"{name} goes with {' and '.join(kinds)}")
        expected = tuple(self.expected(pairs["expect"][1], kind)) if "expect" in pairs else ()
        name = options.pop("name", None) or (f"{kind}: {value}" if kind else "expect")
        where = self.where(pairs[kind][0] if kind else node)
        return Step(kind, value, name, where, expected, options.get("interface"), options.get("user", ""))

    def expected(self, node: yaml.Node, kind: str) -> Iterator[Expected]:
        table = {each.name: each for each in EXPECT}
        for name, (key, value) in self.pairs(node, tuple(table), "expect").items():
            row = table[name]
            if row.steps and kind not in row.steps:
                raise self.wrong(key, f"{name} can be expected of {' and '.join(row.steps)} only")
            yield Expected(name, self._expectation(row, value), self.where(key))

    def _expectation(self, row: Expectable, node: yaml.Node) -> Any:
        if row.form == ONE:
            return self.scalar(node, row.read)
        if row.form == SEVERAL:
            return self._several(node, row.read)
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise self.wrong(node, f"{row.name} has names and values: {row.about}")
        found = {}
        for key, value in node.value:
            name = self.scalar(key, _text)
            if row.name == "packets" and name not in VERDICTS:
                raise self.wrong(key, f"{name} is no verdict" + _hint(name, VERDICTS))
            found[name] = self._several(value, row.read)
        return found

    def _several(self, node: yaml.Node, form: Callable[[str], Any]) -> tuple[Any, ...]:
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.scalar(each, form) for each in node.value)
        return (self.scalar(node, form),)


def _moment(word: str) -> int:
    try:
        return nanoseconds(word)
    except ValueError:
        raise ValueError(f"{word!r} is no time; write 2023-12-13T14:05:31 (UTC)") from None


def _told(node: yaml.Node) -> str:
    """An entry in a few words."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return " ".join(f"{key.value} {value.value}" for key, value in pairs if isinstance(value, yaml.ScalarNode))


# ---- the schema ------------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """The language as a JSON schema, for editors."""

    def text(about: str) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"], "description": about}

    def entry(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": False, "properties": dict(properties), **more}

    packets = entry({key.name: text(key.about) for key in SET} | {"capture": text("every packet of this capture")})
    several: dict[str, Any] = {"anyOf": [text(""), {"type": "array", "items": text("")}]}
    forms: dict[str, dict[str, Any]] = {
        ONE: {},
        SEVERAL: several,
        TABLE: {"type": "object", "additionalProperties": several},
    }
    expect = entry({
        each.name: (text(each.about) if each.form == ONE else {**forms[each.form], "description": each.about})
        for each in EXPECT
    })  # fmt: skip
    subject = {"anyOf": [text("a packet, or any"), packets]}
    assertion = entry(
        {name: {**subject, "description": about} for name, about in ASSERTIONS.items()}
        | {key.name: text(key.about) for key in ASSERTION_KEYS},
        oneOf=[{"required": [name]} for name in ASSERTIONS],
    )
    step = entry({key.name: text(key.about) for key in (*STEPS, *STEP_KEYS)} | {"expect": expect})
    top: dict[str, Any] = {name: text(about) for name, about in TOP.items()}
    top["assert"] = {"type": "array", "items": assertion, "description": TOP["assert"]}
    top["story"] = {"type": "array", "items": step, "description": TOP["story"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a scenario of zsim test",
        **entry(top),
    }
