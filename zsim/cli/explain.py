"""The command about a single packet: why."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from zsim.cli.candidates import candidate
from zsim.cli.terminal import (
    FINE,
    NOT_KNOWN,
    compiling,
    json_option,
    place_of,
    session,
    system_option,
    tell_doubts,
    tell_note,
    why_in_force,
)
from zsim.cli.traffic import ways
from zsim.profiles import ProfileError
from zsim.started import TCPIP
from zsim.system import System

if TYPE_CHECKING:
    import engine
    from engine.space import Space
    from zsim.tcpip.traffic import Rewrite
    from zsim.whatif.crossings import View
    from zsim.whatif.why import Question


@click.command()
@system_option
@ways
@json_option
@click.option("--frame", type=click.IntRange(min=1), help="PACKET is a capture: explain the frame of this number.")
@click.option("--under", metavar="CANDIDATE", help="Judge by this instead: a policy file, a folder, REV:PATH.")
@click.option("--all", "everything", is_flag=True, help="All earlier filters, all edits.")
@click.option("--edits/--no-edits", default=True, show_default=True, help="Look for edits that turn the verdict.")
@click.option(
    "--format", "form", type=click.Choice(["text", "mermaid", "dot"]), default="text", show_default=True,
    help="Text, or a drawing.",
)  # fmt: skip
@click.argument("packet", metavar="PACKET|CAPTURE")
@click.pass_context
def why(
    ctx: click.Context, system: str | None, interface: str | None, home: list[tuple[int, int]], rewrites: list[Rewrite],
    as_json: bool, frame: int | None, under: str | None, everything: bool, edits: bool, form: str, packet: str,
) -> None:  # fmt: skip
    """Why one packet is permitted or denied, and which edit would turn that.

    PACKET is a line such as the examples, a scapy expression (read as data), or with --frame a capture. Words of
    the line: in and out with an interface, syn, ack, type N, code N, fragment, cut, ttl N, len N. What it leaves
    out is assumed, and said. First comes the filter that decides, then every phase, the filters that nearly matched,
    and the edits that would turn the verdict, each tried on a copy of the system, with what else it would change.
    Exit code 0: explained. 3: likewise, but something in the files is not modelled.

    \b
    Examples:
      zsim why "tcp 10.1.0.2:40000 > 10.1.1.2:21 in ETH1 syn"
      zsim why "icmp 10.1.0.9 > 10.1.1.2 type 8" --all
      zsim why 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()'
      zsim why --frame 17 trace.pcap
      zsim why "ospf 10.1.1.2 > 224.0.0.5" --under new.policy
      zsim why "tcp 10.1.0.2 > 10.1.1.2:23" --format mermaid
    """
    from engine.space import Space
    from zsim.whatif import whytold
    from zsim.whatif.flips import LARGE, MOST_TRIED, flips
    from zsim.whatif.why import WhyError, explain

    base = place_of(ctx, system)
    with ExitStack() as opened:
        running = candidate(under, base, opened).system if under else opened.enter_context(session(base, write=False))
        code = tell_doubts(running)
        if not running.stacks:
            task = next((task.name for task in running.tasks.values() if task.program == TCPIP), "TCPIP")
            raise ProfileError(f'stack {running.stack.name} is not running; zsim console "S {task}" starts it')
        running.tick()
        space = Space()
        try:
            if frame is None:
                asked = _typed(running, packet)
                asked = asked._replace(interface=interface and interface.upper())
                view = _view(space, running, asked, home)
            else:
                with compiling():
                    view, asked = _recorded(space, running, packet, frame, interface, home, rewrites)
            found = explain(view, asked._replace(rewrites=tuple(rewrites), home=tuple(home)))
        except WhyError as reason:
            raise ProfileError(str(reason)) from None
        if edits and found.filters > LARGE:
            tell_note(f"trying edits on {found.filters:,} filters, which takes a while (--no-edits does not)")
        proposals = flips(space, found, MOST_TRIED * (1 + 99 * everything)) if edits else None
        shown = whytold.document(found, proposals, why_in_force(running))
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    elif form == "text":
        click.echo(whytold.text(shown, everything), nl=False)
    else:
        click.echo(whytold.FORMS[form](shown), nl=False)
    ctx.exit(NOT_KNOWN if code == NOT_KNOWN else FINE)


def _view(space: Space, system: System, asked: Question, home: list[tuple[int, int]]) -> View:
    from zsim.whatif.crossings import view

    return view(space, system, home=home, time=int(asked.frames.time[0]))


def _typed(system: System, packet: str) -> Question:
    """A packet in the short notation or as a scapy expression. Raises ProfileError."""
    import engine
    from zsim import packets
    from zsim.whatif import notation
    from zsim.whatif.why import Question

    now = system.clock.now
    try:
        if not notation.is_expression(packet):
            written = notation.read(packet)
            return Question(engine.frames_of([(now, written.packet)], notation.RAW), written)
        linktype, made = packets.packets(packet)
    except (packets.PacketError, notation.NotationError) as why:
        raise ProfileError(str(why)) from None
    if len(made) != 1:
        raise ProfileError(f"the expression stands for {len(made):,} packets; why explains one: zsim send takes many")
    return Question(engine.frames_of([(now, made[0])], linktype))


def _recorded(
    space: Space, system: System, capture: str, number: int, interface: str | None, home: list[tuple[int, int]],
    rewrites: list[Rewrite],
) -> tuple[View, Question]:  # fmt: skip
    """Frame `number` of a capture, with the fragments before it waiting as they were. Raises ProfileError."""
    import engine
    from zsim import captures
    from zsim.whatif.crossings import view
    from zsim.whatif.why import Question, WhyError

    arrival = interface and interface.upper()
    feeding = None
    count, before = 0, system.clock.now
    compiled = captures.wants_compiled((capture,))
    try:
        for read in captures.frames(capture, compiled):
            batch, _ = engine.dated(read, before)  # as in a replay
            before = int(batch.time[-1]) if batch.count else before
            at = number - batch.number
            count = batch.number + batch.count - 1
            if feeding is None and batch.count:
                feeding = view(space, system, compiled=compiled, home=home, time=int(batch.time[0]))
                if arrival is not None and arrival not in feeding.around.interfaces:
                    raise WhyError(f"no interface {arrival}; there are {', '.join(feeding.around.interfaces)}")
            if feeding is not None:
                _feed(feeding, engine.part(batch, 0, min(at, batch.count)), arrival, rewrites)
            if at < batch.count:
                assert feeding is not None
                timed = [(int(batch.time[at]), engine.frame_of(batch, at))]
                one = engine.frames_of(timed, int(batch.linktype[at]), number=number)
                own = view(space, system, home=home, time=int(one.time[0]))
                own = own._replace(prepared=own.prepared._replace(trains=feeding.prepared.trains))
                return own, Question(one, None, arrival)
    except engine.CaptureError as why:
        raise ProfileError(str(why)) from None
    raise ProfileError(f"{capture}: has {count:,} frame{'s' if count != 1 else ''}, no frame {number}")


def _feed(view: View, frames: engine.Frames, arrival: str | None, rewrites: list[Rewrite]) -> None:
    """Let the fragments of some frames wait for the rest of their datagrams."""
    import engine

    headers = engine.decode(frames)
    for old, new in rewrites:
        engine.rewrite(headers, old.version, old.low, old.high, new.low)
    given = view.prepared.interfaces.index(arrival) if arrival is not None else None
    journey = engine.orient(headers, view.prepared.vantage, given)
    engine.reassemble(frames, headers, journey, view.prepared.trains)
