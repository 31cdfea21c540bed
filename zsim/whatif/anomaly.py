"""One thing that is wrong with the rules in force, and the names of rules as they were written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from zsim.findings import Finding, Where
from zsim.tcpip.filters import FilterRule
from zsim.whatif.crossings import View

MOST = 4  # rules that are named one by one

Key = tuple[str, str, Where]  # layer, name and place of a rule as it was written


class Anomaly(NamedTuple):
    """A finding about rules. `rule` and `action` as they were written, `filters` the installed ones it is about,
    `blocking` the rules in its way; `reason` and `different_action` as in a table of unreachable lines."""

    finding: Finding
    layer: str = ""
    rule: str = ""
    action: str = ""
    filters: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()
    different_action: bool | None = None
    reason: str = ""
    example: str = ""

    @property
    def id(self) -> str:
        return self.finding.id

    @property
    def severity(self) -> str:
        return self.finding.severity

    @property
    def text(self) -> str:
        return self.finding.text


def key_of(rule: FilterRule) -> Key:
    return rule.layer, rule.name, rule.where


def titles(rules: Iterable[FilterRule]) -> tuple[str, ...]:
    return tuple(View.title(rule) for rule in rules)


def named(view: View, rules: Sequence[FilterRule], near: Where) -> str:
    """The rules as they were written, and where they stand, seen from `near`: `ftp (line 12) and old (profile:3:1)`."""
    every = list(dict.fromkeys(key_of(rule) for rule in rules))
    told = [f"{name.strip('()')} ({_place(view, where, near)})" for _, name, where in every[:MOST]]
    if len(every) > MOST:
        told.append(f"{len(every) - MOST} more")
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def _place(view: View, where: Where, near: Where) -> str:
    return f"line {where.line}" if where.line and where.source == near.source else view.place(where)
