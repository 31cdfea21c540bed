"""The `trmdstat` z/OS UNIX command: reports of intrusion detection from a TRMD log.

    trmdstat [-A|-C|-F|-G|-I|-N|-Q|-T|-U] [-D|-E|-S] [filter options] log_file_name

It knows the IDS message families only. A log of IP filter records gives the heading and nothing below it, which is
what surprises people; `zsim logstat` is the summary they want. Source: halu101 trmdstat options and reports; ezz8511i.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from zsim.clock import ctime, moment
from zsim.facts import fact
from zsim.trmdlog import Line, read

# Report options: what each is for, its title, and the content options that go with it. (trmdstat_rptopt, ezz8511i)
REPORTS = {
    "A": ("ATTACK", "ATTACK  Summary", "DS"), "C": ("CONNECTION", "CONNECTION Summary", "D"),
    "F": ("FLOOD", "FLOOD Summary", "DS"), "G": ("GLOBAL TCP STALL", "Global TCP Stall Summary", "D"),
    "I": ("IDS summary", "IDS Summary", ""), "N": ("SCAN", "SCAN  Summary", "D"),
    "Q": ("TCP QUEUE SIZE", "TCP Queue Size Summary", "D"), "T": ("TCP TR", "TCP TR Summary", "DES"),
    "U": ("UDP TR", "UDP TR Summary", "DS"),
}  # fmt: skip
CONTENT = "DES"
FILTERS = "ifphkstcnjd"  # each takes a value
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
    if set(content) - set(REPORTS[report][2]):
        return f"-{content} does not go with -{report}"
    if len(files) != 1:
        return "one log file name is needed"
    return Request(report, content, filters, files[0])


def run(
    request: Request, words: Sequence[str], lines: Sequence[str], release: str, now: int, offset: int
) -> tuple[int, str]:
    """The report over the lines of a log; exit code 3 when it holds IDS records, whose reports are not modelled."""
    records = [found for found in read(lines) if found is not None]
    ids = [found for found in records if FAMILIES.fullmatch(found.message)]
    counted = records if fact("trmdstat-counts-filter-records") else ids
    text = HEADING.format(
        release=release, time=ctime(now, offset), command=" ".join(words), scanned=len(counted),
        log=_span([found.stamp for found in records]), stack=_span(_stack_times(records)),
    )  # fmt: skip
    if request.report == "T" and not ids:
        text += f"\n{REPORTS['T'][1]:^79}".rstrip() + f"\n\n{NO_LOG_RECORDS}"
    return (NOT_MODELLED if ids else FOUND), text


def _stack_times(records: Sequence[Line]) -> list[str]:
    return [moment(found.time).strftime("%b %d %H:%M:%S") for found in records if found.time is not None]


def _span(times: Sequence[str]) -> str:
    return f"{times[0]}  - {times[-1]}" if times else "n/a"
