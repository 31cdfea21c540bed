"""What rules tell of a batch: a list by packet, leg and kind, its limits, and its columns for text.

journal = list_told(judgement, rules, block, simulate)
cells = columns(template, sources, frames, judgement, journal)
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from engine.arrays import Array, as_array, blank, is_compiled, zeros
from engine.capture import Frames
from engine.fields import COLUMN, FIELD
from engine.judge import Judgement, RuleSet
from engine.text import Columns, Template

KINDS = ("simulated", "blocked", "decided")

#: What a column of text can be besides a field: the time of the packet in ns, its rule (`rule_text`), where it was
#: (`place`).
TIME, RULE, PLACE = "time", "rule", "place"

Source = (
    str | Mapping[int, str]
)  # one of these, a field, or a field by protocol: -1 where unknown, -2 where it has none


def rule_text(rule: int, simulated: bool) -> int:
    """The number that RULE has."""
    return 2 * rule + simulated


def place(interface: int, version: int, direction: int, routed: bool) -> int:
    """The number that PLACE has; interface -1 is none."""
    return 8 * (interface + 1) + 4 * (version == 6) + 2 * direction + routed


class Journal(NamedTuple):
    """Entry i is about row row[i] of leg leg[i]."""

    leg: Array  # u1[n]
    row: Array  # i4[n]
    rule: Array  # i4[n]
    kind: Array  # u1[n]  a number of KINDS
    count: int  # type: ignore[assignment]  # hides tuple.count


class Quotas(NamedTuple):
    """Quotas of the rules from `first` on, and their accounts, which `limited` changes: at most `limit` entries an
    interval on average (0: any number), bursts of as many."""

    first: int
    interval: int  # ns, of the reports
    limit: Array  # i8[rules], this and all that follow
    created: Array  # the intervals are counted from it
    expires: Array
    credit: Array  # ns
    refilled: Array  # until when
    suppressed: Array  # entries held back since the last report
    since: Array  # when the first of them was


class Report(NamedTuple):
    """So many entries of a rule were held back in an interval that ended at `time`, before entry `before`."""

    before: int
    rule: int  # counted from Quotas.first
    time: int
    held_back: int


def list_told(
    judgement: Judgement, rules: RuleSet, block: RuleSet | None = None, simulate: RuleSet | None = None
) -> Journal:
    """What the rules that log tell of a batch."""
    from engine.kernels.journal import list_told as told

    legs = judgement.legs
    compiled = is_compiled(legs[0].packet)
    most = sum(leg.count for leg in legs) * len(KINDS)
    leg, kind = blank("u1", most, compiled), blank("u1", most, compiled)
    row, rule = blank("i4", most, compiled), blank("i4", most, compiled)
    given = [value for each in legs for value in (each.packet, each.simulate, each.block, each.rule, each.count)]
    tell = [as_array(of.log if of else b"", "u1", compiled) for of in (simulate, block, rules)]
    n = told(*given, *tell, leg, row, rule, kind)
    return Journal(leg[:n], row[:n], rule[:n], kind[:n], n)


def limited(
    journal: Journal, frames: Frames, judgement: Judgement, quotas: Quotas
) -> tuple[Journal, Array, list[Report]]:
    """What quotas let through; u1[n], which entries those are; and the reports, `before` counted among what is let
    through."""
    from engine.kernels.journal import hold_back, keep_only, times_of

    n, filters, compiled = journal.count, len(quotas.limit), is_compiled(judgement.legs[0].packet)
    time, keep = blank("i8", n, compiled), zeros("u1", n, compiled)
    times_of(frames.time, judgement.legs[0].packet, judgement.legs[1].packet, journal.leg, journal.row, n, time, 0)
    told = [blank("i8", n + filters, compiled) for _ in range(4)]
    reports = hold_back(
        time, journal.rule, journal.kind, n, quotas.first, filters, quotas.interval, *quotas[2:], keep, *told
    )
    kept = keep.tolist() if reports else []
    rows = zip(*(each[:reports].tolist() for each in told), strict=True)
    found = [Report(sum(kept[:before]), *rest) for before, *rest in rows]
    leg, row, rule, kind, _ = journal
    m = keep_only(keep, n, leg, row, rule, kind)
    return Journal(leg[:m], row[:m], rule[:m], kind[:m], m), keep, found


def columns(
    template: Template, sources: Mapping[str, Source], frames: Frames, judgement: Judgement, journal: Journal
) -> Columns:
    """The columns of a template for every entry: `sources` says what each is; a column that it leaves out is the
    field of its name."""
    from engine.kernels.journal import by_protocol, cells_of, places_of, rules_of, times_of

    one, other = judgement.legs
    n, compiled = journal.count, is_compiled(one.packet)
    cells = blank("i8", template.words * n, compiled)
    values = (one.headers.value, one.count, other.headers.value, other.count)
    entry = (journal.leg, journal.row, n)
    for name, first in template.columns.items():
        source, at = sources.get(name, name), first * n
        if source == TIME:
            times_of(frames.time, one.packet, other.packet, *entry, cells, at)
        elif source == RULE:
            rules_of(journal.rule, journal.kind, n, cells, at)
        elif source == PLACE:
            legs = (*values[:2], one.interface, *values[2:], other.interface)
            places_of(*legs, *entry, COLUMN["version"], COLUMN["routed"], cells, at)
        elif isinstance(source, Mapping):
            by_protocol(*values, *entry, COLUMN["proto"], *_which(tuple(source.items()), compiled), cells, at)
        else:
            for word in range(FIELD[source].words):
                if FIELD[source].words == 1 or word == 3 or one.headers.wide:
                    cells_of(*values, *entry, COLUMN[source] + word, cells, at + word * n)
    return Columns(cells, n)


@cache
def _which(fields: tuple[tuple[int, str], ...], compiled: bool) -> tuple[Array, Array]:
    """By protocol, the unknown one included: column, and its unknown value."""
    rows = [dict(fields).get(proto) for proto in range(FIELD["proto"].unknown + 1)]
    which = [-1 if name is None else COLUMN[name] for name in rows]
    unknown = [0 if name is None else FIELD[name].unknown for name in rows]
    return as_array(which, "i8", compiled), as_array(unknown, "i8", compiled)
