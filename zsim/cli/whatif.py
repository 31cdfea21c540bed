"""Commands with questions about all packets: compare, search, boundary, grep."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from zsim.cli.candidates import candidate, is_capture
from zsim.cli.terminal import (
    FINE,
    FOUND,
    NOT_KNOWN,
    UNUSABLE,
    compiling,
    complain,
    json_option,
    place_of,
    system_option,
    tell_note,
)
from zsim.cli.traffic import ways
from zsim.findings import ERROR, UNKNOWN
from zsim.profiles import ProfileError

if TYPE_CHECKING:
    from zsim.cli.candidates import Candidate
    from zsim.tcpip.traffic import Rewrite
    from zsim.whatif.compared import Compared


@click.command()
@system_option
@ways
@json_option
@click.option("--format", "form", type=click.Choice(["text", "markdown", "html"]), default="text", show_default=True)
@click.option("--most", default=20, show_default=True, type=click.IntRange(min=1), help="Boxes explained of each kind.")
@click.option("--anywhere", is_flag=True, help="Whatever the addresses, routes and interfaces of the stack are.")
@click.option("--out", default="-", show_default=True, help="Where the answer is written; - for stdout.")
@click.argument("words", nargs=-1, required=True, metavar="OLD NEW... [CAPTURE...]")
@click.pass_context
def compare(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, form: str, most: int, anywhere: bool, out: str, words: tuple[str, ...],
) -> None:  # fmt: skip
    """Which packets fare otherwise: exactly, of all there can be, and of those in captures.

    OLD and NEW are folders or bundled names (what their files say now), NAME@installed (what is in force, with
    defensive filters), policy files (in the place of the policy of -s), or REV:PATH of git. With one, OLD is the
    system of -s; with more than two each is compared with the first. The answer is a few disjoint boxes of packets,
    each with an example that was put through both systems, and the filters that decide it. A forwarded packet
    crosses two interfaces, and each crossing is compared. Rules are those in force at the time of the clock.

    Exit code 0: equal, which is a proof. 1: they differ. 3: equal, but something in the files is not modelled.

    \b
    Examples:
      zsim compare adcd mysys
      zsim compare -s mysys new.policy trace.pcap
      zsim compare -s mysys HEAD~1:mysys mysys --format markdown
      zsim compare adcd a.policy b.policy --format html --out report.html
    """
    from engine.space import Space
    from zsim import captures as files
    from zsim.whatif import compare as comparing
    from zsim.whatif import compared
    from zsim.whatif.crossings import view

    recordings = files.named(tuple(word for word in words if is_capture(word)))
    names = [word for word in words if not is_capture(word)]
    base = place_of(ctx, system)
    if len(names) < 2:
        names.insert(0, base.name if base.bundled else str(base.folder))
    if len(names) < 2:
        raise click.UsageError("give what to compare: a folder, a bundled name, a policy file or REV:PATH")
    space, code = Space(), FINE
    with ExitStack() as opened, compiling():
        sides = [candidate(name, base, opened) for name in names]
        doubtful = _tell_doubts(sides)
        compiled = files.wants_compiled(recordings)
        views = [view(space, each.system, each.label, compiled, home, anywhere=anywhere) for each in sides]
        pairs = []
        for new in views[1:]:
            found = comparing.possible(space, views[0], new, most)
            seen = comparing.Recorded(found, interface and interface.upper(), rewrites) if recordings else None
            pairs.append(compared.Compared(found, seen))
        for path in recordings:
            code = max(code, _play(path, compiled, pairs))
        shown = compared.document(pairs)
    _write(out, compared.FORMS["json" if as_json else form](shown))
    if code == FINE:
        code = FOUND if not shown["equal"] else NOT_KNOWN if doubtful else FINE
    ctx.exit(code)


def _play(path: str, compiled: bool, pairs: Sequence[Compared]) -> int:
    """One capture through all systems."""
    import engine
    from zsim import captures as files

    try:
        for frames in files.frames(path, compiled):
            for pair in pairs:
                if pair.seen is not None:
                    pair.seen.add(frames, path)
    except engine.CaptureError as why:
        complain(str(why))
        return UNUSABLE
    return FINE


def _tell_doubts(sides: list[Candidate]) -> bool:
    """Say on what the answer depends; whether there is anything."""
    found = False
    for side in sides:
        for doubt in side.system.doubts:
            if doubt.severity in (ERROR, UNKNOWN):
                tell_note(f"{side.label}: {doubt.severity} at {doubt.where}: {doubt.text}")
                found = True
    return found


def _write(out: str, text: str) -> None:
    """The answer to a file or to standard output. Raises ProfileError."""
    if out == "-":
        click.echo(text, nl=False)
        return
    try:
        with open(out, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as why:
        raise ProfileError(f"--out {out}: cannot be written: {why.strerror}") from None
