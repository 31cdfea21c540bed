"""A record for each packet as JSON Lines or CSV, at speed: columns of the engine through a template.

What `zsim.outputs` says of each packet, octet for octet; compiled mode only, and packets with a time.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from zsim import flows
from zsim.outputs import NOT_JUDGED, PACKET, Only
from zsim.tcpip.traffic import Outcome, Prepared

if TYPE_CHECKING:
    import engine
    from engine.text import Part

_FIELDS = (("sport", "src_port"), ("dport", "dst_port"), ("tcp_flags", "tcp_flags"))


TOGETHER = 1024  # records that are written at a time


class Rows:
    """The writer of one form, `jsonl` or `csv`, for what is in force."""

    def __init__(self, prepared: Prepared, only: Only, form: str) -> None:
        self.prepared, self.only, self.form = prepared, only, form
        self.templates: dict[str, Any] = {}

    def of(self, frames: engine.Frames, outcome: Outcome, file: str) -> Iterator[Any] | None:
        """The records of a batch in pieces, each to be written before the next is asked for: so they stay in the cache.
        None where it has to be done packet by packet."""
        import engine
        from engine.text import Columns, write

        if not engine.is_compiled(frames.data) or engine.dated(frames, 0)[1] or (frames.time < 0).any():
            return None
        rows = self.only.rows(self.prepared, outcome)
        if file not in self.templates:
            from engine.text import Template

            self.templates[file] = Template(self._parts(file))
        template = self.templates[file]
        n = len(rows)
        columns = Columns(self._cells(template.columns, template.words, frames, outcome, rows), n)
        return (
            write(template, columns, begin=first, end=min(first + TOGETHER, n))[0] for first in range(0, n, TOGETHER)
        )

    def _parts(self, file: str) -> Iterator[Part]:
        """The record: name by name, what stands before it and what it is."""
        quick = self._known(file)
        opened = self.form == "jsonl"
        for at, name in enumerate(PACKET):
            yield (f'{"," if at else "{"}"{name}":' if opened else "," if at else "")
            yield from quick[name]
        yield "}\n" if opened else "\n"

    def _known(self, file: str) -> dict[str, Iterable[Part]]:
        import engine
        from engine.text import Address, Base64, Choice, Fraction, Number, Stamp

        def texts(column: str, values: Iterable[object]) -> Choice:
            return Choice(column, tuple(self._value(value).encode() for value in values))

        quote = self._quote
        none = self._value(None)
        rules = [None, *self.prepared.rows]
        shown = tuple((quote if version in (4, 6) else none).encode() for version in range(7))
        closed = tuple((quote if version in (4, 6) else "").encode() for version in range(7))
        number = (none,)
        return {
            "file": (self._value(file),), "frame": (Number("frame"),), "length": (Number("length"),),
            "time": (quote, Stamp("time", "%Y-%m-%dT%H:%M:%S"), ".", Fraction("time", 9), f"Z{quote}"),
            "status": (texts("status", engine.STATUSES),), "verdict": (texts("verdict", engine.VERDICTS),),
            "filter": (texts("rule", (row and row.name for row in rules)),),
            "extension": (texts("rule", (row and row.extension for row in rules)),),
            "layer": (texts("rule", (row and row.layer for row in rules)),),
            "interface": (texts("interface", (None, *(name or None for name in self.prepared.interfaces))),),
            "direction": (texts("direction", ("in", "out", None)),), "routed": (texts("routed", (False, True, None)),),
            "version": (texts("version", (version or None for version in range(16))),),
            "src": (Choice("shown", shown), Address("shown", "src_addr"), Choice("shown", closed)),
            "dst": (Choice("shown", shown), Address("shown", "dst_addr"), Choice("shown", closed)),
            "proto": (Number("proto", number),), "sport": (Number("sport", number),),
            "dport": (Number("dport", number),), "icmp_type": (Number("icmp_type", number),),
            "icmp_code": (Number("icmp_code", number),), "tcp_flags": (Number("tcp_flags", number),),
            "community_id": (
                Choice("named", (none.encode(), f"{quote}1:".encode())),
                Base64("named", "community_id"), Choice("named", (b"", quote.encode())),
            ),
        }  # fmt: skip

    @property
    def _quote(self) -> str:
        return '"' if self.form == "jsonl" else ""

    def _value(self, value: object) -> str:
        """A value as JSON or as a field of CSV writes it."""
        if self.form == "jsonl":
            return json.dumps(value)
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(["", value])
        return text.getvalue()[1:]

    def _cells(self, columns: dict[str, int], words: int, frames: engine.Frames, outcome: Outcome, rows: Any) -> Any:
        """The columns of the template for the listed rows."""
        import numpy

        import engine
        from engine.kernels.community import SCRATCH, name_flows

        headers, m = outcome.headers, len(rows)
        cells = numpy.empty((words, m), "i8")
        value = headers.value.reshape(-1, headers.count)
        chosen = slice(None) if m == headers.count else rows  # nearly always all of them, which need not be gathered

        def field(name: str) -> Any:
            return value[engine.COLUMN[name]][chosen].astype("i8")

        def put(name: str, column: Any) -> None:
            cells[columns[name]] = column

        made = engine.decided(outcome.journey, outcome.judgement)
        status, version, proto = headers.status[chosen], field("version"), field("proto")
        seen = ~numpy.isin(status, [engine.STATUSES.index(name) for name in NOT_JUDGED])
        asked = made.direction[chosen] < 2
        icmp = ((version == 4) & (proto == 1)) | ((version == 6) & (proto == 58))
        put("frame", rows.astype("i8") + frames.number)
        put("time", frames.time[chosen])
        put("length", frames.length[chosen])
        put("status", status)
        put("verdict", outcome.judgement.verdict[chosen])
        put("rule", made.rule[chosen] + 1)
        put("interface", made.interface[chosen] + 1)
        put("direction", numpy.where(asked, made.direction[chosen], 2))
        put("routed", numpy.where(asked, made.routed[chosen], 2))
        put("version", version)
        put("shown", numpy.where(seen, version, 0))
        put("proto", numpy.where(seen & (proto <= engine.FIELD["proto"].limit), proto, -1))
        for name, of in _FIELDS:
            numbers = field(of)
            put(name, numpy.where(numbers <= engine.FIELD[of].limit, numbers, -1))
        for name, of in (("icmp_type", "type"), ("icmp_code", "code")):
            numbers = field(of)
            put(name, numpy.where(icmp & (numbers <= engine.FIELD[of].limit), numbers, -1))
        for name in ("src_addr", "dst_addr"):
            at = engine.COLUMN[name]
            cells[columns[name] : columns[name] + 4] = value[at : at + 4, chosen]
        named = (seen & (proto <= engine.FIELD["proto"].limit)).astype("u1")
        put("named", named)
        flat = cells.reshape(-1)
        of_ports, answers = hashed()
        name_flows(
            headers.value, rows, headers.count, m, of_ports, answers, named, numpy.empty(SCRATCH, "u4"), flat,
            columns["community_id"],
        )  # fmt: skip
        return flat


def hashed() -> tuple[Any, Any]:
    """What `name_flows` asks of protocols and of ICMP types."""
    import numpy

    hashed = numpy.zeros(256, "u1")
    hashed[[*flows.PORTS, *flows.ANSWERS]] = 1
    answers = numpy.full(512, -1, "i4")
    for first, proto in ((0, flows.ICMP), (256, flows.ICMPV6)):
        for type, answer in flows.ANSWERS[proto].items():
            answers[first + type] = answer
    return hashed, answers
