"""The system's time: nanoseconds since the epoch, moved only from outside.

z/OS shows one instant in several forms; each is a row of FORMS. `zone` is the POSIX TZ of whoever prints
(`GMT0`, `EST5`): west of Greenwich is positive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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


def moment(time: int, offset: int = 0) -> datetime:
    """`time` as a datetime shifted by `offset` seconds; instants outside 1970..9999 are held at the end."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=max(0, min(time, LATEST)) // SECOND + offset)


def ctime(time: int, offset: int = 0) -> str:
    """`Wed Dec 13 14:05:31 2023`: the heading of ipsec reports; the day is padded with a blank."""
    at = moment(time, offset)
    return f"{DAYS[at.weekday()]} {MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S} {at.year:04d}"


def stack_time(time: int) -> str:
    """`12/13/2023 14:05:31.22`: the stack's own stamp inside a packet message, UTC, hundredths."""
    at = moment(time)
    hundredths = max(0, min(time, LATEST)) % SECOND // 10_000_000
    return f"{at:%m/%d}/{at.year:04d} {at:%H:%M:%S}.{hundredths:02d}"


def syslog_time(time: int, offset: int = 0) -> str:
    """`Dec 13 14:05:31`: in front of a syslogd record; the day is padded with a blank."""
    at = moment(time, offset)
    return f"{MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S}"


def iso(time: int) -> str:
    """`2023-12-13T14:05:31.220000000Z`: for JSON."""
    at = moment(time)
    return f"{at.year:04d}-{at:%m-%dT%H:%M:%S}.{max(0, min(time, LATEST)) % SECOND:09d}Z"
