"""syslogd: sorts records into files by syslog.conf. Every rule that matches gets the record."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from zsim.clock import SECOND, moment, syslog_time
from zsim.config.syslogconf import PRIORITIES, Rule
from zsim.facts import fact
from zsim.files import unix_path
from zsim.findings import Finding, finding
from zsim.messages import BPXF024I, IssuedMessage

if TYPE_CHECKING:
    from engine.text import Part

# Conversion specifiers replaced in a destination's path. (syslogd_dest)
SPECIFIERS = ("%Y", "%m", "%d")
DAY = 86_400  # seconds


class LogRecord(NamedTuple):
    """One record on its way to syslogd. `text` starts with the message number."""

    time: int
    facility: str
    priority: str
    user: str
    job: str
    tag: str
    text: str


class Delivery(NamedTuple):
    """Lines for a file: one, of `record`, or in a block so many."""

    path: str
    record: LogRecord | None
    lines: int = 1


def creates(options: str) -> bool:
    """Start option -c: log files and directories that are missing are made. (syslogd_dest)"""
    return "-c" in options.split()


def missing(rules: tuple[Rule, ...], exists: Callable[[str], bool], time: int, offset: int) -> list[Finding]:
    """Rules whose file is not there, for a syslogd without -c."""
    gone = ((rule, path(rule.destination, time, offset)) for rule in rules if is_file(rule.destination))
    return [finding("log-file-missing", rule.where, name=name) for rule, name in gone if not exists(name)]


def modes(rules: tuple[Rule, ...], options: str, time: int, offset: int) -> dict[str, tuple[int | None, int | None]]:
    """File and directory mode of each destination that is made: of its rule, else of the start options."""
    words = options.split()
    given = {
        flag: int(value, 8) for flag, value in pairwise(words) if flag in ("-F", "-D") and set(value) <= set("01234567")
    }
    return {
        path(rule.destination, time, offset): (
            rule.file_mode or given.get("-F"),
            rule.directory_mode or given.get("-D"),
        )
        for rule in rules
        if is_file(rule.destination)
    }


def deliver(rules: tuple[Rule, ...], records: list[LogRecord], offset: int) -> list[Delivery]:
    """Where each record goes, in the order of records and rules. `offset` is syslogd's time zone in seconds."""
    known: dict[tuple[str, str, str, str, int], tuple[str, ...]] = {}  # of a writer on one day
    found = []
    for record in records:
        key = (record.user, record.job, record.facility, record.priority, (record.time // SECOND + offset) // DAY)
        if key not in known:
            known[key] = paths(rules, record, offset)
        found += [Delivery(path, record) for path in known[key]]
    return found


def paths(rules: tuple[Rule, ...], record: LogRecord, offset: int) -> tuple[str, ...]:
    """The files one record goes to, and all others of its writer on that day."""
    severity = PRIORITIES[record.priority]
    named = [rule.destination for rule in rules if rule.takes(record.user, record.job, record.facility, severity)]
    return tuple(sorted({path(name, record.time, offset) for name in named if is_file(name)}))


def is_file(destination: str) -> bool:
    """A z/OS UNIX file; other destinations are not modelled."""
    return destination.startswith("/") and destination != "/dev/console"


def path(destination: str, time: int, offset: int) -> str:
    """The file a destination names at `time`: %Y, %m, %d replaced, `..` resolved."""
    at = moment(time, offset)
    for specifier, value in zip(SPECIFIERS, (f"{at.year:04d}", f"{at:%m}", f"{at:%d}"), strict=True):
        destination = destination.replace(specifier, value)
    return unix_path(destination)


def line(record: LogRecord, sysname: str, offset: int) -> str:
    """One record as the file has it: `Mmm dd hh:mm:ss host tag[pid]: text`. (seed)"""
    return f"{syslog_time(record.time, offset)} {sysname} {record.tag}: {record.text}"


def head(sysname: str, tag: str) -> tuple[Part, ...]:
    """What `line` puts in front of the text, as parts of a template of engine.text with a column `time`."""
    from engine.text import Stamp

    return Stamp("time", "%b %e %H:%M:%S", local=True), f" {sysname} {tag}: "


_PID = re.compile(r"\[(\d+)\]$")


def console(record: LogRecord, offset: int) -> IssuedMessage:
    """A record that syslogd did not take: the brackets of its process number are blanks, there is no host, and it is
    folded at blanks. (seed)"""
    tag = _PID.sub(r" \1 ", record.tag)
    text = f"BPXF024I ({record.user}) {syslog_time(record.time, offset)} {tag}: {record.text}"
    rows = [""]
    for word in re.findall(r" *[^ ]+", text):
        if rows[-1] and len(rows[-1]) + len(word) > fact("console-width"):
            rows.append(word.lstrip())
        else:
            rows[-1] += word
    head = f"BPXF024I ({record.user}) "
    return BPXF024I(user=record.user, record="\n".join(rows)[len(head) :])
