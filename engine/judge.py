"""Headers on their journey, asked rule sets -> verdicts, and which rule gave each.

A leg is a packet crossing an interface of the host, and every leg is judged. What comes in or goes out has
one leg; what is forwarded has one in and, if that is permitted, one out. Defensive rules are asked before
the main ones: a block ends it, a simulation is only noted. What no main rule matches is denied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from engine.arrays import Array, as_array, blank, is_compiled, zeros
from engine.classify import classify
from engine.compile import MatchTable
from engine.headers import Headers, columns_of, select, select_columns
from engine.vantage import FORWARD, IN, OUT, Journey, Vantage

VERDICTS = ("permitted", "denied", "blocked", "unfiltered", "unjudged")
PERMITTED, DENIED, BLOCKED, UNFILTERED, UNJUDGED = range(len(VERDICTS))


class RuleSet(NamedTuple):
    """A match table and what its rules are for, by rule number. deny and log may be bytes or any ints."""

    table: MatchTable
    deny: Array  # u1[rules]
    log: Array  # u1[rules]


@dataclass
class Leg:
    """Packets crossing an interface in one direction, in batch order. Rules are numbers, or -1."""

    direction: int  # 0 in, 1 out
    packet: Array  # i4[m]  row in the batch
    crossing: Callable[[], Headers]
    interface: Array  # i4[m]  or -1
    rule: Array  # i4[m]  of the main rules; -1 also where a block decided
    block: Array  # i4[m]
    simulate: Array  # i4[m]  only where it stands before the block
    verdict: Array  # u1[m]  PERMITTED, DENIED or BLOCKED
    count: int

    @cached_property
    def headers(self) -> Headers:
        """Of these packets, with direction, routed and zone. Made when it is asked for: rules test few columns."""
        return self.crossing()


class Judgement(NamedTuple):
    verdict: Array  # u1[n]  of the packet: that of its last leg
    legs: tuple[Leg, ...]  # inbound, outbound


def judge(
    headers: Headers,
    journey: Journey,
    vantage: Vantage,
    rules: RuleSet,
    block: RuleSet | None = None,
    simulate: RuleSet | None = None,
) -> Judgement:
    """Judge every leg of every packet. The numbers of `block` and `simulate` rules are one order."""
    from engine.kernels.journey import pick, start_verdicts

    n, compiled = headers.count, headers.compiled
    verdict = zeros("u1", n, compiled)
    start_verdicts(journey.hook, n, verdict)
    legs, sets = [], (rules, block, simulate)
    for direction, hook, crossed in ((0, IN, journey.arrival), (1, OUT, journey.departure)):
        packet = blank("i4", n, compiled)
        m = pick(journey.hook, hook, FORWARD, verdict, n, packet)
        listed = packet[:m]
        legs.append(_leg(headers, journey, vantage, direction, crossed, listed, m, sets, verdict))
    return Judgement(verdict, tuple(legs))


def _leg(
    headers: Headers,
    journey: Journey,
    vantage: Vantage,
    direction: int,
    crossed: Array,
    packet: Array,
    m: int,
    sets: tuple[RuleSet, RuleSet | None, RuleSet | None],
    overall: Array,
) -> Leg:
    """Judge the m listed packets crossing the host's edge in one direction; `overall` is updated."""
    from engine.kernels.journey import cross, decide

    compiled = headers.compiled
    interface, verdict = blank("i4", m, compiled), blank("u1", m, compiled)

    def crossing(columns: Array | None = None) -> Headers:
        chosen = select(headers, packet, m) if columns is None else select_columns(headers, packet, m, columns)
        cross(journey.hook, crossed, packet, vantage.zones, m, direction, interface, chosen.value)
        return chosen

    tested = _tested(sets) if compiled else None
    asked = crossing(tested)
    nothing = as_array([-1], "i4", compiled)
    none = nothing.repeat(m) if compiled else nothing * m
    found = [classify(asked, of.table) if of else none[:] for of in sets]
    decide(*found, as_array(sets[0].deny, "u1", compiled), packet, m, verdict, overall)
    rule, blocked, simulated = found
    again = crossing if tested is not None else lambda: asked
    return Leg(direction, packet, again, interface, rule, blocked, simulated, verdict, m)


def _tested(sets: tuple[RuleSet | None, ...]) -> Array | None:
    """i8: the columns that rules test; None where a table does not say."""
    tables = [of.table for of in sets if of]
    if any(table.before is not None or not table.fields for table in tables):
        return None
    return columns_of(sorted({name for table in tables for name in table.fields}))


def logged(leg: Leg, rules: RuleSet, found: Array | None = None) -> Array:
    """i4: the rows of a leg whose rule is one that logs; `found` is leg.rule unless given (leg.block)."""
    from engine.kernels.journey import list_flagged

    compiled = is_compiled(leg.packet)
    row = zeros("i4", leg.count, compiled)
    flag = as_array(rules.log, "u1", compiled)
    return row[: list_flagged(leg.rule if found is None else found, flag, leg.count, row)]
