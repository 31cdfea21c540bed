"""What replay writes beside its answer: files that are complete or not there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsim import __version__
from zsim.cli.terminal import tell_note
from zsim.profiles import Place, ProfileError

if TYPE_CHECKING:
    import engine
    from zsim.outputs import Only
    from zsim.system import System
    from zsim.tcpip.traffic import Outcome, Prepared, Rewrite

    Recorder = Callable[[engine.Frames, Outcome], object]


class Unwritable(Exception):
    """The annotated capture cannot be written. Ends the replay, as no fault of one input does."""


@contextmanager
def annotating(
    out: str | None, place: Place, captures: Iterable[str], tally: Any, rewrites: list[Rewrite], only: Only | None,
    decap: bool = False,
) -> Iterator[Recorder]:
    """What to tell each batch to, so that the annotated capture `out` is there at the end; without one, nothing."""
    if out is None:
        yield lambda frames, outcome: None
        return
    from zsim.outputs import Annotated, Only

    made = Annotated(tally.prepared, rewrites, only or Only(), decap=decap)
    try:
        with written(out, place, captures) as write:
            write(made.head())

            def record(frames: engine.Frames, outcome: Any) -> None:
                for octets in made.add(frames, outcome):
                    write(octets)

            yield record
    except Unwritable as why:
        raise ProfileError(str(why)) from None


def all_of(*recorders: Recorder) -> Recorder:
    def record(frames: engine.Frames, outcome: Any) -> None:
        for each in recorders:
            each(frames, outcome)

    return record


@contextmanager
def telling_events(
    out: str | None, form: str | None, system: System, prepared: Prepared, place: Place, captures: Iterable[str]
) -> Iterator[Recorder]:
    """What to tell each batch to, so that the logged verdicts are written to `out` as `form`, which its name tells
    where None. Records that are about a filter and about no packet are no events: their number is said."""
    if out is None:
        yield lambda frames, outcome: None
        return
    from zsim import events
    from zsim.eventrows import EventRows
    from zsim.started import TRMD
    from zsim.tcpip.defensive import Change
    from zsim.tcpip.logged import Logged

    chosen = form or events.format_of(out)
    if chosen is None:
        known = ", ".join(dict.fromkeys(suffix for suffix, _ in events.SUFFIXES))
        raise ProfileError(f"--events {out}: the name tells no format; add --events-as, or end it in one of {known}")
    task = system.task_of(TRMD)
    user, job = (task.user, task.job) if task else ("", "")
    observer = events.Observer(system.sysname, system.release, system.stack.name, user, job, __version__)
    written_lines = passed = 0
    rows = EventRows(prepared, observer, chosen)

    def tell(frames: engine.Frames, outcome: Outcome) -> None:
        nonlocal written_lines, passed
        if isinstance(outcome.events, Logged):
            made = rows.lines(outcome.events, written_lines)
            if made is not None:
                write(b"".join(made))
                written_lines += len(made)
                passed += len(outcome.events.reports)
                return
        told = [each for each in outcome.events if not isinstance(each, Change)]
        passed += len(outcome.events) - len(told)
        write(b"".join(events.lines(told, observer, chosen, written_lines)))
        written_lines += len(told)

    try:
        with written(out, place, captures) as write:
            yield tell
    except Unwritable as why:
        raise ProfileError(str(why)) from None
    if passed:
        tell_note(f"{passed:,} records about defensive filters, which are about no packet, are not among the events")


@contextmanager
def recording(
    each: str | None, form: str, out: str, place: Place, captures: Iterable[str], tally: Any, only: Only | None
) -> Iterator[Callable[[str], Recorder]]:
    """What to tell each batch of a capture to, so that the records of --each are written."""
    if each is None:
        yield lambda path: lambda frames, outcome: None
        return
    from zsim import outputs
    from zsim.rows import Rows

    prepared, only = tally.prepared, only or outputs.Only()
    text = outputs.lines if form == "jsonl" else outputs.csv_lines
    try:
        with written(out, place, captures) as write:
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

            rows = Rows(prepared, only, form)

            def record(path: str, frames: engine.Frames, outcome: Any) -> None:
                if each == "packet" and (pieces := rows.of(frames, outcome, path)) is not None:
                    for octets in pieces:
                        write(octets)
                    return
                records = outputs.packets(prepared, frames, outcome, path, only)
                if each == "packet":
                    write(text(records).encode())
                else:
                    for one in records:
                        flows.add(one)

            yield lambda path: partial(record, path)
            write(text(flows.known.values()).encode())
    except Unwritable as why:
        raise ProfileError(str(why)) from None


@contextmanager
def written(out: str, place: Place, captures: Iterable[str]) -> Iterator[Callable[[bytes], object]]:
    """Octets to a file that is complete or not there: it gets its name at the end. Standard output, devices and pipes
    are written to as they are. Raises Unwritable."""
    target = Path(os.path.realpath(out))
    in_place = out == "-" or (target.exists() and not target.is_file() and not target.is_dir())
    if out != "-":
        _spare_inputs(out, target, place, captures)
    shown = "standard output" if out == "-" else out
    unfinished = target if in_place else target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        if out == "-" and sys.stdout.isatty():
            raise Unwritable("-w -: standard output is a terminal; send it to a file or another program")
        file = sys.stdout.buffer if out == "-" else open(unfinished, "wb" if in_place else "xb")  # noqa: SIM115
    except OSError as why:
        raise Unwritable(f"{shown}: cannot be written: {why.strerror}") from None

    def write(octets: bytes) -> None:
        try:
            file.write(octets)
            file.flush()  # whoever follows a capture follows this too
        except OSError as why:
            raise Unwritable(f"{shown}: cannot be written: {why.strerror}") from None

    try:
        yield write
        try:
            file.flush() if out == "-" else file.close()
            if not in_place:
                os.replace(unfinished, target)
        except OSError as why:
            raise Unwritable(f"{shown}: cannot be written: {why.strerror}") from None
    finally:
        if out != "-":
            with suppress(OSError):
                file.close()
        if not in_place:
            unfinished.unlink(missing_ok=True)


def _spare_inputs(out: str, target: Path, place: Place, captures: Iterable[str]) -> None:
    """Raises Unwritable where the annotated capture would replace what is read, a capture or a file of the system, or
    a folder."""
    if target.is_dir():
        raise Unwritable(f"{out}: is a folder; name a file in it")
    for path in captures:
        try:
            given = os.fstat(sys.stdin.fileno()) if path == "-" else os.stat(path)
            same = os.path.samestat(given, target.stat())
        except (OSError, ValueError):  # one of them is not there, or standard input is no file
            continue
        if same and target.is_file():
            raise Unwritable(f"{out}: is a capture that is read; write to another file")
    folder = place.folder.resolve()
    if target.is_relative_to(folder) and target.relative_to(folder).parts[:1] != ("captures",) and target.exists():
        raise Unwritable(f"{out}: is a file of the system {place.name}; write to another file")


def write_whole(out: str, octets: bytes, place: Place, inputs: Iterable[str]) -> None:
    """The answer to a file, complete or not at all. Raises ProfileError."""
    try:
        with written(out, place, inputs) as write:
            write(octets)
    except Unwritable as why:
        raise ProfileError(str(why)) from None
