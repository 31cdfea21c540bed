"""Columns and a template -> text, at speed: log records, CSV, JSON Lines.

    template = Template(("port ", Number("port", ("none",)), " of ", Address("version", "src_addr"), "\\n"))
    columns = Columns.of(template, {"port": [21, -1], "version": [4, 4], "src_addr": [0x0A010002, 1]}, compiled=True)
    octets, ends = write(template, columns)          b"port 21 of 10.1.0.2\\nport none of 0.0.0.1\\n", [20, 41]

A template is a row of parts; a part is text that is the same in every row, or reads a column. Texts are UTF-8.
Neighbours that read nothing, or the same column of texts, are made one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from engine.arrays import Array, as_array, blank, is_compiled, octets_in, zeros
from engine.kernels.ahead import CHUNK

DIRECTIVES = "YmdebHMS"
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
ADDRESS, HASH = 4, 5  # words


class Choice(NamedTuple):
    """texts[value of the column]."""

    column: str
    texts: tuple[bytes, ...]


class Number(NamedTuple):
    """Decimal digits, at least `wide`; a value below 0 is a word: -1 the first of `words`, -2 the second."""

    column: str
    words: tuple[str, ...] = ()
    wide: int = 0


class Address(NamedTuple):
    """An address in 1 or 4 words, with the column of its IP version; IPv6 as RFC 5952 section 4 writes it. Nothing
    where the version is neither 4 nor 6."""

    version: str
    column: str


class Base64(NamedTuple):
    """The letters (RFC 4648 section 4) of HASH words, the most significant first, of 32 bits. Nothing where the column
    `there` is 0."""

    there: str
    column: str


class Stamp(NamedTuple):
    """A time in ns since 1970, by directives of strftime: %Y %m %d %e %b %H %M %S. `local`: in the zone that is given
    to `write`. Times before 1970 count as its beginning."""

    column: str
    form: str
    local: bool = False


class Fraction(NamedTuple):
    """The first `digits` digits of the part of a time (ns) behind its second, cut off, not rounded."""

    column: str
    digits: int


Part = bytes | str | Choice | Number | Address | Base64 | Stamp | Fraction

# Folding a constant into the texts beside it saves a part and costs memory: not for large tables.
MOST_FOLDED = 4096


class Template:
    """Parts, as the kernel reads them. `columns`: the names it reads, addresses with four words each, and what becomes
    Base64 with five. One thread at a time can write with a template."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = _folded(parts)
        self.columns: dict[str, int] = {}  # name: first column
        self._wide: dict[str, int] = {}  # name: how many
        self._size = 0
        # What the kernel makes stamps, addresses and names of, at the beginning of the pool; see POOL_MONTHS and what
        # follows it.
        self.texts = [MONTHS.encode().ljust(48), *(b"%02d" % n for n in range(100))]
        self.texts += [*((b"%d." % n).ljust(4) for n in range(256)), LETTERS.encode()]
        self.ops: list[int] = []
        self.stride = 0
        for part in self.parts:
            self._add(part)
        self.stride += 2 * CHUNK - self.stride % CHUNK  # what is copied in chunks runs over the end
        self._made: dict[bool, tuple[Array, Array, Array]] = {}
        self._memory: dict[bool, tuple[Array, ...]] = {}

    def _column(self, name: str, words: int = 1) -> int:
        if self._wide.setdefault(name, words) != words:
            raise ValueError(f"column {name} is read in {words} and in {self._wide[name]} words")
        if name not in self.columns:
            self.columns[name] = self._size
            self._size += words
        return self.columns[name]

    @property
    def words(self) -> int:
        """Columns of all."""
        return self._size

    def _text(self, *texts: bytes) -> int:
        self.texts += texts
        return len(self.texts) - len(texts)

    def _add(self, part: Part) -> None:
        from engine.kernels import text as kernels

        match part:
            case bytes():
                op, room = (kernels.TEXT, 0, self._text(part), 0), len(part)
            case Choice(column, texts):
                op = (kernels.CHOICE, self._column(column), self._text(*texts), 0)
                room = max(map(len, texts), default=0)
            case Number(column, words, wide):
                encoded = [word.encode() for word in words]
                op = (kernels.NUMBER, self._column(column), self._text(*encoded), wide)
                room = max(20, wide, *map(len, encoded))
            case Address(version, column):
                op, room = (kernels.ADDRESS, self._column(version), self._column(column, ADDRESS), 0), 40
            case Base64(there, column):
                op, room = (kernels.BASE64, self._column(there), self._column(column, HASH), 0), 4 * 7
            case Stamp(column, form, local):
                op = (kernels.STAMP, self._column(column), self._text(form.encode()), int(local))
                room = kernels.STAMP_ROOM
                if 2 * len(form.encode()) > room:  # no directive makes more of itself than twice its length
                    raise ValueError(f"{form!r} is too long for a stamp")
                if unknown := set(re.findall("%(.?)", form)) - set(DIRECTIVES):
                    raise ValueError(f"{form!r} has %{unknown.pop()}; a stamp knows %{' %'.join(DIRECTIVES)}")
            case Fraction(column, digits):
                if not 0 <= digits <= 9:
                    raise ValueError(f"a second has 9 digits, not {digits}")
                op, room = (kernels.FRACTION, self._column(column), 0, digits), 9
            case _:
                raise TypeError(f"{part!r} is no part of a template")
        self.ops += op
        self.stride += room

    def arrays(self, compiled: bool) -> tuple[Array, Array, Array]:
        """Ops, pool and starts for the kernel."""
        if compiled not in self._made:
            starts = [0]
            for each in self.texts:
                starts.append(starts[-1] + len(each))
            pool = b"".join(self.texts) + bytes(CHUNK)
            self._made[compiled] = (
                as_array(self.ops, "i4", compiled), as_array(pool, "u1", compiled), as_array(starts, "i8", compiled),
            )  # fmt: skip
        return self._made[compiled]

    def room(self, rows: int) -> int:
        """Octets that so many rows can take, and what the kernel needs behind them."""
        return rows * self.stride + CHUNK

    def memory(self, rows: int, compiled: bool, own: bool) -> tuple[Array, ...]:
        """Scratch and results of the kernel, with octets to write to only if they are its `own`: what is had once costs
        no page faults the next time."""
        from engine.kernels.text import BLOCK, STAMP_ROOM

        if compiled not in self._memory or len(self._memory[compiled][3]) < rows:
            self._memory[compiled] = (
                zeros("u1", BLOCK * self.stride + CHUNK, compiled), zeros("i8", BLOCK, compiled),
                zeros("u1", STAMP_ROOM + CHUNK, compiled), blank("i8", rows, compiled), blank("u1", 0, compiled),
            )  # fmt: skip
        if own and len(self._memory[compiled][-1]) < self.room(rows):
            self._memory[compiled] = (*self._memory[compiled][:-1], blank("u1", self.room(rows), compiled))
        return self._memory[compiled]


def _folded(parts: Iterable[Part]) -> list[Part]:
    """Texts that stand together made one; a text goes into the choice beside it where that has few."""
    found: list[Part] = []
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        before = found[-1] if found else None
        joined = _joined(before, part)
        if joined is None:
            found.append(part)
        else:
            found[-1] = joined
    return found


def _joined(one: Part | None, two: Part) -> Part | None:
    match one, two:
        case bytes(), bytes():
            return one + two
        case bytes(), Choice(column, texts) if len(texts) <= MOST_FOLDED:
            return Choice(column, tuple(one + text for text in texts))
        case Choice(column, texts), bytes() if len(texts) <= MOST_FOLDED:
            return Choice(column, tuple(text + two for text in texts))
        case Choice(column, texts), Choice(other, more) if column == other:
            return Choice(column, tuple(a + b for a, b in zip(texts, more, strict=True)))
    return None


class Columns(NamedTuple):
    """n rows of the columns of a template: column c of row i is cells[c * n + i]."""

    cells: Array  # i8[words * n]
    count: int  # type: ignore[assignment]  # hides tuple.count

    @classmethod
    def of(cls, template: Template, values: Mapping[str, Sequence[int]], compiled: bool = False) -> "Columns":
        """From a sequence per column; what has several words is one number. Raises ValueError for choices there are
        not."""
        n = len(next(iter(values.values()), ()))
        cells = [0] * (template.words * n)
        wide = {part.column: ADDRESS for part in template.parts if isinstance(part, Address)}
        wide |= {part.column: HASH for part in template.parts if isinstance(part, Base64)}
        for name, first in template.columns.items():
            if name not in wide:
                cells[first * n : (first + 1) * n] = values[name]
                continue
            for word in range(wide[name]):
                at, shift = (first + word) * n, 32 * (wide[name] - 1 - word)
                cells[at : at + n] = [value >> shift & 0xFFFFFFFF for value in values[name]]
        made = cls(as_array(cells, "i8", compiled), n)
        check(template, made)
        return made


def check(template: Template, columns: Columns) -> None:
    """Raises ValueError where a column names a text or a word that its part does not have."""
    n = columns.count
    for part in template.parts:
        if not n or not isinstance(part, Choice | Number):
            continue
        first = template.columns[part.column] * n
        values = columns.cells[first : first + n]
        low, high = int(min(values.tolist())), int(max(values.tolist()))
        least, most = (0, len(part.texts) - 1) if isinstance(part, Choice) else (-len(part.words), 2**63 - 1)
        if low < least or high > most:
            raise ValueError(f"column {part.column} has {low}..{high}, its part {least}..{most}")


def write(
    template: Template, columns: Columns, offset: int = 0, begin: int = 0, end: int | None = None,
    into: memoryview | None = None,
) -> tuple[memoryview, Array]:  # fmt: skip
    """The rows (those from `begin` to `end`) as octets, and where each ends (i8). `offset`: seconds east of UTC, for
    stamps that are local.

    The octets stand at the beginning of `into`, which has `Template.room` for them. Without it they lie in memory of
    the template and last until its next use, as the other result does. Choices must be there (`check`): the kernel does
    not look.
    """
    from engine.kernels.text import render

    compiled, n = is_compiled(columns.cells), columns.count
    end = n if end is None else end
    ops, pool, starts = template.arrays(compiled)
    slots, cursor, stamp, ends, out = template.memory(end - begin, compiled, into is None)
    total = render(
        columns.cells, n, begin, end, ops, len(template.parts), pool, starts, offset, slots, cursor, stamp,
        template.stride, out if into is None else octets_in(into, compiled), ends,
    )  # fmt: skip
    return memoryview(out if into is None else into)[:total], ends[: end - begin]


def runs(template: Template, columns: Columns, name: str, width: int, shift: int = 0) -> list[tuple[int, int]]:
    """The rows in runs (first, the one behind it) during which (value of the column + shift) // width stays."""
    from engine.kernels.text import run_of

    at, n = template.columns[name] * columns.count, columns.count
    edges = [0]
    while edges[-1] < n:
        edges.append(int(run_of(columns.cells, at, edges[-1], n, shift, width)))
    return list(pairwise(edges))
