"""Commands that operate a system: ipsec, the z/OS UNIX shell, the console, the table of filters."""

from __future__ import annotations

import json
import shlex
import shutil
import sys

import click

from zsim.cli.terminal import (
    FINE,
    FOUND,
    NOT_KNOWN,
    finding_row,
    finding_text,
    json_option,
    place_of,
    put,
    put_json,
    session,
    system_option,
    tell_console,
    tell_doubts,
    tell_note,
    user_of,
    user_option,
    why_in_force,
)
from zsim.commands import Reply
from zsim.facts import fact
from zsim.findings import NOTE, UNKNOWN


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": ["--help"]}
)
@system_option
@user_option
@click.option("--json", "as_json", is_flag=True, help="The report's rows as JSON (ours, not the real command's).")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def ipsec(ctx: click.Context, system: str | None, user: str, as_json: bool, words: tuple[str, ...]) -> None:
    """The z/OS UNIX command ipsec, with its own options and exit codes.

    \b
    Examples:
      zsim ipsec -f display -c current
      zsim ipsec -s mysys -f display -n icmpinspecific2
      zsim ipsec --json -f display -c profile
      zsim ipsec -s mysys -f default
      zsim ipsec --user START1 -f display
    """
    words, later = _ours(words)
    as_json, place = as_json or later.get("--json") == "", place_of(ctx, later.get("-s") or system)
    with session(place, write=True) as running:
        answer = running.ipsec(words, user_of(running, later.get("--user") or user))
        tell_doubts(running)
        if answer.code == fact("ipsec-exit-codes")["authority"]:
            tell_note(f'zsim explain-access {running.user(later.get("--user") or user)} "ipsec {shlex.join(words)}"')
    tell_console(answer.console)
    if as_json and answer.report is not None:
        put_json(answer.report.to_json())
    elif as_json:
        put_json({"code": answer.code, "text": answer.text, "errors": answer.errors})
    else:
        put(answer.text)
    click.echo(answer.errors, nl=False, err=True)
    ctx.exit(answer.code)


def _ours(words: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """zsim's own --json, --user USER and -s SYSTEM where they stand among the words of ipsec (-y display has a -s)."""
    rest, ours = [], {}
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--json":
            ours[word] = ""
        elif (word == "--user" and pending) or (word == "-s" and pending and "-y" not in words):
            ours[word] = pending.pop(0)
        else:
            rest.append(word)
    return tuple(rest), ours


@click.command()
@system_option
@user_option
@json_option
@click.argument("line")
@click.pass_context
def sh(ctx: click.Context, system: str | None, user: str, as_json: bool, line: str) -> None:
    """A z/OS UNIX command line: ipsec and a few filters, with | > and >>.

    \b
    Examples:
      zsim sh "ipsec -f display -c current | grep FilterName"
      zsim sh -s mysys "ipsec -f display -c current > a"
      zsim sh -s mysys "cat /var/log/TRMD1I.2023.12.13"
      zsim sh -s mysys --json "ipsec -F delete -N noping"
    """
    place = place_of(ctx, system)
    with session(place, write=True) as running:
        answer = running.shell(line, user_of(running, user))
        if place.bundled and running.files.replaced:
            tell_note(f"{place.name} is bundled: no file is kept; zsim new DIR makes a system that remembers")
    if as_json:
        shown = [str(each) for each in answer.console]
        found = {"code": answer.code, "text": answer.text, "errors": answer.errors, "console": shown}
        put_json({"schema": "zsim.sh/1", **found})
        ctx.exit(answer.code)
    tell_console(answer.console)
    put(answer.text)
    click.echo(answer.errors, nl=False, err=True)
    ctx.exit(answer.code)


@click.command()
@system_option
@json_option
@click.option("--matched/--unmatched", "matched", default=None, help="Only filters with or without matches.")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    type=click.Choice(["defensive", "policy", "profile"]),
    help="Only filters of this layer; may be repeated.",
)
@click.option(
    "--sort",
    type=click.Choice(["order", "matches", "name", "last"]),
    default="order",
    show_default=True,
    help="order is the order of search.",
)
@click.option("--watch", is_flag=True, help="Show the table again and again, until Ctrl-C.")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Seconds, of --watch.")
@click.option("--times", default=0, type=click.IntRange(0), metavar="N", help="End --watch after N tables.")
@click.pass_context
def filters(
    ctx: click.Context, system: str | None, as_json: bool, matched: bool | None, layers: tuple[str, ...], sort: str,
    watch: bool, every: float, times: int,
) -> None:  # fmt: skip
    """The filters in force as a table: what each tests and how often it matched.

    \b
    Examples:
      zsim filters
      zsim filters -s mysys --matched --sort matches
      zsim filters -s mysys --layer defensive --json
      zsim filters -s mysys --matched --watch
    """
    from zsim import listing

    place = place_of(ctx, system)

    def look(told: bool = True) -> tuple[int, str, list[listing.Row], int]:
        """The exit code, why these filters are in force, those that are chosen, and of how many."""
        with session(place, write=True, tell_changes=told) as running:
            running.tick()
            code = tell_doubts(running) if told else FINE
            found, why = listing.rows(running), why_in_force(running)
        return code, why, listing.chosen(found, matched, layers, sort), len(found)

    if watch:
        from zsim.cli import watching

        watching.tables(lambda: look(told=False)[1:], as_json, every, times)
        ctx.exit(FINE)
    code, why, rows, of = look()
    if as_json:
        put_json({"schema": listing.SCHEMA, "why": why, "of": of, "filters": rows})
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        put(f"{listing.table(rows, width)}{len(rows)} of {of} filters; {why}\n")
    ctx.exit(code)


@click.command()
@system_option
@click.option("--user", default="", metavar="USER", help="Who types it; default the master console.")
@json_option
@click.argument("line")
@click.pass_context
def console(ctx: click.Context, system: str | None, user: str, as_json: bool, line: str) -> None:
    """An operator command, and what the console answers.

    \b
    Examples:
      zsim console -s mysys "F CPAGENT,REFRESH"
      zsim console -s mysys "V TCPIP,TCPIP,OBEY,USER.Z24C.TCPPARMS(JFACE41)"
      zsim console -s mysys "V TCPIP,TCPIP,STA,JFPORTCP4"
    """
    place = place_of(ctx, system)
    if place.bundled:
        tell_note(f"{place.name} is bundled: nothing is kept; zsim new DIR makes a system that remembers")
    with session(place, write=True, tell_changes=False) as running:
        reply = running.console(line, user_of(running, user) if user else "")
        rows = [finding_row(running, each) for each in reply.findings]
        told = [finding_text(running, each) for each in reply.findings if each.severity != NOTE]
    # After the command is kept, whatever becomes of the output.
    if as_json:
        click.echo(json.dumps({"messages": [str(each) for each in reply.messages], "findings": rows}, indent=2))
    else:
        click.echo("".join(f"{each}\n" for each in reply.messages), nl=False)
        click.echo("".join(f"{each}\n" for each in told), nl=False, err=True)
    ctx.exit(code_of(reply))


def code_of(reply: Reply) -> int:
    """The exit code of an operator command."""
    unknown = any(each.severity == UNKNOWN for each in reply.findings)
    return FINE if reply.done else NOT_KNOWN if unknown else FOUND
