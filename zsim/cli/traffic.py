"""Commands with packets: replay and decode captures, send packets, what rules cost."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from zsim import addresses, profiles
from zsim.cli.sending import Post, live_options
from zsim.cli.terminal import (
    FINE,
    FOUND,
    INTERRUPTED,
    NOT_KNOWN,
    UNUSABLE,
    compiling,
    complain,
    depends_on,
    graver,
    json_option,
    place_of,
    session,
    system_option,
    tell_doubts,
    tell_lost,
    tell_note,
)
from zsim.cli.writing import all_of, annotating, recording, telling_events
from zsim.findings import did_you_mean
from zsim.profiles import ProfileError
from zsim.started import TCPIP
from zsim.system import System

if TYPE_CHECKING:
    import engine
    from zsim.outputs import Only
    from zsim.tcpip.traffic import Prepared, Rewrite


def read_addresses(ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> list[tuple[int, int]]:
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


def interface_named(system: System, name: str | None) -> str | None:
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


_WAYS = (
    click.option("--interface", metavar="NAME", help="The interface the capture was taken on."),
    click.option("--home", "home", multiple=True, metavar="ADDRESS", callback=read_addresses,
                 help="One more address that is this stack's own."),
    click.option("--map", "rewrites", multiple=True, metavar="OLD=NEW", callback=_rewrites,
                 help="Read address (or prefix) OLD in the capture as NEW."),
)  # fmt: skip


def ways(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_WAYS):
        command = option(command)
    return command


def moment(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """A time as ns since the epoch."""
    if text is None:
        return None
    from zsim.clock import nanoseconds

    try:
        return nanoseconds(text)
    except ValueError:
        raise click.BadParameter(f"{text}: write 2023-12-13T14:05:31 (UTC), or seconds since 1970") from None


def _only(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Only | None:
    """Which packets are written; None is all."""
    if text is None:
        return None
    from zsim.outputs import Only

    verdicts = ("permitted", "denied", "blocked", "unfiltered", "unjudged")
    if text in verdicts:
        return Only(text)
    kind, _, name = text.partition("=")
    if kind != "filter" or not name:
        raise click.BadParameter(f"{text}: write one of {', '.join(verdicts)}, or filter=NAME")
    return Only(filter=name)


@click.command()
@system_option
@ways
@json_option
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.pass_context
def bench(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, captures: tuple[str, ...],
) -> None:  # fmt: skip
    """What the rules in force cost on captures: speed, size of table, and the rules that cost most in order.

    Captures large enough for machine code are also classified behind a flow cache and by two threads.

    \b
    Examples:
      zsim bench trace.pcap
      zsim bench -s mysys --json 'trace.pcap*'
      zsim bench --map 192.0.2.7=10.1.1.2 from-elsewhere.pcap
    """
    import engine
    from zsim import bench as measured
    from zsim import captures as files

    captures = files.named(captures)
    code = FINE
    with session(place_of(ctx, system), write=False) as running, compiling():
        compiled = files.wants_compiled(captures)
        arrival, begun = interface_named(running, interface), time.perf_counter()
        found = measured.Bench(_prepare(running, compiled, home))
        found.build = time.perf_counter() - begun
        for path in captures:
            try:
                measured.measure(found, files.frames(path, compiled), time.perf_counter, arrival, rewrites)
            except engine.CaptureError as why:
                complain(str(why))
                code = UNUSABLE
    if as_json:
        click.echo(json.dumps(measured.document(found), indent=2))
    else:
        click.echo(measured.table(found), nl=False)
    ctx.exit(code)


_decap_option = click.option(
    "--decap", is_flag=True, help="Look at IP inside PPPoE and MPLS too, which no stack does by itself."
)


@click.command()
@system_option
@ways
@json_option
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
    callback=moment,
    help="Only packets from this time on: 2023-12-13T14:05:31 (UTC), or seconds since 1970.",
)
@click.option("--to", "until", metavar="TIME", callback=moment, help="Only packets before this time.")
@click.option("--count", "most", type=click.IntRange(min=0), help="Only so many packets.")
@click.option(
    "--clock",
    type=click.Choice(["capture", "now"]),
    default="capture",
    show_default=True,
    help="Judge packets at their own times, or all of them at the system's.",
)
@_decap_option
@click.option("--follow", is_flag=True, help="Wait for more packets, as tail -F does, until Ctrl-C.")
@click.option("--events", metavar="FILE", help="Write each logged verdict as an event; - for stdout. See zsim schema.")
@click.option(
    "--events-as",
    type=click.Choice(["event", "rfc5424", "ecs", "ocsf"]),
    help="What events are written as; without it the name of FILE tells: .jsonl, .rfc5424, .ecs.jsonl, .ocsf.jsonl.",
)
@live_options
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.pass_context
def replay(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, all_filters: bool, annotated: str | None, each: str | None, form: str, out: str, only: Only | None,
    since: int | None, until: int | None, most: int | None, clock: str, decap: bool, follow: bool, events: str | None,
    events_as: str | None, live: bool, live_port: int, captures: tuple[str, ...],
) -> None:  # fmt: skip
    """Replay captures through the rules in force: a verdict for every packet, matches for every filter.

    CAPTURE is a pcap or pcapng file, plain or compressed with gzip, zstd or lz4, a pattern like 'trace.pcap*' for one
    that was rotated, or - for standard input. Several are one stream. Every packet is counted once; a packet
    that the stack forwards is judged twice, arriving and leaving, and is permitted only if both filters permit it.
    Fragments to or from the stack are judged as one datagram. In a folder of your own, counters and log files are kept.

    Each packet is judged at its own time, in whatever order captures and packets come: time conditions, the lifetime
    of defensive filters and log limits follow it, and the system's clock moves on to the latest, never back. What is
    installed counts for packets older than that, too. A packet without a time is as old as the one before it. With
    --clock now nothing in a capture moves the clock: every packet is judged, logged and counted at the system's time.

    \b
    Examples:
      zsim replay trace.pcap
      zsim replay -w verdicts.pcapng trace.pcap
      zsim replay --each packet --only denied trace.pcap
      zsim replay --each flow --as csv --out flows.csv 'trace.pcap*'
      zsim replay --events log.ocsf.jsonl trace.pcap
      zsim replay -s mysys --json a.pcap b.pcapng.gz
      zsim replay --map 192.0.2.7=10.1.1.2 from-elsewhere.pcap
      tcpdump -w - | zsim replay -
    """
    import engine
    from zsim import captures as files
    from zsim.replay import Tally, play, quick_of

    if annotated == "-" and as_json:
        raise click.UsageError("-w - and --json both want standard output; give -w a file")
    to_stdout = each is not None and out == "-"
    if events == "-":
        if to_stdout or as_json or annotated == "-":
            raise click.UsageError("--events - wants standard output for itself; give it a file")
        to_stdout = True
    if to_stdout and (as_json or annotated == "-"):
        raise click.UsageError("--each wants standard output for itself; give --out a file")
    if form == "parquet" and each == "flow":
        raise click.UsageError("--as parquet is for --each packet")
    if follow and len(captures) > 1:
        raise click.UsageError("--follow takes one capture")
    captures = files.named(captures)
    wanted = files.Wanted(since, until, most)
    whole = since is until is most is None and not follow
    only_sums = whole and annotated is each is events is None and not decap and clock != "now"
    place = place_of(ctx, system)
    with session(place, write=True) as running, compiling():
        compiled = files.wants_compiled(captures) or form == "parquet"
        code, stopped = tell_doubts(running), False
        tally = Tally(_prepare(running, compiled, home))
        arrival = interface_named(running, interface)
        post = Post(live, live_port)

        def flush() -> None:
            profiles.save_files(running, place)
            post.take(running)

        at = running.clock.now if clock == "now" else None
        begun = time.perf_counter()
        with (
            progress_of(captures, tally) as progress,
            annotating(annotated, place, captures, tally, rewrites, only, decap) as annotate,
            recording(each, form, out, place, captures, tally, only) as record_of,
            telling_events(events, events_as, running, tally.prepared, place, captures) as tell_events,
        ):
            for path in captures:
                before = tally.packets
                try:
                    quick = quick_of(tally, arrival, rewrites) if only_sums and compiled else None
                    batches = wanted.of(files.frames(path, compiled, progress, follow, tell_note, quick))
                    record = all_of(annotate, record_of(path), tell_events)
                    play(running, tally, batches, arrival, rewrites, flush, record, decap, at, quick)
                except engine.CaptureError as why:
                    complain(f"{why}{_good(tally.packets - before)}")
                    code = UNUSABLE
                except KeyboardInterrupt:
                    stopped = True
                    break
        tally.seconds = time.perf_counter() - begun
        if wanted.untimed:
            tell_note(f"{wanted.untimed:,} packets without a time are left out by --from and --to")
        post.close()
        tell_lost(running, tally.logged)
        if running.files.unwritable:
            code = graver(code, FOUND)
        depends = depends_on(running)
    code = graver(code, _report(tally, depends, as_json, all_filters, to_stderr=annotated == "-" or to_stdout))
    ctx.exit(INTERRUPTED if stopped else code)


def _good(packets: int) -> str:
    """What to say of the packets before the damage."""
    if not packets:
        return ""
    return f"; {packets:,} packet{'s' if packets > 1 else ''} before that {'are' if packets > 1 else 'is'} counted"


@contextmanager
def progress_of(captures: Iterable[str], tally: Any) -> Iterator[Callable[[int], object]]:
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
        yield lambda octets: bar.update(job, advance=octets, packets=tally.seen)


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
        tell_note(f"{count:,} frames of link type {name}, which zsim does not open, count as not IP")
    trains = tally.prepared.trains
    if trains.incomplete:
        tell_note(
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
    if not tally.packets:
        return told
    rate = f", {tally.packets / tally.seconds:,.0f} packets/s" if tally.seconds else ""
    span = f"{iso(tally.first)[:19]} to {iso(tally.last)[:19]}" if tally.first is not None else "without times"
    return f"{told}\n{tally.packets:,} packets, {tally.octets:,} bytes, {span}{rate}"


@click.command()
@json_option
@_decap_option
@click.argument("capture")
@click.pass_context
def decode(ctx: click.Context, capture: str, as_json: bool, decap: bool) -> None:
    """Show what the packet engine sees in a capture: one line a packet.

    CAPTURE is a pcap or pcapng file, plain or compressed, or - for standard input. With --json, JSON Lines; what a
    packet does not show is null, and fragment_offset counts 8 octets, as the header does. What is not IP has its
    ethertype; time_ns is null where the capture gives a packet no time.

    \b
    Examples:
      zsim decode trace.pcap
      zsim decode --decap pppoe.pcap
      zsim decode --json trace.pcap | head -3
    """
    import engine
    from zsim import captures as files

    code = FINE
    with compiling():
        try:
            for frames in files.frames(capture, files.wants_compiled((capture,))):
                headers = engine.decode(engine.decap(frames) if decap else frames)
                others = dict(engine.ethertypes(frames, headers.status))
                rows = (_decoded(frames, headers, p, others.get(p)) for p in range(frames.count))
                lines = (json.dumps(row) if as_json else _line(row) for row in rows)
                click.echo("".join(f"{line}\n" for line in lines), nl=False)
        except engine.CaptureError as why:
            complain(str(why))
            code = UNUSABLE
    ctx.exit(code)


def _decoded(frames: engine.Frames, headers: engine.Headers, p: int, ethertype: int | None) -> dict[str, Any]:
    import engine

    time = int(frames.time[p])
    return {
        "frame": frames.number + p, "time_ns": None if time == engine.NO_TIME else time,
        "length": int(frames.length[p]), "captured": int(frames.captured[p]), "linktype": int(frames.linktype[p]),
        **engine.row(headers, p), "ethertype": ethertype or None,
    }  # fmt: skip


def _line(row: dict[str, Any]) -> str:
    from zsim.clock import iso
    from zsim.replay import carried
    from zsim.tcpip.terms import protocol

    time = "-" if row["time_ns"] is None else iso(row["time_ns"])[11:26]
    start = f"{row['frame']:>6} {time:<15} {row['length']:>6}"
    if row["src"] is None:
        return f"{start} {row['status']}" + (f" {carried(row['ethertype'])}" if row["ethertype"] else "")
    ends = [row["src"], row["dst"]]
    if row["sport"] is not None:
        form = "{}.{}" if row["version"] == 4 else "[{}].{}"
        ends = [form.format(end, port) for end, port in zip(ends, (row["sport"], row["dport"]), strict=True)]
    what = protocol(row["proto"]) if row["proto"] is not None else "?"
    kind = f" type {row['icmp_type']} code {row['icmp_code']}" if row["icmp_type"] is not None else ""
    part = f" fragment at {8 * row['fragment_offset']}" if row["fragment_offset"] or row["more_fragments"] else ""
    status = "" if row["status"] == "complete" else f" ({row['status']})"
    return f"{start} {ends[0]} > {ends[1]} {what}{kind}{part}{status}"


@click.command()
@system_option
@ways
@json_option
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 1_000_000), help="Send it so many times.")
@live_options
@click.argument("expression")
@click.pass_context
def send(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, count: int, live: bool, live_port: int, expression: str,
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

    place = place_of(ctx, system)
    with session(place, write=True, live=(live, live_port)) as running, compiling():
        code = tell_doubts(running)
        try:
            linktype, made = packets.packets(expression)
        except packets.PacketError as why:
            raise ProfileError(str(why)) from None
        compiled = len(made) * count > _PLAIN_PACKETS
        arrival = interface_named(running, interface)
        tally = Tally(_prepare(running, compiled, home))
        begun = time.perf_counter()
        every = [(running.clock.now, packet) for packet in made] * count
        flush = partial(profiles.save_files, running, place)
        play(running, tally, [engine.frames_of(every, linktype, compiled)], arrival, rewrites, flush)
        tally.seconds = time.perf_counter() - begun
        tell_lost(running, tally.logged)
        if running.files.unwritable:
            code = graver(code, FOUND)
        depends = depends_on(running)
    ctx.exit(graver(code, _report(tally, depends, as_json, False)))


_PLAIN_PACKETS = 10_000  # up to here the engine's plain mode is faster than loading compiled kernels
