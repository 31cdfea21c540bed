"""Replaying captures through a system: what happened, as plain numbers, and as a table.

Every packet of a capture is counted once, under its verdict. A forwarded packet is judged twice, arriving and
leaving: both filters count a match, and the packet is permitted only if both permit it. Fragments to or from this
stack are counted under the verdict on their datagram, which is one match of one filter; those of a datagram of
which something is missing are not judged, and count as truncated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zsim.clock import iso
from zsim.system import System
from zsim.tcpip.filters import Hits
from zsim.tcpip.traffic import STACK, Outcome, Prepared, Rewrite

if TYPE_CHECKING:
    import engine

SCHEMA = "zsim.replay/1"


@dataclass
class Tally:
    """What a replay counted. verdicts by engine.VERDICTS, statuses by engine.STATUSES, files by path."""

    prepared: Prepared
    packets: int = 0
    octets: int = 0
    first: int | None = None
    last: int | None = None
    legs: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    linktypes: Counter[int] = field(default_factory=Counter)
    ethertypes: Counter[int] = field(default_factory=Counter)  # of what is not IP; 0: none
    hits: list[Hits] = field(default_factory=list)
    untimed: int = 0  # packets the capture gives no time
    datagrams: int = 0  # put together from fragments
    logged: int = 0
    simulated: int = 0
    files: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    quick: engine.Quick | None = None  # counting at the moment what will be added at the end of a capture

    @property
    def seen(self) -> int:
        """Packets so far."""
        return self.packets + (self.quick.settled if self.quick is not None else 0)

    def __post_init__(self) -> None:
        self.hits = [Hits()] * len(self.prepared.rows)

    def not_judged(self, status: str) -> int:
        return self.statuses[status] + (self.prepared.trains.packets if status == "truncated" else 0)


def play(
    system: System,
    tally: Tally,
    batches: Iterable[engine.Frames],
    interface: str | None = None,
    rewrites: Sequence[Rewrite] = (),
    flush: Callable[[], object] = lambda: None,
    record: Callable[[engine.Frames, Outcome], object] = lambda frames, outcome: None,
    decap: bool = False,
    at: int | None = None,
    quick: engine.Quick | None = None,
) -> None:
    """Send batches of frames through the system, adding to `tally`. What the reader raises falls through, with
    everything before it counted. After each batch `record` is told of it, and `flush` called to write out what was
    logged.

    A packet is judged at its own time: rules with time conditions are those of that time, a defensive filter is there
    until it expires, and the clock goes on to the latest time there was. One without a time is as old as the one before
    it, or as the clock. With `at` (ns) all are judged at that time, and fragments have time without end. With `decap`
    IP inside PPPoE and MPLS is judged; filters then count the octets of that packet alone.

    With `quick`, to which the reader gave what needs no word, the batches are what it left, and `record` is not told of
    all; it goes with neither `at` nor `decap`."""
    tally.quick = quick
    try:
        _play(system, tally, batches, interface, rewrites, flush, record, decap, at)
    finally:
        tally.quick = None
        if quick is not None:
            _add_settled(system, tally, quick)


def _play(
    system: System,
    tally: Tally,
    batches: Iterable[engine.Frames],
    interface: str | None,
    rewrites: Sequence[Rewrite],
    flush: Callable[[], object],
    record: Callable[[engine.Frames, Outcome], object],
    decap: bool,
    at: int | None,
) -> None:
    import engine

    before = system.clock.now
    for batch in batches:
        latest = tally.quick.last if tally.quick is not None else None
        if not batch.count:  # nothing was left
            before = before if latest is None else latest
            continue
        judged = engine.decap(batch) if decap else batch
        judged = engine.all_at(judged, at) if at is not None else engine.dated(judged, before)[0]
        before = int(judged.time[-1]) if latest is None else latest
        for taken, prepared in system.parts(judged, tally.prepared):
            outcome, deliveries = system.receive(taken, interface, prepared, rewrites)
            if taken.count:
                first = taken.number - batch.number
                frames = engine.part(batch, first, first + taken.count)
                _add(tally, frames, outcome)
                for delivery in deliveries:
                    tally.files[delivery.path] += delivery.lines
                record(frames, outcome)
        flush()
    system.tick()  # packets of the past may have left log limits to be reported on
    flush()


def quick_of(tally: Tally, interface: str | None = None, rewrites: Sequence[Rewrite] = ()) -> engine.Quick | None:
    """What settles packets of the next capture for `play`; None where every packet needs more. It cannot be asked for
    where a record is made of each packet."""
    from zsim.tcpip import traffic

    return None if rewrites else traffic.quick(tally.prepared, interface)


def _add_settled(system: System, tally: Tally, quick: engine.Quick) -> None:
    """Add what `quick` has settled of one capture. All of it was complete."""
    total = quick.total()
    if total.first is None or total.last is None:
        return
    _add_sums(tally, total.packets, total.octets, total.first, total.last, total.linktypes)
    tally.verdicts.update(total.verdicts)
    tally.statuses["complete"] += total.packets
    tally.legs += total.legs
    for row, hits in enumerate(system.settled(tally.prepared, quick)):
        if hits.matches:
            tally.hits[row] += hits


def _add_sums(
    tally: Tally, packets: int, octets: int, first: int | None, last: int | None, linktypes: Mapping[int, int]
) -> None:
    tally.packets += packets
    tally.octets += octets
    if first is not None and last is not None:
        tally.first = first if tally.first is None else min(tally.first, first)
        tally.last = last if tally.last is None else max(tally.last, last)
    tally.linktypes.update(linktypes)


def _add(tally: Tally, frames: engine.Frames, outcome: Outcome) -> None:
    """Add what became of one batch."""
    import engine

    sums = engine.sums(frames)
    _add_sums(tally, frames.count, sums.octets, sums.first, sums.last, sums.linktypes)
    tally.untimed += sums.untimed
    tally.verdicts.update(engine.tally(outcome.judgement.verdict, engine.VERDICTS))
    for datagram in outcome.datagrams:  # the other fragments go where the last one went
        tally.verdicts[engine.VERDICTS[outcome.judgement.verdict[datagram.packet]]] += datagram.fragments - 1
    statuses = engine.tally(outcome.headers.status, engine.STATUSES)
    tally.statuses.update(statuses)
    if "not_ip" in statuses:
        tally.ethertypes.update(ethertype for _, ethertype in engine.ethertypes(frames, outcome.headers.status))
    tally.legs += sum(leg.count for leg in outcome.judgement.legs)
    for row, hits in enumerate(outcome.hits):
        if hits.matches:
            tally.hits[row] += hits
    tally.datagrams += len(outcome.datagrams)
    tally.logged += len(outcome.events)
    if outcome.simulates:
        would = {packet for leg in outcome.judgement.legs for packet in _noted(leg)}
        tally.simulated += len(would)
        tally.simulated += sum(each.fragments - 1 for each in outcome.datagrams if each.packet in would)


def _noted(leg: engine.Leg) -> list[int]:
    """The packets of a leg that a defensive filter would have blocked."""
    pairs = zip(leg.packet.tolist(), leg.simulate.tolist(), strict=True)
    return [packet for packet, simulate in pairs if simulate >= 0]


def unsupported(tally: Tally) -> dict[str, int]:
    """Frames of link types the engine does not open, by name; they count as not IP."""
    import engine

    return {
        engine.name_of(number): count for number, count in tally.linktypes.items() if number not in engine.LINKTYPES
    }


def document(tally: Tally) -> dict[str, Any]:
    """The replay as JSON. permitted + denied + blocked + not_ip + truncated + malformed = packets; simulated packets
    are also counted under what became of them. Datagrams put together from fragments are counted in `datagrams`; those
    never completed in `incomplete`, and their fragments in `truncated`."""
    in_force = tally.prepared.in_force
    rate = tally.packets / tally.seconds if tally.seconds else 0.0
    unfiltered = tally.verdicts["unfiltered"] + sum(
        hits.matches
        for row, hits in zip(tally.prepared.rows, tally.hits, strict=True)
        if row.layer == STACK and not row.denies
    )
    return {
        "schema": SCHEMA,
        "packets": tally.packets,
        "permitted": tally.verdicts["permitted"] + tally.verdicts["unfiltered"],
        "denied": tally.verdicts["denied"],
        "blocked": tally.verdicts["blocked"],
        "simulated": tally.simulated,
        "not_ip": tally.not_judged("not_ip"),
        "truncated": tally.not_judged("truncated"),
        "malformed": tally.not_judged("malformed"),
        "ethertypes": {_ethertype(number): count for number, count in tally.ethertypes.most_common()},
        "bytes": tally.octets,
        "seconds": round(tally.seconds, 6),
        "packets_per_second": round(rate, 1),
        "source": in_force.source if in_force else None,
        "judgements": tally.legs,
        "unfiltered": unfiltered,
        "datagrams": tally.datagrams,
        "incomplete": tally.prepared.trains.incomplete,
        "logged": tally.logged,
        "files": dict(sorted(tally.files.items())),
        "untimed": tally.untimed,
        "first": iso(tally.first) if tally.first is not None else None,
        "last": iso(tally.last) if tally.last is not None else None,
        "filters": [
            {
                "name": row.name,
                "extension": row.extension,
                "layer": row.layer,
                "action": row.action,
                "direction": row.direction or None,
                "matches": hits.matches,
                "bytes": hits.octets,
                "first": iso(hits.first) if hits.first is not None else None,
                "last": iso(hits.last) if hits.last is not None else None,
                "version": row.version,
                "group": row.group or None,
                "where": str(row.where),
            }
            for row, hits in zip(tally.prepared.rows, tally.hits, strict=True)
            if not row.hidden or hits.matches
        ],
    }


def _ethertype(number: int) -> str:
    return f"0x{number:04x}" if number else "none"


VERDICT_ROWS = ("permitted", "denied", "blocked", "not_ip", "truncated", "malformed")


def carried(ethertype: int) -> str:
    """What a frame carries that is not IP, in words."""
    import engine

    if not ethertype:
        return "no ethertype"
    name = engine.ETHERTYPES.get(ethertype, "")
    return f"{name} ({_ethertype(ethertype)})" if name else _ethertype(ethertype)


def table(tally: Tally, all_filters: bool = False) -> str:
    """The replay for a terminal: verdicts, then the filters that matched."""
    shown = document(tally)
    counted = [(name.replace("_", " "), shown[name]) for name in VERDICT_ROWS[:2]]
    for name in VERDICT_ROWS[2:]:
        counted += [(name.replace("_", " "), shown[name])] if shown[name] else []
        if name == "not_ip":
            counted += [("  " + carried(number), n) for number, n in tally.ethertypes.most_common()]
    counted.append(("total", shown["packets"]))
    notes = ("unfiltered", "of the permitted, not filtered at all"), ("simulated", "would have been blocked")
    counted += [(what, shown[name]) for name, what in notes if shown[name]]
    wide = _width(12, (n for _, n in counted))
    lines = [f"{'verdict':<38}{'packets':>{wide}}", *(f"{what:<38}{n:>{wide},}" for what, n in counted)]

    rows = [row for row in shown["filters"] if row["matches"] or all_filters]
    matches, octets = _width(11, (row["matches"] for row in rows)), _width(14, (row["bytes"] for row in rows))
    lines += ["", f"{'filter':<38}{'ext':>3}  {'way':<4}{'action':<7}{'matches':>{matches}}{'bytes':>{octets}}"]
    for row in rows:
        way = {"Inbound": "in", "Outbound": "out"}.get(row["direction"], "")
        which = f"{row['name']:<38}{row['extension'] or '':>3}  {way:<4}{row['action']:<7}"
        lines.append(f"{which}{row['matches']:>{matches},}{row['bytes']:>{octets},}")
    silent = sum(not row["matches"] for row in shown["filters"])
    if silent and not all_filters:
        lines.append(f"{silent:,} filter{'s' if silent > 1 else ''} matched nothing (--all shows them)")
    return "\n".join(lines) + "\n"


def _width(usual: int, numbers: Iterable[int]) -> int:
    """Of a column of numbers: what is usual, or what the longest needs with a space before it."""
    return max(usual, *(len(f"{number:,}") + 1 for number in numbers), 0)
