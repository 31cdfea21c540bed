"""Time conditions: when they hold, and that nothing changes between two of their edges."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsim import times
from zsim.times import TimeCondition

SECOND = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


OFFICE = TimeCondition(weekdays="0111110", ranges=((8 * 60, 18 * 60),))
NIGHT = TimeCondition(ranges=((22 * 60, 6 * 60),))
LAST_DAY = TimeCondition(days="0" * 31 + "1" + "0" * 30)
DECEMBER = TimeCondition(months="000000000001")
WINDOW = TimeCondition(*times.date_range("20231213140500:20231213140559"))


@pytest.mark.parametrize(
    ("condition", "when", "holds"),
    [
        (TimeCondition(), "1970-01-01T00:00:00", True),
        (OFFICE, "2023-12-13T07:59:59", False),
        (OFFICE, "2023-12-13T08:00:00", True),
        (OFFICE, "2023-12-13T17:59:59", True),
        (OFFICE, "2023-12-13T18:00:00", False),
        (OFFICE, "2023-12-16T12:00:00", False),  # a Saturday
        (OFFICE, "2023-12-17T12:00:00", False),  # a Sunday
        (NIGHT, "2023-12-13T23:00:00", True),
        (NIGHT, "2023-12-13T05:59:59", True),
        (NIGHT, "2023-12-13T12:00:00", False),
        (LAST_DAY, "2024-02-29T12:00:00", True),
        (LAST_DAY, "2023-02-28T12:00:00", True),
        (LAST_DAY, "2024-02-28T12:00:00", False),
        (DECEMBER, "2023-12-31T23:59:59", True),
        (DECEMBER, "2024-01-01T00:00:00", False),
        (WINDOW, "2023-12-13T14:04:59", False),
        (WINDOW, "2023-12-13T14:05:00", True),
        (WINDOW, "2023-12-13T14:05:59", True),
        (WINDOW, "2023-12-13T14:06:00", False),
    ],
)
def test_active__by_the_clock(condition, when, holds) -> None:
    assert times.active(condition, at(when), 0) is holds


def test_active__local_and_utc() -> None:
    west = -5 * 3600
    assert times.active(OFFICE, at("2023-12-13T14:00:00"), west)  # nine o'clock there
    assert not times.active(OFFICE, at("2023-12-13T09:00:00"), west)
    assert times.active(OFFICE._replace(local=False), at("2023-12-13T09:00:00"), west)


@given(
    st.sampled_from([OFFICE, NIGHT, LAST_DAY, DECEMBER, WINDOW, OFFICE._replace(local=False)]),
    st.integers(0, 2 * 10**9),
    st.sampled_from([0, -5 * 3600, 9 * 3600, 19_800]),
    st.floats(0, 1, exclude_max=True),
)
def test_next_change__nothing_changes_before_it(condition, second, offset, part) -> None:
    now = second * SECOND
    edge = times.next_change(condition, now, offset)
    assert now < edge <= now + 86_400 * SECOND
    between = now + int((edge - now) * part)
    assert times.active(condition, between, offset) == times.active(condition, now, offset)


@pytest.mark.parametrize(
    ("form", "word"),
    [
        (times.date_range, "20231213"),
        (times.date_range, "20231301000000:20231302000000"),
        (times.date_range, "20231214000000:20231213000000"),
        (times.day_ranges, "8-18"),
        (times.day_ranges, "08:00-25:00"),
        (times.day_ranges, "08:61-09:00"),
        (times.day_ranges, "08:00-08:00"),
        (lambda word: times.mask(word, 12), "0101"),
        (lambda word: times.mask(word, 7), "0121110"),
    ],
)
def test_forms__refuse(form, word) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        form(word)


def test_day_ranges__several() -> None:
    assert times.day_ranges("08:00-12:00,13:00-24:00") == ((480, 720), (780, 1440))
