"""Headers + MatchTable -> the first rule that matches, per packet; and the counters of rules."""

from __future__ import annotations

from typing import NamedTuple

from engine.arrays import Array, as_array, is_compiled, zeros
from engine.compile import MatchTable
from engine.headers import Headers


def classify(headers: Headers, table: MatchTable) -> Array:
    """i4[n]: the number of the first rule that matches, or -1; -1 for what cannot be judged."""
    from engine.kernels.classify import first_match, look_up, search, search_long

    if headers.compiled != table.compiled:
        raise ValueError("headers and match table are of different modes: one of them is compiled")
    n, value, fields = headers.count, headers.value, len(table.lookups)
    rule = zeros("i4", n, table.compiled)
    rows = zeros("i4", fields * n, table.compiled)
    for i, (_, column, edge, edges, long, begins) in enumerate(table.lookups):
        if edge is None:
            look_up(value, column * n, n, begins, rows, i * n)
            continue
        last = column + (0 if long is None else 3)  # word of an address: enough for those of IPv4
        search(value, last * n, n, edge, edges, begins, rows, i * n)
        if long is not None:
            search_long(value, column * n, n, long, edges, begins, rows, i * n)
    first_match(table.bits, rows, fields, table.summaries, table.number, headers.status, n, rule)
    return rule


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
