"""The command line: the edge where a person's files, terminal and clock meet the system.

Exit codes: 0 fine, 1 a finding, 2 wrong usage or unreadable input, 3 unknown because something is not modelled.
`zsim ipsec` and `zsim sh` give the exit code of the z/OS command.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zsim import __version__, addresses, profiles, store
from zsim.clock import SECOND
from zsim.findings import ERROR, NOTE, UNKNOWN, WARNING, Finding, did_you_mean, worst
from zsim.profiles import Place, ProfileError
from zsim.system import PAGENT, SYSLOGD, TCPIP, TRMD, System

if TYPE_CHECKING:
    import engine
    from zsim.outputs import Only
    from zsim.tcpip.traffic import Outcome, Prepared, Rewrite

    Recorder = Callable[[engine.Frames, Outcome], object]

FINE, FOUND, UNUSABLE, NOT_KNOWN, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = {None: FINE, NOTE: FINE, UNKNOWN: NOT_KNOWN, WARNING: FOUND, ERROR: FOUND}


class _Commands(click.Group):
    """A group that says `did you mean` for a command it does not know, and turns our errors into exit code 2."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            hint = did_you_mean(args[0], self.list_commands(ctx), "zsim --help lists the commands")
            ctx.fail(f"no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProfileError as why:
            _complain(str(why))
            ctx.exit(UNUSABLE)


def _complain(text: str) -> None:
    """One line for people, on standard error."""
    click.echo(f"{click.style('zsim:', fg='red')} {text}", err=True, color=_colour())


def _note(text: str) -> None:
    click.echo(f"{click.style('note:', fg='yellow')} {text}", err=True, color=_colour())


def _colour() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None


def _now() -> int:
    """The wall clock, or what ZSIM_NOW says (2023-12-13T14:05:31), so that a run can be repeated."""
    given = os.environ.get("ZSIM_NOW")
    if not given:
        return store.wall_clock()
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise ProfileError(f"ZSIM_NOW={given}: is no time such as 2023-12-13T14:05:31") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND


def _complete_system(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    folders = [str(path.parent) for path in Path().glob(f"*/{profiles.SETTINGS}")]
    return [name for name in (*profiles.bundled_names(), *folders) if name.startswith(incomplete)]


_system_option = click.option(
    "-s", "--system", "system", envvar="ZSIM_SYSTEM", default=None, metavar="SYSTEM", shell_complete=_complete_system,
    help="A system's folder or a bundled name; default adcd, or ZSIM_SYSTEM.",
)  # fmt: skip
_json_option = click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")


def _place(ctx: click.Context, system: str | None) -> Place:
    """-s of the command, of zsim itself, ZSIM_SYSTEM, or adcd."""
    return profiles.find(system or ctx.find_root().params.get("system") or "adcd")


@contextmanager
def _session(place: Place, write: bool, tell_changes: bool = True) -> Iterator[System]:
    with store.session(place, write, _now()) as system:
        for task in system.tasks.values() if tell_changes else ():
            for name in system.changed_files(task):
                _note(f"{name} changed since it was read; {_INSTALLS[task.program].format(job=task.job, file=name)}")
        yield system


# How an edited file is put in force, by the program that reads it.
_INSTALLS = {
    TCPIP: 'zsim console "V TCPIP,,OBEYFILE,{file}" applies it, or a restart of the stack',
    PAGENT: 'zsim console "F {job},REFRESH" installs it',
    SYSLOGD: "it is in use already",
    "DMD": 'zsim console "F {job},REFRESH" installs it',
}


def _tell_doubts(system: System) -> int:
    """Say on what the answer depends; the exit code that follows from it."""
    for doubt in system.doubts:
        _note(f"{doubt.severity} at {doubt.where}: {doubt.text}")
    if any(doubt.severity == ERROR for doubt in system.doubts) and system.stack.policy is None:
        _note(f"{_why_in_force(system)}; zsim check says more")
    return EXIT_CODES[worst(system.doubts)]


def _why_in_force(system: System) -> str:
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


@click.group(cls=_Commands, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80})
@_system_option
@click.version_option(__version__, prog_name="zsim")
def main(system: str | None) -> None:
    """z/OS network security on your own machine.

    Replay captures through the IP filter rules of a z/OS system and see what the real one would do: which filter
    matches, what ipsec -f display shows, which log record lands in which file.

    \b
    Start here:
      zsim demo                               the ping of the tutorial, explained
      zsim new mysys                          a system of your own, to change
      zsim replay -s mysys trace.pcap         your packets, its rules
      zsim ipsec -s mysys -f display -c current
      zsim check -s mysys                     what is wrong with its files
    """


# ---- commands that need only the system ------------------------------------------------------------------------


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": ["--help"]}
)
@_system_option
@click.option("--json", "as_json", is_flag=True, help="The report's rows as JSON (ours, not the real command's).")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def ipsec(ctx: click.Context, system: str | None, as_json: bool, words: tuple[str, ...]) -> None:
    """The z/OS UNIX command ipsec, with its own options and exit codes.

    \b
    Examples:
      zsim ipsec -f display -c current
      zsim ipsec -s mysys -f display -n icmpinspecific2
      zsim ipsec --json -f display -c profile
      zsim ipsec -s mysys -f default
    """
    words, later = _ours(words)
    as_json, place = as_json or later.get("--json") == "", _place(ctx, later.get("-s") or system)
    with _session(place, write=True) as running:
        answer = running.ipsec(words)
        _tell_doubts(running)
    if as_json and answer.report is not None:
        click.echo(json.dumps(answer.report.to_json(), indent=2))
    elif as_json:
        click.echo(json.dumps({"code": answer.code, "text": answer.text, "errors": answer.errors}, indent=2))
    else:
        click.echo(answer.text, nl=False)
    click.echo(answer.errors, nl=False, err=True)
    ctx.exit(answer.code)


def _ours(words: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """zsim's own --json and -s SYSTEM where they stand among the words of ipsec (whose -y display has a -s too)."""
    rest, ours = [], {}
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--json":
            ours[word] = ""
        elif word == "-s" and pending and "-y" not in words:
            ours[word] = pending.pop(0)
        else:
            rest.append(word)
    return tuple(rest), ours


@main.command()
@_system_option
@click.option("--user", default="", help="Who types it; default the first user of system.yaml.")
@click.argument("line")
@click.pass_context
def sh(ctx: click.Context, system: str | None, user: str, line: str) -> None:
    """A z/OS UNIX command line: ipsec and a few filters, with | > and >>.

    \b
    Examples:
      zsim sh "ipsec -f display -c current | grep FilterName"
      zsim sh -s mysys "ipsec -f display -c current > a"
      zsim sh -s mysys "cat /var/log/TRMD1I.2023.12.13"
    """
    place = _place(ctx, system)
    with _session(place, write=True) as running:
        answer = running.shell(line, user)
        if place.bundled and running.files.replaced:
            _note(f"{place.name} is bundled: no file is kept; zsim new DIR makes a system that remembers")
    click.echo(answer.text, nl=False)
    click.echo(answer.errors, nl=False, err=True)
    ctx.exit(answer.code)


@main.command()
@_system_option
@_json_option
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
@click.pass_context
def filters(
    ctx: click.Context, system: str | None, as_json: bool, matched: bool | None, layers: tuple[str, ...], sort: str
) -> None:  # fmt: skip
    """The filters in force as a table: what each tests and how often it matched.

    \b
    Examples:
      zsim filters
      zsim filters -s mysys --matched --sort matches
      zsim filters -s mysys --layer defensive --json
    """
    from zsim import listing

    with _session(_place(ctx, system), write=True) as running:
        running.tick()
        code, every, why = _tell_doubts(running), listing.rows(running), _why_in_force(running)
    rows = listing.chosen(every, matched, layers, sort)
    if as_json:
        click.echo(json.dumps({"schema": listing.SCHEMA, "why": why, "of": len(every), "filters": rows}, indent=2))
    else:
        click.echo(f"{listing.table(rows)}{len(rows)} of {len(every)} filters; {why}")
    ctx.exit(code)


@main.command()
@_system_option
@_json_option
@click.argument("line")
@click.pass_context
def console(ctx: click.Context, system: str | None, as_json: bool, line: str) -> None:
    """An operator command, and what the console answers.

    \b
    Examples:
      zsim console -s mysys "F CPAGENT,REFRESH"
      zsim console -s mysys "V TCPIP,TCPIP,OBEY,USER.Z24C.TCPPARMS(JFACE41)"
      zsim console -s mysys "V TCPIP,TCPIP,STA,JFPORTCP4"
    """
    place = _place(ctx, system)
    if place.bundled:
        _note(f"{place.name} is bundled: nothing is kept; zsim new DIR makes a system that remembers")
    with _session(place, write=True, tell_changes=False) as running:
        reply = running.console(line)
        if as_json:
            findings = [_finding_row(running, each) for each in reply.findings]
            click.echo(json.dumps({"messages": [str(each) for each in reply.messages], "findings": findings}, indent=2))
        else:
            for message in reply.messages:
                click.echo(str(message))
            for found in reply.findings:
                if found.severity != NOTE:
                    click.echo(_finding_text(running, found), err=True)
    unknown = any(each.severity == UNKNOWN for each in reply.findings)
    ctx.exit(FINE if reply.done else NOT_KNOWN if unknown else FOUND)


@main.command()
@_system_option
@_json_option
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", help="How to say it.")
@click.pass_context
def check(ctx: click.Context, system: str | None, as_json: bool, form: str) -> None:
    """Read all files of a system and say what is wrong with them, and which rules will be in force.

    Nothing is started or kept. The exit code is 1 for an error or a trap, 2 where a file cannot be read as text, 3
    where something is not modelled that filters depend on, else 0.

    \b
    Examples:
      zsim check
      zsim check -s mysys --json
      zsim check -s mysys --format sarif > findings.sarif
    """
    place = _place(ctx, system)
    running = profiles.open_system(place)
    findings = _in_order(running.start(_now())[1])
    code = UNUSABLE if any(found.id == "not-text" for found in findings) else EXIT_CODES[worst(findings)]
    in_force = running.stack.in_force
    if form == "sarif":
        from zsim import sarif

        click.echo(
            json.dumps(
                sarif.document(findings, lambda name: running.files.names.get(name, name), __version__), indent=2
            )
        )
    elif as_json or form == "json":
        rows = [_finding_row(running, found) for found in findings]
        source = in_force.source if in_force else None
        click.echo(json.dumps({
            "schema": "zsim.check/1", "system": place.name, "source": source, "why": _why_in_force(running),
            "filters": len(in_force.filters) if in_force else 0, "findings": rows,
        }, indent=2))  # fmt: skip
    else:
        for found in findings:
            click.echo(_finding_text(running, found))
        counts = {kind: sum(each.severity == kind for each in findings) for kind in (ERROR, WARNING, NOTE)}
        said = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items()]
        said.insert(2, f"{sum(each.severity == UNKNOWN for each in findings)} not modelled")
        click.echo(f"{place.name}: {', '.join(said)}")
        click.echo(_why_in_force(running) + (f" ({_visible(running)} filters)" if in_force else ""))
        if now := _remembered(place):
            click.echo(f"That is after a start of all tasks. As it runs now: {now}")
    ctx.exit(code)


def _in_order(findings: list[Finding]) -> list[Finding]:
    """By file as they were read, then by place."""
    sources = list(dict.fromkeys(found.where.source for found in findings))
    return sorted(findings, key=lambda found: (sources.index(found.where.source), found.where.line, found.where.column))


def _remembered(place: Place) -> str:
    """What a folder that has been at work has in force now, in words; "" for a system that never ran."""
    if place.bundled or not (place.folder / profiles.STATE).is_file():
        return ""
    with store.session(place, False, _now()) as system:
        return _why_in_force(system)


def _visible(system: System) -> int:
    in_force = system.stack.in_force
    return sum(not rule.hidden for rule in in_force.filters) if in_force else 0


def _finding_row(system: System, found: Finding) -> dict[str, Any]:
    file = system.files.names.get(found.where.source, found.where.source)
    return {
        "id": found.id, "severity": found.severity, "file": file,
        "source": found.where.source, "line": found.where.line, "column": found.where.column, "text": found.text,
        "remedy": found.remedy, "message": found.issued or None,
    }  # fmt: skip


def _finding_text(system: System, found: Finding) -> str:
    """file:line:column: severity: what, then the line with a caret, what z/OS says and what to do."""
    row = _finding_row(system, found)
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


@main.command()
@click.argument("folder")
@click.option("--from", "source", default="adcd", show_default=True, help="The system to copy.")
def new(folder: str, source: str) -> None:
    """Make a system of your own: a folder to change, whose counters and logs persist.

    \b
    Examples:
      zsim new mysys
      zsim new test --from mysys
    """
    made = profiles.new(folder, source)
    click.echo(f"{made}: a copy of {source}. Its rules: {made}/datasets. Then:")
    click.echo(f"  zsim check -s {made}")
    click.echo(f"  zsim replay -s {made} {made}/captures/ping.pcap")


@main.command()
@_system_option
@_json_option
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
        with _session(_place(ctx, system), write=False) as running:
            sets = [each for each in (running.stack.default, running.stack.policy) if each]
            defined = {rule.name: str(rule.where) for each in sets for rule in each.filters}
    shown = made.document(summary, defined)
    click.echo(json.dumps(shown, indent=2) if as_json else made.table(shown, most).rstrip("\n"))
    ctx.exit(FINE if shown["records"] else FOUND)


@main.command()
@_json_option
def systems(as_json: bool) -> None:
    """List the bundled systems.

    \b
    Example:
      zsim systems --json
    """
    names = profiles.bundled_names()
    click.echo(json.dumps(names) if as_json else "\n".join(names))


@main.command()
@_system_option
@_json_option
@click.pass_context
def facts(ctx: click.Context, system: str | None, as_json: bool) -> None:
    """List every value that no source confirms, with its grade.

    A system chooses other values under facts: in its system.yaml, by the names listed here.

    \b
    Examples:
      zsim facts
      zsim facts -s mysys --json
    """
    from zsim.facts import FACTS

    chosen = profiles.open_system(_place(ctx, system)).facts
    rows = [{**row._asdict(), "value": chosen.get(row.name, row.value), "default": row.value} for row in FACTS.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        changed = f" (instead of {row['default']})" if row["name"] in chosen else ""
        click.echo(f"{row['name']}: {row['value']}{changed}\n    {row['grade']}: {row['doc']}")


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Example:
      zsim completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(main, {}, "zsim", "_ZSIM_COMPLETE").source())


# ---- commands with packets -------------------------------------------------------------------------------------


def _addresses(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> list[tuple[int, int]]:
    try:
        return [addresses.address(word) for word in words]
    except ValueError as why:
        raise click.BadParameter(str(why)) from None


def _rewrites(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> list[Rewrite]:
    """OLD=NEW, two addresses or two prefixes of one length."""
    from zsim.tcpip.traffic import Rewrite

    found = []
    for word in words:
        old, equals, new = word.partition("=")
        try:
            if not equals:
                raise ValueError(f"{word!r} is not OLD=NEW, such as 192.0.2.7=10.1.1.2")
            ends = addresses.anything(old), addresses.anything(new)
            if ends[0].version != ends[1].version or ends[0].high - ends[0].low != ends[1].high - ends[1].low:
                raise ValueError(f"{old} and {new} are not of one IP version and one size")
        except ValueError as why:
            raise click.BadParameter(str(why)) from None
        found.append(Rewrite(*ends))
    return found


def _interface(system: System, name: str | None) -> str | None:
    """The name as the stack has it. Raises ProfileError."""
    known = [each.name for each in system.stack.interfaces.attachments.values() if each.type != "LOOPBACK"]
    if name is not None and name.upper() not in known:
        hint = did_you_mean(name, known, f"the stack has {', '.join(known)}")
        raise ProfileError(f"--interface {name}: no such interface; {hint}")
    return name.upper() if name is not None else None


def _prepare(system: System, compiled: bool, home: list[tuple[int, int]]) -> Prepared:
    """The tables to judge packets with. Raises ProfileError where no stack is up."""
    if not system.stacks:
        task = next((task.name for task in system.tasks.values() if task.program == TCPIP), "TCPIP")
        raise ProfileError(f'stack {system.stack.name} is not running; zsim console "S {task}" starts it')
    return system.prepare(compiled, home)


@contextmanager
def _compiling() -> Iterator[None]:
    """Say when a kernel compiles for the first time."""
    import engine

    told: list[str] = []

    def tell(kernel: str) -> None:
        if not told:
            _note("compiling the packet engine for this machine, once (zsim warm does it ahead)")
        told.append(kernel)

    with engine.telling_compilation(tell):
        yield


_WAYS = (
    click.option("--interface", metavar="NAME", help="The interface the capture was taken on."),
    click.option("--home", "home", multiple=True, metavar="ADDRESS", callback=_addresses,
                 help="One more address that is this stack's own."),
    click.option("--map", "rewrites", multiple=True, metavar="OLD=NEW", callback=_rewrites,
                 help="Read address (or prefix) OLD in the capture as NEW."),
)  # fmt: skip


def _ways(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_WAYS):
        command = option(command)
    return command


def _moment(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """A time as ns since the epoch."""
    if text is None:
        return None
    from zsim.clock import nanoseconds

    try:
        return nanoseconds(text)
    except ValueError:
        raise click.BadParameter(f"{text}: write 2023-12-13T14:05:31 (UTC), or seconds since 1970") from None


def _only(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Only:
    """Which packets are written."""
    from zsim.outputs import Only

    verdicts = ("permitted", "denied", "blocked", "unfiltered", "unjudged")
    if text is None or text in verdicts:
        return Only(text or "")
    kind, _, name = text.partition("=")
    if kind != "filter" or not name:
        raise click.BadParameter(f"{text}: write one of {', '.join(verdicts)}, or filter=NAME")
    return Only(filter=name)


@main.command()
@_system_option
@_json_option
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.pass_context
def bench(ctx: click.Context, system: str | None, as_json: bool, captures: tuple[str, ...]) -> None:
    """What the rules in force cost on captures: speed, size of table, and the rules that cost most in order.

    \b
    Examples:
      zsim bench trace.pcap
      zsim bench -s mysys --json trace.pcap
    """
    import engine
    from zsim import bench as measured
    from zsim import captures as files

    code = FINE
    with _session(_place(ctx, system), write=False) as running, _compiling():
        compiled = files.wants_compiled(captures)
        found = measured.Bench(running.prepare(compiled, []))
        for path in captures:
            try:
                measured.measure(found, files.frames(path, compiled), time.perf_counter)
            except engine.CaptureError as why:
                _complain(str(why))
                code = UNUSABLE
    if as_json:
        click.echo(json.dumps(measured.document(found), indent=2))
    else:
        click.echo(measured.table(found), nl=False)
    ctx.exit(code)


@main.command()
@_system_option
@_ways
@_json_option
@click.option("--all", "all_filters", is_flag=True, help="Also show filters that matched nothing.")
@click.option(
    "-w", "--write", "annotated", metavar="OUT",
    help="Write the packets with their verdicts as comments, and ICMP replies, as pcapng; - for stdout.",
)  # fmt: skip
@click.option("--each", type=click.Choice(["packet", "flow"]), help="A record for each packet, or for each flow.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="What the records of --each are written as.",
)
@click.option("--out", default="-", show_default=True, help="Where they are written; - for stdout.")
@click.option(
    "--only",
    metavar="VERDICT|filter=NAME",
    callback=_only,
    help="Write (-w, --each) only packets denied, permitted, ..., or decided by one filter.",
)
@click.option(
    "--from",
    "since",
    metavar="TIME",
    callback=_moment,
    help="Only packets from this time on: 2023-12-13T14:05:31 (UTC), or seconds since 1970.",
)
@click.option("--to", "until", metavar="TIME", callback=_moment, help="Only packets before this time.")
@click.option("--count", "most", type=click.IntRange(min=0), help="Only so many packets.")
@click.option("--follow", is_flag=True, help="Wait for more packets at the end of the file, until Ctrl-C.")
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.pass_context
def replay(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, all_filters: bool, annotated: str | None, each: str | None, form: str, out: str, only: Only,
    since: int | None, until: int | None, most: int | None, follow: bool, captures: tuple[str, ...],
) -> None:  # fmt: skip
    """Replay captures through the rules in force: a verdict for every packet, matches for every filter.

    CAPTURE is a pcap or pcapng file, plain or compressed with gzip, zstd or lz4, a pattern like 'trace.pcap*' for one
    that was rotated, or - for standard input. Several are one stream. Every packet is counted once; a packet
    that the stack forwards is judged twice, arriving and leaving, and is permitted only if both filters permit it.
    Fragments to or from the stack are judged as one datagram. In a folder of your own, counters and log files are kept.

    \b
    Examples:
      zsim replay trace.pcap
      zsim replay -w verdicts.pcapng trace.pcap
      zsim replay --each packet --only denied trace.pcap
      zsim replay --each flow --as csv --out flows.csv 'trace.pcap*'
      zsim replay -s mysys --json a.pcap b.pcapng.gz
      zsim replay --map 192.0.2.7=10.1.1.2 from-elsewhere.pcap
      tcpdump -w - | zsim replay -
    """
    import engine
    from zsim import captures as files
    from zsim.replay import Tally, play

    if annotated == "-" and as_json:
        raise click.UsageError("-w - and --json both want standard output; give -w a file")
    to_stdout = each is not None and out == "-"
    if to_stdout and (as_json or annotated == "-"):
        raise click.UsageError("--each wants standard output for itself; give --out a file")
    if form == "parquet" and each == "flow":
        raise click.UsageError("--as parquet is for --each packet")
    if follow and len(captures) > 1:
        raise click.UsageError("--follow takes one capture")
    captures = files.named(captures)
    wanted = files.Wanted(since, until, most)
    place = _place(ctx, system)
    with _session(place, write=True) as running, _compiling():
        compiled = files.wants_compiled(captures) or form == "parquet"
        code, stopped = _tell_doubts(running), False
        tally = Tally(_prepare(running, compiled, home))
        arrival = _interface(running, interface)
        flush = partial(profiles.save_files, running, place)
        begun = time.perf_counter()
        with (
            _progress(captures, tally) as progress,
            _annotating(annotated, place, captures, tally, rewrites, only) as annotate,
            _recording(each, form, out, place, captures, tally, only) as record_of,
        ):
            for path in captures:
                try:
                    batches = wanted.of(files.frames(path, compiled, progress, follow))
                    play(running, tally, batches, arrival, rewrites, flush, _both(annotate, record_of(path)))
                except engine.CaptureError as why:  # what was good before the damage is counted
                    _complain(str(why))
                    code = UNUSABLE
                except KeyboardInterrupt:
                    stopped = True
                    break
        tally.seconds = time.perf_counter() - begun
        _tell_lost(running, tally.logged)
        depends = _depends(running)
    code = _graver(code, _report(tally, depends, as_json, all_filters, to_stderr=annotated == "-" or to_stdout))
    ctx.exit(INTERRUPTED if stopped else code)


def _graver(one: int, other: int) -> int:
    """Of two exit codes the one to give: unusable input, a finding, not known, fine."""
    return next(code for code in (UNUSABLE, FOUND, NOT_KNOWN, FINE) if code in (one, other))


@contextmanager
def _progress(captures: Iterable[str], tally: Any) -> Iterator[Callable[[int], object]]:
    """A bar of octets read, packets, rate and time left, on standard error when that is a terminal."""
    from zsim.captures import size

    sizes = [size(path) for path in captures]
    if not sys.stderr.isatty():
        yield lambda octets: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    packets = TextColumn("{task.fields[packets]:,} packets")
    columns = BarColumn(), packets, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        total = None if None in sizes else sum(octets or 0 for octets in sizes)
        job = bar.add_task("", total=total, packets=0)
        yield lambda octets: bar.update(job, advance=octets, packets=tally.packets)


class _Unwritable(Exception):
    """The annotated capture cannot be written. Ends the replay, as no fault of one input does."""


@contextmanager
def _annotating(
    out: str | None, place: Place, captures: Iterable[str], tally: Any, rewrites: list[Rewrite], only: Only
) -> Iterator[Recorder]:
    """What to tell each batch to, so that the annotated capture `out` is there at the end; without one, nothing."""
    from zsim.outputs import Annotated

    if out is None:
        yield lambda frames, outcome: None
        return
    made = Annotated(tally.prepared, rewrites, only)
    try:
        with _written(out, place, captures) as write:
            write(made.head())
            yield lambda frames, outcome: write(made.add(frames, outcome))
    except _Unwritable as why:
        raise ProfileError(str(why)) from None


def _both(one: Recorder, other: Recorder) -> Recorder:
    def record(frames: engine.Frames, outcome: Any) -> None:
        one(frames, outcome)
        other(frames, outcome)

    return record


@contextmanager
def _recording(
    each: str | None, form: str, out: str, place: Place, captures: Iterable[str], tally: Any, only: Only
) -> Iterator[Callable[[str], Recorder]]:
    """What to tell each batch of a capture to, so that the records of --each are written."""
    if each is None:
        yield lambda path: lambda frames, outcome: None
        return
    from zsim import outputs

    prepared = tally.prepared
    text = outputs.lines if form == "jsonl" else outputs.csv_lines
    try:
        with _written(out, place, captures) as write:
            if form == "parquet":
                from zsim.parquet import Table

                try:
                    table = Table(prepared, only, write)
                except ImportError:
                    raise ProfileError("--as parquet needs pyarrow: pip install 'zsim[parquet]'") from None
                yield lambda path: lambda frames, outcome: table.add(frames, outcome, path)
                table.close()
                return
            if form == "csv":
                write(outputs.csv_head(outputs.PACKET if each == "packet" else outputs.FLOW).encode())
            flows = outputs.Flows()

            def record(path: str, frames: engine.Frames, outcome: Any) -> None:
                records = outputs.packets(prepared, frames, outcome, path, only)
                if each == "packet":
                    write(text(records).encode())
                else:
                    for one in records:
                        flows.add(one)

            yield lambda path: partial(record, path)
            write(text(flows.known.values()).encode())
    except _Unwritable as why:
        raise ProfileError(str(why)) from None


@contextmanager
def _written(out: str, place: Place, captures: Iterable[str]) -> Iterator[Callable[[bytes], object]]:
    """Octets to a file that is complete or not there: it gets its name at the end. Standard output, devices and pipes
    are written to as they are. Raises _Unwritable."""
    target = Path(os.path.realpath(out))
    in_place = out == "-" or (target.exists() and not target.is_file() and not target.is_dir())
    if out != "-":
        _spare_inputs(out, target, place, captures)
    shown = "standard output" if out == "-" else out
    unfinished = target if in_place else target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        if out == "-" and sys.stdout.isatty():
            raise _Unwritable("-w -: standard output is a terminal; send it to a file or another program")
        file = sys.stdout.buffer if out == "-" else open(unfinished, "wb" if in_place else "xb")  # noqa: SIM115
    except OSError as why:
        raise _Unwritable(f"{shown}: cannot be written: {why.strerror}") from None

    def write(octets: bytes) -> None:
        try:
            file.write(octets)
        except OSError as why:
            raise _Unwritable(f"{shown}: cannot be written: {why.strerror}") from None

    try:
        yield write
        try:
            file.flush() if out == "-" else file.close()
            if not in_place:
                os.replace(unfinished, target)
        except OSError as why:
            raise _Unwritable(f"{shown}: cannot be written: {why.strerror}") from None
    finally:
        if out != "-":
            with suppress(OSError):
                file.close()
        if not in_place:
            unfinished.unlink(missing_ok=True)


def _spare_inputs(out: str, target: Path, place: Place, captures: Iterable[str]) -> None:
    """Raises _Unwritable where the annotated capture would replace what is read, a capture or a file of the system, or
    a folder."""
    if target.is_dir():
        raise _Unwritable(f"{out}: is a folder; name a file in it")
    for path in captures:
        try:
            given = os.fstat(sys.stdin.fileno()) if path == "-" else os.stat(path)
            same = os.path.samestat(given, target.stat())
        except (OSError, ValueError):  # one of them is not there, or standard input is no file
            continue
        if same and target.is_file():
            raise _Unwritable(f"{out}: is a capture that is read; write to another file")
    folder = place.folder.resolve()
    if target.is_relative_to(folder) and target.relative_to(folder).parts[:1] != ("captures",) and target.exists():
        raise _Unwritable(f"{out}: is a file of the system {place.name}; write to another file")


def _tell_lost(system: System, logged: int) -> None:
    """Records that nobody writes: TRMD or syslogd is down."""
    down = [task.job for task in system.tasks.values() if task.program in (TRMD, SYSLOGD) and not task.running]
    if logged and down:
        _note(f"{logged:,} verdicts were to be logged and were not: {' and '.join(down)} not running")


def _depends(system: System) -> list[dict[str, Any]]:
    """What the answer depends on: errors and unmodelled statements in what is installed."""
    return [_finding_row(system, doubt) for doubt in system.doubts]


def _report(
    tally: Any, depends: list[dict[str, Any]], as_json: bool, all_filters: bool, to_stderr: bool = False
) -> int:
    """Print what a replay counted; the exit code that follows from it."""
    from zsim import replay as made

    if as_json:
        click.echo(json.dumps({**made.document(tally), "depends_on": depends}, indent=2))
    else:
        click.echo(f"{_headline(tally)}\n\n{made.table(tally, all_filters)}", nl=False, err=to_stderr)
        for path, count in sorted(tally.files.items()):
            click.echo(f"{count:,} record{'s' if count > 1 else ''} to {path}", err=to_stderr)
    unopened = made.unsupported(tally)
    for name, count in unopened.items():
        _note(f"{count:,} frames of link type {name}, which zsim does not open, count as not IP")
    trains = tally.prepared.trains
    if trains.incomplete:
        _note(
            f"{trains.incomplete:,} datagram{'s' if trains.incomplete > 1 else ''} to or from this stack never became "
            f"complete; their {trains.packets:,} fragments count as truncated"
        )
    return NOT_KNOWN if unopened else FINE


def _headline(tally: Any) -> str:
    """What was replayed, in a line or two."""
    from zsim.clock import iso

    in_force = tally.prepared.in_force
    source = (
        f"{in_force.source}, {sum(not rule.hidden for rule in in_force.filters):,} filters"
        if in_force
        else "not filtered"
    )
    told = f"{tally.prepared.stack}: {source}"
    if tally.first is None:
        return told
    rate = f", {tally.packets / tally.seconds:,.0f} packets/s" if tally.seconds else ""
    span = f"{iso(tally.first)[:19]} to {iso(tally.last)[:19]}"
    return f"{told}\n{tally.packets:,} packets, {tally.octets:,} bytes, {span}{rate}"


@main.command()
@_json_option
@click.argument("capture")
@click.pass_context
def decode(ctx: click.Context, capture: str, as_json: bool) -> None:
    """Show what the packet engine sees in a capture: one line a packet.

    CAPTURE is a pcap or pcapng file, plain or gzip, or - for standard input. With --json, JSON Lines; what a packet
    does not show is null, and fragment_offset counts 8 octets, as the header does.

    \b
    Examples:
      zsim decode trace.pcap
      zsim decode --json trace.pcap | head -3
    """
    import engine
    from zsim import captures as files

    code = FINE
    with _compiling():
        try:
            for frames in files.frames(capture, files.wants_compiled((capture,))):
                headers = engine.decode(frames)
                rows = (_decoded(frames, headers, p) for p in range(frames.count))
                lines = (json.dumps(row) if as_json else _line(row) for row in rows)
                click.echo("".join(f"{line}\n" for line in lines), nl=False)
        except engine.CaptureError as why:
            _complain(str(why))
            code = UNUSABLE
    ctx.exit(code)


def _decoded(frames: engine.Frames, headers: engine.Headers, p: int) -> dict[str, Any]:
    import engine

    return {
        "frame": frames.number + p, "time_ns": int(frames.time[p]), "length": int(frames.length[p]),
        "captured": int(frames.captured[p]), "linktype": int(frames.linktype[p]), **engine.row(headers, p),
    }  # fmt: skip


def _line(row: dict[str, Any]) -> str:
    from zsim.clock import iso
    from zsim.tcpip.terms import protocol

    start = f"{row['frame']:>6} {iso(row['time_ns'])[11:26]} {row['length']:>6}"
    if row["src"] is None:
        return f"{start} {row['status']}"
    ends = [row["src"], row["dst"]]
    if row["sport"] is not None:
        form = "{}.{}" if row["version"] == 4 else "[{}].{}"
        ends = [form.format(end, port) for end, port in zip(ends, (row["sport"], row["dport"]), strict=True)]
    what = protocol(row["proto"]) if row["proto"] is not None else "?"
    kind = f" type {row['icmp_type']} code {row['icmp_code']}" if row["icmp_type"] is not None else ""
    part = f" fragment at {8 * row['fragment_offset']}" if row["fragment_offset"] or row["more_fragments"] else ""
    status = "" if row["status"] == "complete" else f" ({row['status']})"
    return f"{start} {ends[0]} > {ends[1]} {what}{kind}{part}{status}"


@main.command()
@_system_option
@_ways
@_json_option
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 1_000_000), help="Send it so many times.")
@click.argument("expression")
@click.pass_context
def send(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, count: int, expression: str,
) -> None:  # fmt: skip
    """Send packets written as scapy writes them through the rules in force.

    The expression is read as data: layer names, keyword arguments with literal values, and /. Nothing in it is run.

    \b
    Examples:
      zsim send 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()'
      zsim send 'IP(src="10.1.0.2", dst="10.1.1.2")/TCP(dport=[21, 22, 23])'
      zsim send --count 3 'IP(src="192.168.1.254", dst="224.0.0.1", proto=2)'
    """
    import engine
    from zsim import packets
    from zsim.replay import Tally, play

    with _session(_place(ctx, system), write=True) as running, _compiling():
        code = _tell_doubts(running)
        try:
            linktype, made = packets.packets(expression)
        except packets.PacketError as why:
            raise ProfileError(str(why)) from None
        compiled = len(made) * count > _PLAIN_PACKETS
        arrival = _interface(running, interface)
        tally = Tally(_prepare(running, compiled, home))
        begun = time.perf_counter()
        every = [(running.clock.now, packet) for packet in made] * count
        play(running, tally, [engine.frames_of(every, linktype, compiled)], arrival, rewrites)
        tally.seconds = time.perf_counter() - begun
        _tell_lost(running, tally.logged)
        depends = _depends(running)
    ctx.exit(_graver(code, _report(tally, depends, as_json, False)))


_PLAIN_PACKETS = 10_000  # up to here the engine's plain mode is faster than loading compiled kernels


@main.command()
@_system_option
@click.pass_context
def demo(ctx: click.Context, system: str | None) -> None:
    """The ping of the tutorial: the filter that matched, the log record, what to try.

    \b
    Examples:
      zsim demo
      zsim demo -s mysys
    """
    from zsim import demo as shown

    place = _place(ctx, system)
    capture = place.folder / "captures" / "ping.pcap"
    if not capture.is_file():
        capture = profiles.bundle() / "adcd" / "captures" / "ping.pcap"
    with _session(place, write=True) as running:
        code = _tell_doubts(running)
        text = shown.run(running, place, str(capture))
    click.echo(text, nl=False)
    ctx.exit(code)


@main.command()
def warm() -> None:
    """Compile all kernels of the packet engine now, so that no later command waits.

    \b
    Example:
      zsim warm
    """
    import engine

    begun = time.perf_counter()
    compiled: list[str] = []

    def tell(kernel: str) -> None:
        compiled.append(kernel)
        click.echo(f"compiling {kernel}", err=True)

    engine.warm(tell)
    seconds = time.perf_counter() - begun
    done = f"{len(compiled)} kernels compiled" if compiled else "all kernels were ready"
    click.echo(f"{done} ({seconds:.1f} s)")


if __name__ == "__main__":
    main()
