"""syslogd: sorts records into files by syslog.conf. Every rule that matches gets the record.

What a record becomes depends on the destination: a line of a file, a datagram of RFC 3164 for a remote syslogd, a
message on the console. The names of files are written out when they are opened: at the start, when the configuration
is read again, and at midnight.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from zsim.clock import DAY, SECOND, Offset, east, moment, syslog_time
from zsim.config import syslogconf
from zsim.config.syslogconf import CONSOLE, FACILITIES, FILE, HOST, PRIORITIES, Rule
from zsim.facts import fact
from zsim.files import unix_path
from zsim.findings import Finding, finding
from zsim.messages import BPXF024I, IssuedMessage

if TYPE_CHECKING:
    from engine.text import Part

DISCARDED = "/dev/null"
LONGEST_DATAGRAM = 1024  # octets (RFC 3164 section 4.1)


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


class Sent(NamedTuple):
    """A record for a destination that is no file. `text` is what goes there: a datagram, or lines of the console."""

    destination: str
    kind: str  # of zsim.config.syslogconf
    text: str


@dataclass
class Syslogd:
    """What a running syslogd holds: the configuration as it was read, "" for none, and when it opened its files."""

    name: str = ""
    text: str = ""
    opened: int = 0


# ---- start options ---------------------------------------------------------------------------------------------


class Options(NamedTuple):
    """The start options. (syslogd_start_stop; most letters are unconfirmed)"""

    create: bool = False  # -c: make log files and directories that are missing
    debug: bool = False  # -d
    local_only: bool = False  # -i: nothing from the network
    network_only: bool = False  # -n: nothing of this system
    users: bool = False  # -u: user id and job name of the writer stand in the record
    no_lookup: bool = False  # -x
    file: str = ""  # -f: the configuration
    file_mode: int | None = None  # -F
    directory_mode: int | None = None  # -D
    mark: str = ""  # -m
    socket: str = ""  # -p


_SWITCHES = {"c": "create", "d": "debug", "i": "local_only", "n": "network_only", "u": "users", "x": "no_lookup"}
_VALUES = {"f": "file", "F": "file_mode", "D": "directory_mode", "m": "mark", "p": "socket"}
_IDLE = {"d": "debug output is not written", "m": "mark messages are not written", "x": "nothing is looked up",
         "p": "there is no socket to name"}  # fmt: skip


def options(text: str) -> tuple[Options, list[tuple[str, str, str]], list[tuple[str, str]]]:
    """The start options, letters joined or apart (`-cuf file`); what is wrong with them as (found, expected, hint); and
    options that have no effect here, each with why."""
    found: dict[str, bool | str | int] = {}
    wrong: list[tuple[str, str, str]] = []
    idle: list[tuple[str, str]] = []
    words = text.split()
    known = f"use -{', -'.join([*_SWITCHES, *_VALUES])}"
    while words:
        word = words.pop(0)
        letters = word[1:] if word.startswith("-") else ""
        if not letters:
            wrong.append((word, "a start option of syslogd", known))
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in _IDLE:
                idle.append((f"-{letter}", _IDLE[letter]))
            if letter in _SWITCHES:
                found[_SWITCHES[letter]] = True
            elif letter in _VALUES:
                value, letters = letters or (words.pop(0) if words else ""), ""
                if letter in "FD" and not (3 <= len(value) <= 4 and set(value) <= set("01234567")):
                    wrong.append((f"-{letter} {value}".strip(), "an octal mode", f"write -{letter} 640"))
                elif not value:
                    wrong.append((f"-{letter}", "its value", f"write a value behind -{letter}"))
                else:
                    found[_VALUES[letter]] = int(value, 8) if letter in "FD" else value
            else:
                wrong.append((f"-{letter}", "a start option of syslogd", known))
    if found.get("local_only") and found.get("network_only"):
        wrong.append(("-n", "one of -i and -n", "start two syslogds, one local-only and one network-only"))
    return Options(**found), wrong, idle  # type: ignore[arg-type]


def creates(text: str) -> bool:
    """Start option -c: log files and directories that are missing are made. (syslogd_dest)"""
    return options(text)[0].create


# ---- where records go ------------------------------------------------------------------------------------------


def missing(rules: tuple[Rule, ...], exists: Callable[[str], bool], time: int, offset: Offset) -> list[Finding]:
    """Rules whose file is not there, for a syslogd without -c."""
    gone = ((rule, path(rule.destination, time, offset)) for rule in rules if is_file(rule.destination))
    return [finding("log-file-missing", rule.where, name=name) for rule, name in gone if not exists(name)]


def modes(rules: tuple[Rule, ...], text: str, time: int, offset: Offset) -> dict[str, tuple[int | None, int | None]]:
    """File and directory mode of each destination that is made: of its rule, else of the start options `text`."""
    given = options(text)[0]
    return {
        path(rule.destination, time, offset): (
            given.file_mode if rule.file_mode is None else rule.file_mode,
            given.directory_mode if rule.directory_mode is None else rule.directory_mode,
        )
        for rule in rules
        if is_file(rule.destination)
    }


def deliver(rules: tuple[Rule, ...], records: list[LogRecord], offset: Offset, opened: int = 0) -> list[Delivery]:
    """The files each record goes to, in the order of records and rules. `offset` is syslogd's time zone;
    `opened` when it opened its files (ns)."""
    known: dict[tuple[str, str, str, str, int], tuple[str, ...]] = {}  # of a writer, by when the files were opened
    found = []
    for record in records:
        key = (record.user, record.job, record.facility, record.priority, opening(record.time, offset, opened))
        if key not in known:
            known[key] = paths(rules, record, offset, opened)
        found += [Delivery(path, record) for path in known[key]]
    return found


def paths(rules: tuple[Rule, ...], record: LogRecord, offset: Offset, opened: int = 0) -> tuple[str, ...]:
    """The files one record goes to, and all others of its writer while they are open."""
    severity = PRIORITIES[record.priority]
    named = [rule.destination for rule in rules if rule.takes(record.user, record.job, record.facility, severity)]
    time = opening(record.time, offset, opened)
    files = [path(name, time, offset) for name in named if is_file(name)]
    return tuple(sorted(set(files) if fact("syslog-file-once") else files))


def elsewhere(rules: tuple[Rule, ...], records: list[LogRecord], sysname: str, offset: Offset, user: str) -> list[Sent]:
    """What goes to hosts, to the console and to destinations that are not modelled. `user` is syslogd's own."""
    others = [rule for rule in rules if rule.kind != FILE]
    found: list[Sent] = []
    for record in records if others else ():
        key = record.user, record.job, record.facility, PRIORITIES[record.priority]
        named = {rule.destination: rule.kind for rule in others if rule.takes(*key)}
        for destination, kind in named.items():
            text = ""
            if kind == HOST:
                text = datagram(record, sysname, offset)
            elif kind == CONSOLE:
                text = str(console(line(record, sysname, offset), user))
            found.append(Sent(destination, kind, text))
    return found


def opening(time: int, offset: Offset, opened: int) -> int:
    """When the files that get a record of `time` were opened (ns), which is the same for a whole day. A date in their
    name changes by a signal that the system's cron job sends at midnight; a simulator choice stands for that job."""
    day, first = ((each // SECOND + east(offset, each)) // DAY for each in (time, opened))
    if opened and (day == first or (day > first and not fact("syslog-midnight"))):
        return opened
    midnight = (day * DAY - east(offset, time)) * SECOND
    return (day * DAY - east(offset, midnight)) * SECOND


def is_file(destination: str) -> bool:
    """A z/OS UNIX file that keeps what is written to it."""
    return syslogconf.kind(destination) == FILE and unix_path(destination) != DISCARDED


def path(destination: str, time: int, offset: Offset) -> str:
    """The file a destination names when it is opened at `time`: conversion specifiers replaced as strftime(3) does in
    the C locale, `..` resolved. (syslogd_dest)"""
    if "%" not in destination:
        return unix_path(destination)
    return _path(destination, time, offset, tuple(fact("syslog-specifiers")))


@lru_cache(maxsize=256)
def _path(destination: str, time: int, offset: Offset, known_to: tuple[str, ...]) -> str:
    """It is asked for with every batch of records, and changes once a day."""
    at = moment(time, offset)
    known = {"Y": f"{at.year:04d}", "C": f"{at.year // 100:02d}", "%": "%"}
    parts = iter(destination)
    text = ""
    for letter in parts:
        if letter == "%":
            which = next(parts, "")
            letter = known.get(which) or at.strftime(f"%{which}") if which in known_to else f"%{which}"
        text += letter
    return unix_path(text)


# ---- what a record becomes -------------------------------------------------------------------------------------


def line(record: LogRecord, sysname: str, offset: Offset, users: bool = False) -> str:
    """One record as the file has it: `Mmm dd hh:mm:ss host tag[pid]: text`. (seed) With -u, user id and job name follow
    the host. (unconfirmed)"""
    return f"{syslog_time(record.time, offset)} {host(record, sysname, users)} {record.tag}: {record.text}"


def host(record: LogRecord, sysname: str, users: bool) -> str:
    """The host part of a record."""
    return fact("syslog-user-layout").format(host=sysname, user=record.user, job=record.job) if users else sysname


def head(host: str, tag: str) -> tuple[Part, ...]:
    """What `line` puts in front of the text, as parts of a template of engine.text with a column `time`."""
    from engine.text import Stamp

    return Stamp("time", "%b %e %H:%M:%S", local=True), f" {host} {tag}: "


def priority(record: LogRecord) -> int:
    """PRI of a datagram: 8 * facility + severity. (RFC 3164 section 4.1.1; the facilities as 4.3BSD numbers them)"""
    number = FACILITIES.index(record.facility)
    return 8 * (number + 6 if number > 9 else number) + PRIORITIES[record.priority]


def datagram(record: LogRecord, sysname: str, offset: Offset) -> str:
    """One record as it goes to a remote syslogd, cut to what a datagram may have. (RFC 3164 section 4.1)"""
    text = f"<{priority(record)}>{line(record, sysname, offset)}"
    return text.encode("ascii", "replace")[:LONGEST_DATAGRAM].decode("ascii")


def console(text: str, user: str) -> IssuedMessage:
    """What `user` writes to the console by way of z/OS UNIX: the brackets of the process number are blanks, and it is
    folded at blanks. (seed)"""
    head = f"BPXF024I ({user}) "
    rows = [""]
    for word in re.findall(r" *[^ ]+", head + _PID.sub(r" \1 :", text, count=1)):
        if rows[-1] and len(rows[-1]) + len(word) > fact("console-width"):
            rows.append(word.lstrip())
        else:
            rows[-1] += word
    return BPXF024I(user=user, record="\n".join(rows)[len(head) :])


_PID = re.compile(r"\[(\d+)\]:")


def unheard(record: LogRecord, offset: Offset) -> IssuedMessage:
    """A record that syslogd did not take, which has no host. (seed)"""
    return console(f"{syslog_time(record.time, offset)} {record.tag}: {record.text}", record.user)
