"""syslog.conf: which record goes where. Every rule that matches gets the record.

    condition[;condition...]  destination  [-F mode] [-D mode] [-N qualifier] [-X]
    condition   := [userid.jobname.]facility[,facility...].priority | (hostspec).facility[,facility...].priority
    destination := /file | @host | /dev/console | /dev/operlog | $SMF | user[,user...] | *

A priority selects itself and everything more severe; `none` excludes the facility. User ids and job names may
hold `*`. Conditions with a user id and job name take what this system writes, those with a host what comes from it
over the network, the others take both. Source: halz001 syslogd rule syntax, parameters, destinations, priority codes.
"""

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from zsim import addresses
from zsim.config.source import Source, Token, lines
from zsim.facts import fact
from zsim.files import unix_path
from zsim.findings import Finding, Where, finding

# The standard set; the list for z/OS is unconfirmed.
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "local0", "local1", "local2",
    "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip

# Severity numbers of RFC 5424, section 6.2.1; smaller is more severe. ALL takes everything, NONE nothing.
PRIORITIES = {
    "emerg": 0, "panic": 0, "alert": 1, "crit": 2, "err": 3, "error": 3, "warn": 4, "warning": 4, "notice": 5,
    "info": 6, "debug": 7, "*": 8, "none": -1,
}  # fmt: skip


# What a destination can be. Files, hosts and the console are modelled.
FILE, HOST, CONSOLE, OPERLOG, SMF, USERS, UNKNOWN = "file", "host", "console", "operlog", "smf", "users", "unknown"
_DEVICES = {"/dev/console": CONSOLE, "/dev/operlog": OPERLOG, "$SMF": SMF, "*": USERS}
_WHY_NOT = {
    OPERLOG: "zsim keeps no operations log", SMF: "records of type 109 are not written",
    USERS: "no user sits at a terminal of zsim", UNKNOWN: "it is no form of destination that zsim knows",
}  # fmt: skip
_USERS = re.compile(r"[A-Za-z@#$][A-Za-z0-9@#$_]{0,7}(?:,[A-Za-z@#$][A-Za-z0-9@#$_]{0,7})*")


def kind(destination: str) -> str:
    """What a destination is, by its form."""
    if destination in _DEVICES:
        return _DEVICES[destination]
    if destination.startswith("/"):
        return FILE
    if destination.startswith("@") and len(destination) > 1:
        return HOST
    return USERS if _USERS.fullmatch(destination) and not destination.startswith("$") else UNKNOWN


class Sender(NamedTuple):
    """The remote syslogd a record came from."""

    address: str
    name: str = ""


class Condition(NamedTuple):
    user: str
    job: str
    facility: str
    priority: int
    host: str | None  # a (hostspec) condition: only messages from the network
    local: bool = False  # written with user id and job name: only messages of this system

    def __str__(self) -> str:
        name = next(name for name, number in PRIORITIES.items() if number == self.priority)
        if self.host is not None:
            return f"({self.host}).{self.facility}.{name}"
        writer = f"{self.user}.{self.job}." if self.local else ""
        return f"{writer}{self.facility}.{name}"


class Rule(NamedTuple):
    conditions: tuple[Condition, ...]
    destination: str
    file_mode: int | None
    directory_mode: int | None
    where: Where

    def __str__(self) -> str:
        """The canonical line: first spelling of each priority, modes behind the destination."""
        modes = (
            (flag, mode) for flag, mode in (("-F", self.file_mode), ("-D", self.directory_mode)) if mode is not None
        )
        head = ";".join(map(str, self.conditions))
        return f"{head:<19} {self.destination}{''.join(f' {flag} {mode:03o}' for flag, mode in modes)}"

    @property
    def kind(self) -> str:
        """What the destination is: FILE, HOST, ..."""
        return kind(self.destination)

    def takes(self, user: str, job: str, facility: str, priority: int, sender: Sender | None = None) -> bool:
        """Does a record of this writer, facility and severity number belong here? `sender` is the host a record from
        the network came from, which has no user and job. Conditions are alternatives; `none` excludes (precedence
        unconfirmed)."""
        hits = [condition for condition in self.conditions if _concerns(condition, user, job, facility, sender)]
        excluded = fact("syslog-none-excludes") and any(condition.priority < 0 for condition in hits)
        return not excluded and any(priority <= condition.priority for condition in hits)


def _concerns(condition: Condition, user: str, job: str, facility: str, sender: Sender | None) -> bool:
    if condition.facility not in ("*", facility):
        return False
    if sender is not None:
        return not condition.local and (condition.host is None or _is_from(condition.host, sender))
    fold = str.upper if fact("syslog-names-fold") else str
    return (
        condition.host is None
        and fnmatchcase(fold(user), _pattern(fold(condition.user)))
        and fnmatchcase(fold(job), _pattern(fold(condition.job)))
    )


def _is_from(host: str, sender: Sender) -> bool:
    """A hostspec is an address, a prefix, or a host name with or without its domain."""
    try:
        wanted = addresses.anything(host)
    except ValueError:
        names = sender.name.lower(), sender.name.lower().partition(".")[0]
        return bool(sender.name) and host.lower() in names
    try:
        version, number = addresses.address(sender.address)
    except ValueError:
        return False
    return version == wanted.version and wanted.low <= number <= wanted.high


def _pattern(text: str) -> str:
    """Only `*` is special in syslog.conf."""
    return re.sub(r"([?\[\]])", r"[\1]", text)


class Configuration(NamedTuple):
    """One syslog.conf. Written out: the rules, a line each; comments and global values are left out."""

    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        return "".join(f"{rule}\n" for rule in self.rules)


def parse(source: Source) -> Configuration:
    """All rules in file order; lines that are no rule are reported and left out."""
    rules: list[Rule] = []
    findings: list[Finding] = []
    archives = False  # has a BeginArchiveParms named the prefix of the data sets of -N?
    for row in lines(source, "#"):
        archives = archives or row[0].text.lower() == "beginarchiveparms"
        try:
            rule = _rule(row, findings)
        except _Bad as bad:
            findings.append(finding("syntax", bad.where, found=bad.found, expected=bad.expected, hint=bad.hint))
            continue
        if rule:
            rules.append(rule)
        named = next((word for word in row if word.text == "-N"), None)
        if rule and named and not archives:
            why, hint = "no BeginArchiveParms stands before it", "code BeginArchiveParms, or remove -N"
            findings.append(finding("no-effect", named.where, what="-N", why=why, hint=hint))
    return Configuration(tuple(rules), tuple(findings))


class _Bad(Exception):
    def __init__(self, where: Where, found: str, expected: str, hint: str) -> None:
        self.where, self.found, self.expected, self.hint = where, found, expected, hint


def _rule(row: tuple[Token, ...], findings: list[Finding]) -> Rule | None:
    head = row[0]
    if "." not in head.text:  # a global value such as ArchiveTimeOfDay, or BeginArchiveParms
        findings.append(finding("kept", head.where, what=f"{head.text} of syslog.conf"))
        return None
    if len(row) < 2:
        raise _Bad(head.where, "the end of the line", "a destination", "write a file such as /var/log/errors")
    column = head.where.column
    conditions: list[Condition] = []
    for part in head.text.split(";"):
        if part:
            conditions += _conditions(part, head.where._replace(column=column))
        column += len(part) + 1
    modes = _options(row[2:], findings)
    destination = row[1]
    what = kind(destination.text)
    if what in _WHY_NOT:
        why = f"{_WHY_NOT[what]}, and records for it are counted only"
        findings.append(finding("not-modelled", destination.where, what=f"destination {destination.text}", why=why))
    if what == FILE:
        try:
            unix_path(destination.text)
        except ValueError as why_not:
            raise _Bad(destination.where, destination.text, "a file name", str(why_not)) from None
    return Rule(tuple(conditions), destination.text, modes.get("-F"), modes.get("-D"), head.where)


def _conditions(text: str, where: Where) -> list[Condition]:
    """Conditions between semicolons. Commas separate facilities (`mail,news.info`), or conditions (`*.info,mail.none`)
    where the whole is none. (unconfirmed for z/OS; syslog.conf of other systems)"""
    if "," not in text or _parts(text) is not None or not fact("syslog-comma-lists"):
        return _one(text, where)
    found: list[Condition] = []
    column, begun = where.column, 0
    pieces = text.split(",")
    for at, piece in enumerate(pieces):
        if "." in piece or at == len(pieces) - 1:
            found += _one(",".join(pieces[begun : at + 1]), where._replace(column=column))
            column += sum(len(each) + 1 for each in pieces[begun : at + 1])
            begun = at + 1
    return found


def _parts(text: str) -> tuple[str | None, list[str]] | None:
    """Host and dotted parts of a condition; None if it is none. Only facilities may be a list."""
    host: str | None = None
    if text.startswith("("):
        host, closed, text = text[1:].partition(")")
        if not closed:
            return None
        text = text.removeprefix(".")
    parts = text.split(".")
    single = parts[:-2] + parts[-1:]
    lists = fact("syslog-comma-lists")
    fits = len(parts) in ((2, 4) if host is None else (2,)) and all(parts)
    return (host, parts) if fits and not any("," in part for part in (single if lists else parts)) else None


def _one(text: str, where: Where) -> list[Condition]:
    """userid.jobname.facility.priority, facility.priority, or (hostspec).facility.priority: one for each facility."""
    read = _parts(text)
    if text.startswith("(") and ")" not in text:
        raise _Bad(where, text, "a host in parentheses", "close the parenthesis")
    if read is None:
        hint = "asterisks may have been lost: every part needs a value, * for any"
        raise _Bad(where, text, "facility.priority or userid.jobname.facility.priority", hint)
    host, parts = read
    user, job, names, priority = ("*", "*", *parts) if len(parts) == 2 else tuple(parts)
    facilities = names.lower().split(",")
    for facility in facilities:
        if facility not in (*FACILITIES, "*"):
            raise _Bad(where, facility, "a facility", f"use * or one of {', '.join(FACILITIES)}")
    if priority.lower() not in PRIORITIES:
        raise _Bad(where, priority, "a priority", f"use one of {', '.join(PRIORITIES)}")
    if host is not None:
        _check_host(host, where)
    severity = PRIORITIES[priority.lower()]
    return [Condition(user, job, facility, severity, host, len(parts) == 4) for facility in facilities]


def _check_host(host: str, where: Where) -> None:
    """An address, a prefix or a name."""
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host) and not re.fullmatch(r"[0-9.]+", host):
        return
    try:
        addresses.anything(host)
    except ValueError as why:
        raise _Bad(where, f"({host})", "an address, a prefix or a host name", str(why)) from None


def _options(words: tuple[Token, ...], findings: list[Finding]) -> dict[str, int]:
    """-F and -D with octal modes; -N and -X are kept."""
    modes: dict[str, int] = {}
    at = 0
    while at < len(words):
        word = words[at]
        if word.text in ("-F", "-D") and at + 1 < len(words):
            value = words[at + 1]
            if not re.fullmatch("[0-7]{3,4}", value.text):
                raise _Bad(
                    value.where, value.text, "an octal mode such as 640", "write three or four digits from 0 to 7"
                )
            modes[word.text] = int(value.text, 8)
            at += 2
        elif word.text in ("-N", "-X"):
            if modes or any(other.text in ("-F", "-D") for other in words):
                hint = f"remove the modes or {word.text}"
                raise _Bad(word.where, word.text, "no archiving together with -F or -D", hint)
            findings.append(finding("kept", word.where, what=f"{word.text} of syslog.conf"))
            at += 2 if word.text == "-N" else 1
        else:
            raise _Bad(word.where, word.text, "-F mode, -D mode, -N qualifier or -X", "remove it or put # in front")
    return modes
