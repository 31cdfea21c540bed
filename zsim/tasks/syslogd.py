"""syslogd: sorts records into files by syslog.conf. Every rule that matches gets the record."""

from __future__ import annotations

from typing import NamedTuple

from zsim.clock import SECOND, moment
from zsim.config.syslogconf import PRIORITIES, Rule
from zsim.files import unix_path
from zsim.tasks.trmd import LogRecord

# Conversion specifiers replaced in a destination's path. (syslogd_dest)
SPECIFIERS = ("%Y", "%m", "%d")
DAY = 86_400  # seconds


class Delivery(NamedTuple):
    path: str
    record: LogRecord


def deliver(rules: tuple[Rule, ...], records: list[LogRecord], offset: int) -> list[Delivery]:
    """Where each record goes, in the order of records and rules. `offset` is syslogd's time zone in seconds."""
    paths: dict[tuple[str, str, str, str, int], tuple[str, ...]] = {}  # of a writer on one day
    found = []
    for record in records:
        key = (record.user, record.job, record.facility, record.priority, (record.time // SECOND + offset) // DAY)
        if key not in paths:
            named = [rule.destination for rule in rules if rule.takes(*key[:3], PRIORITIES[record.priority])]
            paths[key] = tuple(sorted({path(name, record.time, offset) for name in named if is_file(name)}))
        found += [Delivery(path, record) for path in paths[key]]
    return found


def is_file(destination: str) -> bool:
    """A z/OS UNIX file; other destinations are not modelled."""
    return destination.startswith("/") and destination != "/dev/console"


def path(destination: str, time: int, offset: int) -> str:
    """The file a destination names at `time`: %Y, %m, %d replaced, `..` resolved."""
    at = moment(time, offset)
    for specifier, value in zip(SPECIFIERS, (f"{at.year:04d}", f"{at:%m}", f"{at:%d}"), strict=True):
        destination = destination.replace(specifier, value)
    return unix_path(destination)
