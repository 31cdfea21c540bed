"""Commands about who may do what: TSO with the RACF commands, and the explanation of an access."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any

import click

from zsim import authority
from zsim.cli.terminal import (
    FINE,
    FOUND,
    NOT_KNOWN,
    UNUSABLE,
    complain,
    json_option,
    place_of,
    session,
    system_option,
    tell_console,
    tell_note,
    user_of,
    user_option,
)
from zsim.config.source import Source
from zsim.facts import fact
from zsim.findings import did_you_mean
from zsim.messages import IssuedMessage
from zsim.racf import access
from zsim.racf import tso as lines
from zsim.racf.access import Asked, Decision
from zsim.racf.commands import FAILED, USAGE, WARNED
from zsim.racf.database import LEVELS
from zsim.system import System

SCHEMA = "zsim.access/1"


@click.command()
@system_option
@user_option
@json_option
@click.argument("line")
@click.pass_context
def tso(ctx: click.Context, system: str | None, user: str, as_json: bool, line: str) -> None:
    """A TSO command: those of RACF. With - they are read from standard input, a line each.

    \b
    Examples:
      zsim tso "RLIST SERVAUTH EZB.IPSECCMD.*.*.DISPLAY AUTHUSER"
      zsim tso -s mysys "PERMIT EZB.IPSECCMD.*.*.DISPLAY CLASS(SERVAUTH) ID(START1)"
      zsim tso -s mysys "SETROPTS RACLIST(SERVAUTH) REFRESH"
      zsim tso -s mysys - < commands.txt

    Exit codes: 0 done, 1 refused or done with a doubt, 2 not understood, 3 not
    modelled.
    """
    place = place_of(ctx, system)
    if place.bundled:
        tell_note(f"{place.name} is bundled: nothing is kept; zsim new DIR makes a system that remembers")
    given = [line]
    if line == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace").replace("\r\n", "\n")
        given = [each.text for each in lines.lines(Source("standard input", text))]
    rows: list[dict[str, Any]] = []
    issued: list[IssuedMessage] = []
    with session(place, write=True) as running:
        who = user_of(running, user)
        for each in given:
            answer = running.tso(each, who)
            issued += answer.console
            rows.append({"command": each, "code": answer.code, "text": answer.text, "errors": answer.errors})
    tell_console(issued)
    if as_json:
        click.echo(json.dumps({"schema": "zsim.tso/1", "user": who, "commands": rows}, indent=2))
    for row in () if as_json else rows:  # after the commands are kept, whatever becomes of the output
        click.echo(f"{row['command']}\n" * (line == "-") + row["text"], nl=False)
        click.echo(row["errors"], nl=False, err=True)
    ctx.exit(max((_exit(row) for row in rows), default=FINE))


def _exit(row: dict[str, Any]) -> int:
    if "is not modelled" in row["errors"] and row["code"]:
        return NOT_KNOWN
    return {USAGE: UNUSABLE, FAILED: FOUND, WARNED: FOUND}.get(row["code"], FINE)


@click.command("explain-access")
@system_option
@json_option
@click.option("--class", "class_name", default="", metavar="CLASS", help="The class, where WHAT is a resource.")
@click.option("--access", "level", default="", metavar="LEVEL", help=f"The access needed: {', '.join(LEVELS[1:])}.")
@click.argument("user")
@click.argument("what")
@click.pass_context
def explain_access(
    ctx: click.Context, system: str | None, as_json: bool, class_name: str, level: str, user: str, what: str
) -> None:
    """Why a user may or may not do something, and the commands that would allow it.

    WHAT is a command (ipsec ..., pasearch, netstat ..., V TCPIP,...) or a resource.

    \b
    Examples:
      zsim explain-access START1 "ipsec -f display"
      zsim explain-access IBMUSER "ipsec -F add -G" --json
      zsim explain-access START1 EZB.STACKACCESS.S0W1.TCPIP
      zsim explain-access START1 BPX.SUPERUSER --class FACILITY

    Exit codes: 0 allowed, 1 refused.
    """
    if level and level.upper() not in LEVELS[1:]:
        complain(f"--access {level}: is no access authority; use {', '.join(LEVELS[1:])}")
        ctx.exit(UNUSABLE)
    with session(place_of(ctx, system), write=False) as running:
        name = user_of(running, user)
        if class_name and class_name.upper() not in fact("racf-classes"):
            known = fact("racf-classes")
            hint = did_you_mean(class_name, known, f"known are {', '.join(known)}")
            complain(f"--class {class_name}: is no class; {hint}")
            ctx.exit(UNUSABLE)
        try:
            asked = authority.asked(what, running.sysname, running.stack.name, running.stacks)
        except ValueError as why:
            complain(str(why))
            ctx.exit(UNUSABLE)
        asked = [
            each._replace(class_name=class_name.upper() or each.class_name, intent=level.upper() or each.intent)
            for each in asked
        ]
        rows = [_row(running, name, each) for each in asked]
    allowed, commands = all(row["allowed"] for row in rows), _in_order(rows)
    if as_json:
        found = {"user": name, "what": what, "allowed": allowed, "commands": commands, "resources": rows}
        click.echo(json.dumps({"schema": SCHEMA, **found}, indent=2))
    else:
        click.echo(f"{name} {'may' if allowed else 'may not'}: {what}")
        for row in rows:
            click.echo(_text(row), nl=False)
        if commands:
            click.echo("these commands would allow it:")
        for command in commands:
            click.echo(f"  {command}")
    ctx.exit(FINE if allowed else FOUND)


def _row(system: System, user: str, asked: Asked) -> dict[str, Any]:
    """One resource: what was decided, by which profile, why, and what would change it."""
    found: dict[str, Any] = {
        "resource": asked.resource, "class": asked.class_name, "needed": asked.intent, "allowed": True,
        "because": "no RACF", "profile": None, "generic": None, "entry": None, "level": None,
        "explanation": "this system has no RACF, so nothing is protected: racf: in system.yaml names its commands",
        "notes": [], "commands": [],
    }  # fmt: skip
    if system.racf is None:
        return found
    decision: Decision = access.check(system.racf, user, asked)
    profile = decision.profile
    return found | {
        "allowed": decision.allowed, "because": decision.because, "profile": profile.name if profile else None,
        "generic": profile.generic if profile else None, "entry": decision.entry or None,
        "level": decision.level if profile else None, "explanation": access.explained(system.racf, decision),
        "notes": list(access.hindrances(system.racf, decision)), "commands": access.remedy(system.racf, decision),
    }  # fmt: skip


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, 80, initial_indent="    ", subsequent_indent="      ", break_long_words=False)


def _text(row: dict[str, Any]) -> str:
    lines = [
        f"  {'allowed' if row['allowed'] else 'refused'}: {row['needed']} to {row['resource']} ({row['class']})",
        *_folded(f"because {row['explanation']}"),
        *(line for each in row["notes"] for line in _folded(f"note: {each}")),
    ]
    return "".join(f"{line}\n" for line in lines)


def _in_order(rows: list[dict[str, Any]]) -> list[str]:
    """The commands of all resources, each once, the REFRESH behind the others."""
    every = dict.fromkeys(command for row in rows for command in row["commands"])
    return sorted(every, key=lambda command: command.startswith("SETROPTS RACLIST"))
