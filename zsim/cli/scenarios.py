"""The command that runs scenarios, and the edge it shares with the pytest plug-in: how one file is run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zsim import profiles, store
from zsim.cli.candidates import candidate
from zsim.cli.terminal import (
    FINE,
    FOUND,
    NOT_KNOWN,
    UNUSABLE,
    json_option,
    place_of,
    system_option,
    tell_note,
    wall_clock,
)
from zsim.cli.writing import Unwritable, written
from zsim.findings import ERROR as GRAVE
from zsim.findings import UNKNOWN
from zsim.profiles import Place, ProfileError
from zsim.system import System

if TYPE_CHECKING:
    import engine
    from zsim.whatif.scenario import Scenario
    from zsim.whatif.story import World
    from zsim.whatif.tested import Ran

ENDING = ".zsim.yaml"


@click.command()
@system_option
@json_option
@click.option("--junit", metavar="FILE", help="Also write the report as JUnit XML; - for stdout.")
@click.option("--coverage", is_flag=True, help="Which filters decided anything, and which of their fields mattered.")
@click.option("-v", "--verbose", is_flag=True, help="Name what passed too.")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.pass_context
def test(
    ctx: click.Context, system: str | None, as_json: bool, junit: str | None, coverage: bool, verbose: bool,
    scenarios: tuple[str, ...],
) -> None:  # fmt: skip
    """Run scenarios: what must be permitted, denied or unchanged, and stories with expectations.

    SCENARIO is a YAML file, or a folder, in which every *.zsim.yaml is run. A scenario names its system, or takes that
    of -s as its files say now; nothing it does is kept. What is said of a set of packets is proven for all of them, and
    where it does not hold a counterexample is shown. Exit code 0: all passed. 1: something failed. 2: a file cannot be
    read or run. 3: something is not modelled.

    \b
    Examples:
      zsim test profiles/adcd/scenarios
      zsim test -s mysys rules.zsim.yaml --coverage
      zsim test --junit report.xml nightly/
      zsim schema scenario > scenario.schema.json
    """
    from zsim.whatif import tested

    if junit == "-" and as_json:
        raise click.UsageError("--junit - and --json both want standard output; give --junit a file")
    base = place_of(ctx, system)
    files = list(named(scenarios))
    ran = [run_file(file, base) for file in files]
    shown = tested.document(ran, coverage)
    if junit is not None:
        try:
            with written(junit, base, files) as write:
                write(tested.junit(ran).encode())
        except Unwritable as why:
            raise ProfileError(str(why)) from None
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    elif junit != "-":
        click.echo(tested.text(shown, verbose), nl=False)
    counts = shown["counts"]
    doubtful = [note for each in ran for note in each.doubts]
    for note in dict.fromkeys(doubtful):
        tell_note(note)
    ctx.exit(
        UNUSABLE if counts["error"] else FOUND if counts["failed"]
        else NOT_KNOWN if counts["not_modelled"] or doubtful else FINE
    )  # fmt: skip


def named(words: tuple[str, ...]) -> Iterator[str]:
    """The files that are meant; those of a folder in the order of their names. Raises ProfileError."""
    for word in words:
        path = Path(word)
        if not path.is_dir():
            yield word
            continue
        found = sorted(str(each) for each in path.rglob(f"*{ENDING}"))
        if not found:
            raise ProfileError(f"{word}: has no *{ENDING} in it")
        yield from found


def read_file(file: str) -> Scenario:
    """The scenario of a file. Raises ValueError."""
    from zsim.whatif import scenario

    try:
        octets = Path(file).read_bytes() if file != "-" else sys.stdin.buffer.read()
    except OSError as why:
        raise ProfileError(f"{file}: cannot be read: {why.strerror}") from None
    try:
        return scenario.read(octets.decode("utf-8"), file)
    except UnicodeDecodeError as why:
        raise ProfileError(f"{file}: byte {why.start} is no UTF-8; save it as UTF-8") from None


def run_file(file: str, base: Place) -> Ran:
    """Read and run one file; what makes it impossible is its `problem`."""
    from zsim.whatif.story import Coverage, run
    from zsim.whatif.tested import Ran

    coverage = Coverage()
    try:
        scenario = read_file(file)
        with opened(scenario, base) as (world, systems):
            results = tuple(run(scenario, world, coverage))
    except ValueError as why:
        return Ran(file, file, "", (), coverage, str(why))
    doubts = tuple(
        f"{system.name}: {doubt.severity} at {doubt.where}: {doubt.text}"
        for system in systems for doubt in system.doubts if doubt.severity in (GRAVE, UNKNOWN)
    )  # fmt: skip
    return Ran(file, scenario.name, systems[0].name, results, coverage, doubts=doubts)


@contextmanager
def opened(scenario: Scenario, base: Place) -> Iterator[tuple[World, list[System]]]:
    """The edge a scenario runs on, and the systems that were started for it; files are found from its own folder."""
    from zsim.whatif.story import World

    folder = Path(scenario.file).parent if scenario.file != "-" else Path()
    systems: list[System] = []
    with ExitStack() as stack:

        def start(name: str | None, now: int | None) -> System:
            at = wall_clock() if now is None else now
            if name is None:
                found = store.started(profiles.open_system(base), at)
            else:
                path = os.path.normpath(folder / name)
                word = path if os.path.exists(path) else name
                if Path(word).is_dir() or word in profiles.bundled_names():
                    found = store.started(profiles.open_system(profiles.find(word)), at)
                else:
                    found = candidate(word, base, stack).system
                    found.clock.advance_to(at)
            systems.append(found)
            return found

        def frames(name: str) -> Iterator[engine.Frames]:
            from zsim import captures

            near = folder / name
            path = str(near) if near.exists() else name
            yield from captures.frames(path, captures.wants_compiled((path,)))

        yield World(start, frames), systems
