"""A dialogue with a system: lines typed at five prompts, and what is printed.

    console> F CPAGENT,REFRESH            an operator command
    sh> ipsec -f display | head -3        a z/OS UNIX command line; `zsim ...` is zsim's own, as typed on a PC
    tso> SETROPTS LIST                    a TSO command
    frames> captures/ping.pcap [NAME]     packets of a capture, arriving on interface NAME
    clock> +30m                           time that passes: s, m, h, d

The transcripts of the tests and `zsim shell` both run here. A line never ends the dialogue; its exit code is one of
terminal.py: 0 fine, 1 a finding, 2 wrong usage or unreadable, 3 not modelled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from zsim.cli.operate import code_of
from zsim.cli.terminal import FINE, FOUND, NOT_KNOWN, UNUSABLE, finding_text, graver
from zsim.clock import passing
from zsim.findings import NOTE, did_you_mean
from zsim.profiles import Place, ProfileError
from zsim.system import System
from zsim.unix import Answer


class Said(NamedTuple):
    """What one line brought: standard output, standard error, exit code."""

    text: str = ""
    errors: str = ""
    code: int = FINE


def graver_of(code: int, said: Said) -> int:
    return graver(code, said.code)


# Opens the system for one line; what the line does to it is kept when it is closed.
Open = Callable[[], AbstractContextManager[System]]


class Dialogue:
    """`ours` carries out a line that begins with zsim."""

    def __init__(self, place: Place, open: Open, user: str = "", ours: Callable[[str], Said] | None = None) -> None:
        self.place, self.open, self.user = place, open, user
        self.ours = ours

    def run(self, prompt: str, typed: str) -> Said:
        """One line at a prompt of PROMPTS."""
        try:
            if prompt == "sh" and typed.split()[:1] == ["zsim"] and self.ours is not None:
                return self.ours(typed)
            with self.open() as system:
                return PROMPTS[prompt](self, system, typed)
        except ProfileError as why:
            return Said("", f"zsim: {why}\n", UNUSABLE)


def _console(dialogue: Dialogue, system: System, typed: str) -> Said:
    reply = system.console(typed, dialogue.user)
    shown = (finding_text(system, each) for each in reply.findings if each.severity != NOTE)
    return Said("".join(f"{each}\n" for each in reply.messages), "".join(f"{each}\n" for each in shown), code_of(reply))


def _sh(dialogue: Dialogue, system: System, typed: str) -> Said:
    return _answered(system, system.shell(typed, dialogue.user))


def _tso(dialogue: Dialogue, system: System, typed: str) -> Said:
    return _answered(system, system.tso(typed, dialogue.user))


def _answered(system: System, answer: Answer) -> Said:
    """What the console shows of it comes first."""
    issued = [*answer.console, *system.seen()[0]]
    code = NOT_KNOWN if answer.code and "not modelled" in answer.errors else FOUND if answer.code else FINE
    return Said("".join(f"{each}\n" for each in issued) + answer.text, answer.errors, code)


def _frames(dialogue: Dialogue, system: System, typed: str) -> Said:
    """The verdicts are told on standard error; standard output has what reaches the console."""
    import engine
    from zsim import captures
    from zsim.replay import Tally, play

    name, _, interface = typed.partition(" ")
    known = [each.name for each in system.stack.interfaces.attachments.values()]
    arrival = interface.strip().upper()
    if arrival and arrival not in known:
        return Said("", f"zsim: {arrival}: no such interface; {did_you_mean(arrival, known, '')}\n", UNUSABLE)
    if not system.stacks:
        return Said("", f"zsim: stack {system.stack.name} is not running; S TCPIP starts it\n", UNUSABLE)
    path = next((each for each in (Path(name), dialogue.place.folder / name) if each.is_file()), Path(name))
    tally, damage = Tally(system.prepare()), ""
    try:
        play(system, tally, captures.frames(str(path), compiled=False), arrival or None)
    except engine.CaptureError as why:  # what was good before the damage counts
        damage = f"zsim: {why}\n"
    verdicts = ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in tally.verdicts.items() if count)
    told = f"note: {tally.packets:,} packets{': ' + verdicts if verdicts else ''}\n"
    shown, more = system.seen()
    errors = damage + told + (f"note: and {more:,} more lines on the console\n" if more else "")
    return Said("".join(f"{each}\n" for each in shown), errors, UNUSABLE if damage else FINE)


def _clock(dialogue: Dialogue, system: System, typed: str) -> Said:
    try:
        system.clock.advance_by(passing(typed))
    except ValueError:
        return Said("", f"zsim: clock> takes +30s, +30m, +2h or +1d, not {typed or 'nothing'}\n", UNUSABLE)
    system.tick()
    return Said("".join(f"{each}\n" for each in system.seen()[0]))


PROMPTS: dict[str, Callable[[Dialogue, System, str], Said]] = {
    "console": _console, "sh": _sh, "tso": _tso, "frames": _frames, "clock": _clock,
}  # fmt: skip

PROMPT = re.compile(rf"({'|'.join(PROMPTS)})> ?(.*)")
FENCE = re.compile(r"^```zsim (\S+) (seen|manual|ours)\n(.*?)^```$", re.M | re.S)
ENDS = ("exit", "quit", "end", "logoff")
FIRST = "console"


class Line(NamedTuple):
    """A line of a script; with `typed` "" it only changes the prompt."""

    prompt: str
    typed: str


def read(text: str, prompt: str) -> Line | None:
    """One line typed at a prompt: `sh>` or `sh` alone changes the prompt, `sh> ls` is for that line only. None for
    the end."""
    typed = text.strip()
    if typed.lower() in ENDS:
        return None
    if typed.lower().removesuffix(">") in PROMPTS:
        return Line(typed.lower().removesuffix(">"), "")
    found = PROMPT.fullmatch(typed)
    return Line(found[1], found[2].strip()) if found else Line(prompt, typed)


def script(text: str) -> Iterator[Line]:
    """The lines of a script. In Markdown with fences ```zsim only what stands at a prompt there counts, and what was
    printed below is passed over; else every line does but those that begin with #."""
    fences = FENCE.findall(text)
    for _, _, body in fences:
        for row in body.splitlines():
            found = PROMPT.fullmatch(row)
            if found:
                yield Line(found[1], found[2].strip())
    prompt = FIRST
    for row in () if fences else text.splitlines():
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        line = read(row, prompt)
        if line is None:
            return
        if line.typed:
            yield line
        if not line.typed:
            prompt = line.prompt
