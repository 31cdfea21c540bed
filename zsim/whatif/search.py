"""Is there a packet that ...: one, with the filter that decides it, or the proof that there is none.

    wanted = search.Wanted(dest=addresses.one("10.1.1.2"), dest_port=(23, 23), verdict="permit")
    found = search.search(space, view, wanted)        # Answer; found.packets is empty: there is no such packet

Packets are looked for at every interface they cross. One that is forwarded is permitted only if both crossings permit
it, and does not get to the second one if the first denies it: such crossings are not found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from zsim.addresses import AddressRange
from zsim.findings import did_you_mean
from zsim.tcpip.filters import OUTBOUND, FilterRule
from zsim.whatif import crossings, words
from zsim.whatif.compare import sample
from zsim.whatif.crossings import Fate, Numbers, View

if TYPE_CHECKING:
    from engine.space import Box, Packets, Partition, Space

SCHEMA = "zsim.search/1"
PERMIT, DENY = "permit", "deny"
ENDS_OF_WAY = ("direction", "zone")  # what a forwarded packet has another of at its second crossing


class Wanted(NamedTuple):
    """What a packet is to be; None for anything. `verdict` is PERMIT or DENY, `filter` NAME or NAME.EXTENSION, which
    decides it."""

    source: AddressRange | None = None
    dest: AddressRange | None = None
    protocols: tuple[int, ...] = ()
    source_port: tuple[int, int] | None = None
    dest_port: tuple[int, int] | None = None
    type: tuple[int, int] | None = None
    code: tuple[int, int] | None = None
    direction: str | None = None  # Inbound, Outbound
    interface: str | None = None
    routed: bool | None = None
    version: int | None = None
    connect: bool | None = None
    fragment: bool | None = None
    logged: bool | None = None
    verdict: str | None = None
    filter: str | None = None


class Found(NamedTuple):
    """A box of packets, one of them, and what decides that one."""

    box: Box
    example: dict[str, int]
    numbers: Numbers
    fate: Fate


class Answer(NamedTuple):
    """Every packet wanted, the `found` largest boxes of it, and how many boxes there are."""

    packets: Packets
    found: tuple[Found, ...]
    boxes: int


def search(space: Space, view: View, wanted: Wanted, most: int = 5) -> Answer:
    """Every packet that is as wanted. ValueError: what is wanted cannot be meant."""
    asked = conditions(space, view, wanted) & view.among
    decided = space.first_matches(view.lists, view.decided, view.among)
    passing = reached(space, view, decided)
    inside = _where(decided, lambda numbers: _suits(view, numbers, wanted)) & asked & passing
    if wanted.verdict == PERMIT:
        inside &= permitted(space, view, decided)
    boxes = inside.boxes(view.among)
    found = []
    for box in boxes[:most]:
        example = sample(view, space.boxed(box) & inside)
        (numbers,) = crossings.judged(view, [example])
        if decided.get(example) != numbers:
            raise RuntimeError(f"{view.name} decides {example} by {numbers}, not {decided.get(example)}")
        found.append(Found(box, example, numbers, view.fate(numbers)))
    return Answer(inside, tuple(found), len(boxes))


def conditions(space: Space, view: View, wanted: Wanted) -> Packets:
    """The packets with the fields wanted. ValueError: no such interface, or addresses of two IP versions."""
    versions = {end.version for end in (wanted.source, wanted.dest) if end is not None}
    versions |= {wanted.version} if wanted.version else set()
    if len(versions) > 1:
        raise ValueError("the addresses and the IP version are not of one version")
    tests: dict[str, Any] = {}
    for name, value in (
        ("version", next(iter(versions), None)),
        ("src_addr", wanted.source and (wanted.source.low, wanted.source.high)),
        ("dst_addr", wanted.dest and (wanted.dest.low, wanted.dest.high)),
        ("src_port", wanted.source_port), ("dst_port", wanted.dest_port),
        ("type", wanted.type), ("code", wanted.code),
        ("direction", None if wanted.direction is None else int(wanted.direction == OUTBOUND)),
        ("routed", _bit(wanted.routed)), ("connect", _bit(wanted.connect)), ("fragment", _bit(wanted.fragment)),
        ("zone", None if wanted.interface is None else _zone(view, wanted.interface)),
    ):  # fmt: skip
        if value is not None:
            tests[name] = value
    if wanted.interface is not None and wanted.direction is None:
        tests["direction"] = 0
    found = space.box(**tests)
    return found & space.union([space.box(proto=each) for each in wanted.protocols]) if wanted.protocols else found


def _bit(asked: bool | None) -> int | None:
    return None if asked is None else int(asked)


def _zone(view: View, interface: str) -> int:
    known = view.around.interfaces
    if interface.upper() not in known:
        raise ValueError(f"no interface {interface}; {did_you_mean(interface, known, 'there are ' + ', '.join(known))}")
    return view.around.zones[known.index(interface.upper())]


def _suits(view: View, numbers: Numbers, wanted: Wanted) -> bool:
    fate = view.fate(numbers)
    if wanted.verdict is not None and fate.permits != (wanted.verdict == PERMIT):
        return False
    if wanted.logged is not None and bool(fate.records) != wanted.logged:
        return False
    if wanted.filter is None:
        return True
    return any(rule is not None and wanted.filter in (rule.name, f"{rule.name}.{rule.extension}")
               for rule in (view.deciding(numbers), view.rows[numbers[1]] if numbers[1] >= 0 else None))  # fmt: skip


def named(view: View, name: str) -> list[FilterRule]:
    """The filters of a name. ValueError, with the nearest name, where there is none."""
    found = [rule for rule in view.rows if name in (rule.name, f"{rule.name}.{rule.extension}")]
    if not found:
        known = [rule.name for rule in view.rows if not rule.hidden]
        raise ValueError(f"no filter {name}; {did_you_mean(name, known, 'zsim filters lists them')}")
    return found


def _where(decided: Partition, suits: Callable[[Numbers], bool]) -> Packets:
    return decided.where(*(each for each in decided.values() if isinstance(each, tuple) and suits(each)))


def _permits(view: View, decided: Partition) -> Packets:
    return _where(decided, lambda numbers: view.fate(numbers).permits)


def reached(space: Space, view: View, decided: Partition) -> Packets:
    """The crossings that are judged at all: all but the second one of forwarded packets that the first denies."""
    second = space.box(routed=1, direction=1)
    arrived = _permits(view, decided) & space.box(routed=1, direction=0)
    return view.among - (second - arrived.freed(*ENDS_OF_WAY))


def permitted(space: Space, view: View, decided: Partition) -> Packets:
    """The crossings of packets that are permitted on their whole way, by some interface."""
    permits = _permits(view, decided)
    ways = [permits & space.box(routed=1, direction=way) for way in (0, 1)]
    through = ways[0].freed(*ENDS_OF_WAY) & ways[1].freed(*ENDS_OF_WAY)
    return permits & (space.box(routed=0) | through)


# ---- written out -----------------------------------------------------------------------------------------------


def document(view: View, answer: Answer) -> dict[str, Any]:
    """The answer as plain data."""
    return {
        "schema": SCHEMA,
        "system": view.name,
        "exists": bool(answer.packets),
        "boxes": answer.boxes,
        "packets": str(answer.packets.count()),
        "found": [_row(view, each) for each in answer.found],
    }


def _row(view: View, each: Found) -> dict[str, Any]:
    rule = view.deciding(each.numbers)
    at = crossings.arrival(view, each.example)
    simulated = view.rows[each.numbers[1]] if each.numbers[1] >= 0 else None
    return {
        "packets": words.box(each.box),
        "box": {name: [list(span) for span in spans] for name, spans in each.box.items()},
        "example": words.packet(each.example, view.around.interfaces[at] if at is not None else ""),
        "fields": each.example,
        "verdict": each.fate.verdict,
        "logged": list(each.fate.records),
        "filter": rule and view.title(rule),
        "layer": rule and rule.layer,
        "where": rule and view.place(rule.where),
        "simulated": simulated and view.title(simulated),
    }


def text(shown: dict[str, Any]) -> str:
    """The answer for a terminal."""
    return "\n".join(_lines(shown)) + "\n"


def _lines(shown: dict[str, Any]) -> Iterator[str]:
    if not shown["exists"]:
        yield "There is no such packet. This is a proof: all possible packets were asked."
        return
    for row in shown["found"]:
        yield row["example"]
        logged = f", logged as {' and '.join(row['logged'])}" if row["logged"] else ""
        yield f"  {row['verdict']} by {row['filter'] or 'no filter at all'}{logged}"
        if row["where"]:
            yield f"  {row['where']}"
        if row["simulated"]:
            yield f"  {row['simulated']} would block it"
        yield f"  one of: {row['packets']}"
    left = shown["boxes"] - len(shown["found"])
    if left:
        yield f"{left:,} more box{'es' if left > 1 else ''} of packets (--most shows more)"
