"""Commands about logs."""

from __future__ import annotations

import json

import click

from zsim.cli.terminal import FINE, FOUND, json_option, place_of, session, system_option
from zsim.profiles import ProfileError


@click.command()
@system_option
@json_option
@click.option("--most", default=10, show_default=True, type=click.IntRange(1), help="Rows of each table.")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.pass_context
def logstat(ctx: click.Context, system: str | None, as_json: bool, most: int, logs: tuple[str, ...]) -> None:
    """Add up TRMD logs: records per filter, per peer, per service, per hour.

    LOG is a syslogd file of zsim or of a real system, or - for standard input. With -s, filters that the system
    does not have are marked, and --json says where the others are defined.

    \b
    Examples:
      zsim logstat mysys/var/log/TRMD1I.2023.12.13
      zsim logstat -s mysys --json TRMD1I.*
    """
    from zsim import logstat as made

    summary = made.Summary()
    for name in logs:
        try:
            with click.open_file(name, encoding="utf-8", errors="replace") as file:
                made.add(summary, file)
        except OSError as why:
            raise ProfileError(f"{name}: cannot be read: {why.strerror}") from None
    defined = None
    if system or ctx.find_root().params.get("system"):
        with session(place_of(ctx, system), write=False) as running:
            sets = [each for each in (running.stack.default, running.stack.policy) if each]
            defined = {rule.name: str(rule.where) for each in sets for rule in each.filters}
    shown = made.document(summary, defined)
    click.echo(json.dumps(shown, indent=2) if as_json else made.table(shown, most).rstrip("\n"))
    ctx.exit(FINE if shown["records"] else FOUND)
