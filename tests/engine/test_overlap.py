"""Boxes of rules by rank, against asking rule by rule."""

from __future__ import annotations

from random import Random

import pytest

from engine.fields import FIELD
from engine.overlap import Boxes, samples
from engine.rules import Rule, Test, matches
from engine.space import DIMENSIONS, TOP, Space

SPANS = {name: (0, top) for name, top in zip(DIMENSIONS, TOP, strict=True)}
POINTS = {"src_addr": (0, 1, 2, 7, 2**32 - 1, 2**32, 2**127, 2**128 - 1), "dst_port": (0, 21, 22, 1023, 1024, 65535)}


def rules(random: Random, count: int) -> list[Rule]:
    made = []
    for number in range(count):
        tests = []
        for name in ("src_addr", "dst_port", "direction"):
            if random.random() < 0.6:
                ends = sorted(random.choices(POINTS.get(name, (0, 1)), k=2))
                tests.append(Test(name, *(ends if random.random() < 0.95 else ends[::-1])))
        made.append(Rule(number, tuple(tests)))
    return made


def span(rule: Rule, name: str) -> tuple[int, int]:
    low, high = SPANS[name]
    for test in rule.tests:
        if test.field == name:
            low, high = max(low, test.low), min(high, test.high)
    return low, high


def empty(rule: Rule) -> bool:
    return any(low > high for low, high in (span(rule, name) for name in DIMENSIONS))


def overlap(one: Rule, other: Rule) -> bool:
    ends = ((span(one, name), span(other, name)) for name in DIMENSIONS)
    return not empty(one) and not empty(other) and all(a[0] <= b[1] and b[0] <= a[1] for a, b in ends)


def holds(one: Rule, other: Rule) -> bool:
    """Whether the box of one holds that of another."""
    ends = ((span(one, name), span(other, name)) for name in DIMENSIONS)
    return not empty(one) and not empty(other) and all(a[0] <= b[0] and b[1] <= a[1] for a, b in ends)


@pytest.mark.parametrize("seed", range(20))
def test_boxes__as_rule_by_rule(seed: int) -> None:
    import numpy as np

    random = Random(seed)
    made = rules(random, 25)
    boxes = Boxes(made)
    for at, rule in enumerate(made):
        others = [other for other in made if other.number != at]
        assert boxes.overlapping(at) == [other.number for other in others if overlap(rule, other)]
        assert boxes.containing(at) == [other.number for other in others if holds(other, rule)]
        among = np.array([random.random() < 0.7 for _ in made])
        behind = [o for o in others if o.number > at and among[o.number] and overlap(rule, o) and not holds(o, rule)]
        assert boxes.crossing(at, among) == [other.number for other in behind]
    for _ in range(50):
        packet = {name: random.choice(POINTS.get(name, (0, 1))) for name in DIMENSIONS}
        assert boxes.matching(packet) == [rule.number for rule in made if matches(rule, packet)]


def test_boxes__no_rules() -> None:
    assert Boxes([]).matching(dict.fromkeys(DIMENSIONS, 0)) == []


def test_samples__a_packet_for_each_value() -> None:
    space = Space()
    made = [
        Rule(0, (Test("dst_port", 21, 22),)),
        Rule(1, (Test("proto", 6, 17),)),
        Rule(2, (Test("dst_port", 22, 22),)),
    ]
    decided = space.first_match(made)
    found = samples(decided)
    assert set(found) == {0, 1, -1}
    for value, packet in found.items():
        assert packet in space.everything
        assert decided[packet] == value
        assert set(packet) <= set(FIELD)
