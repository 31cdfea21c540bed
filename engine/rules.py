"""What a rule is and what it means, in plain Python. `compile` says the same thing quickly."""

from collections.abc import Mapping
from typing import NamedTuple


class Test(NamedTuple):
    """`low <= packet[field] <= high`. An address is one number of 128 bits; low > high never holds."""

    field: str
    low: int
    high: int


Test.__test__ = False  # type: ignore[attr-defined]  # no test case, whatever pytest makes of the name


class Rule(NamedTuple):
    number: int  # the caller's, 0 or more; the engine only hands it back
    tests: tuple[Test, ...] = ()  # all must hold; () matches everything


def matches(rule: Rule, packet: Mapping[str, int]) -> bool:
    """Whether every test of the rule holds for the packet, given as a value per field of FIELDS."""
    return all(test.low <= packet[test.field] <= test.high for test in rule.tests)
