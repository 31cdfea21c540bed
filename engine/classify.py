"""Headers + MatchTable -> the first rule that matches, per packet; and the counters of rules."""

from __future__ import annotations

import threading
from typing import NamedTuple

from engine.arrays import Array, as_array, is_compiled, zeros
from engine.compile import BitRows, Listing, MatchTable
from engine.headers import Headers


def classify(headers: Headers, table: MatchTable, rule: Array | None = None, begin: int = 0, end: int = -1) -> Array:
    """i4[n]: the number of the first rule that matches, or -1; -1 for what cannot be judged.

    The result is `rule` where that is given. Of a table that is a program, only the packets from `begin` to `end`
    are asked: threads can share a batch, for no Python runs meanwhile.
    """
    if headers.compiled != table.compiled:
        raise ValueError("headers and match table are of different modes: one of them is compiled")
    n, body = headers.count, table.body
    if rule is None:
        rule = zeros("i4", n, table.compiled)
    if isinstance(body, BitRows):
        _of_bits(headers, body, table.number, rule)
    elif isinstance(body, Listing):
        from engine.kernels.classify import search_list

        search_list(headers.value, headers.status, n, body.begin, body.test, table.number, rule)
    else:
        from engine.kernels.passes import run

        end = n if end < 0 else end
        steps = body.steps if headers.wide else body.narrow
        run(headers.value, headers.status, n, begin, end, steps, body.arena, _scratch(), rule)
    if table.before is not None:
        from engine.kernels.classify import prefer

        prefer(classify(headers, table.before), n, rule)
    return rule


_own = threading.local()


def _scratch() -> Array:
    """The registers of this thread's programs: what a thread has once, no call need make."""
    try:
        return _own.scratch
    except AttributeError:
        from engine.kernels.passes import SCRATCH

        _own.scratch = zeros("u4", SCRATCH, True)
        return _own.scratch


def _of_bits(headers: Headers, body: BitRows, number: Array, rule: Array) -> None:
    from engine.kernels.classify import first_match, look_up, search, search_long

    n, value, fields = headers.count, headers.value, len(body.lookups)
    rows = zeros("i4", fields * n, headers.compiled)
    for i, (_, column, edge, edges, long, begins) in enumerate(body.lookups):
        if edge is None:
            look_up(value, column * n, n, begins, rows, i * n)
            continue
        last = column + (0 if long is None else 3)  # word of an address: enough for those of IPv4
        search(value, last * n, n, edge, edges, begins, rows, i * n)
        if long is not None:
            search_long(value, column * n, n, long, edges, begins, rows, i * n)
    first_match(body.bits, rows, fields, body.summaries, number, headers.status, n, rule)


class Counters(NamedTuple):
    """What each rule matched, by rule number; one more slot, the last, counts packets without a rule.

    first and last say nothing (they are 0) where packets is 0.
    """

    packets: Array  # i8[rules + 1]
    octets: Array  # i8[rules + 1]  as on the wire
    first: Array  # i8[rules + 1]  time of the earliest packet, in ns
    last: Array  # i8[rules + 1]  time of the latest

    @classmethod
    def of(cls, rules: int, compiled: bool = False) -> Counters:
        """Counters at nought for rules numbered 0 to rules - 1."""
        return cls(*(zeros("i8", rules + 1, compiled) for _ in range(4)))

    def plus(self, other: Counters) -> Counters:
        """Both together, as plain arrays."""
        mine, its = self.to_rows(), other.to_rows()
        if len(mine) != len(its):
            raise ValueError(f"counters of {len(mine) - 1} and of {len(its) - 1} rules do not add up")
        rows = [_sum(a, b) for a, b in zip(mine, its, strict=True)]
        return Counters(*(as_array([row[i] for row in rows], "i8", False) for i in range(4)))

    def to_rows(self) -> list[tuple[int, int, int, int]]:
        """(packets, octets, first, last) per rule number, and last of all those of packets without a rule."""
        return list(zip(*(column.tolist() for column in self), strict=True))


def _sum(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    if not a[0] or not b[0]:
        return a if a[0] else b
    return a[0] + b[0], a[1] + b[1], min(a[2], b[2]), max(a[3], b[3])


def count(rule: Array, time: Array, length: Array, counters: Counters) -> None:
    """Add a batch of packets to the counters: the rule each matched, its time, its octets."""
    from engine.kernels.count import count_rules

    compiled = is_compiled(counters.packets)
    count_rules(
        as_array(rule, "i4", compiled), as_array(time, "i8", compiled), as_array(length, "u4", compiled),
        len(rule), len(counters.packets) - 1, *counters,
    )  # fmt: skip
