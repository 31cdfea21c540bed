"""Verdicts as Parquet: columns of the engine as they are, names as dictionaries.

Addresses are 16 octets, those of IPv4 in the last four; what a packet does not show is null. Needs pyarrow and the
compiled mode of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
ALWAYS = {"file", "frame", "length", "status", "verdict"}  # never null
GROUP = 500_000  # rows written together


class Table:
    """A table while it is made; `write` gets its octets."""

    def __init__(self, prepared: Prepared, only: Only, write: Callable[[bytes], object]) -> None:
        import numpy
        import pyarrow

        import engine

        self.prepared, self.only = prepared, only
        self.sink = pyarrow.PythonFile(_Sink(write), mode="w")
        self.writer: Any = None
        self.waiting: list[Any] = []
        self.fixed = {"status": _texts(engine.STATUSES), "verdict": _texts(engine.VERDICTS)}
        self.files: dict[str, Any] = {}
        names = {(row.name, row.extension): None for row in prepared.rows}
        shown = (f"{name} ext {extension}" if extension else name for name, extension in names)
        self.fixed["filter"] = _texts(shown)
        place = {key: at for at, key in enumerate(names)}
        self.name_of = numpy.asarray([*(place[row.name, row.extension] for row in prepared.rows), -1], "i4")

    def add(self, frames: engine.Frames, outcome: Outcome, file: str) -> None:
        """Rows for the packets of a batch."""
        import numpy
        import pyarrow
        from pyarrow import parquet

        import engine
        from engine.kernels.columns import addresses, narrowed

        n, headers = frames.count, outcome.headers
        name = self.name_of.take(engine.deciders(outcome.judgement))  # the last stands for -1, no rule
        if file not in self.files:
            self.files[file] = _texts([file])
        columns = {
            "file": _named(numpy.zeros(n, "i1"), self.files[file]),
            "frame": pyarrow.array(numpy.arange(frames.number, frames.number + n)),
            "time": _nullable(pyarrow.timestamp("ns", "UTC"), frames.time, frames.time != engine.NO_TIME),
            "length": pyarrow.array(frames.length),
            "status": _named(headers.status.view("i1"), self.fixed["status"]),
            "verdict": _named(outcome.judgement.verdict.view("i1"), self.fixed["verdict"]),
            "filter": _named(name, self.fixed["filter"], name >= 0),
        }
        seen = headers.status <= engine.PARTIAL
        for address, short in (("src_addr", "src"), ("dst_addr", "dst")):
            words = numpy.empty(4 * n, "u4")
            addresses(headers.value, engine.COLUMN[address] * n, n, words)
            columns[short] = _nullable(pyarrow.binary(16), words, seen)
        for field, short, kind in COLUMNS:
            column, there = numpy.empty(n, kind), numpy.empty(n, "u1")
            limit = engine.FIELD[field].limit
            narrowed(headers.value, engine.COLUMN[field] * n, n, limit, headers.status, column, there)
            columns[short] = _nullable(pyarrow.from_numpy_dtype(kind), column, there)
        made = [pyarrow.field(name, column.type, name not in ALWAYS) for name, column in columns.items()]
        table = pyarrow.table(list(columns.values()), schema=pyarrow.schema(made))
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


def _texts(names: Iterable[str]) -> Any:
    import pyarrow

    return pyarrow.array(list(names), "string")


def _named(codes: Any, names: Any, there: Any = None) -> Any:
    """names[code], where it is there. The codes are there: nothing looks at them again."""
    import pyarrow

    indices = _nullable(pyarrow.from_numpy_dtype(codes.dtype), codes, there)
    return pyarrow.DictionaryArray.from_arrays(indices, names, safe=False)


def _nullable(kind: Any, values: Any, there: Any) -> Any:
    """The values as they lie in memory, null where they are not there."""
    import numpy
    import pyarrow

    shown = None if there is None else pyarrow.py_buffer(numpy.packbits(there, bitorder="little"))
    n = values.nbytes // (kind.bit_width // 8)
    return pyarrow.Array.from_buffers(kind, n, [shown, pyarrow.py_buffer(values)])


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
