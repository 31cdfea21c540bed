"""Sets of packets against an independent witness: a library of binary decision diagrams, which knows bits only."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from engine import Rule
from engine.space import DIMENSIONS, LEVEL, TOP, Box, Packets, Space
from tests.engine.test_space import edited, rule, space

__all__ = ["space"]  # a fixture

oxidd = pytest.importorskip("oxidd.bdd")
BITS = {name: max(1, TOP[LEVEL[name]].bit_length()) for name in DIMENSIONS}


class Witness:
    """Packets as bits in a BDD library, which knows nothing of intervals, rules or couplings."""

    def __init__(self) -> None:
        self.manager = oxidd.BDDManager(4_000_000, 1_000_000, 1)
        total = sum(BITS.values())
        self.manager.add_vars(total)
        at = iter(range(total))
        self.bits = {name: [self.manager.var(next(at)) for _ in range(BITS[name])] for name in DIMENSIONS}
        self.total = total

    def at_most(self, name: str, limit: int):  # type: ignore[no-untyped-def]
        """value <= limit, from the last bit up."""
        found = self.manager.true()
        for at, bit in enumerate(reversed(self.bits[name])):
            found = ~bit | found if limit >> at & 1 else ~bit & found
        return found

    def within(self, name: str, low: int, high: int):  # type: ignore[no-untyped-def]
        if low > high:
            return self.manager.false()
        above = ~self.at_most(name, low - 1) if low else self.manager.true()
        return above & self.at_most(name, high)

    def rule(self, rule: Rule):  # type: ignore[no-untyped-def]
        found = self.manager.true()
        for test in rule.tests:
            found &= self.within(test.field, test.low, min(test.high, (1 << BITS[test.field]) - 1))
        return found

    def box(self, box: Box):  # type: ignore[no-untyped-def]
        found = self.manager.true()
        for name, top in zip(DIMENSIONS, TOP, strict=True):
            spans = box.get(name, ((0, top),))
            some = self.manager.false()
            for low, high in spans:
                some |= self.within(name, low, high)
            found &= some
        return found

    def of(self, packets: Packets):  # type: ignore[no-untyped-def]
        """A set, path by path of its diagram."""
        found = self.manager.false()
        for box in paths(packets.space, packets.node):
            found |= self.box(box)
        return found

    def count(self, function) -> int:  # type: ignore[no-untyped-def]
        return int(function.sat_count(self.total))


def paths(space: Space, node: int) -> Iterator[Box]:
    if space.level[node] == len(DIMENSIONS):
        if node:
            yield {}
        return
    name = DIMENSIONS[space.level[node]]
    for low, high, child in space.intervals(node):
        for rest in paths(space, child):
            yield {name: ((low, high),), **rest}


def test_witness__sets_of_rules_are_those_of_a_bdd_library(space: Space) -> None:
    random, witness = Random(9), Witness()
    possible = witness.of(space.everything)
    assert witness.count(possible) == space.everything.count()
    for _ in range(25):
        rules = [rule(random, number, 0.25) for number in range(random.randint(1, 10))]
        left, parts = possible, {}
        for each in rules:
            function = witness.rule(each)
            parts[each.number] = left & function
            left &= ~function
        parts[-1] = left
        decided = space.first_match(rules)
        for number, function in parts.items():
            packets = decided.where(number)
            assert bool(packets) == function.satisfiable()
            assert packets.count() == witness.count(function)
            covered = witness.manager.false()
            for box in packets.boxes():
                covered |= witness.box(box)
            assert (covered & possible) == function


def test_witness__differences_are_those_of_a_bdd_library(space: Space) -> None:
    random, witness = Random(10), Witness()
    possible = witness.of(space.everything)

    def permitted(rules: list[Rule]):  # type: ignore[no-untyped-def]
        left, found = possible, witness.manager.false()
        for each in rules:
            function = witness.rule(each)
            if each.number % 2:
                found |= left & function
            left &= ~function
        return found

    def change(old: tuple[int, ...], new: tuple[int, ...]) -> str | None:
        before, after = (number[0] > 0 and number[0] % 2 == 1 for number in (old, new))
        return None if before == after else "new" if after else "gone"

    for _ in range(25):
        old = [rule(random, number, 0.25) for number in range(random.randint(1, 10))]
        new = edited(random, old)
        found = space.contrast([old], [new], change, alike=lambda a, b: a % 2 == b % 2)
        before, after = permitted(old), permitted(new)
        assert found.where("new").count() == witness.count(after & ~before)
        assert found.where("gone").count() == witness.count(before & ~after)
