"""The system's time: nanoseconds since the epoch, moved only from outside.

z/OS shows one instant in several forms; each is a row of FORMS. `zone` is the POSIX TZ of whoever prints
(`GMT0`, `EST5`): west of Greenwich is positive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000_000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LATEST = 253_402_214_400 * SECOND  # the last day of the year 9999, the last a date can show


@dataclass
class Clock:
    """now: ns since the epoch. It never goes back."""

    now: int = 0

    def advance_to(self, time: int) -> None:
        self.now = max(self.now, time)


def zone_offset(tz: str) -> int | None:
    """Seconds to add to UTC for a POSIX TZ without daylight saving; None when `tz` is not of that form."""
    found = re.fullmatch(r"[A-Za-z]{3,}([+-]?)(\d{1,2})(?::(\d{2}))?", tz.strip())
    if not found:
        return None
    seconds = int(found[2]) * 3600 + int(found[3] or 0) * 60
    return seconds if found[1] == "-" else -seconds


def nanoseconds(text: str) -> int:
    """The instant a text names: ISO 8601, in UTC unless it says otherwise, or seconds since 1970. Raises ValueError."""
    if re.fullmatch(r"\d{1,11}(\.\d{1,9})?", text) and "-" not in text:
        whole, _, fraction = text.partition(".")
        return int(whole) * SECOND + int(fraction.ljust(9, "0"))
    at = datetime.fromisoformat(text)
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000


def moment(time: int, offset: int = 0) -> datetime:
    """`time` as a datetime shifted by `offset` seconds; instants outside 1970..9999 are held at the end."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=max(0, min(time, LATEST)) // SECOND + offset)


@lru_cache(maxsize=1024)
def _second(seconds: int, offset: int, form: str) -> str:
    """A whole second in a form of strftime, with {mon} and {day} as C writes them; packets come many to a second."""
    at = moment(seconds * SECOND, offset)
    return at.strftime(
        form.format(mon=MONTHS[at.month - 1], dow=DAYS[at.weekday()], day=f"{at.day:2d}", year=f"{at.year:04d}")
    )


def ctime(time: int, offset: int = 0) -> str:
    """`Wed Dec 13 14:05:31 2023`: the heading of ipsec reports; the day is padded with a blank."""
    return _second(time // SECOND, offset, "{dow} {mon} {day} %H:%M:%S {year}")


def stack_time(time: int) -> str:
    """`12/13/2023 14:05:31.22`: the stack's own stamp inside a packet message, UTC, hundredths."""
    time = max(0, min(time, LATEST))
    return f"{_second(time // SECOND, 0, '%m/%d/{year} %H:%M:%S')}.{time % SECOND // 10_000_000:02d}"


def syslog_time(time: int, offset: int = 0) -> str:
    """`Dec 13 14:05:31`: in front of a syslogd record; the day is padded with a blank."""
    return _second(time // SECOND, offset, "{mon} {day} %H:%M:%S")


def iso(time: int) -> str:
    """`2023-12-13T14:05:31.220000000Z`: for JSON."""
    time = max(0, min(time, LATEST))
    return f"{_second(time // SECOND, 0, '{year}-%m-%dT%H:%M:%S')}.{time % SECOND:09d}Z"
