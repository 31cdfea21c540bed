"""Operator commands: a pattern on a function.

    @command("VARY TCPIP,{stack},OBEYfile,{dsn}")

The verb is separated by blanks or a comma, operands by commas; the capitals of a keyword are its shortest form;
`{name}` takes an operand, which may be empty; `{name...}` takes all that remain. Quoted operands keep case, the rest
is folded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from zsim.config.source import abbreviates
from zsim.findings import Finding
from zsim.messages import IssuedMessage

VERBS = {"V": "VARY", "F": "MODIFY", "S": "START", "P": "STOP", "D": "DISPLAY", "C": "CANCEL"}
# Verbs of MVS that zsim does not model. (MVS System Commands, the list of commands)
OTHER_VERBS = (
    "ACTIVATE", "CD", "CHNGDUMP", "CF", "CMDS", "CONFIG", "CONTROL", "K", "DEVSERV", "DS", "DUMP", "DUMPDS", "DD",
    "FORCE", "HALT", "Z", "HOLD", "IOACTION", "LIBRARY", "LOG", "L", "LOGOFF", "LOGON", "MODE", "MONITOR", "MN",
    "MOUNT", "M", "PAGEADD", "PA", "PAGEDEL", "PD", "QUIESCE", "RELEASE", "REPLY", "R", "RESET", "E", "ROUTE", "RO",
    "SEND", "SE", "SET", "T", "SETETR", "SETGRS", "SETLOAD", "SETLOGR", "SETOMVS", "SETPROG", "SETRRS", "SETSMF", "SS",
    "SETSMS", "SETSSI", "SETXCF", "SLIP", "STOPMN", "PM", "SWAP", "SWITCH", "I", "TRACE", "UNLOAD", "U", "WRITELOG",
    "W",
)  # fmt: skip


class Reply(NamedTuple):
    """What the console shows for one command, and whether it was carried out."""

    messages: tuple[IssuedMessage, ...]
    findings: tuple[Finding, ...] = ()
    done: bool = True


class Command(NamedTuple):
    verb: str
    operands: tuple[str, ...]
    run: Callable[..., Any]


def command(pattern: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function an operator command; its parameters after the first are the names in the pattern."""
    verb, _, rest = pattern.partition(" ")

    def mark(function: Callable[..., Any]) -> Command:
        return Command(verb, tuple(rest.split(",")), function)

    return mark


def fitting(text: str, commands: Sequence[Command]) -> Iterator[tuple[Command, dict[str, str]]]:
    """The commands whose pattern fits, in their order, with the operands by name."""
    verb, operands = split(text)
    for candidate in commands:
        if candidate.verb == verb and (values := _fit(candidate.operands, operands)) is not None:
            yield candidate, values


def verb_known(text: str, commands: Sequence[Command]) -> bool:
    return any(candidate.verb == split(text)[0] for candidate in commands)


def split(text: str) -> tuple[str, list[str]]:
    """`v tcpip,,obey,'x'` -> ("VARY", ["TCPIP", "", "OBEY", "'x'"])."""
    verb, rest = re.split(r"[ ,]", f"{text.strip()} ", maxsplit=1)
    verb = VERBS.get(verb.upper(), verb.upper())
    operands = re.findall(r"((?:'[^']*'|[^,'])*)(?:,|$)", rest.strip())
    if operands and operands[-1] == "" and not rest.rstrip().endswith(","):
        operands.pop()
    return verb, [_fold(operand.strip()) for operand in operands]


def _fold(operand: str) -> str:
    return "".join(part if part.startswith("'") else part.upper() for part in re.split(r"('[^']*')", operand))


def _fit(pattern: tuple[str, ...], operands: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    if pattern and pattern[-1].endswith("...}") and len(operands) >= len(pattern) - 1:
        last = len(pattern) - 1
        values[pattern[-1][1:-4]] = ",".join(operands[last:])
        pattern, operands = pattern[:last], operands[:last]
    if len(pattern) != len(operands):
        return None
    for wanted, given in zip(pattern, operands, strict=True):
        if wanted.startswith("{"):
            values[wanted[1:-1]] = given
        elif not given or not abbreviates(given, wanted):
            return None
    return values
