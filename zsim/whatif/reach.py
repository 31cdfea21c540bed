"""What can become of each installed filter: does it ever decide, what is in its way, would anything change without it.

    space = Space()
    found = reach.reach(space, crossings.view(space, system))        # Reach: a Standing per filter, in search order
    reach.conflicts(found)                                           # pairs that overlap with another action

All possible crossings of the stack are asked, so each answer is a proof. A filter that is dead decides nothing, and all
dead ones may go together. Redundant ones are found one after the other, each with the dead and the redundant before it
gone already: all of them together may be removed, and no packet fares otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from zsim.tcpip.filters import FilterRule
from zsim.tcpip.traffic import STACK
from zsim.whatif.crossings import Fate, View
from zsim.whatif.search import ENDS_OF_WAY

if TYPE_CHECKING:
    import engine
    from engine.overlap import Boxes
    from engine.space import Packets, Partition, Space

# What a filter can be. SHADOWED and UNREACHABLE: one filter, or several together, match all its packets before it.
# CONTRADICTS: no packet has all it asks for; ELSEWHERE: none that crosses an interface of this stack has. BLOCKED: a
# defensive filter takes all that it would decide. DENIED_ON_ARRIVAL: none that it would decide gets that far.
LIVE, SHADOWED, UNREACHABLE, CONTRADICTS, ELSEWHERE = "live", "shadowed", "unreachable", "contradicts", "elsewhere"
REDUNDANT, BLOCKED, DENIED_ON_ARRIVAL = "redundant", "blocked", "denied on arrival"
DEAD = (SHADOWED, UNREACHABLE, CONTRADICTS, ELSEWHERE)
Progress = Callable[[int, int], object]


class Standing(NamedTuple):
    """One filter: its row in the view, what it can do, the rows in its way (as few as it takes), and what narrows it to
    nothing; `example` is a packet it matches."""

    row: int
    state: str
    blocking: tuple[int, ...] = ()
    because: tuple[str, ...] = ()
    example: dict[str, int] | None = None


class Conflict(NamedTuple):
    """Packets that `earlier` decides and `later` would decide otherwise. `harm`: the earlier one permits, and the later
    one is about more particular addresses."""

    earlier: int
    later: int
    packets: Packets
    harm: bool


@dataclass
class Reach:
    """The standings of one list of rules, and what was needed to find them."""

    space: Space
    view: View
    rules: Sequence[engine.Rule]
    boxes: Boxes
    standings: list[Standing] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)  # positions of dead and redundant rules
    _mine: dict[int, Packets] = field(default_factory=dict)
    _fates: dict[int, Fate] = field(default_factory=dict)

    def rule(self, at: int) -> FilterRule:
        return self.view.rows[self.rules[at].number]

    def told(self, at: int) -> bool:
        """Is it a filter somebody wrote?"""
        rule = self.rule(at)
        return not (rule.implicit or rule.hidden or rule.layer == STACK)

    def fate(self, row: int) -> Fate:
        if row not in self._fates:
            self._fates[row] = self.view.fate((-1, -1, row))
        return self._fates[row]

    def matched(self, at: int) -> Packets:
        """The crossings a rule matches."""
        if at not in self._mine:
            self._mine[at] = self.space.rule(self.rules[at]) & self.view.among
        return self._mine[at]

    def decided(self, at: int) -> Packets:
        """The crossings a rule decides, the rules that are gone left out."""
        before = [each for each in self.boxes.overlapping(at) if each < at and each not in self.gone]
        asked = [self.rules[each] for each in (*before, at)]
        return self.space.first_match(asked, self.matched(at)).where(self.rules[at].number)


def reach(space: Space, view: View, progress: Progress = lambda done, total: None) -> Reach:
    """The standing of every filter that somebody wrote and that is installed at the time of the view."""
    from engine.overlap import Boxes, samples

    rules = view.asked.rules
    found = Reach(space, view, rules, Boxes(rules))
    partition = space.first_match(rules, view.among)
    examples = {row: packet for row, packet in samples(partition).items() if isinstance(row, int)}
    alive = {at for at, rule in enumerate(rules) if rule.number in examples}
    found.gone = {at for at in range(len(rules)) if at not in alive and found.told(at)}
    blocked = space.union([space.rule(rule) for rule in view.asked.block]) & view.among
    unreached = _denied_on_arrival(found, partition, blocked)
    for at, rule in enumerate(rules):
        progress(at, len(rules))
        if found.told(at):
            example = examples.get(rule.number)
            standing = _dead(found, at) if example is None else _alive(found, at, example, blocked, unreached)
            found.standings.append(standing)
    progress(len(rules), len(rules))
    return found


def _denied_on_arrival(found: Reach, partition: Partition, blocked: Packets) -> Packets:
    """The crossings of forwarded packets on their way out that were denied when they came in. (as search.reached)"""
    space, among = found.space, found.view.among
    second = space.box(routed=1, direction=1) & among
    if not any(("routed", 1, 1) in rule.tests for rule in found.rules):
        return space.nothing  # nobody means to forward, and to say so of filters for both would tell nobody anything
    permits = [row for row in partition.values() if isinstance(row, int) and row >= 0 and found.fate(row).permits]
    arrived = (partition.where(*permits) & space.box(routed=1, direction=0)) - blocked
    return second - arrived.freed(*ENDS_OF_WAY)


def _dead(found: Reach, at: int) -> Standing:
    """Why a rule that decides no packet does not."""
    from engine.rules import Rule

    space, rule = found.space, found.rules[at]
    mine = found.matched(at)
    if not mine:
        state = ELSEWHERE if space.rule(rule) else CONTRADICTS
        within = found.view.among if state == ELSEWHERE else space.everything
        because = [
            name for name, _, _ in rule.tests
            if space.rule(Rule(0, tuple(test for test in rule.tests if test.field != name))) & within
        ]  # fmt: skip
        return Standing(rule.number, state, because=tuple(dict.fromkeys(because)))
    before = [each for each in found.boxes.overlapping(at) if each < at]
    cover = covering(space, [found.rules[each] for each in before], mine)
    state = SHADOWED if len(cover) == 1 else UNREACHABLE
    return Standing(rule.number, state, tuple(each.number for each in cover), example=mine.sample())


def _alive(found: Reach, at: int, example: dict[str, int], blocked: Packets, unreached: Packets) -> Standing:
    row = found.rules[at].number
    if example in blocked and (mine := found.decided(at)) <= blocked:
        cover = covering(found.space, found.view.asked.block, mine)
        return Standing(row, BLOCKED, tuple(dict.fromkeys(each.number for each in cover)), example=example)
    if example in unreached and found.decided(at) <= unreached:
        return Standing(row, DENIED_ON_ARRIVAL, example=example)
    instead = _redundant(found, at, example)
    if instead is not None:
        found.gone.add(at)
        return Standing(row, REDUNDANT, instead, example=example)
    return Standing(row, LIVE, example=example)


def _redundant(found: Reach, at: int, example: dict[str, int]) -> tuple[int, ...] | None:
    """The rows that decide the same without a rule; None if some packet would fare otherwise."""
    own = found.fate(found.rules[at].number)
    after = (each for each in found.boxes.matching(example) if each > at and each not in found.gone)
    following = next(after, None)
    if following is None or found.fate(found.rules[following].number) != own:  # one packet is enough to say no
        return None
    wider = set(found.boxes.containing(at))
    behind = []
    for each in found.boxes.overlapping(at):
        if each > at and each not in found.gone:
            behind.append(each)
            if each in wider:
                break
    fell = found.space.first_match([found.rules[each] for each in behind], found.decided(at)).values()
    rows = [row for row in fell if isinstance(row, int)]
    return tuple(sorted(rows)) if all(row >= 0 and found.fate(row) == own for row in rows) else None


def covering(space: Space, rules: Sequence[engine.Rule], mine: Packets) -> list[engine.Rule]:
    """As few of the rules as it takes to match all of `mine`, which all together match: one, or a set of which none
    can be spared."""
    example = mine.sample()
    assert example is not None
    for rule in rules:
        if all(low <= example[name] <= high for name, low, high in rule.tests) and mine <= space.rule(rule):
            return [rule]
    deciding = set(space.first_match(rules, mine).values())
    chosen = [rule for rule in rules if rule.number in deciding]
    sets = [space.rule(rule) & mine for rule in chosen]
    behind = [space.nothing]
    for each in reversed(sets):
        behind.append(behind[-1] | each)
    kept, cover = space.nothing, []
    for rule, each, rest in zip(chosen, sets, reversed(behind[:-1]), strict=True):
        if not mine <= kept | rest:
            kept |= each
            cover.append(rule)
    return cover


def conflicts(found: Reach, most: int = 200) -> tuple[list[Conflict], bool]:
    """Pairs of rules with something in common and another verdict, the earlier of which is not within the later one:
    one for each two rules as they were written, `most` of those that harm and of the others. Whether there may be more.
    Specific before general is how filters are meant to be written."""
    pairs: list[Conflict] = []
    more = False
    for harm in (True, False):
        some = list(islice(_conflicts(found, harm), most + 1))
        pairs += some[:most]
        more |= len(some) > most
    return pairs, more


def _conflicts(found: Reach, harm: bool) -> Iterator[Conflict]:
    import numpy as np

    count = len(found.rules)
    plain = np.array([found.told(at) and at not in found.gone for at in range(count)], bool)
    denies = np.array([found.rule(at).denies for at in range(count)], bool)
    seen: set[tuple[object, object]] = set()
    for at in range(count):
        if not plain[at] or (harm and denies[at]):
            continue
        for other in found.boxes.crossing(at, plain & (denies != denies[at])):
            one, two = found.rule(at), found.rule(other)
            key = (one.name, one.where), (two.name, two.where)
            if key in seen or (not one.denies and not _about_fewer(one, two)) != harm:
                continue
            common = found.matched(at) & found.matched(other)
            if not common or found.matched(at) <= found.matched(other):
                continue
            common &= found.decided(at)
            if common:
                seen.add(key)
                yield Conflict(found.rules[at].number, found.rules[other].number, common, harm)


def _about_fewer(one: FilterRule, other: FilterRule) -> bool:
    """Are the addresses of a filter, source and destination, among those of another?"""
    return all(
        its.low <= mine.low and mine.high <= its.high
        for mine, its in ((one.source, other.source), (one.dest, other.dest))
    )
