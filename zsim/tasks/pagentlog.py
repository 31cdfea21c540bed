"""The Policy Agent's own log: what it read, what it made of it, what was wrong.

    MM/DD hh:mm:ss LEVEL   :001: text                 the line format is a simulator choice

Levels are bits of LogLevel; `-d 1` turns all of them on. (halz001 paenv, halu101 modpagnt)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from zsim.clock import Offset, moment
from zsim.facts import fact
from zsim.findings import ERROR, UNKNOWN, WARNING
from zsim.tasks.pagent import Reading, option
from zsim.tasks.syslogd import LogRecord

LEVELS = {
    "SYSERR": 1, "OBJERR": 2, "PROTERR": 4, "WARNING": 8, "EVENT": 16, "ACTION": 32, "INFO": 64, "ACNTING": 128,
    "TRACE": 256, "LOG": 0,  # always
}  # fmt: skip
DEFAULT_LEVEL, EVERY_LEVEL = 31, 511
SYSLOGD = "SYSLOGD"  # a log file of that name: the records go to the syslog daemon


class Entry(NamedTuple):
    level: str
    text: str


def file_of(options: str, environment: Mapping[str, str]) -> str:
    """-l file, else PAGENT_LOG_FILE, else /tmp/pagent.log."""
    return option(options, "-l") or environment.get("PAGENT_LOG_FILE", fact("pagent-log-file"))


def level_of(options: str, coded: int | None) -> int:
    """The LogLevel in effect: all of them under -d 1, else the LogLevel statement's, else 31."""
    if option(options, "-d") not in ("", "0"):
        return EVERY_LEVEL
    return DEFAULT_LEVEL if coded is None else coded


def entries(files: Iterable[str], reading: Reading) -> Iterator[Entry]:
    """What one reading has to tell: the files, what is wrong in them, what was added, what the console is told."""
    for name in files:
        yield Entry("INFO", f"Reading configuration file {name}")
    for found in reading.result.findings:
        level = {ERROR: "OBJERR", WARNING: "WARNING", UNKNOWN: "WARNING"}.get(found.severity, "INFO")
        place = f"{found.where.source} line {found.where.line}" if found.where.line else found.where.source
        yield Entry(level, f"{place}: {found.text}")
    for rule in reading.result.built.rules if reading.result.built else ():
        yield Entry("TRACE", f"Added IpFilterRule {rule.name}, action {rule.action}")
    for message in reading.issued:
        yield Entry("EVENT", str(message))


def passed(told: Iterable[Entry], level: int) -> Iterator[Entry]:
    """The entries that `level` lets through."""
    return (entry for entry in told if LEVELS[entry.level] == 0 or LEVELS[entry.level] & level)


# Severity in syslogd of each level. (a simulator choice)
PRIORITIES = {"SYSERR": "err", "OBJERR": "err", "PROTERR": "err", "WARNING": "warning", "TRACE": "debug"}


def record(entry: Entry, time: int, user: str, job: str) -> LogRecord:
    """An entry for the syslog daemon, when the log file is SYSLOGD."""
    tag = f"Pagent[{fact('log-pid')}]"
    return LogRecord(time, "daemon", PRIORITIES.get(entry.level, "info"), user, job, tag, f"{entry.level} {entry.text}")


def lines(told: Iterable[Entry], level: int, time: int, offset: Offset) -> str:
    """The lines of the log file."""
    stamp = moment(time, offset).strftime("%m/%d %H:%M:%S")
    return "".join(f"{stamp} {entry.level:<7} :001: {entry.text}\n" for entry in passed(told, level))
