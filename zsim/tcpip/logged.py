"""What filters logged of one batch, as columns: for millions of packets, where a record each would be too slow.

Whoever wants records iterates, and gets what a batch in plain mode gives: `FilterEvent`s, and `Change`s where the log
limit of a defensive filter held messages back. The columns are those of the batch, so they are read before the next one
comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zsim.tcpip import defensive
from zsim.tcpip.defensive import Change, Guard

if TYPE_CHECKING:
    import engine
    from engine.journal import Journal, Judged
    from zsim.tcpip.traffic import FilterEvent


@dataclass(frozen=True)
class Logged:
    """`journal` lists what is logged, `reports` what stands before which of its entries; `each` makes an event of every
    entry, those that `held` marks with 0 among them (None: none was held back)."""

    frames: engine.Frames
    judged: Judged
    journal: Journal
    reports: tuple[tuple[int, Change], ...]
    held: Any
    each: Callable[[], Iterable[FilterEvent]]

    def __len__(self) -> int:
        return self.journal.count + len(self.reports)

    def __iter__(self) -> Iterator[FilterEvent | Change]:
        reports, at = list(self.reports), 0
        flags = self.held.tolist() if self.held is not None else [1] * self.journal.count
        for event, kept in zip(self.each(), flags, strict=True):
            while kept and reports and reports[0][0] <= at:
                yield reports.pop(0)[1]
            if kept:
                yield event
                at += 1
        yield from (change for _, change in reports)


def of(
    guard: Guard, rules: engine.RuleSet, frames: engine.Frames, judged: Judged, judgement: engine.Judgement,
    each: Callable[[], Iterable[FilterEvent]],
) -> Logged:  # fmt: skip
    """What is logged of a batch in compiled mode; the accounts of the log limits are changed."""
    from engine import journal as engine_journal

    journal = engine_journal.list_told(judgement, rules, guard.block, guard.simulate)
    if not any(one.defence.loglimit for one in guard.installed):
        return Logged(frames, judged, journal, (), None, each)
    quotas = defensive.quotas(guard)
    journal, held, reports = engine_journal.limited(journal, frames, quotas)
    defensive.settle(guard, quotas)
    changes = [
        (each.before, defensive.limit_report(guard.installed[each.rule], each.time, each.held_back, guard.mode))
        for each in reports
    ]
    return Logged(frames, judged, journal, tuple(changes), held, each)
