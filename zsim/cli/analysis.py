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
    in_doubt,
    json_option,
    place_of,
    session,
    system_option,
)
from zsim.cli.traffic import interface_named, progress_of, ways
from zsim.cli.writing import write_whole
from zsim.profiles import ProfileError

if TYPE_CHECKING:
    import engine
    from zsim.tcpip.traffic import Rewrite
    from zsim.whatif.analyse import Ignore
    from zsim.whatif.observed import Observed
    from zsim.whatif.usage import Traffic


def _days(ctx: click.Context, parameter: click.Parameter, word: str) -> int:
    """`30d`, `12h` or `90m` as ns."""
    from zsim.clock import SECOND, UNITS

    if word[-1:] not in ("d", "h", "m") or not (word[:-1].isascii() and word[:-1].isdigit()) or len(word) > 6:
        raise click.BadParameter(f"{word}: write 30d, 12h or 90m")
    return int(word[:-1]) * UNITS[word[-1]] * SECOND


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


def _read(
    captures: tuple[str, ...], counted: Traffic | Observed, add: Callable[[engine.Frames, str], None], compiled: bool
) -> int:
    """All captures, with a bar; the exit code that follows. What is good before damage counts."""
    import engine
    from zsim import captures as files

    code = FINE
    with progress_of(captures, counted) as progress:
        for path in captures:
            try:
                for frames in files.frames(path, compiled, progress):
                    add(frames, path)
            except engine.CaptureError as why:
                complain(str(why))
                code = UNUSABLE
    return code


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
        doubtful = in_doubt(running)
        if running.stack.in_force is None:
            raise ProfileError(f"{running.name}: no packet is filtered, so there are no rules to analyse")
        compiled = bool(captures) and files.wants_compiled(captures)
        here = view(space, running, compiled=compiled, home=home, few=not captures)
        traffic = usage.Traffic(here, interface_named(running, interface), rewrites) if captures else None
        if traffic is not None:
            code = _read(captures, traffic, lambda frames, path: traffic.add(frames), compiled)
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


# ---- suggest ---------------------------------------------------------------------------------------------------


@click.command()
@system_option
@ways
@json_option
@click.option("--learn", "share", default=70, show_default=True, type=click.IntRange(1, 99), metavar="PERCENT",
              help="For the exam: learn on so much of the traffic, ask about the rest.")  # fmt: skip
@click.option("--aggregate", default=4, show_default=True, type=click.IntRange(min=2),
              help="From so many hosts of one /24 (IPv6: /64) on, suggest a prefix.")  # fmt: skip
@click.option("--include-denied", is_flag=True, help="Learn what an explicit deny stops today as well, and say so.")
@click.option("--log", is_flag=True, help="Let the rules log.")
@click.option("--emergency", is_flag=True, help="Instead: ipsec -F add lines against scans and top talkers.")
@click.option("--lifetime", default=30, show_default=True, type=click.IntRange(1, 525_600), metavar="MINUTES",
              help="Of the filters of --emergency.")  # fmt: skip
@click.option("--out", default="-", show_default=True, help="Where the policy is written; - for stdout.")
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.pass_context
def suggest(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, share: int, aggregate: int, include_denied: bool, log: bool, emergency: bool, lifetime: int,
    out: str, captures: tuple[str, ...],
) -> None:  # fmt: skip
    """A least-privilege policy from observed traffic, with the evidence of every rule.

    Flows become services, their peers address groups; clients' ports are generalised. What an explicit deny stops
    today, connections nobody accepts and scans are left out, and told. The answer is Policy Agent text that loads, with
    comments: what each rule was learned from, and an exam, in which rules learned on the first part of the traffic are
    asked about the rest. With --out the exam is also printed.

    Exit code 0: made. 1: the captures show nothing to learn from. 3: made, but something is not modelled.

    \b
    Examples:
      zsim suggest trace.pcap > learned.policy
      zsim suggest -s mysys --out learned.policy 'trace.pcap*'
      zsim suggest --home 192.0.2.7 from-elsewhere.pcap
      zsim suggest --emergency attack.pcap
    """
    from engine import Entangled
    from engine.space import Space
    from zsim import captures as files
    from zsim.whatif import emergency as urgent
    from zsim.whatif import suggest as suggesting
    from zsim.whatif import suggested
    from zsim.whatif.crossings import view
    from zsim.whatif.observed import Observed

    captures = files.named(captures)
    place = place_of(ctx, system)
    code = FINE
    with session(place, write=False) as running, compiling():
        if in_doubt(running):
            code = NOT_KNOWN
        if not running.stack.versions:
            raise ProfileError(f"{running.name}: its stack does not filter, so no policy would be used; "
                               "code IPCONFIG IPSECURITY")  # fmt: skip
        compiled = files.wants_compiled(captures)
        seen = Observed(
            view(Space(), running, compiled=compiled, home=home), interface_named(running, interface), rewrites
        )
        code = graver(code, _read(captures, seen, seen.add, compiled))
        if emergency:
            found = urgent.blocks(seen)
            told = (json.dumps(urgent.document(found, len(seen), lifetime), indent=2) + "\n" if as_json
                    else urgent.text(found, len(seen), lifetime))  # fmt: skip
            printed, empty = "", not found
        else:
            settings = suggesting.Settings(aggregate, include_denied)
            try:
                made = suggested.made(seen, settings, share, log)
            except Entangled as why:
                complain(f"{running.name}: {why}")
                ctx.exit(NOT_KNOWN)
            told = json.dumps(suggested.document(made), indent=2) + "\n" if as_json else made.text
            printed, empty = suggested.table(made.exam, made.found.left), not made.found.rules
    if empty:
        complain("the captures show nothing to suggest from" + (f"\n{printed}" if printed else ""))
    elif out == "-":
        click.echo(told, nl=False)
    else:
        write_whole(out, told.encode(), place, captures)
        click.echo(printed, nl=False)
    ctx.exit(graver(code, FOUND) if empty else code)
