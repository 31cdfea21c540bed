"""`zsim filters --watch`: the table of filters again and again. On a terminal it stays in place, and filters that
matched since the last time stand out; elsewhere one table follows the other, in JSON a line each."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from zsim import listing
from zsim.cli.terminal import colour, wall_clock
from zsim.clock import iso

if TYPE_CHECKING:
    from rich.text import Text

Look = Callable[[], tuple[str, list[listing.Row], int]]


def tables(look: Look, as_json: bool, every: float, times: int) -> None:
    """Show what `look` finds, `every` seconds, `times` times or until Ctrl-C."""
    try:
        if as_json or not sys.stdout.isatty():
            _repeated(look, as_json, every, times)
        else:
            _in_place(look, every, times)
    except KeyboardInterrupt:
        return


def _repeated(look: Look, as_json: bool, every: float, times: int) -> None:
    shown = 0
    while True:
        why, rows, of = look()
        at = iso(wall_clock())[:19]
        if as_json:
            found = {"schema": listing.SCHEMA, "time": at, "why": why, "of": of, "filters": rows}
            click.echo(json.dumps(found, separators=(",", ":")))
        else:
            click.echo(f"{at}  {len(rows)} of {of} filters; {why}\n{listing.table(rows)}")
        shown += 1
        if shown == times:
            return
        sys.stdout.flush()
        time.sleep(every)


def _in_place(look: Look, every: float, times: int) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(no_color=colour() is False, highlight=False)
    before: dict[tuple[str, int, str], int] = {}
    shown = 0
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            why, rows, of = look()
            live.update(_picture(why, rows, of, before), refresh=True)
            before = {_key(row): row["matches"] for row in rows}
            shown += 1
            if shown == times:
                return
            time.sleep(every)


def _key(row: listing.Row) -> tuple[str, int, str]:
    return row["name"], row["extension"], row["layer"]


def _picture(why: str, rows: list[listing.Row], of: int, before: dict[tuple[str, int, str], int]) -> Text:
    """The table; bold are the filters with more matches than before."""
    from rich.text import Text

    head, *lines = listing.table(rows).splitlines()
    picture = Text(f"{iso(wall_clock())[:19]}  {len(rows)} of {of} filters\n{why}\n", no_wrap=True)
    picture.append(f"{head}\n", "dim")
    for row, line in zip(rows, lines, strict=True):
        more = row["matches"] - before.get(_key(row), row["matches"])
        picture.append(f"{line}  +{more}\n" if more > 0 else f"{line}\n", "bold" if more > 0 else "")
    return picture
