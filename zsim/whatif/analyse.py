"""What is wrong with the rules in force: dead, redundant, contradicting, never used, wider than what was seen.

    found = analyse.analyse(space, system)           # Analysis: anomalies, gravest first; a standing for each filter

An anomaly is told of a rule as it was written (an IpFilterRule, an IPSECRULE, a defensive filter), which may be many
installed filters: a rule is dead if all of them are. `# zsim: ignore ID` in the files, on the line or in the comment
above it, or a line `ID [NAME]` of an ignore file, keeps one quiet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from zsim.clock import iso
from zsim.facts import choosing
from zsim.findings import ERROR, KINDS, NOTE, UNKNOWN, WARNING, Where, did_you_mean, finding
from zsim.system import System
from zsim.tcpip.filters import FilterRule
from zsim.whatif import checks, compare, crossings, usage, words
from zsim.whatif.anomaly import Anomaly, Key, key_of, named, titles
from zsim.whatif.crossings import View
from zsim.whatif.reach import (
    BLOCKED,
    DEAD,
    DENIED_ON_ARRIVAL,
    ELSEWHERE,
    REDUNDANT,
    SHADOWED,
    UNREACHABLE,
    Progress,
    Reach,
    Standing,
    conflicts,
    covering,
    reach,
)

if TYPE_CHECKING:
    from engine.space import Space

GRAVITY = (ERROR, WARNING, UNKNOWN, NOTE)
BLOCKING_LINES, UNMATCHABLE = "BLOCKING_LINES", "INDEPENDENTLY_UNMATCHABLE"

# What a test of a rule is called where it leaves no packet.
FIELDS = {
    "src_addr": "its source address", "dst_addr": "its destination address", "zone": "its security class",
    "routed": "its routing", "direction": "its direction", "proto": "its protocol", "src_port": "its source port",
    "dst_port": "its destination port", "type": "its type", "code": "its code", "fragment": "fragments only",
    "opaque": "protocol Opaque", "connect": "its direction of connection", "version": "its IP version",
}  # fmt: skip


class Ignore(NamedTuple):
    """Findings that are not told: those of one id, of one rule where `name` says so."""

    id: str
    name: str = ""


class Analysis(NamedTuple):
    """What was found. `told` and `ignored` are in order of gravity; `reach` has the standing of each filter; `missing`
    are filters not installed now, because of their time condition."""

    view: View
    told: tuple[Anomaly, ...]
    ignored: tuple[Anomaly, ...]
    reach: Reach
    missing: tuple[FilterRule, ...]

    @property
    def clean(self) -> bool:
        return not any(each.severity in (ERROR, WARNING) for each in self.told)


def analyse(
    space: Space,
    system: System,
    traffic: usage.Traffic | None = None,
    ignore: Sequence[Ignore] = (),
    home: Sequence[tuple[int, int]] = (),
    window: int = usage.WINDOW,
    view: View | None = None,
    progress: Progress = lambda done, total: None,
) -> Analysis:
    """Everything about the rules that are installed at the time of the clock. `traffic` is what captures show, gathered
    with `view`; `window` in ns is how long a rule has to be watched before it is called unused."""
    view = view or crossings.view(space, system, home=home, few=True)
    with choosing(system.facts):
        found = reach(space, view, progress)
        every = [
            *_rules(found),
            *_defences(space, view),
            *_conflicts(found),
            *checks.checks(space, view),
            *usage.unused(view, traffic, window),
            *(usage.wider(view, traffic) if traffic else ()),
        ]
    active = {rule.number for rule in view.asked.rules}
    filters = view.prepared.in_force.filters if view.prepared.in_force else ()
    every.sort(key=lambda each: GRAVITY.index(each.severity))
    ignored = [each for each in every if _is_ignored(system, each, ignore)]
    quiet = {id(each) for each in ignored}
    return Analysis(
        view, tuple(each for each in every if id(each) not in quiet), tuple(ignored), found,
        tuple(rule for at, rule in enumerate(filters) if at not in active),
    )  # fmt: skip


# ---- rules that cannot do anything -----------------------------------------------------------------------------


def _rules(found: Reach) -> Iterator[Anomaly]:
    """The standings of all filters of each rule, as one."""
    of: dict[Key, list[Standing]] = {}
    for standing in found.standings:
        of.setdefault(key_of(found.view.rows[standing.row]), []).append(standing)
    for standings in of.values():
        yield from _rule(found, standings)


def _rule(found: Reach, standings: Sequence[Standing]) -> Iterator[Anomaly]:
    view = found.view
    states = {each.state for each in standings}
    rule = view.rows[standings[0].row]
    covered = [each for each in standings if each.state in (SHADOWED, UNREACHABLE)]
    if states <= set(DEAD):
        yield _dead(view, rule, standings, covered)
    elif states <= {*DEAD, REDUNDANT}:
        instead = [view.rows[row] for each in standings for row in each.blocking if each.state == REDUNDANT]
        yield _anomaly(
            view, "redundant", rule, standings, instead=named(view, _others(rule, instead) or instead, rule.where)
        )
    elif states <= {*DEAD, REDUNDANT, BLOCKED}:
        blocking = _others(rule, _blocking(view, [each for each in standings if each.state == BLOCKED]))
        ends = max((each.defence.expires for each in blocking if each.defence), default=None)
        until = f" until {iso(ends)[:19]}" if ends is not None else ""
        yield _anomaly(
            view, "behind-defence", rule, standings, blocking, blocking=named(view, blocking, rule.where), until=until
        )
    elif states <= {*DEAD, REDUNDANT, DENIED_ON_ARRIVAL}:
        yield _anomaly(view, "denied-on-arrival", rule, standings)
    else:
        superfluous = [each for each in standings if each.state in (SHADOWED, UNREACHABLE, REDUNDANT)]
        if superfluous:
            others = _blocking(view, superfluous)
            outside = _others(rule, others)
            verb = "match" if len({key_of(each) for each in outside}) > 1 else "matches"
            why = (
                f"{named(view, outside, rule.where)} {verb} their packets"
                if outside
                else "its other filters match their packets"
            )
            counts = {"count": str(len(superfluous)), "of": str(len(standings))}
            yield _anomaly(view, "partly-dead", rule, superfluous, others, **counts, why=why)


def _dead(view: View, rule: FilterRule, standings: Sequence[Standing], covered: Sequence[Standing]) -> Anomaly:
    if not covered:
        return _anomaly(view, "never-matches", rule, standings, why=_unmatchable(standings))
    blocking = _blocking(view, covered)
    outside = _others(rule, blocking) or blocking
    id = "shadowed" if len({key_of(each) for each in outside}) == 1 else "unreachable"
    differs = any(each.denies != rule.denies for each in outside)
    return _anomaly(view, id, rule, standings, outside, blocking=named(view, outside, rule.where),
                    but=", with another action" if differs else "", first=outside[0].name)  # fmt: skip


def _unmatchable(standings: Sequence[Standing]) -> str:
    because = list(dict.fromkeys(name for each in standings for name in each.because))
    told = " or ".join(FIELDS[name] for name in because) if because else "what it tests, taken together,"
    if any(each.state == ELSEWHERE for each in standings):
        return f"none that crosses an interface of this stack has {told.removesuffix(',')}"
    return f"none can have {told.removesuffix(',')} with the rest of what it tests"


def _blocking(view: View, standings: Sequence[Standing]) -> list[FilterRule]:
    return [view.rows[row] for row in sorted({row for each in standings for row in each.blocking})]


def _others(rule: FilterRule, rules: Sequence[FilterRule]) -> list[FilterRule]:
    return [each for each in rules if key_of(each) != key_of(rule)]


def _anomaly(
    view: View,
    id: str,
    rule: FilterRule,
    standings: Sequence[Standing],
    by: Sequence[FilterRule] = (),
    **values: str,
) -> Anomaly:
    example = next((each.example for each in standings if each.example is not None), None)
    what = f"{rule.action.lower()} {rule.name}"
    said = finding(id, rule.where, what=what, **values)
    if any(view.rows[row].times for each in standings for row in each.blocking):
        said = said._replace(severity=NOTE, text=f"{said.text}; so it is now, by rules that have a time condition")
    differs = any(each.denies != rule.denies for each in by) if by else None
    return Anomaly(
        said, rule.layer, rule.name, rule.action,
        titles(view.rows[each.row] for each in standings), titles(by), differs,
        BLOCKING_LINES if by else UNMATCHABLE if id == "never-matches" else "",
        words.packet(example) if example is not None else "",
    )  # fmt: skip


def _defences(space: Space, view: View) -> Iterator[Anomaly]:
    """Defensive filters that other ones, asked before them, leave nothing."""
    for rules in (view.asked.block, view.asked.simulate):
        for number in dict.fromkeys(rule.number for rule in rules):
            own = [rule for rule in rules if rule.number == number]
            before = [rule for rule in view.asked.block if rule.number < number]
            before += [rule for rule in rules if rule.number < number and rules is not view.asked.block]
            mine = space.union([space.rule(rule) for rule in own]) & view.among
            if not mine:
                standing = Standing(number, ELSEWHERE)
                why = "no such packet crosses an interface of this stack"
                yield _anomaly(view, "never-matches", view.rows[number], [standing], why=why)
            elif before and mine <= space.union([space.rule(rule) for rule in before]):
                cover = tuple(dict.fromkeys(each.number for each in covering(space, before, mine)))
                standing = Standing(number, SHADOWED if len(cover) == 1 else UNREACHABLE, cover, example=mine.sample())
                yield _dead(view, view.rows[number], [standing], [standing])


# ---- rules that contradict each other --------------------------------------------------------------------------


def _conflicts(found: Reach) -> Iterator[Anomaly]:
    """Those that permit what a deny is about first, each kind by how many packets it takes."""
    view = found.view
    pairs, more = conflicts(found)
    for each in sorted(pairs, key=lambda each: (not each.harm, -each.packets.count())):
        one, other = view.rows[each.earlier], view.rows[each.later]
        example = words.packet(compare.sample(view, each.packets))
        does, would = ("denies", "would permit") if one.denies else ("permits", "would deny")
        yield Anomaly(
            finding("permits-denied" if each.harm else "overlap", one.where, what=f"{one.action.lower()} {one.name}",
                    other=named(view, [other], one.where), example=example, does=does, would=would),
            one.layer, one.name, one.action, titles([one]), titles([other]), True, example=example,
        )  # fmt: skip
    if more:
        yield Anomaly(finding("more-overlaps", view.rows[pairs[0].earlier].where, count=str(len(pairs))))


# ---- what is not to be told ------------------------------------------------------------------------------------

_COMMENT = re.compile(r"[#;].*?\bzsim:\s*ignore\s+([\w,\s-]+)")


def read_ignored(text: str) -> list[Ignore]:
    """An ignore file: `ID` or `ID NAME` a line, # begins a comment. ValueError names the line and what is wrong."""
    found = []
    for at, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].split()
        if not said:
            continue
        if len(said) > 2:
            raise ValueError(f"line {at}: {line.strip()!r} is not ID or ID NAME")
        found.append(Ignore(*said))
        try:
            check_id(said[0])
        except ValueError as why:
            raise ValueError(f"line {at}: {why}") from None
    return found


def check_id(id: str) -> None:
    """ValueError: no finding has this id."""
    if id not in KINDS:
        raise ValueError(f"no finding is called {id}; {did_you_mean(id, KINDS, 'zsim analyse --json shows ids')}")


def _is_ignored(system: System, each: Anomaly, ignore: Sequence[Ignore]) -> bool:
    if any(one.id == each.id and one.name in ("", each.rule) for one in ignore):
        return True
    return each.id in said_at(system, each.finding.where)


def said_at(system: System, where: Where) -> set[str]:
    """The ids that comments on a line, and in the lines of nothing but comments above it, keep quiet."""
    text = system.files.get(where.source)
    lines = text.split("\n") if isinstance(text, str) else []
    if not 0 < where.line <= len(lines):
        return set()
    said = [lines[where.line - 1]]
    for line in reversed(lines[: where.line - 1]):
        if not line.lstrip().startswith(("#", ";")):
            break
        said.append(line)
    found = [match[1] for line in said if (match := _COMMENT.search(line))]
    return {id for words in found for id in re.split(r"[,\s]+", words) if id}
