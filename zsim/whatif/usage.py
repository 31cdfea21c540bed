"""Rules held against what was seen: by the counters behind FilterMatches, and in captures.

traffic = usage.Traffic(view)
traffic.add(frames)
usage.unused(view, traffic), usage.wider(view, traffic)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from zsim import addresses, clock
from zsim.clock import SECOND, iso
from zsim.findings import finding
from zsim.tcpip.filters import DEFENSIVE, FilterRule
from zsim.tcpip.traffic import Rewrite
from zsim.whatif import met, words
from zsim.whatif.anomaly import Anomaly, titles
from zsim.whatif.checks import written
from zsim.whatif.crossings import View

if TYPE_CHECKING:
    import engine

DAY = clock.DAY * SECOND
WINDOW = 30 * DAY  # how long a rule is watched before it is called unused
BUSY = 1_000  # packets that have to be seen by then
KEPT = 4_096  # values of a field that are kept of a rule
EPHEMERAL = 1024  # clients' ports lie from here on
FIELDS = ("src_addr", "dst_addr", "src_port", "dst_port", "type", "code", "proto")


@dataclass
class Seen:
    """What one filter decided in captures: packets, and the values of each field."""

    packets: int = 0
    values: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in FIELDS})


@dataclass
class Traffic:
    """What captures show of a view's rules, by row. Times are ns."""

    view: View
    interface: str | None = None
    rewrites: Sequence[Rewrite] = ()
    rows: dict[int, Seen] = field(default_factory=dict)
    seen: int = 0  # packets
    crossings: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, frames: engine.Frames) -> None:
        """One batch of frames."""
        self.seen += frames.count
        for each in met.crossings(self.view, frames, self.interface, self.rewrites):
            self.crossings += 1
            self.first = each.time if self.first is None else min(self.first, each.time)
            self.last = each.time if self.last is None else max(self.last, each.time)
            block, _, rule = each.numbers
            seen = self.rows.setdefault(block if block >= 0 else rule, Seen())
            seen.packets += 1
            for name in FIELDS:
                values = seen.values[name]
                if len(values) < KEPT:
                    values.add(each.packet[name])


class Watch(NamedTuple):
    """How long something was watched, in ns, and how many matches there were in all."""

    what: str
    window: int
    matches: int

    def __str__(self) -> str:
        return f"{self.what}, {length(self.window)}, {self.matches:,} matches in all"


def length(time: int) -> str:
    """A length of time for people, in its largest unit."""
    for unit, size in (("day", DAY), ("hour", 3600 * SECOND), ("minute", 60 * SECOND)):
        if time >= size:
            count = time // size
            return f"{count:,} {unit}{'s' if count > 1 else ''}"
    return f"{time // SECOND} seconds"


def unused(view: View, traffic: Traffic | None, window: int = WINDOW) -> Iterator[Anomaly]:
    """Rules that matched nothing while they were watched, with the evidence; or why that cannot be said."""
    in_force = view.prepared.in_force
    if in_force is None:
        return
    total = sum(hits.matches for hits in in_force.hits)
    reset = f"counters since {iso(in_force.created)[:19]}, when the rules were installed"
    watches = [Watch(reset, max(0, view.time - in_force.created), total)]
    if traffic is not None and traffic.first is not None and traffic.last is not None:
        watches.append(Watch("captures", traffic.last - traffic.first, traffic.crossings))
    evidence = "; ".join(map(str, watches))
    if not any(watch.window >= window and watch.matches >= BUSY for watch in watches):
        where = next((rule.where for rule in view.rows), None)
        if where is not None:
            hint = f"watch for {length(window)} and {BUSY:,} matches (--window), or give captures of such a time"
            yield Anomaly(finding("no-verdict", where, why=f"watched too little: {evidence}", hint=hint))
        return
    row_of: dict[int, int] = {id(rule): at for at, rule in enumerate(view.rows)}
    for filters in written(view).values():
        rows = [row_of[id(rule)] for rule in filters]
        hits = sum(in_force.hits[row].matches for row in rows if row < len(in_force.hits))
        hits += sum(traffic.rows[row].packets for row in rows if row in traffic.rows) if traffic else 0
        rule = filters[0]
        if not hits and rule.layer != DEFENSIVE:
            what = f"{rule.action.lower()} {rule.name}"
            said = finding("never-hit", rule.where, what=what, evidence=evidence)
            yield Anomaly(said, rule.layer, rule.name, rule.action, titles(filters))


# ---- wider than what was seen ----------------------------------------------------------------------------------


def wider(view: View, traffic: Traffic) -> Iterator[Anomaly]:
    """Permits that ask less of a packet than what was seen of them has in common."""
    row_of: dict[int, int] = {id(rule): at for at, rule in enumerate(view.rows)}
    for filters in written(view).values():
        used = [(rule, traffic.rows[row_of[id(rule)]]) for rule in filters if row_of[id(rule)] in traffic.rows]
        if filters[0].denies or filters[0].layer == DEFENSIVE or not used:
            continue
        told = list(dict.fromkeys(why for rule, seen in used for why in _wider(rule, seen)))
        if told:
            rule, packets = filters[0], sum(seen.packets for _, seen in used)
            said = finding("wider-than-traffic", rule.where, what=f"{rule.action.lower()} {rule.name}",
                           seen=f"{packets:,} packet{'s' if packets > 1 else ''}", why="; ".join(told))  # fmt: skip
            yield Anomaly(said, rule.layer, rule.name, rule.action, titles(rule for rule, _ in used))


def _wider(rule: FilterRule, seen: Seen) -> Iterator[str]:
    for end, name, word in ((rule.source, "src_addr", "source"), (rule.dest, "dst_addr", "destination")):
        hull = _hull(rule.version, seen.values[name])
        if end.high - end.low > 4 * (hull[1] - hull[0] + 1):
            some = "all that was seen" if len(seen.values[name]) > 1 else "seen"
            wide = "any address" if end.everything else str(end)
            yield f"{word} {wide}, {some}: {words.address(rule.version, hull)}"
    service = rule.service
    if service.protocol is None:
        yield f"any protocol, seen: {words.protocols(tuple((each, each) for each in sorted(seen.values['proto'])))}"
        return
    for span, name, word in (
        (service.source_port, "src_port", "source port"), (service.dest_port, "dst_port", "destination port"),
        (service.type, "type", "type"), (service.code, "code", "code"),
    ):  # fmt: skip
        values = sorted(each for each in seen.values[name] if each <= 0xFFFF)
        if not values or (name in ("type", "code") and (span is not None or max(values) > 255)):
            continue
        low, high = span or (0, 65535 if "port" in name else 255)
        client = "port" in name and low <= EPHEMERAL and high == 65535 and values[0] >= EPHEMERAL
        if high - low + 1 > len(values) and not (client and low == EPHEMERAL):
            wide = f"any {word}" if span is None else f"{word} {low}-{high}"
            yield f"{wide}, seen: {_ports(values)}"


def _ports(values: list[int]) -> str:
    if len(values) > words.MOST:
        return f"{values[0]}-{values[-1]}"
    return ", ".join(map(str, values))


def _hull(version: int, values: set[int]) -> tuple[int, int]:
    """The least prefix that holds some addresses."""
    low, high = min(values), max(values)
    host = (1 << (low ^ high).bit_length()) - 1
    return low & ~host, min(high | host, (1 << addresses.WIDTH[version]) - 1)
