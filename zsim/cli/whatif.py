"""Commands with questions about all packets: compare, search, boundary, grep."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from zsim import addresses
from zsim.cli.candidates import candidate, is_capture
from zsim.cli.terminal import (
    FINE,
    FOUND,
    NOT_KNOWN,
    UNUSABLE,
    compiling,
    complain,
    in_doubt,
    json_option,
    place_of,
    session,
    system_option,
    tell_note,
)
from zsim.cli.traffic import interface_named, moment, read_addresses, ways
from zsim.cli.writing import write_whole
from zsim.findings import Where, did_you_mean, number
from zsim.profiles import ProfileError
from zsim.store import uncollected
from zsim.tcpip import defensive

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
@click.option("--at", "at", metavar="TIME", callback=moment,
              help="By the rules in force then: 2023-12-13T14:05:31 (UTC); default now.")  # fmt: skip
@click.option("--anywhere", is_flag=True, help="Whatever the addresses, routes and interfaces of the stack are.")
@click.option("--out", default="-", show_default=True, help="Where the answer is written; - for stdout.")
@click.argument("words", nargs=-1, required=True, metavar="OLD NEW... [CAPTURE...]")
@click.pass_context
def compare(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, form: str, most: int, at: int | None, anywhere: bool, out: str, words: tuple[str, ...],
) -> None:  # fmt: skip
    """Which packets fare otherwise: exactly, of all there can be, and of those in captures.

    OLD and NEW are folders or bundled names (what their files say now), NAME@installed (what is in force, with
    defensive filters), policy files (in the place of the policy of -s), or REV:PATH of git. With one, OLD is the
    system of -s; with more than two each is compared with the first. The answer is a few disjoint boxes of packets,
    each with an example that was put through both systems, and the filters that decide it. A forwarded packet
    crosses two interfaces, and each crossing is compared. Rules are those in force at one time, for captures too.

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
    with ExitStack() as opened, compiling(), uncollected(), _working(ctx):
        sides = [candidate(name, base, opened) for name in names]
        doubts = [in_doubt(each.system, f"{each.label}: ") for each in sides]  # all are told
        few = not recordings
        compiled = any(map(_large, sides)) if few else files.wants_compiled(recordings)
        views = [view(space, each.system, each.label, compiled, home, at, anywhere, few) for each in sides]
        arrival = interface_named(sides[0].system, interface)
        pairs = []
        for new in views[1:]:
            found = comparing.possible(space, views[0], new, most)
            seen = comparing.Recorded(found, arrival, rewrites) if recordings else None
            pairs.append(compared.Compared(found, seen))
        for path in recordings:
            code = max(code, _play(path, compiled, pairs))
        shown = compared.document(pairs)
    told = compared.FORMS["json" if as_json else form](shown)
    if out == "-":
        click.echo(told, nl=False)
    else:
        write_whole(out, told.encode(), base, recordings)
    if code == FINE:
        code = FOUND if not shown["equal"] else NOT_KNOWN if any(doubts) else FINE
    ctx.exit(code)


_LARGE = 5_000  # filters from which even some examples are worth the wait for compiled kernels


def _large(side: Candidate) -> bool:
    in_force = side.system.stack.in_force
    return in_force is not None and len(in_force.filters) > _LARGE


@contextmanager
def _working(ctx: click.Context) -> Iterator[None]:
    """A sign of life on standard error when that is a terminal; rules that cannot be asked for all packets are not
    known."""
    from engine.space import Entangled

    try:
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status("asking all packets"):
            yield
    except Entangled as why:
        complain(f"{why}; ask about fewer rules")
        ctx.exit(NOT_KNOWN)


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


# ---- search ----------------------------------------------------------------------------------------------------


def _end(ctx: click.Context, parameter: click.Parameter, word: str | None) -> addresses.AddressRange | None:
    try:
        return None if word is None else addresses.anything(word)
    except ValueError as why:
        raise click.BadParameter(str(why)) from None


def _span(most: int) -> Callable[[click.Context, click.Parameter, str | None], tuple[int, int] | None]:
    """A number or a range `n-m`."""

    def read(ctx: click.Context, parameter: click.Parameter, word: str | None) -> tuple[int, int] | None:
        if word is None:
            return None
        low, dash, high = word.partition("-")
        try:
            first = number(low, 0, most)
            last = number(high, 0, most) if dash else first
        except ValueError as why:
            raise click.BadParameter(f"{why}; write n or n-m") from None
        if first > last:
            raise click.BadParameter(f"the range {word} runs backwards")
        return first, last

    return read


def _protocols(ctx: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[int, ...]:
    try:
        read = [defensive.protocol(word) for word in words]
    except ValueError as why:
        raise click.BadParameter(str(why)) from None
    return () if None in read else tuple(each for each in read if each is not None)


_ADDRESS = "ADDRESS"


@click.command()
@system_option
@json_option
@click.option("--from", "source", metavar=_ADDRESS, callback=_end, help="Source: an address, prefix or low-high.")
@click.option("--to", "dest", metavar=_ADDRESS, callback=_end, help="Destination, likewise.")
@click.option("--port", "dest_port", metavar="N[-M]", callback=_span(65535), help="Destination port.")
@click.option("--sport", "source_port", metavar="N[-M]", callback=_span(65535), help="Source port.")
@click.option("--proto", "protocols", multiple=True, callback=_protocols, help="tcp, udp, icmp, ... or a number.")
@click.option("--type", "type", metavar="N[-M]", callback=_span(255), help="Type of ICMP, ICMPv6 or OSPF.")
@click.option("--code", metavar="N[-M]", callback=_span(255), help="Code of ICMP or ICMPv6.")
@click.option("--in/--out", "inbound", default=None, help="Arriving here, or leaving.")
@click.option("--interface", metavar="NAME", help="Over this interface (its security class); arriving unless --out.")
@click.option("--local/--routed", "local", default=None, help="To or from this stack, or forwarded by it.")
@click.option("--syn/--no-syn", "connect", default=None, help="A TCP connection request, or none.")
@click.option("--fragment/--whole", "fragment", default=None, help="A fragment, or none.")
@click.option("--ipv4", "version", flag_value=4, type=int, help="IPv4 only.")
@click.option("--ipv6", "version", flag_value=6, type=int, help="IPv6 only.")
@click.option("--permit", "verdict", flag_value="permit", help="Permitted, a forwarded one on its whole way.")
@click.option("--deny", "verdict", flag_value="deny", help="Denied or blocked.")
@click.option("--filter", "filter", metavar="NAME", help="Decided by this filter, NAME or NAME.EXTENSION.")
@click.option("--logged/--not-logged", "logged", default=None, help="With a log record, or without.")
@click.option("--at", "at", metavar="TIME", callback=moment,
              help="By the rules in force then: 2023-12-13T14:05:31 (UTC); default now.")  # fmt: skip
@click.option("--anywhere", is_flag=True, help="Whatever the addresses, routes and interfaces of the stack are.")
@click.option("--home", "home", multiple=True, metavar="ADDRESS", callback=read_addresses,
              help="One more address that is this stack's own.")  # fmt: skip
@click.option("--most", default=5, show_default=True, type=click.IntRange(min=1), help="So many packets.")
@click.pass_context
def search(
    ctx: click.Context, /, system: str | None, as_json: bool, inbound: bool | None, local: bool | None, at: int | None,
    anywhere: bool, home: list[tuple[int, int]], most: int, **wanted: Any,
) -> None:  # fmt: skip
    """A packet that is as wanted, with the filter that decides it; or the proof that there is none.

    All packets that can cross an interface of the stack are asked. A forwarded packet is permitted only if both
    crossings permit it. Exit code 0: there is one. 1: there is none. 3: none, but something is not modelled.

    \b
    Examples:
      zsim search --to 10.1.1.2 --port 23 --permit
      zsim search --from 10.0.0.0/8 --proto tcp --in --deny
      zsim search --filter ftpserver --syn
      zsim search --routed --permit
    """
    from engine.space import Space
    from zsim.whatif import search as searching
    from zsim.whatif.crossings import view

    space = Space()
    direction = None if inbound is None else "Inbound" if inbound else "Outbound"
    asked = searching.Wanted(**wanted, direction=direction, routed=None if local is None else not local)
    with session(place_of(ctx, system), write=False) as running, _working(ctx):
        doubtful = in_doubt(running)
        here = view(space, running, home=home, time=at, anywhere=anywhere)
        try:
            if asked.filter is not None:
                searching.named(here, asked.filter)
            found = searching.search(space, here, asked, most)
        except ValueError as why:
            raise ProfileError(str(why)) from None
        shown = searching.document(here, found)
    click.echo(json.dumps(shown, indent=2) if as_json else searching.text(shown), nl=as_json)
    ctx.exit(FINE if shown["exists"] else NOT_KNOWN if doubtful else FOUND)


# ---- boundary --------------------------------------------------------------------------------------------------


@click.command()
@system_option
@json_option
@click.option("-w", "--write", "out", metavar="OUT", help="The capture: pcapng with labels, or .pcap without.")
@click.option("--most", default=10_000, show_default=True, type=click.IntRange(min=1), help="So many packets.")
@click.pass_context
def boundary(ctx: click.Context, system: str | None, as_json: bool, out: str | None, most: int) -> None:
    """The packets at every edge between rules, with what is expected of each: for tests and for teaching.

    Of all packets a filter decides, one inside, the first and last value of each field, and the values beside them. A
    capture written with -w has the expectation as a comment on every packet; zsim replay of it finds the same.

    \b
    Examples:
      zsim boundary | less
      zsim boundary -s mysys -w edges.pcapng
      zsim boundary --json -w edges.pcap > expected.json
    """
    from engine.space import Space
    from zsim.whatif import boundary as made
    from zsim.whatif.crossings import view

    space = Space()
    place = place_of(ctx, system)
    with session(place, write=False) as running, _working(ctx):
        code = NOT_KNOWN if in_doubt(running) else FINE
        here = view(space, running)
        found = made.edges(space, here, most)
        shown = made.document(here, found)
        if out is not None:
            now = running.clock.now
            plain = out.endswith(".pcap")
            octets = made.plain_capture(found, now) if plain else made.capture(shown, found, now)
            write_whole(out, octets, place, ())
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    else:
        for row in shown["packets"]:
            click.echo(f"{row['frame']:>5} {row['packet']}\n      {made.label(row)}")
    if found.beyond:
        tell_note(f"{found.beyond:,} more packets (--most shows more)")
    if found.elsewhere:
        tell_note(f"{found.elsewhere:,} packets are left out: a replay would not bring them to that filter")
    ctx.exit(code)


# ---- grep ------------------------------------------------------------------------------------------------------


@click.command()
@system_option
@json_option
@click.option("--any", "whole", is_flag=True, help="Also what holds any address, or any port.")
@click.argument("word", metavar="ADDRESS|PORT|NAME")
@click.pass_context
def grep(ctx: click.Context, system: str | None, as_json: bool, whole: bool, word: str) -> None:
    """Which statements, filters, routes and reservations have to do with an address, a port or a name.

    An address may be a prefix or a range: what overlaps it is found. A number is a port. Of the policy, what says it
    comes first, then what refers to that, with the statement it goes through. Exit code 1: nothing was found.

    \b
    Examples:
      zsim grep 10.1.1.2
      zsim grep 10.1.0.0/16
      zsim grep 21
      zsim grep ftpserver
    """
    from zsim.whatif import grep as finding

    try:
        asked = finding.query(word, whole)
    except ValueError as why:
        raise ProfileError(str(why)) from None
    with session(place_of(ctx, system), write=False) as running:
        hits = finding.hits(running, asked)
        names = running.files.names
        rows = [
            {"layer": hit.layer, "kind": hit.kind, "name": hit.name, "what": hit.what,
             "where": _place(hit.where, names), "through": hit.through or None}
            for hit in hits
        ]  # fmt: skip
        if not rows and asked.kind == finding.NAME:
            known = [rule.name for rule in running.stack.in_force.filters] if running.stack.in_force else []
            complain(f"nothing has to do with {word}; {did_you_mean(word, known, 'zsim filters lists filters')}")
        elif not rows:
            complain(f"nothing has to do with {asked.kind} {word}; --any also finds what holds any {asked.kind}")
    if as_json:
        click.echo(json.dumps({"schema": "zsim.grep/1", "query": asked.kind, "text": word, "hits": rows}, indent=2))
    else:
        for row in rows:
            through = f" through {row['through']}" if row["through"] else ""
            what = f"{row['kind']} {row['name']}".strip()
            click.echo(f"{row['where']}: {row['layer']}: {what}: {row['what']}{through}")
    ctx.exit(FINE if rows else FOUND)


def _place(where: Where, names: Mapping[str, str]) -> str:
    file = names.get(where.source, where.source)
    return f"{file}:{where.line}:{where.column}" if where.line else file
