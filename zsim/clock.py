"""The system's time: nanoseconds since the epoch, moved only from outside.

z/OS shows one instant in several forms; each is a function of its own. Whoever prints has a POSIX TZ (`GMT0`, `EST5`,
`EST5EDT,M3.2.0,M11.1.0`; west of Greenwich is positive), which `zone` reads. An `Offset` is what an instant is shifted
by: seconds east of UTC, or a zone, where they depend on the instant.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import gcd
from typing import NamedTuple

from zsim.facts import fact

SECOND = 1_000_000_000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY = 86_400  # seconds
UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY}  # of a time that passes, in seconds
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LATEST = 253_402_214_400 * SECOND  # the last day of the year 9999, the last a date can show


@dataclass
class Clock:
    """now: ns since the epoch. It never goes back."""

    now: int = 0

    def advance_to(self, time: int) -> None:
        self.now = max(self.now, time)

    def advance_by(self, time: int) -> None:
        """Let so many ns pass, but none behind the last day that a date can show."""
        self.advance_to(min(self.now + time, LATEST))


def passing(word: str) -> int:
    """How long `+30m` is, in ns; units are those of UNITS. Raises ValueError."""
    found = re.fullmatch(r"\+(\d{1,9})([smhd])", word)
    if found is None:
        raise ValueError(f"{word!r} is no time that passes; write +30s, +30m, +2h or +1d")
    return int(found[1]) * UNITS[found[2]] * SECOND


# ---- time zones (POSIX.1-2017, Base Definitions, 8.3 Other Environment Variables, TZ) -----------------------------


class Change(NamedTuple):
    """When daylight saving begins or ends: at `second` of the wall clock before it, on a day of the year. `form` is M
    (the `week`th `day` of a month, Sunday 0, week 5 the last), J (day 1 to 365, February 29 is none), "" (day 0 to
    365)."""

    form: str
    month: int
    week: int
    day: int
    second: int


class Zone(NamedTuple):
    """Seconds east of UTC in standard time and in daylight saving time, which lasts from `begin` to `end`."""

    standard: int
    saving: int
    begin: Change
    end: Change

    @property
    def grid(self) -> int:
        """Seconds: every midnight and every change of this zone is at a multiple of it, in UTC."""
        return gcd(DAY, self.standard, self.saving, self.begin.second, self.end.second)


Offset = int | Zone

_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_HOURS = r"\d{1,2}(?::\d{2}){0,2}"
_TZ = re.compile(
    rf"{_NAME}(?P<standard>[+-]?{_HOURS})"
    rf"(?P<saves>{_NAME}(?P<saving>[+-]?{_HOURS})?(?:,(?P<begin>[^,]+),(?P<end>[^,]+))?)?"
)
_CHANGE = re.compile(
    rf"(?:M(?P<month>\d{{1,2}})\.(?P<week>[1-5])\.(?P<weekday>[0-6])|(?P<form>J?)(?P<day>\d{{1,3}}))(?:/(?P<time>{_HOURS}))?"
)


def zone(tz: str) -> Offset | None:
    """A POSIX TZ; None when `tz` is not of that form. Daylight saving time without an offset is an hour ahead; without
    rules it begins and ends as the fact `tz-daylight-rules` says."""
    return _zone(tz, fact("tz-daylight-rules"))


@lru_cache(maxsize=64)
def _zone(tz: str, usual: str) -> Offset | None:
    found = _TZ.fullmatch(tz.strip())
    standard = _seconds(found["standard"]) if found else None
    if found is None or standard is None:
        return None
    if not found["saves"]:
        return -standard
    saving = _seconds(found["saving"]) if found["saving"] else standard - 3600
    rules = (found["begin"], found["end"]) if found["begin"] else usual.split(",")
    begin, end = map(_change, rules)
    if saving is None or begin is None or end is None:
        return None
    return Zone(-standard, -saving, begin, end)


def _seconds(text: str) -> int | None:
    """`[+-]hh[:mm[:ss]]`, up to 24 hours."""
    hours, minutes, seconds = (*map(int, text.lstrip("+-").split(":")), 0, 0)[:3]
    if hours > 24 or minutes > 59 or seconds > 59:
        return None
    whole = hours * 3600 + minutes * 60 + seconds
    return -whole if text.startswith("-") else whole


def _change(text: str) -> Change | None:
    found = _CHANGE.fullmatch(text)
    second = _seconds(found["time"] or "2") if found else None
    if found is None or second is None:
        return None
    if found["month"]:
        month, week, day = (int(found[name]) for name in ("month", "week", "weekday"))
        return Change("M", month, week, day, second) if 1 <= month <= 12 else None
    first, last = (1, 365) if found["form"] else (0, 365)
    day = int(found["day"])
    return Change(found["form"], 0, 0, day, second) if first <= day <= last else None


def east(offset: Offset, time: int) -> int:
    """Seconds east of UTC at `time` (ns); instants outside 1970..9999 are held at the end."""
    if isinstance(offset, int):
        return offset
    second = max(0, min(time, LATEST)) // SECOND
    begin, end = _saving_time(offset, _year(second + offset.standard))
    saves = begin <= second < end if begin < end else not end <= second < begin
    return offset.saving if saves else offset.standard


def next_shift(offset: Offset, time: int) -> int | None:
    """The first instant (ns) after `time` at which the seconds east of UTC may change; None for never."""
    if isinstance(offset, int):
        return None
    second = max(0, min(time, LATEST)) // SECOND
    year = _year(second + offset.standard)
    edges = (edge for each in (year, year + 1) for edge in _saving_time(offset, each))
    return min((edge for edge in edges if edge > second), default=LATEST // SECOND) * SECOND


def _year(second: int) -> int:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).year


@lru_cache(maxsize=256)
def _saving_time(zone: Zone, year: int) -> tuple[int, int]:
    """When daylight saving time begins and ends in one year, in seconds since 1970."""
    return _at(zone.begin, year) - zone.standard, _at(zone.end, year) - zone.saving


def _at(change: Change, year: int) -> int:
    """The second of the wall clock since 1970."""
    year = min(year, 9999)
    first = date(year, change.month or 1, 1)
    if change.form == "M":
        ahead = (change.day - first.isoweekday()) % 7 + 7 * (change.week - 1)
        day = first.toordinal() + ahead
        if day >= first.toordinal() + monthrange(year, change.month)[1]:
            day -= 7
    else:
        leaps = change.form == "J" and change.day >= 60 and isleap(year)
        day = first.toordinal() + change.day - (change.form == "J") + leaps
    return (day - date(1970, 1, 1).toordinal()) * DAY + change.second


# ---- forms -----------------------------------------------------------------------------------------------------


def nanoseconds(text: str) -> int:
    """The instant a text names: ISO 8601, in UTC unless it says otherwise, or seconds since 1970. Raises ValueError."""
    if re.fullmatch(r"\d{1,11}(\.\d{1,9})?", text) and "-" not in text:
        whole, _, fraction = text.partition(".")
        return int(whole) * SECOND + int(fraction.ljust(9, "0"))
    at = datetime.fromisoformat(text)
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000


def moment(time: int, offset: Offset = 0) -> datetime:
    """`time` as a datetime shifted by `offset`; instants outside 1970..9999 are held at the end."""
    second = max(0, min(time, LATEST)) // SECOND + east(offset, time)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)


@lru_cache(maxsize=1024)
def _second(seconds: int, offset: int, form: str) -> str:
    """A whole second in a form of strftime, with {mon} and {day} as C writes them; packets come many to a second."""
    at = moment(seconds * SECOND, offset)
    return at.strftime(
        form.format(mon=MONTHS[at.month - 1], dow=DAYS[at.weekday()], day=f"{at.day:2d}", year=f"{at.year:04d}")
    )


def ctime(time: int, offset: Offset = 0) -> str:
    """`Wed Dec 13 14:05:31 2023`: the heading of ipsec reports; the day is padded with a blank."""
    return _second(time // SECOND, east(offset, time), "{dow} {mon} {day} %H:%M:%S {year}")


def stack_time(time: int) -> str:
    """`12/13/2023 14:05:31.22`: the stack's own stamp inside a packet message, UTC, hundredths."""
    time = max(0, min(time, LATEST))
    return f"{_second(time // SECOND, 0, '%m/%d/{year} %H:%M:%S')}.{time % SECOND // 10_000_000:02d}"


def syslog_time(time: int, offset: Offset = 0) -> str:
    """`Dec 13 14:05:31`: in front of a syslogd record; the day is padded with a blank."""
    return _second(time // SECOND, east(offset, time), "{mon} {day} %H:%M:%S")


def iso(time: int) -> str:
    """`2023-12-13T14:05:31.220000000Z`: for JSON."""
    time = max(0, min(time, LATEST))
    return f"{_second(time // SECOND, 0, '{year}-%m-%dT%H:%M:%S')}.{time % SECOND:09d}Z"
