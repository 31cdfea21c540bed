"""Verdicts as Parquet, a row group a batch: columns of the engine as they are, names as dictionaries.

Addresses are 16 octets, those of IPv4 in the last four; what a packet does not show is null. Needs pyarrow and the
compiled mode of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zsim.outputs import Only
from zsim.tcpip.traffic import Outcome, Prepared

if TYPE_CHECKING:
    import engine

#: Columns of Headers that stand in the table, their names there and their types.
COLUMNS = (
    ("version", "version", "uint8"), ("proto", "proto", "uint8"), ("src_port", "sport", "uint16"),
    ("dst_port", "dport", "uint16"), ("type", "icmp_type", "uint8"), ("code", "icmp_code", "uint8"),
    ("tcp_flags", "tcp_flags", "uint16"),
)  # fmt: skip


class Table:
    """A table while it is made; `write` gets its octets."""

    def __init__(self, prepared: Prepared, only: Only, write: Callable[[bytes], object]) -> None:
        import pyarrow

        self.prepared, self.only = prepared, only
        self.sink = pyarrow.PythonFile(_Sink(write), mode="w")
        self.writer: Any = None
        names = {(row.name, row.extension): None for row in prepared.rows}
        self.names = [f"{name} ext {extension}" if extension else name for name, extension in names]
        place = {key: at for at, key in enumerate(names)}
        self.name_of = [place[row.name, row.extension] for row in prepared.rows]

    def add(self, frames: engine.Frames, outcome: Outcome, file: str) -> None:
        """A row group for the packets of a batch."""
        import numpy
        import pyarrow
        from pyarrow import parquet

        import engine

        n = frames.count
        rule = numpy.full(n, -1, "i4")
        for leg in outcome.judgement.legs:
            rule[leg.packet] = leg.rule
        name = numpy.asarray([*self.name_of, -1], "i4")[rule]  # the last stands for -1, no rule
        status = numpy.asarray(outcome.headers.status)
        columns = {
            "file": _named(numpy.zeros(n, "i4"), [file]),
            "frame": pyarrow.array(numpy.arange(frames.number, frames.number + n)),
            "time": pyarrow.array(numpy.asarray(frames.time).view("M8[ns]"), pyarrow.timestamp("ns", "UTC")),
            "length": pyarrow.array(numpy.asarray(frames.length)),
            "status": _named(status, engine.STATUSES),
            "verdict": _named(numpy.asarray(outcome.judgement.verdict), engine.VERDICTS),
            "filter": _named(name, self.names, name < 0),
        }
        value = numpy.asarray(outcome.headers.value).reshape(-1, n)
        unseen = status > engine.PARTIAL
        for address, short in (("src_addr", "src"), ("dst_addr", "dst")):
            at = engine.COLUMN[address]
            octets = numpy.ascontiguousarray(value[at : at + 4].T.astype(">u4"))
            shown = pyarrow.py_buffer(numpy.packbits(~unseen, bitorder="little"))
            columns[short] = pyarrow.FixedSizeBinaryArray.from_buffers(
                pyarrow.binary(16), n, [shown, pyarrow.py_buffer(octets)]
            )
        for field, short, kind in COLUMNS:
            column = value[engine.COLUMN[field]]
            hidden = (column > engine.FIELD[field].limit) | unseen
            columns[short] = pyarrow.array(numpy.where(hidden, 0, column).astype(kind), mask=hidden)
        table = pyarrow.table(columns)
        rows = self.only.rows(self.prepared, outcome)
        if len(rows) < n:
            table = table.take(pyarrow.array(rows, "int64"))
        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.sink, table.schema, compression="snappy")
        self.writer.write_table(table)

    def close(self) -> None:
        """Write the end, without which it is no table."""
        if self.writer is not None:
            self.writer.close()
        self.sink.close()


def _named(codes: Any, names: Any, hidden: Any = None) -> Any:
    import pyarrow

    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(codes.astype("i4"), mask=hidden), pyarrow.array(list(names), "string")
    )


class _Sink:
    """A file for pyarrow, of a function that writes."""

    closed = False

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write_octets, self.at = write, 0

    def write(self, octets: Any) -> int:
        self.write_octets(bytes(octets))
        self.at += len(octets)
        return len(octets)

    def tell(self) -> int:
        return self.at

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
