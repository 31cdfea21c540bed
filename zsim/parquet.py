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


# How columns are written: those of few different values as numbers of these, those that grow as differences.
FEW = ["file", "status", "verdict", "filter", "src", "dst", "version", "proto", "icmp_type", "icmp_code"]
GROWING = dict.fromkeys(("frame", "time"), "DELTA_BINARY_PACKED")
GROUP = 200_000  # rows written together


class Table:
    """A table while it is made; `write` gets its octets."""

    def __init__(self, prepared: Prepared, only: Only, write: Callable[[bytes], object]) -> None:
        import numpy
        import pyarrow

        self.prepared, self.only = prepared, only
        self.sink = pyarrow.PythonFile(_Sink(write), mode="w")
        self.writer: Any = None
        self.waiting: list[Any] = []
        names = {(row.name, row.extension): None for row in prepared.rows}
        self.names = [f"{name} ext {extension}" if extension else name for name, extension in names]
        place = {key: at for at, key in enumerate(names)}
        self.name_of = numpy.asarray([*(place[row.name, row.extension] for row in prepared.rows), -1], "i4")

    def add(self, frames: engine.Frames, outcome: Outcome, file: str) -> None:
        """A row group for the packets of a batch."""
        import numpy
        import pyarrow
        from pyarrow import parquet

        import engine

        n = frames.count
        rule = engine.deciders(outcome.judgement)
        name = self.name_of[rule]  # the last stands for -1, no rule
        status, time = numpy.asarray(outcome.headers.status), numpy.asarray(frames.time)
        columns = {
            "file": _named(numpy.zeros(n, "i1"), [file]),
            "frame": pyarrow.array(numpy.arange(frames.number, frames.number + n)),
            "time": pyarrow.array(time.view("M8[ns]"), pyarrow.timestamp("ns", "UTC")),  # NO_TIME is numpy's, null
            "length": pyarrow.array(numpy.asarray(frames.length)),
            "status": _named(status.view("i1"), engine.STATUSES),
            "verdict": _named(numpy.asarray(outcome.judgement.verdict).view("i1"), engine.VERDICTS),
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
            self.writer = parquet.ParquetWriter(
                self.sink, table.schema, compression="lz4", use_dictionary=FEW, column_encoding=GROWING,
                write_statistics=["time"],
            )  # fmt: skip
        self.waiting.append(table)
        if sum(each.num_rows for each in self.waiting) >= GROUP:
            self._write()

    def _write(self) -> None:
        import pyarrow

        if self.waiting:
            self.writer.write_table(pyarrow.concat_tables(self.waiting))
            self.waiting.clear()

    def close(self) -> None:
        """Write the end, without which it is no table."""
        if self.writer is not None:
            self._write()
            self.writer.close()
        self.sink.close()


def _named(codes: Any, names: Any, hidden: Any = None) -> Any:
    import pyarrow

    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(codes, mask=hidden), pyarrow.array(list(names), "string")
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
