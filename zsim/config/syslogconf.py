"""syslog.conf: which record goes where. Every rule that matches gets the record.

    condition[;condition...]  destination  [-F mode] [-D mode] [-N qualifier] [-X]
    condition := [userid.jobname.]facility.priority | (hostspec).facility.priority

A priority selects itself and everything more severe; `none` excludes the facility. User ids and job names may
hold `*`. Source: halz001 syslogd rule syntax, parameters, destinations, priority codes.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from zsim.config.source import Source, Token, lines
from zsim.facts import fact
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


class Condition(NamedTuple):
    user: str
    job: str
    facility: str
    priority: int
    host: str | None  # a (hostspec) condition: only messages from the network

    def __str__(self) -> str:
        name = next(name for name, number in PRIORITIES.items() if number == self.priority)
        if self.host is not None:
            return f"({self.host}).{self.facility}.{name}"
        writer = "" if (self.user, self.job) == ("*", "*") else f"{self.user}.{self.job}."
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

    def takes(self, user: str, job: str, facility: str, priority: int) -> bool:
        """Does a local record of this writer, facility and severity number belong here? Conditions are alternatives;
        `none` excludes (precedence unconfirmed)."""
        hits = [condition for condition in self.conditions if _concerns(condition, user, job, facility)]
        return any(priority <= condition.priority for condition in hits) and not any(
            condition.priority < 0 for condition in hits
        )


def _concerns(condition: Condition, user: str, job: str, facility: str) -> bool:
    fold = str.upper if fact("syslog-names-fold") else str
    return (
        condition.host is None
        and condition.facility in ("*", facility)
        and fnmatchcase(fold(user), _pattern(fold(condition.user)))
        and fnmatchcase(fold(job), _pattern(fold(condition.job)))
    )


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
    for row in lines(source, "#"):
        try:
            rule = _rule(row, findings)
        except _Bad as bad:
            findings.append(finding("syntax", bad.where, found=bad.found, expected=bad.expected, hint=bad.hint))
            continue
        if rule:
            rules.append(rule)
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
    conditions = []
    for part in head.text.split(";"):
        if part:
            conditions.append(_condition(part, head.where._replace(column=column)))
        column += len(part) + 1
    modes = _options(row[2:], findings)
    destination = row[1]
    if not destination.text.startswith("/") or destination.text == "/dev/console":
        why = "records for it are not delivered"
        findings.append(finding("not-modelled", destination.where, what=f"destination {destination.text}", why=why))
    return Rule(tuple(conditions), destination.text, modes.get("-F"), modes.get("-D"), head.where)


def _condition(text: str, where: Where) -> Condition:
    """userid.jobname.facility.priority, facility.priority, or (hostspec).facility.priority."""
    host: str | None = None
    if text.startswith("("):
        host, closed, text = text[1:].partition(")")
        if not closed:
            raise _Bad(where, f"({host}", "a host in parentheses", "close the parenthesis")
        text = text.removeprefix(".")
    parts = text.split(".")
    if len(parts) not in ((2, 4) if host is None else (2,)) or not all(parts):
        hint = "asterisks may have been lost: every part needs a value, * for any"
        raise _Bad(where, text, "facility.priority or userid.jobname.facility.priority", hint)
    user, job, facility, priority = ("*", "*", *parts) if len(parts) == 2 else tuple(parts)
    if facility.lower() not in (*FACILITIES, "*"):
        raise _Bad(where, facility, "a facility", f"use * or one of {', '.join(FACILITIES)}")
    if priority.lower() not in PRIORITIES:
        raise _Bad(where, priority, "a priority", f"use one of {', '.join(PRIORITIES)}")
    return Condition(user, job, facility.lower(), PRIORITIES[priority.lower()], host)


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
