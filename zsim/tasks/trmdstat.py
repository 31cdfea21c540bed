"""The `trmdstat` z/OS UNIX command: reports of intrusion detection from a TRMD log.

    trmdstat [-A|-C|-F|-G|-I|-N|-Q|-T|-U] [-D|-E|-S] [filter options] log_file_name

    -i mmddhhmmss  from      -f mmddhhmmss  to (trailing zeros may be dropped)      -j stack
    -p port[-port]   -h address   -k peak address (-TS)   -s source   -t destination   -c correlator (not -S, -I)
    -n interface (-F)   -d debug level   -? usage

It knows the IDS message families only. A log of IP filter records gives the heading and nothing below it, which is
what surprises people; `zsim logstat` is the summary they want. Source: halu101 trmdstat options and reports; ezz8511i.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from zsim import addresses
from zsim.clock import MONTHS, Offset, ctime, moment
from zsim.facts import fact
from zsim.findings import number
from zsim.trmdlog import Line, read

# Report options: what each is for, its title, and the content options that go with it. (trmdstat_rptopt, ezz8511i)
REPORTS = {
    "A": ("ATTACK", "ATTACK  Summary", "DS"), "C": ("CONNECTION", "CONNECTION Summary", "D"),
    "F": ("FLOOD", "FLOOD Summary", "DS"), "G": ("GLOBAL TCP STALL", "Global TCP Stall Summary", ""),
    "I": ("IDS summary", "IDS Summary", ""), "N": ("SCAN", "SCAN  Summary", "D"),
    "Q": ("TCP QUEUE SIZE", "TCP Queue Size Summary", ""), "T": ("TCP TR", "TCP TR Summary", "DES"),
    "U": ("UDP TR", "UDP TR Summary", "DS"),
}  # fmt: skip
CONTENT = "DES"
TCP_TITLES = {"": "TCP TR Summary", "E": "TCP TR Extended Summary", "D": "TCP TR Events"}  # (tcptrsumrpt, tcptrexrpt)


def _ports(word: str) -> None:
    low, dash, high = word.partition("-")
    if number(low, 0, 65535) > number(high if dash else low, 0, 65535):
        raise ValueError(f"{word} is no range of ports")


def _stack(word: str) -> None:
    if not re.fullmatch("[A-Za-z@#$][A-Za-z0-9@#$]{0,7}", word):
        raise ValueError(f"{word} is no name of a stack")


def _time(word: str) -> tuple[int, ...]:
    """mmddhhmmss as (month, day, hour, minute, second). Trailing zeros may be dropped; a day is needed."""
    try:
        at = datetime.strptime(f"2024{word.ljust(10, '0')}", "%Y%m%d%H%M%S")  # a leap year
    except ValueError:
        raise ValueError(f"{word} is no time: write mmddhhmmss, such as 1213140531") from None
    return at.month, at.day, at.hour, at.minute, at.second


# Filter options: what their value has to be, and the reports and contents they go with. (trmdstat_fltopt)
FILTERS: dict[str, tuple[Callable[[str], object], str, str]] = {
    "i": (_time, "ACFGINQTU", "DES"), "f": (_time, "ACFGINQTU", "DES"), "p": (_ports, "ACFGINQTU", "DES"),
    "h": (addresses.address, "ACFGINQTU", "DES"), "k": (addresses.address, "T", "S"),
    "s": (addresses.address, "ACFGINQTU", "DES"), "t": (addresses.address, "ACFGINQTU", "DES"),
    "c": (lambda word: number(word, 0, 2**32 - 1), "ACFGNQTU", "DE"), "n": (str, "F", "DS"),
    "j": (_stack, "ACFGINQTU", "DES"), "d": (lambda word: number(word, 0, 65535), "ACFGINQTU", "DES"),
}  # fmt: skip
FAMILIES = re.compile(r"EZZ86(?:3[89]|4[01389]|53)I|EZZ93(?:1[7-9]|2[0-4])I")  # what the reports read
NO_LOG_RECORDS = "No TypeActions LOG records to display\n"  # end of a TCP TR report without any (tcptrsumrpt)
HEADING = """\
trmdstat for z/OS CS {release}  {time}

Command Entered     : trmdstat {command}
Log Time Interval   : {log}
Stack Time Interval : {stack}
TRM Records Scanned : {scanned}
"""
USAGE = """\
Usage: trmdstat <Options> log_file_name
Report type options:
-A - Displays the ATTACK report
-C - Displays the CONNECTION report
-F - Displays the FLOOD report
-I - Displays the IDS summary report
-N - Displays the SCAN report
-T - Displays the TCP TR report
-U - Displays the UDP TR report
default - Displays the TCP TR summary report
Report content options:
-D - For -A, -C, -F, -N, -T or -U
"""
FOUND, WRONG, NOT_MODELLED = 0, 1, 3


class Request(NamedTuple):
    report: str
    content: str
    filters: dict[str, str]
    file: str


def parse(words: Sequence[str]) -> Request | str:
    """The options, or what is wrong with them. Report and content letters may be joined: -TE."""
    letters, filters, files = "", {}, []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if not word.startswith("-") or word == "-":
            files.append(word)
        elif len(word) == 2 and word[1] in FILTERS:
            if not pending:
                return f"{word} needs a value"
            filters[word[1]] = pending.pop(0)
        elif word != "-?" and all(letter in (*REPORTS, *CONTENT) for letter in word[1:]):
            letters += word[1:]
        else:
            return "help" if word == "-?" else f"{word} is not an option"
    reports = [letter for letter in letters if letter in REPORTS]
    content = "".join(letter for letter in letters if letter in CONTENT)
    report = reports[0] if reports else "I"
    if len(set(reports)) > 1:
        return f"-{reports[0]} and -{reports[1]} cannot stand together"
    if len(set(content)) > 1:
        return f"-{content[0]} and -{content[1]} cannot stand together"
    if set(content) - set(REPORTS[report][2]):
        return f"-{content} does not go with -{report}"
    for letter, value in filters.items():
        check, with_reports, with_contents = FILTERS[letter]
        if report not in with_reports or set(content) - set(with_contents) or (letter == "k" and not content):
            return f"-{letter} does not go with -{report}{content}"
        try:
            check(value)
        except ValueError as why:
            return f"-{letter}: {why}"
    if len(files) != 1:
        return "one log file name is needed"
    return Request(report, content, filters, files[0])


def run(
    request: Request, words: Sequence[str], lines: Sequence[str], release: str, now: int, offset: Offset
) -> tuple[int, str]:
    """The report over the lines of a log; exit code 3 when it holds IDS records, whose reports are not modelled."""
    records = [found for found in read(lines) if found is not None and _selected(found, request.filters)]
    ids = [found for found in records if FAMILIES.fullmatch(found.message)]
    counted = records if fact("trmdstat-counts-filter-records") else ids
    text = HEADING.format(
        release=release, time=ctime(now, offset), command=" ".join(words), scanned=len(counted),
        log=_span([found.stamp for found in records]), stack=_span(_stack_times(records)),
    )  # fmt: skip
    if request.report == "T" and request.content in TCP_TITLES and not ids:
        text += f"\n{TCP_TITLES[request.content]:^79}".rstrip() + f"\n\n{NO_LOG_RECORDS}"
    return (NOT_MODELLED if ids else FOUND), text


def _selected(found: Line, filters: dict[str, str]) -> bool:
    """Is a record of the stack and the time that were asked for? The stack's own stamp counts, where there is one."""
    if "j" in filters and found.tag.partition("[")[0].upper() != f"TRMD.{filters['j'].upper()}":
        return False
    if "i" not in filters and "f" not in filters:
        return True
    at = _moment(found)
    return ("i" not in filters or at >= _time(filters["i"])) and ("f" not in filters or at <= _time(filters["f"]))


def _moment(found: Line) -> tuple[int, ...]:
    if found.time is not None:
        at = moment(found.time)
        return at.month, at.day, at.hour, at.minute, at.second
    month, day, clock = found.stamp.split()
    months = MONTHS.index(month) + 1 if month in MONTHS else 0
    return months, int(day), *(int(part) for part in clock.split(":"))


def _stack_times(records: Sequence[Line]) -> list[str]:
    return [moment(found.time).strftime("%b %d %H:%M:%S") for found in records if found.time is not None]


def _span(times: Sequence[str]) -> str:
    return f"{times[0]}  - {times[-1]}" if times else "n/a"
