"""Time conditions of policy rules: when a rule is active, and when that changes next.

The Policy Agent installs a rule at the start of its time and removes it at the end. The parts of a condition must
all hold; what is not coded holds always. The attribute names are unconfirmed; the meaning of the masks is that of
the captured `pasearch` report, and of RFC 3060 section 6.4 (days also counted from the end of the month).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from zsim.clock import DAY, LATEST, SECOND, Offset, east, next_shift


class TimeCondition(NamedTuple):
    """Seconds of `start` and `end` are of the zone's own wall clock since 1970; minutes of `ranges` are of its day,
    `to` not included; a range that runs past midnight goes on the next day."""

    start: int | None = None
    end: int | None = None
    months: str = "1" * 12
    days: str = "1" * 31  # or 62: the second half counts from the last day of the month
    weekdays: str = "1" * 7  # Sunday first
    ranges: tuple[tuple[int, int], ...] = ((0, 24 * 60),)
    local: bool = True


def active(condition: TimeCondition, time: int, offset: Offset) -> bool:
    """Does it hold at `time` (ns)? `offset` is the local zone's."""
    second = _wall(condition, time, offset)
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    if condition.start is not None and second < condition.start:
        return False
    if condition.end is not None and second > condition.end:
        return False
    import calendar

    last = calendar.monthrange(at.year, at.month)[1]
    day = condition.days[at.day - 1] == "1" or condition.days[31:][last - at.day : last - at.day + 1] == "1"
    weekday = condition.weekdays[(at.weekday() + 1) % 7] == "1"
    minute = second % DAY / 60
    return (
        condition.months[at.month - 1] == "1"
        and day
        and weekday
        and any(_within(minute, *each) for each in condition.ranges)
    )


def _within(minute: float, start: int, to: int) -> bool:
    return start <= minute < to if start < to else minute >= start or minute < to


def _wall(condition: TimeCondition, time: int, offset: Offset) -> int:
    return max(0, min(time, LATEST)) // SECOND + (east(offset, time) if condition.local else 0)


def next_change(condition: TimeCondition, time: int, offset: Offset) -> int:
    """The first instant (ns) after `time` at which it may begin or cease to hold, or at which the wall clock leaps. At
    most a day ahead."""
    second = _wall(condition, time, offset)
    midnight = second - second % DAY
    edges = {midnight + minute * 60 for each in condition.ranges for minute in each} | {midnight + DAY}
    edges |= {
        edge for edge in (condition.start, None if condition.end is None else condition.end + 1) if edge is not None
    }
    ahead = min(edge for edge in edges if edge > second)
    if not condition.local:
        return ahead * SECOND
    change, leap = (ahead - east(offset, time)) * SECOND, next_shift(offset, time)
    return change if leap is None else min(change, leap)


# ---- text forms ------------------------------------------------------------------------------------------------


def date_range(word: str) -> tuple[int, int]:
    """`yyyymmddhhmmss:yyyymmddhhmmss`. Raises ValueError."""
    found = re.fullmatch(r"(\d{14}):(\d{14})", word)
    if not found:
        raise ValueError("write yyyymmddhhmmss:yyyymmddhhmmss")
    first, last = (
        int(datetime.strptime(part, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()) for part in found.groups()
    )
    if first > last:
        raise ValueError("the range runs backwards")
    return first, last


def mask(word: str, *lengths: int) -> str:
    """Digits 0 and 1. Raises ValueError."""
    if not re.fullmatch("[01]+", word) or len(word) not in lengths:
        raise ValueError(f"write {' or '.join(map(str, lengths))} digits 0 or 1")
    return word


def day_ranges(word: str) -> tuple[tuple[int, int], ...]:
    """`hh:mm-hh:mm[,...]`, 24:00 for the end of the day. Raises ValueError."""
    return tuple(_day_ranges(word))


def _day_ranges(word: str) -> Iterator[tuple[int, int]]:
    for part in word.split(","):
        found = re.fullmatch(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", part)
        if not found:
            raise ValueError("write hh:mm-hh:mm")
        hours = [int(digits) for digits in found.groups()]
        start, to = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        if max(start, to) > 24 * 60 or max(hours[1], hours[3]) > 59 or start == to:
            raise ValueError(f"{part} is no part of a day")
        yield start % (24 * 60), to
