"""What can follow the words typed at a prompt: commands, options, and the names of the system at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from zsim import started, unix
from zsim.cli.dialogue import ENDS, PROMPT, PROMPTS
from zsim.console import VARY_TCPIP
from zsim.profiles import Place
from zsim.racf.commands import COMMANDS as RACF
from zsim.racf.database import LEVELS
from zsim.started import DMD, PAGENT
from zsim.system import System
from zsim.tcpip import defensive, ipsec


class Names(NamedTuple):
    """The names of one system, as they were when they were looked up."""

    procedures: list[str]
    jobs: dict[str, str]  # running: job name to program
    stack: str
    interfaces: list[str]
    members: list[str]
    files: list[str]
    filters: list[str]
    groups: list[str]
    defensive: list[str]
    captures: list[str]


def names_of(system: System, place: Place) -> Names:
    here = system.stack
    in_force = here.in_force
    known = {*system.files.names, *system.files.appended, *system.files.replaced}
    captures = sorted(path.name for path in place.folder.glob("captures/*") if path.is_file())
    return Names(
        sorted({*started.members(system.files.names, system.proclib), *system.tasks}),
        {task.job: task.program for task in system.tasks.values() if task.running},
        here.name,
        [each.name for each in here.interfaces.attachments.values() if each.type != "LOOPBACK"]
        + sorted(here.interfaces.devices),
        sorted(name for name in system.files.names if not name.startswith("/")),
        sorted(name for name in known if name.startswith("/")),
        sorted({rule.name for rule in in_force.filters}) if in_force else [],
        sorted({rule.group for rule in in_force.filters if rule.group}) if in_force else [],
        sorted({each.rule.name for each in (*here.defensive.filters, *system.dmd.filters)}),
        [f"captures/{name}" for name in captures],
    )


def offered(prompt: str, text: str, names: Names) -> list[tuple[str, int]]:
    """What can be put at the end of a line, and how many characters of it that takes the place of. The line may name
    its own prompt."""
    own = PROMPT.fullmatch(text)
    prompt, typed = (own[1], own[2]) if own else (prompt, text)
    found = []
    for each in completions(prompt, typed, names):
        length = next(n for n in range(len(typed), -1, -1) if each.upper().startswith(typed[len(typed) - n :].upper()))
        found.append((each, length))
    return found


def completions(prompt: str, text: str, names: Names) -> list[str]:
    """What the last word of `text` may become, sorted; with "" for text, what a line may begin with."""
    at = max(text.rfind(sign) for sign in (" ,=" if prompt == "console" else " ")) + 1
    head, word = text[:at], text[at:]
    if prompt == "console":
        known = _console(re.split(r"[ ,]", head.upper().rstrip(" ,")) if head.strip() else [], names)
    else:
        known = {"sh": _sh, "tso": _tso, "frames": _frames, "clock": _clock}[prompt](head.split(), names)
    if not head.strip():
        known = [*known, *(f"{each}>" for each in PROMPTS), *ENDS[:2]]
    return sorted({each for each in known if each.upper().startswith(word.upper())})


_OPERANDS = {PAGENT: ("REFRESH", "UPDATE", "LOGLEVEL,LEVEL=", "DEBUG,LEVEL=", "TRACE,LEVEL="),
             DMD: ("DISPLAY", "REFRESH", "REFRESH,FILE=", "FORCE_INACTIVE,")}  # fmt: skip


def _console(words: Sequence[str], names: Names) -> Iterable[str]:
    if not words:
        return ("S", "P", "F", "D", "C", "V")
    verb, at = words[0], len(words)
    if verb in ("S", "START") and at == 1:
        return names.procedures
    if verb in ("P", "STOP", "C", "CANCEL") and at == 1:
        return names.jobs
    if verb in ("F", "MODIFY"):
        if at == 1:
            return names.jobs
        if at == 2:
            return _OPERANDS.get(names.jobs.get(words[1], ""), ())
        return (names.stack,) if words[2] == "FORCE_INACTIVE" else ()
    if verb in ("D", "DISPLAY"):
        return ("A",) if at == 1 else ("L", "ALL", *names.jobs) if at == 2 and words[1] == "A" else ()
    if verb in ("V", "VARY"):
        if at == 1:
            return ("TCPIP",)
        if at == 2:
            return (names.stack,)
        if at == 3:
            return [name.upper() for name in VARY_TCPIP if "=" not in name]
        return names.interfaces if words[3].startswith("ST") else names.members if at == 4 else ()
    return ()


def _sh(words: Sequence[str], names: Names) -> Iterable[str]:
    program = words[0] if words else ""
    if not program or words[-1] == "|":
        return ("ipsec", "pasearch", "trmdstat", "zsim", *unix.FILTER_NAMES)
    piece = list(words)
    while "|" in piece:
        piece = piece[piece.index("|") + 1 :]
    if piece[:1] != ["ipsec"]:
        return names.files
    primary = next((word for word in piece[1:] if word in ipsec.PRIMARIES), "")
    if not primary:
        return ipsec.PRIMARIES
    last = piece[-1]
    if last == primary:
        return ipsec.PRIMARIES[primary].functions
    keywords = {each.name: each for each in defensive.KEYWORDS}
    values: dict[str, Iterable[str]] = {
        "-n": names.filters, "-g": names.groups, "-N": names.defensive, "-c": ipsec.SCOPES, "-r": ipsec.FORMATS,
        "-p": (names.stack,), "dir": ("inbound", "outbound"), "routing": ("local", "routed", "either"),
        "mode": ("block", "simulate"), "log": ("yes", "no"), "fragmentsonly": ("yes", "no"),
        "prot": defensive.PROTOCOLS, "srcip": defensive.ALL, "destip": defensive.ALL,
    }  # fmt: skip
    if last in values:
        return values[last]
    options = [f"-{letter}" for letter in ipsec.PRIMARIES[primary].options]
    return [*options, *(keywords if {"add", "update"} & set(piece) else ())]


def _tso(words: Sequence[str], names: Names) -> Iterable[str]:
    if not words:
        return RACF
    return (*(f"ACCESS({level})" for level in LEVELS), "CLASS(SERVAUTH)", "RACLIST(SERVAUTH)", "REFRESH", "SERVAUTH")


def _frames(words: Sequence[str], names: Names) -> Iterable[str]:
    return names.interfaces if words else names.captures


def _clock(words: Sequence[str], names: Names) -> Iterable[str]:
    return () if words else ("+30s", "+30m", "+2h", "+1d")
