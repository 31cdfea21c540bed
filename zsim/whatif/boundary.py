"""The packets at every edge between rules: the first and last value that a filter decides, and those next to them.

Of each box of packets that one filter decides, one packet; and of each field the box says, that packet with the lowest
and the highest value, and with those beside them, which another filter may decide. Each carries what is expected of it,
and has been through the real tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from zsim.whatif import crossings, words
from zsim.whatif.compare import sample
from zsim.whatif.crossings import RAW, Numbers, View

if TYPE_CHECKING:
    from engine.space import Packets, Space

SCHEMA = "zsim.boundary/1"
MOST = 10_000
# What follows from a field: it is let go where a neighbour cannot have it.
FOLLOWS = (
    (),
    ("src_port", "dst_port", "type", "code", "connect", "opaque"),
    ("routed", "direction", "zone"),
    ("src_port", "dst_port", "type", "code", "connect", "opaque", "fragment", "routed", "direction", "zone"),
)


class Edge(NamedTuple):
    """A packet, why it is there, and what decides it at each crossing that a replay judges."""

    packet: dict[str, int]
    why: str
    verdict: str
    crossed: tuple[tuple[str, Numbers], ...]


class Edges(NamedTuple):
    """The packets, and how many more there would have been: beyond `most`, or crossings a replay does not come to."""

    edges: tuple[Edge, ...]
    beyond: int
    elsewhere: int


def edges(space: Space, view: View, most: int = MOST) -> Edges:
    """The packets at the edges of all filters of a system, in the order of its rules."""
    decided = space.first_matches(view.lists, view.decided, view.among)
    parts = {numbers: packets for numbers, packets in decided.parts().items() if isinstance(numbers, tuple)}
    seen: dict[tuple[int, ...], None] = {}
    found: list[Edge] = []
    beyond = elsewhere = 0
    for numbers in sorted(parts, key=lambda each: tuple(at if at >= 0 else 1 << 40 for at in each)):
        rule = view.deciding(numbers)
        name = view.title(rule) if rule is not None else "no filter"
        for packet, why in _around(space, view, parts[numbers]):
            key = tuple(packet.values())
            if key in seen:
                continue
            seen[key] = None
            if len(found) == most:
                beyond += 1
                continue
            way = crossings.passage(view, packet, alone=True)
            here = dict(way.crossings).get("out" if packet["direction"] else "in")
            expected = decided[packet]
            if here is None or crossings.place_of(view, packet) != packet["zone"]:
                elsewhere += 1
            elif here != expected:
                raise RuntimeError(f"{view.name} decides {packet} by {here}, not {expected}")
            else:
                found.append(Edge(packet, f"{why} {name}", way.verdict, way.crossings))
    return Edges(tuple(found), beyond, elsewhere)


def _around(space: Space, view: View, packets: Packets) -> Iterator[tuple[dict[str, int], str]]:
    """The packets at and beside the edges of a set, and in words which edge."""
    from engine.space import LEVEL, TOP

    for box in packets.boxes(view.among):
        middle = sample(view, space.boxed(box) & packets)
        yield middle, "inside"
        for name, spans in box.items():
            for low, high in spans:
                for value, why in (
                    (low, "first of"),
                    (high, "last of"),
                    (low - 1, "just before"),
                    (high + 1, "just behind"),
                ):
                    if 0 <= value <= TOP[LEVEL[name]]:
                        packet = _with(space, view, middle, name, value)
                        if packet is not None:
                            yield packet, f"{name} {_value(middle, name, value)}: {why}"


def _value(packet: Mapping[str, int], name: str, value: int) -> str:
    from engine import FIELD

    if name in ("src_addr", "dst_addr"):
        return words.address(packet["version"], (value, value))
    return str(value) if value <= FIELD[name].limit else "not known"


def _with(space: Space, view: View, packet: Mapping[str, int], name: str, value: int) -> dict[str, int] | None:
    """The packet with another value, and as little else changed as that takes; None where none has it."""
    prefer = {other: (its,) for other, its in packet.items()}
    for free in FOLLOWS:
        kept = {other: its for other, its in packet.items() if other not in free}
        found = (space.box(**{**kept, name: value}) & view.among).sample(prefer)
        if found is not None:
            return found
    return None


# ---- written out -----------------------------------------------------------------------------------------------


def document(view: View, found: Edges) -> dict[str, Any]:
    """The packets as plain data, a row each, in the order of the capture."""
    return {
        "schema": SCHEMA,
        "system": view.name,
        "beyond": found.beyond,
        "elsewhere": found.elsewhere,
        "packets": [
            {"frame": at, "packet": words.packet(each.packet), "why": each.why, "verdict": each.verdict,
             "crossings": [_crossing(view, way, numbers) for way, numbers in each.crossed], "fields": each.packet}
            for at, each in enumerate(found.edges, 1)
        ],
    }  # fmt: skip


def _crossing(view: View, way: str, numbers: Numbers) -> dict[str, Any]:
    rule = view.deciding(numbers)
    return {
        "way": way, "verdict": view.fate(numbers).verdict,
        "filter": rule and view.title(rule),
        "where": rule and view.place(rule.where),
    }  # fmt: skip


def label(row: Mapping[str, Any]) -> str:
    """What is expected of a packet, in a line: `permitted: in by ftpserver.1; dst_port 21: first of ftpserver.1`."""
    ways = ", ".join(f"{each['way']} by {each['filter']}" for each in row["crossings"])
    return f"{row['verdict']}: {ways}; {row['why']}"


def capture(shown: Mapping[str, Any], found: Edges, time: int) -> bytes:
    """The packets as pcapng, each with its label as a comment, a millisecond apart."""
    from engine import pcapng
    from engine.specimen import ip_packet

    blocks = [pcapng.section("zsim", f"edges of the rules of {shown['system']}"), pcapng.interface(RAW, "edges")]
    for at, (each, row) in enumerate(zip(found.edges, shown["packets"], strict=True)):
        octets = ip_packet(each.packet)
        blocks.append(pcapng.packet(0, time + at * 1_000_000, octets, len(octets), [label(row)]))
    return b"".join(blocks)


def plain_capture(found: Edges, time: int) -> bytes:
    """The packets as pcap, which has no room for labels."""
    from engine import write_pcap
    from engine.specimen import ip_packet

    return write_pcap(((time + at * 1_000_000, ip_packet(each.packet)) for at, each in enumerate(found.edges)), RAW)
