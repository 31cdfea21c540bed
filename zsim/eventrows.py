"""The events of a batch at speed: what `zsim.events` says of each, octet for octet; compiled mode only.

Events that differ in nothing but times, addresses, numbers and names of flows are of one kind. Of each kind one event
is written the slow way with marks in place of those, and becomes a template of the engine. Lines of all kinds are then
put into the order of the packets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from zsim import events
from zsim.events import Observer, Record
from zsim.rows import hashed
from zsim.tasks import trmd
from zsim.tcpip.logged import Logged
from zsim.tcpip.traffic import FilterEvent, Prepared

if TYPE_CHECKING:
    from engine.text import Part, Template

MOST_KINDS = 64  # kept; each has some memory of its own
LEAST_OF_A_KIND = 8  # events of a batch, on average; with less a template does not pay
ROWS = 512  # written at a time
OPEN, CLOSE = "\ufdd0", "\ufdd1"  # of a mark: code points that are no characters (Unicode 23.7)
_MARK = re.compile(f"{OPEN}([a-z_0-9]+){CLOSE}")
# Marks that JSON has as numbers, and the column of each.
_NUMBERS = {
    "sport": "src_port", "dport": "dst_port", "type": "type", "code": "code", "length": "ip_length",
    "time_ms": "time_ms", "sequence": "sequence",
}  # fmt: skip
_QUOTED = re.compile(f'"({OPEN}(?:{"|".join(_NUMBERS)}){CLOSE})"')
_PLAIN = ("version", "proto", "zone", "fragment", "src_port", "dst_port", "type", "code", "ip_length")
_SHOWN = {"source_port": "sport", "dest_port": "dport", "type": "type", "code": "code"}  # of an event: of a mark


class EventRows:
    """The writer of one format for what is in force."""

    def __init__(self, prepared: Prepared, seen_by: Observer, form: str) -> None:
        self.prepared, self.seen_by, self.form = prepared, seen_by, form
        self.kinds: dict[tuple[int, ...], Template | None] = {}
        self.all: Template | None = None

    def lines(self, logged: Logged, written: int) -> list[bytes] | None:
        """A line for each packet of a batch, `written` before them; None where they have to be made one by one."""
        import numpy

        import engine
        from engine import journal
        from engine.text import Address, Number, Template

        n = logged.journal.count
        if not n:
            return []
        if not engine.is_compiled(logged.frames.data):
            return None
        if self.all is None:
            numbers = (Number(name) for name in ("time", "class", "place", *_PLAIN))
            self.all = Template([*numbers, Address("version", "src_addr"), Address("version", "dst_addr")])
        sources: dict[str, Any] = {"time": journal.TIME, "class": journal.RULE, "place": journal.PLACE}
        plan = journal.Plan(self.all, sources, True)
        columns = plan.columns(logged.frames, logged.judged, logged.journal, 0, n)
        cells, at = columns.cells.reshape(-1, n), self.all.columns
        if (cells[at["time"]] < 0).any():
            return None
        if not logged.judged.headers.wide:  # the columns were not filled
            for name in ("src_addr", "dst_addr"):
                cells[at[name] : at[name] + 3] = 0
        known = [cells[at[name]] <= engine.FIELD[name].limit for name in ("src_port", "dst_port", "type", "code")]
        ends = [cells[at[name] : at[name] + 4] for name in ("src_addr", "dst_addr")]
        alike = (ends[0] == ends[1]).all(axis=0)
        what = [cells[at[name]] for name in ("class", "place", "version", "proto", "zone", "fragment")]
        key = numpy.stack([*what, *known, alike]).astype("i4")
        found, first, kind = _distinct(key)
        if len(found) * LEAST_OF_A_KIND > n and len(found) > MOST_KINDS // 8:
            return None
        wide = {"src_addr": cells[at["src_addr"] :][:4], "dst_addr": cells[at["dst_addr"] :][:4]}
        narrow = {name: cells[at[name]] for name in ("time", *_PLAIN)}
        narrow["time_ms"] = narrow["time"] // 1_000_000
        last = events.LAST_SEQUENCE
        narrow["sequence"] = (numpy.arange(n, dtype="i8") + written) % last + 1
        names = _names(cells, at, n)
        lines: list[bytes] = [b""] * n
        order = numpy.argsort(kind, kind="stable")
        edges = numpy.searchsorted(kind[order], numpy.arange(len(found) + 1)).tolist()
        for number, (begin, end) in enumerate(pairwise(edges)):
            made = self._of_kind(tuple(found[number].tolist()), cells[:, first[number]], at)
            if made is None:
                return None
            for start in range(begin, end, ROWS):
                rows = order[start : min(start + ROWS, end)]
                self._write(made, rows, narrow, wide, names, lines)
        return lines

    def _write(self, made: Template, rows: Any, narrow: dict[str, Any], wide: dict[str, Any], names: Any,
               lines: list[bytes]) -> None:  # fmt: skip
        import numpy

        from engine.text import Columns, write

        cells = numpy.zeros((made.words, len(rows)), "i8")
        for name, at in made.columns.items():
            if name in narrow:
                cells[at] = narrow[name][rows]
            elif name in wide:
                cells[at : at + 4] = wide[name][:, rows]
            else:
                cells[at : at + len(names)] = names[:, rows]
        octets, ends = write(made, Columns(cells.reshape(-1), len(rows)))
        text, before = bytes(octets), 0
        for row, end in zip(rows.tolist(), ends.tolist(), strict=True):
            lines[row] = text[before:end]
            before = end

    def _of_kind(self, key: tuple[int, ...], cells: Any, at: dict[str, int]) -> Template | None:
        """The template of one kind, made from any one event of it."""
        if key not in self.kinds:
            if len(self.kinds) >= MOST_KINDS:
                self.kinds.pop(next(iter(self.kinds)))
            self.kinds[key] = self._made({name: [int(each) for each in cells[first:]] for name, first in at.items()})
        return self.kinds[key]

    def _made(self, cell: dict[str, list[int]]) -> Template | None:
        from engine.text import Template

        event = self._event(cell)
        shown = events.facts(event, self.seen_by)
        if any(OPEN in str(value) or CLOSE in str(value) for value in shown.values()):
            return None
        return Template(_parts(self._marked(event, shown)))

    def _event(self, cell: dict[str, list[int]]) -> FilterEvent:
        import engine

        def known(name: str) -> int | None:
            value = cell[name][0]
            return None if value == engine.FIELD[name].unknown else value

        def address(name: str) -> int:
            return sum(word << 96 - 32 * at for at, word in enumerate(cell[name][:4]))

        version, place = cell["version"][0], cell["place"][0]
        interface = self.prepared.interfaces[place // 8 - 1] if place >= 8 else ""
        rule = self.prepared.rows[cell["class"][0] // 2]
        return FilterEvent(
            cell["time"][0], rule, version, address("src_addr"), address("dst_addr"), known("proto"),
            known("src_port"), known("dst_port"), known("type"), known("code"), interface,
            self.prepared.addresses.get((interface, version), 0), not place & 2, cell["zone"][0], bool(place & 1),
            cell["ip_length"][0], bool(cell["fragment"][0]), bool(cell["class"][0] % 2),
        )  # fmt: skip

    def _marked(self, event: FilterEvent, shown: Record) -> str:
        """One event as it is written, with marks in it."""
        dest = "src" if event.source == event.dest else "dst"
        marks = {"src": "src", "dst": dest, "time": "time", "length": "length", "community_id": "community_id"}
        marks |= {name: name for name in _SHOWN.values()}
        marked = shown | {name: _mark(of) for name, of in marks.items() if shown[name] is not None}
        blind: Any = {of: _mark(name) for of, name in _SHOWN.items() if getattr(event, of) is not None}
        given = {"time": "stack_time", "source": "src", "dest": dest, "length": "length"}
        text = trmd.message(event._replace(**blind), given={name: _mark(of) for name, of in given.items()})
        marked["text"] = str(text)
        if self.form == "rfc5424":
            marked["time_us"] = _mark("time_us")
            return events.structured(marked, self.seen_by, _mark("sequence")) + "\n"
        if self.form != "event":
            marked["time_ms"] = _mark("time_ms")
            marked = events.nested(events.TABLES[self.form], marked, self.seen_by)
        return _QUOTED.sub(r"\1", msgspec.json.encode(marked).decode()) + "\n"


def _mark(name: str) -> str:
    return OPEN + name + CLOSE


def _parts(text: str) -> Iterator[Part]:
    """A text with marks as a template has it."""
    from engine.text import Address, Base64, Fraction, Number, Stamp

    iso = Stamp("time", "%Y-%m-%dT%H:%M:%S")
    known: dict[str, tuple[Part, ...]] = {
        "time": (iso, ".", Fraction("time", 9), "Z"), "time_us": (iso, ".", Fraction("time", 6), "Z"),
        "stack_time": (Stamp("time", "%m/%d/%Y %H:%M:%S"), ".", Fraction("time", 2)),
        "src": (Address("version", "src_addr"),), "dst": (Address("version", "dst_addr"),),
        "community_id": (
            "1:", Base64("version", "community_id"),
        ),
    }  # fmt: skip
    for at, piece in enumerate(_MARK.split(text)):
        if at % 2 == 0:
            yield piece
        elif piece in _NUMBERS:
            yield Number(_NUMBERS[piece])
        else:
            yield from known[piece]


def _distinct(key: Any) -> tuple[Any, Any, Any]:
    """The different columns of a table of small numbers, where each is first, and which of them each column is."""
    import numpy

    code = numpy.zeros(key.shape[1], "i8")
    for row in key:
        least = int(row.min())
        code = code * (int(row.max()) - least + 1) + (row - least)
        _, code = numpy.unique(code, return_inverse=True)  # small again, whatever comes
    _, first, kind = numpy.unique(code, return_index=True, return_inverse=True)
    return key[:, first].T, first, kind


def _names(cells: Any, at: dict[str, int], n: int) -> Any:
    """The names of flows, a row a word."""
    import numpy

    import engine
    from engine.kernels.community import SCRATCH, WORDS, name_flows

    value = numpy.zeros((1 + max(engine.COLUMN[name] + engine.FIELD[name].words for name in engine.COLUMN), n), "u4")
    for name in ("version", "proto", "src_port", "dst_port", "type", "code"):
        value[engine.COLUMN[name]] = cells[at[name]]
    for name in ("src_addr", "dst_addr"):
        value[engine.COLUMN[name] : engine.COLUMN[name] + 4] = cells[at[name] : at[name] + 4]
    named = (cells[at["proto"]] <= engine.FIELD["proto"].limit).astype("u1")
    made = numpy.empty(WORDS * n, "i8")
    name_flows(
        value.reshape(-1), numpy.arange(n, dtype="i4"), n, n, *hashed(), named, numpy.empty(SCRATCH, "u4"), made, 0
    )
    return made.reshape(WORDS, n)
