"""Headers + MatchTable -> the first rule that matches, per packet; and the counters of rules."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from engine.arrays import Array, as_array, blank, is_compiled, zeros
from engine.compile import BitRows, Listing, MatchTable
from engine.fields import COLUMN, COLUMNS, FIELD
from engine.headers import Headers
from engine.index import Index, look_through

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

BLOCK = 8192  # packets whose bit rows are looked up before they are met: both stay in a near cache
SHARED = 4096  # packets a thread gets at least


def classify(
    headers: Headers, table: MatchTable, rule: Array | None = None, threads: int = 1, cache: FlowCache | None = None
) -> Array:
    """i4[n]: the number of the first rule that matches, or -1; -1 for what cannot be judged.

    The result is `rule` where that is given: then nothing is allocated but what a thread makes once. In compiled mode
    no Python runs meanwhile, and `threads` of them share the packets; the answer is the same for any number, and with a
    `cache` of this table (for one thread) or without.
    """
    if headers.compiled != table.compiled:
        raise ValueError("headers and match table are of different modes: one of them is compiled")
    n = headers.count
    if rule is None:
        rule = blank("i4", n, table.compiled)
    if cache is not None:
        if cache.table is not table:
            raise ValueError("the flow cache is of another table")
        for p in range(0, n, BLOCK):
            _cached(headers, cache, rule, p, min(p + BLOCK, n))
        return rule
    threads = min(threads, n // SHARED) if table.compiled else 1
    if threads <= 1:
        _part(headers, table, rule, 0, n)
        return rule
    share = -(-n // (threads * 1024)) * 1024  # whole blocks of the programs
    pool = _pool(threads - 1)  # this thread takes the first part itself: those that wake find a core idle
    work = [pool.submit(_part, headers, table, rule, p, min(p + share, n)) for p in range(share, n, share)]
    _part(headers, table, rule, 0, share)
    for one in work:
        one.result()
    return rule


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads, "classify")


class FlowCache:
    """What a table answered to packets, by all that its rules test: for one thread, in compiled mode.

    It pays where a table is slow, and packets ask again what others asked; where they do not, it steps aside. A row
    remembers one flow. What a packet is answered is the same with it and without.
    """

    def __init__(self, table: MatchTable, rows: int = 1 << 15) -> None:
        from engine.kernels.cache import FREE, MIXED

        fields = dict.fromkeys((*table.fields, *(table.before.fields if table.before else ())))
        words = [
            (COLUMN[name] + word, word < FIELD[name].words - 1) for name in fields for word in range(FIELD[name].words)
        ]
        self.table = table
        self.columns = {  # whether addresses are wide: those to be told apart; the others are 0
            wide: as_array([column for column, upper in words if wide or not upper], "i8", True)
            for wide in (False, True)
        }
        self.known = {
            wide: (zeros("u4", rows * len(of), True), as_array([FREE] * rows, "i4", True))
            for wide, of in self.columns.items()
        }
        self.mix, self.aside, self.patience = zeros("u4", MIXED, True), 0, 1


def _cached(headers: Headers, cache: FlowCache, rule: Array, begin: int, end: int) -> None:
    """rule[p] for begin <= p < end: those remembered, and the others asked. After a block with many others the cache
    steps aside for as many blocks as it was of no use before."""
    from engine.kernels.cache import gather_tested, recall, remember

    if cache.aside:
        cache.aside -= 1
        _part(headers, cache.table, rule, begin, end)
        return
    n, (key, held), columns = headers.count, cache.known[headers.wide], cache.columns[headers.wide]
    row, miss = _own("row", "u4", BLOCK, True), _own("miss", "i4", BLOCK + 1, True)
    m = recall(headers.value, headers.status, n, begin, end, columns, key, held, cache.mix, row, rule, miss)
    if m:
        few, answer = _own("few", "u4", COLUMNS * BLOCK, True), _own("answer", "i4", BLOCK, True)
        gather_tested(headers.value, n, begin, columns, miss, m, few)
        _part(Headers(few, _own("whole", "u1", BLOCK, True), m, headers.wide), cache.table, answer, 0, m)
        remember(few, columns, miss, m, row, answer, begin, key, held, rule)
    cache.patience = min(2 * cache.patience, 64) if 2 * m > end - begin else 1
    cache.aside = cache.patience if cache.patience > 1 else 0


def _part(headers: Headers, table: MatchTable, rule: Array, begin: int, end: int) -> None:
    """rule[p] for begin <= p < end."""
    from engine.kernels.classify import prefer, search_list

    n, body = headers.count, table.body
    if isinstance(body, BitRows):
        block = BLOCK if table.compiled else n
        for p in range(begin, end, max(block, 1)):
            _of_bits(headers, body, table.number, rule, p, min(p + block, end))
    elif isinstance(body, Index):
        look_through(body, headers.value, headers.status, n, begin, end, table.number, rule)
    elif isinstance(body, Listing):
        search_list(headers.value, headers.status, n, begin, end, body.begin, body.test, table.number, rule)
    else:
        from engine.kernels.passes import SCRATCH, run

        steps = body.steps if headers.wide else body.narrow
        registers = _own("registers", "u4", SCRATCH, True)
        run(headers.value, headers.status, n, begin, end, steps, body.arena, registers, rule)
    if table.before is not None:
        first = _own("first", "i4", n, table.compiled)
        _part(headers, table.before, first, begin, end)
        prefer(first, begin, end, rule)


_kept = threading.local()


def _own(name: str, kind: str, n: int, compiled: bool) -> Array:
    """An array of at least n integers that this thread keeps: what it has once, no call need make."""
    if not compiled:
        return zeros(kind, n, False)
    found = getattr(_kept, name, None)
    if found is None or len(found) < n:
        found = zeros(kind, n, True)
        setattr(_kept, name, found)
    return found


def _of_bits(headers: Headers, body: BitRows, number: Array, rule: Array, begin: int, end: int) -> None:
    from engine.kernels.classify import first_match, look_up, search, search_long

    n, value, fields, m = headers.count, headers.value, len(body.lookups), end - begin
    rows = _own("rows", "i4", fields * m, headers.compiled)
    for i, (_, column, edge, edges, long, begins) in enumerate(body.lookups):
        if edge is None:
            look_up(value, column * n + begin, m, begins, rows, i * m)
            continue
        last = column + (0 if long is None else 3)  # word of an address: enough for those of IPv4
        search(value, last * n + begin, m, edge, edges, begins, rows, i * m)
        if long is not None:
            search_long(value, column * n + begin, n, m, long, edges, begins, rows, i * m)
    whole = begin == 0 and end == n  # an array.array would be copied, and is never cut
    status, found = (headers.status, rule) if whole else (headers.status[begin:end], rule[begin:end])
    first_match(body.bits, rows, fields, body.summaries, number, status, m, found)


class Counters(NamedTuple):
    """What each rule matched, by rule number; one more slot, the last, counts packets without a rule.

    first and last say nothing (they are 0) where packets is 0.
    """

    packets: Array  # i8[rules + 1]
    octets: Array  # i8[rules + 1]  as on the wire
    first: Array  # i8[rules + 1]  time of the earliest packet, in ns
    last: Array  # i8[rules + 1]  time of the latest
    batch: Array | None = None  # i8[4*(rules + 1)]  of one batch while it is counted, else zeros

    @classmethod
    def of(cls, rules: int, compiled: bool = False) -> Counters:
        """Counters at nought for rules numbered 0 to rules - 1."""
        packets, octets, first, last = (zeros("i8", rules + 1, compiled) for _ in range(4))
        return cls(packets, octets, first, last, zeros("i8", 4 * (rules + 1), True) if compiled else None)

    def plus(self, other: Counters) -> Counters:
        """Both together, as plain arrays."""
        mine, its = self.to_rows(), other.to_rows()
        if len(mine) != len(its):
            raise ValueError(f"counters of {len(mine) - 1} and of {len(its) - 1} rules do not add up")
        rows = [_sum(a, b) for a, b in zip(mine, its, strict=True)]
        return Counters(*(as_array([row[i] for row in rows], "i8", False) for i in range(4)))

    def to_rows(self) -> list[tuple[int, int, int, int]]:
        """(packets, octets, first, last) per rule number, and last of all those of packets without a rule."""
        return list(zip(*(column.tolist() for column in self[:4]), strict=True))


def _sum(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    if not a[0] or not b[0]:
        return a if a[0] else b
    return a[0] + b[0], a[1] + b[1], min(a[2], b[2]), max(a[3], b[3])


def count(rule: Array, time: Array, length: Array, counters: Counters) -> None:
    """Add a batch of packets to the counters: the rule each matched, its time, its octets."""
    from engine.kernels.count import add_up, count_rules

    packets, octets, first, last, batch = counters
    n, none, compiled = len(rule), len(packets) - 1, is_compiled(packets)
    rule, time, length = (as_array(*one, compiled) for one in ((rule, "i4"), (time, "i8"), (length, "u4")))
    done = 0
    if batch is not None and n > none:  # what is done once for each rule pays
        done = add_up(rule, time, length, n, none, batch, packets, octets, first, last)
    if done < n:
        count_rules(rule, time, length, done, n, none, packets, octets, first, last)
