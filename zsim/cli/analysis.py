"""Commands that judge rules and make some: analyse, suggest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zsim import __version__
from zsim.cli.terminal import (
    FINE,
    FOUND,
    NOT_KNOWN,
    UNUSABLE,
    compiling,
    complain,
    graver,
    json_option,
    place_of,
    session,
    system_option,
    tell_note,
)
from zsim.cli.traffic import ways
from zsim.findings import ERROR, UNKNOWN, did_you_mean
from zsim.profiles import ProfileError
from zsim.system import System

if TYPE_CHECKING:
    from zsim.tcpip.traffic import Rewrite
    from zsim.whatif.analyse import Ignore


def _days(ctx: click.Context, parameter: click.Parameter, word: str) -> int:
    """`30d`, `12h` or `90m` as ns."""
    from zsim.clock import SECOND

    sizes = {"d": 86_400, "h": 3_600, "m": 60}
    if word[-1:] not in sizes or not (word[:-1].isascii() and word[:-1].isdigit()) or len(word) > 6:
        raise click.BadParameter(f"{word}: write 30d, 12h or 90m")
    return int(word[:-1]) * sizes[word[-1]] * SECOND


def _ignored(ids: tuple[str, ...], file: str | None) -> list[Ignore]:
    """What --ignore and the ignore file name. Raises ProfileError."""
    from zsim.whatif import analyse as analysing

    found = []
    for id in ids:
        name, _, rule = id.partition("=")
        try:
            analysing.check_id(name)
        except ValueError as why:
            raise click.BadParameter(str(why), param_hint="--ignore") from None
        found.append(analysing.Ignore(name, rule))
    if file is not None:
        try:
            found += analysing.read_ignored(Path(file).read_text("utf-8"))
        except (OSError, ValueError) as why:
            raise ProfileError(f"{file}: {getattr(why, 'strerror', None) or why}") from None
    return found


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], object]]:
    """A bar of filters on standard error when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(job, completed=done, total=total) if done % 64 == 0 else None


def _arrival(system: System, name: str | None) -> str | None:
    """The name of --interface as the stack has it. Raises ProfileError."""
    known = [each.name for each in system.stack.interfaces.attachments.values() if each.type != "LOOPBACK"]
    if name is not None and name.upper() not in known:
        hint = did_you_mean(name, known, f"the stack has {', '.join(known)}")
        raise ProfileError(f"--interface {name}: no such interface; {hint}")
    return name.upper() if name is not None else None


def _doubtful(system: System) -> bool:
    """Say on what the answer depends; whether there is anything."""
    doubts = [doubt for doubt in system.doubts if doubt.severity in (ERROR, UNKNOWN)]
    for doubt in doubts:
        tell_note(f"{doubt.severity} at {doubt.where}: {doubt.text}")
    return bool(doubts)


@click.command()
@system_option
@ways
@json_option
@click.option("--format", "form", type=click.Choice(["text", "sarif", "markdown", "json"]), default="text",
              show_default=True, help="How to say it.")  # fmt: skip
@click.option("--window", default="30d", show_default=True, callback=_days, metavar="30d|12h|90m",
              help="How long a rule is watched before it is called unused.")  # fmt: skip
@click.option("--ignore", "ids", multiple=True, metavar="ID[=RULE]", help="Do not tell findings of this id.")
@click.option("--ignore-file", metavar="FILE", help="Lines ID or ID RULE: what is not to be told.")
@click.argument("captures", nargs=-1, metavar="[CAPTURE...]")
@click.pass_context
def analyse(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, form: str, window: int, ids: tuple[str, ...], ignore_file: str | None, captures: tuple[str, ...],
) -> None:  # fmt: skip
    """What is wrong with the rules in force: dead, redundant, contradicting, too wide, never used.

    All packets that can cross an interface of the stack are asked, so that "never" is a proof. A rule is dead if every
    filter it became is. With captures, permits are held against what was seen. Specific before general is how filters
    are written, and is not told. A comment "# zsim: ignore ID" on a rule, --ignore or an ignore file keeps a finding
    quiet.

    Exit code 0: nothing but notes. 1: a finding. 3: none, but something in the files is not modelled.

    \b
    Examples:
      zsim analyse
      zsim analyse -s mysys 'trace.pcap*' --window 7d
      zsim analyse -s mysys --format sarif > findings.sarif
      zsim analyse --ignore denies-unlogged --ignore shadowed=ftppassive
    """
    import engine
    from engine import Entangled
    from engine.space import Space
    from zsim import captures as files
    from zsim.whatif import analyse as analysing
    from zsim.whatif import analysed, usage
    from zsim.whatif.crossings import view

    ignore = _ignored(ids, ignore_file)
    captures = files.named(captures)
    space, code = Space(), FINE
    with session(place_of(ctx, system), write=False) as running, compiling():
        doubtful = _doubtful(running)
        if running.stack.in_force is None:
            raise ProfileError(f"{running.name}: no packet is filtered, so there are no rules to analyse")
        compiled = bool(captures) and files.wants_compiled(captures)
        here = view(space, running, compiled=compiled, home=home, few=not captures)
        traffic = usage.Traffic(here, _arrival(running, interface), rewrites) if captures else None
        for path in captures:
            try:
                for frames in files.frames(path, compiled):
                    assert traffic is not None
                    traffic.add(frames)
            except engine.CaptureError as why:
                complain(str(why))
                code = UNUSABLE
        try:
            with _bar("filters") as progress:
                found = analysing.analyse(space, running, traffic, ignore, window=window, view=here, progress=progress)
        except Entangled as why:
            complain(f"{running.name}: {why}")
            ctx.exit(NOT_KNOWN)
        if form == "sarif":
            from zsim import sarif

            told = [each.finding for each in found.told]
            names = running.files.names
            shown = sarif.document(told, lambda name: names.get(name, name), __version__)
            click.echo(json.dumps(shown, indent=2))
        else:
            click.echo(analysed.FORMS["json" if as_json else form](analysed.document(found)), nl=False)
    if not found.clean:
        code = graver(code, FOUND)
    elif doubtful:
        code = graver(code, NOT_KNOWN)
    ctx.exit(code)
