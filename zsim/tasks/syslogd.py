"""syslogd: sorts records into files by syslog.conf. Every rule that matches gets the record."""

from __future__ import annotations

from typing import NamedTuple

from zsim.clock import moment
from zsim.config.syslogconf import PRIORITIES, Rule
from zsim.files import unix_path
from zsim.tasks.trmd import LogRecord

# Conversion specifiers replaced in a destination's path. (syslogd_dest)
SPECIFIERS = ("%Y", "%m", "%d")


class Delivery(NamedTuple):
    path: str
    record: LogRecord


def deliver(rules: tuple[Rule, ...], records: list[LogRecord], offset: int) -> list[Delivery]:
    """Where each record goes, in the order of records and rules. `offset` is syslogd's time zone in seconds."""
    matching: dict[tuple[str, str, str, str], tuple[str, ...]] = {}
    found = []
    for record in records:
        writer = (record.user, record.job, record.facility, record.priority)
        if writer not in matching:
            matching[writer] = tuple(
                rule.destination for rule in rules if rule.takes(*writer[:3], PRIORITIES[record.priority])
            )
        paths = {path(name, record.time, offset) for name in matching[writer] if is_file(name)}
        found += [Delivery(path, record) for path in sorted(paths)]
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
