"""TRMD's packet records by the million: a template of engine.text made from the messages that `trmd` fills in singly.

The same octets as `syslogd.line(trmd.record(event, ...))`. What a rule says of itself is text by rule, what an
interface says is text by place; the rest are columns of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from math import gcd
from string import Formatter
from typing import TYPE_CHECKING, NamedTuple

from zsim import addresses
from zsim.clock import DAY, SECOND, Offset, east
from zsim.facts import fact
from zsim.tasks import syslogd, trmd
from zsim.tasks.syslogd import LogRecord
from zsim.tcpip.filters import FilterRule
from zsim.tcpip.logged import Logged
from zsim.tcpip.traffic import Prepared

if TYPE_CHECKING:
    from engine.journal import Plan, Source
    from engine.text import Part, Template

PROTOCOLS = range(257)  # the last is one that is not known
MOST_LINES = 2048  # of a block: as many as a processor's nearer caches hold
FIELD_OF = {"source_port": "src_port", "dest_port": "dst_port", "type": "type", "code": "code"}  # the engine's name


class Block(NamedTuple):
    """Lines for syslogd that one writer made in one day: `time` is that of the first."""

    time: int
    octets: memoryview
    lines: int


class Format(NamedTuple):
    """The template of one stack's records, and how its columns are filled."""

    template: Template
    plan: Plan


def form(prepared: Prepared, sysname: str, tag: str) -> Format:
    """How the packets that these filters log are written."""
    from engine import journal
    from engine.text import Address, Choice, Fraction, Number, Stamp, Template

    sources: dict[str, Source] = {"time": journal.TIME, "class": journal.RULE, "place": journal.PLACE}
    protocols = [trmd.protocol_of(None if number == PROTOCOLS[-1] else number) for number in PROTOCOLS]
    fragment = str(fact("log-fragment-yes"))
    dynamic: dict[str, tuple[Part, ...]] = {
        "time": (Stamp("time", "%m/%d/%Y %H:%M:%S"), ".", Fraction("time", 2)),
        "source": (Address("version", "src_addr"),),
        "dest": (Address("version", "dst_addr"),),
        "protocol": (Choice("proto", tuple(each.encode() for each in protocols)),),
        "length": (Number("ip_length"),),
        "fragment": (Choice("fragment", (b"N", fragment.encode())),),
    }
    for slot in range(trmd.SLOTS):
        tags = {number: of[slot] for number, of in trmd.TAGS.items() if slot < len(of)}
        words = tuple(
            f"{trmd.keyword(tags[number][0])} ".encode() if number in tags else trmd.NULL_TAG.encode()
            for number in PROTOCOLS
        )
        name = f"tag{slot + 1}"
        dynamic[name] = (Choice("proto", words), Number(name, (trmd.UNKNOWN, ""))) if tags else (trmd.NULL_TAG,)
        sources[name] = {number: FIELD_OF[of] for number, (_, of) in tags.items()}
    places = list(_places(prepared))
    for name in ("interface", "way", "secclass", "destination", "ifcname"):
        dynamic[name] = (Choice("place", tuple(str(place[name]).encode() for place in places)),)
    names, gaps = _gaps(prepared)
    parts: list[Part] = [*syslogd.head(sysname, tag)]
    for at, texts in enumerate(gaps):
        parts.append(texts[0] if len(set(texts)) == 1 else Choice("class", texts))
        parts += dynamic[names[at]] if at < len(names) else ("\n",)
    template = Template(parts)
    return Format(template, journal.Plan(template, sources, compiled=True))


def _places(prepared: Prepared) -> Iterator[dict[str, object]]:
    """What a record says of each place, in the order of engine.journal.place."""
    zones = prepared.vantage.zones
    for at, name in enumerate(("", *prepared.interfaces), -1):
        for version in (4, 6):
            address = addresses.text(version, prepared.addresses.get((name, version), 0))
            for way in "IO":
                for where in ("local", "routed"):
                    yield {
                        "interface": address, "way": way, "secclass": int(zones[at]) if at >= 0 else 0,
                        "destination": where, "ifcname": name,
                    }  # fmt: skip


def _gaps(prepared: Prepared) -> tuple[tuple[str, ...], list[tuple[bytes, ...]]]:
    """The values that are columns, in order, and the text in front of each and behind the last, by class: twice the
    number of the rule, and one more where it was only simulated. A rule that never logs has none."""
    names: tuple[str, ...] = ()
    rows: list[tuple[bytes, ...] | None] = []
    for number, rule in enumerate(prepared.rows):
        for simulated in (False, True):
            told = rule.defence is not None or (not simulated and bool(prepared.rules.log[number]))
            if not told:
                rows.append(None)
                continue
            found, gaps = _of_rule(rule, trmd.CAUSES[trmd.cause(rule, simulated)].message.line)
            assert names in ((), found), "packet messages with their values in different orders"
            names = found
            rows.append(gaps)
    some = next((row for row in rows if row is not None), ())
    return names, [tuple(row[at] if row is not None else some[at] for row in rows) for at in range(len(some))]


def _of_rule(rule: FilterRule, line: str) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """One message with what the rule says filled in."""
    values = trmd.of_rule(rule)
    names, gaps, gap = [], [], ""
    for text, name in _pieces(line):
        gap += text
        if name in values:
            gap += str(values[name])
        elif name:
            names.append(name)
            gaps.append(gap.encode())
            gap = ""
    return tuple(names), (*gaps, gap.encode())


@cache
def _pieces(line: str) -> tuple[tuple[str, str], ...]:
    """Text, and the name of the value behind it, "" at the end."""
    return tuple((text, name or "") for text, name, _, _ in Formatter().parse(line))


def blocks(
    logged: Logged, how: Format, zone: Offset, offset: Offset, writer: LogRecord, room: Callable[[int], memoryview]
) -> Iterator[Block | LogRecord]:
    """What is logged, in order: lines in blocks, none of them across a midnight of syslogd's `offset` or a change of
    the writer's `zone`, and the reports of log limits, written by `writer`. `room` gives memory to write so many octets
    into."""
    from engine.text import runs, write

    template, plan = how
    if isinstance(zone, int) and isinstance(offset, int):
        width, shift = DAY, offset
    else:  # midnights and changes are cut at, and more
        width, shift = gcd(DAY, *(each if isinstance(each, int) else each.grid for each in (zone, offset))), 0
    reports = list(logged.reports)
    count = logged.journal.count
    edges = sorted({count, *range(0, count, MOST_LINES), *(before for before, _ in reports)})
    for first, last in zip([0, *edges], edges, strict=False):
        if first < last:
            columns = plan.columns(logged.frames, logged.judged, logged.journal, first, last)
            for begin, end in runs(template, columns, "time", width * SECOND, shift * SECOND):
                time = int(columns.cells[begin])
                into = room(template.room(end - begin))
                octets, _ = write(template, columns, east(zone, time), begin, end, into)
                yield Block(time, octets, end - begin)
        while reports and reports[0][0] <= last:
            change = reports.pop(0)[1]
            yield writer._replace(time=change.time, text=str(trmd.change(change)))
