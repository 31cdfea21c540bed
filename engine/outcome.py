"""What became of the packets of a batch, put together from its legs, in columns; and as a pcapng with comments.

Compiled mode only, but for `originals`: in the plain one packets are looked at one by one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.arrays import Array, as_array, blank, is_compiled, of_octets, zeros
from engine.capture import Frames
from engine.headers import Headers
from engine.judge import Judgement
from engine.kernels.outcome import NO_LEG, VERDICT_BITS
from engine.sums import leading
from engine.vantage import Journey


class Decided(NamedTuple):
    """Of n packets: what the last rule asked about each made of it, and where that was."""

    rule: Array  # i4[n]  that decided, a block before the others; or -1
    interface: Array  # i4[n]  or -1
    direction: Array  # u1[n]  0 in, 1 out; NO_LEG where no rule was asked
    routed: Array  # u1[n]


def deciders(judgement: Judgement) -> Array:
    """i4[n]: the last rule asked about each packet of a batch, as in Decided."""
    from engine.kernels.outcome import deciders as note

    who = _all("i4", len(judgement.verdict), -1)
    for leg in judgement.legs:
        note(leg.packet, leg.rule, leg.block, leg.count, who)
    return who


def decided(journey: Journey, judgement: Judgement) -> Decided:
    """What was decided about each packet of a batch."""
    from engine.kernels.outcome import crossed

    n = len(judgement.verdict)
    where, way, routed = _all("i4", n, -1), _all("u1", n, NO_LEG), zeros("u1", n, True)
    for leg in judgement.legs:
        crossed(leg.packet, leg.interface, journey.hook, leg.count, leg.direction, where, way, routed)
    return Decided(deciders(judgement), where, way, routed)


def keys_of(headers: Headers, journey: Journey, judgement: Judgement, rules: int) -> Array:
    """i8[n]: all that was decided about each packet of a batch, on every leg, by rules numbered below `rules`; see
    `legs_of`."""
    from engine.kernels.outcome import add_keys, undecided

    key = zeros("i8", headers.count, True)
    for leg, by in zip(judgement.legs, (1, _scale(rules)), strict=True):
        add_keys(leg.packet, leg.rule, leg.block, leg.verdict, journey.hook, leg.count, by, key)
    undecided(headers.status, judgement.verdict, headers.count, key)
    return key


def _all(kind: str, n: int, value: int) -> Array:
    """n times that value."""
    import numpy

    return numpy.full(n, value, kind)


def _scale(rules: int) -> int:
    return (rules + 1) * VERDICT_BITS + 1


def legs_of(key: int, rules: int) -> list[tuple[int, int, int, int]]:
    """(direction, rule, verdict, routed) of every leg that a key that is not negative stands for."""
    found, scale = [], _scale(rules)
    for direction, code in enumerate((key % scale, key // scale)):
        if code:
            rule, rest = divmod(code - 1, VERDICT_BITS)
            found.append((direction, rule - 1, rest // 2, rest % 2))
    return found


def every_row(n: int) -> Array:
    """i4[n]: all rows of a batch."""
    import numpy

    return numpy.arange(n, dtype="i4")


def rows_with(codes: Array, wanted: int) -> Array:
    """i4: the rows with that code (u1[n])."""
    from engine.kernels.count import rows_of

    rows = blank("i4", len(codes), True)
    return rows[: rows_of(codes, wanted, len(codes), rows)]


def rows_decided(rule: Array, flags: bytes) -> Array:
    """i4: the rows whose rule (i4[n], or -1) is flagged."""
    from engine.kernels.journey import list_flagged

    rows = blank("i4", len(rule), True)
    return rows[: list_flagged(rule, as_array(flags, "u1", True), len(rule), rows)]


def kinds(codes: Array) -> list[int]:
    """The different codes (i4[n]), in the order they come."""
    alike = leading(codes)  # nearly always all of them
    return list(dict.fromkeys([*codes[:1].tolist(), *codes[alike:].tolist()]))


def translated(codes: Array, table: dict[int, int]) -> Array:
    """i4[n]: what the table has for each code (i4[n]); 0 for what is not in it."""
    found = zeros("i4", len(codes), True)
    for code, to in table.items():
        found[codes == code] = to
    return found


def status_of(key: int) -> tuple[int, int]:
    """(status, verdict) of a packet without a leg, whose key is negative."""
    return divmod(-1 - key, 8)


class Originals(NamedTuple):
    """What the packet blocks of a pcapng say of n frames besides: the interface of each, and its options."""

    interface: Array  # i4[n]  number in the section
    begin: Array  # i8[n]  offset of the options in the data of the frames
    octets: Array  # i4[n]  of options
    most: int  # octets of one


def originals(frames: Frames) -> Originals:
    """The same of a batch whose section is known, in either mode."""
    from engine.kernels.outcome import find_options

    n, compiled = frames.count, is_compiled(frames.data)
    made = blank("i4", n, compiled), blank("i8", n, compiled), blank("i4", n, compiled)
    big = int(frames.section is not None and frames.section.order == ">")
    most = find_options(frames.data, frames.start, frames.captured, frames.time, n, big, *made)
    return Originals(*made, int(most))


@dataclass
class Numbers:
    """Numbers for different keys, from 0, in the order they come."""

    slots: int = 0
    known: int = 0
    table: tuple[Array, Array] = ((), ())

    def of(self, key: Array) -> tuple[Array, list[int]]:
        """i4[n]: the number of each key; and the keys that are new."""
        from engine.kernels.outcome import number_keys

        n = len(key)
        if self.slots < 2 * (self.known + n):
            self._grow(2 * (self.known + n))
        code, fresh = blank("i4", n, True), blank("i8", n, True)
        new = number_keys(key, n, self.slots, *self.table, self.known, code, fresh)
        self.known += new
        return code, fresh[:new].tolist()

    def _grow(self, least: int) -> None:
        from engine.kernels.outcome import number_keys

        keys, codes = self.table
        there = [int(key) for _, key in sorted((c, k) for c, k in zip(codes, keys, strict=True) if c >= 0)]
        self.slots = 1 << (2 * least).bit_length()
        self.table = zeros("i8", self.slots, True), zeros("i4", self.slots, True) - 1
        count = len(there)
        number_keys(as_array(there, "i8", True), count, self.slots, *self.table, 0, *_scratch(count))


def _scratch(n: int) -> tuple[Array, Array]:
    return blank("i4", n, True), blank("i8", n, True)


TOGETHER = 1 << 20  # octets of blocks that are written at a time: they stay in the cache, and are few calls


@dataclass
class Comments:
    """Blocks of a pcapng with a comment from a few texts on each packet. `say` gives the text of a key."""

    say: Callable[[int], str]
    numbers: Numbers = field(default_factory=Numbers)
    texts: list[bytes] = field(default_factory=list)
    text: Array = ()
    begin: Array = ()
    most: int = 0
    out: Array = ()

    def blocks(self, frames: Frames, key: Array, rows: Array, interface: Array) -> Iterator[Any]:
        """The blocks of the listed rows, some at a time, in a buffer that is used again. interface  i4[n]"""
        import numpy

        from engine.kernels.outcome import annotate

        code, new = self.numbers.of(key)
        if new or not len(self.begin):
            self._learn(new)
        i, m = 0, len(rows)
        least = 9 + (int(frames.captured.max(initial=0)) + self.most) // 4 + 1  # words for any of them
        if len(self.out) < max(least, TOGETHER // 4):
            self.out = numpy.empty(max(least, TOGETHER // 4), "<u4")
        octets = self.out.view(numpy.uint8)
        while i < m:
            i, wrote = annotate(
                frames.data, frames.start, frames.captured, frames.length, frames.time, interface, rows, i, m, code,
                self.text, self.begin, self.out, octets,
            )  # fmt: skip
            yield memoryview(octets)[:wrote]

    def _learn(self, keys: list[int]) -> None:
        from engine import pcapng

        self.texts += [pcapng.comments([self.say(key)]) for key in keys]
        ends = [0]
        for each in self.texts:
            ends.append(ends[-1] + len(each) // 4)
        self.text = of_octets(b"".join(self.texts), True)
        self.begin = as_array(ends, "i8", True)
        self.most = max(map(len, self.texts), default=0)
