"""What all commands share at the terminal: exit codes, notes, the option -s, a session with a system, findings."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from zsim import profiles, store
from zsim.clock import SECOND
from zsim.findings import ERROR, NOTE, UNKNOWN, WARNING, Finding, did_you_mean, worst
from zsim.profiles import Place, ProfileError
from zsim.started import PAGENT, SYSLOGD, TCPIP, TRMD
from zsim.system import RACF, System

FINE, FOUND, UNUSABLE, NOT_KNOWN, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = {None: FINE, NOTE: FINE, UNKNOWN: NOT_KNOWN, WARNING: FOUND, ERROR: FOUND}


def complain(text: str) -> None:
    """One line for people, on standard error."""
    click.echo(f"{click.style('zsim:', fg='red')} {text}", err=True, color=colour())


def tell_note(text: str) -> None:
    click.echo(f"{click.style('note:', fg='yellow')} {text}", err=True, color=colour())


def put(text: str) -> None:
    """A text of any length to standard output as it is."""
    sys.stdout.write(text)


def put_json(value: Any) -> None:
    """A value of any size as indented JSON."""
    put(msgspec.json.format(msgspec.json.encode(value).decode(), indent=2) + "\n")


def colour() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None


def wall_clock() -> int:
    """The wall clock, or what ZSIM_NOW says (2023-12-13T14:05:31), so that a run can be repeated."""
    given = os.environ.get("ZSIM_NOW")
    if not given:
        return store.wall_clock()
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise ProfileError(f"ZSIM_NOW={given}: is no time such as 2023-12-13T14:05:31") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND


def complete_system(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    folders = [str(path.parent) for path in Path().glob(f"*/{profiles.SETTINGS}")]
    return [name for name in (*profiles.bundled_names(), *folders) if name.startswith(incomplete)]


system_option = click.option(
    "-s", "--system", "system", envvar="ZSIM_SYSTEM", default=None, metavar="SYSTEM", shell_complete=complete_system,
    help="A system's folder or a bundled name; default adcd, or ZSIM_SYSTEM.",
)  # fmt: skip
user_option = click.option(
    "--user", default="", metavar="USER", help="Who types it; default the first user of system.yaml."
)
json_option = click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")


def place_of(ctx: click.Context, system: str | None) -> Place:
    """-s of the command, of zsim itself, ZSIM_SYSTEM, or adcd."""
    return profiles.find(system or ctx.find_root().params.get("system") or "adcd")


@contextmanager
def session(
    place: Place, write: bool, tell_changes: bool = True, told: set[str] | None = None,
    live: tuple[bool, int] | None = None,
) -> Iterator[System]:  # fmt: skip
    """The system for one command; edits that wait to be installed are told, but none that is in `told`. `live` says
    whether and to which port records for hosts are sent."""
    told = set() if told is None else told
    kept = None
    with store.session(place, write, wall_clock()) as system:
        kept = system
        notes = []
        for name in system.changed_files(RACF) if tell_changes else ():
            notes.append(f"{name} changed since RACF was made from it; zsim tso - carries out commands from a file")
        for task in system.tasks.values() if tell_changes else ():
            for name in system.changed_files(task.name) if task.program else ():
                anew = 'zsim console "P {job}" and "S {name}" start it anew'
                how = anew if name == task.procedure else _INSTALLS.get(task.program, anew)
                how = how.format(job=task.job, name=task.name, file=name)
                notes.append(f"{name} changed since it was read; {how}")
        for note in notes:
            if note not in told:
                tell_note(note)
        told |= set(notes)
        yield system
        if system.elsewhere or live:
            from zsim.cli.sending import Post

            post = Post(*live) if live else Post()
            post.take(system)
            post.close()
        shown, more = system.seen()
        tell_console(shown[:MOST_TOLD])
        if more := more + len(shown[MOST_TOLD:]):
            tell_note(f"and {more:,} more lines on the console")
    for why in kept.files.unwritable.values():  # what the command logged is saved at its end
        tell_note(f"{why}; its records are lost")


MOST_TOLD = 20  # messages that the console shows unasked, when a command typed elsewhere brings them


# How an edited file is put in force, by the program that reads it.
_INSTALLS = {
    TCPIP: 'zsim console "V TCPIP,,OBEYFILE,{file}" applies it, or a restart of the stack',
    PAGENT: 'zsim console "F {job},REFRESH" installs it',
    SYSLOGD: 'zsim console "F {job},RESTART" installs it',
    "DMD": 'zsim console "F {job},REFRESH" installs it',
}


def user_of(system: System, user: str) -> str:
    """The user that --user names, in capitals. Raises ProfileError."""
    if user and not re.fullmatch(r"[A-Za-z@#$][A-Za-z0-9@#$]{0,7}", user):
        raise ProfileError(f"--user {user[:40]}: is no user id: 1 to 8 letters, digits and @ # $")
    name = system.user(user)
    if system.racf is not None and name not in system.racf.users:
        hint = did_you_mean(name, system.racf.users, f"it knows {', '.join(sorted(system.racf.users))}")
        raise ProfileError(f"--user {name}: is not defined to RACF; {hint}")
    return name


def tell_console(issued: Iterable[object]) -> None:
    """What a command brought to the operator console, for whoever typed it elsewhere."""
    for message in issued:
        for line in str(message).splitlines():
            click.echo(f"{click.style('console:', fg='cyan')} {line}", err=True, color=colour())


def tell_doubts(system: System) -> int:
    """Say on what the answer depends; the exit code that follows from it."""
    for doubt in system.doubts:
        tell_note(f"{doubt.severity} at {doubt.where}: {doubt.text}")
    if any(doubt.severity == ERROR for doubt in system.doubts) and system.stack.policy is None:
        tell_note(f"{why_in_force(system)}; zsim check says more")
    return EXIT_CODES[worst(system.doubts)]


def why_in_force(system: System) -> str:
    in_force = system.stack.in_force
    if not system.stacks:
        return f"no packet is filtered: stack {system.stack.name} is not running"
    if in_force is None:
        return "no packet is filtered: the profile has no IPCONFIG IPSECURITY"
    if system.stack.default_forced:
        return "Stack Profile is in force, because of ipsec -f default"
    if in_force.layer == "profile":
        agent = system.task_of(PAGENT)
        why = system.readings[agent.name].outcome if agent and agent.name in system.readings else "it is not started"
        return f"Stack Profile is in force: the Policy Agent has installed no policy ({why})"
    return "Stack Policy is in force: the Policy Agent has installed its policy"


def finding_row(system: System, found: Finding) -> dict[str, Any]:
    file = system.files.names.get(found.where.source, found.where.source)
    return {
        "id": found.id, "severity": found.severity, "file": file,
        "source": found.where.source, "line": found.where.line, "column": found.where.column, "text": found.text,
        "remedy": found.remedy, "message": found.issued or None,
    }  # fmt: skip


def finding_text(system: System, found: Finding) -> str:
    """file:line:column: severity: what, then the line with a caret, what z/OS says and what to do."""
    row = finding_row(system, found)
    place = f"{row['file']}:{found.where.line}:{found.where.column}" if found.where.line else row["file"]
    lines = [f"{place}: {found.severity}: {found.text}"]
    text = system.files.get(found.where.source)
    rows = text.split("\n") if isinstance(text, str) else []
    if 0 < found.where.line <= len(rows):
        lines.append(f"    {rows[found.where.line - 1].rstrip()}")
        lines.append(" " * (found.where.column + 3) + "^")
    if found.issued:
        lines.append(f"    {found.issued}")
    if found.remedy:
        lines.append(f"    -> {found.remedy}")
    return "\n".join(lines)


def graver(one: int, other: int) -> int:
    """Of two exit codes the one to give: unusable input, a finding, not known, fine."""
    return next(code for code in (UNUSABLE, FOUND, NOT_KNOWN, FINE) if code in (one, other))


@contextmanager
def compiling() -> Iterator[None]:
    """Say when a kernel compiles for the first time."""
    import engine

    told: list[str] = []

    def tell(kernel: str) -> None:
        if not told:
            tell_note("compiling the packet engine for this machine, once (zsim warm does it ahead)")
        told.append(kernel)

    with engine.telling_compilation(tell):
        yield


def tell_lost(system: System, logged: int) -> None:
    """Records that nobody writes: TRMD is down, or syslogd is and they reach the console."""
    trmd, syslogd = system.task_of(TRMD), system.task_of(SYSLOGD)
    if logged and (trmd is None or not trmd.running):
        tell_note(f"{logged:,} verdicts were to be logged and were not: {trmd.job if trmd else 'TRMD'} not running")
    elif logged and (syslogd is None or not syslogd.running):
        name = syslogd.job if syslogd else "SYSLOGD"
        tell_note(f"{logged:,} verdicts reached the console and no file: {name} not running")


def depends_on(system: System) -> list[dict[str, Any]]:
    """What the answer depends on: errors and unmodelled statements in what is installed."""
    return [finding_row(system, doubt) for doubt in system.doubts]


def in_doubt(system: System, label: str = "") -> bool:
    """Say on what the answer depends; whether there is anything."""
    doubts = [doubt for doubt in system.doubts if doubt.severity in (ERROR, UNKNOWN)]
    for doubt in doubts:
        tell_note(f"{label}{doubt.severity} at {doubt.where}: {doubt.text}")
    return bool(doubts)
