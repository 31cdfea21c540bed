"""Commands about systems as such: check their files, make one, list what is chosen, the demo."""

from __future__ import annotations

import json
import time

import click

from zsim import __version__, profiles, store
from zsim.cli.sending import live_options
from zsim.cli.terminal import (
    EXIT_CODES,
    UNUSABLE,
    finding_row,
    finding_text,
    json_option,
    place_of,
    session,
    system_option,
    tell_doubts,
    wall_clock,
    why_in_force,
)
from zsim.findings import ERROR, NOTE, UNKNOWN, WARNING, Finding, worst
from zsim.profiles import Place
from zsim.system import System


@click.command()
@system_option
@json_option
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
    place = place_of(ctx, system)
    running = profiles.open_system(place)
    findings = _in_order(running.start(wall_clock())[1])
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
        rows = [finding_row(running, found) for found in findings]
        source = in_force.source if in_force else None
        click.echo(json.dumps({
            "schema": "zsim.check/1", "system": place.name, "source": source, "why": why_in_force(running),
            "filters": len(in_force.filters) if in_force else 0, "findings": rows,
        }, indent=2))  # fmt: skip
    else:
        for found in findings:
            click.echo(finding_text(running, found))
        counts = {kind: sum(each.severity == kind for each in findings) for kind in (ERROR, WARNING, NOTE)}
        said = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items()]
        said.insert(2, f"{sum(each.severity == UNKNOWN for each in findings)} not modelled")
        click.echo(f"{place.name}: {', '.join(said)}")
        click.echo(why_in_force(running) + (f" ({_visible(running)} filters)" if in_force else ""))
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
    with store.session(place, False, wall_clock()) as system:
        return why_in_force(system)


def _visible(system: System) -> int:
    in_force = system.stack.in_force
    return sum(not rule.hidden for rule in in_force.filters) if in_force else 0


@click.command()
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


@click.command()
@json_option
def systems(as_json: bool) -> None:
    """List the bundled systems.

    \b
    Example:
      zsim systems --json
    """
    names = profiles.bundled_names()
    click.echo(json.dumps(names) if as_json else "\n".join(names))


@click.command()
@system_option
@json_option
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

    chosen = profiles.open_system(place_of(ctx, system)).facts
    rows = [{**row._asdict(), "value": chosen.get(row.name, row.value), "default": row.value} for row in FACTS.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        changed = f" (instead of {row['default']})" if row["name"] in chosen else ""
        click.echo(f"{row['name']}: {row['value']}{changed}\n    {row['grade']}: {row['doc']}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Example:
      zsim completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "zsim", "_ZSIM_COMPLETE").source())


@click.command()
@system_option
@live_options
@click.pass_context
def demo(ctx: click.Context, system: str | None, live: bool, live_port: int) -> None:
    """The ping of the tutorial: the filter that matched, the log record, what to try.

    \b
    Examples:
      zsim demo
      zsim demo -s mysys
    """
    from zsim import demo as shown

    place = place_of(ctx, system)
    capture = place.folder / "captures" / "ping.pcap"
    if not capture.is_file():
        capture = profiles.bundle() / "adcd" / "captures" / "ping.pcap"
    with session(place, write=True, live=(live, live_port)) as running:
        code = tell_doubts(running)
        text = shown.run(running, place, str(capture))
    click.echo(text, nl=False)
    ctx.exit(code)


@click.command()
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
