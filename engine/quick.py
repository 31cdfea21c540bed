"""A capture counted in machine code, but for the packets that need more.

`Quick` is for a capture of which only sums are wanted: packets and octets per rule, verdicts, times. Given to
`read_capture`, it settles all frames that are usual and about which nothing is to be said, and only the others are
handed out, in batches as always, for decode, orient, reassemble, judge and count. Both together are what these would
have found for all: frames are independent of each other but for fragments, which are never settled here, and
every sum is one of sums.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine.arrays import Array, as_array, blank, of_octets, zeros
from engine.capture import Frames
from engine.classify import Counters
from engine.fields import COLUMNS
from engine.judge import VERDICTS, RuleSet
from engine.vantage import Places, Vantage

MOST, STEP = 1 << 20, 1 << 25  # frames settled in one go, and octets, so that somebody hears how far it is
LISTED, OCTETS = 1 << 15, 1 << 23  # frames put aside until they are handed out together, and octets of them, at most
FEW = LISTED // 2, OCTETS // 2  # they wait while there are no more
_LATEST, _EARLIEST = 2**63 - 1, -(2**63)


class Total(NamedTuple):
    """What the packets settled so far add up to; first and last are None where there were none."""

    packets: int
    octets: int  # on the wire
    first: int | None  # ns
    last: int | None
    legs: int
    verdicts: dict[str, int]
    linktypes: dict[int, int]


class Quick:
    """The state of it: tables, scratch, and what was counted. Only one thread may use it at a time."""

    def __init__(self, rules: RuleSet, vantage: Vantage, rows: int, arrival: int | None = None) -> None:
        from engine.headers import columns_of, decoder, turning
        from engine.kernels.passes import SCRATCH
        from engine.kernels.quick import STRIDE, TOTALS
        from engine.kernels.usual import CHUNK
        from engine.products import Program

        assert isinstance(rules.table.body, Program)
        assert isinstance(vantage.src, Places)
        assert isinstance(vantage.dst, Places)
        self._held = zeros("i8", 2, True)
        self._listed = tuple(blank(kind, LISTED, True) for kind in ("i8", "u4", "u4", "i8", "i4"))
        self._copies = blank("u1", OCTETS, True)
        frames = tuple(blank(kind, CHUNK, True) for kind in ("i8", "u4", "u4", "i8", "i4"))
        places, body = (tuple(vantage.src), tuple(vantage.dst)), rules.table.body
        way = (vantage.width.bit_length() - 1, -1 if arrival is None else arrival)
        program = (body.steps, body.narrow, body.arena, zeros("u4", SCRATCH, True))
        columns = columns_of(rules.table.fields)
        flags = (as_array(bytes(flag) + none, "u1", True) for flag, none in ((rules.deny, b"\1"), (rules.log, b"\0")))
        judging = (*flags, columns)
        self._sums = zeros("i8", 4 * (rows + 1), True)
        self._total, self._linktypes = zeros("i8", TOTALS, True), zeros("i8", 1 << 16, True)
        self._kinds = zeros("i8", 0, True)  # of them those that a range had
        self.forget()
        counted = (self._sums, self._total, self._linktypes)
        kinds = ("u1", "u1", "u1", "i4", "i4", "i4", "i4", "i4")  # see kernels.quick: status, hook, mark, rule, ...
        scratch = (
            *(zeros("u4", COLUMNS * STRIDE, True) for _ in range(2)),
            *(zeros(kind, CHUNK, True) for kind in kinds),
            turning(),
        )
        self._tables = (
            frames, decoder(rules.table.fields), places, way, vantage.zones, program, judging, counted, scratch,
            (*self._listed, self._copies, self._held),
        )  # fmt: skip
        self.given = rules, vantage, rows, arrival
        self.submit: Callable[..., Any] | None = None  # how to call a function in another thread; see `share`
        self.helpers: tuple[Quick, ...] = ()
        self.reached = 0  # in the block being read
        self.settled = 0  # packets
        self.last: int | None = None  # ns; of the last frame of the batch handed out, where it may be settled
        self.patient = True  # whether frames may wait until there are more of them

    @staticmethod
    def can(rules: RuleSet, vantage: Vantage) -> bool:
        """Whether the tables are of the kind this reads."""
        from engine.kernels.quick import INTERFACE
        from engine.products import Program

        table = rules.table
        places = isinstance(vantage.src, Places) and isinstance(vantage.dst, Places) and len(vantage.zones) < INTERFACE
        return places and isinstance(table.body, Program) and table.before is None

    def share(self, submit: Callable[..., Any], threads: int) -> None:
        """Let ranges of large captures be settled by so many threads; submit(function, ...) gives a future."""
        self.submit, self.helpers = submit, tuple(Quick(*self.given) for _ in range(threads + 1))

    @property
    def waiting(self) -> int:
        """How many frames are put aside."""
        return int(self._held[0])

    def settle_range(self, data: Array, at: int, stop: int, way: tuple[int, ...]) -> tuple[int, int]:
        """Settle the records of a pcap that begin from byte `at` on, before `stop`, and nothing else: how many they
        were, and where reading stopped."""
        from engine.kernels.quick import play_pcap

        self.forget()
        count, reached, _ = play_pcap(data, at, stop, *way, 1 << 62, *self._tables)
        self._kinds = self._linktypes.nonzero()[0]  # here, where they are in the cache
        return count, reached

    def absorb(self, helper: "Quick", count: int, stream: Any) -> Iterator[Frames]:
        """Add what a helper has counted of so many frames, and put aside what it has; what there is no room for is
        handed out."""
        from numpy import maximum, minimum

        from engine.kernels.quick import FIRST, LAST

        for mine, its, low, high in (
            (self._sums.reshape(-1, 4).T, helper._sums.reshape(-1, 4).T, 2, 3),
            (self._total, helper._total, FIRST, LAST),
        ):
            kept = mine[low].copy(), mine[high].copy()
            mine += its
            mine[low], mine[high] = minimum(kept[0], its[low]), maximum(kept[1], its[high])
        self._linktypes[helper._kinds] += helper._linktypes[helper._kinds]
        m, octets = helper._held.tolist()
        if self.waiting + m > LISTED or self._held[1] + octets > OCTETS:
            yield self.take(stream)
        self.settled += count - m
        begun, at = self._held.tolist()
        for column, its in zip(self._listed, helper._listed, strict=True):
            column[begun : begun + m] = its[:m]
        self._listed[0][begun : begun + m] += at
        self._copies[at : at + octets] = helper._copies[:octets]
        self._held += helper._held
        self.reached = stream.base + stream.at
        stream.count += count

    def forget(self) -> None:
        """Begin anew with another range."""
        from engine.kernels.quick import FIRST, LAST

        self._sums[:] = self._total[:] = self._held[:] = 0
        self._linktypes[self._kinds] = 0
        self._sums[2::4] = self._total[FIRST] = _LATEST
        self._sums[3::4] = self._total[LAST] = _EARLIEST

    def take(self, stream: Any) -> Frames:
        """The frames put aside, which are then forgotten. A batch costs what it costs, however few are in it: so they
        wait for each other."""
        count, octets = self._held.tolist()
        self._held[:] = 0
        start, captured, length, time, linktype = (column[:count].copy() for column in self._listed)
        data = of_octets(self._copies[:octets].copy(), True)
        return Frames(data, start, captured, length, time, linktype, stream.count + 1, count)

    def nothing(self, stream: Any) -> Frames:
        """No frames, of the block being read: somebody may want to know how far that is."""
        start, captured, length, time, linktype = (column[:0] for column in self._listed)
        return Frames(stream.data, start, captured, length, time, linktype, stream.count + 1, 0)

    def some(self, stream: Any) -> Iterator[Frames]:
        """What is to be handed out by now."""
        yield self.nothing(stream)
        if self.waiting > FEW[0] or self._held[1] > FEW[1] or not self.patient:
            yield self.take(stream)

    def flush(self, stream: Any) -> Iterator[Frames]:
        """Hand out what was put aside."""
        if self.waiting:
            yield self.take(stream)

    def batch(self) -> "_Rest":
        """What is to be filled next, for `read_capture`."""
        return _Rest(self)

    @property
    def counters(self) -> Counters:
        """What each rule matched."""
        return Counters(*(self._sums[word::4] for word in range(4)))

    def total(self) -> Total:
        from engine.kernels.quick import FIRST, LAST, LEGS, OCTETS, PACKETS
        from engine.kernels.quick import VERDICTS as FROM

        total = self._total.tolist()
        packets, some = total[PACKETS], total[PACKETS] > 0
        verdicts = dict(zip(VERDICTS, total[FROM:], strict=True))
        kinds = self._linktypes.nonzero()[0].tolist()
        return Total(
            packets, total[OCTETS], total[FIRST] if some else None, total[LAST] if some else None, total[LEGS],
            verdicts, {kind: int(self._linktypes[kind]) for kind in kinds},
        )  # fmt: skip


class _Rest:
    """A batch of frames, as capture._Batch is one, in which only those stand that need more."""

    def __init__(self, quick: Quick) -> None:
        self.quick, self.count, self.before = quick, 0, quick.waiting

    def pcap(self, stream: Any, *way: int) -> tuple[int, int]:
        from engine.kernels.quick import play_pcap

        stop = min(len(stream.data), stream.at + STEP)
        count, at, why = play_pcap(stream.data, stream.at, stop, *way, MOST - self.count, *self.quick._tables)
        self.count += count
        return at, why

    def pcapng(self, stream: Any, *way: Any) -> tuple[int, int]:
        from engine.kernels.quick import play_pcapng

        count, at, why, last = play_pcapng(stream.data, stream.at, *way, MOST - self.count, *self.quick._tables)
        self.count += count
        if count:
            self.quick.last = last
        return at, why

    def frames(self, stream: Any) -> Iterator[Frames]:
        quick = self.quick
        if self.count:
            stream.count += self.count
            quick.settled += self.count - (quick.waiting - self.before)
            quick.reached = stream.base + stream.at
        yield from quick.some(stream)
