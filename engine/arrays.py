"""Flat arrays of two makes: `array.array` and `bytes` for plain Python, numpy for compiled kernels.

Both index alike and hold the same integers, so one kernel source serves both. Small captures are answered
with the first and never wait for numpy to load; large ones are worth the wait. A kind is numpy's short name
of an integer type.
"""

import sys
from array import array
from collections.abc import Callable, Iterable
from sys import getrefcount
from typing import Any

# The two makes share indexing and len and no common type that would say so.
Array = Any

KINDS = {"u1": "B", "u4": "I", "i4": "i", "i8": "q"}  # numpy's name: array's typecode


def is_compiled(a: Array) -> bool:
    """Whether `a` belongs to compiled mode: whether it is a numpy array."""
    return hasattr(a, "dtype")


def zeros(kind: str, n: int, compiled: bool) -> Array:
    """`n` zeros."""
    if compiled:
        import numpy

        return numpy.zeros(n, kind)
    one = array(KINDS[kind], (0,))
    return one * n


def blank(kind: str, n: int, compiled: bool) -> Array:
    """`n` integers yet to be written, all of them; for numpy that is cheaper than zeros."""
    if compiled:
        import numpy

        return numpy.empty(n, kind)
    return zeros(kind, n, compiled)


MOST_SPARE = 4  # arrays of a kind


class Spare:
    """Arrays to be written in full, of which those that nobody looks at any more are used again: memory that was just
    in use is in the cache, and new memory has to be asked of the system a page at a time."""

    def __init__(self) -> None:
        self.kept: dict[tuple[object, int], list[tuple[Array, ...]]] = {}

    def blank(self, kind: str, n: int) -> Array:
        """As `blank` gives, for numpy."""
        return self._again((kind, n), lambda: (blank(kind, n, True),))[0]

    def cells(self, columns: int, rows: int) -> tuple[Array, ...]:
        """u4[columns*rows], at first all 0, and with it a note, i4[rows + 3], of what may be something else, for who
        fills it (see make_clean in engine.kernels.quick): few columns of a batch are filled, and most of it stays 0."""
        return self._again((columns, rows), lambda: (zeros("u4", columns * rows, True), zeros("i4", rows + 3, True)))

    def _again(self, key: tuple[object, int], make: Callable[[], tuple[Array, ...]]) -> tuple[Array, ...]:
        """Arrays of which nobody looks at the first any more, or new ones."""
        kept = self.kept.setdefault(key, [])
        for arrays in kept:
            if getrefcount(arrays[0]) == 2:  # the tuple, and the argument
                return arrays
        new = make()
        if len(kept) < MOST_SPARE:
            kept.append(new)
        return new


def as_array(values: Iterable[int], kind: str, compiled: bool) -> Array:
    """The same values in an array of that kind and make; what already is one is handed back."""
    if compiled:
        import numpy

        if isinstance(values, bytes | bytearray | memoryview):
            return numpy.frombuffer(values, "u1").astype(kind)  # a copy: those octets are read-only
        elif not isinstance(values, numpy.ndarray | array | list | tuple):
            values = list(values)
        return numpy.ascontiguousarray(numpy.asarray(values, kind))
    if isinstance(values, array) and values.typecode == KINDS[kind]:
        return values
    return array(KINDS[kind], values)


def of_octets(octets: Any, compiled: bool) -> Array:
    """Octets as kernels read them. Always read-only, so that a kernel has one signature."""
    if compiled:
        import numpy

        return numpy.frombuffer(memoryview(octets).toreadonly(), "u1")
    return octets if isinstance(octets, bytes) else memoryview(octets).toreadonly()


def octets_in(room: memoryview, compiled: bool) -> Array:
    """Memory as an array of octets to write to."""
    if compiled:
        import numpy

        return numpy.frombuffer(room, "u1")
    return room


def of_words(little_endian: bytes, compiled: bool) -> Array:
    """64-bit words from their little-endian octets, as an 'i8' array."""
    if compiled:
        import numpy

        return numpy.frombuffer(little_endian, "<i8").astype("i8")
    words = array("q")
    words.frombytes(little_endian)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def take(values: Array, rows: Array) -> Array:
    """values[row] for every row, in an array of the same kind and make."""
    if is_compiled(values):
        return values.take(rows)  # quicker than values[rows]
    return array(values.typecode, [values[row] for row in rows])


def first_rows(value: Array, count: int, rows: int) -> Array:
    """The first `count` of so many rows of every column of a numpy array, again without gaps."""
    return value.reshape(-1, rows)[:, :count].ravel()


def scattered(count: int, seed: int) -> Array:
    """So many numbers of 64 bits that look like chance (SplitMix64); numpy.random takes long to import."""
    import numpy

    x = (numpy.arange(1, count + 1, dtype="u8") + numpy.uint64(seed << 32)) * numpy.uint64(0x9E3779B97F4A7C15)
    x = (x ^ x >> numpy.uint64(30)) * numpy.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> numpy.uint64(27)) * numpy.uint64(0x94D049BB133111EB)
    return x ^ x >> numpy.uint64(31)


def distinct(values: Array) -> Array:
    """The different values of a numpy array, ascending."""
    import numpy

    return numpy.unique(values, return_index=True)[0]  # asked for nothing else, it would import numpy.ma


def join(parts: list[Array], kind: str, compiled: bool) -> Array:
    """The parts, one after the other."""
    if compiled:
        import numpy

        return numpy.concatenate([numpy.asarray(part, kind) for part in parts] or [numpy.zeros(0, kind)])
    whole = array(KINDS[kind])
    for part in parts:
        whole.extend(part)
    return whole
