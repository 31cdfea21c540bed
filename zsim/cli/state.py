"""Commands about what a system remembers: show it, write it out, bring it back."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zsim import memory
from zsim.cli.terminal import FINE, FOUND, json_option, place_of, system_option, tell_note, wall_clock
from zsim.clock import iso
from zsim.profiles import LARGEST_TEXT, ProfileError


@click.group()
def state() -> None:
    """What a system remembers: installed filters and counters, tasks, RACF, the clock.

    \b
    It lies in state.db in the system's folder, a SQLite database. A command is a
    transaction: what it answered is kept, a killed one leaves nothing, and of two
    at once one waits. Without state.db a system starts anew, as after an IPL.
    """


@state.command()
@system_option
@json_option
@click.pass_context
def show(ctx: click.Context, system: str | None, as_json: bool) -> None:
    """What is remembered, in short, and whether the database is sound.

    \b
    Examples:
      zsim state show -s mysys
      zsim state show -s mysys --json

    Exit codes: 0 sound, 1 damaged.
    """
    place = place_of(ctx, system)
    found = memory.told(place, wall_clock())
    if as_json:
        click.echo(json.dumps({"schema": "zsim.memory/1", **found._asdict(), "clock": iso(found.clock)}, indent=2))
    else:
        kept = f"{found.octets:,} octets, schema {found.memory}" if found.octets else "nothing is kept: it is bundled"
        rows = [
            ("database", f"{found.file}: {kept}"),
            ("sound", found.sound),
            ("clock", iso(found.clock)),
            ("running", ", ".join(found.running) or "nothing"),
            ("filters", ", ".join(f"{count} {name}" for name, count in found.filters.items())),
            ("in force", found.in_force or "no packet is filtered"),
            ("matches", f"{found.matches:,}"),
            ("defensive filters", f"{found.defensive} in the stack, {found.globals} global"),
        ]
        click.echo("".join(f"{name:<18} {value}\n" for name, value in rows), nl=False)
    ctx.exit(FINE if found.sound == "ok" else FOUND)


@state.command()
@system_option
@click.argument("file")
@click.pass_context
def export(ctx: click.Context, system: str | None, file: str) -> None:
    """Write what a system remembers to FILE, or with - to standard output, as JSON.

    \b
    The document:
      schema   "zsim.state/1"
      memory   the schema of the database it comes from
      system   sysname and stack, which an import compares
      parts    state: stack, interfaces, tasks, RACF, DMD, clock (ns since 1970);
               default.filters, default.hits, policy.filters, policy.hits: the two
               filter sets in search order and the counters of each filter;
               configured: the rules that pasearch shows

    Files of the folder (policy, logs, the copies of DMD) are no part of it.

    \b
    Examples:
      zsim state export -s mysys before.json
      zsim state export -s mysys - | jq .parts.state.clock
    """
    text = memory.exported(place_of(ctx, system), wall_clock())
    if file == "-":
        click.echo(text)
        return
    try:
        Path(file).write_text(text + "\n", "utf-8")
    except OSError as why:
        raise ProfileError(f"{file}: cannot be written: {why.strerror}") from None


@state.command("import")
@system_option
@click.argument("file")
@click.pass_context
def import_(ctx: click.Context, system: str | None, file: str) -> None:
    """Put what `zsim state export` wrote in the place of what a system remembers.

    All of it is taken or nothing: a document of another system or version, with a
    part missing, of a wrong form, or that cannot be displayed, is refused and
    changes nothing.

    \b
    Examples:
      zsim state import -s mysys before.json
      zsim state export -s mysys - | zsim state import -s copy -
    """
    place = place_of(ctx, system)
    try:
        octets = sys.stdin.buffer.read(LARGEST_TEXT + 1) if file == "-" else _read(Path(file))
    except OSError as why:
        raise ProfileError(f"{file}: cannot be read: {why.strerror}") from None
    if len(octets) > LARGEST_TEXT:
        raise ProfileError(f"{file}: is larger than {LARGEST_TEXT // 1024 // 1024} MiB")
    memory.imported(place, octets, "standard input" if file == "-" else file)
    tell_note(f"{place.name} remembers what {'standard input' if file == '-' else file} says")


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_TEXT + 1)
