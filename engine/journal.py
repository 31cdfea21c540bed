"""What rules tell of a batch: a list by packet, leg and kind, its limits, and its columns for text.

journal = list_told(judgement, rules, block, simulate)
cells = Plan(template, sources, compiled).columns(frames, Judged(headers, journey, zones), journal, 0, journal.count)
"""

from collections.abc import Mapping
from typing import NamedTuple

from engine.arrays import Array, as_array, blank, is_compiled, zeros
from engine.capture import Frames
from engine.fields import COLUMN, FIELD
from engine.headers import Headers
from engine.judge import Judgement, RuleSet
from engine.text import Columns, Template
from engine.vantage import Journey

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
    """Entry i is about packet[i] on leg leg[i]."""

    leg: Array  # u1[n]
    packet: Array  # i4[n]  row in the batch
    rule: Array  # i4[n]
    kind: Array  # u1[n]  a number of KINDS
    count: int  # type: ignore[assignment]  # hides tuple.count


class Judged(NamedTuple):
    """The batch that a journal is about."""

    headers: Headers
    journey: Journey
    zones: Array  # i4[interfaces]


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
    tell = [as_array(of.log if of else b"", "u1", compiled) for of in (simulate, block, rules)]
    if not any(of.any() if compiled else any(of) for of in tell):
        leg, packet, rule, kind = (blank(made, 0, compiled) for made in ("u1", "i4", "i4", "u1"))
        return Journal(leg, packet, rule, kind, 0)
    most = sum(leg.count for leg in legs) * len(KINDS)
    leg, kind = blank("u1", most, compiled), blank("u1", most, compiled)
    packet, rule = blank("i4", most, compiled), blank("i4", most, compiled)
    given = [value for each in legs for value in (each.packet, each.simulate, each.block, each.rule, each.count)]
    n = told(*given, *tell, leg, packet, rule, kind)
    return Journal(leg[:n], packet[:n], rule[:n], kind[:n], n)


def limited(journal: Journal, frames: Frames, quotas: Quotas) -> tuple[Journal, Array, list[Report]]:
    """What quotas let through; u1[n], which entries those are; and the reports, `before` counted among what is let
    through."""
    from engine.kernels.journal import hold_back, keep_only, times_of

    n, filters, compiled = journal.count, len(quotas.limit), is_compiled(journal.packet)
    time, keep = blank("i8", n, compiled), zeros("u1", n, compiled)
    times_of(frames.time, journal.packet, n, time)
    told = [blank("i8", n + filters, compiled) for _ in range(4)]
    reports = hold_back(
        time, journal.rule, journal.kind, n, quotas.first, filters, quotas.interval, *quotas[2:], keep, *told
    )
    kept = keep.tolist() if reports else []
    rows = zip(*(each[:reports].tolist() for each in told), strict=True)
    found = [Report(sum(kept[:before]), *rest) for before, *rest in rows]
    leg, packet, rule, kind, _ = journal
    m = keep_only(keep, n, leg, packet, rule, kind)
    return Journal(leg[:m], packet[:m], rule[:m], kind[:m], m), keep, found


class Plan:
    """How the columns of a template are filled: `sources` says what each is; a column that it leaves out is the field
    of its name. One thread at a time can use it."""

    def __init__(self, template: Template, sources: Mapping[str, Source], compiled: bool) -> None:
        from engine.kernels import journal as kernels

        narrow, wide = [(kernels.NOTHING, 0)] * template.words, [(kernels.NOTHING, 0)] * template.words
        context = {"direction": kernels.LEG, "routed": kernels.PASSED, "zone": kernels.SECURITY}
        alone = {TIME: kernels.TIME, RULE: kernels.RULE, PLACE: kernels.PLACE, **context}
        fields: list[int] = []
        unknown: list[int] = []
        for name, at in template.columns.items():
            source = sources.get(name, name)
            if isinstance(source, Mapping):
                wide[at] = narrow[at] = (kernels.BY_PROTOCOL, len(fields))
                of = [source.get(proto) for proto in range(FIELD["proto"].unknown + 1)]
                fields += [-1 if field is None else COLUMN[field] for field in of]
                unknown += [0 if field is None else FIELD[field].unknown for field in of]
            elif source in alone:
                wide[at] = narrow[at] = (alone[source], 0)
            else:
                words = FIELD[source].words
                for word in range(words):
                    wide[at + word] = (kernels.FIELD, COLUMN[source] + word)
                narrow[at + words - 1] = wide[at + words - 1]
        made = (as_array([word for row in rows for word in row], "i8", compiled) for rows in (narrow, wide))
        self.narrow, self.wide = made  # of a batch in which no address has more than 32 bits, and of others
        self.fields, self.unknown = (as_array(each or [0], "i8", compiled) for each in (fields, unknown))
        self.words, self.compiled = template.words, compiled
        self._cells = blank("i8", 0, compiled)

    def columns(self, frames: Frames, judged: Judged, journal: Journal, first: int, last: int) -> Columns:
        """The columns for entries `first` to `last` - 1. They lie in memory of the plan and last until its next use;
        the upper words of an address are not filled where none has more than 32 bits."""
        from engine.kernels.journal import fill

        n = last - first
        if len(self._cells) < n * self.words:
            self._cells = blank("i8", n * self.words, self.compiled)
        leg, packet, rule, kind, _ = journal
        headers, journey, zones = judged
        plan = self.wide if headers.wide else self.narrow
        fill(packet, leg, rule, kind, first, n, frames.time, headers.value, headers.count, *journey, zones, plan,
             self.words, self.fields, self.unknown, self._cells)  # fmt: skip
        return Columns(self._cells[: n * self.words], n)
