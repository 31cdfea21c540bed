"""Running a scenario: every assertion and every step of the story becomes a Result, on copies that nobody keeps.

    world = World(start, frames)                      # the edge: how a system is started, how a capture is read
    for result in run(scenario, world, coverage): ...

Assertions are asked of the system as it starts. The story then runs on that system; what a step does is there for the
next one. A set is proven with all possible packets; where it does not hold, the counterexample was put through the
stack's own tables. `coverage` learns which filters decided anything, and which of their fields a packet failed alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from zsim import packets
from zsim.clock import passing
from zsim.findings import UNKNOWN, Where, did_you_mean
from zsim.system import System
from zsim.tcpip import discard, traffic
from zsim.tcpip.filters import FilterRule
from zsim.whatif import compare, crossings, notation, search, whytold, words
from zsim.whatif.crossings import View, view
from zsim.whatif.scenario import Assertion, Expected, Scenario, Step, Subject
from zsim.whatif.trial import copied
from zsim.whatif.why import FIELDS, Question, Why, called, explain

if TYPE_CHECKING:
    import engine
    from engine.space import Packets, Space

PASSED, FAILED, NOT_MODELLED, ERROR = "passed", "failed", "not modelled", "error"
PERMITTING = ("permitted", "unfiltered")
MOST_SHOWN = 5  # lines of what was seen instead


class Result(NamedTuple):
    """What came of an assertion or a step; `text` says why it is not passed."""

    name: str
    where: Where
    status: str
    text: str = ""


class World(NamedTuple):
    """The edge. `start` gives a system with its tasks started, by name (None: the usual one) and time (None: now);
    `frames` reads a capture. Both raise ValueError."""

    start: Callable[[str | None, int | None], System]
    frames: Callable[[str], Iterable[engine.Frames]]


@dataclass
class Coverage:
    """Filters by name: how many packets (or sets) each decided, the fields it tests, and those of them in which a
    packet failed while all others fitted."""

    tested: dict[str, tuple[str, ...]] = field(default_factory=dict)
    decided: Counter[str] = field(default_factory=Counter)
    edged: dict[str, set[str]] = field(default_factory=dict)

    def know(self, system: View) -> None:
        for rule in system.asked.block + system.asked.simulate + system.asked.rules:
            row = system.rows[rule.number]
            if not row.hidden:
                names = {test.field for test in rule.tests} - {"version"}
                labels = dict.fromkeys(each.label for each in FIELDS if each.name in names)
                self.tested.setdefault(called(row), tuple(labels))

    def saw(self, why: Why) -> None:
        """One packet that was explained."""
        for leg in why.legs:
            if leg.rule is not None and leg.reached:
                self.decided[called(leg.rule)] += 1
            for look in leg.before:
                if len(look.misses) == 1:
                    self.edged.setdefault(called(look.rule), set()).add(look.misses[0].label)

    def hit(self, rule: FilterRule, packets: int = 1) -> None:
        self.decided[called(rule)] += packets


def run(scenario: Scenario, world: World, coverage: Coverage) -> Iterator[Result]:
    """Every assertion, then every step, in the order of the file."""
    from engine.space import Space

    system = world.start(scenario.system, scenario.now)
    space = Space()
    here = view(space, system)
    coverage.know(here)
    for assertion in scenario.assertions:
        yield _result(assertion.name, assertion.where, partial(_assert, space, here, assertion, world, coverage))
    story = _Story(space, copied(system), world, coverage)
    for step in scenario.story:
        yield _result(step.name, step.where, partial(story.step, step))


class _NotModelled(Exception):
    """The system would answer, zsim does not."""


def _result(name: str, where: Where, ask: Callable[[], str]) -> Result:
    """`ask` gives what is wrong, "" for nothing."""
    from engine.space import Entangled

    try:
        why = ask()
    except (_NotModelled, Entangled) as told:
        return Result(name, where, NOT_MODELLED, str(told))
    except ValueError as told:
        return Result(name, where, ERROR, str(told))
    return Result(name, where, FAILED if why else PASSED, why)


# ---- assertions ------------------------------------------------------------------------------------------------


def _assert(space: Space, here: View, asked: Assertion, world: World, coverage: Coverage) -> str:
    if asked.kind == "unchanged":
        other = view(space, world.start(asked.against, here.system.clock.now), asked.against)
        return _unchanged(space, other, here, asked, world)
    subject = asked.subject
    if subject.packet is not None:
        return _of_packet(here, asked, subject.packet, coverage)
    if subject.capture is not None:
        return _of_capture(here, asked, subject, world, coverage)
    assert subject.wanted is not None
    return _of_set(space, here, asked.kind == "permit", subject.wanted, coverage)


def _of_packet(here: View, asked: Assertion, text: str, coverage: Coverage) -> str:
    said = []
    for question in questions(text, here.system.clock.now):
        why = explain(here, question)
        coverage.saw(why)
        told = whytold.sentence(why)
        legs = [leg for leg in why.legs if leg.reached]
        place = f" ({here.place(why.deciding.rule.where)})" if why.deciding and why.deciding.rule else ""
        if why.verdict == "unjudged" or why.permits != (asked.kind == "permit"):
            said.append(f"{why.packet}\n{told}{place}")
        elif asked.filter is not None and not any(_is(leg.rule, asked.filter) for leg in legs):
            names = " and ".join(called(leg.rule) for leg in legs)
            said.append(f"{why.packet}\ndecided by {names}, not {asked.filter}{place}")
        elif asked.logged is not None and bool(why.records) != asked.logged:
            said.append(f"{why.packet}\nis {'not ' if asked.logged else ''}logged. {told}{place}")
    return "\n".join(said[:MOST_SHOWN])


def questions(text: str, now: int) -> Iterator[Question]:
    """The packets of a line in the short notation, or of a scapy expression. Raises ValueError."""
    import engine

    if not notation.is_expression(text):
        written = notation.read(text)
        yield Question(engine.frames_of([(now, written.packet)], notation.RAW), written)
        return
    linktype, made = packets.packets(text)
    for packet in made:
        yield Question(engine.frames_of([(now, packet)], linktype))


def _is(rule: FilterRule | None, name: str) -> bool:
    return rule is not None and name in (rule.name, f"{rule.name}.{rule.extension}")


def _of_set(space: Space, here: View, permits: bool, wanted: search.Wanted, coverage: Coverage) -> str:
    """Every packet of a set is permitted, or none is; else a counterexample."""
    decided = space.first_matches(here.lists, here.decided, here.among)
    reached = search.reached(space, here, decided)
    passing = search.permitted(space, here, decided)
    asked = search.conditions(space, here, wanted) & here.among & reached
    if wanted.logged is not None:
        kept = [each for each in decided.values() if isinstance(each, tuple)
                and bool(here.fate(each).records) == wanted.logged]  # fmt: skip
        asked &= decided.where(*kept)
    if not asked:
        return "says nothing: no such packet can cross an interface of this stack"
    for found in decided.within(asked).values():
        rule = here.deciding(found) if isinstance(found, tuple) else None
        if rule is not None:
            coverage.hit(rule)
    wrong = asked - passing if permits else asked & passing
    if not wrong:
        return ""
    example = compare.sample(here, wrong)
    passage = crossings.passage(here, example) if not example["fragment"] or example["routed"] else None
    (numbers,) = crossings.judged(here, [example])
    if decided[example] != numbers:
        raise RuntimeError(f"{here.name} decides {example} by {numbers}, not {decided[example]}")
    rule = here.deciding(numbers)
    shown = _shown(here, example)
    verdict = passage.verdict if passage is not None else here.fate(numbers).verdict
    place = f" ({here.place(rule.where)})" if rule is not None else ""
    boxes = wrong.boxes(here.among)
    return (
        f"counterexample: {shown}\nis {verdict}; {called(rule)} decides{place}\n"
        f"{whytold.size(wrong.count())} like it: {words.box(boxes[0])}"
        + (f", and {len(boxes) - 1:,} more boxes" if len(boxes) > 1 else "")
    )


def _shown(here: View, packet: Mapping[str, int]) -> str:
    """A packet with the interface it comes in by."""
    at = crossings.arrival(here, packet)
    return words.packet(packet, here.around.interfaces[at] if at is not None else "")


class _Met(NamedTuple):
    """What became of a frame: its verdict, the filters that decided its crossings, and whether it was logged. Or of
    `packets` frames to which the same happened, of which it is the first."""

    frame: int
    verdict: str
    rules: tuple[FilterRule | None, ...]
    logged: bool
    packets: int = 1


def _grouped(met: Iterable[_Met]) -> tuple[_Met, ...]:
    """Frames to which the same happened as one."""
    found: dict[tuple[object, ...], _Met] = {}
    for one in met:
        key = one.verdict, one.logged, *map(id, one.rules)
        first = found.setdefault(key, one._replace(packets=0))
        found[key] = first._replace(packets=first.packets + one.packets)
    return tuple(found.values())


def _met(view: View | traffic.Prepared, frames: engine.Frames, outcome: traffic.Outcome) -> list[_Met]:
    import engine

    prepared = view.prepared if isinstance(view, View) else view
    rules: dict[int, list[FilterRule | None]] = {}
    logged: set[int] = set()
    guard = prepared.guard
    for leg in outcome.judgement.legs:
        for p, block, simulate, rule in zip(
            leg.packet.tolist(), leg.block.tolist(), leg.simulate.tolist(), leg.rule.tolist(), strict=True
        ):
            at = block if block >= 0 else rule
            rules.setdefault(p, []).append(prepared.rows[at] if at >= 0 else None)
            if (
                simulate >= 0
                or (block >= 0 and guard.block is not None and guard.block.log[block])
                or (block < 0 and rule >= 0 and prepared.rules.log[rule])
            ):
                logged.add(p)
    return [
        _Met(frames.number + p, engine.VERDICTS[verdict], tuple(rules.get(p, ())), p in logged)
        for p, verdict in enumerate(outcome.judgement.verdict.tolist())
    ]


def _dated(batches: Iterable[engine.Frames], before: int) -> Iterator[engine.Frames]:
    """Frames that all have a time, as in a replay: one without is as old as the one before it, or as the clock."""
    import engine

    for batch in batches:
        dated, _ = engine.dated(batch, before)
        before = int(dated.time[-1]) if batch.count else before
        yield dated


def _recorded(
    system: System,
    batches: Iterable[engine.Frames],
    interface: str | None,
    told: Callable[[traffic.Prepared, engine.Frames, traffic.Outcome], object] = lambda prepared, frames, outcome: None,
) -> Iterator[_Met]:
    """What becomes of recorded packets; the system counts and logs them, and `told` hears of each batch."""
    import engine

    prepared = None
    for batch in _dated(batches, system.clock.now):
        prepared = prepared or system.prepare(engine.is_compiled(batch.start))
        for frames, part in system.parts(batch, prepared):
            outcome, _ = system.receive(frames, interface, part)
            told(part, frames, outcome)
            yield from _met(part, frames, outcome)


def _known_interface(system: System, name: str | None) -> None:
    known = [each.name for each in system.stack.interfaces.attachments.values() if each.type != "LOOPBACK"]
    if name is not None and name not in known:
        raise ValueError(f"no interface {name}; {did_you_mean(name, known, 'there are ' + ', '.join(known))}")


def _of_capture(here: View, asked: Assertion, subject: Subject, world: World, coverage: Coverage) -> str:
    """Every judged packet of a capture is permitted, or none is."""
    assert subject.capture is not None
    system = copied(here.system)
    _known_interface(system, subject.interface)
    met = _grouped(_recorded(system, world.frames(subject.capture), subject.interface))
    _hit(coverage, met)
    judging = [one for one in met if one.verdict != "unjudged"]
    judged = sum(one.packets for one in judging)
    wrong = [one for one in judging if (one.verdict in PERMITTING) != (asked.kind == "permit")]
    if not judged:
        return f"says nothing: {subject.capture} has no packet that filters judge"
    return _wrong_frames(subject.capture, wrong, judged)


def _wrong_frames(capture: str, wrong: Sequence[_Met], judged: int) -> str:
    if not wrong:
        return ""
    lines = [f"{sum(met.packets for met in wrong):,} of {judged:,} judged packets of {capture}:"]
    for met in wrong[:MOST_SHOWN]:
        names = " and ".join(called(rule) for rule in met.rules)
        lines.append(f"frame {met.frame} is {met.verdict}" + (f" by {names}" if names else "") + _more(met))
    return "\n".join(lines + (["..."] if len(wrong) > MOST_SHOWN else []))


def _more(met: _Met) -> str:
    return f" ({met.packets:,} like it)" if met.packets > 1 else ""


def _hit(coverage: Coverage, met: Iterable[_Met]) -> None:
    for one in met:
        for rule in one.rules:
            if rule is not None and not rule.hidden:
                coverage.hit(rule, one.packets)


def _unchanged(space: Space, old: View, new: View, asked: Assertion, world: World) -> str:
    """No packet fares otherwise than in another system."""
    subject = asked.subject
    if subject.packet is not None:
        return _packets_unchanged(old, new, asked, subject.packet)
    if subject.capture is not None:
        sides = [
            _recorded(copied(side.system), world.frames(subject.capture), subject.interface) for side in (old, new)
        ]
        count, lines = 0, []
        for mine, its in zip(*sides, strict=True):
            if mine.verdict != its.verdict or (not asked.verdicts_only and mine.logged != its.logged):
                count += 1
                if count <= MOST_SHOWN:
                    lines.append(f"frame {mine.frame} was {_how(mine)}, is {_how(its)}")
        return "\n".join([f"{count:,} packets of {subject.capture}:", *lines]) if count else ""
    assert subject.wanted is not None
    among = old.among | new.among
    parts: dict[Any, Packets] = compare.contrasted(space, old, new, among).parts()
    within = search.conditions(space, new, subject.wanted)
    kinds = (compare.PERMITTED, compare.DENIED) if asked.verdicts_only else compare.KINDS
    lines = []
    for kind in kinds:
        packets = parts[kind] & within if kind in parts else space.nothing
        if packets:
            example = compare.sample(new, packets)
            before, after = (each.deciding(crossings.judged(each, [example])[0]) for each in (old, new))
            lines.append(
                f"{kind}, {whytold.size(packets.count())}: {words.box(packets.boxes(among)[0])}\n"
                f"counterexample: {_shown(new, example)}\ndecided by {called(before)} before, {called(after)} now"
            )
    return "\n".join(lines)


def _packets_unchanged(old: View, new: View, asked: Assertion, text: str) -> str:
    said = []
    for question in questions(text, new.system.clock.now):
        before, after = explain(old, question), explain(new, question)
        if before.verdict != after.verdict or (not asked.verdicts_only and bool(before.records) != bool(after.records)):
            said.append(f"{after.packet}\nbefore: {whytold.sentence(before)}\nnow: {whytold.sentence(after)}")
    return "\n".join(said[:MOST_SHOWN])


def _how(met: _Met) -> str:
    names = " and ".join(called(rule) for rule in met.rules)
    return f"{met.verdict} by {names or 'no filter'}{', logged' if met.logged else ''}"


# ---- the story -------------------------------------------------------------------------------------------------


class Happened(NamedTuple):
    """What a step brought: an answer in text and its exit code, the messages of the console, asked for or not, packets,
    replies, and records written."""

    text: str = ""
    messages: tuple[str, ...] = ()
    code: int = 0
    refused: str = ""
    met: tuple[_Met, ...] = ()
    replies: int = 0
    written: tuple[tuple[str, str], ...] = ()  # path, line


class _Story:
    """A system that steps are done to."""

    def __init__(self, space: Space, system: System, world: World, coverage: Coverage) -> None:
        self.space, self.system, self.world, self.coverage = space, system, world, coverage

    def step(self, step: Step) -> str:
        """Do it, and hold what happened against what is expected; what differs, "" for nothing."""
        before = {path: len(parts) for path, parts in self.system.files.appended.items()}
        self.system.seen()
        happened = _ACTIONS[step.kind](self, step)
        unasked, _ = self.system.seen()
        said = (*happened.messages, *map(str, unasked))
        happened = happened._replace(written=tuple(self._written(before)), messages=said)
        if not step.expected:
            return happened.refused
        return "\n".join(filter(None, (self._differs(each, happened) for each in step.expected)))

    def _written(self, before: dict[str, int]) -> Iterator[tuple[str, str]]:
        for path, parts in self.system.files.appended.items():
            for part in parts[before.get(path, 0) :]:
                text = part if isinstance(part, str) else str(part, "utf-8")
                yield from ((path, line) for line in text.splitlines())

    # ---- what steps do

    def console(self, step: Step) -> Happened:
        reply = self.system.console(step.value)
        unknown = next((each for each in reply.findings if each.severity == UNKNOWN), None)
        if unknown is not None and not reply.messages:
            raise _NotModelled(unknown.text)
        said = tuple(str(each) for each in reply.messages)
        refused = "" if reply.done else "the system refused it:\n" + "\n".join(
            (*said, *(f"{each.where}: {each.text}" for each in reply.findings if each.severity != "note"))
        )  # fmt: skip
        return Happened("\n".join(said), said, 0 if reply.done else 1, refused)

    def sh(self, step: Step) -> Happened:
        return self._typed(self.system.shell(step.value, step.user))

    def tso(self, step: Step) -> Happened:
        return self._typed(self.system.tso(step.value, step.user))

    @staticmethod
    def _typed(answer: Any) -> Happened:
        text = f"{answer.text}{answer.errors}"
        refused = f"it ended with code {answer.code}:\n{text}".rstrip() if answer.code else ""
        return Happened(text, (), answer.code, refused)

    def send(self, step: Step) -> Happened:
        met: list[_Met] = []
        replies = 0
        for question in questions(step.value, self.system.clock.now):
            question = question._replace(interface=step.interface)
            why = explain(view(self.space, self.system), question)
            self.coverage.saw(why)
            prepared = self.system.prepare()
            outcome, _ = self.system.receive(question.frames, question.arrival, prepared)
            replies += len(list(discard.replies(prepared, question.frames, outcome)))
            (one,) = _met(prepared, question.frames, outcome)
            met.append(one._replace(frame=len(met) + 1))
        return Happened(met=tuple(met), replies=replies)

    def capture(self, step: Step) -> Happened:
        _known_interface(self.system, step.interface)
        replies = 0

        def told(prepared: traffic.Prepared, frames: engine.Frames, outcome: traffic.Outcome) -> None:
            nonlocal replies
            replies += sum(1 for _ in discard.replies(prepared, frames, outcome))

        met = _grouped(_recorded(self.system, self.world.frames(step.value), step.interface, told))
        _hit(self.coverage, met)
        return Happened(met=met, replies=replies)

    def clock(self, step: Step) -> Happened:
        self.system.clock.advance_by(passing(step.value))
        self.system.tick()
        return Happened()

    def nothing(self, step: Step) -> Happened:
        return Happened()

    # ---- what is expected

    def _differs(self, expected: Expected, happened: Happened) -> str:
        """How what happened differs from one expectation, "" where it does not."""
        key, value = expected.key, expected.value
        texts = {
            "log": [line for _, line in happened.written],
            "log_file": [path for path, _ in happened.written],
            "message": list(happened.messages),
            "output": happened.text.splitlines(),
        }
        if key in ("verdict", "filter"):
            return _of_packets(key, value, happened.met)
        if key == "packets":
            return self._counted(value, _verdicts(happened.met), "packets")
        if key == "counter":
            return self._counted(value, {name: self._matches(name) for name in value}, "FilterMatches of")
        if key == "reply":
            has = "icmp" if happened.replies else "none"
            return "" if has == value else f"reply: {has}, not {value}"
        if key == "code":
            return "" if happened.code == value else f"code: {happened.code}, not {value}\n{happened.text}".rstrip()
        if key == "file":
            return "\n".join(filter(None, (self._in_file(name, each) for name, each in value.items())))
        if key == "no_file":
            there = [path for path in value if self.system.files.get(path) is not None]
            return f"no_file: {', '.join(there)} is there" if there else ""
        if key.startswith("no_"):
            return _absent(key, value, texts[key.removeprefix("no_")])
        return _present(key, value, texts[key])

    def _counted(self, wanted: dict[str, tuple[int, ...]], has: Any, what: str) -> str:
        wrong = [(name, each, has[name]) for name, (each, *_) in wanted.items() if has[name] != each]
        return "\n".join(f"{what} {name}: {found:,}, not {each:,}" for name, each, found in wrong)

    def _matches(self, name: str) -> int:
        """FilterMatches of a filter, of all its extensions where only its name is given. ValueError: there is none."""
        stack = self.system.stack
        rows: list[tuple[FilterRule, int]] = [(each.rule, each.hits.matches) for each in stack.defensive.filters]
        if stack.in_force is not None:
            rows += [
                (rule, hits.matches) for rule, hits in zip(stack.in_force.filters, stack.in_force.hits, strict=True)
            ]
        found = [matches for rule, matches in rows if _is(rule, name)]
        if not found:
            known = dict.fromkeys(rule.name for rule, _ in rows if not rule.hidden)
            raise ValueError(f"no filter {name}; {did_you_mean(name, known, 'zsim filters lists them')}")
        return sum(found)

    def _in_file(self, path: str, wanted: Sequence[str]) -> str:
        text = self.system.files.get(path)
        if not isinstance(text, str):
            return f"file: {path} is not there"
        return _present(f"file {path}", wanted, text.splitlines())


_ACTIONS: dict[str, Callable[[_Story, Step], Happened]] = {
    "console": _Story.console, "sh": _Story.sh, "tso": _Story.tso, "send": _Story.send, "capture": _Story.capture,
    "clock": _Story.clock, "": _Story.nothing,
}  # fmt: skip


def _verdicts(met: Iterable[_Met]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in met:
        found[one.verdict] += one.packets
    return found


def _of_packets(key: str, value: str, met: Sequence[_Met]) -> str:
    """Every packet that could be judged has the verdict, or is decided by the filter."""
    judged = [one for one in met if one.verdict != "unjudged" or value == "unjudged"]
    if not judged:
        return f"{key}: no packet was judged"
    if key == "verdict":
        wrong = [one for one in judged if one.verdict != value]
    else:
        wrong = [one for one in judged if not any(_is(rule, value) for rule in one.rules)]
    lines = [f"packet {one.frame} is {_how(one)}, not {value}{_more(one)}" for one in wrong[:MOST_SHOWN]]
    return "\n".join(lines + (["..."] if len(wrong) > MOST_SHOWN else []))


def _present(key: str, wanted: Sequence[str], lines: Sequence[str]) -> str:
    missing = [each for each in wanted if not any(each in line for line in lines)]
    if not missing:
        return ""
    seen = [f"  {line}" for line in lines[-MOST_SHOWN:]] or ["  nothing"]
    return "\n".join([f"{key}: {each!r} is not in" for each in missing] + seen)


def _absent(key: str, unwanted: Sequence[str], lines: Sequence[str]) -> str:
    found = [line for line in lines if any(each in line or each == "any" for each in unwanted)]
    return "\n".join([f"{key}: there is", *(f"  {line}" for line in found[:MOST_SHOWN])]) if found else ""
