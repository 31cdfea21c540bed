"""Commands about logs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

import zsim
from zsim.cli.terminal import (
    FINE,
    FOUND,
    UNUSABLE,
    compiling,
    complain,
    graver,
    json_option,
    place_of,
    session,
    system_option,
    tell_doubts,
)
from zsim.cli.traffic import interface_named, progress_of, ways
from zsim.findings import did_you_mean
from zsim.profiles import ProfileError

if TYPE_CHECKING:
    from zsim.tcpip.traffic import Rewrite

LONGEST_LINE = 65_536  # characters of a log line that are read as one


@click.command()
@system_option
@json_option
@click.option("--most", default=10, show_default=True, type=click.IntRange(1), help="Rows of each table.")
@click.option("--plot", is_flag=True, help="Bars by outcome, in colours where the terminal has them.")
@click.option("--html", "page", metavar="FILE", help="Also a page of HTML that needs nothing else; - for stdout.")
@click.option("--svg", "picture", metavar="FILE", help="Also a picture; - for stdout.")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.pass_context
def logstat(
    ctx: click.Context, system: str | None, as_json: bool, most: int, plot: bool, page: str | None, picture: str | None,
    logs: tuple[str, ...],
) -> None:  # fmt: skip
    """Add up TRMD logs: records per filter, per peer, per service, per hour.

    LOG is a syslogd file of zsim or of a real system, as syslogd writes it with or without -u or as a remote syslogd
    got it, or - for standard input. With -s, filters that the system does not have are marked, and --json and --html
    say where the others are defined.

    \b
    Examples:
      zsim logstat mysys/var/log/TRMD1I.2023.12.13
      zsim logstat --plot TRMD1I.*
      zsim logstat -s mysys --html log.html TRMD1I.*
      zcat TRMD1I.2023.12.*.gz | zsim logstat --json -
    """
    from zsim import charts
    from zsim import logstat as made

    if ((as_json or plot) and "-" in (page, picture)) or page == picture == "-":
        raise click.UsageError("only one of --json, --plot, --html - and --svg - can have standard output")
    summary = made.Summary()
    for name in logs:
        with _reading(name) as file:
            made.add(summary, iter(partial(file.readline, LONGEST_LINE), ""))
    defined = None
    if system or ctx.find_root().params.get("system"):
        with session(place_of(ctx, system), write=False) as running:
            sets = [each for each in (running.stack.default, running.stack.policy) if each]
            defined = {rule.name: str(rule.where) for each in sets for rule in each.filters}
            defined |= {each.rule.name: "ipsec -F" for each in running.stack.defensive.filters}
    shown = made.document(summary, defined)
    for target, draw in ((page, charts.page), (picture, charts.svg)):
        if target is not None:
            _write(target, draw(shown, most), logs)
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    elif plot:
        _print(charts.terminal(shown, most))
    elif "-" not in (page, picture):
        click.echo(made.table(shown, most).rstrip("\n"))
    ctx.exit(FINE if shown["records"] else FOUND)


@contextmanager
def _reading(name: str) -> Iterator[IO[str]]:
    """A log, with a bar of what is read where standard error is a terminal. Raises ProfileError."""
    try:
        if name != "-" and sys.stderr.isatty() and Path(name).is_file():
            from rich import progress
            from rich.console import Console

            shown = Console(stderr=True)
            opened: AbstractContextManager[IO[str]] = progress.open(
                name,
                "r",
                encoding="utf-8",
                errors="replace",
                console=shown,
                transient=True,
                description=Path(name).name,
            )
        else:
            opened = click.open_file(name, encoding="utf-8", errors="replace")
        with opened as file:
            yield file
    except OSError as why:
        raise ProfileError(f"{name}: cannot be read: {why.strerror}") from None


def _write(target: str, text: str, logs: tuple[str, ...]) -> None:
    """A file that is whole or not there, and none of those that were read. Raises ProfileError."""
    if target != "-" and any(log != "-" and Path(log).resolve() == Path(target).resolve() for log in logs):
        raise ProfileError(f"{target}: is a log that is read; write to another file")
    try:
        with click.open_file(target, "w", encoding="utf-8", atomic=target != "-") as file:
            file.write(text)
    except OSError as why:
        raise ProfileError(f"{target}: cannot be written: {why.strerror}") from None


def _print(text: Any) -> None:
    """A text of rich, in colours where the terminal has them and NO_COLOR does not forbid it."""
    from rich.console import Console

    Console(width=80, soft_wrap=True, highlight=False).print(text)


@click.command()
@system_option
@json_option
@click.option(
    "--log", type=click.Choice(["all", "as-configured", "deny"]), default="all", show_default=True,
    help="What filters log: everything, as they are configured, or what they deny.",
)  # fmt: skip
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far growth is reckoned.")
@click.option("--most", default=5, show_default=True, type=click.IntRange(1), help="Rows of each table of causes.")
@ways
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.pass_context
def forecast(
    ctx: click.Context, system: str | None, as_json: bool, log: str, days: int, most: int, interface: str | None,
    home: list[tuple[int, int]], rewrites: list[Rewrite], captures: tuple[str, ...],
) -> None:  # fmt: skip
    """Say what logging will cost before it is switched on: records and bytes per file and day, and who causes them.

    The captures run through the rules in force as in a replay, and nothing is kept. Counts are those of the captures,
    exactly; what a day will bring is scaled from the time they span.

    \b
    Examples:
      zsim forecast trace.pcap
      zsim forecast --log deny --json trace.pcap
      zsim forecast -s mysys --log as-configured --days 365 'trace.pcap*'
      zsim forecast --map 192.0.2.7=10.1.1.2 from-elsewhere.pcap
    """
    import engine
    from zsim import captures as files
    from zsim import forecast as made
    from zsim.replay import Tally, play

    captures = files.named(captures)
    with session(place_of(ctx, system), write=False) as running, compiling():
        code = tell_doubts(running)
        if not running.stacks:
            raise ProfileError(f"stack {running.stack.name} is not running, so there is nothing to log")
        compiled = files.wants_compiled(captures)
        found = made.assume(running, log)
        tally = Tally(running.prepare(compiled, home))
        arrival = interface_named(running, interface)
        flush, record = partial(made.measure, found, running), partial(made.observe, found, running.offset)
        with progress_of(captures, tally) as progress:
            for path in captures:
                made.begin(found)
                try:
                    batches = files.frames(path, compiled, progress)
                    play(running, tally, batches, arrival, rewrites, flush, record)
                except engine.CaptureError as why:
                    complain(str(why))
                    code = UNUSABLE
        flush()
        shown = made.document(found, tally, running, days, most)
    click.echo(json.dumps(shown, indent=2) if as_json else made.table(shown).rstrip("\n"))
    if shown["records"] and not shown["files"]:
        code = graver(code, FOUND)
    ctx.exit(code)


@click.command()
@click.argument("name", required=False)
@click.pass_context
def schema(ctx: click.Context, name: str | None) -> None:
    """Print the JSON Schema of an event format; without a name, list them.

    \b
    Examples:
      zsim schema
      zsim schema ocsf > ocsf.schema.json
    """
    folder = Path(zsim.__file__).parent / "schemas"
    known = {path.stem: path for path in sorted(folder.glob("*.json"))}
    if name is None:
        for each, path in known.items():
            click.echo(f"{each:<10}{json.loads(path.read_text('utf-8'))['title']}")
    elif name in known:
        click.echo(known[name].read_text("utf-8"), nl=False)
    else:
        raise ProfileError(f"no schema {name!r}; {did_you_mean(name, known, 'there are ' + ', '.join(known))}")
    ctx.exit(FINE)
